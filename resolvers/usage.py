"""
Reads the usage of keys: their limits, counted requests, callers, and refused requests.

Each function answers for several keys at once, in the same order. Callers must have checked that the actor may see
these keys.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from operator import add
from typing import NamedTuple
from uuid import UUID

from keys import policy
from keys.limits.limiter import Limiter
from keys.limits.sliding_window import Limits, LimitStatus
from keys.policy import Action, Actor, may_on
from keys.refusals import UnusableArgument
from keys.usage.intervals import Interval, Intervals
from models.agent import NamedAgent, named_agents
from models.engine.reader import Source
from models.key_queries import ApiKeyRecord
from models.usage.caller import KEPT_OF_A_KEY
from models.usage.counts import OUTCOMES
from models.usage.counts_queries import counted_by_day, counted_by_hour
from models.usage.request_queries import CallerRecord, RefusedRecord, callers_of, newest_refused

PAGE_AT_MOST = 100
NOTHING = (0,) * len(OUTCOMES)


class Point(NamedTuple):
    """The outcomes of a key's requests in one interval. `refused` counts the 401s and 403s."""

    start: datetime
    allowed: int
    rate_limited: int
    quota_exceeded: int
    refused: int


def may_see_usage(actor: Actor, key: ApiKeyRecord) -> bool:
    """Whether the actor may see the key's usage: if they may see the key."""
    return may_on(actor, Action.SEE_KEY, key)


def may_know_agent(actor: Actor, organization_id: UUID, agent_id: UUID) -> bool:
    """Whether the actor may know which agent of this organization a request was for."""
    known = policy.visible_agents(actor, Action.SEE_KEY, organization_id)
    return known is None or agent_id in known


async def limit_statuses(limiter: Limiter, keys: Sequence[ApiKeyRecord]) -> list[LimitStatus | BaseException]:
    """What each key has used and has left of its limits now, or the error that prevents reading it."""
    looks = (limiter.peek(key.id.hex, Limits(key.rate_limit, key.monthly_quota)) for key in keys)
    return await asyncio.gather(*looks, return_exceptions=True)


async def series(source: Source, key_ids: Sequence[UUID], intervals: Intervals) -> list[list[Point]]:
    """A point for each interval, oldest first. Hours that were summed up as days are empty."""
    counted = counted_by_hour if intervals.interval is Interval.HOUR else counted_by_day
    found: dict[tuple[UUID, datetime], tuple[int, ...]] = {}
    for key_id, start, *counts in await counted(source, key_ids, since=intervals.first, until=intervals.last_moment):
        found[key_id, start] = tuple(map(add, found.get((key_id, start), NOTHING), counts))
    starts = intervals.starts
    return [[_point(start, found.get((key_id, start), NOTHING)) for start in starts] for key_id in key_ids]


async def callers(source: Source, key_ids: Sequence[UUID]) -> list[list[CallerRecord]]:
    """The callers of each key, the last seen first, at most as many as are kept."""
    found: defaultdict[UUID, list[CallerRecord]] = defaultdict(list)
    for row in await callers_of(source, key_ids):
        found[row.key_id].append(row)
    return [found[key_id][:KEPT_OF_A_KEY] for key_id in key_ids]


async def refusals(source: Source, key_ids: Sequence[UUID], *, first: int) -> list[list[RefusedRecord]]:
    """The newest refused requests of each key, newest first, at most `first`."""
    found: defaultdict[UUID, list[RefusedRecord]] = defaultdict(list)
    for row in await newest_refused(source, key_ids, of_each=first):
        found[row.key_id].append(row)
    return [found[key_id] for key_id in key_ids]


async def agents(source: Source, places: Sequence[tuple[UUID, UUID]]) -> list[NamedAgent | None]:
    """The agent for each pair of organization and agent id, deleted or not; None if it is not that organization's."""
    found = await named_agents(source, {agent_id for _, agent_id in places})
    return [found.get(place) for place in places]


def page_size(number: int, argument: str = "first", *, more: str = "") -> int:
    """Returns the number of rows asked for; `more` ends the message. Raises UnusableArgument."""
    if not 1 <= number <= PAGE_AT_MOST:
        raise UnusableArgument(f"{argument}: ask for 1 to {PAGE_AT_MOST}{more}.")
    return number


def _point(start: datetime, counts: tuple[int, ...]) -> Point:
    allowed, rate_limited, quota_exceeded, *refused = counts
    return Point(start, allowed, rate_limited, quota_exceeded, sum(refused))
