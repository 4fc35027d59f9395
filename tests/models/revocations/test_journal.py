"""The journal's files: what survives, what counts as damage, and appending from several processes at once."""

import errno
import fcntl
import multiprocessing
import os
import resource
import socket
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.revocations import journal as journal_module
from models.revocations import line as line_module
from models.revocations.journal import Journal, JournalUnusable, journal_at, journal_beside
from models.revocations.line import Kind, Revocation, Revoked, decode, encode, fingerprint
from models.revocations.recent import RecentLines
from tests.support.revocations import THEN, journal_with, revocation

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$b3V0cHV0b3V0cHV0"


def damage_of(journal: Journal) -> list[tuple[int, str]]:
    return [(each.line, each.what) for each in journal.read().damage]


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    """Every field survives. The file is its owner's only, and a line has about 200 bytes."""
    os.umask(0)
    journal = Journal(tmp_path / "keydesk.revocations")
    later = Revocation(Kind.REPLACED, "b" * 16, THEN, THEN + timedelta(hours=1), fingerprint(HASH))
    lines = [revocation(1), later, later.withdrawn()]

    journal.append(lines[:1])
    journal.append(lines[1:])

    found = journal.read()
    assert found.revocations == lines
    assert (found.damage, found.files, found.size) == ([], 1, journal.path.stat().st_size)
    assert (found.first, found.last) == (THEN, THEN + timedelta(minutes=1))
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert found.size / 3 < 250


def test_a_line_reveals_no_hash(tmp_path: Path) -> None:
    """The journal has a fingerprint of the stored hash, the same for every server key."""
    name = fingerprint(HASH)

    line = encode([revocation(1, secret=name)], number=1, after="").decode()

    assert name in line
    assert fingerprint(HASH + "x") != name
    assert not any(part in line for part in HASH.split("$")[3:])


def test_a_missing_journal_is_empty_and_made_by_an_empty_append(tmp_path: Path) -> None:
    """Reading makes no file."""
    journal = Journal(tmp_path / "keydesk.revocations")

    assert (journal.read().files, journal.path.exists()) == (0, False)
    journal.append([])

    assert (journal.read().files, journal.read().revocations) == (1, [])


def cut(data: bytes) -> bytes:
    return data[:-20]


def changed(data: bytes) -> bytes:
    return data.replace(b'"kind":"deleted","key":"0000000000000001"', b'"kind":"deleted","key":"0000000000000009"')


def missing_in_the_middle(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join([lines[0], *lines[3:]])


def missing_at_the_beginning(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[1:])


def swapped(data: bytes) -> bytes:
    one, two, *rest = data.splitlines(keepends=True)
    return b"".join([two, one, *rest])


def twice(data: bytes) -> bytes:
    return data + data.splitlines(keepends=True)[-1]


def zeros(data: bytes) -> bytes:
    return data + b"\0" * 100


def without_the_last_line_break(data: bytes) -> bytes:
    return data[:-1]


def of_another_journal(data: bytes) -> bytes:
    """Two files that were concatenated: the second line's number is right, but not the line before it."""
    foreign = encode([revocation(8), revocation(9)], number=1, after="").splitlines(keepends=True)
    return b"".join([data.splitlines(keepends=True)[0], foreign[1]])


@pytest.mark.parametrize(
    ("damage", "found", "whole"),
    [
        (cut, [(5, "the line is cut or is not a line of this journal")], 4),
        (changed, [(2, "the line was changed: its checksum does not match")], 4),
        (missing_in_the_middle, [(2, "2 lines are missing before it")], 3),
        (missing_at_the_beginning, [(1, "1 line is missing before it")], 4),
        (swapped, [(1, "1 line is missing before it"), (2, "it is out of order or there twice"), (3, "1 line")], 5),
        (twice, [(6, "it is out of order or there twice")], 6),
        (zeros, [(6, "the line is cut or is not a line of this journal")], 5),
        (without_the_last_line_break, [(5, "the line break at its end is missing")], 5),
        (of_another_journal, [(2, "the line before it is not the one that was written")], 2),
    ],
)
def test_damage_is_found_and_the_whole_lines_are_read(
    tmp_path: Path, damage: Callable[[bytes], bytes], found: list[tuple[int, str]], whole: int
) -> None:
    """Each kind of damage is reported with its line. New lines can be appended after it, and are read."""
    journal = journal_with(tmp_path / "keydesk.revocations", 5)
    journal.path.write_bytes(damage(journal.path.read_bytes()))

    said = damage_of(journal)
    assert [line for line, _ in said] == [line for line, _ in found]
    assert all(what.startswith(expected) for (_, what), (_, expected) in zip(said, found, strict=True))
    assert len(journal.read().revocations) == whole

    journal.append([revocation(50)])
    journal.append([revocation(51)])
    after = journal.read()
    assert after.revocations[-2:] == [revocation(50), revocation(51)]
    assert len(after.revocations) == whole + 2
    assert bool(after.damage) == (damage is not without_the_last_line_break)


@given(data=st.data())
def test_no_changed_byte_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever single byte is changed: it is reported, and no revocation is read that was not written."""
    journal = journal_with(tmp_path_factory.mktemp("journal") / "keydesk.revocations", 3)
    whole = bytearray(journal.path.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    journal.path.write_bytes(whole)

    found = journal.read()

    assert found.damage
    assert set(found.revocations) <= {revocation(number) for number in range(3)}


def test_a_line_of_a_newer_version_is_not_misread() -> None:
    """It is damage, with what to do."""
    line = encode([revocation(1)], number=1, after="")
    body = line.replace(b'"v":1', b'"v":2')[: line.index(b',"sum"')]
    newer = body + b',"sum":"' + line_module._checksum(body).encode() + b'"}\n'

    with pytest.raises(ValueError, match="newer Keydesk"):
        decode(newer)


def append_some(path: Path, first: int, count: int) -> None:
    for number in range(first, first + count):
        Journal(path).append([revocation(number)])


def test_processes_append_to_one_file_at_the_same_time(tmp_path: Path) -> None:
    """No line is lost or mixed with another, and the chain is whole."""
    path = tmp_path / "keydesk.revocations"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=append_some, args=(path, each * 100, 40)) for each in range(4)]

    for each in writers:
        each.start()
    for each in writers:
        each.join()

    found = Journal(path).read()
    assert [each.exitcode for each in writers] == [0] * 4
    assert found.damage == []
    assert set(found.revocations) == {revocation(each * 100 + n) for each in range(4) for n in range(40)}


def fill_up(path: Path, report: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, resource.RLIM_INFINITY))
    try:
        Journal(path).append([revocation(7)])
    except JournalUnusable as error:
        os.write(os.open(report, os.O_WRONLY | os.O_CREAT), str(error).encode()[:40])


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """A line of which only the first 50 bytes fit is taken back, so that the journal is not damaged."""
    journal, report = journal_with(tmp_path / "keydesk.revocations", 2), tmp_path / "report"
    before = journal.path.read_bytes()
    writer = multiprocessing.get_context("fork").Process(target=fill_up, args=(journal.path, report))

    writer.start()
    writer.join()

    assert report.exists()
    assert journal.path.read_bytes() == before
    assert damage_of(journal) == []


def test_each_host_has_a_file_in_a_shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The revocations of all hosts are read. A host's name becomes a file's name, whatever is in it."""
    journal = journal_at(f"{tmp_path}/")
    journal.append([revocation(1)])
    monkeypatch.setattr(socket, "gethostname", lambda: "../other host")
    journal.append([revocation(2)])

    found = journal.read()

    assert found.files == 2
    assert set(found.revocations) == {revocation(1), revocation(2)}
    assert all(each.parent == tmp_path for each in journal.files)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no/keydesk.revocations", "No such file or directory"),
        ("no/", "there is no folder"),
        ("/dev/null", "is not a regular file"),
    ],
)
def test_a_path_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    """A device that forgets what is written to it is refused, too."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(JournalUnusable, match=said):
        journal_at(text).append([revocation(1)])


def test_a_process_that_keeps_the_lock_does_not_hold_up_others_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was stopped between two instructions. Reading goes on."""
    monkeypatch.setattr(journal_module, "LOCK_SECONDS", 0.05)
    journal = journal_with(tmp_path / "keydesk.revocations", 1)
    with journal.path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(JournalUnusable, match="another process has locked it"):
            journal.append([revocation(2)])

        assert journal.read().revocations == [revocation(0)]


def test_a_file_that_is_moved_away_is_made_anew(tmp_path: Path) -> None:
    """The journal opens its file for each append, so no line goes to a file that is no longer there."""
    journal = journal_with(tmp_path / "keydesk.revocations", 2)
    journal.path.rename(tmp_path / "old")

    journal.append([revocation(3)])

    assert journal.read().revocations == [revocation(3)]
    assert Journal(tmp_path / "old").read().revocations == [revocation(0), revocation(1)]


def test_recent_lines_are_found_at_the_end(tmp_path: Path) -> None:
    """Only the end of the file is read, where the first line is usually cut; after that, only what is new."""
    journal = journal_with(tmp_path / "keydesk.revocations", 9)
    all_, last = RecentLines(journal), RecentLines(journal, bytes_at_most=300)

    assert last.read(since=THEN) == [revocation(7), revocation(8)]
    assert all_.read(since=revocation(6).at) == [revocation(6), revocation(7), revocation(8)]
    journal.append([revocation(9)])
    assert all_.read(since=revocation(7).at) == [revocation(7), revocation(8), revocation(9)]
    assert all_.read(since=revocation(7).at) == [revocation(7), revocation(8), revocation(9)]

    journal.path.unlink()
    journal.append([revocation(10)])
    assert all_.read(since=revocation(10).at) == [revocation(10)]


def test_the_journal_of_an_embedded_database_is_beside_it(tmp_path: Path) -> None:
    """The name is the database's."""
    assert journal_beside(tmp_path / "keydesk.db").path == tmp_path / "keydesk.revocations"


def test_what_revocations_come_to_does_not_depend_on_their_order() -> None:
    """The earliest instant counts; a withdrawal cancels its own line only, also in another file."""
    key, secret = "a" * 16, fingerprint(HASH)
    early, late = (Revocation(Kind.REPLACED, key, THEN, THEN + timedelta(hours=h), secret) for h in (1, 2))
    deleted = Revocation(Kind.DELETED, key, THEN, THEN)
    again = Revocation(Kind.DELETED, key, THEN + timedelta(hours=3), THEN)

    for lines in ([early, late, deleted], [deleted, late, early]):
        found = Revoked(lines)
        assert (found.deleted, found.secrets) == ({key: THEN}, {key: {secret: early.dead_from}})
    for lines in ([deleted, early, deleted.withdrawn()], [deleted.withdrawn(), early, deleted]):
        found = Revoked(lines)
        assert (found.deleted, found.secret_count) == ({}, 1)
    for first, second in ((deleted, again), (again, deleted)):
        assert Revoked([first, second, second.withdrawn()]).deleted == {key: THEN}


@pytest.mark.parametrize("code", [errno.EACCES, errno.ESTALE, errno.EIO])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_path_that_cannot_be_looked_at_makes_the_journal_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, is_folder: bool
) -> None:
    """It is not taken for a journal that is missing or empty."""
    journal = Journal(tmp_path / "journal", is_folder=is_folder)

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "stat", fail)
    uses: list[Callable[[], object]] = [
        journal.read,
        lambda: journal.append([revocation(1)]),
        lambda: journal.files,
        lambda: RecentLines(journal).read(since=THEN),
    ]
    for use in uses:
        with pytest.raises(JournalUnusable, match=os.strerror(code)):
            use()


def test_a_folder_that_cannot_be_listed_is_not_an_empty_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines are there, and the next start could otherwise serve keys that are dead."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(JournalUnusable, match="Permission denied"):
        Journal(tmp_path).read()
