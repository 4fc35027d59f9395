"""Owns how the demo's keys were used: by whom and how often, what was refused, and the rows that tell of it."""

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
"""Requests in each hour, by its beginning, oldest first."""
HOUR = timedelta(hours=1)
BURST = 600
"""Requests that passed in a minute before others were refused for the rate."""
PER_MINUTE_AT_MOST = 300
OFFICE_HOURS = (0, 0, 0, 0, 0, 1, 4, 9, 12, 12, 11, 8, 9, 12, 11, 9, 5, 2, 1, 0, 0, 0, 0, 0)
LONG_DAYS = (1, 1, 0, 1, 3, 6, 9, 10, 10, 9, 8, 8, 8, 8, 9, 9, 8, 6, 5, 4, 3, 2, 2, 1)
ALL_DAY = (3, 2, 2, 2, 2, 3, 5, 7, 9, 10, 10, 9, 9, 10, 10, 9, 9, 8, 8, 8, 7, 6, 5, 4)
AT_NIGHT = (0, 10, 14, 9, 2, *[0] * 19)
"""How a day's requests are spread over its hours, in UTC."""


class DemoCaller(NamedTuple):
    """Who uses a key, for how many of a hundred requests. The addresses are those set aside for documentation."""

    ip_address: str
    user_agent: str
    share: int


class Habit(NamedTuple):
    """How many requests of a key pass on a weekday and on a day of the weekend, when, and whose, the busiest first."""

    weekday: int
    weekend: int
    hours: tuple[int, ...]
    callers: tuple[DemoCaller, ...]
    month_total: int | None = None
    """What has passed by now in this month, whatever the days before were like."""


class Refusals(NamedTuple):
    """One request, refused so many times, so long after each other; the last so long before the demo was filled."""

    reason: RefusedReason
    times: int
    every: timedelta
    last: timedelta
    ip_address: str
    user_agent: str
    key: str | None = None
    agent: str | None = None
    presented: str = ""
    """What was sent in place of a key."""


def usage_rows(
    now: datetime,
    keys: Mapping[str, ApiKey],
    habits: Mapping[str, Habit],
    refusals: Sequence[Refusals],
    agents: Mapping[str, UUID],
) -> Iterator[SQLModel]:
    """Hours, days, months, callers and refused requests, as they would have been written down, so that all agree."""
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
    """What passed in each hour of the key's life that had any."""
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
    """From 0.8 to 1.2: no hour is like another, and each is the same whenever it is told of."""
    return 0.8 + 0.4 * crc32(f"{name} {hour}".encode()) / 2**32


def _scaled(counts: Counts, total: int, until: datetime) -> Counts:
    """The same shape with another sum; on a month's first day evenly, and no more than can have passed by then."""
    weights = {hour: float(count) for hour, count in counts.items()}
    lived = until - _month(until)
    if lived < timedelta(days=1):
        total = min(total, lived // timedelta(minutes=1) * PER_MINUTE_AT_MOST)
        weights = {hour: min(until - hour, HOUR) / HOUR for hour in counts}
    whole = sum(weights.values())
    scaled: Counts = {}
    passed = 0.0
    told = 0
    for hour, weight in weights.items():
        passed += weight
        scaled[hour] = round(total * passed / whole) - told
        told += scaled[hour]
    return scaled


def _callers(key_id: UUID, callers: Sequence[DemoCaller], allowed: Counts, until: datetime) -> Iterator[Caller]:
    """Who sent what passed, an hour's requests shared out among them."""
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
    """Hours, and days of those that are kept as such no longer."""
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
    """When the last request of a caller within the hour was; that of the busiest is the hour's last."""
    last = min(hour + HOUR - timedelta(minutes=1), until - timedelta(seconds=20))
    return max(hour, last - place * timedelta(minutes=6))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _month(at: datetime) -> datetime:
    return _hour(at).replace(day=1, hour=0)
