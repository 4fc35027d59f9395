"""
Answers questions to the assistant: redacts, stores and answers them, one at a time for each person.

Nothing here changes anything except the conversation.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from assistant.choice import Chooser
from assistant.diagnose import state_after
from assistant.explain.starters import starters
from assistant.facts import conversation_state
from assistant.facts.asker import Asker, Knowledge
from assistant.facts.gather import gather_overview
from assistant.facts.pasted_keys import Possessions
from assistant.facts.question import Inquiry
from assistant.intents.language import ENGLISH
from assistant.language.languages import language_of_answer
from assistant.pipeline import DiagnosedMessage, diagnose_message
from assistant.redaction.redact import redact
from assistant.reply import render as answer
from assistant.reply.plain_text import one_line
from assistant.reply.stored_answer import StoredAnswer, StoredReply, to_json
from keys.policy import Actor
from keys.refusals import NotFound, TooManyRequests
from keys.windows import PersonalLimit
from models.engine.database import Database
from models.person import MembershipRecord, NamedPerson
from models.support.answer_lease import end_answering
from models.support.conversation import note_message
from models.support.message import AlreadyKept, keep_answer
from models.support.ticket import tickets_of
from resolvers.ask_request import AskRequest, check, chosen_language
from resolvers.stored_questions import (
    ONE_AT_A_TIME,
    Given,
    QuestionStore,
    StoredQuestion,
    look_before,
    run_to_completion,
)

ID_LENGTH_AT_MOST = 80
"""How many characters of an id from outside are read."""
DIAGNOSES_A_MINUTE = 300
"""How many times a person may call `diagnoseRequest` in a minute, in each process."""
ASKED_A_MINUTE = 60
"""How many messages a person may send in a minute, in each process. Repeated and refused messages count, too."""


@dataclass(frozen=True, slots=True)
class Assistant:
    """The dependencies of the assistant's operations. `chooser` is the operator's model, if there is one."""

    database: Database
    knowledge: Knowledge
    possessions: Possessions
    clock: Callable[[], datetime]
    chooser: Chooser | None = None
    diagnoses: PersonalLimit = field(
        default_factory=lambda: PersonalLimit(DIAGNOSES_A_MINUTE, f"You have asked about {DIAGNOSES_A_MINUTE} requests")
    )
    messages: PersonalLimit = field(
        default_factory=lambda: PersonalLimit(ASKED_A_MINUTE, f"You have sent {ASKED_A_MINUTE} messages")
    )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer that is being written."""

    conversation_id: UUID
    text: str


def asker_in(
    actor: Actor, person: NamedPerson, memberships: Sequence[MembershipRecord], organization_id: UUID | None
) -> Asker:
    """The person as an asker in this organization. Raises NotFound if they are not in it."""
    for membership in memberships:
        if membership.organization.id == organization_id:
            return Asker(actor, person, membership)
    raise NotFound


async def ask(assistant: Assistant, asker: Asker, request: AskRequest) -> AsyncGenerator[Chunk | Given, None]:
    """
    Yields the answer in chunks, then the stored answer. If the caller stops listening, the question has no answer.

    Raises InvalidInput and TooManyRequests before the first chunk.
    """
    # PostgreSQL can store every character except this one.
    request = replace(request, message=request.message.replace("\0", ""))
    check(request)
    # Before the message is redacted, which takes time, and before anything is written.
    assistant.messages.use(asker.person.id, assistant.clock())
    given = await look_before(assistant.database, asker, request, assistant.clock())
    if given is not None:
        for event in _again(given):
            yield event
        return
    redacted = redact(request.message, assistant.possessions.prefixes)
    questions = QuestionStore(assistant.database, asker, request, redacted, assistant.clock)
    stored = await questions.store()
    if isinstance(stored, Given):
        for event in _again(stored):
            yield event
        return
    is_given = False
    try:
        diagnosed = await _diagnosed(assistant, questions, stored)
        chunks = answer.written(diagnosed.answered.diagnosis, diagnosed.language, assistant.knowledge.documents.title)
        for chunk in chunks:
            yield Chunk(stored.conversation.id, chunk)
        given = await run_to_completion(_store(assistant, asker, stored, diagnosed, "".join(chunks)))
        is_given = True
        yield given
    finally:
        if not is_given:
            # Also if this is cancelled because the listener is gone: the next question must not wait for this one.
            await asyncio.shield(questions.release(stored))


def _again(given: Given) -> Iterator[Chunk | Given]:
    """Yields a stored answer in the way in which it was first written."""
    for part in answer.parts(given.message.text):
        yield Chunk(given.conversation.id, part)
    yield given


async def diagnose_request(
    assistant: Assistant, asker: Asker, request_id: str, language: str | None = None
) -> StoredAnswer:
    """
    Why this request was refused. A request that never existed and one that the person may not see get the same answer.

    `language` is the tag of the language to answer in. Raises InvalidInput and TooManyRequests.
    """
    chosen = chosen_language(language)
    assistant.diagnoses.use(asker.person.id, assistant.clock())
    inquiry = Inquiry("", request_id=_harmless_id(assistant, request_id), language=chosen)
    diagnosed = await diagnose_message(assistant.knowledge, assistant.possessions, asker, inquiry, assistant.clock())
    return answer.to_stored(diagnosed.answered.diagnosis, diagnosed.language, assistant.knowledge.documents.title)


async def worth_asking(assistant: Assistant, asker: Asker, language: str | None = None) -> tuple[StoredReply, ...]:
    """
    The questions to suggest now, from the organization's current state.

    `language` is the tag of the language to write them in. Raises InvalidInput.
    """
    written_in = language_of_answer(chosen_language(language) or ENGLISH)
    return answer.stored_replies(
        starters(await gather_overview(assistant.knowledge, asker, assistant.clock())), written_in
    )


async def _diagnosed(assistant: Assistant, questions: QuestionStore, stored: StoredQuestion) -> DiagnosedMessage:
    request, conversation = questions.request, stored.conversation
    inquiry = Inquiry(
        text=questions.redacted.text,
        pieces=questions.redacted.pieces,
        may_look_up=stored.may_look_up,
        looking_at=None if request.api_key_id is None else _harmless_id(assistant, request.api_key_id),
        request_id=None if request.request_id is None else _harmless_id(assistant, request.request_id),
        suggestion_id=request.suggestion_id,
        state=conversation_state.from_json(conversation.subject),
        language=chosen_language(request.language),
        has_ticket=bool(await tickets_of(assistant.knowledge.reader, [conversation.id])),
    )
    return await diagnose_message(
        assistant.knowledge,
        assistant.possessions,
        questions.asker,
        inquiry,
        assistant.clock(),
        assistant.chooser,
    )


async def _store(
    assistant: Assistant, asker: Asker, stored: StoredQuestion, diagnosed: DiagnosedMessage, text: str
) -> Given:
    """Stores the answer and lets the person ask the next question, in one transaction."""
    answered = diagnosed.answered
    diagnosis = answered.diagnosis
    state = conversation_state.to_json(state_after(answered, diagnosed.facts, diagnosed.language))
    now = assistant.clock()
    try:
        async with assistant.database.transaction() as session:
            await note_message(session, stored.conversation.id, at=now, subject=state)
            message = await keep_answer(
                session,
                conversation_id=stored.conversation.id,
                person_id=asker.person.id,
                text=text,
                at=now,
                answers_id=stored.question.id,
                topic=answered.topic,
                language=diagnosed.language,
                diagnosis_case=diagnosis.case,
                key_id=None if diagnosis.key is None else diagnosis.key.id,
                is_direct=answered.is_direct,
                answer=to_json(answer.to_stored(diagnosis, diagnosed.language, assistant.knowledge.documents.title)),
            )
            await end_answering(session, asker.person.id, stored.question.id)
    except AlreadyKept:
        # Answering took so long that another process has claimed and answered the question.
        raise TooManyRequests(ONE_AT_A_TIME, retry_after_seconds=1) from None
    return Given(stored.conversation, message)


def _harmless_id(assistant: Assistant, given: str) -> str:
    """An id from outside, without secrets that were sent in its place."""
    return redact(one_line(given[:ID_LENGTH_AT_MOST]), assistant.possessions.prefixes).text
