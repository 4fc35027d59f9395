"""
Owns how facts are gathered on behalf of a person: every read starts from what they may see.

First what costs little, for all keys; then, of the few that the question may be about, the rest.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from assistant.facts.conversation_state import ConversationState
from assistant.facts.documents import FITS_AT_LEAST, Documents
from assistant.facts.facts import (
    EventFacts,
    Facts,
    KeyFacts,
    Passage,
    PastedKey,
    Possession,
    RefusalFacts,
    RequestFacts,
)
from assistant.facts.gather_keys import (
    counted_keys,
    has_older,
    key_facts,
    keys_pointed_at,
    listed_keys,
    may_be_answered_with,
    most_telling,
    newest_first,
)
from assistant.facts.key_reference import KeyReference
from assistant.intents.understand import Understood
from assistant.redaction.redact import Piece
from keys import policy
from keys.key_limit import Allowance, candidates_to_free
from keys.limits.limiter import Limiter, LimiterUnavailable
from keys.limits.sliding_window import Limits, LimitStatus
from keys.policy import Action, Actor, may_on
from models.agent import NamedAgent, living_agents, named_agents
from models.audit import newest_events
from models.engine.ids import Prefix, external_id, parse_external_id
from models.engine.reader import Reader
from models.key_queries import ApiKeyRecord, key_record
from models.person import MembershipRecord, NamedPerson, admins_of
from models.usage.counts_queries import requests_since_deletion
from models.usage.request_queries import FoundRequest, RefusedRecord, callers_of, newest_refused, refused_request

LOOKED_INTO_AT_MOST = 12
"""Keys of which all is read for one question."""
REFUSALS_READ = 20
EVENTS_READ = 8
EXCERPT_LENGTH_AT_MOST = 300
PATIENCE_SECONDS = 1.5
"""The ledger is written behind: a request id may be so much younger than what was written."""
LOOK_AGAIN_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Where facts are read from."""

    reader: Reader
    limiter: Limiter
    documents: Documents
    support_email: str | None
    sends_mail: bool
    patience_seconds: float = PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf: the person, what they may do, and what they are in this organization."""

    actor: Actor
    person: NamedPerson
    membership: MembershipRecord

    @property
    def organization_id(self) -> UUID:
        """Where they ask."""
        return self.membership.organization.id

    @property
    def of_agents(self) -> frozenset[UUID] | None:
        """The agents whose keys they may see: all with None."""
        return policy.visible_agents(self.actor, Action.SEE_KEY, self.organization_id)


@dataclass(frozen=True, slots=True)
class PossessedKey:
    """A pasted key before its own row is looked at: what is told of it, and which it is."""

    pasted: PastedKey
    key_id: UUID | None = None


async def gather_overview(knowledge: Knowledge, asker: Asker, now: datetime) -> Facts:
    """What is known without a question: the organization, the keys to be seen, and what became of their requests."""
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


async def add_referenced_keys(
    knowledge: Knowledge,
    asker: Asker,
    facts: Facts,
    understood: Understood,
    *,
    looking_at: str | None = None,
    subject: ConversationState | None = None,
    pieces: Sequence[Piece] = (),
) -> Facts:
    """
    The facts with the older tombstones that a message points at, by an id or a hint, or that were spoken of before.

    It comes before it is decided which key is meant: what is not among the facts is not there for the person.
    """
    if not has_older(each.record for each in facts.keys):
        return facts
    said = [parse_external_id(Prefix.API_KEY, each) for each in (*understood.ids, looking_at) if each is not None]
    spoken_of = () if subject is None else (subject.key_id, *subject.offered)
    key_ids = {each for each in (*said, *spoken_of) if each is not None} - {each.record.id for each in facts.keys}
    hints = dict.fromkeys([*understood.hints, *(each.hint for each in pieces if each.hint is not None)])
    more = await keys_pointed_at(knowledge.reader, asker.actor, asker.organization_id, key_ids=key_ids, hints=hints)
    return await _with_keys(knowledge, asker, facts, more)


async def gather_details(
    knowledge: Knowledge,
    asker: Asker,
    facts: Facts,
    *,
    meant: KeyReference,
    request: RequestFacts | None,
    pasted: Sequence[PossessedKey] = (),
    wants_events: bool = False,
) -> Facts:
    """The facts with all there is of the keys that the question may be about."""
    request_key = None if request is None or request.key is None else request.key.record
    pasted_ids = [each.key_id for each in pasted if each.key_id is not None]
    ids = list(dict.fromkeys([*meant.key_ids, *pasted_ids]))
    if request_key is not None and not ids:
        ids = [request_key.id]
    unlisted = {*pasted_ids} - {each.record.id for each in facts.keys}
    more = await keys_pointed_at(knowledge.reader, asker.actor, asker.organization_id, key_ids=unlisted)
    if request_key is not None:
        more.append(request_key)
    facts = await _with_keys(knowledge, asker, facts, more)
    by_id = {each.record.id: each for each in facts.keys}
    first = [*pasted_ids, *most_telling([by_id[each] for each in meant.key_ids if each in by_id])]
    if request_key is not None:
        first.insert(0, request_key.id)
    wanted = [*first, *may_be_answered_with(facts)]
    chosen = [by_id[each] for each in dict.fromkeys(wanted) if each in by_id][:LOOKED_INTO_AT_MOST]
    detailed = {each.record.id: each for each in await _details(knowledge, asker, chosen)}
    by_id |= detailed
    meant_keys = [by_id[each] for each in ids if each in by_id]
    key_id = meant_keys[0].record.id if len(meant_keys) == 1 else None
    return replace(
        facts,
        keys=[by_id[each.record.id] for each in facts.keys],
        meant=meant_keys,
        meant_unseen=meant.unseen,
        request=None if request is None else replace(request, key=request_key and by_id[request_key.id]),
        pasted=[replace(each.pasted, key=by_id.get(each.key_id) if each.key_id else None) for each in pasted],
        events=await _events(knowledge.reader, asker, key_id) if wants_events else (),
    )


async def _with_keys(knowledge: Knowledge, asker: Asker, facts: Facts, more: Sequence[ApiKeyRecord]) -> Facts:
    by_id = {each.record.id: each for each in facts.keys}
    new = newest_first(record for record in more if record.id not in by_id)
    if not new:
        return facts
    by_id |= {each.record.id: each for each in await counted_keys(knowledge.reader, asker.actor, new, facts.now)}
    return replace(facts, keys=[by_id[record.id] for record in newest_first(each.record for each in by_id.values())])


async def find_request(knowledge: Knowledge, asker: Asker, request_id: str) -> RequestFacts | None:
    """
    The refused request of this id, where the person may be told of it; at once, or once it is written down.

    One that is never seen and one that is not for this person take the same steps, for all the patience there is.
    """
    value = parse_external_id(Prefix.REQUEST, request_id)
    if value is None:
        return None
    clock = asyncio.get_running_loop().time
    until = clock() + knowledge.patience_seconds
    while True:
        found = await refused_request(knowledge.reader, value)
        if found is None:
            # Where there is one, its key is looked up; a request's id is no key's.
            await key_record(knowledge.reader, value)
        told = None if found is None else await _visible_request(knowledge, asker, found)
        if told is not None:
            return told
        if clock() >= until:
            return None
        await asyncio.sleep(min(LOOK_AGAIN_SECONDS, max(0.0, until - clock())))


async def changed_on(reader: Reader, key_id: UUID, possession: Possession) -> datetime | None:
    """The day on which the key that somebody possesses was deleted or its secret replaced: no more is theirs."""
    record = await key_record(reader, key_id)
    if record is None:
        return None
    at = record.deleted_at if possession is Possession.DELETED else record.rotated_at
    return None if at is None else at.replace(hour=0, minute=0, second=0, microsecond=0)


def passages(documents: Documents, text: str) -> list[Passage]:
    """The sections of the documentation that fit."""
    return [
        Passage(each.section.title, each.section.url, _excerpt(each.section.text))
        for each in documents.search(text)
        if each.score >= FITS_AT_LEAST
    ]


async def _visible_request(knowledge: Knowledge, asker: Asker, found: FoundRequest) -> RequestFacts | None:
    """What the person may be told of a request; one of a key that they may not see is none."""
    request_id = external_id(Prefix.REQUEST, found.request_id)
    if found.key_id is None:
        return RequestFacts(RefusalFacts(request_id, found.reason, found.at), detail=found.detail)
    record = await key_record(knowledge.reader, found.key_id)
    if record is None or record.organization_id != asker.organization_id:
        return None
    if not may_on(asker.actor, Action.SEE_KEY, record):
        return None
    agents = await _agents(knowledge.reader, asker, [found.agent_id] if found.agent_id else [])
    refusal = RefusalFacts(
        request_id, found.reason, found.at, found.ip_address, found.user_agent, agents.get(found.agent_id)
    )
    return RequestFacts(refusal, key=key_facts(asker.actor, record, {}))


async def _details(knowledge: Knowledge, asker: Asker, keys: Sequence[KeyFacts]) -> list[KeyFacts]:
    if not keys:
        return []
    reader = knowledge.reader
    ids = [each.record.id for each in keys]
    refused = await newest_refused(reader, ids, of_each=REFUSALS_READ)
    callers = await callers_of(reader, ids)
    agents = await _agents(reader, asker, {each.agent_id for each in refused if each.agent_id is not None})
    since_deletion = await requests_since_deletion(reader, [each.record.id for each in keys if each.is_deleted])
    return [
        replace(
            each,
            is_detailed=True,
            newest_refused=tuple(_refusal(row, agents) for row in refused if row.key_id == each.record.id),
            callers=tuple(row for row in callers if row.key_id == each.record.id),
            calls_since_deletion=since_deletion.get(each.record.id, 0),
            balance=None if each.is_deleted else await _balance(knowledge.limiter, each.record),
        )
        for each in keys
    ]


def _refusal(row: RefusedRecord, agents: dict[UUID | None, NamedAgent]) -> RefusalFacts:
    request_id = external_id(Prefix.REQUEST, row.request_id)
    return RefusalFacts(request_id, row.reason, row.at, row.ip_address, row.user_agent, agents.get(row.agent_id))


async def _agents(reader: Reader, asker: Asker, agent_ids: Collection[UUID]) -> dict[UUID | None, NamedAgent]:
    """Those that the person may know of."""
    known = asker.of_agents
    wanted = {each for each in agent_ids if known is None or each in known}
    found = await named_agents(reader, wanted) if wanted else {}
    return {agent_id: agent for (where, agent_id), agent in found.items() if where == asker.organization_id}


async def _balance(limiter: Limiter, record: ApiKeyRecord) -> LimitStatus | None:
    try:
        return await limiter.peek(record.id.hex, Limits(record.rate_limit, record.monthly_quota))
    except LimiterUnavailable:
        return None


async def _events(reader: Reader, asker: Asker, key_id: UUID | None) -> list[EventFacts]:
    of_agents = policy.visible_agents(asker.actor, Action.SEE_AUDIT_LOG, asker.organization_id)
    found = await newest_events(reader, asker.organization_id, of_agents=of_agents, key_id=key_id, limit=EVENTS_READ)
    return [EventFacts(each.action, each.at, each.actor, each.summary) for each in found]


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_LENGTH_AT_MOST else f"{line[: EXCERPT_LENGTH_AT_MOST - 1].rstrip()}…"
