"""Data loaders for people: what is asked of each person of an organization is read by one query."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from strawberry.dataloader import DataLoader

from keys.policy import Actor
from models.engine.reader import Reader
from models.key_queries import ApiKeyRecord
from resolvers import members


class PeopleLoads:
    """The loaders of one request. `actor` gives the person of the moment."""

    def __init__(self, reader: Reader, actor: Callable[[], Actor], clock: Callable[[], datetime]) -> None:
        self._reader = reader
        self._actor = actor
        self._clock = clock
        self.keys_seen = DataLoader[UUID, dict[UUID, list[ApiKeyRecord]]](self._load_keys_seen)

    async def _load_keys_seen(self, organization_ids: list[UUID]) -> list[dict[UUID, list[ApiKeyRecord]]]:
        actor, now = self._actor(), self._clock()
        return [
            await members.keys_seen(self._reader, actor, organization_id=each, now=now) for each in organization_ids
        ]
