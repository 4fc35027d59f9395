"""A bounded cache without a time to live, in two generations."""

from typing import Generic, TypeVar

Key = TypeVar("Key", bytes, int, str)
Value = TypeVar("Value")


class TwoGenerationCache(Generic[Key, Value]):
    """
    A bounded map in two generations of half the entries each.

    When the young generation is full, it replaces the old one. An entry of the old generation that is read again moves
    to the young one. Keys and values are of types that the garbage collector does not track, such as numbers, booleans
    and tuples of these: there may be hundreds of thousands.
    """

    def __init__(self, entries: int) -> None:
        self._half = max(1, entries // 2)
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Key) -> Value | None:
        """The value, which is not None itself, or None."""
        found = self._young.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Remembers a value."""
        if len(self._young) >= self._half and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def forget(self, key: Key) -> None:
        """Drops a value."""
        self._young.pop(key, None)
        self._old.pop(key, None)
