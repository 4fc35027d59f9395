"""The queue of events that are still to be told."""

from contextlib import suppress

from sqlalchemy import delete
from sqlmodel import col, select

from keys.policy import OPERATOR
from models import AuditEvent, Role, UntoldEvent
from models.audit import AuditAction
from models.engine.database import Database
from resolvers.audit import record
from resolvers.members import change_member, remove_member
from resolvers.services import KeyServices
from tests.conftest import Clock
from tests.support.world import World


class _Abandoned(Exception):
    """The change fails after its event was written."""


async def queued(database: Database) -> list[AuditEvent]:
    """The events in the queue, oldest first."""
    statement = select(AuditEvent).join(UntoldEvent, col(UntoldEvent.event_id) == col(AuditEvent.id))
    async with database.reading() as session:
        return list((await session.execute(statement.order_by(col(AuditEvent.id)))).scalars())


async def test_an_event_is_queued_with_its_change_or_not_at_all(database: Database, world: World, clock: Clock) -> None:
    """Whoever writes an event does nothing for it, and a change that is rolled back leaves nothing in the queue."""

    async def write(*, fails: bool) -> None:
        async with database.transaction() as session:
            await record(
                session,
                OPERATOR,
                AuditAction.API_KEY_QUOTA_REACHED,
                "80 % of the quota is used.",
                organization_id=world.acme.id,
                details={"percent": 80},
                is_automatic=True,
                now=clock(),
            )
            if fails:
                raise _Abandoned

    await write(fails=False)
    with suppress(_Abandoned):
        await write(fails=True)

    [event] = await queued(database)

    assert (event.action, event.details, event.is_automatic) == ("api-key-quota-reached", {"percent": 80}, True)


async def test_an_event_that_is_deleted_leaves_the_queue(database: Database, world: World, clock: Clock) -> None:
    """Old events are deleted, told or not."""
    async with database.transaction() as session:
        await record(
            session, OPERATOR, AuditAction.AGENT_CREATED, "An agent.", organization_id=world.acme.id, now=clock()
        )
        await session.execute(delete(AuditEvent).execution_options(synchronize_session=False))

    assert await queued(database) == []


async def test_a_changed_membership_has_the_person_and_the_role(
    world: World, database: Database, services: KeyServices
) -> None:
    """Webhooks tell both; the role is null once the person was removed."""
    ada, mel = world.actor("ada"), world.mel.id
    await change_member(
        services, ada, organization_id=world.acme.id, person_id=mel, role=Role.ORGANIZATION_ADMIN, agent_ids=[]
    )
    await remove_member(services, ada, organization_id=world.acme.id, person_id=mel)

    told = await queued(database)

    assert [(event.subject_id, event.details) for event in told] == [
        (mel, {"role": "organization-admin"}),
        (mel, {"role": None}),
    ]
