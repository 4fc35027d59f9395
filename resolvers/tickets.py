"""Hands a conversation over to people: makes a ticket with what was said and found, which the outbox mails."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from assistant.intents.language import ENGLISH
from assistant.redaction.redact import redact
from assistant.reply.stored_answer import read, to_json
from assistant.reply.ticket_text import MESSAGES_AT_MOST, HandOver, Turn, as_text, body, handed_over, subject
from keys.policy import Actor
from keys.refusals import InvalidInput, NotFound, TooManyRequests
from keys.windows import A_DAY, retry_after
from models.engine.database import Database
from models.engine.ids import new_id
from models.person import MembershipRecord, NamedPerson, admins_of, memberships_of, person_for_update
from models.support.conversation import ConversationRecord
from models.support.message import keep_answer, latest_messages
from models.support.ticket import Ticket, TicketRecord, handed_over_since, record_of, tickets_of
from resolvers.conversations import continue_conversation, named_conversation

HAND_OVERS_AT_MOST = 5
NOTE_LENGTH_AT_MOST = 2000
NOTE_TOO_LONG = f"The note is too long; use at most {NOTE_LENGTH_AT_MOST} characters."


@dataclass(frozen=True, slots=True)
class SupportChannel:
    """Where tickets go: the support address, whether mail is sent, and a function that announces a new ticket."""

    address: str | None = None
    sends_mail: bool = False
    wake: Callable[[], None] = lambda: None


async def contact_support(
    database: Database,
    actor: Actor,
    person: NamedPerson,
    channel: SupportChannel,
    *,
    organization_id: UUID,
    conversation_id: UUID | None,
    note: str | None,
    prefixes: Collection[str],
    now: datetime,
) -> TicketRecord:
    """
    Stores a ticket, without waiting for the mail server. A conversation has only one: a second call returns the first.

    Raises NotFound, InvalidInput for conversationId or note, TooManyRequests.
    """
    if organization_id not in actor.roles:
        raise NotFound
    if note is not None and len(note) > NOTE_LENGTH_AT_MOST:
        raise InvalidInput("note", NOTE_TOO_LONG)
    # Checked before the note is redacted, which takes time, and before the person's row is locked.
    if (ticket := await _look_before(database, person.id, organization_id, conversation_id, now)) is not None:
        return ticket
    note = None if note is None else redact(note, prefixes).text.strip() or None
    async with database.transaction() as session:
        # Locked until the end, so that concurrent hand-overs of a person are counted one after the other.
        if await person_for_update(session, person.id) is None:
            raise NotFound
        standing = await _standing(session, person.id, organization_id)
        conversation = await named_conversation(session, person.id, organization_id, conversation_id)
        if conversation is not None and (ticket := (await tickets_of(session, [conversation.id])).get(conversation.id)):
            return ticket
        await _check_pace(session, person.id, now)
        if conversation is not None:
            await continue_conversation(session, conversation, now)
        hand_over = await _hand_over(session, person, standing, conversation, note, now)
        ticket = await _write(session, hand_over, channel)
        if conversation is not None:
            await _confirm_in_chat(session, conversation, hand_over, channel)
    channel.wake()
    return ticket


async def _look_before(
    database: Database, person_id: UUID, organization_id: UUID, conversation_id: UUID | None, now: datetime
) -> TicketRecord | None:
    """The conversation's ticket, if it has one already. Raises InvalidInput and TooManyRequests."""
    async with database.reading() as session:
        conversation = await named_conversation(session, person_id, organization_id, conversation_id)
        if conversation is not None and (ticket := (await tickets_of(session, [conversation.id])).get(conversation.id)):
            return ticket
        await _check_pace(session, person_id, now)
    return None


async def _standing(session: AsyncSession, person_id: UUID, organization_id: UUID) -> MembershipRecord:
    """The person's current membership in the organization. Raises NotFound."""
    for each in await memberships_of(session, person_id):
        if each.organization.id == organization_id:
            return each
    raise NotFound


async def _check_pace(session: AsyncSession, person_id: UUID, now: datetime) -> None:
    recent = await handed_over_since(session, person_id, now - A_DAY)
    seconds = retry_after(recent, HAND_OVERS_AT_MOST, A_DAY, now)
    if seconds is not None:
        raise TooManyRequests(
            f"You have handed over {len(recent)} times within a day. Support has your messages. You can hand over "
            "again tomorrow.",
            retry_after_seconds=seconds,
        )


async def _hand_over(
    session: AsyncSession,
    person: NamedPerson,
    standing: MembershipRecord,
    conversation: ConversationRecord | None,
    note: str | None,
    now: datetime,
) -> HandOver:
    turns: list[Turn] = []
    if conversation is not None:
        messages = await latest_messages(session, conversation.id, last=MESSAGES_AT_MOST + 1)
        turns = [Turn(each.author, each.at, each.text, read(each.answer)) for each in messages]
    return HandOver(
        ticket_id=new_id(),
        at=now,
        person=person,
        organization=standing.organization,
        role=standing.role,
        note=note,
        conversation_id=None if conversation is None else conversation.id,
        title=None if conversation is None else conversation.title,
        turns=turns[-MESSAGES_AT_MOST:],
        is_cut=len(turns) > MESSAGES_AT_MOST,
    )


async def _write(session: AsyncSession, hand_over: HandOver, channel: SupportChannel) -> TicketRecord:
    row = Ticket(
        id=hand_over.ticket_id,
        organization_id=hand_over.organization.id,
        person_id=hand_over.person.id,
        conversation_id=hand_over.conversation_id,
        created_at=hand_over.at,
        sent_to=channel.address,
        reply_to=hand_over.person.email,
        subject=subject(hand_over),
        body=body(hand_over),
        # Due at once. Without a mail server, it waits until there is one.
        next_attempt_at=None if channel.address is None else hand_over.at,
    )
    session.add(row)
    await session.flush()
    return record_of(row)


async def _confirm_in_chat(
    session: AsyncSession, conversation: ConversationRecord, hand_over: HandOver, channel: SupportChannel
) -> None:
    """Adds a message of the assistant to the conversation that confirms the hand-over."""
    admins = await admins_of(session, conversation.organization_id)
    answer = handed_over(
        hand_over.ticket_id,
        hand_over.at,
        hand_over.person,
        support_email=channel.address,
        sends_mail=channel.sends_mail,
        admins=admins,
        language=next((turn.answer.language for turn in reversed(hand_over.turns) if turn.answer is not None), ENGLISH),
    )
    await keep_answer(
        session,
        conversation_id=conversation.id,
        person_id=conversation.person_id,
        text=as_text(answer),
        at=hand_over.at,
        answers_id=None,
        diagnosis_case=answer.case,
        answer=to_json(answer),
    )
