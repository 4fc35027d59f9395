"""Turns rows into what the command line prints: JSON objects with camelCase names as in GraphQL, or a few words."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from keys.key_limit import Allowance
from keys.policy import scope_of
from keys.token import hint_of
from models.agent import Agent
from models.engine.ids import Prefix, external_id
from models.key_limits import KeyLimits
from models.key_queries import ApiKeyRecord
from models.organization import Organization
from models.person import NamedPerson
from resolvers.operator.people import Member

Form = dict[str, Any]


def instant_form(instant: datetime | None) -> str | None:
    """An instant in ISO 8601, in UTC with a trailing Z."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def minute(instant: datetime | None) -> str:
    """An instant for people: to the minute, in UTC; a dash for None."""
    return "–" if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def ids_form(prefix: Prefix, ids: Iterable[UUID]) -> list[str]:
    """The ids with their prefix, as clients see them."""
    return [external_id(prefix, each) for each in ids]


def organization_form(row: Organization) -> Form:
    """An organization with its limits and the number of its active keys."""
    return {
        "id": external_id(Prefix.ORGANIZATION, row.id),
        "externalId": row.external_id,
        "name": row.name,
        "keyLimit": row.key_limit,
        "rateLimit": row.rate_limit,
        "monthlyQuota": row.monthly_quota,
        "allowsAssistantModel": row.allows_assistant_model,
        "keysInUse": row.live_key_count,
        "createdAt": instant_form(row.created_at),
        "deletedAt": instant_form(row.deleted_at),
    }


def agent_form(row: Agent) -> Form:
    """An agent."""
    return {
        "id": external_id(Prefix.AGENT, row.id),
        "externalId": row.external_id,
        "name": row.name,
        "organizationId": external_id(Prefix.ORGANIZATION, row.organization_id),
        "createdAt": instant_form(row.created_at),
        "deletedAt": instant_form(row.deleted_at),
    }


def person_form(row: NamedPerson) -> Form:
    """A person who is mentioned in another row, such as the creator of a key."""
    return {"id": external_id(Prefix.PERSON, row.id), "email": row.email, "name": row.name}


def member_form(member: Member, organization_id: UUID) -> Form:
    """A person with their role and agents in an organization."""
    person = member.person
    return {
        **person_form(NamedPerson(person.id, person.email, person.name)),
        "externalId": person.external_id,
        "organizationId": external_id(Prefix.ORGANIZATION, organization_id),
        "role": member.role.value,
        "agents": [{"id": external_id(Prefix.AGENT, agent.id), "name": agent.name} for agent in member.agents],
    }


def key_form(key: ApiKeyRecord, now: datetime) -> Form:
    """A key, without its secret. `now` decides whether the previous secret still works."""
    agent, works_until = key.agent, key.previous_works_until
    return {
        "id": external_id(Prefix.API_KEY, key.id),
        "name": key.name,
        "organizationId": external_id(Prefix.ORGANIZATION, key.organization_id),
        "scope": scope_of(None if agent is None else agent.id).value,
        "agent": None if agent is None else {"id": external_id(Prefix.AGENT, agent.id), "name": agent.name},
        "status": "active" if key.deleted_at is None else "deleted",
        "hint": hint_of(key),
        "createdAt": instant_form(key.created_at),
        "createdBy": None if key.created_by is None else person_form(key.created_by),
        "createdByToken": None if key.created_by_token is None else key.created_by_token.name,
        "deletedAt": instant_form(key.deleted_at),
        "deletedBy": None if key.deleted_by is None else person_form(key.deleted_by),
        "deletedByToken": None if key.deleted_by_token is None else key.deleted_by_token.name,
        "previousSecretWorksUntil": instant_form(works_until)
        if works_until is not None and works_until > now
        else None,
    }


def key_limits_form(limits: KeyLimits) -> Form:
    """The limits that apply to a key, and those that the operator set for this key only."""
    return {
        "rateLimit": limits.rate_limit,
        "monthlyQuota": limits.monthly_quota,
        "ownRateLimit": limits.own_rate_limit,
        "ownMonthlyQuota": limits.own_monthly_quota,
    }


def key_words(key: ApiKeyRecord) -> str:
    """A key in a few words, such as: key_0192… “deploy” (agent-level, Crawler)."""
    scope = "organization-level" if key.agent is None else f"agent-level, {key.agent.name}"
    return f"{external_id(Prefix.API_KEY, key.id)} “{key.name}” ({scope})"


def allowance_form(allowance: Allowance) -> Form:
    """The used, total and free slots of an organization."""
    return {"used": allowance.used, "limit": allowance.limit, "remaining": allowance.remaining}
