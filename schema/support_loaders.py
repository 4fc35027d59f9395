"""Data loaders for conversations: queries of a request's fields are batched, and nothing is read twice."""

from uuid import UUID

from strawberry.dataloader import DataLoader

from keys.policy import Actor
from models.engine.reader import Reader
from models.key_queries import ApiKeyRecord
from models.support.message import MessageRecord
from models.support.ticket import TicketRecord
from resolvers import conversations


class SupportLoads:
    """
    The loaders of one request.

    A key that the person may not see now is None, even if they could see it when the message was written.
    """

    def __init__(self, reader: Reader, actor: Actor) -> None:
        self._reader = reader
        self._messages: dict[tuple[int, UUID | None], DataLoader[UUID, list[MessageRecord]]] = {}
        self.tickets = DataLoader[UUID, TicketRecord | None](lambda ids: conversations.tickets(reader, ids))
        self.keys = DataLoader[UUID, ApiKeyRecord | None](lambda ids: conversations.keys(reader, actor, ids))

    def messages(self, last: int, before: UUID | None) -> DataLoader[UUID, list[MessageRecord]]:
        """Loads, by conversation, the last `last` messages before the message `before`, or the newest ones."""
        if (last, before) not in self._messages:
            self._messages[last, before] = DataLoader(
                lambda ids: conversations.messages(self._reader, ids, last=last, before=before)
            )
        return self._messages[last, before]
