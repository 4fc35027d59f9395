"""The cache in two generations: its size, and which entries it keeps."""

from hypothesis import given
from hypothesis import strategies as st

from keys.cache import TwoGenerationCache


@given(st.lists(st.integers(0, 12)), st.integers(0, 6))
def test_a_cache_keeps_what_is_asked_for(asked: list[int], entries: int) -> None:
    """The cache never exceeds its size, has no wrong entry, and always has the half of its size requested last."""
    memo = TwoGenerationCache[bytes, bool](entries)
    recent: list[int] = []

    for number in asked:
        digest = bytes([number])
        found = memo.get(digest)
        assert found in {None, number % 2 == 0}
        if number in recent[: max(1, entries // 2)]:
            assert found is not None
        if found is None:
            memo.put(digest, number % 2 == 0)
        recent = [number, *(each for each in recent if each != number)]
        assert len(memo) <= max(2, entries)
