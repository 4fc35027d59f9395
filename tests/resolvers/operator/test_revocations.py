"""A database that has forgotten revocations, and revoking again what is in the journal."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import col

from keys.outcomes import Outcome
from keys.policy import OPERATOR
from keys.verification.verdict import RequestedAgent
from models import ApiKey, AuditEvent
from models.engine.database import Database
from models.revocations.journal import Journal
from models.revocations.recorder import RevocationRecorder
from resolvers.api_keys import delete_api_key, end_overlap, rotate_api_key
from resolvers.operator.agents import delete_agent
from resolvers.operator.keys import drop_keys_tagged_otherwise
from resolvers.operator.organizations import delete_organization
from resolvers.operator.revocations import accept_revived, compare, record_older_deletions, revoke_again
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, Clock
from tests.resolvers.operator.test_keys import OTHER, tagging_otherwise
from tests.support.keys.issued_keys import Verifiers, issue
from tests.support.revocations import copy_rows
from tests.support.world import World

Revoke = Callable[[KeyServices, World, Issued], Awaitable[object]]


@pytest.fixture
def journal(database: Database, tmp_path: Path) -> Journal:
    """The journal of this test's database."""
    journal = Journal(tmp_path / "keydesk.revocations")
    database.revocations = RevocationRecorder(journal)
    return journal


@pytest.fixture
async def old(database: Database, make_database_url: Callable[[], str]) -> AsyncIterator[Database]:
    """An empty database, for the older state of this test's."""
    make_database_url()  # the first is `database`
    opened = Database(make_database_url())
    yield opened
    await opened.close()


async def outcomes(database: Database, *secrets: Issued) -> list[Outcome]:
    """What a fresh process says to these secrets, with any server key."""
    verifiers = Verifiers(database)
    try:
        verifier = verifiers.make(server_keys=type(SERVER_KEYS)((*SERVER_KEYS._keys, *OTHER._keys)))
        return [(await verifier.verify(each.secret.reveal(), RequestedAgent())).outcome for each in secrets]
    finally:
        await verifiers.close()


async def by_its_creator(services: KeyServices, world: World, issued: Issued) -> None:
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)


async def by_the_operator(services: KeyServices, world: World, issued: Issued) -> None:
    await delete_api_key(services, OPERATOR, key_id=issued.record.id)


async def with_its_agent(services: KeyServices, world: World, issued: Issued) -> None:
    async with services.database.transaction() as session:
        await delete_agent(session, agent_id=world.own.id, now=services.clock())


async def with_its_organization(services: KeyServices, world: World, issued: Issued) -> None:
    async with services.database.transaction() as session:
        await delete_organization(session, organization_id=world.acme.id, now=services.clock())


async def with_its_server_key(services: KeyServices, world: World, issued: Issued) -> None:
    await drop_keys_tagged_otherwise(services.database, OTHER.ids, now=services.clock())


async def by_a_rotation(services: KeyServices, world: World, issued: Issued) -> None:
    await rotate_api_key(services, OPERATOR, key_id=issued.record.id)


async def by_two_rotations(services: KeyServices, world: World, issued: Issued) -> None:
    for _ in range(2):
        await rotate_api_key(services, OPERATOR, key_id=issued.record.id, overlap_seconds=3600)


async def by_a_rotation_and_its_server_key(services: KeyServices, world: World, issued: Issued) -> None:
    newer = tagging_otherwise(services)
    await rotate_api_key(newer, OPERATOR, key_id=issued.record.id, overlap_seconds=3600)
    await drop_keys_tagged_otherwise(services.database, OTHER.ids, now=services.clock())


@pytest.mark.parametrize(
    ("revoke", "keys", "secrets"),
    [
        (by_its_creator, 1, 0),
        (by_the_operator, 1, 0),
        (with_its_agent, 1, 0),
        (with_its_organization, 1, 0),
        (with_its_server_key, 1, 0),
        (by_a_rotation, 0, 1),
        (by_two_rotations, 0, 1),
        (by_a_rotation_and_its_server_key, 0, 1),
    ],
)
async def test_every_kind_of_revocation_is_done_again(
    services: KeyServices, world: World, journal: Journal, old: Database, revoke: Revoke, keys: int, secrets: int
) -> None:
    """A database from before the revocation comes to the same verdict, and has forgotten nothing afterwards."""
    issued = await issue(services, world, world.own)
    await copy_rows(services.database, old)
    await revoke(services, world, issued)
    [dead] = await outcomes(services.database, issued)
    assert (await outcomes(old, issued), dead) == ([Outcome.GOOD], dead)
    assert dead in {Outcome.DELETED_KEY, Outcome.REPLACED_SECRET}

    found = await compare(old, journal)
    applied = await revoke_again(old, found.forgotten, now=datetime.now(UTC))

    assert (found.keys, found.secrets) == (applied.keys, applied.secrets) == (keys, secrets)
    assert await outcomes(old, issued) == [dead]
    assert (await compare(old, journal)).forgotten == []
    assert (await compare(services.database, journal)).forgotten == []
    assert (await revoke_again(old, found.forgotten, now=datetime.now(UTC))).keys == 0


async def test_doing_it_again_can_fail_and_be_repeated(
    services: KeyServices, world: World, journal: Journal, old: Database
) -> None:
    """A commit that fails, as on a full disk, does not take the first deletion and rotation out of the journal."""
    deleted, rotated = await issue(services, world), await issue(services, world)
    await copy_rows(services.database, old)
    await delete_api_key(services, OPERATOR, key_id=deleted.record.id)
    await rotate_api_key(services, OPERATOR, key_id=rotated.record.id)
    old.revocations = RevocationRecorder(journal)
    found = await compare(old, journal)

    def fail(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")  # as SQLite itself does when the disk is full
        raise OperationalError("COMMIT", None, Exception())

    event.listen(old.engine.sync_engine, "commit", fail, once=True)
    with pytest.raises(DBAPIError):
        await revoke_again(old, found.forgotten, now=datetime.now(UTC))

    found = await compare(old, journal)
    applied = await revoke_again(old, found.forgotten, now=datetime.now(UTC))
    assert (applied.keys, applied.secrets) == (1, 1)
    assert await outcomes(old, deleted, rotated) == [Outcome.DELETED_KEY, Outcome.REPLACED_SECRET]


async def test_a_secret_that_a_host_ahead_replaced_at_once_is_dead_now(
    services: KeyServices, world: World, journal: Journal, old: Database, clock: Clock
) -> None:
    """The clock of its host is two hours ahead. Nobody waits until the clocks agree; an overlap is one all the same."""
    at_once, overlapping = await issue(services, world), await issue(services, world)
    await copy_rows(services.database, old)
    clock.now = datetime.now(UTC) + timedelta(hours=2)
    await rotate_api_key(services, OPERATOR, key_id=at_once.record.id)
    await rotate_api_key(services, OPERATOR, key_id=overlapping.record.id, overlap_seconds=3600)

    found = await compare(old, journal)
    await revoke_again(old, found.forgotten, now=datetime.now(UTC))

    assert await outcomes(old, at_once, overlapping) == [Outcome.REPLACED_SECRET, Outcome.GOOD]
    assert (await compare(old, journal)).forgotten == []


async def test_an_overlap_that_is_not_over_goes_on(
    services: KeyServices, world: World, journal: Journal, old: Database
) -> None:
    """The secret that was replaced works until its overlap ends. The new secret is lost; the owner can rotate."""
    issued = await issue(services, world)
    await copy_rows(services.database, old)
    rotated = await rotate_api_key(services, OPERATOR, key_id=issued.record.id, overlap_seconds=3600)

    found = await compare(old, journal)
    await revoke_again(old, found.forgotten, now=datetime.now(UTC))

    async with old.reading() as session:
        row = await session.get(ApiKey, issued.record.id)
    assert row is not None
    assert row.previous_works_until == rotated.record.previous_works_until
    assert await outcomes(old, issued, rotated) == [Outcome.GOOD, Outcome.REPLACED_SECRET]
    again = await rotate_api_key(
        KeyServices(old, services.clock, 300, issuer=services.issuer), OPERATOR, key_id=issued.record.id
    )
    assert await outcomes(old, issued, again) == [Outcome.REPLACED_SECRET, Outcome.GOOD]


async def test_an_overlap_that_was_ended_early_ends_again(
    services: KeyServices, world: World, journal: Journal, old: Database
) -> None:
    """The backup is from within the first overlap. The secret of that time stays; the one before it ends."""
    first = await issue(services, world)
    second = await rotate_api_key(services, OPERATOR, key_id=first.record.id, overlap_seconds=3600)
    await copy_rows(services.database, old)
    await rotate_api_key(services, OPERATOR, key_id=first.record.id, overlap_seconds=3600)
    assert await outcomes(old, first, second) == [Outcome.GOOD, Outcome.GOOD]

    found = await compare(old, journal)
    applied = await revoke_again(old, found.forgotten, now=datetime.now(UTC))

    assert (found.secrets, applied.secrets) == (2, 2)
    assert await outcomes(old, first, second) == [Outcome.REPLACED_SECRET, Outcome.GOOD]
    assert await outcomes(services.database, first, second) == [Outcome.REPLACED_SECRET, Outcome.GOOD]


async def test_an_overlap_that_a_person_ended_ends_again(
    services: KeyServices, world: World, journal: Journal, old: Database
) -> None:
    """The backup is from within the overlap."""
    first = await issue(services, world)
    second = await rotate_api_key(services, OPERATOR, key_id=first.record.id, overlap_seconds=3600)
    await copy_rows(services.database, old)
    await end_overlap(services, world.actor("ada"), key_id=first.record.id)
    assert await outcomes(old, first, second) == [Outcome.GOOD, Outcome.GOOD]

    found = await compare(old, journal)
    applied = await revoke_again(old, found.forgotten, now=datetime.now(UTC))

    assert (found.secrets, applied.secrets) == (1, 1)
    assert await outcomes(old, first, second) == [Outcome.REPLACED_SECRET, Outcome.GOOD]


async def test_a_secret_that_is_newer_than_the_journals_stays(
    services: KeyServices, world: World, journal: Journal
) -> None:
    """A line about an older secret of the key does nothing to a database that knows of the rotation."""
    issued = await issue(services, world)
    rotated = await rotate_api_key(services, OPERATOR, key_id=issued.record.id)

    found = await compare(services.database, journal)

    assert (found.forgotten, found.revoked.secret_count) == ([], 1)
    assert await outcomes(services.database, issued, rotated) == [Outcome.REPLACED_SECRET, Outcome.GOOD]


async def test_what_is_done_again_is_in_the_audit_log(
    services: KeyServices, world: World, journal: Journal, old: Database
) -> None:
    """As the operator's, with the key. The key keeps the time of its deletion, and frees its slot."""
    deleted, rotated = await issue(services, world), await issue(services, world)
    await copy_rows(services.database, old)
    await delete_api_key(services, OPERATOR, key_id=deleted.record.id)
    await rotate_api_key(services, OPERATOR, key_id=rotated.record.id)
    now = services.clock() + timedelta(hours=5)

    await revoke_again(old, (await compare(old, journal)).forgotten, now=now)

    async with old.reading() as session:
        statement = select(AuditEvent).where(col(AuditEvent.at) == now)
        events = {each.api_key_id: each for each in (await session.execute(statement)).scalars()}
        row = await session.get(ApiKey, deleted.record.id)
    assert row is not None
    assert row.deleted_at == services.clock()
    assert {key: (each.action, each.actor_id) for key, each in events.items()} == {
        deleted.record.id: ("api-key-deleted", None),
        rotated.record.id: ("api-key-rotated", None),
    }
    assert "again: the database had forgotten its deletion" in events[deleted.record.id].summary
    assert "rotate it" in events[rotated.record.id].summary


async def test_revived_keys_can_be_accepted(
    services: KeyServices, world: World, journal: Journal, old: Database
) -> None:
    """They are no longer forgotten. A deletion after that holds."""
    deleted, rotated = await issue(services, world), await issue(services, world)
    await copy_rows(services.database, old)
    await delete_api_key(services, OPERATOR, key_id=deleted.record.id)
    await rotate_api_key(services, OPERATOR, key_id=rotated.record.id)
    recorder = old.revocations = RevocationRecorder(journal)

    assert await accept_revived(recorder, await compare(old, journal))

    assert (await compare(old, journal)).forgotten == []
    assert await outcomes(old, deleted, rotated) == [Outcome.GOOD, Outcome.GOOD]
    later = KeyServices(old, lambda: datetime.now(UTC) + timedelta(minutes=1), 300, issuer=services.issuer)
    await delete_api_key(later, OPERATOR, key_id=deleted.record.id)
    assert (await compare(old, journal)).revoked.deleted.keys() == {deleted.record.public_id}


async def test_deletions_from_before_the_journal_are_added_once(
    services: KeyServices, world: World, tmp_path: Path
) -> None:
    """With the instant of the deletion, so that an older backup is safe, too."""
    issued = await issue(services, world)
    await delete_api_key(services, OPERATOR, key_id=issued.record.id)
    journal = Journal(tmp_path / "later.revocations")
    recorder = RevocationRecorder(journal)

    found = await compare(services.database, journal)
    assert await record_older_deletions(services.database, recorder, found.revoked) == 1

    found = await compare(services.database, journal)
    assert found.revoked.deleted == {issued.record.public_id: services.clock()}
    assert await record_older_deletions(services.database, recorder, found.revoked) == 0
