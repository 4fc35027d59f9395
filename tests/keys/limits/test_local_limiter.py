"""The limiter of one process: exact for its own requests, and corrected by the usage in the database."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Final

import pytest

from keys.limits.limiter import Decision, DryRunLimiter, Exceeded, LimiterUnavailable
from keys.limits.local_limiter import LocalLimiter
from keys.limits.sliding_window import Limits, LimitStatus, Month, month_of, to_ms
from keys.outcomes import Outcome
from models.key_lookup import DatabaseUnavailable
from tests.conftest import Clock
from tests.support.usage.usage_stores import FakeMonthlyUsage

KEY, OTHER = "0" * 31 + "1", "0" * 31 + "2"
PASSED: Final = None
RATE_LIMIT: Final = Outcome.RATE_LIMITED
QUOTA: Final = Outcome.QUOTA_EXCEEDED
MANY = 1_000_000


@pytest.fixture
def written() -> FakeMonthlyUsage:
    return FakeMonthlyUsage()


@pytest.fixture
def limiter(written: FakeMonthlyUsage, clock: Clock) -> LocalLimiter:
    return LocalLimiter(written, clock=clock)


def month(clock: Clock) -> Month:
    return month_of(to_ms(clock.now))


async def take(limiter: LocalLimiter, limits: Limits, times: int, key_id: str = KEY) -> Counter[Exceeded | None]:
    """The results of this many requests at the same time."""
    decisions = await asyncio.gather(*(limiter.consume(key_id, limits) for _ in range(times)))
    return Counter(each.exceeded for each in decisions)


async def test_exactly_the_limit_passes_of_many_at_once(limiter: LocalLimiter) -> None:
    """Also while the usage recorder reads the month for the first time."""
    limits = Limits(10, MANY)

    assert await take(limiter, limits, 100) == {PASSED: 10, RATE_LIMIT: 90}
    assert await take(limiter, limits, 100) == {RATE_LIMIT: 100}
    assert await take(limiter, limits, 100, OTHER) == {PASSED: 10, RATE_LIMIT: 90}


async def test_exactly_the_quota_passes_of_many_at_once(
    limiter: LocalLimiter, written: FakeMonthlyUsage, clock: Clock
) -> None:
    """The usage of the month that is already written counts."""
    written.used_by[KEY, month(clock).start] = 93

    assert await take(limiter, Limits(MANY, 100), 50) == {PASSED: 7, QUOTA: 43}
    assert await take(limiter, Limits(MANY, 100), 50, OTHER) == {PASSED: 50}


async def test_a_decision_says_where_the_key_stands(
    limiter: LocalLimiter, written: FakeMonthlyUsage, clock: Clock
) -> None:
    """The remaining requests, the reset times, and the clock."""
    written.used_by[KEY, month(clock).start] = 40
    first = await limiter.consume(KEY, Limits(2, 100))
    clock.advance(seconds=2.5)
    second = await limiter.consume(KEY, Limits(2, 100))
    clock.advance(seconds=20)

    third = await limiter.consume(KEY, Limits(2, 100))

    at = to_ms(clock.now)
    assert first == Decision(PASSED, LimitStatus(1, 60_000, 41, month(clock), at - 22_500))
    assert second == Decision(PASSED, LimitStatus(0, 57_500, 42, month(clock), at - 20_000))
    assert third == Decision(RATE_LIMIT, LimitStatus(0, 37_500, 42, month(clock), at), 37_500)


async def test_over_the_quota_the_wait_is_to_the_months_end(limiter: LocalLimiter, clock: Clock) -> None:
    """To the millisecond."""
    clock.now = datetime(2026, 11, 30, 23, 59, 58, 750_000, tzinfo=UTC)
    await limiter.consume(KEY, Limits(5, 1))

    refused = await limiter.consume(KEY, Limits(5, 1))

    assert (refused.exceeded, refused.retry_in) == (QUOTA, 1250)
    assert refused.status.rate_remaining == 4


async def test_the_rate_limit_is_looked_at_first_and_a_refusal_counts_for_neither(
    limiter: LocalLimiter, clock: Clock
) -> None:
    """If both are exceeded, the rate limit is reported; afterwards, the quota."""
    limits = Limits(3, 3)

    assert await take(limiter, limits, 5) == {PASSED: 3, RATE_LIMIT: 2}
    clock.advance(seconds=60)
    assert await take(limiter, limits, 5) == {QUOTA: 5}
    status = await limiter.peek(KEY, limits)

    assert (status.rate_remaining, status.quota_used) == (3, 3)


async def test_to_look_counts_nothing_and_tells_what_a_request_is_told(limiter: LocalLimiter, clock: Clock) -> None:
    """The status is that of a request, before and after one, with room and without."""
    limits = Limits(2, 100)
    for _ in range(3):
        before = [await limiter.peek(KEY, limits) for _ in range(5)]
        decision = await limiter.consume(KEY, limits)
        clock.advance(milliseconds=1)
        after = await limiter.peek(KEY, limits)

        assert len(set(before)) == 1
        passed = decision.exceeded is None
        assert decision.status.quota_used == before[0].quota_used + passed
        assert after == decision.status._replace(
            at=decision.status.at + 1, rate_resets_in=decision.status.rate_resets_in - 1
        )


async def test_other_limits_hold_with_the_next_request(limiter: LocalLimiter) -> None:
    """Limits below the current usage and above it."""
    assert await take(limiter, Limits(10, 10), 5) == {PASSED: 5}
    assert await take(limiter, Limits(3, 10), 5) == {RATE_LIMIT: 5}
    assert await take(limiter, Limits(10, 4), 5) == {QUOTA: 5}
    assert await take(limiter, Limits(7, 10), 5) == {PASSED: 2, RATE_LIMIT: 3}
    assert await take(limiter, Limits(100, 9), 5) == {PASSED: 2, QUOTA: 3}


async def test_a_new_month_has_its_own_count_and_the_same_window(
    limiter: LocalLimiter, written: FakeMonthlyUsage, clock: Clock
) -> None:
    """The usage of the new month is read; nobody gets a second window at the turn of the month."""
    limits = Limits(5, 6)
    clock.now = datetime(2026, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    december = month(clock)
    assert await take(limiter, limits, 3) == {PASSED: 3}

    clock.advance(milliseconds=1)
    written.used_by[KEY, month(clock).start] = 4
    turned = await take(limiter, limits, 3)
    clock.advance(seconds=60)
    later = await take(limiter, limits, 3)

    assert turned == {PASSED: 2, RATE_LIMIT: 1}
    assert later == {QUOTA: 3}
    assert list(dict.fromkeys(written.asked)) == [(KEY, december), (KEY, month(clock))]


async def test_a_month_that_ends_while_its_usage_is_read(
    limiter: LocalLimiter, written: FakeMonthlyUsage, clock: Clock
) -> None:
    """An answer about the old month is not counted for the new one."""
    clock.now = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    written.used_by[KEY, month(clock).start] = 100
    written.answers.clear()
    asking = asyncio.ensure_future(limiter.consume(KEY, Limits(10, 100)))
    await asyncio.sleep(0)
    clock.advance(seconds=2)
    written.answers.set()

    decision = await asking

    assert decision.exceeded is PASSED
    assert (decision.status.quota_used, decision.status.month) == (1, month(clock))


async def test_what_others_have_written_down_is_learned(limiter: LocalLimiter, clock: Clock) -> None:
    """Only for keys in memory and for this month; usage above the quota refuses, usage below lets requests pass."""
    limits = Limits(MANY, 100)
    await limiter.consume(KEY, limits)

    limiter.learn(month(clock), {KEY: 98, OTHER: 50})

    assert await take(limiter, limits, 5) == {PASSED: 2, QUOTA: 3}
    assert (await limiter.peek(OTHER, limits)).quota_used == 0
    limiter.learn(month_of(month(clock).end * 1000), {KEY: 5})
    assert (await limiter.peek(KEY, limits)).quota_used == 100
    limiter.learn(month(clock), {KEY: 120})
    assert (await limiter.consume(KEY, limits)).exceeded is QUOTA


async def test_months_that_are_forgotten_are_asked_for_again(
    limiter: LocalLimiter, written: FakeMonthlyUsage, clock: Clock
) -> None:
    """The window continues, and the usage of the month is read again."""
    limits = Limits(6, 100)
    await take(limiter, limits, 3)
    written.used_by[KEY, month(clock).start] = 98

    limiter.forget_months()

    assert await take(limiter, limits, 5) == {PASSED: 2, QUOTA: 3}
    assert await take(limiter, Limits(5, 1000), 5) == {RATE_LIMIT: 5}


async def test_what_passed_by_another_limiter_is_in_the_window(limiter: LocalLimiter, clock: Clock) -> None:
    """For a minute, like other requests; they refuse nothing until the limit is reached."""
    limits = Limits(3, 100)
    for _ in range(2):
        limiter.passed(KEY)
    before = await limiter.refusal(KEY, limits)
    assert await take(limiter, limits, 5) == {PASSED: 1, RATE_LIMIT: 4}
    clock.advance(seconds=10)
    full = await limiter.refusal(KEY, limits)
    clock.advance(seconds=50)
    after = await limiter.refusal(KEY, limits)

    assert before is after is None
    assert full is not None
    assert (full.exceeded, full.retry_in, full.status.rate_remaining) == (RATE_LIMIT, 50_000, 0)


async def test_while_usage_cannot_be_read_no_verdict_is_given(
    limiter: LocalLimiter, written: FakeMonthlyUsage, clock: Clock
) -> None:
    """Requests are neither counted nor refused; afterwards the whole quota is there."""
    written.is_there = False
    with pytest.raises(DatabaseUnavailable):
        await limiter.consume(KEY, Limits(5, 5))
    with pytest.raises(DatabaseUnavailable):
        await limiter.peek(KEY, Limits(5, 5))

    written.is_there = True

    assert await take(limiter, Limits(5, 5), 9) == {PASSED: 5, RATE_LIMIT: 4}


async def test_a_caller_that_is_cancelled_while_usage_is_read_uses_nothing_up(
    limiter: LocalLimiter, written: FakeMonthlyUsage
) -> None:
    """Other callers are not affected."""
    written.answers.clear()
    asking = [asyncio.ensure_future(limiter.consume(KEY, Limits(5, MANY))) for _ in range(6)]
    await asyncio.sleep(0)
    asking[0].cancel()
    written.answers.set()

    results = await asyncio.gather(*asking, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(each, Decision) and each.exceeded is PASSED for each in results[1:])


async def test_with_more_keys_than_are_remembered_quotas_stay_exact(written: FakeMonthlyUsage, clock: Clock) -> None:
    """Forgotten keys are read again; keys in use stay in memory."""
    limiter = LocalLimiter(written, clock=clock, keys_remembered=6)
    limits = Limits(MANY, 4)
    keys = [f"{number:032x}" for number in range(20)]
    passed: Counter[str] = Counter()
    for _ in range(10):
        for key_id in keys:
            for each in (key_id, KEY):
                if (await limiter.consume(each, limits)).exceeded is None:
                    passed[each] += 1
                    written.used_by[each, month(clock).start] += 1

    assert passed == dict.fromkeys({*keys, KEY}, 4)
    assert sum(asked == (KEY, month(clock)) for asked in written.asked) == 1
    assert len(limiter._used) <= 6


async def test_with_more_keys_than_are_remembered_the_window_of_one_that_is_used_is_kept(
    written: FakeMonthlyUsage, clock: Clock
) -> None:
    """However many other keys come between, as long as the key returns before memory is full of others."""
    limiter = LocalLimiter(written, clock=clock, keys_remembered=6)
    decisions = []
    for number in range(100, 120):
        decisions.append(await limiter.consume(KEY, Limits(5, MANY)))
        await limiter.consume(f"{number:032x}", Limits(5, MANY))

    assert [each.exceeded for each in decisions] == [PASSED] * 5 + [RATE_LIMIT] * 15
    assert len(limiter._windows) <= 6


@pytest.mark.parametrize("back", [{"seconds": 1}, {"seconds": 90}, {"hours": 1}, {"days": 40}])
async def test_a_clock_that_goes_back_locks_nobody_out(
    limiter: LocalLimiter, clock: Clock, back: dict[str, float]
) -> None:
    """A key in constant use is let through after a window, not only when the clock has caught up."""
    limits = Limits(4, MANY)
    assert await take(limiter, limits, 5) == {PASSED: 4, RATE_LIMIT: 1}
    clock.advance(**{unit: -amount for unit, amount in back.items()})

    waited = 0
    while (await limiter.consume(KEY, limits)).exceeded is not None:
        clock.advance(seconds=1)
        waited += 1
        assert waited <= 60

    assert waited >= 59


@pytest.mark.parametrize("on", [{"seconds": 61}, {"hours": 1}, {"days": 40}])
async def test_a_clock_that_went_ahead_for_a_while_locks_nobody_out(
    limiter: LocalLimiter, clock: Clock, on: dict[str, float]
) -> None:
    """Requests counted in that time expire a window after the clock is right again."""
    limits = Limits(4, MANY)
    there = clock.now
    clock.advance(**on)
    assert await take(limiter, limits, 5) == {PASSED: 4, RATE_LIMIT: 1}

    clock.now = there
    assert await take(limiter, limits, 5) == {RATE_LIMIT: 5}
    clock.advance(seconds=60)

    assert await take(limiter, limits, 5) == {PASSED: 4, RATE_LIMIT: 1}


async def test_what_only_looks_decides_the_same_and_counts_nothing(limiter: LocalLimiter, clock: Clock) -> None:
    """A DryRunLimiter, with room, over the rate limit, and over the quota."""
    looking = DryRunLimiter(limiter)
    for limits in (Limits(3, 100), Limits(1, 100), Limits(100, 2)):
        looked = [await looking.consume(KEY, limits) for _ in range(3)]
        taken = await limiter.consume(KEY, limits)

        assert len(set(looked)) == 1
        assert (looked[0].exceeded, looked[0].retry_in) == (taken.exceeded, taken.retry_in)
        if taken.exceeded is None:
            assert taken.status.quota_used == looked[0].status.quota_used + 1
        else:
            assert looked[0] == taken
        clock.advance(seconds=1)


def test_it_is_never_degraded_and_always_lets_pass(limiter: LocalLimiter) -> None:
    """Its counts are those of one process, as intended."""
    assert (limiter.is_degraded, limiter.lets_pass, limiter.waiting) == (False, True, 0)
    assert issubclass(LimiterUnavailable, Exception)
