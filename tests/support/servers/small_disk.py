"""A disk of a few megabytes, which a test can fill: a tmpfs of its own."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

MISSING = (
    "This test needs a disk of its own: run it as root, or as somebody who may use sudo without a password, where "
    "file systems may be mounted"
)
FILLED_AT_ONCE = (1024 * 1024, 4096)
"""First in large pieces, then the rest page by page."""


class SmallDisk:
    """A file system that only the test uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leaves no room: from now on, no file can grow, except within its last 4096 bytes. May be called again."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in FILLED_AT_ONCE:
                while _is_written(filler.fileno(), bytes(size)):
                    pass

    def free(self) -> None:
        """Gives the room back."""
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int, *, owner: str | None = None) -> Iterator[SmallDisk]:
    """
    Mounts it at the folder, which it creates; with an owner, only that user can use it.

    Skips the test if file systems may not be mounted; in CI the test fails.
    """
    folder.mkdir()
    whose = ["mode=0700"] if owner is None else ["mode=0700", f"uid={owner}", f"gid={owner}"]
    options = ",".join([f"size={megabytes}m", *whose])
    if not _as_root("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)):
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    try:
        yield SmallDisk(folder)
    finally:
        _as_root("umount", "--lazy", str(folder))


def _is_written(descriptor: int, data: bytes) -> bool:
    try:
        return os.write(descriptor, data) > 0
    except OSError:
        return False


def _as_root(*command: str) -> bool:
    by_sudo: Sequence[str] = () if os.getuid() == 0 else ("sudo", "-n")
    try:
        done = subprocess.run([*by_sudo, *command], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0
