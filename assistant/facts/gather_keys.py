"""Reads keys on behalf of a person, and chooses the keys whose details are worth reading."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from assistant.facts.facts import Facts, KeyFacts, beginning_of_the_last_day
from keys import policy
from keys.outcomes import Outcome
from keys.policy import Action, Actor, may_on
from models.engine.reader import Reader
from models.key_queries import (
    DELETED_LISTED_AT_MOST,
    ApiKeyRecord,
    key_records,
    tombstones_beginning,
    tombstones_still_called,
    visible_keys,
)
from models.usage.counts_queries import Counted, counted_by_hour
from models.usage.refused_request import RefusedReason

HINTS_SOUGHT_AT_MOST = 10


async def listed_keys(reader: Reader, actor: Actor, organization_id: UUID, now: datetime) -> list[ApiKeyRecord]:
    """The keys that the person may see, newest first: active, last deleted, and older deleted ones still called."""
    of_agents = policy.visible_agents(actor, Action.SEE_KEY, organization_id)
    records = await visible_keys(reader, organization_id, of_agents=of_agents, include_deleted=True)
    if not has_older(records):
        return records
    since = beginning_of_the_last_day(now)
    called = await tombstones_still_called(reader, organization_id, of_agents=of_agents, since=since, until=now)
    return newest_first([*records, *called])


async def keys_pointed_at(
    reader: Reader, actor: Actor, organization_id: UUID, *, key_ids: Collection[UUID], hints: Iterable[str] = ()
) -> list[ApiKeyRecord]:
    """Keys that the person may see: those with these ids, and deleted ones that begin like one of the hints."""
    found = [
        record
        for record in (await key_records(reader, key_ids)).values()
        if record.organization_id == organization_id and may_on(actor, Action.SEE_KEY, record)
    ]
    of_agents = policy.visible_agents(actor, Action.SEE_KEY, organization_id)
    beginnings = {_public_id_of(each) for each in hints} - {""}
    for beginning in sorted(beginnings)[:HINTS_SOUGHT_AT_MOST]:
        found += await tombstones_beginning(reader, organization_id, beginning, of_agents=of_agents)
    return found


def has_older(listed: Iterable[ApiKeyRecord]) -> bool:
    """Whether there may be more deleted keys than are listed."""
    return sum(record.deleted_at is not None for record in listed) >= DELETED_LISTED_AT_MOST


def newest_first(records: Iterable[ApiKeyRecord]) -> list[ApiKeyRecord]:
    """The keys without duplicates, in the order in which keys are listed."""
    return sorted({record.id: record for record in records}.values(), key=lambda record: record.id, reverse=True)


async def counted_keys(reader: Reader, actor: Actor, records: Sequence[ApiKeyRecord], now: datetime) -> list[KeyFacts]:
    """These keys with their counts of requests in the last day, but without details."""
    totals: defaultdict[UUID, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Counted._fields[2:], 0))
    if records:
        since = beginning_of_the_last_day(now)
        for row in await counted_by_hour(reader, [each.id for each in records], since=since, until=now):
            for outcome, number in zip(Counted._fields[2:], row[2:], strict=True):
                totals[row.key_id][outcome] += number
    return [key_facts(actor, record, totals.get(record.id, {})) for record in records]


def key_facts(actor: Actor, record: ApiKeyRecord, counts: dict[str, int]) -> KeyFacts:
    """The key with its counts of requests, which are by column name."""
    refused = {
        outcome.reason: counts.get(outcome.column, 0)
        for outcome in Outcome
        if outcome.reason is not None and outcome.column is not None
    }
    return KeyFacts(
        record,
        may_manage=record.deleted_at is None and may_on(actor, Action.ROTATE_KEY, record),
        refused={reason: number for reason, number in refused.items() if number},
        passed=counts.get("allowed", 0),
    )


def may_be_answered_with(facts: Facts) -> list[UUID]:
    """Keys for answers to messages that name none: the only active key, the last deleted one, and refused ones."""
    only = [*(facts.living if len(facts.living) == 1 else ()), *facts.deleted[:1]]
    most = [each for reason in RefusedReason for each in facts.in_trouble((reason,))[:1]]
    troubled = [each for each in facts.keys if each.refused_in_all]
    return [*(each.record.id for each in (*only, *most)), *most_telling(troubled)]


def most_telling(keys: Sequence[KeyFacts]) -> list[UUID]:
    """The ids of the keys: those with the most refused requests first, then active ones before deleted ones."""
    return [each.record.id for each in sorted(keys, key=lambda each: (-each.refused_in_all, each.is_deleted))]


def _public_id_of(hint: str) -> str:
    """The beginning of the public id in a hint: Ab3dEf in kd_Ab3dEf…x9Qz."""
    beginning = hint.replace("...", "…").replace("..", "…").partition("…")[0]
    return beginning.partition("_")[2]
