"""Finds the lengths of the lists that a person can request, and limits how much a person requests in a minute."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID
from weakref import WeakValueDictionary

from app.graphql.limits import ListSizes
from keys.windows import PersonalLimit
from models.engine.ids import Prefix, external_id
from models.engine.reader import Reader
from models.key_queries import DELETED_LISTED_AT_MOST
from models.list_lengths import ListLengths, list_lengths
from models.person import MembershipRecord, Role
from schema.context import Context

ASSUMED_AT_MOST = 1_000
"""The number of agents, and of admins, that an organization is assumed to have before they are counted."""
FIELDS_OF_A_KEY = 30
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

Lengths = Mapping[UUID, ListLengths]


class Lists:
    """
    Implements `PersonalLists` for the person who is signed in.

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
        signed_in = context.visit.signed_in
        if signed_in is not None and complexity >= CHARGED_FROM:
            self._budget.use(signed_in.person.id, self._clock(), complexity)

    @asynccontextmanager
    async def turn(self, context: Context, complexity: int) -> AsyncIterator[None]:
        """Lets one costly operation of a person run at a time, so that one person can't occupy the event loop."""
        signed_in = context.visit.signed_in
        if signed_in is None or complexity < CHARGED_FROM:
            yield
            return
        lock = self._turns.setdefault(signed_in.person.id, asyncio.Lock())
        async with lock:
            yield


def _memberships(context: Context) -> Sequence[MembershipRecord]:
    signed_in = context.visit.signed_in
    return () if signed_in is None else signed_in.memberships


def _sizes(memberships: Sequence[MembershipRecord], found: Lengths) -> ListSizes:
    if not memberships:
        # Nobody is signed in yet. If the operation itself signs somebody in, the executor limits the list items.
        return ListSizes({})
    by_id: dict[str, Mapping[str, float]] = {}
    extra_fields = 0
    for each in memberships:
        living, deleted, agents, admins = _lengths_of(each, found.get(each.organization.id))
        by_id[external_id(Prefix.ORGANIZATION, each.organization.id)] = {
            "Organization.admins": admins,
            "Organization.agents": agents,
            "Organization.apiKeys": living,
            "Organization.apiKeys(includeDeleted)": deleted,
            "KeyLimitReached.candidates": living,
        }
        extra_fields += FIELDS_OF_A_KEY * living + (FIELDS_OF_OTHERS * (agents + admins) if found else 0)
    every = list(by_id.values())
    mean = {name: sum(each[name] for each in every) / len(every) for name in every[0]}
    largest = {name: max(each[name] for each in every) for name in every[0]}
    return ListSizes({**mean, "Viewer.organizations": len(memberships)}, largest, by_id, extra_fields)


def _lengths_of(member: MembershipRecord, found: ListLengths | None) -> tuple[int, int, int, int]:
    """The numbers of active keys, deleted keys, agents and admins in the lists that this member sees."""
    living = member.organization.live_key_count
    lengths = found or ListLengths(
        ASSUMED_AT_MOST, ASSUMED_AT_MOST, DELETED_LISTED_AT_MOST, living, DELETED_LISTED_AT_MOST
    )
    match member.role:
        case Role.ORGANIZATION_ADMIN:
            return living, lengths.deleted_keys, lengths.agents, lengths.admins
        case Role.AGENT_ADMIN:
            return lengths.agents_keys, lengths.agents_deleted_keys, len(member.agent_ids), lengths.admins
        case Role.MEMBER:
            return 0, 0, 0, lengths.admins
