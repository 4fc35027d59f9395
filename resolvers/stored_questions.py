"""
Does the keeping of questions: each once, one being answered at a time a person, so many in a minute and in a day.

A question that came before, under the same id of the person's client, is the same question: it is not counted among
the person's questions, and has the answer that it had, or waits for it.
"""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from assistant.facts.gather import Asker
from assistant.redaction.redact import LENGTH_AT_MOST, Redacted
from assistant.reply.plain_text import one_line, shortened
from keys.refusals import InvalidInput, TooManyRequests
from keys.windows import A_DAY, A_MINUTE, retry_after
from models.engine.database import Database
from models.engine.ids import Prefix, parse_external_id
from models.support.answer_lease import begin_answering, end_answering
from models.support.conversation import TITLE_LENGTH_AT_MOST, ConversationRecord, begin_conversation, find_conversation
from models.support.message import AlreadyKept, MessageRecord, answer_to, asked_since, find_question, keep_question
from models.support.pasted_key import look_up_allowed
from resolvers.conversations import continue_conversation, named_conversation, no_such_conversation

Outcome = TypeVar("Outcome")

ASKED_AT_MOST = ((A_MINUTE, 20, "within a minute"), (A_DAY, 200, "within a day"))
ANSWERED_WITHIN_SECONDS = 30
"""After which a question whose answering ended without a word may be answered by another process."""
LOOK_AGAIN_SECONDS = 0.05
TAKE_OVER_EACH = 10
"""Looks for an answer between two attempts to take the question over, which are writes."""
ANOTHER_MESSAGE = "This id was sent with another message. Choose a new one for each message."
ONE_AT_A_TIME = "Your question before this one is being answered. Wait for the answer, then ask."


@dataclass(frozen=True, slots=True)
class AskRequest:
    """What a person sends. The message is not redacted yet; the ids are as they came."""

    message: str
    conversation_id: UUID | None = None
    has_unreadable_conversation: bool = False
    client_message_id: str | None = None
    api_key_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """
    A question that is kept. With `is_begun` it is this caller's to answer; else somebody answers it, or has.

    `may_look_up` are the public ids of the pasted keys that may be looked up.
    """

    conversation: ConversationRecord
    question: MessageRecord
    is_begun: bool
    may_look_up: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that came before, with its answer."""

    conversation: ConversationRecord
    message: MessageRecord


class _Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was looked at: ids that have the form of one, and a digest of anything else, so that no secret is kept."""

    key: str | None = None
    request: str | None = None


def check(request: AskRequest) -> None:
    """Raises InvalidInput for a message that is none."""
    length = len(request.message)
    if not request.message.strip():
        raise InvalidInput("message", f"Write a message of 1 to {LENGTH_AT_MOST:,} characters.")
    if length > LENGTH_AT_MOST:
        raise InvalidInput(
            "message",
            f"The message has {length:,} characters; send at most {LENGTH_AT_MOST:,}. Leave out what is alike.",
        )
    if request.has_unreadable_conversation:
        raise no_such_conversation()


async def look_before(database: Database, asker: Asker, request: AskRequest, now: datetime) -> Answered | None:
    """
    What can be told without redacting the message or writing anything: that there were too many, or the answer.

    A message that is the same as a kept one, letter by letter, has nothing in it to redact: what is kept is redacted.
    Raises InvalidInput and TooManyRequests.
    """
    person_id, client_id = asker.person.id, _client_id(request)
    async with database.reading() as session:
        question = None if client_id is None else await find_question(session, person_id, client_id)
        if question is None:
            _check_pace([*await asked_since(session, person_id, now - A_DAY), now], now)
            return None
        conversation = await find_conversation(session, question.conversation_id, person_id)
        given = await answer_to(session, question.id)
    if conversation is None or not _is_same_place(asker, request, question, conversation):
        raise InvalidInput("clientMessageId", ANOTHER_MESSAGE)
    return Answered(conversation, given) if given is not None and question.text == request.message else None


async def store(
    database: Database, asker: Asker, request: AskRequest, redacted: Redacted, now: datetime
) -> StoredQuestion:
    """Keeps the question, or finds it. Raises InvalidInput and TooManyRequests: then nothing is kept."""
    return await _claim(database, asker, _stored(database, asker, request, redacted, now))


async def wait_for_answer(
    database: Database, asker: Asker, kept: StoredQuestion, redacted: Redacted, clock: Callable[[], datetime]
) -> MessageRecord | StoredQuestion:
    """The answer that somebody else gives; where nobody does any more, the question, begun for this caller now."""
    time = asyncio.get_running_loop().time
    until = time() + ANSWERED_WITHIN_SECONDS + 1
    for look in count():
        async with database.reading() as session:
            given = await answer_to(session, kept.question.id)
        if given is not None:
            return given
        if time() > until:
            break
        if look % TAKE_OVER_EACH == 0:
            begun = await _claim(database, asker, _reclaim(database, asker, kept, redacted, clock()))
            if begun.is_begun:
                return begun
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    raise TooManyRequests(ONE_AT_A_TIME, retry_after_seconds=5)


async def end(database: Database, asker: Asker, kept: StoredQuestion) -> None:
    """Lets the person ask the next one, where the question was left without an answer."""
    async with database.transaction() as session:
        await end_answering(session, asker.person.id, kept.question.id)


async def run_to_completion(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """
    What a transaction comes to, also where who asked for it goes away meanwhile: then it is done before this is left.

    Cut off in its middle, nobody would know whether it is stored, and its locks would stay for a while.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _claim(database: Database, asker: Asker, beginning: Coroutine[Any, Any, StoredQuestion]) -> StoredQuestion:
    """What is begun, or, where the listener goes away before it is known, ended again: the next question may come."""
    task = asyncio.ensure_future(beginning)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.shield(_release(database, asker, task))
        raise


async def _release(database: Database, asker: Asker, beginning: asyncio.Task[StoredQuestion]) -> None:
    [kept] = await asyncio.gather(beginning, return_exceptions=True)
    if isinstance(kept, StoredQuestion) and kept.is_begun:
        await end(database, asker, kept)


async def _stored(
    database: Database, asker: Asker, request: AskRequest, redacted: Redacted, now: datetime
) -> StoredQuestion:
    client_id = _client_id(request)
    if client_id is not None and (known := await _known(database, asker, request, redacted, client_id, now)):
        return known
    try:
        return await _keep_new(database, asker, request, redacted, client_id, now)
    except AlreadyKept:
        # The same was sent twice at once, and the other came first.
        known = None if client_id is None else await _known(database, asker, request, redacted, client_id, now)
        if known is None:
            raise TooManyRequests(ONE_AT_A_TIME, retry_after_seconds=1) from None
        return known


async def _keep_new(
    database: Database, asker: Asker, request: AskRequest, redacted: Redacted, client_id: str | None, now: datetime
) -> StoredQuestion:
    person_id = asker.person.id
    async with database.transaction() as session:
        # First, as it locks the person: a hand-over locks them before the conversation, too.
        allowed = await _look_ups(session, person_id, redacted, now)
        conversation = await _conversation(session, asker, request, redacted, now)
        question = await keep_question(
            session,
            conversation_id=conversation.id,
            person_id=person_id,
            text=redacted.text,
            at=now,
            client_message_id=client_id,
            context=_context(request),
        )
        if not await begin_answering(session, person_id, question.id, seconds=ANSWERED_WITHIN_SECONDS):
            raise TooManyRequests(ONE_AT_A_TIME, retry_after_seconds=1)
        # After the line above nobody else counts for this person.
        _check_pace(await asked_since(session, person_id, now - A_DAY), now)
    return StoredQuestion(conversation, question, is_begun=True, may_look_up=allowed)


async def _known(
    database: Database, asker: Asker, request: AskRequest, redacted: Redacted, client_id: str, now: datetime
) -> StoredQuestion | None:
    """The question that came before under this id. Raises InvalidInput where it was another one."""
    person_id = asker.person.id
    async with database.reading() as session:
        question = await find_question(session, person_id, client_id)
        if question is None:
            return None
        conversation = await find_conversation(session, question.conversation_id, person_id)
        is_answered = await answer_to(session, question.id) is not None
    is_same = conversation is not None and _is_same_place(asker, request, question, conversation)
    if conversation is None or not is_same or question.text != redacted.text:
        raise InvalidInput("clientMessageId", ANOTHER_MESSAGE)
    kept = StoredQuestion(conversation, question, is_begun=False)
    return kept if is_answered else await _reclaim(database, asker, kept, redacted, now)


def _is_same_place(
    asker: Asker, request: AskRequest, question: MessageRecord, conversation: ConversationRecord
) -> bool:
    """Whether all but the message is as it was when the question came before."""
    return (
        conversation.organization_id == asker.organization_id
        and request.conversation_id in {None, conversation.id}
        and question.context == _context(request)
    )


async def _reclaim(
    database: Database, asker: Asker, kept: StoredQuestion, redacted: Redacted, now: datetime
) -> StoredQuestion:
    """The same, begun for this caller where nobody answers it, nor has."""
    person_id, question_id = asker.person.id, kept.question.id
    async with database.transaction() as session:
        if not await begin_answering(session, person_id, question_id, seconds=ANSWERED_WITHIN_SECONDS):
            return kept
        if await answer_to(session, question_id) is not None:
            # It was given since this caller looked.
            await end_answering(session, person_id, question_id)
            return kept
        return replace(kept, is_begun=True, may_look_up=await _look_ups(session, person_id, redacted, now))


async def _conversation(
    session: AsyncSession, asker: Asker, request: AskRequest, redacted: Redacted, now: datetime
) -> ConversationRecord:
    """The one that goes on, or a new one."""
    person_id = asker.person.id
    found = await named_conversation(session, person_id, asker.organization_id, request.conversation_id)
    if found is None:
        title = shortened(one_line(redacted.text), TITLE_LENGTH_AT_MOST) or "…"
        return await begin_conversation(
            session, organization_id=asker.organization_id, person_id=person_id, title=title, at=now
        )
    await continue_conversation(session, found, now)
    return found


async def _look_ups(session: AsyncSession, person_id: UUID, redacted: Redacted, now: datetime) -> frozenset[str]:
    public_ids = [piece.public_id for piece in redacted.pieces if piece.key is not None and piece.public_id]
    return frozenset(await look_up_allowed(session, person_id, public_ids, now=now))


def _check_pace(asked: Sequence[datetime], now: datetime) -> None:
    """Raises TooManyRequests for more than a person may ask; the question that is being kept is among those asked."""
    refused = [
        (seconds, f"You have asked {at_most} questions {words}.")
        for window, at_most, words in ASKED_AT_MOST
        if (seconds := retry_after(asked, at_most + 1, window, now)) is not None
    ]
    if refused:
        seconds, what = max(refused)
        raise TooManyRequests(f"{what} Wait a little, then go on; or write to support.", retry_after_seconds=seconds)


def _client_id(request: AskRequest) -> str | None:
    """Its digest: it comes from outside, may be of any length, and is only ever compared."""
    given = request.client_message_id
    return None if not given else hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()


def _context(request: AskRequest) -> str | None:
    if request.api_key_id is None and request.request_id is None:
        return None
    context = _Context(_kept_id(Prefix.API_KEY, request.api_key_id), _kept_id(Prefix.REQUEST, request.request_id))
    return msgspec.json.encode(context).decode()


def _kept_id(prefix: Prefix, given: str | None) -> str | None:
    if given is None or parse_external_id(prefix, given) is not None:
        return given
    return hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()[:32]
