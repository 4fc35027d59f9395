"""
The files of the revocation journal: appends lines so that they survive a power cut, and reads them back.

Everything here blocks. Call it outside the event loop.
"""

import fcntl
import os
import re
import socket
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from models.revocations.line import (
    AFTER_DAMAGE,
    FIRST,
    LINE_BYTES_AT_MOST,
    DamagedLine,
    Kind,
    Line,
    Revocation,
    decode,
    encode,
)
from models.revocations.room import keep_room

SUFFIX = ".revocations"
OWNERS_ONLY = 0o600
LOCK_SECONDS = 3.0
BETWEEN_TRIES_SECONDS = 0.01
KEPT_BYTES = 16 * 1024
"""Room for withdrawals of lines that other processes have appended, and whose transactions are under way."""
_NOT_IN_A_NAME = re.compile(r"[^0-9A-Za-z.-]")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
"""Other line breaks than \\n don't end a line: they are damage."""


class JournalUnusable(Exception):
    """The journal can't be read or written. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A place where the journal is damaged: the file, the line in it, counted from 1, and what is wrong."""

    file: Path
    line: int
    what: str


@dataclass(slots=True)
class Contents:
    """What could be read of the journal: the whole lines of all files, and the damage."""

    revocations: list[Revocation] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    files: int = 0
    size: int = 0
    """In bytes."""

    @property
    def first(self) -> datetime | None:
        """When the oldest line was written; None without a line."""
        return min((each.at for each in self.revocations), default=None)

    @property
    def last(self) -> datetime | None:
        """When the newest line was written; None without a line."""
        return max((each.at for each in self.revocations), default=None)


class Journal:
    """
    A file, or a folder with a file for each host, so that hosts that share the folder don't write to the same file.

    Several processes of a host can append at the same time: a lock on the file keeps their lines apart.
    """

    def __init__(self, path: Path, *, is_folder: bool = False) -> None:
        self.path = path
        self._is_folder = is_folder

    @property
    def files(self) -> list[Path]:
        """The files that exist now. Raises JournalUnusable."""
        try:
            mode = _mode(self.path)
            if mode is None:
                return []
            if not stat.S_ISDIR(mode):
                return [] if self._is_folder else [self.path]
            # Not glob(): it takes a folder that can't be read for an empty one.
            return [self.path / name for name in sorted(os.listdir(self.path)) if self._is_journal(name)]
        except OSError as error:
            raise _unusable(self.path, "read", error) from None

    @property
    def is_folder(self) -> bool:
        """Whether each host has a file of its own. Raises OSError."""
        return self._is_folder or stat.S_ISDIR(_mode(self.path) or 0)

    def append(self, revocations: Sequence[Revocation]) -> None:
        """
        Appends the revocations, and returns once they are on the disk. Without any, makes the file if it is missing.

        They are appended only if there is room to withdraw them, too, and that room is kept. Withdrawals may use it.
        Raises JournalUnusable; then the file is as it was before.
        """
        path = self.path
        try:
            path = self._own_file()
            with _locked(path) as descriptor:
                size = os.fstat(descriptor).st_size
                data = _separated(descriptor, size, revocations)
                if not only_withdrawals(revocations):
                    keep_room(descriptor, size, 3 * len(data) + KEPT_BYTES)
                try:
                    _write(descriptor, data)
                    os.fsync(descriptor)
                except OSError:
                    with suppress(OSError):
                        os.ftruncate(descriptor, size)
                    raise
            if size == 0:
                _sync_folder(path.parent)
        except OSError as error:
            raise _unusable(path, "written", error) from None

    def read(self) -> Contents:
        """Reads all files. Raises JournalUnusable if a file can't be read at all; damage is part of the result."""
        contents = Contents()
        for path in self.files:
            try:
                with path.open("rb") as file:
                    size = _size_of_whole_lines(file.fileno())
                    contents.files += 1
                    contents.size += size
                    _read_lines(file.read(size), path, contents)
            except OSError as error:
                raise _unusable(path, "read", error) from None
        return contents

    def _is_journal(self, name: str) -> bool:
        return name.endswith(SUFFIX) and stat.S_ISREG(_mode(self.path / name) or 0)

    def _own_file(self) -> Path:
        if not self.is_folder:
            return self.path
        if not stat.S_ISDIR(_mode(self.path) or 0):
            raise JournalUnusable(f"there is no folder {self.path}. Create it")
        return self.path / f"{_NOT_IN_A_NAME.sub('-', socket.gethostname()) or 'host'}{SUFFIX}"


def only_withdrawals(revocations: Sequence[Revocation]) -> bool:
    """Whether these may use the room that was kept for them."""
    return bool(revocations) and all(each.kind is Kind.WITHDRAWN for each in revocations)


def journal_at(text: str) -> Journal:
    """The journal at this path: a folder if it is one or ends with a slash, else a file."""
    return Journal(Path(text), is_folder=text.endswith("/"))


def journal_beside(database: Path) -> Journal:
    """The journal of an embedded database: a file of the same name, such as keydesk.revocations, in its folder."""
    return Journal(database.with_suffix(SUFFIX))


def _mode(path: Path) -> int | None:
    """The kind of file, as in `stat`; None if there is none. Raises OSError if that can't be found out."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _unusable(path: Path, what: str, error: OSError) -> JournalUnusable:
    return JournalUnusable(f"{path} can't be {what}: {error.strerror or type(error).__name__}")


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Opens the file, makes it if it is missing, and locks it. Raises OSError, TimeoutError, JournalUnusable."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, OWNERS_ONLY)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise JournalUnusable(f"{path} is not a regular file. Name a file or a folder")
            _lock(descriptor, deadline)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    yield descriptor
                    return
            # The file was moved away meanwhile: its lines would not be found there.
        finally:
            os.close(descriptor)


def _lock(descriptor: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(0, f"another process has locked it for {LOCK_SECONDS:g} seconds") from None
            time.sleep(BETWEEN_TRIES_SECONDS)
        else:
            return


def _separated(descriptor: int, size: int, revocations: Sequence[Revocation]) -> bytes:
    """The lines to append. A damaged end of the file gets a line break first, so that it damages no new line."""
    if size == 0:
        return encode(revocations, number=FIRST, after="")
    start = max(0, size - LINE_BYTES_AT_MOST)
    end = os.pread(descriptor, size - start, start)
    try:
        last = decode(_LINE.findall(end)[-1])
        if end.endswith(b"\n"):
            return encode(revocations, number=last.number + 1, after=last.checksum)
    except DamagedLine:
        pass
    lines = _LINE.findall(os.pread(descriptor, size, 0))
    data = encode(revocations, number=len(lines) + FIRST, after=AFTER_DAMAGE)
    return data if end.endswith(b"\n") or not data else b"\n" + data


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size_of_whole_lines(descriptor: int) -> int:
    """The size while nobody is appending, so that a line that is just being written does not look damaged."""
    deadline = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(BETWEEN_TRIES_SECONDS)
        else:
            size = os.fstat(descriptor).st_size
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            return size
    return os.fstat(descriptor).st_size


def _read_lines(data: bytes, path: Path, contents: Contents) -> None:
    """Adds the lines of a file to the contents. Numbers and chain find lines that are missing or out of order."""
    expected, after = FIRST, ""
    for place, text in enumerate(_LINE.findall(data), 1):
        try:
            line = decode(text)
        except DamagedLine as damage:
            contents.damage.append(Damage(path, place, str(damage)))
            expected, after = expected + 1, AFTER_DAMAGE
            continue
        if (fault := _break(line, expected, after)) is not None:
            contents.damage.append(Damage(path, place, fault))
        if not text.endswith(b"\n"):
            contents.damage.append(Damage(path, place, "the line break at its end is missing"))
        contents.revocations.append(line.revocation)
        expected, after = line.number + 1, line.checksum


def _break(line: Line, expected: int, after: str) -> str | None:
    """What is wrong between the line before and this one, or None."""
    if line.number > expected:
        missing = line.number - expected
        return f"{missing} line{' is' if missing == 1 else 's are'} missing before it"
    if line.number < expected:
        return "it is out of order or there twice"
    if AFTER_DAMAGE not in (after, line.after) and line.after != after:
        return "the line before it is not the one that was written"
    return None
