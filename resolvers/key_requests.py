"""Requests for API keys: a person who may not create one asks the organization's admins."""

from dataclasses import dataclass
from uuid import UUID

from keys import policy
from keys.key_limit import valid_name
from keys.policy import Action, Actor
from keys.refusals import Forbidden, InvalidInput, NotFound, TooManyRequests
from keys.text import printable, visible
from keys.windows import A_DAY, retry_after
from models.agent import live_agent
from models.engine.reader import Source
from models.key_request import (
    REASON_LENGTH_AT_MOST,
    KeyRequest,
    KeyRequestRecord,
    asked_since,
    close_request,
    open_request,
    open_requests,
)
from models.organization import lock_organization
from models.person import admins_of, person_for_update
from resolvers.members import locked_for
from resolvers.services import PeopleServices, with_current_roles

A_DAY_AT_MOST = 5
MAY_CREATE = "You may create API keys yourself: choose New API Key."


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored request, and whether it is mailed to the admins."""

    request: KeyRequestRecord
    is_mailed: bool


async def key_requests(source: Source, actor: Actor, *, organization_id: UUID) -> list[KeyRequestRecord]:
    """The organization's open requests, newest first; none if the actor may not manage its people."""
    if not policy.may_everywhere(actor, Action.MANAGE_MEMBERS, organization_id):
        return []
    return await open_requests(source, organization_id)


async def key_request(source: Source, actor: Actor, *, request_id: UUID) -> KeyRequestRecord | None:
    """The open request with this id; None if there is none, or if the actor may not create keys of all kinds there."""
    found = await open_request(source, request_id)
    is_shown = found is not None and policy.may_everywhere(actor, Action.CREATE_KEY, found.organization_id)
    return found if is_shown else None


async def request_api_key(
    services: PeopleServices,
    actor: Actor,
    *,
    organization_id: UUID,
    name: str,
    agent_id: UUID | None,
    reason: str,
) -> Asked:
    """
    Stores the request, and mails it to the organization's admins if there is a mail server.

    Raises NotFound, Forbidden for somebody who may create keys, InvalidInput, and TooManyRequests after A_DAY_AT_MOST
    requests within a day.
    """
    wanted, why, now = valid_name(name), _valid_reason(reason), services.clock()
    async with services.database.transaction() as session:
        organization = await lock_organization(session, organization_id)
        actor = await with_current_roles(session, actor, now)
        grant = actor.roles.get(organization_id)
        if organization is None or actor.person_id is None or grant is None:
            raise NotFound
        if agent_id is not None and await live_agent(session, organization_id, agent_id) is None:
            raise InvalidInput("agentId", "This agent does not exist in this organization. It may have been deleted.")
        if policy.may(actor, Action.CREATE_KEY, organization_id, scope=policy.scope_of(agent_id), agent_id=agent_id):
            raise Forbidden(MAY_CREATE)
        # The same person in another organization has another lock there.
        await person_for_update(session, actor.person_id)
        asked = await asked_since(session, actor.person_id, now - A_DAY)
        if (seconds := retry_after(asked, A_DAY_AT_MOST, A_DAY, now)) is not None:
            raise TooManyRequests(
                f"You have asked for {len(asked)} API keys within a day. Ask an admin in person, or wait a day.",
                retry_after_seconds=seconds,
            )
        row = KeyRequest(
            organization_id=organization_id,
            person_id=actor.person_id,
            agent_id=agent_id,
            name=wanted,
            reason=why,
            created_at=now,
            next_attempt_at=now if services.sends_mail else None,
        )
        session.add(row)
        await session.flush()
        stored = await open_request(session, row.id)
        has_admins = bool(await admins_of(session, organization_id))
    if stored is None:
        raise LookupError("a request that was written a moment ago can't be read")
    if services.sends_mail:
        services.wake_outbox()
    return Asked(stored, services.sends_mail and has_admins)


async def close_key_request(services: PeopleServices, actor: Actor, *, request_id: UUID) -> bool:
    """
    Marks the request as dealt with. False if there is no such request, or it is closed, or another organization's.

    Raises Forbidden.
    """
    async with services.database.transaction() as session:
        found = await open_request(session, request_id)
        if found is None or not (actor.is_operator or found.organization_id in actor.roles):
            return False
        await locked_for(session, actor, Action.MANAGE_MEMBERS, found.organization_id, now=services.clock())
        return await close_request(session, request_id, at=services.clock())


def _valid_reason(text: str) -> str:
    reason = "\n".join(printable(line, " ").strip() for line in text.strip().splitlines())
    if not visible(reason).strip():
        raise InvalidInput("reason", "Say in a few words what the key is for.")
    if len(reason) > REASON_LENGTH_AT_MOST:
        raise InvalidInput("reason", f"Use at most {REASON_LENGTH_AT_MOST} characters; these are {len(reason)}.")
    return reason
