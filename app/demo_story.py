"""Owns what the demo's organization is made of: who and what is in it, and what happened there in the last months."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from keys.policy import Scope
from keys.token import ServerKeys, mint
from models import AdministeredAgent, Agent, ApiKey, AuditAction, AuditEvent, Membership, Organization, Person, Role
from resolvers.operator_people import ROLE_WORDS

ORGANIZATION_ID = UUID("0199b3c0-7a00-7de0-8de0-0000000de300")
"""By this the demo knows the organization that it made."""
ORGANIZATION_NAME = "Northwind Logistics"
OFFICE = "203.0.113.24"
CURL_KEY_NAME = "Try it with curl"


class DemoPerson(NamedTuple):
    """Somebody who can sign in to the demo. The password is no secret: it is printed, and served on loopback alone."""

    name: str
    email: str
    password: str
    role: Role
    agents: tuple[str, ...] = ()


class DemoKey(NamedTuple):
    """A key's life, in days before the demo was filled."""

    name: str
    agent: str | None
    by: str
    created: int
    renamed: tuple[int, str] | None = None
    """When, and what it was called before."""
    rotated: int | None = None
    deleted: int | None = None


NORA, AMIR, MIA = "nora@northwind.example", "amir@northwind.example", "mia@northwind.example"
PEOPLE = (
    DemoPerson("Nora Lindqvist", NORA, "demo-nora-northwind", Role.ORGANIZATION_ADMIN),
    DemoPerson("Amir Haddad", AMIR, "demo-amir-northwind", Role.AGENT_ADMIN, ("Customs Clerk", "Route Planner")),
    DemoPerson("Mia Torres", MIA, "demo-mia-northwind", Role.MEMBER),
)
AGENTS = {"Route Planner": 208, "Invoice Reader": 190, "Customs Clerk": 131, "Fleet Dispatcher": 38}
KEYS = (
    DemoKey("Warehouse integration", None, NORA, 203),
    DemoKey("Handheld scanners (old)", None, NORA, 201, deleted=44),
    DemoKey("Route Planner production", "Route Planner", AMIR, 187, rotated=21),
    DemoKey("Customer portal", None, NORA, 149, renamed=(96, "Portal")),
    DemoKey("Nightly invoice batch", "Invoice Reader", NORA, 118),
    DemoKey("Load test", "Route Planner", AMIR, 83, deleted=80),
    DemoKey("Broker feed", "Customs Clerk", AMIR, 62),
    DemoKey("Route Planner staging", "Route Planner", AMIR, 34),
    DemoKey(CURL_KEY_NAME, None, NORA, 1),
)


@dataclass
class Story:
    """Writes the rows, with ids as old as what they tell of, since lists are in the order of their ids."""

    now: datetime
    server_keys: ServerKeys
    prefix: str
    key_hasher: PasswordHasher
    password_hasher: PasswordHasher
    people: dict[str, Person] = field(init=False)
    agents: dict[str, Agent] = field(init=False)

    def __post_init__(self) -> None:
        began = self.day(210)
        self.people = {
            each.email: Person(
                id=_id_of(began),
                email=each.email,
                name=each.name,
                password_hash=self.password_hasher.hash(each.password),
                created_at=began,
            )
            for each in PEOPLE
        }
        self.agents = {
            name: Agent(id=_id_of(self.day(days)), organization_id=ORGANIZATION_ID, name=name, created_at=self.day(days))
            for name, days in AGENTS.items()
        }

    async def write(self, session: AsyncSession) -> None:
        """All of it, into one transaction: the demo is there whole or not at all."""
        began = self.day(210)
        session.add(Organization(id=ORGANIZATION_ID, name=ORGANIZATION_NAME, created_at=began))
        session.add_all(self.people.values())
        await session.flush()
        session.add_all(self.agents.values())
        session.add_all(
            Membership(
                organization_id=ORGANIZATION_ID, person_id=self.people[each.email].id, role=each.role, created_at=began
            )
            for each in PEOPLE
        )
        await session.flush()
        session.add_all(
            AdministeredAgent(
                person_id=self.people[each.email].id, agent_id=self.agents[name].id, organization_id=ORGANIZATION_ID
            )
            for each in PEOPLE
            for name in each.agents
        )
        rows = [self._key(number, key) for number, key in enumerate(KEYS)]
        session.add_all(rows)
        await session.flush()
        session.add_all(self._member_events())
        for number, (key, row) in enumerate(zip(KEYS, rows, strict=True)):
            session.add_all(self._key_events(number, key, row))
        session.add(self._refused_creation())

    def day(self, days_ago: int, number: int = 0) -> datetime:
        """A moment in the working hours of that day, another for each number."""
        morning = (self.now - timedelta(days=days_ago)).replace(hour=8, minute=12, second=0, microsecond=0)
        return morning + timedelta(minutes=37 * number, seconds=(days_ago * 7 + number * 11) % 60)

    def _key(self, number: int, key: DemoKey) -> ApiKey:
        """A key whose secret nobody has seen, or its tombstone."""
        minted = mint(self.server_keys, self.prefix)
        created, is_deleted = self.day(key.created, number), key.deleted is not None
        return ApiKey(
            id=_id_of(created),
            organization_id=ORGANIZATION_ID,
            agent_id=None if key.agent is None else self.agents[key.agent].id,
            name=key.name,
            prefix=minted.prefix,
            public_id=minted.public_id,
            last_four=minted.last_four,
            secret_hash=None if is_deleted else self.key_hasher.hash(minted.secret.reveal()),
            server_key_id=None if is_deleted else minted.server_key_id,
            rotated_at=None if key.rotated is None else self.day(key.rotated, number),
            created_at=created,
            created_by_id=self.people[key.by].id,
            deleted_at=None if key.deleted is None else self.day(key.deleted, number),
            deleted_by_id=self.people[key.by].id if is_deleted else None,
        )

    def _key_events(self, number: int, key: DemoKey, row: ApiKey) -> Iterator[AuditEvent]:
        scope = Scope.ORGANIZATION if key.agent is None else Scope.AGENT
        born_as = key.name if key.renamed is None else key.renamed[1]
        happened = [(key.created, AuditAction.API_KEY_CREATED, f"The {scope}-level API key “{born_as}” was created.")]
        if key.renamed is not None:
            words = f"The API key “{born_as}” was renamed to “{key.name}”."
            happened.append((key.renamed[0], AuditAction.API_KEY_RENAMED, words))
        if key.rotated is not None:
            happened.append(
                (key.rotated, AuditAction.API_KEY_ROTATED, f"The API key “{key.name}” was given a new secret.")
            )
        if key.deleted is not None:
            happened.append((key.deleted, AuditAction.API_KEY_DELETED, f"The API key “{key.name}” was deleted."))
        for days_ago, action, summary in happened:
            yield self._event(
                self.day(days_ago, number),
                action,
                summary,
                actor_id=self.people[key.by].id,
                ip_address=OFFICE,
                api_key_id=row.id,
                agent_id=row.agent_id,
            )

    def _member_events(self) -> Iterator[AuditEvent]:
        for each in PEOPLE:
            of_agents = f" of {', '.join(f'“{name}”' for name in each.agents)}" if each.agents else ""
            summary = f"{each.name} ({each.email}) was added as {ROLE_WORDS[each.role]}{of_agents}."
            yield self._event(self.day(130 if each.agents else 209), AuditAction.MEMBERSHIP_CHANGED, summary)
