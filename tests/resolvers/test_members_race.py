"""Two organization admins demote and remove each other at once: one of them always stays."""

import asyncio

from sqlmodel import col, select

from keys.policy import Actor, RoleGrant
from keys.refusals import Forbidden, LastOrganizationAdmin, MemberNotFound, NotFound
from models.engine.database import Database
from models.person import Membership, Role
from resolvers.members import change_member, remove_member
from resolvers.services import ChangeServices
from tests.conftest import Clock
from tests.support.thorough import thorough
from tests.support.world import World

TIMES = thorough(1000, 40)
REFUSALS = (Forbidden, LastOrganizationAdmin, MemberNotFound, NotFound)


async def make_both_admins(database: Database, world: World) -> None:
    async with database.transaction() as session:
        for person in (world.ada, world.grace):
            held = await session.get(Membership, (world.acme.id, person.id))
            if held is None:
                session.add(
                    Membership(
                        organization_id=world.acme.id,
                        person_id=person.id,
                        role=Role.ORGANIZATION_ADMIN,
                        created_at=person.created_at,
                    )
                )
            else:
                held.role = Role.ORGANIZATION_ADMIN


async def test_an_organization_never_loses_its_last_admin(database: Database, world: World, clock: Clock) -> None:
    """Whatever the two do to themselves and each other, and whoever is first."""
    services = ChangeServices(database, clock, mutations_per_minute=1)
    admin = {world.acme.id: RoleGrant(Role.ORGANIZATION_ADMIN)}

    async def act(by: str, on: str, *, removes: bool) -> bool:
        actor, person_id = Actor(world.people[by].id, admin), world.people[on].id
        try:
            if removes:
                await remove_member(services, actor, organization_id=world.acme.id, person_id=person_id)
            else:
                await change_member(
                    services,
                    actor,
                    organization_id=world.acme.id,
                    person_id=person_id,
                    role=Role.MEMBER,
                    agent_ids=(),
                )
        except REFUSALS:
            return False
        return True

    for number in range(TIMES):
        await make_both_admins(database, world)

        done = await asyncio.gather(
            act("ada", "grace" if number & 4 else "ada", removes=bool(number & 1)),
            act("grace", "ada" if number & 8 else "grace", removes=bool(number & 2)),
        )

        async with database.reading() as session:
            left = (
                await session.execute(
                    select(Membership).where(
                        col(Membership.organization_id) == world.acme.id,
                        col(Membership.role) == Role.ORGANIZATION_ADMIN,
                    )
                )
            ).scalars()
            assert len(left.all()) == 1, number
        assert any(done), number
