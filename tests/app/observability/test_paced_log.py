"""The paced log writes a limited number of lines, and counts the events that it leaves out."""

import pytest

from app.observability.paced_log import KINDS_AT_MOST, Paced, more_words


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """A clock at 0 seconds."""
    return Watch()


def test_of_a_thousand_of_a_kind_a_few_are_written_and_the_next_line_counts_the_rest(watch: Watch) -> None:
    """The next period has new lines, and the first one has the number left out."""
    paced = Paced(of_a_kind=3, in_all=100, every_seconds=60, clock=watch)

    first = [paced.admits("a") for _ in range(1000)]
    watch.seconds = 60
    second = [paced.admits("a") for _ in range(2)]

    assert first == [0, 0, 0] + [None] * 997
    assert second == [997, 0]
    assert more_words(997) == " (and 997 more before)"
    assert more_words(0) == ""


def test_many_kinds_share_a_bound(watch: Watch) -> None:
    """More kinds get neither more lines nor more memory. The number left out is reported once."""
    paced = Paced(of_a_kind=3, in_all=10, every_seconds=60, clock=watch)

    written = [paced.admits(number) for number in range(5 * KINDS_AT_MOST)]

    assert sum(each is not None for each in written) == 10
    assert len(paced._left_out) <= KINDS_AT_MOST
    assert paced.take_left_out() == 5 * KINDS_AT_MOST - 10
    assert paced.take_left_out() == 0


def test_one_kind_leaves_room_for_another(watch: Watch) -> None:
    """A flood of one kind leaves lines for another."""
    paced = Paced(of_a_kind=3, in_all=10, every_seconds=60, clock=watch)
    for _ in range(1000):
        paced.admits("flood")

    assert paced.admits("other") == 0
