"""A bounded cache of findings, without a time to live."""

from typing import Generic, TypeVar

Key = TypeVar("Key", bytes, int, str)


class Memo(Generic[Key]):
    """
    Maps digests or ids to booleans, in two generations of half the entries each.

    When the young generation is full, it replaces the old one. An entry of the old generation that is read again moves
    to the young one. Keys and values are of types that the garbage collector does not track, which keeps it fast.
    """

    def __init__(self, entries: int) -> None:
        self._half = max(1, entries // 2)
        self._young: dict[Key, bool] = {}
        self._old: dict[Key, bool] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, digest: Key) -> bool | None:
        """The remembered finding, or None."""
        found = self._young.get(digest)
        if found is None and (found := self._old.pop(digest, None)) is not None:
            self.put(digest, found)
        return found

    def put(self, digest: Key, found: bool) -> None:
        """Remembers a finding."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[digest] = found

    def forget(self, digest: Key) -> None:
        """Removes the entry, if there is one."""
        self._young.pop(digest, None)
        self._old.pop(digest, None)
