"""Data loaders for agents: each field of all agents that are shown together is read by one query."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from keys.policy import Actor
from models.engine.reader import Reader
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson
from resolvers import agents
from resolvers.agents import Place

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True, eq=False)
class AgentGroup:
    """
    Agents of an organization that are shown together.

    Long lists are built in slices, so that loaders that know only one agent would need a query for each slice.
    """

    organization_id: UUID
    agent_ids: Sequence[UUID]


class AgentLoads:
    """
    The loaders of one request: from a group to what each of its agents has, by id.

    `actor` gives the person of the moment, because the operation itself may sign somebody in.
    """

    def __init__(self, reader: Reader, actor: Callable[[], Actor], clock: Callable[[], datetime]) -> None:
        self._reader = reader
        self._actor = actor
        self._clock = clock
        self.admins = DataLoader[AgentGroup, dict[UUID, list[NamedPerson]]](self._load_admins, cache_key_fn=_same)
        self.keys = DataLoader[AgentGroup, dict[UUID, list[ApiKeyRecord]]](self._load_keys, cache_key_fn=_same)
        self.living_keys = DataLoader[AgentGroup, dict[UUID, int]](self._load_living_keys, cache_key_fn=_same)
        self.calls = DataLoader[AgentGroup, dict[UUID, int]](self._load_calls, cache_key_fn=_same)

    async def _load_admins(self, groups: list[AgentGroup]) -> list[dict[UUID, list[NamedPerson]]]:
        return _for_each(groups, await agents.admins(self._reader, self._actor(), _places(groups)))

    async def _load_keys(self, groups: list[AgentGroup]) -> list[dict[UUID, list[ApiKeyRecord]]]:
        return _for_each(groups, await agents.keys(self._reader, self._actor(), _places(groups)))

    async def _load_living_keys(self, groups: list[AgentGroup]) -> list[dict[UUID, int]]:
        return _for_each(groups, await agents.count_keys(self._reader, self._actor(), _places(groups)))

    async def _load_calls(self, groups: list[AgentGroup]) -> list[dict[UUID, int]]:
        places, now = _places(groups), self._clock()
        return _for_each(groups, await agents.calls_of_last_day(self._reader, self._actor(), places, now=now))


def _same(group: AgentGroup) -> tuple[UUID, tuple[UUID, ...]]:
    """The same agents are read once, in whichever slice of a long list they are asked about."""
    return group.organization_id, tuple(group.agent_ids)


def _places(groups: Sequence[AgentGroup]) -> set[Place]:
    return {(group.organization_id, agent_id) for group in groups for agent_id in group.agent_ids}


def _for_each(groups: Sequence[AgentGroup], found: dict[UUID, Loaded]) -> list[dict[UUID, Loaded]]:
    return [found] * len(groups)
