"""The look of a running server at the journal, and what it reports while the journal can't be written."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from app.revocations.watch import RevocationWatch, revocations_watched
from keys.policy import OPERATOR, Right
from keys.program_token import ProgramTokens
from keys.token import ServerKeys
from models import ApiKey
from models.engine.database import Database
from models.organization import lock_organization
from models.revocations.journal import Journal, JournalUnusable
from models.revocations.line import Kind, Revocation
from models.revocations.recent import RECENT, RecentLines
from models.revocations.recorder import RevocationRecorder
from models.tokens.program_token import token_with_id
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.operator import revocations
from resolvers.operator.revocations import UNDER_WAY, compare
from resolvers.operator.tokens import create_token, revoke_token
from resolvers.services import Issued, KeyServices
from tests.conftest import Clock
from tests.support.client import open_site
from tests.support.keys.issued_keys import issue
from tests.support.revocations import copy_rows, revocation
from tests.support.world import World


@pytest.fixture
async def promoted(database: Database, make_database_url: Callable[[], str]) -> AsyncIterator[Database]:
    """An empty database, for the state of a standby that was promoted."""
    make_database_url()  # the first is `database`
    opened = Database(make_database_url())
    yield opened
    await opened.close()


@pytest.fixture
def recorder(database: Database, promoted: Database, tmp_path: Path) -> RevocationRecorder:
    """The recorder of the server, which keeps its journal when the database fails over."""
    recorder = RevocationRecorder(Journal(tmp_path / "keydesk.revocations"))
    database.revocations = promoted.revocations = recorder
    return recorder


async def forgetful(services: KeyServices, world: World, promoted: Database, clock: Clock) -> None:
    """A key is deleted and another rotated, and the standby has neither."""
    clock.now = datetime.now(UTC)
    deleted, rotated = await issue(services, world), await issue(services, world)
    await copy_rows(services.database, promoted)
    await delete_api_key(services, OPERATOR, key_id=deleted.record.id)
    await rotate_api_key(services, OPERATOR, key_id=rotated.record.id)


async def test_what_a_promoted_standby_has_forgotten_is_revoked_again(
    services: KeyServices, world: World, promoted: Database, recorder: RevocationRecorder, clock: Clock
) -> None:
    """A young revocation is left alone, because its transaction may still be open."""
    await forgetful(services, world, promoted, clock)
    watch = RevocationWatch(promoted, recorder, clock=clock)

    assert await watch.look() == 0
    clock.now += UNDER_WAY + timedelta(seconds=1)
    assert await watch.look() == 2
    assert await watch.look() == 0

    assert (await compare(promoted, recorder.journal)).forgotten == []


async def test_a_token_that_a_promoted_standby_has_forgotten_is_revoked_again(
    database: Database, promoted: Database, recorder: RevocationRecorder, clock: Clock
) -> None:
    """Within seconds, while the server runs."""
    clock.now = datetime.now(UTC)
    tokens = ProgramTokens(ServerKeys((b"a server key of at least 32 bytes",)), ["kd"])
    async with database.transaction() as session:
        row, _ = await create_token(session, tokens, name="host", rights=[Right.SIGN_IN], days=1, now=clock())
    await copy_rows(database, promoted)
    async with database.transaction() as session:
        await revoke_token(session, "host", now=clock())
    clock.now += UNDER_WAY + timedelta(seconds=1)

    assert await RevocationWatch(promoted, recorder, clock=clock).look() == 1

    async with promoted.reading() as session:
        found = await token_with_id(session, row.id)
    assert found is not None
    assert not found.works(clock())


async def test_a_deletion_that_failed_is_not_done_later(
    services: KeyServices, world: World, recorder: RevocationRecorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal can't be written for its withdrawal, which waits; with another server, the whole journal is read."""
    key = await deletion_that_fails(
        services, world, clock, at_the_commit=lambda: monkeypatch.setattr(Journal, "append", refuse)
    )
    watch = RevocationWatch(services.database, recorder, clock=clock)

    assert await watch.look() == 0
    another_server_answers(watch, monkeypatch)
    assert await watch.look() == 0
    assert (len(recorder.journal.read().revocations), recorder.waiting) == (1, 1)
    await delete_api_key(services, OPERATOR, key_id=key.record.id)


@pytest.mark.parametrize("is_whole", [False, True])
async def test_a_withdrawal_that_is_written_while_the_journal_is_read_counts(
    services: KeyServices,
    world: World,
    recorder: RevocationRecorder,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_whole: bool,
) -> None:
    """The journal works again after its lines were read, and then nothing waits any longer."""
    watch, loop = RevocationWatch(services.database, recorder, clock=clock), asyncio.get_running_loop()
    append, reader = Journal.append, Journal if is_whole else RecentLines
    await deletion_that_fails(
        services, world, clock, at_the_commit=lambda: monkeypatch.setattr(Journal, "append", refuse)
    )
    read = reader.read

    def then_written(*arguments: Any, **named: Any) -> object:
        found = read(*arguments, **named)
        monkeypatch.setattr(Journal, "append", append)
        asyncio.run_coroutine_threadsafe(recorder.retry(), loop).result()
        return found

    monkeypatch.setattr(reader, "read", then_written)
    if is_whole:
        another_server_answers(watch, monkeypatch)

    assert await watch.look() == 0
    assert recorder.waiting == 0


async def test_a_withdrawal_that_is_being_written_counts(
    services: KeyServices, world: World, recorder: RevocationRecorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is slow: for five seconds, nobody knows whether the line of the withdrawal can be written."""
    asked, answers, append = threading.Event(), threading.Event(), Journal.append

    def slow(journal: Journal, revocations: Sequence[Revocation]) -> None:
        asked.set()
        answers.wait()
        append(journal, revocations)

    deleting = asyncio.ensure_future(
        deletion_that_fails(services, world, clock, at_the_commit=lambda: monkeypatch.setattr(Journal, "append", slow))
    )
    try:
        await asyncio.to_thread(asked.wait)
        clock.now += UNDER_WAY + timedelta(seconds=1)
        monkeypatch.setattr(recorder, "retry", AsyncMock())  # it would wait as well
        assert await RevocationWatch(services.database, recorder, clock=clock).look() == 0
    finally:
        answers.set()
        await deleting


async def test_a_deletion_that_fails_while_its_lock_is_waited_for_is_not_done(
    services: KeyServices, world: World, recorder: RevocationRecorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process withdraws it after this one has read the journal: the commit took longer than usual."""
    key = await issue(services, world)
    clock.now = datetime.now(UTC)
    line = Revocation(Kind.DELETED, key.record.public_id, clock.now, clock.now)
    recorder.journal.append([line])
    clock.now += UNDER_WAY + timedelta(seconds=1)

    async def locked_later(session: AsyncSession, organization_id: UUID) -> object:
        recorder.journal.append([line.withdrawn()])
        return await lock_organization(session, organization_id)

    monkeypatch.setattr(revocations, "lock_organization", locked_later)

    assert await RevocationWatch(services.database, recorder, clock=clock).look() == 0
    assert await is_alive(services, key)


async def is_alive(services: KeyServices, key: Issued) -> bool:
    """Whether the database has the key alive."""
    async with services.database.reading() as session:
        row = await session.get(ApiKey, key.record.id)
    return row is not None and row.deleted_at is None


async def deletion_that_fails(
    services: KeyServices, world: World, clock: Clock, *, at_the_commit: Callable[[], None]
) -> Issued:
    """A deletion is recorded, and its commit fails; then the clock goes on until it is no longer under way."""
    clock.now = datetime.now(UTC)
    key = await issue(services, world)

    def fail(_: Connection) -> None:
        at_the_commit()
        raise OperationalError("COMMIT", None, Exception())

    event.listen(services.database.engine.sync_engine, "commit", fail, once=True)
    with pytest.raises(OperationalError):
        await delete_api_key(services, OPERATOR, key_id=key.record.id)
    clock.now += UNDER_WAY + timedelta(seconds=1)
    return key


def another_server_answers(watch: RevocationWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after PostgreSQL restarted: it began later than at the round before."""
    began = datetime.now(UTC)
    monkeypatch.setattr(watch, "_server", began)
    monkeypatch.setattr(watch, "_server_start", AsyncMock(return_value=began + timedelta(days=1)))


async def test_what_waits_for_the_journal_is_revoked_again(
    services: KeyServices,
    world: World,
    promoted: Database,
    recorder: RevocationRecorder,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The standby has forgotten a deletion and a rotation which were done while the journal's disk was full."""
    monkeypatch.setattr(Journal, "append", refuse)
    await forgetful(services, world, promoted, clock)
    clock.now += UNDER_WAY + timedelta(seconds=1)
    watch = RevocationWatch(promoted, recorder, clock=clock)

    assert await watch.look() == 2
    assert await watch.look() == 0


def refuse(journal: Journal, _: Sequence[Revocation]) -> None:
    """In place of `Journal.append`, as on a full disk."""
    raise JournalUnusable(f"{journal.path} can't be written: No space left on device")


async def test_the_whole_journal_is_compared_when_another_server_answers(
    services: KeyServices,
    world: World,
    promoted: Database,
    recorder: RevocationRecorder,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise only the last hour is, which costs nothing while nobody revokes."""
    await forgetful(services, world, promoted, clock)
    server = clock.now
    watch = RevocationWatch(promoted, recorder, clock=clock)

    async def server_start(_: RevocationWatch) -> datetime:
        return server

    monkeypatch.setattr(RevocationWatch, "_server_start", server_start)
    clock.now += RECENT * 2
    assert await watch.look() == 0

    server += timedelta(days=1)
    assert await watch.look() == 2


async def test_a_clock_that_is_behind_ignores_nothing(
    services: KeyServices, world: World, promoted: Database, recorder: RevocationRecorder, clock: Clock
) -> None:
    """The lines are of a host that is two hours ahead. The one with this watch does not wait for two hours."""
    await forgetful(services, world, promoted, clock)
    clock.now -= timedelta(hours=2)

    assert await RevocationWatch(promoted, recorder, clock=clock).look() == 2


async def test_what_waits_is_written_when_the_server_stops(
    services: KeyServices, recorder: RevocationRecorder, clock: Clock, tmp_path: Path
) -> None:
    """What waits in memory ends with the process."""
    journal, recorder.journal = recorder.journal, Journal(tmp_path / "no" / "journal")
    async with revocations_watched(services.database, clock=clock):
        await recorder.record([revocation(1)])
        recorder.journal = journal
    assert (recorder.waiting, journal.read().revocations) == (0, [revocation(1)])


async def test_a_server_that_is_not_behind_changes_nothing(
    services: KeyServices, world: World, promoted: Database, recorder: RevocationRecorder, clock: Clock
) -> None:
    """The database that has every revocation is left alone, as often as it is looked at."""
    await forgetful(services, world, promoted, clock)
    clock.now += UNDER_WAY * 2
    lines = recorder.journal.path.read_bytes()

    assert await RevocationWatch(services.database, recorder, clock=clock).look() == 0

    assert recorder.journal.path.read_bytes() == lines


async def test_a_journal_that_fails_is_reported_until_it_works(
    database_address: str, tmp_path: Path, clock: Clock
) -> None:
    """/readyz and /metrics say so, and the key is deleted all the same."""
    folder = tmp_path / "journal"
    settings = {"KEYDESK_REVOCATION_JOURNAL": f"{folder}/", "KEYDESK_METRICS": "true", "KEYDESK_METRICS_TOKEN": "t"}
    async with open_site(database_address, clock, settings) as site:
        issued = await site.fill("one", "two")
        ada, http, bearer = await site.person("ada"), (await site.person("nobody")).http, {"Authorization": "Bearer t"}

        await ada.delete(issued["one"]["apiKey"]["id"])
        assert await site.code_at_gateway(issued["one"]["secret"]) == "deleted_key"
        assert (await http.get("/readyz")).json() == {"status": "ready", "degraded": "journal"}
        metrics = (await http.get("/metrics", headers=bearer)).text
        assert "keydesk_journal_degraded 1.0" in metrics
        assert "keydesk_journal_waiting 1.0" in metrics

        folder.mkdir()
        await ada.delete(issued["two"]["apiKey"]["id"])
        assert (await http.get("/readyz")).json() == {"status": "ready"}
        assert "keydesk_journal_waiting 0.0" in (await http.get("/metrics", headers=bearer)).text
    assert len(Journal(folder).read().revocations) == 2
