"""Usage that a process has counted and not yet written: nothing is lost or counted twice, and all of it is bounded."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keys.usage.buffer
from keys.limits.sliding_window import Month, month_of, to_ms
from keys.outcomes import Outcome
from keys.usage.buffer import (
    HOUR_MS,
    KEYS_A_BATCH,
    OF_A_KEY_UNTIL_CROWDED,
    REFUSED_A_BATCH,
    REFUSED_AT_MOST,
    REFUSED_OF_A_KEY_AT_MOST,
    REFUSED_WITHOUT_A_KEY_AT_MOST,
    WITHOUT_A_KEY_UNTIL_CROWDED,
    Sender,
    UsageBuffer,
)
from models.usage.caller import KEPT_OF_A_KEY as CALLERS_KEPT
from models.usage.store import Batch, KeyCounts, Refused, SeenCaller

KEY, OTHER = "0" * 31 + "1", "0" * 31 + "2"
NOON = to_ms(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
NOVEMBER = month_of(NOON)
DECEMBER = month_of(NOVEMBER.end * 1000)
CURL = Sender("203.0.113.7", b"curl/8.5.0")
KINDS = (
    Outcome.GOOD,
    Outcome.RATE_LIMITED,
    Outcome.QUOTA_EXCEEDED,
    Outcome.AGENT_NOT_IN_SCOPE,
    Outcome.DELETED_KEY,
    Outcome.REPLACED_SECRET,
)


@pytest.fixture
def buffer() -> UsageBuffer:
    return UsageBuffer()


def key(number: int) -> str:
    return f"{number:032x}"


def refused(number: int, key_id: str | None = KEY) -> Refused:
    """A refused request, identified by its id."""
    return Refused(f"{number:032x}", key_id, "rate_limited", NOON, "203.0.113.7", "curl/8.5.0", None, None)


def refuse_without_a_key(buffer: UsageBuffer, numbers: range) -> None:
    for number in numbers:
        if buffer.takes_without_a_key:
            buffer.add_refusal(refused(number, None))


def batches(buffer: UsageBuffer) -> list[Batch]:
    """All waiting batches, as the usage recorder takes them."""
    found = []
    is_sealed = False
    while not is_sealed:
        is_sealed = buffer.flush_to_queue()
        while (batch := buffer.next_batch()) is not None:
            found.append(batch)
    return found


def numbers_of(found: list[Batch]) -> list[int]:
    """The numbers of refused requests, in the order in which they are written."""
    return [int(each.request_id, 16) for batch in found for each in batch.refused]


def test_each_outcome_is_counted_by_itself(buffer: UsageBuffer) -> None:
    """In the hour and the month of the request; only a request that passed counts as a use."""
    for times, outcome in enumerate(KINDS, 1):
        for _ in range(times):
            buffer.count(KEY, outcome, NOON + 123 + times, CURL)
    buffer.count(OTHER, Outcome.DELETED_KEY, NOON, CURL)

    [batch] = batches(buffer)

    assert batch.counts == [
        KeyCounts(KEY, NOON // 1000, NOVEMBER.start, 1, 2, 3, 4, 5, 6, NOON + 124, None),
        KeyCounts(OTHER, NOON // 1000, NOVEMBER.start, 0, 0, 0, 0, 1, 0, None, None),
    ]
    assert batch.callers == [SeenCaller(KEY, "203.0.113.7", "curl/8.5.0", NOON + 124, NOON + 124, 1)]


def test_the_last_use_of_a_replaced_secret_is_told_from_that_of_the_new_one(buffer: UsageBuffer) -> None:
    """Both are uses of the key."""
    buffer.count(KEY, Outcome.GOOD, NOON, CURL, by_previous_secret=True)
    buffer.count(KEY, Outcome.GOOD, NOON + 5, CURL, by_previous_secret=True)
    buffer.count(KEY, Outcome.GOOD, NOON + 9, CURL)

    [batch] = batches(buffer)

    assert (batch.counts[0].allowed, batch.counts[0].last_used) == (3, NOON + 9)
    assert batch.counts[0].previous_secret_last_used == NOON + 5


def test_hours_and_months_are_told_apart_to_the_millisecond(buffer: UsageBuffer) -> None:
    """Each has its own row, in its own batch, in chronological order."""
    turn = NOVEMBER.end * 1000
    for at in (turn - HOUR_MS, turn - 1, turn, turn, turn + HOUR_MS - 1, turn + HOUR_MS):
        buffer.count(KEY, Outcome.GOOD, at, CURL)

    found = batches(buffer)

    assert [(row.hour, row.month, row.allowed) for batch in found for row in batch.counts] == [
        (NOVEMBER.end - 3600, NOVEMBER.start, 2),
        (NOVEMBER.end, DECEMBER.start, 3),
        (NOVEMBER.end + 3600, DECEMBER.start, 1),
    ]


def test_many_keys_are_written_some_at_a_time(buffer: UsageBuffer) -> None:
    """All of them, each once."""
    many = [key(number) for number in range(2 * KEYS_A_BATCH + 1)]
    for key_id in many:
        buffer.count(key_id, Outcome.GOOD, NOON, CURL)

    found = batches(buffer)

    assert [len(batch.counts) for batch in found] == [KEYS_A_BATCH, KEYS_A_BATCH, 1]
    assert [row.key_id for batch in found for row in batch.counts] == many
    assert len(buffer) == 0


def test_what_comes_later_waits_for_the_next_time(buffer: UsageBuffer) -> None:
    """While batches remain from the last time, no new ones are made; later counts add up in the buffer."""
    buffer.count(KEY, Outcome.GOOD, NOON, CURL)
    buffer.add_refusal(refused(1))

    assert buffer.flush_to_queue()
    for number in range(2, 5):
        buffer.count(KEY, Outcome.GOOD, NOON, CURL)
        buffer.add_refusal(refused(number))
        assert not buffer.flush_to_queue()
    first = buffer.next_batch()
    assert buffer.next_batch() is None
    assert buffer.flush_to_queue()
    second = buffer.next_batch()

    assert first is not None
    assert second is not None
    assert [row.allowed for row in (*first.counts, *second.counts)] == [1, 3]
    assert numbers_of([first]) == [1]
    assert numbers_of([second]) == [2, 3, 4]
    assert not batches(buffer)


TURN = NOVEMBER.end * 1000
moments = st.sampled_from((TURN - HOUR_MS, TURN - 1, TURN, TURN + HOUR_MS))
steps = st.lists(
    st.tuples(st.sampled_from((KEY, OTHER, key(3))), moments) | st.sampled_from(("seal", "batch")), max_size=80
)


@given(steps, st.integers(1, 3))
def test_what_is_in_no_batch_yet_is_known_at_any_moment(steps: list[tuple[str, int] | str], keys_a_batch: int) -> None:
    """For each key and month, batches and the buffer together have all that passed, also right after a request."""
    buffer = UsageBuffer()
    passed: Counter[tuple[str, Month]] = Counter()
    taken: Counter[tuple[str, int]] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys.usage.buffer, "KEYS_A_BATCH", keys_a_batch)
        for step in steps:
            of_last: set[str] = set()
            if step == "seal":
                buffer.flush_to_queue()
            elif step == "batch":
                batch = buffer.next_batch()
                for row in () if batch is None else batch.counts:
                    assert row.key_id not in of_last
                    of_last.add(row.key_id)
                    taken[row.key_id, row.month] += row.allowed
            elif not isinstance(step, str):
                key_id, at = step
                buffer.count(key_id, Outcome.GOOD, at, CURL)
                passed[key_id, month_of(at)] += 1

            for month in (NOVEMBER, DECEMBER):
                unwritten = buffer.unwritten({KEY, OTHER, key(3)}, month)
                for key_id in (KEY, OTHER, key(3)):
                    assert taken[key_id, month.start] + unwritten.get(key_id, 0) == passed[key_id, month]
                assert buffer.unwritten(of_last, month, of_last_batch=True) == {
                    key_id: number for key_id, number in unwritten.items() if key_id in of_last
                }


def test_the_newest_callers_of_a_key_are_kept(buffer: UsageBuffer) -> None:
    """By last use, each with its first and last time and its count."""
    senders = [Sender(f"192.0.2.{number}", b"curl") for number in range(CALLERS_KEPT + 5)]
    for place, sender in enumerate(senders):
        buffer.count(KEY, Outcome.GOOD, NOON + place, sender)
        buffer.count(KEY, Outcome.GOOD, NOON + place, senders[0])

    [batch] = batches(buffer)

    kept = {each.ip_address: each for each in batch.callers}
    assert kept.keys() == {senders[0].ip_address, *(sender.ip_address for sender in senders[-CALLERS_KEPT + 1 :])}
    assert kept["192.0.2.0"][3:] == (NOON, NOON + len(senders) - 1, len(senders) + 1)
    assert kept["192.0.2.20"][3:] == (NOON + 20, NOON + 20, 1)
    assert batch.counts[0].allowed == 2 * len(senders)


def test_callers_that_are_kept_as_the_same_are_one(buffer: UsageBuffer) -> None:
    """User agents that differ only in characters that are not stored; an unknown one is an empty text."""
    for place, sent in enumerate((b"curl\x00", b"curl", b"cu\x01rl")):
        buffer.count(KEY, Outcome.GOOD, NOON + place, Sender("203.0.113.7", sent))
    buffer.count(KEY, Outcome.GOOD, NOON, Sender(None, b""))
    buffer.count(OTHER, Outcome.GOOD, NOON, Sender("203.0.113.7", b"curl"))

    [batch] = batches(buffer)

    assert sorted(batch.callers) == [
        SeenCaller(KEY, "", "", NOON, NOON, 1),
        SeenCaller(KEY, "203.0.113.7", "curl", NOON, NOON + 2, 3),
        SeenCaller(OTHER, "203.0.113.7", "curl", NOON, NOON, 1),
    ]


def test_who_was_refused_is_no_caller(buffer: UsageBuffer) -> None:
    """Whatever the reason."""
    for outcome in KINDS[1:]:
        buffer.count(KEY, outcome, NOON, CURL)

    [batch] = batches(buffer)

    assert (batch.callers, batch.keys_with_new_callers) == ([], [])


def test_keys_with_callers_never_seen_are_named(buffer: UsageBuffer) -> None:
    """Only those may now have too many."""
    buffer.count(KEY, Outcome.GOOD, NOON, CURL)
    buffer.count(OTHER, Outcome.GOOD, NOON, CURL)
    [first] = batches(buffer)
    buffer.count(KEY, Outcome.GOOD, NOON, CURL)
    buffer.count(OTHER, Outcome.GOOD, NOON, Sender("203.0.113.8", CURL.user_agent))
    [second] = batches(buffer)

    assert set(first.keys_with_new_callers) == {KEY, OTHER}
    assert second.keys_with_new_callers == [OTHER]


def test_of_a_key_with_more_callers_than_are_kept_hardly_any_counts_as_known(buffer: UsageBuffer) -> None:
    """They may have been deleted since; otherwise all would stay for as long as they come in turn."""
    named = 0
    for _ in range(5):
        for number in range(5 * CALLERS_KEPT):
            buffer.count(KEY, Outcome.GOOD, NOON, Sender(f"192.0.2.{number}", b"curl"))
            buffer.count(OTHER, Outcome.GOOD, NOON, CURL)
            [batch] = batches(buffer)
            named += KEY in batch.keys_with_new_callers

    assert named == 5 * 5 * CALLERS_KEPT - 4 * CALLERS_KEPT


def test_of_a_keys_refused_requests_the_newest_wait(buffer: UsageBuffer) -> None:
    """In order; dropped ones are counted, and other keys' are not affected."""
    buffer.add_refusal(refused(0, OTHER))
    for number in range(1, REFUSED_OF_A_KEY_AT_MOST + 101):
        buffer.add_refusal(refused(number))

    found = batches(buffer)

    assert numbers_of(found) == [0, *range(101, REFUSED_OF_A_KEY_AT_MOST + 101)]
    assert buffer.dropped == {"counts": 0, "refused": 100, "refused_without_a_key": 0, "callers": 0}


def test_those_without_a_key_never_displace_those_of_keys(buffer: UsageBuffer) -> None:
    """Nor the other way round: each kind has its own bound, and drops are counted by kind."""
    refuse_without_a_key(buffer, range(10_000))
    for number in range(REFUSED_AT_MOST + 50):
        buffer.add_refusal(refused(number, key(number)))

    found = batches(buffer)

    without = [each for batch in found for each in batch.refused if each.key_id is None]
    of_keys = [each for batch in found for each in batch.refused if each.key_id is not None]
    assert (len(without), len(of_keys)) == (REFUSED_WITHOUT_A_KEY_AT_MOST, REFUSED_AT_MOST)
    assert buffer.dropped == {"counts": 0, "refused": 50, "refused_without_a_key": 9500, "callers": 0}
    assert max(len(batch.refused) for batch in found) == REFUSED_A_BATCH


def test_after_a_while_there_is_room_again(buffer: UsageBuffer) -> None:
    """Written requests make room, of each kind."""
    for number in range(3 * REFUSED_OF_A_KEY_AT_MOST):
        buffer.add_refusal(refused(number))
    refuse_without_a_key(buffer, range(2 * REFUSED_WITHOUT_A_KEY_AT_MOST))
    batches(buffer)
    dropped = dict(buffer.dropped)

    buffer.add_refusal(refused(7))
    refuse_without_a_key(buffer, range(8, 9))

    assert sorted(numbers_of(batches(buffer))) == [7, 8]
    assert buffer.dropped == dropped


def test_keys_that_may_have_too_many_refused_requests_are_named_now_and_then(buffer: UsageBuffer) -> None:
    """So that only some batches have to look for excess rows."""
    named = []
    for number in range(3 * OF_A_KEY_UNTIL_CROWDED):
        buffer.add_refusal(refused(number))
        buffer.add_refusal(refused(number, key(1000 + number)))
        named += [batch.crowded_keys for batch in batches(buffer)]

    assert [keys for keys in named if keys] == [[KEY]] * 3
    assert named[OF_A_KEY_UNTIL_CROWDED - 1] == [KEY]


def test_too_many_without_a_key_are_told_now_and_then(buffer: UsageBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number of requests, not of batches."""
    monkeypatch.setattr(keys.usage.buffer, "WITHOUT_A_KEY_UNTIL_CROWDED", 1000)
    told = []
    for _ in range(6):
        refuse_without_a_key(buffer, range(REFUSED_WITHOUT_A_KEY_AT_MOST))
        told += [batch.is_crowded for batch in batches(buffer)]

    assert told == [False, True] * 3
    assert WITHOUT_A_KEY_UNTIL_CROWDED > 1000


def test_counts_of_too_many_keys_are_dropped_and_counted(buffer: UsageBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of keys that are already there continue."""
    monkeypatch.setattr(keys.usage.buffer, "KEYS_AT_MOST", 10)
    for number in range(15):
        buffer.count(key(number), Outcome.GOOD, NOON, CURL)
        buffer.count(key(0), Outcome.GOOD, NOON, CURL)

    [batch] = batches(buffer)

    assert [row.allowed for row in batch.counts] == [16] + [1] * 9
    assert buffer.dropped["counts"] == 5
    buffer.count(key(11), Outcome.GOOD, NOON, CURL)
    assert len(batches(buffer)) == 1


def test_while_nothing_can_be_written_as_much_waits_as_there_are_keys(buffer: UsageBuffer) -> None:
    """However often writing is tried: nothing is dropped, and memory does not grow with time."""
    buffer.count(KEY, Outcome.GOOD, NOON, CURL)
    buffer.flush_to_queue()
    for _ in range(1000):
        buffer.count(KEY, Outcome.GOOD, NOON, CURL)
        buffer.count(OTHER, Outcome.GOOD, NOON, CURL)
        buffer.flush_to_queue()

    assert len(buffer) == 3
    assert buffer.unwritten({KEY, OTHER}, NOVEMBER) == {KEY: 1001, OTHER: 1000}


def test_its_length_is_what_waits(buffer: UsageBuffer) -> None:
    """Keys with counts, and refused requests of all kinds, in batches or not."""
    buffer.count(KEY, Outcome.GOOD, NOON, CURL)
    buffer.add_refusal(refused(1))
    refuse_without_a_key(buffer, range(2))
    assert len(buffer) == 4

    buffer.flush_to_queue()
    buffer.count(KEY, Outcome.GOOD, NOON, CURL)
    assert len(buffer) == 5

    buffer.next_batch()
    assert len(buffer) == 1
