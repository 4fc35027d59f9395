"""Makes the usage rows of the demo's keys: requests by hour and day, callers, and refused requests."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID, uuid4
from zlib import crc32

from sqlmodel import SQLModel

from keys.verification.malformed import examine
from models import ApiKey, Caller, RefusedReason, RefusedRequest, UsageDay, UsageHour, UsageMonth
from models.usage.counts import HOURS_KEPT_DAYS, OUTCOMES

Counts = dict[datetime, int]
"""Requests in each hour, by the start of the hour, oldest first."""
HOUR = timedelta(hours=1)
BURST = 600
"""Requests that passed in a minute before further ones exceeded the rate limit."""
PER_MINUTE_AT_MOST = 300
OFFICE_HOURS = (0, 0, 0, 0, 0, 1, 4, 9, 12, 12, 11, 8, 9, 12, 11, 9, 5, 2, 1, 0, 0, 0, 0, 0)
LONG_DAYS = (1, 1, 0, 1, 3, 6, 9, 10, 10, 9, 8, 8, 8, 8, 9, 9, 8, 6, 5, 4, 3, 2, 2, 1)
ALL_DAY = (3, 2, 2, 2, 2, 3, 5, 7, 9, 10, 10, 9, 9, 10, 10, 9, 9, 8, 8, 8, 7, 6, 5, 4)
AT_NIGHT = (0, 10, 14, 9, 2, *[0] * 19)
"""Weights by which a day's requests are spread over its 24 hours, in UTC."""


class DemoCaller(NamedTuple):
    """
    A caller that uses a key. `share` is its part of the requests, in percent.

    The addresses are from the ranges that are reserved for documentation (RFC 5737).
    """

    ip_address: str
    user_agent: str
    share: int


class Habit(NamedTuple):
    """
    How a key is used: allowed requests on a weekday and on a day of the weekend, their hours, and the callers.

    The busiest caller comes first.
    """

    weekday: int
    weekend: int
    hours: tuple[int, ...]
    callers: tuple[DemoCaller, ...]
    month_total: int | None = None
    """If set, this month's requests up to now are scaled to this sum."""


class Refusals(NamedTuple):
    """
    A request that was refused `times` times, at intervals of `every`.

    `last` is how long before the filling of the demo the last one was.
    """

    reason: RefusedReason
    times: int
    every: timedelta
    last: timedelta
    ip_address: str
    user_agent: str
    key: str | None = None
    agent: str | None = None
    presented: str = ""
    """The text that was sent instead of a key."""


def usage_rows(
    now: datetime,
    keys: Mapping[str, ApiKey],
    habits: Mapping[str, Habit],
    refusals: Sequence[Refusals],
    agents: Mapping[str, UUID],
) -> Iterator[SQLModel]:
    """
    Yields rows for hours, days, months, callers and refused requests, as real requests would have left them.

    All rows are made from the same requests, so that their numbers agree.
    """
    refused = list(_refused_requests(now, keys, refusals, agents))
    for name, key in keys.items():
        outcomes = Counter((_hour(row.at), row.reason) for row in refused if row.key_id == key.id)
        allowed: Counts = {}
        if (habit := habits.get(name)) is not None:
            busy = [hour for hour, reason in outcomes if reason == RefusedReason.RATE_LIMITED]
            until = key.deleted_at or now
            allowed = _allowed(key, habit, busy, until)
            yield from _callers(key.id, habit.callers, allowed, until)
            yield from _months(key.id, allowed, until)
        outcomes.update({(hour, "allowed"): count for hour, count in allowed.items()})
        yield from _hours_and_days(key.id, outcomes, now)
    yield from sorted(refused, key=lambda row: row.at)


def _refused_requests(
    now: datetime, keys: Mapping[str, ApiKey], refusals: Sequence[Refusals], agents: Mapping[str, UUID]
) -> Iterator[RefusedRequest]:
    prefix = next(iter(keys.values())).prefix
    for each in refusals:
        is_malformed = each.reason is RefusedReason.MALFORMED_KEY
        for number in range(each.times):
            yield RefusedRequest(
                request_id=uuid4(),
                key_id=None if each.key is None else keys[each.key].id,
                reason=each.reason.value,
                at=now - each.last - number * each.every,
                ip_address=each.ip_address,
                user_agent=each.user_agent,
                agent_id=None if each.agent is None else agents[each.agent],
                detail=examine(each.presented, (prefix,)).detail if is_malformed else None,
            )


def _allowed(key: ApiKey, habit: Habit, busy: Sequence[datetime], until: datetime) -> Counts:
    """The allowed requests of the key by hour, without the hours that had none."""
    hour = _hour(key.created_at) + HOUR
    counts: Counts = {}
    whole_day = sum(habit.hours)
    owed = 0.5
    while hour < until:
        of_day = habit.weekday if hour.weekday() < 5 else habit.weekend
        lived = min(until - hour, HOUR) / HOUR
        owed += of_day * habit.hours[hour.hour] / whole_day * _varying(key.name, hour) * lived
        counts[hour] = int(owed)
        owed -= counts[hour]
        hour += HOUR
    for each in busy:
        counts[each] += BURST
    if habit.month_total is not None:
        of_month = {hour: count for hour, count in counts.items() if hour >= _month(until)}
        counts |= _scaled(of_month, habit.month_total, until)
    return {hour: count for hour, count in counts.items() if count}


def _varying(name: str, hour: datetime) -> float:
    """A factor from 0.8 to 1.2 that differs from hour to hour, but is always the same for the same key and hour."""
    return 0.8 + 0.4 * crc32(f"{name} {hour}".encode()) / 2**32


def _scaled(counts: Counts, total: int, until: datetime) -> Counts:
    """
    Scales the counts to another sum.

    On the first day of a month, the requests are spread evenly, and are no more than can have been made by then.
    """
    weights = {hour: float(count) for hour, count in counts.items()}
    lived = until - _month(until)
    if lived < timedelta(days=1):
        total = min(total, lived // timedelta(minutes=1) * PER_MINUTE_AT_MOST)
        weights = {hour: min(until - hour, HOUR) / HOUR for hour in counts}
    whole = sum(weights.values())
    scaled: Counts = {}
    passed = 0.0
    placed = 0
    for hour, weight in weights.items():
        passed += weight
        scaled[hour] = round(total * passed / whole) - placed
        placed += scaled[hour]
    return scaled


def _callers(key_id: UUID, callers: Sequence[DemoCaller], allowed: Counts, until: datetime) -> Iterator[Caller]:
    """Yields the callers' rows. Each hour's requests are divided among the callers by their shares."""
    sent: list[Counts] = [{} for _ in callers]
    for hour, count in allowed.items():
        shares = [count * each.share // 100 for each in callers]
        shares[0] += count - sum(shares)
        for of_caller, share in zip(sent, shares, strict=True):
            if share:
                of_caller[hour] = share
    for place, (each, of_caller) in enumerate(zip(callers, sent, strict=True)):
        if of_caller:
            hours = list(of_caller)
            last_seen_at = _last_moment(hours[-1], until, place)
            yield Caller(
                key_id=key_id,
                ip_address=each.ip_address,
                user_agent=each.user_agent,
                first_seen_at=min(hours[0] + timedelta(minutes=1 + place), last_seen_at),
                last_seen_at=last_seen_at,
                requests=sum(of_caller.values()),
            )


def _months(key_id: UUID, allowed: Counts, until: datetime) -> Iterator[UsageMonth]:
    for month, hours in groupby(allowed, key=_month):
        *_, last = of_month = list(hours)
        total = sum(allowed[hour] for hour in of_month)
        yield UsageMonth(key_id=key_id, month=month, allowed=total, last_used_at=_last_moment(last, until, 0))


def _hours_and_days(
    key_id: UUID, outcomes: Mapping[tuple[datetime, str], int], now: datetime
) -> Iterator[UsageHour | UsageDay]:
    """Yields rows by hour, and rows by day for hours that are older than hours are stored."""
    oldest = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=HOURS_KEPT_DAYS)
    sums: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    for (hour, outcome), count in outcomes.items():
        sums[hour if hour >= oldest else hour.replace(hour=0)][outcome] += count
    for begins, counted in sums.items():
        numbers = {outcome: counted[outcome] for outcome in OUTCOMES}
        if begins >= oldest:
            yield UsageHour(key_id=key_id, hour=begins, **numbers)
        else:
            yield UsageDay(key_id=key_id, day=begins, **numbers)


def _last_moment(hour: datetime, until: datetime, place: int) -> datetime:
    """The time of a caller's last request in the hour. The busiest caller, at place 0, has the hour's last request."""
    last = min(hour + HOUR - timedelta(minutes=1), until - timedelta(seconds=20))
    return max(hour, last - place * timedelta(minutes=6))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _month(at: datetime) -> datetime:
    return _hour(at).replace(day=1, hour=0)
