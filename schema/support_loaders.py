"""Owns how a request looks up conversations: what its fields ask at the same moment together, and nothing twice."""

from uuid import UUID

from strawberry.dataloader import DataLoader

from keys.policy import Actor
from models.engine.reader import Reader
from models.key_queries import ApiKeyRecord
from models.support.message import MessageRecord
from models.support.ticket import TicketRecord
from resolvers import conversations


class SupportLoads:
    """One request's. Keys that the person may not see today are None, whatever they could see when it was written."""

    def __init__(self, reader: Reader, actor: Actor) -> None:
        self._reader = reader
        self._messages: dict[tuple[int, UUID | None], DataLoader[UUID, list[MessageRecord]]] = {}
        self.tickets = DataLoader[UUID, TicketRecord | None](lambda ids: conversations.tickets(reader, ids))
        self.keys = DataLoader[UUID, ApiKeyRecord | None](lambda ids: conversations.keys(reader, actor, ids))

    def messages(self, last: int, before: UUID | None) -> DataLoader[UUID, list[MessageRecord]]:
        """By conversation, the last so many before that one."""
        if (last, before) not in self._messages:
            self._messages[last, before] = DataLoader(
                lambda ids: conversations.messages(self._reader, ids, last=last, before=before)
            )
        return self._messages[last, before]
