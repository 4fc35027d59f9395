"""How long the lists are that a person can ask for, so that an operation is measured by its real size."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID
from weakref import WeakValueDictionary

from app.graphql.limits import ListSizes
from models.engine.ids import Prefix, external_id
from models.engine.reader import Reader
from models.key_queries import DELETED_LISTED_AT_MOST
from models.list_lengths import ListLengths, list_lengths
from models.person import MembershipRecord, Role
from resolvers.pace import Budget
from schema.context import Context

ASSUMED_AT_MOST = 1_000
"""Agents, and admins, of an organization while they are not counted."""
FIELDS_OF_A_KEY = 30
FIELDS_OF_OTHERS = 5
"""What a list may have of each item however long it is: every field of its own, and of the people beside it."""

COMPLEXITY_A_MINUTE = 2_000_000
"""Fields a person, in each process: a hundred of the largest operations, which is some ten seconds of work."""
CHARGED_FROM = 1_000

Lengths = Mapping[UUID, ListLengths]


class Lists:
    """
    The lengths of the lists of whoever asks, and how much each person asked for within a minute.

    Cheap operations cost nothing: they are as many as a person's programs can send, and none is worth more than
    answering that it is refused.
    """

    def __init__(self, reader: Reader, clock: Callable[[], datetime]) -> None:
        self._reader = reader
        self._clock = clock
        self._budget = Budget(COMPLEXITY_A_MINUTE, "data")
        self._turns = WeakValueDictionary[UUID, asyncio.Lock]()

    def assumed(self, context: Context) -> ListSizes:
        """Without a query: keys are counted in what was read of the person; others are assumed to be many."""
        return _sizes(_memberships(context), {})

    async def counted(self, context: Context) -> ListSizes:
        """With one query that counts all of them."""
        memberships = _memberships(context)
        if not memberships:
            return _sizes(memberships, {})
        agent_ids = {agent_id for each in memberships for agent_id in each.agent_ids}
        found = await list_lengths(self._reader, [each.organization.id for each in memberships], agent_ids)
        return _sizes(memberships, found)

    def charge(self, context: Context, complexity: int) -> None:
        """Counts what a person asks for. Raises TooManyRequests."""
        signed_in = context.visit.signed_in
        if signed_in is not None and complexity >= CHARGED_FROM:
            self._budget.spend(signed_in.person.id, complexity, self._clock())

    @asynccontextmanager
    async def turn(self, context: Context, complexity: int) -> AsyncIterator[None]:
        """One costly operation of a person at a time: the event loop serves others in between, not only them."""
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
        # Nobody is signed in yet. The executor counts what a sign-in leads to.
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
    """Living keys, tombstones, agents and admins in the lists that this member is shown."""
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
