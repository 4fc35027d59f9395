"""
Keeps room on the disk behind the end of a file, so that a line that must follow has room on a disk that is full.

Linux does this on ext4, XFS, Btrfs and tmpfs, and on NFS of version 4.2. Elsewhere nothing is kept.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache

_SIZE_STAYS = 1
"""FALLOC_FL_KEEP_SIZE: readers don't see the room."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def keep_room(descriptor: int, start: int, length: int) -> None:
    """Keeps this many bytes of the disk for the file, from this place on. Raises OSError if there is no such room."""
    allocate = _allocator()
    if allocate is None or allocate(descriptor, _SIZE_STAYS, start, length) == 0:
        return
    if (code := ctypes.get_errno()) in _NO_ROOM:
        raise OSError(code, os.strerror(code))


@cache
def _allocator() -> Callable[[int, int, int, int], int] | None:
    """The system's fallocate(), which Python's os module does not have. None if the system has none either."""
    library = ctypes.CDLL(None, use_errno=True)
    function = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if function is None:
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    function.restype = ctypes.c_int
    found: Callable[[int, int, int, int], int] = function
    return found
