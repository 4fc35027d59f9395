"""Owns the memo: a bounded map of what was found, without a time to live."""

from typing import Generic, TypeVar

Key = TypeVar("Key", bytes, int, str)


class Memo(Generic[Key]):
    """
    A bounded map of digests or ids to what was found, in two generations: when the young one is full it becomes the
    old one, and what is still asked for moves over. Its entries are bytes, numbers or texts, and booleans, which the
    collector does not track.
    """

    def __init__(self, entries: int) -> None:
        self._half = max(1, entries // 2)
        self._young: dict[Key, bool] = {}
        self._old: dict[Key, bool] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, digest: Key) -> bool | None:
        """What was found, or None."""
        found = self._young.get(digest)
        if found is None and (found := self._old.pop(digest, None)) is not None:
            self.put(digest, found)
        return found

    def put(self, digest: Key, found: bool) -> None:
        """Remembers it."""
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[digest] = found

    def forget(self, digest: Key) -> None:
        """As if it had never been found."""
        self._young.pop(digest, None)
        self._old.pop(digest, None)
