"""The script in Redis counts as `keys.limits.sliding_window` does, from any state and for any batch."""

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple, cast

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.limits.redis_connection import NAME_BYTES, NAMELESS, NOT_KNOWN, SCRIPT
from keys.limits.sliding_window import EMPTY, Window, incremented, pruned, resets_in, retry_after_ms
from tests.support.servers.redis_server import RedisServer, running_redis

PREFIX = "limits"
NAME = b"a name.."
MONTH, MONTH_BEFORE = 1000, 500
FAR = 2**40
"""Seconds since 1970, later than any clock here."""
PASSED, RATE_LIMIT, QUOTA, UNKNOWN = range(4)
_REQUEST, _HEAD, _ANSWER = Struct(">16sIIIB"), Struct(">8sII"), Struct(">BIIII")


class Asked(NamedTuple):
    """A request in a batch. `written` is the usage in the database; None if the process doesn't send it."""

    key: int
    rate_limit: int = 10
    quota: int = 100
    written: int | None = None
    looks: bool = False


class State(NamedTuple):
    """The stored state of a key: its usage of the quota, and its window."""

    used: int
    window: Window


class ScriptAnswer(NamedTuple):
    """The script's answer; `answers` is None if the script counted nothing."""

    name: bytes
    at: int
    answers: list[tuple[int, ...]] | None


def key_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def packed(state: State) -> bytes:
    """The state as Redis stores it."""
    total, cells = state.window
    return Struct(f">{2 + len(cells)}I").pack(state.used, total, *cells)


def unpacked(text: bytes) -> State:
    used, total, *cells = Struct(f">{len(text) // 4}I").unpack(text)
    return State(used, (total, tuple(cells)))


class Script:
    """The script in a Redis of its own."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._script = client.register_script(SCRIPT)

    def reset(self, states: Mapping[int, State], before: Mapping[int, State] = {}) -> None:
        """Redis holds only these states, of this month and of the month before."""
        self._client.flushall()
        self._client.set(f"{PREFIX}:memory", NAME)
        for month, those in ((MONTH, states), (MONTH_BEFORE, before)):
            if those:
                self._client.hset(
                    f"{PREFIX}:{month}", mapping={key_id(key): packed(state) for key, state in those.items()}
                )

    def ask(self, *batch: Asked, end: int = FAR, start: int = MONTH, name: bytes = NAME) -> ScriptAnswer:
        """Runs the script with a batch of requests."""
        requests = b"".join(
            _REQUEST.pack(
                key_id(each.key),
                each.rate_limit,
                each.quota,
                NOT_KNOWN if each.written is None else each.written,
                each.looks,
            )
            for each in batch
        )
        answer = self._script(keys=[PREFIX], args=[start, end, MONTH_BEFORE, name, requests])
        found, seconds, milliseconds = _HEAD.unpack_from(answer)
        answers = list(_ANSWER.iter_unpack(answer[_HEAD.size :])) if len(answer) > _HEAD.size else None
        return ScriptAnswer(found, seconds * 1000 + milliseconds, answers)

    @property
    def states(self) -> dict[int, State]:
        """The stored states of this month."""
        found = cast("dict[bytes, bytes]", self._client.hgetall(f"{PREFIX}:{MONTH}"))
        return {int.from_bytes(each, "big"): unpacked(text) for each, text in found.items()}

    @property
    def second(self) -> int:
        """The second on Redis's clock."""
        second: int = self._client.time()[0]
        return second


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def script(running: RedisServer) -> Iterator[Script]:
    with redis.Redis(port=running.port) as client:
        yield Script(client)


def expected(
    states: Mapping[int, State], before: Mapping[int, State], batch: Sequence[Asked], at: int
) -> tuple[list[tuple[int, ...]], dict[int, State]]:
    """The expected answers to the batch, processed in order at that moment, and the expected states afterwards."""
    now = {key: State(state.used, pruned(state.window, at)) for key, state in states.items()}
    answers: list[tuple[int, ...]] = []
    for each in batch:
        state = now.get(each.key)
        if state is None and each.written is not None:
            state = State(each.written, pruned(before[each.key].window if each.key in before else EMPTY, at))
        if state is None:
            answers.append((UNKNOWN, 0, 0, 0, 0))
            continue
        used, window = max(state.used, each.written or 0), state.window
        wait = 0
        if window[0] >= each.rate_limit:
            verdict, wait = RATE_LIMIT, retry_after_ms(window, each.rate_limit, at)
        elif used >= each.quota:
            verdict = QUOTA
        else:
            verdict = PASSED
            if not each.looks:
                used, window = used + 1, incremented(window, at)
        now[each.key] = State(used, window)
        answers.append((verdict, max(0, each.rate_limit - window[0]), resets_in(window, at), wait, used))
    return answers, now


offsets = st.integers(-70, 3) | st.sampled_from((-3600, 3600, 10**6))
used = st.integers(0, 12) | st.just(2**32 - 2)
found = st.dictionaries(
    st.integers(0, 3), st.tuples(used, st.dictionaries(offsets, st.integers(1, 4), max_size=6)), max_size=4
)
small = st.integers(1, 12) | st.just(2**31 - 1)
batches = st.lists(
    st.builds(Asked, st.integers(0, 3), small, small, st.none() | st.integers(0, 12), st.booleans()),
    min_size=1,
    max_size=25,
)
Found = dict[int, tuple[int, dict[int, int]]]
"""The usage and the buckets of each key; a bucket is in seconds from now."""


def states_at(second: int, found: Found) -> dict[int, State]:
    """The states with their windows relative to this second."""
    states = {}
    for key, (used, cells) in found.items():
        window = tuple(part for offset, count in sorted(cells.items()) for part in (second + offset, count))
        states[key] = State(used, (sum(cells.values()), window))
    return states


@given(found, found, batches)
@settings(max_examples=150, deadline=None)
def test_it_counts_as_the_rules_say(script: Script, found: Found, found_before: Found, batch: list[Asked]) -> None:
    """From any state, with repeated keys, clocks that were set back, and usage from the database."""
    second = script.second
    states, before = states_at(second, found), states_at(second, found_before)
    script.reset(states, before)

    told = script.ask(*batch)

    answers, after = expected(states, before, batch, told.at)
    kept = script.states
    assert told.answers == answers
    assert {key: State(used, pruned(window, told.at)) for key, (used, window) in kept.items()} == after
    # Windows end at the current time, also for refused keys: a clock that was set back locks nobody out.
    newest = [kept[each.key].window[1][-2] for each in batch if each.key in kept and kept[each.key].window[1]]
    assert all(cell * 1000 <= told.at for cell in newest)


def test_what_is_counted_later_is_counted_on(script: Script) -> None:
    """Each batch continues from the state that the previous one left."""
    script.reset({})
    first = script.ask(*[Asked(1, 5, 100, 7)] * 3)
    second = script.ask(*[Asked(1, 5, 100)] * 3)

    assert [answer[0] for answer in first.answers or ()] == [PASSED] * 3
    assert [answer[0] for answer in second.answers or ()] == [PASSED, PASSED, RATE_LIMIT]
    assert script.states[1].used == 12


def test_reported_usage_raises_the_count_and_never_lowers_it(script: Script) -> None:
    """The reported usage may be old."""
    script.reset({1: State(50, EMPTY)})

    told = [script.ask(Asked(1, written=written, looks=True)).answers for written in (40, 60, None, 0)]

    assert [answers[0][4] for answers in told if answers] == [50, 60, 60, 60]


def test_to_look_changes_nothing_but_what_is_told(script: Script) -> None:
    """A peek leaves an unknown key unknown; one that brings the usage stores the key, with its old window."""
    script.reset({}, {1: State(90, (2, (script.second, 2)))})

    unknown = script.ask(Asked(1, looks=True), Asked(2, looks=True))
    none = script.states
    told = script.ask(Asked(1, written=3, looks=True))

    assert unknown.answers == [(UNKNOWN, 0, 0, 0, 0)] * 2
    assert none == {}
    assert told.answers is not None
    assert (told.answers[0][1], told.answers[0][4]) == (8, 3)
    assert script.states[1].used == 3


@pytest.mark.parametrize(
    "other", [{"name": b"another."}, {"name": NAMELESS}, {"end": MONTH + 1}, {"start": FAR, "end": FAR + 1}]
)
def test_a_caller_with_another_epoch_or_month_counts_nothing(script: Script, other: dict[str, int | bytes]) -> None:
    """The answer has only the epoch and the time."""
    script.reset({1: State(0, EMPTY)})

    told = script.ask(Asked(1, written=5), Asked(2, written=5), **other)  # type: ignore[arg-type]

    assert (told.name, told.answers) == (NAME, None)
    assert told.at // 1000 in (script.second, script.second - 1)
    assert script.states == {1: State(0, EMPTY)}


def test_without_an_epoch_nothing_is_counted(script: Script) -> None:
    """Also for a caller that sends the empty epoch."""
    script.reset({1: State(0, EMPTY)})
    script._client.delete(f"{PREFIX}:memory")

    told = [script.ask(Asked(1)), script.ask(Asked(1), name=b"another.")]

    assert [(each.name, each.answers) for each in told] == [(NAMELESS, None)] * 2
    assert len(NAMELESS) == NAME_BYTES
    assert script.states == {1: State(0, EMPTY)}


def test_the_month_before_is_read_for_its_window_alone(script: Script) -> None:
    """The month before stays unchanged."""
    second = script.second
    script.reset({}, {1: State(99, (7, (second - 100, 3, second - 1, 4)))})

    told = script.ask(Asked(1, 10, 100, 0))

    assert told.answers is not None
    assert told.answers[0][:2] == (PASSED, 5)
    assert told.answers[0][4] == 1
    assert script.states[1].window[0] == 5


def test_numbers_as_large_as_limits_may_be(script: Script) -> None:
    """The counts are exact."""
    script.reset({1: State(2**31 - 2, EMPTY)})

    told = script.ask(*[Asked(1, 2**31 - 1, 2**31 - 1)] * 2, Asked(2, 2**31 - 1, 2**31 - 1, 2**32 - 2))

    assert told.answers is not None
    assert [(each[0], each[1], each[4]) for each in told.answers] == [
        (PASSED, 2**31 - 2, 2**31 - 1),
        (QUOTA, 2**31 - 2, 2**31 - 1),
        (QUOTA, 2**31 - 1, 2**32 - 2),
    ]
