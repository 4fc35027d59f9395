"""Recording in the journal from within transactions: before the commit, whatever happens to either."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from keys.policy import OPERATOR
from models.engine.database import Database
from models.revocations import recorder as recorder_module
from models.revocations.journal import Journal, JournalUnusable
from models.revocations.line import Kind, Revocation, Revoked
from models.revocations.recorder import RevocationRecorder, note_revoked
from resolvers.api_keys import delete_api_key
from resolvers.services import KeyServices
from tests.support.keys.issued_keys import issue
from tests.support.revocations import revocation
from tests.support.servers.small_disk import small_disk
from tests.support.world import World


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """The journal of this test's database."""
    return Journal(tmp_path / "keydesk.revocations")


@pytest.fixture
def recorder(database: Database, journal: Journal) -> RevocationRecorder:
    """Records the revocations of this test's database."""
    database.revocations = RevocationRecorder(journal)
    return database.revocations


def on_commit(database: Database, call: Callable[[], object]) -> None:
    event.listen(database.engine.sync_engine, "commit", lambda _connection: call(), once=True)


async def test_the_journal_is_written_before_the_commit(
    services: KeyServices, world: World, recorder: RevocationRecorder, journal: Journal
) -> None:
    """When the commit begins, the line is in the file."""
    issued = await issue(services, world)
    seen = []
    on_commit(services.database, lambda: seen.append(journal.read().revocations))

    await delete_api_key(services, OPERATOR, key_id=issued.record.id)

    [[line]] = seen
    assert (line.kind, line.public_id, line.dead_from) == (Kind.DELETED, issued.record.public_id, services.clock())


async def test_a_change_that_the_database_refuses_is_not_recorded(
    database: Database, recorder: RevocationRecorder, journal: Journal
) -> None:
    """What the flush or the block itself refuses comes before the journal."""

    async def refused_by_a_rule() -> None:
        async with database.transaction() as session:
            note_revoked(session, revocation(1))
            raise LookupError

    async def refused_by_the_database() -> None:
        async with database.transaction() as session:
            note_revoked(session, revocation(1))
            await session.execute(text("INSERT INTO organizations (id) VALUES (NULL)"))

    with pytest.raises(LookupError):
        await refused_by_a_rule()
    with pytest.raises(IntegrityError):
        await refused_by_the_database()

    assert journal.read().files == 0


@pytest.mark.parametrize("is_connection_lost", [False, True])
async def test_a_commit_that_fails_for_certain_is_withdrawn(
    services: KeyServices, world: World, recorder: RevocationRecorder, journal: Journal, *, is_connection_lost: bool
) -> None:
    """If the connection was lost, nobody knows whether the commit took effect, so the revocation stays."""
    issued = await issue(services, world)

    def fail() -> None:
        raise OperationalError("COMMIT", None, Exception(), connection_invalidated=is_connection_lost)

    on_commit(services.database, fail)
    with pytest.raises(DBAPIError):
        await delete_api_key(services, OPERATOR, key_id=issued.record.id)

    assert bool(Revoked(journal.read().revocations).deleted) is is_connection_lost


async def test_a_withdrawal_has_room_on_a_full_disk(tmp_path: Path) -> None:
    """Room for it was kept when its line was written, and no deletion of another process takes all of it."""
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        journal = Journal(disk.folder / "keydesk.revocations")
        recorder, failed = RevocationRecorder(journal), [revocation(number) for number in range(60)]

        async def commit() -> None:
            disk.fill()
            number = 60
            while await RevocationRecorder(journal).record([revocation(number)]):
                number += 1
            raise OperationalError("COMMIT", None, Exception())

        with pytest.raises(OperationalError):
            await recorder.commit_recorded(failed, commit)

        found = journal.read()
        assert {each.withdrawn() for each in failed} <= set(found.revocations)
        assert (found.damage, recorder.waiting) == ([], 0)


async def test_withdrawals_go_first_when_there_is_little_room(
    recorder: RevocationRecorder, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A withdrawal has its room, and does not wait for the deletions that have none. The failure is still reported."""
    append = Journal.append

    def refuse(journal: Journal, revocations: Sequence[Revocation]) -> None:
        if not all(each.kind is Kind.WITHDRAWN for each in revocations):
            raise JournalUnusable("No space left on device")
        append(journal, revocations)

    monkeypatch.setattr(Journal, "append", refuse)
    withdrawal = revocation(1).withdrawn()
    await recorder.record([revocation(2)])
    await recorder.record([withdrawal])
    assert (recorder.waiting, recorder.is_failing) == (2, True)

    await recorder.retry()

    assert (journal.read().revocations, recorder.unwritten) == ([withdrawal], (revocation(2),))
    assert recorder.is_failing


async def test_a_caller_who_hangs_up_does_not_separate_journal_and_commit(
    services: KeyServices,
    world: World,
    recorder: RevocationRecorder,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cancelled while the journal is being written: the key is deleted all the same."""
    issued = await issue(services, world)
    append = journal.append
    writing = asyncio.Event()

    loop = asyncio.get_running_loop()

    def announced(revocations: Sequence[Revocation]) -> None:
        loop.call_soon_threadsafe(writing.set)
        append(revocations)

    monkeypatch.setattr(journal, "append", announced)
    deleting = asyncio.ensure_future(delete_api_key(services, OPERATOR, key_id=issued.record.id))
    await writing.wait()
    deleting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deleting

    async with services.database.reading() as session:
        found = await session.execute(text("SELECT count(*) FROM api_keys WHERE deleted_at IS NOT NULL"))
    assert found.scalar_one() == 1
    assert len(journal.read().revocations) == 1


async def test_a_journal_that_fails_prevents_no_revocation(
    services: KeyServices,
    world: World,
    recorder: RevocationRecorder,
    journal: Journal,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The key is deleted and the failure logged. What could not be written is written with the next revocation."""
    one, two = await issue(services, world), await issue(services, world)
    journal.path.mkdir()
    recorder.journal = Journal(journal.path / "no" / "file")

    with caplog.at_level(logging.ERROR, "keydesk.revocations"):
        await delete_api_key(services, OPERATOR, key_id=one.record.id)
    assert (recorder.is_failing, recorder.waiting) == (True, 1)
    assert "No such file or directory" in caplog.text

    (journal.path / "no").mkdir()
    await delete_api_key(services, OPERATOR, key_id=two.record.id)
    assert (recorder.is_failing, recorder.waiting) == (False, 0)
    written = [each.public_id for each in recorder.journal.read().revocations]
    assert written == [one.record.public_id, two.record.public_id]


class Hanging(Journal):
    """A journal on a file system that hangs until it answers. Counts its threads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.answers = threading.Event()
        self.calls = 0

    def append(self, revocations: Sequence[Revocation]) -> None:
        """Appends the revocations when the file system answers."""
        self.calls += 1
        self.answers.wait()
        super().append(revocations)


@pytest.fixture
def hanging(database: Database, recorder: RevocationRecorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    """The journal of this test's database, whose file system hangs."""
    monkeypatch.setattr(recorder_module, "APPEND_SECONDS", 0.05)
    recorder.journal = hanging = Hanging(recorder.journal.path)
    yield hanging
    hanging.answers.set()


async def all_written(recorder: RevocationRecorder) -> None:
    """Tries as the watch does, until nothing waits."""
    while recorder.is_failing:
        await recorder.retry()
        await asyncio.sleep(0.01)


async def test_a_journal_that_hangs_is_not_waited_for(recorder: RevocationRecorder, hanging: Hanging) -> None:
    """Revocations go on, with one thread for all of them; the lines are written when the journal answers again."""
    for number in range(20):
        assert not await recorder.record([revocation(number)])
    assert (hanging.calls, recorder.waiting) == (1, 20)

    hanging.answers.set()
    await all_written(recorder)

    assert recorder.waiting == 0
    assert set(hanging.read().revocations) == {revocation(number) for number in range(20)}


async def test_a_deletion_that_failed_while_the_journal_hung_is_not_carried_out_later(
    services: KeyServices, world: World, recorder: RevocationRecorder, hanging: Hanging
) -> None:
    """The thread that hangs writes its line in the end. A withdrawal follows it."""
    issued = await issue(services, world)

    def fail() -> None:
        raise OperationalError("COMMIT", None, Exception())

    on_commit(services.database, fail)
    with pytest.raises(DBAPIError):
        await delete_api_key(services, OPERATOR, key_id=issued.record.id)
    hanging.answers.set()
    await all_written(recorder)

    lines = hanging.read().revocations
    assert Kind.DELETED in {each.kind for each in lines}
    assert Revoked(lines).deleted == {}


async def test_no_error_of_the_journal_prevents_a_revocation(
    services: KeyServices, world: World, recorder: RevocationRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that nobody expects, such as that the system has no thread left."""
    issued = await issue(services, world)

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        await recorder.record([revocation(1)])
        assert (recorder.is_failing, recorder.waiting) == (True, 1)
    await delete_api_key(services, OPERATOR, key_id=issued.record.id)
    assert (recorder.is_failing, recorder.waiting) == (False, 0)
