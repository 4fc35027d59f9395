"""The newest lines of the revocation journal, read little by little. Everything here blocks."""

import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from models.revocations.journal import Journal, JournalUnusable
from models.revocations.line import DamagedLine, Revocation, decode

RECENT = timedelta(hours=1)
"""What a failover or a crash can have lost, unless a standby lags for longer."""
BYTES_AT_MOST = 256 * 1024
"""More than a thousand lines."""


class RecentLines:
    """The lines since an instant. A read takes only what was appended to each file since the read before."""

    def __init__(self, journal: Journal, *, bytes_at_most: int = BYTES_AT_MOST) -> None:
        """The first read takes the last `bytes_at_most` of each file."""
        self._journal = journal
        self._bytes_at_most = bytes_at_most
        self._read_up_to: dict[Path, int] = {}
        self._lines: list[Revocation] = []

    def read(self, *, since: datetime) -> list[Revocation]:
        """The whole lines that were written since then. Raises JournalUnusable."""
        for path in self._journal.files:
            try:
                added = self._added(path)
            except OSError as error:
                raise JournalUnusable(f"{path} can't be read: {error.strerror or type(error).__name__}") from None
            for text in added.split(b"\n"):
                with suppress(DamagedLine):  # the first one is usually cut by where the reading begins
                    self._lines.append(decode(text).revocation)
        self._lines = [each for each in self._lines if each.at >= since]
        return list(self._lines)

    def _added(self, path: Path) -> bytes:
        """What was appended to the file, up to its last line break. A file that became shorter is another one."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = self._read_up_to.get(path, 0)
            start = max(0 if start > size else start, size - self._bytes_at_most)
            file.seek(start)
            whole = file.read(size - start).rpartition(b"\n")[0]
        self._read_up_to[path] = start + len(whole) + (1 if whole else 0)
        return whole
