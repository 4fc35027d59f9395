"""Data loaders for service tokens: what is asked about several events or people is read by one query."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from strawberry.dataloader import DataLoader

from keys.policy import Actor
from models.engine.reader import Reader
from models.tokens.service_tokens import ServiceTokenRecord
from resolvers.tokens import service_tokens


class TokenLoads:
    """The loaders of one request. `actor` gives the person of the moment."""

    def __init__(self, reader: Reader, actor: Callable[[], Actor], clock: Callable[[], datetime]) -> None:
        self._reader = reader
        self._actor = actor
        self._clock = clock
        self.by_id = DataLoader[UUID, ServiceTokenRecord | None](self._load_by_id)
        """The service token with an id; None for another id, and for one that the person may not see."""
        self.made_in = DataLoader[UUID, dict[UUID, list[ServiceTokenRecord]]](self._load_made)
        """The tokens that each person of an organization made, by the person's id."""

    async def _load_by_id(self, token_ids: list[UUID]) -> Sequence[ServiceTokenRecord | None]:
        found = await service_tokens.service_tokens_by_id(self._reader, self._actor(), set(token_ids))
        return [found.get(token_id) for token_id in token_ids]

    async def _load_made(self, organization_ids: list[UUID]) -> list[dict[UUID, list[ServiceTokenRecord]]]:
        actor, now = self._actor(), self._clock()
        return [
            await service_tokens.tokens_made(self._reader, actor, organization_id=each, now=now)
            for each in organization_ids
        ]
