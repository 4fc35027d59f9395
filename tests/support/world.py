"""Two organizations with people of every role."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from keys.policy import Actor, RoleGrant
from models import AdministeredAgent, Agent, Membership, Organization, Person, Role
from models.engine.database import Database

THEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@dataclass
class World:
    """
    Acme has Ada (organization admin), Grace (agent admin of `own` and of the deleted `retired`) and Mel (member), and
    the agents own, other and retired. Globex has Eve (organization admin), the agent theirs, and Grace as a member.
    """

    acme: Organization
    globex: Organization
    ada: Person
    grace: Person
    mel: Person
    eve: Person
    own: Agent
    other: Agent
    retired: Agent
    theirs: Agent
    people: dict[str, Person] = field(init=False)

    def __post_init__(self) -> None:
        self.people = {"ada": self.ada, "grace": self.grace, "mel": self.mel, "eve": self.eve}

    def actor(self, name: str) -> Actor:
        """The actor with the roles that a sign-in would find for the person."""
        administered = frozenset({self.own.id, self.retired.id})
        roles: dict[str, dict[UUID, RoleGrant]] = {
            "ada": {self.acme.id: RoleGrant(Role.ORGANIZATION_ADMIN)},
            "grace": {
                self.acme.id: RoleGrant(Role.AGENT_ADMIN, administered),
                self.globex.id: RoleGrant(Role.MEMBER),
            },
            "mel": {self.acme.id: RoleGrant(Role.MEMBER)},
            "eve": {self.globex.id: RoleGrant(Role.ORGANIZATION_ADMIN)},
        }
        return Actor(self.people[name].id, roles[name], address="203.0.113.7")


async def make_world(database: Database, *, password_hash: str | None = None) -> World:
    """Fills a fresh database; `password_hash` is the stored hash of every person's password."""
    acme, globex = Organization(name="Acme", created_at=THEN), Organization(name="Globex", created_at=THEN)
    people = {
        name: Person(email=f"{name}@example.com", name=name.title(), password_hash=password_hash, created_at=THEN)
        for name in ("ada", "grace", "mel", "eve")
    }
    agents = {
        "own": Agent(organization_id=acme.id, name="Crawler", created_at=THEN),
        "other": Agent(organization_id=acme.id, name="Biller", created_at=THEN),
        "retired": Agent(organization_id=acme.id, name="Retired", created_at=THEN, deleted_at=THEN),
        "theirs": Agent(organization_id=globex.id, name="Theirs", created_at=THEN),
    }
    memberships = [
        (acme, "ada", Role.ORGANIZATION_ADMIN),
        (acme, "grace", Role.AGENT_ADMIN),
        (acme, "mel", Role.MEMBER),
        (globex, "eve", Role.ORGANIZATION_ADMIN),
        (globex, "grace", Role.MEMBER),
    ]
    async with database.transaction() as session:
        session.add_all([acme, globex, *people.values()])
        await session.flush()
        session.add_all(agents.values())
        session.add_all(
            Membership(organization_id=organization.id, person_id=people[name].id, role=role, created_at=THEN)
            for organization, name, role in memberships
        )
        await session.flush()
        session.add_all(
            AdministeredAgent(person_id=people["grace"].id, agent_id=agents[name].id, organization_id=acme.id)
            for name in ("own", "retired")
        )
    everybody: dict[str, Any] = {**people, **agents}
    return World(acme, globex, **everybody)
