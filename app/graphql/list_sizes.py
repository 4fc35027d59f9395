"""Finds the lengths of the lists that a person can request, and limits how much a person requests in a minute."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary

from app.graphql.limits import ListSizes
from keys.windows import PersonalLimit
from models.engine.ids import Prefix, external_id
from models.engine.reader import Reader
from models.key_queries import DELETED_LISTED_AT_MOST
from models.list_lengths import ListLengths, list_lengths
from models.person import MembershipRecord, Role
from models.tokens.service_tokens import ENDED_LISTED_AT_MOST
from resolvers.tokens.service_tokens import LIVING_AT_MOST
from schema.context import Context

ASSUMED_AT_MOST = 1_000
"""The number of agents, and of admins, that an organization is assumed to have before they are counted."""
FIELDS_OF_A_KEY = 30
FIELDS_OF_AN_AGENT = 10
FIELDS_OF_A_PERSON = 20
FIELDS_OF_OTHERS = 5
"""
How many fields of each list item are allowed on top of the complexity limit, however long the list is.

Enough for every field of the item itself, and of the people who are shown with it.
"""

COMPLEXITY_A_MINUTE = 2_000_000
"""
The complexity, in fields, that a person may request in a minute from each process.

That is a hundred of the largest operations, or about ten seconds of work.
"""
CHARGED_FROM = 1_000
"""Operations of a lower complexity are not counted."""

OF_EACH_AGENT = "Organization.agents > "
AGENTS_OF_EACH = "Organization.members > Member.agents"
INVITED_TO_EACH = "Organization.invitations > Invitation.agents"
SEEN_BY_EACH = "Organization.members > Member.keysSeen"
AGENTS_OF_EACH_TOKEN = "Organization.serviceTokens > ServiceToken.agents"  # noqa: S105
AGENTS_OF_EACH_TOKEN_MADE = "Member.serviceTokens > ServiceToken.agents"  # noqa: S105
MADE_BY_EACH = "Organization.members > Member.serviceTokens"
TOKENS_LISTED_AT_MOST = LIVING_AT_MOST + ENDED_LISTED_AT_MOST
SECRETS_OF_A_KEY = 2
"""The current and the previous secret: so many people can be named with a key."""
AGENTS_LISTS = ("Agent.apiKeys", "Agent.admins")
Lengths = Mapping[UUID, ListLengths]


class Lists:
    """
    Implements `PersonalLists` for the person who is signed in, and for a program with a token.

    Cheap operations are not counted, because refusing one takes as much work as answering it.
    """

    def __init__(self, reader: Reader, clock: Callable[[], datetime]) -> None:
        self._reader = reader
        self._clock = clock
        self._budget = PersonalLimit(COMPLEXITY_A_MINUTE, "You have asked for too much data")
        self._turns = WeakValueDictionary[UUID, asyncio.Lock]()

    def assumed(self, context: Context) -> ListSizes:
        """
        The lengths without a query.

        The number of keys was read with the person; agents and admins are assumed to be ASSUMED_AT_MOST.
        """
        return _sizes(_memberships(context), {})

    async def counted(self, context: Context) -> ListSizes:
        """The real lengths, from one query that counts everything."""
        memberships = _memberships(context)
        if not memberships:
            return _sizes(memberships, {})
        agent_ids = {agent_id for each in memberships for agent_id in each.agent_ids}
        found = await list_lengths(self._reader, [each.organization.id for each in memberships], agent_ids)
        return _sizes(memberships, found)

    def charge(self, context: Context, complexity: int) -> None:
        """Counts an operation of at least CHARGED_FROM fields. Raises TooManyRequests."""
        charged = _charged(context)
        if charged is not None and complexity >= CHARGED_FROM:
            self._budget.use(charged, self._clock(), complexity)

    @asynccontextmanager
    async def turn(self, context: Context, complexity: int) -> AsyncIterator[None]:
        """Lets one costly operation of a person run at a time, so that one person can't occupy the event loop."""
        charged = _charged(context)
        if charged is None or complexity < CHARGED_FROM:
            yield
            return
        lock = self._turns.setdefault(charged, asyncio.Lock())
        async with lock:
            yield


def _charged(context: Context) -> UUID | None:
    """The id of the person who is signed in, or of the program's token."""
    if context.visit.program is not None:
        return context.visit.program.token_id
    signed_in = context.visit.signed_in
    return None if signed_in is None else signed_in.person.id


def _memberships(context: Context) -> Sequence[MembershipRecord]:
    if context.visit.program is not None:
        return context.memberships
    # Those with a one-time password, too: the operation itself may change it.
    signed_in = context.visit.signed_in
    return () if signed_in is None else signed_in.memberships


def _sizes(memberships: Sequence[MembershipRecord], found: Lengths) -> ListSizes:
    if not memberships:
        # Nobody is signed in yet. If the operation itself signs somebody in, the executor limits the list items.
        return ListSizes({})
    by_id: dict[str, Mapping[str, float]] = {}
    extra_fields = 0
    for each in memberships:
        here = _lengths_of(each, found.get(each.organization.id))
        by_id[external_id(Prefix.ORGANIZATION, each.organization.id)] = {
            "Organization.admins": here.admins,
            "Organization.agents": here.agents,
            "Organization.apiKeys": here.living,
            "Organization.apiKeys(includeDeleted)": here.deleted,
            "KeyLimitReached.candidates": here.living,
            "AgentDeleted.deletedKeys": here.living,
            # One agent may have everything, but all agents together have no more.
            "Agent.apiKeys": here.living,
            "Agent.admins": here.administered,
            f"{OF_EACH_AGENT}Agent.apiKeys": here.living / max(here.agents, 1),
            f"{OF_EACH_AGENT}Agent.admins": here.administered / max(here.agents, 1),
            "Organization.members": here.people,
            "Organization.invitations": here.invitations,
            # As long as all agents at most, below one person; together, as many as there are.
            "Member.agents": here.agents,
            "Invitation.agents": here.agents,
            AGENTS_OF_EACH: here.administered / max(here.people, 1),
            INVITED_TO_EACH: here.invited / max(here.invitations, 1),
            "Member.keysSeen": here.living,
            "MemberRemoved.keysSeen": here.living,
            SEEN_BY_EACH: SECRETS_OF_A_KEY * here.living / max(here.people, 1),
            "Organization.serviceTokens": here.tokens,
            "ServiceToken.agents": here.agents,
            "Member.serviceTokens": min(here.tokens, LIVING_AT_MOST),
            "MemberRemoved.serviceTokens": min(here.tokens, LIVING_AT_MOST),
            MADE_BY_EACH: min(here.tokens, LIVING_AT_MOST) / max(here.people, 1),
            AGENTS_OF_EACH_TOKEN: here.tokens_agents / max(here.tokens, 1),
            AGENTS_OF_EACH_TOKEN_MADE: here.tokens_agents / max(here.tokens, 1),
        }
        extra_fields += FIELDS_OF_A_KEY * here.living
        if found:
            extra_fields += FIELDS_OF_AN_AGENT * here.agents + FIELDS_OF_A_PERSON * (here.people + here.invitations)
            extra_fields += FIELDS_OF_A_PERSON * here.tokens
            extra_fields += FIELDS_OF_OTHERS * (here.admins + here.administered + here.invited + here.tokens_agents)
    every = list(by_id.values())
    mean = {name: sum(each[name] for each in every) / len(every) for name in every[0]}
    for name in AGENTS_LISTS:
        mean[f"{OF_EACH_AGENT}{name}"] = mean[name] / max(mean["Organization.agents"], 1)
    mean[SEEN_BY_EACH] = SECRETS_OF_A_KEY * mean["Member.keysSeen"] / max(mean["Organization.members"], 1)
    largest = {name: max(each[name] for each in every) for name in every[0]}
    return ListSizes({**mean, "Viewer.organizations": len(memberships)}, largest, by_id, extra_fields)


class _Lengths(NamedTuple):
    """The lengths of the lists that a member sees. `administered` counts the admins of all agents together."""

    living: int
    deleted: int
    agents: int
    admins: int
    administered: int
    people: int = 0
    invitations: int = 0
    invited: int = 0
    tokens: int = 0
    tokens_agents: int = 0


def _lengths_of(member: MembershipRecord, found: ListLengths | None) -> _Lengths:
    living = member.organization.live_key_count
    lengths = found or ListLengths(
        agents=ASSUMED_AT_MOST,
        admins=ASSUMED_AT_MOST,
        administered=ASSUMED_AT_MOST,
        deleted_keys=DELETED_LISTED_AT_MOST,
        people=ASSUMED_AT_MOST,
        invitations=ASSUMED_AT_MOST,
        invited=ASSUMED_AT_MOST,
        tokens=TOKENS_LISTED_AT_MOST,
        tokens_agents=ASSUMED_AT_MOST,
        agents_keys=living,
        agents_deleted_keys=DELETED_LISTED_AT_MOST,
    )
    match member.role:
        case Role.ORGANIZATION_ADMIN:
            return _Lengths(
                living,
                lengths.deleted_keys,
                lengths.agents,
                lengths.admins,
                lengths.administered,
                lengths.people,
                lengths.invitations,
                lengths.invited,
                min(lengths.tokens, TOKENS_LISTED_AT_MOST),
                lengths.tokens_agents,
            )
        case Role.AGENT_ADMIN:
            agents = len(member.agent_ids)
            return _Lengths(lengths.agents_keys, lengths.agents_deleted_keys, agents, lengths.admins, 0)
        case Role.MEMBER:
            return _Lengths(0, 0, 0, lengths.admins, 0)
