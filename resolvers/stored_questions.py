"""
Stores questions: each once, and one at a time for each person, whichever process answers it.

A question that a client sends again under the same id is the same question: it does not count towards the person's
limit, and it gets the answer that it had, or waits for it. docs/decisions/question-lease.md says why there is a lease.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from assistant.explain.starters import may_begin_with
from assistant.facts.asker import Asker
from assistant.redaction.redact import Redacted
from assistant.reply.plain_text import one_line, shortened
from keys.refusals import InvalidInput, TooManyRequests
from keys.windows import A_DAY, A_MINUTE, retry_after
from models.engine.database import Database
from models.support.answer_lease import begin_answering, end_answering, is_being_answered
from models.support.conversation import TITLE_LENGTH_AT_MOST, ConversationRecord, begin_conversation, find_conversation
from models.support.message import (
    AlreadyKept,
    MessageRecord,
    answer_to,
    asked_since,
    find_question,
    keep_question,
    was_suggested,
)
from models.support.pasted_key import look_up_allowed
from resolvers.ask_request import AskRequest, not_suggested, stored_client_id, stored_context
from resolvers.conversations import continue_conversation, named_conversation

Result = TypeVar("Result")

ASKED_AT_MOST = ((A_MINUTE, 20, "within a minute"), (A_DAY, 200, "within a day"))
ANSWERED_WITHIN_SECONDS = 30
"""How long a claim lasts. After that, another process may answer the question: this one may have been killed."""
LOOK_AGAIN_SECONDS = 0.05
ANOTHER_MESSAGE = "This id was sent with another message. Choose a new one for each message."
ONE_AT_A_TIME = "Your previous question is still being answered. Wait for the answer, then ask again."


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """
    A stored question that this caller has claimed, and so has to answer or release.

    `may_look_up` are the public ids of the pasted keys that may be looked up.
    """

    conversation: ConversationRecord
    question: MessageRecord
    may_look_up: frozenset[str]


@dataclass(frozen=True, slots=True)
class Given:
    """A stored answer."""

    conversation: ConversationRecord
    message: MessageRecord


async def look_before(database: Database, asker: Asker, request: AskRequest, now: datetime) -> Given | None:
    """
    Returns the answer of a question that came before, without redacting the message or writing anything.

    A message that equals a stored one has nothing in it to redact: what is stored is redacted. Raises InvalidInput and
    TooManyRequests.
    """
    async with database.reading() as session:
        found = await _find(session, asker, request)
        if found is None:
            _check_pace([*await asked_since(session, asker.person.id, now - A_DAY), now], now)
            return None
        conversation, question = found
        answer = await answer_to(session, question.id)
    return Given(conversation, answer) if answer is not None and question.text == request.message else None


@dataclass(frozen=True, slots=True)
class QuestionStore:
    """Stores, claims and releases one question of a person."""

    database: Database
    asker: Asker
    request: AskRequest
    redacted: Redacted
    clock: Callable[[], datetime]

    async def store(self) -> StoredQuestion | Given:
        """
        Stores the question and claims it. If it came before, returns its answer, or waits for it.

        If another process does not finish the answer in time, the question is claimed for this caller. Raises
        InvalidInput and TooManyRequests; then nothing is stored.
        """
        known = await self._find()
        if known is None:
            try:
                return await self._claimed(self._store_new())
            except AlreadyKept:
                # The same question was sent twice at the same time, and the other one was stored first.
                known = await self._find()
        if known is None:
            raise TooManyRequests(ONE_AT_A_TIME, retry_after_seconds=1)
        return await self._answer_or_claim(*known)

    async def release(self, stored: StoredQuestion) -> None:
        """Releases the claim: the person can ask the next question, and this one can be claimed again by its id."""
        async with self.database.transaction() as session:
            await end_answering(session, self.asker.person.id, stored.question.id)

    async def _find(self) -> tuple[ConversationRecord, MessageRecord] | None:
        """The question that was stored under this client id. Raises InvalidInput if its text was different."""
        async with self.database.reading() as session:
            found = await _find(session, self.asker, self.request)
        if found is not None and found[1].text != self.redacted.text:
            raise InvalidInput("clientMessageId", ANOTHER_MESSAGE)
        return found

    async def _answer_or_claim(
        self, conversation: ConversationRecord, question: MessageRecord
    ) -> StoredQuestion | Given:
        time = asyncio.get_running_loop().time
        until = time() + ANSWERED_WITHIN_SECONDS + 1
        while True:
            async with self.database.reading() as session:
                answer = await answer_to(session, question.id)
                is_claimed = answer is None and await is_being_answered(session, self.asker.person.id)
            if answer is not None:
                return Given(conversation, answer)
            if time() > until:
                raise TooManyRequests(ONE_AT_A_TIME, retry_after_seconds=5)
            if not is_claimed and (stored := await self._claimed(self._reclaim(conversation, question))):
                return stored
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _store_new(self) -> StoredQuestion:
        now, person_id = self.clock(), self.asker.person.id
        async with self.database.transaction() as session:
            # First, because it locks the person: a hand-over also locks the person before the conversation.
            may_look_up = await self._look_ups(session, now)
            conversation = await self._conversation(session, now)
            question = await keep_question(
                session,
                conversation_id=conversation.id,
                person_id=person_id,
                text=self.redacted.text,
                at=now,
                client_message_id=stored_client_id(self.request),
                context=stored_context(self.request),
            )
            if not await begin_answering(session, person_id, question.id, seconds=ANSWERED_WITHIN_SECONDS):
                raise TooManyRequests(ONE_AT_A_TIME, retry_after_seconds=1)
            # After the line above, no other process counts questions of this person.
            _check_pace(await asked_since(session, person_id, now - A_DAY), now)
        return StoredQuestion(conversation, question, may_look_up)

    async def _reclaim(self, conversation: ConversationRecord, question: MessageRecord) -> StoredQuestion | None:
        """Claims a stored question. None if it has an answer, or if a question of the person is being answered."""
        person_id = self.asker.person.id
        async with self.database.transaction() as session:
            if not await begin_answering(session, person_id, question.id, seconds=ANSWERED_WITHIN_SECONDS):
                return None
            if await answer_to(session, question.id) is not None:
                # The question was answered since this caller looked.
                await end_answering(session, person_id, question.id)
                return None
            return StoredQuestion(conversation, question, await self._look_ups(session, self.clock()))

    async def _claimed(self, claim: Coroutine[Any, Any, Result]) -> Result:
        """Awaits a claim and returns its result. If the caller is cancelled meanwhile, the claim is released."""
        task = asyncio.ensure_future(claim)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.shield(self._released(task))
            raise

    async def _released(self, claim: asyncio.Task[Any]) -> None:
        stored: Any
        [stored] = await asyncio.gather(claim, return_exceptions=True)
        if isinstance(stored, StoredQuestion):
            await self.release(stored)

    async def _conversation(self, session: AsyncSession, now: datetime) -> ConversationRecord:
        """The conversation that the question continues, or a new one."""
        asker = self.asker
        suggestion_id = self.request.suggestion_id
        found = await named_conversation(session, asker.person.id, asker.organization_id, self.request.conversation_id)
        if found is not None:
            await continue_conversation(session, found, now)
            if suggestion_id is not None and not await was_suggested(session, found.id, suggestion_id):
                raise not_suggested()
            return found
        if suggestion_id is not None and not may_begin_with(suggestion_id):
            raise not_suggested()
        title = shortened(one_line(self.redacted.text), TITLE_LENGTH_AT_MOST) or "…"
        return await begin_conversation(
            session, organization_id=asker.organization_id, person_id=asker.person.id, title=title, at=now
        )

    async def _look_ups(self, session: AsyncSession, now: datetime) -> frozenset[str]:
        public_ids = [each.public_id for each in self.redacted.pieces if each.key is not None and each.public_id]
        return frozenset(await look_up_allowed(session, self.asker.person.id, public_ids, now=now))


async def run_to_completion(work: Coroutine[Any, Any, Result]) -> Result:
    """
    Awaits a transaction. If the caller is cancelled meanwhile, the transaction is completed before this ends.

    If it were cut off in its middle, nobody would know whether it is stored, and its locks would stay for a while.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _find(
    session: AsyncSession, asker: Asker, request: AskRequest
) -> tuple[ConversationRecord, MessageRecord] | None:
    """The question stored under this client id. Raises InvalidInput unless everything except its text is the same."""
    client_id = stored_client_id(request)
    question = None if client_id is None else await find_question(session, asker.person.id, client_id)
    if question is None:
        return None
    conversation = await find_conversation(session, question.conversation_id, asker.person.id)
    if (
        conversation is None
        or conversation.organization_id != asker.organization_id
        or request.conversation_id not in {None, conversation.id}
        or question.context != stored_context(request)
    ):
        raise InvalidInput("clientMessageId", ANOTHER_MESSAGE)
    return conversation, question


def _check_pace(asked: Sequence[datetime], now: datetime) -> None:
    """Raises TooManyRequests if the person has asked too much. `asked` includes the question that is being stored."""
    refused = [
        (seconds, f"You have asked {at_most} questions {words}.")
        for window, at_most, words in ASKED_AT_MOST
        if (seconds := retry_after(asked, at_most + 1, window, now)) is not None
    ]
    if refused:
        seconds, what = max(refused)
        raise TooManyRequests(f"{what} Wait a little, then continue, or contact support.", retry_after_seconds=seconds)
