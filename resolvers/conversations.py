"""Lists, reads and rates a person's conversations with the assistant. Nobody else can see them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import Action, Actor, may_on
from keys.refusals import InvalidInput, UnusableArgument
from models.engine.database import Database
from models.engine.ids import Prefix, parse_external_id
from models.engine.reader import Reader, Source
from models.key_queries import ApiKeyRecord, key_records
from models.support.conversation import ConversationRecord, conversations_of, find_conversation, note_message
from models.support.message import MessageRecord, find_message, messages_of, rate_message
from models.support.ticket import TicketRecord, tickets_of
from resolvers.usage import page_size


async def conversation(source: Source, actor: Actor, conversation_id: UUID | None) -> ConversationRecord | None:
    """The person's conversation with this id, if they are still in its organization; else None."""
    if conversation_id is None or actor.person_id is None:
        return None
    found = await find_conversation(source, conversation_id, actor.person_id)
    return found if found is not None and found.organization_id in actor.roles else None


async def named_conversation(
    session: AsyncSession, person_id: UUID, organization_id: UUID, conversation_id: UUID | None
) -> ConversationRecord | None:
    """
    The conversation that an input names, or None if it names none.

    Raises InvalidInput for conversationId, with the same message for every id that is not one of the person's own
    conversations in this organization.
    """
    if conversation_id is None:
        return None
    found = await find_conversation(session, conversation_id, person_id)
    if found is None or found.organization_id != organization_id:
        raise no_such_conversation()
    return found


async def continue_conversation(session: AsyncSession, record: ConversationRecord, now: datetime) -> None:
    """Locks the conversation for another message. Raises InvalidInput if it was deleted meanwhile."""
    if not await note_message(session, record.id, at=now, subject=record.subject):
        raise no_such_conversation()


def no_such_conversation() -> InvalidInput:
    """The refusal of a conversation that is not one of the person's own in this organization."""
    return InvalidInput("conversationId", "You have no such conversation in this organization.")


async def conversations(
    source: Source, actor: Actor, organization_id: UUID, *, first: int, before: str | None
) -> list[ConversationRecord]:
    """The person's conversations in this organization, newest first. Raises UnusableArgument."""
    page_size(first)
    if actor.person_id is None:
        return []
    return await conversations_of(
        source, actor.person_id, organization_id, first=first, before=before_id(Prefix.CONVERSATION, before)
    )


async def messages(
    source: Source, conversation_ids: Sequence[UUID], *, last: int, before: UUID | None
) -> list[list[MessageRecord]]:
    """For each conversation, its last `last` messages before the message `before`, oldest first."""
    found = await messages_of(source, conversation_ids, last=last, before=before)
    return [found[each] for each in conversation_ids]


async def tickets(source: Source, conversation_ids: Sequence[UUID]) -> list[TicketRecord | None]:
    """For each conversation, its ticket, or None."""
    found = await tickets_of(source, conversation_ids)
    return [found.get(each) for each in conversation_ids]


async def keys(source: Source, actor: Actor, key_ids: Collection[UUID]) -> list[ApiKeyRecord | None]:
    """The keys that answers are about; None for each that the person may not see now."""
    found = await key_records(source, key_ids)
    return [
        record if (record := found.get(each)) is not None and may_on(actor, Action.SEE_KEY, record) else None
        for each in key_ids
    ]


async def rate(
    database: Database, reader: Reader, actor: Actor, message_id: UUID | None, *, helpful: bool, now: datetime
) -> MessageRecord | None:
    """Stores the person's rating of an answer and returns the message; None if they have no such message."""
    if message_id is None or actor.person_id is None:
        return None
    found = await find_message(reader, message_id, actor.person_id)
    if found is None or await conversation(reader, actor, found.conversation_id) is None:
        return None
    async with database.transaction() as session:
        if not await rate_message(session, found.id, actor.person_id, helpful=helpful, at=now):
            return None
    return found._replace(helpful=helpful, rated_at=now)


def before_id(prefix: Prefix, text: str | None) -> UUID | None:
    """Parses the cursor of a page: the id before which it ends. Raises UnusableArgument."""
    if text is None:
        return None
    found = parse_external_id(prefix, text)
    if found is None:
        raise UnusableArgument(
            f"before: this is not an id that begins with {prefix}_. Send an id from an earlier page."
        )
    return found
