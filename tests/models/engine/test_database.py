"""Constraints, triggers and sessions of the database: rules that hold whatever code writes to it."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from models import Agent, ApiKey, AuditAction, AuditEvent, Organization, metadata
from models.api_key import SlotUnavailable, delete_living_keys, insert_key
from models.engine.database import Database, database_now
from models.engine.database_address import UnsupportedDatabase, database_url
from models.migrations.migrate import migrate
from models.migrations.revisions import current_revision, newest_revision

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def new_key(organization_id: UUID, number: int, agent_id: UUID | None = None) -> ApiKey:
    return ApiKey(
        organization_id=organization_id,
        agent_id=agent_id,
        name=f"key {number}",
        prefix="kd",
        public_id=f"{number:016}",
        last_four="abcd",
        secret_hash="hash",
        server_key_id="0" * 16,
        created_at=NOW,
    )


async def organization_with_keys(database: Database, *, key_limit: int, keys: int) -> UUID:
    organization = Organization(name="Acme", key_limit=key_limit, created_at=NOW)
    async with database.transaction() as session:
        session.add(organization)
        await session.flush()
        for number in range(keys):
            await insert_key(session, new_key(organization.id, number))
    return organization.id


async def live_key_count(database: Database) -> int:
    async with database.reading() as session:
        return int((await session.execute(text("SELECT live_key_count FROM organizations"))).scalar_one())


async def test_a_migrated_database_is_what_the_models_say(database: Database) -> None:
    """The tables that the migrations make are those that the models describe."""
    options = {"compare_type": True, "compare_server_default": True}

    async with database.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts=options), metadata)
        )

    assert differences == []


async def test_a_commit_that_fails_spoils_no_later_transaction(database: Database) -> None:
    """The connection would still be in the transaction that failed: it is not used again, and nothing is written."""

    def fail(_: Connection) -> None:
        raise OperationalError("COMMIT", None, Exception())

    event.listen(database.engine.sync_engine, "commit", fail, once=True)
    with pytest.raises(OperationalError):
        await organization_with_keys(database, key_limit=10, keys=1)
    await organization_with_keys(database, key_limit=10, keys=2)

    assert await live_key_count(database) == 2


async def test_the_schema_goes_down_and_up_again(database: Database) -> None:
    """All migrations can be reversed and applied again, with their triggers and functions."""
    assert await migrate(database, "base") == (newest_revision(), None)
    assert await current_revision(database) is None

    assert await migrate(database) == (None, newest_revision())


async def test_an_insert_beyond_the_limit_is_aborted(database: Database) -> None:
    """The database refuses the eleventh key, and the count stays 10."""
    organization_id = await organization_with_keys(database, key_limit=10, keys=10)

    with pytest.raises(SlotUnavailable):
        async with database.transaction() as session:
            await insert_key(session, new_key(organization_id, 11))

    assert await live_key_count(database) == 10


async def test_a_deleted_key_frees_its_slot_and_a_lowered_limit_breaks_nothing(database: Database) -> None:
    """With seven keys and a limit lowered to 3, a new key is refused until five keys are deleted."""
    organization_id = await organization_with_keys(database, key_limit=10, keys=7)
    async with database.transaction() as session:
        await session.execute(text("UPDATE organizations SET key_limit = 3"))
        ids = list((await session.execute(text("SELECT id FROM api_keys"))).scalars())
    outcomes: list[object] = []

    for key_id in ids[:5]:
        async with database.transaction() as session:
            await delete_living_keys(session, at=NOW, by=None, key_id=UUID(str(key_id)))
        try:
            async with database.transaction() as session:
                await insert_key(session, new_key(organization_id, 100 + len(outcomes)))
            outcomes.append("issued")
        except SlotUnavailable:
            outcomes.append("refused")

    assert outcomes == ["refused", "refused", "refused", "refused", "issued"]
    assert await live_key_count(database) == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_keys SET deleted_at = NULL, secret_hash = 'x', server_key_id = 'y' WHERE name = 'key 0'",
        "UPDATE api_keys SET public_id = 'other' WHERE name = 'key 1'",
        "UPDATE api_keys SET secret_hash = NULL WHERE name = 'key 1'",
    ],
)
async def test_what_is_fixed_about_a_key_stays(database: Database, statement: str) -> None:
    """No statement revives a tombstone, changes a public id, or clears only the hash of a living key's secret."""
    organization_id = await organization_with_keys(database, key_limit=10, keys=2)
    async with database.transaction() as session:
        key_id = UUID(str((await session.execute(text("SELECT id FROM api_keys WHERE name = 'key 0'"))).scalar_one()))
        assert await delete_living_keys(session, at=NOW, by=None, key_id=key_id) == [key_id]

    with pytest.raises(DBAPIError):
        async with database.transaction() as session:
            await session.execute(text(statement))

    assert await live_key_count(database) == 1
    assert organization_id is not None


async def test_an_event_is_never_changed(database: Database) -> None:
    """An UPDATE of an audit event's summary is refused by the database."""
    organization_id = await organization_with_keys(database, key_limit=10, keys=0)
    async with database.transaction() as session:
        session.add(
            AuditEvent(
                organization_id=organization_id, action=AuditAction.API_KEY_CREATED, at=NOW, summary="Ada made a key."
            )
        )

    with pytest.raises(DBAPIError, match="audit_event_fixed"):
        async with database.transaction() as session:
            await session.execute(text("UPDATE audit_events SET summary = 'Nothing happened.'"))


async def test_a_key_cannot_name_another_organizations_agent(database: Database) -> None:
    """The foreign key covers agent and organization together. SQLite enforces it, too."""
    organization_id = await organization_with_keys(database, key_limit=10, keys=0)
    other = Organization(name="Other", created_at=NOW)
    async with database.transaction() as session:
        session.add(other)
        await session.flush()
        agent = Agent(organization_id=other.id, name="theirs", created_at=NOW)
        session.add(agent)

    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await insert_key(session, new_key(organization_id, 1, agent.id))

    assert await live_key_count_of(database, organization_id) == 0


async def live_key_count_of(database: Database, organization_id: UUID) -> int:
    async with database.reading() as session:
        organization = await session.get(Organization, organization_id)
        assert organization is not None
        return organization.live_key_count


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    """A key whose transaction fails after its insert takes no slot."""
    organization_id = await organization_with_keys(database, key_limit=10, keys=0)

    with pytest.raises(RuntimeError, match="crash"):
        async with database.transaction() as session:
            await insert_key(session, new_key(organization_id, 1))
            raise RuntimeError("crash")

    assert await live_key_count(database) == 0


async def test_a_reading_session_cannot_leave_a_change(database: Database) -> None:
    """A row that is added in a reading session is not stored."""
    async with database.reading() as session:
        session.add(Organization(name="Acme", created_at=NOW))

    async with database.reading() as session:
        count = (await session.execute(text("SELECT count(*) FROM organizations"))).scalar_one()
    assert count == 0


async def test_the_databases_clock_is_aware(database: Database) -> None:
    """The database's current time is read as an aware datetime in UTC."""
    async with database.reading() as session:
        now = await database_now(session)

    assert now.utcoffset() == NOW.utcoffset()


@pytest.mark.parametrize(
    ("address", "read"),
    [
        ("postgres://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        ("postgresql:///d?host=/var/run/postgresql", "postgresql+asyncpg:///d?host=%2Fvar%2Frun%2Fpostgresql"),
        ("sqlite:///x.db", "sqlite+aiosqlite:///x.db"),
    ],
)
def test_addresses_are_read_as_hosts_hand_them_out(address: str, read: str) -> None:
    """A missing driver is filled in, and libpq's sslmode is translated."""
    assert database_url(address).render_as_string() == read


@pytest.mark.parametrize(
    "address", ["postgresql://h/d?timeout=3", "postgresql://h/d?options=-c", "sqlite:///x?mode=ro"]
)
def test_an_option_that_only_a_part_would_understand_is_refused(address: str) -> None:
    """Options that only some of the connections would understand are refused."""
    with pytest.raises(UnsupportedDatabase, match="not a known option"):
        database_url(address)


async def test_reading_waits_for_no_writer(database: Database) -> None:
    """While writers wait for the write connection, reads and the check of the schema's revision are answered."""
    async with AsyncExitStack() as stack:
        await (await stack.enter_async_context(database.transaction())).execute(text("SELECT 1"))
        waiting = [asyncio.ensure_future(_write(database)) for _ in range(8)]
        await asyncio.sleep(0)

        async with asyncio.timeout(20), database.reading() as session:
            assert (await session.execute(text("SELECT count(*) FROM organizations"))).scalar_one() == 0
        assert await current_revision(database) == newest_revision()
    await asyncio.gather(*waiting)


async def _write(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("SELECT 1"))


@pytest.mark.parametrize("address", ["mysql://root@localhost/x", "sqlite://", "nonsense", "postgresql+psycopg://x/y"])
def test_other_databases_are_refused_by_name(address: str) -> None:
    """The address of an unsupported database is refused."""
    with pytest.raises(UnsupportedDatabase):
        database_url(address)
