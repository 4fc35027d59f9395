"""
Gathers facts on behalf of a person. Every read is limited to what they may see.

The overview of all keys is cheap and comes first. Details are read only for the few keys that the question may be
about.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from assistant.facts.asker import Asker, Knowledge
from assistant.facts.documents import FITS_AT_LEAST, Documents
from assistant.facts.facts import EventFacts, Facts, KeyFacts, Passage, RequestFacts
from assistant.facts.gather_keys import (
    counted_keys,
    has_older,
    keys_pointed_at,
    listed_keys,
    may_be_answered_with,
    most_telling,
    newest_first,
)
from assistant.facts.gather_people import people_facts
from assistant.facts.gather_requests import find_request, refusal_facts, visible_agents
from assistant.facts.key_reference import KeyReference
from assistant.facts.pasted_keys import PossessedKey
from assistant.facts.question import Inquiry, Question
from assistant.intents.entities import entities
from assistant.intents.normalize import plain
from keys import policy
from keys.key_limit import Allowance, candidates_to_free
from keys.limits.limiter import Limiter, LimiterUnavailable
from keys.limits.sliding_window import Limits, LimitStatus
from keys.policy import Action, may_on
from models.agent import living_agents
from models.audit import newest_events
from models.engine.ids import Prefix, parse_external_id
from models.engine.reader import Reader
from models.key_queries import ApiKeyRecord
from models.person import admins_of
from models.usage.counts_queries import requests_since_deletion
from models.usage.request_queries import callers_of, newest_refused

DETAILED_AT_MOST = 12
"""Keys whose details are read for one question."""
REFUSALS_READ = 20
EVENTS_READ = 8
EXCERPT_LENGTH_AT_MOST = 300


async def gather_overview(knowledge: Knowledge, asker: Asker, now: datetime) -> Facts:
    """The facts that don't depend on the question: the organization, the visible keys, and their counts of requests."""
    reader, organization = knowledge.reader, asker.membership.organization
    records = await listed_keys(reader, asker.actor, organization.id, now)
    keys = await counted_keys(reader, asker.actor, records, now)
    deletable = [each for each in keys if not each.is_deleted and may_on(asker.actor, Action.DELETE_KEY, each.record)]
    by_id = {each.record.id: each for each in keys}
    creates_for = policy.visible_agents(asker.actor, Action.CREATE_KEY, organization.id)
    return Facts(
        now=now,
        organization=organization,
        actor=asker.actor,
        viewer=asker.person,
        allowance=Allowance(organization.live_key_count, organization.key_limit),
        admins=await admins_of(reader, organization.id),
        agents=await living_agents(reader, organization.id, only=creates_for),
        keys=keys,
        candidates=[by_id[each.id] for each in candidates_to_free([each.record for each in deletable])],
        verification_is_available=knowledge.limiter.lets_pass,
        support_email=knowledge.support_email,
        sends_mail=knowledge.sends_mail,
    )


async def add_referenced_keys(knowledge: Knowledge, asker: Asker, facts: Facts, inquiry: Inquiry) -> Facts:
    """
    Adds the older deleted keys that a message refers to by an id or a hint, or that were discussed before.

    Afterwards the facts have every key that the message can refer to: any other key does not exist for the person.
    """
    if not has_older(each.record for each in facts.keys):
        return facts
    said, state = entities(plain(inquiry.text)), inquiry.state
    suggested = (inquiry.suggestion_id or "").partition(".")[2]
    ids = {parse_external_id(Prefix.API_KEY, each) for each in (*said.ids, inquiry.looking_at, suggested) if each}
    discussed = () if state is None else (state.key_id, *state.offered)
    key_ids = {*ids, *discussed} - {each.record.id for each in facts.keys} - {None}
    hints = dict.fromkeys([*said.hints, *(each.hint for each in inquiry.pieces if each.hint is not None)])
    more = await keys_pointed_at(
        knowledge.reader, asker.actor, asker.organization_id, key_ids={each for each in key_ids if each}, hints=hints
    )
    return await _add_keys(knowledge, asker, facts, more)


async def gather(
    knowledge: Knowledge, asker: Asker, overview: Facts, question: Question, pasted: Sequence[PossessedKey] = ()
) -> Facts:
    """Gathers everything that the answer to the question may need."""
    request = await find_request(knowledge, asker, question.request_id)
    facts = await gather_details(knowledge, asker, overview, meant=question.meant, request=request, pasted=pasted)
    found = passages(knowledge.documents, question.text)
    people = await people_facts(knowledge, asker, question, facts.now)
    return replace(facts, request_sought=question.request_id, passages=found, people=people)


async def gather_details(
    knowledge: Knowledge,
    asker: Asker,
    facts: Facts,
    *,
    meant: KeyReference,
    request: RequestFacts | None,
    pasted: Sequence[PossessedKey] = (),
) -> Facts:
    """Adds the keys that are meant or pasted, and the key of the request, with the details of these keys."""
    of_request = [] if request is None or request.key is None else [request.key.record]
    pasted_ids = [each.key_id for each in pasted if each.key_id is not None]
    request_ids = [each.id for each in of_request]
    meant_ids = [*meant.key_ids, *pasted_ids] or request_ids

    unlisted = {*pasted_ids} - {each.record.id for each in facts.keys}
    more = await keys_pointed_at(knowledge.reader, asker.actor, asker.organization_id, key_ids=unlisted)
    facts = await _add_keys(knowledge, asker, facts, [*more, *of_request])

    of_meant = most_telling(facts.keys_of(meant.key_ids))
    facts = await _add_details(
        knowledge, asker, facts, [*request_ids, *pasted_ids, *of_meant, *may_be_answered_with(facts)]
    )

    keys_meant = facts.keys_of(meant_ids)
    return replace(
        facts,
        meant=keys_meant,
        meant_unseen=meant.unseen,
        request=request and replace(request, key=next(iter(facts.keys_of(request_ids)), None)),
        pasted=[replace(each.pasted, key=next(iter(facts.keys_of([each.key_id])), None)) for each in pasted],
        events=await _events(knowledge.reader, asker, keys_meant[0].record.id if len(keys_meant) == 1 else None),
    )


def passages(documents: Documents, text: str) -> list[Passage]:
    """The sections of the documentation that fit the text."""
    return [
        Passage(each.section.title, each.section.url, _excerpt(each.section.text))
        for each in documents.search(text)
        if each.score >= FITS_AT_LEAST
    ]


async def _add_keys(knowledge: Knowledge, asker: Asker, facts: Facts, more: Sequence[ApiKeyRecord]) -> Facts:
    by_id = {each.record.id: each for each in facts.keys}
    new = newest_first(record for record in more if record.id not in by_id)
    if not new:
        return facts
    by_id |= {each.record.id: each for each in await counted_keys(knowledge.reader, asker.actor, new, facts.now)}
    return replace(facts, keys=[by_id[record.id] for record in newest_first(each.record for each in by_id.values())])


async def _add_details(knowledge: Knowledge, asker: Asker, facts: Facts, key_ids: Iterable[UUID]) -> Facts:
    """Adds the details of the first `DETAILED_AT_MOST` of these keys."""
    chosen = facts.keys_of(key_ids)[:DETAILED_AT_MOST]
    detailed = {each.record.id: each for each in await _details(knowledge, asker, chosen)}
    return replace(facts, keys=[detailed.get(each.record.id, each) for each in facts.keys])


async def _details(knowledge: Knowledge, asker: Asker, keys: Sequence[KeyFacts]) -> list[KeyFacts]:
    if not keys:
        return []
    reader = knowledge.reader
    ids = [each.record.id for each in keys]
    refused = await newest_refused(reader, ids, of_each=REFUSALS_READ)
    callers = await callers_of(reader, ids)
    agents = await visible_agents(reader, asker, {each.agent_id for each in refused if each.agent_id is not None})
    since_deletion = await requests_since_deletion(reader, [each.record.id for each in keys if each.is_deleted])
    return [
        replace(
            each,
            is_detailed=True,
            newest_refused=tuple(refusal_facts(row, agents) for row in refused if row.key_id == each.record.id),
            callers=tuple(row for row in callers if row.key_id == each.record.id),
            calls_since_deletion=since_deletion.get(each.record.id, 0),
            balance=None if each.is_deleted else await _balance(knowledge.limiter, each.record),
        )
        for each in keys
    ]


async def _balance(limiter: Limiter, record: ApiKeyRecord) -> LimitStatus | None:
    try:
        return await limiter.peek(record.id.hex, Limits(record.rate_limit, record.monthly_quota))
    except LimiterUnavailable:
        return None


async def _events(reader: Reader, asker: Asker, key_id: UUID | None) -> list[EventFacts]:
    of_agents = policy.visible_agents(asker.actor, Action.SEE_AUDIT_LOG, asker.organization_id)
    found = await newest_events(reader, asker.organization_id, of_agents=of_agents, key_id=key_id, limit=EVENTS_READ)
    return [EventFacts(each.action, each.at, each.actor or each.token, each.summary) for each in found]


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_LENGTH_AT_MOST else f"{line[: EXCERPT_LENGTH_AT_MOST - 1].rstrip()}…"
