"""Makes the database rows of the demo's organization, with ids that match the times of the rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from sqlmodel import SQLModel
from uuid_utils.compat import uuid7

from app.demo.story import (
    AGENTS,
    HABITS,
    KEYS,
    MEMBERSHIP_CHANGES,
    OFFICE,
    ORGANIZATION_ID,
    ORGANIZATION_NAME,
    PEOPLE,
    REFUSALS,
    REFUSED_CREATION,
    DemoKey,
    DemoPerson,
)
from app.demo.usage import usage_rows
from keys.policy import Scope
from keys.secret_digest import SecretDigests
from keys.token import ServerKeys, mint
from models import AdministeredAgent, Agent, ApiKey, AuditAction, AuditEvent, Membership, Organization, Person
from models.organization import DEFAULT_MONTHLY_QUOTA


@dataclass(frozen=True, slots=True)
class DemoBuilder:
    """Makes the rows. Ids contain the time of what the row describes, because lists are sorted by id."""

    now: datetime
    server_keys: ServerKeys
    prefix: str
    key_hasher: PasswordHasher
    password_hasher: PasswordHasher

    def rows(self) -> Iterator[list[SQLModel]]:
        """
        Yields all rows in stages; a stage refers only to earlier stages.

        Takes an argon2 hash for each person and each active key.
        """
        began = self._day(210)
        people = {each.email: self._person(each, began) for each in PEOPLE}
        agents = {name: self._agent(name, self._day(days)) for name, days in AGENTS.items()}
        keys = [self._key(number, key, people, agents) for number, key in enumerate(KEYS)]
        yield [Organization(id=ORGANIZATION_ID, name=ORGANIZATION_NAME, created_at=began), *people.values()]
        yield [*agents.values(), *(_membership(each, people[each.email], began) for each in PEOPLE)]
        yield [_administered(people[each.email], agents[name]) for each in PEOPLE for name in each.agents]
        yield [*keys]
        yield [*self._key_events(keys, people), *self._other_events(people)]
        named = {key.name: row for key, row in zip(KEYS, keys, strict=True)}
        agent_ids = {name: agent.id for name, agent in agents.items()}
        yield [*usage_rows(self.now, named, HABITS, REFUSALS, agent_ids)]

    def _day(self, days_ago: int, number: int = 0) -> datetime:
        """A moment in the working hours of that day. Different numbers give different moments."""
        morning = (self.now - timedelta(days=days_ago)).replace(hour=8, minute=12, second=0, microsecond=0)
        return morning + timedelta(minutes=37 * number, seconds=(days_ago * 7 + number * 11) % 60)

    def _person(self, person: DemoPerson, at: datetime) -> Person:
        hashed = self.password_hasher.hash(person.password)
        return Person(id=_id_of(at), email=person.email, name=person.name, password_hash=hashed, created_at=at)

    def _agent(self, name: str, at: datetime) -> Agent:
        return Agent(id=_id_of(at), organization_id=ORGANIZATION_ID, name=name, created_at=at)

    def _key(self, number: int, key: DemoKey, people: dict[str, Person], agents: dict[str, Agent]) -> ApiKey:
        """A key whose secret was never shown, or the tombstone of a deleted key."""
        minted = mint(self.server_keys, self.prefix)
        created, lives = self._day(key.created, number), key.deleted is None
        secret = minted.secret.reveal()
        hashed = self.key_hasher.hash(secret) if lives else None
        digests = SecretDigests(self.server_keys)
        return ApiKey(
            id=_id_of(created),
            organization_id=ORGANIZATION_ID,
            agent_id=None if key.agent is None else agents[key.agent].id,
            name=key.name,
            prefix=minted.prefix,
            public_id=minted.public_id,
            last_four=minted.last_four,
            secret_hash=hashed,
            secret_digest=None if hashed is None else digests.make(minted.server_key_id, hashed, secret),
            server_key_id=minted.server_key_id if lives else None,
            rotated_at=None if key.rotated is None else self._day(key.rotated, number),
            created_at=created,
            created_by_id=people[key.by].id,
            deleted_at=None if key.deleted is None else self._day(key.deleted, number),
            deleted_by_id=None if lives else people[key.by].id,
            monthly_quota=None if key.limited is None else key.limited[1],
        )

    def _key_events(self, rows: list[ApiKey], people: dict[str, Person]) -> Iterator[AuditEvent]:
        for number, (key, row) in enumerate(zip(KEYS, rows, strict=True)):
            for days_ago, action, summary in _life(key):
                at = self._day(days_ago, number)
                is_operators = action is AuditAction.API_KEY_LIMITS_CHANGED
                yield AuditEvent(
                    id=_id_of(at),
                    organization_id=ORGANIZATION_ID,
                    action=action,
                    at=at,
                    actor_id=None if is_operators else people[key.by].id,
                    ip_address=None if is_operators else OFFICE,
                    api_key_id=row.id,
                    agent_id=row.agent_id,
                    summary=summary,
                )

    def _other_events(self, people: dict[str, Person]) -> Iterator[AuditEvent]:
        for days_ago, summary in MEMBERSHIP_CHANGES:
            at = self._day(days_ago)
            action = AuditAction.MEMBERSHIP_CHANGED
            yield AuditEvent(id=_id_of(at), organization_id=ORGANIZATION_ID, action=action, at=at, summary=summary)
        days_ago, email, count = REFUSED_CREATION
        at = self._day(days_ago)
        yield AuditEvent(
            id=_id_of(at),
            organization_id=ORGANIZATION_ID,
            action=AuditAction.API_KEY_CREATION_REFUSED,
            at=at,
            actor_id=people[email].id,
            ip_address=OFFICE,
            summary="Creating an API key was refused: the role does not allow it.",
            refused_reason="role",
            refused_hour=at.replace(minute=0, second=0),
            count=count,
        )


def _life(key: DemoKey) -> Iterator[tuple[int, AuditAction, str]]:
    """The audit events of a key (days ago, action, text), worded as the operations themselves word them."""
    scope = Scope.ORGANIZATION if key.agent is None else Scope.AGENT
    born_as = key.name if key.renamed is None else key.renamed[1]
    yield key.created, AuditAction.API_KEY_CREATED, f"The {scope}-level API key “{born_as}” was created."
    if key.limited is not None:
        change = f"the monthly quota from the organization's {DEFAULT_MONTHLY_QUOTA} to {key.limited[1]} requests"
        limited = f"The limits of the API key “{key.name}” were changed: {change}."
        yield key.limited[0], AuditAction.API_KEY_LIMITS_CHANGED, limited
    if key.renamed is not None:
        renamed = f"The API key “{born_as}” was renamed to “{key.name}”."
        yield key.renamed[0], AuditAction.API_KEY_RENAMED, renamed
    if key.rotated is not None:
        yield key.rotated, AuditAction.API_KEY_ROTATED, f"The API key “{key.name}” was given a new secret."
    if key.deleted is not None:
        yield key.deleted, AuditAction.API_KEY_DELETED, f"The API key “{key.name}” was deleted."


def _membership(each: DemoPerson, person: Person, at: datetime) -> Membership:
    return Membership(organization_id=ORGANIZATION_ID, person_id=person.id, role=each.role, created_at=at)


def _administered(person: Person, agent: Agent) -> AdministeredAgent:
    return AdministeredAgent(person_id=person.id, agent_id=agent.id, organization_id=ORGANIZATION_ID)


def _id_of(at: datetime) -> UUID:
    """A UUIDv7 with this time."""
    return uuid7(nanoseconds=int(at.timestamp()) * 1_000_000_000)
