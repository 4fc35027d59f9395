"""Storing questions: each once, one at a time per person, and a limited number per minute and day."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

import resolvers.assistant
import resolvers.stored_questions
from assistant.explain.diagnosis import Case
from assistant.facts.asker import Asker
from assistant.redaction.redact import redact
from keys.refusals import InvalidInput, TooManyRequests
from keys.windows import A_DAY, A_MINUTE
from models.engine.database import Database
from models.engine.ids import Prefix, external_id, new_id
from resolvers.ask_request import AskRequest
from resolvers.assistant import ASKED_A_MINUTE, Chunk, ask
from resolvers.conversations import no_such_conversation
from resolvers.stored_questions import ONE_AT_A_TIME, QuestionStore, StoredQuestion
from tests.conftest import Clock
from tests.support.assistant.conversations import asked, begun
from tests.support.assistant.on_database import WHY, Helpdesk, answering, running_assistant, time_is_up
from tests.support.keys.disguises import made_key
from tests.support.world import World

HELLO = "Hello!"


@pytest.fixture
async def helpdesk(database: Database, world: World, clock: Clock) -> AsyncIterator[Helpdesk]:
    """The assistant, for the organizations Acme and Globex."""
    async with running_assistant(database, world, clock) as opened:
        yield opened


def question_store(helpdesk: Helpdesk, asker: Asker, request: AskRequest) -> QuestionStore:
    """The question store of another process for this question."""
    redacted = redact(request.message, ("kd",))
    return QuestionStore(helpdesk.database, asker, request, redacted, helpdesk.assistant.clock)


async def listened(helpdesk: Helpdesk, stack: AsyncExitStack, client_message_id: str | None = None) -> None:
    """Asks Mel's question and reads its first chunk. The rest of the stream is not read."""
    asker = await helpdesk.asker("mel")
    events = await stack.enter_async_context(
        aclosing(ask(helpdesk.assistant, asker, AskRequest(WHY, client_message_id=client_message_id)))
    )
    assert isinstance(await anext(events), Chunk)


@pytest.mark.parametrize("text", ["", " \n\t ", "\0", "\0 \0"])
async def test_nothing_is_no_message(helpdesk: Helpdesk, text: str) -> None:
    """White space and characters that can't be stored are not a question."""
    with pytest.raises(InvalidInput) as refused:
        await helpdesk.ask(text)

    assert refused.value.field == "message"
    assert await helpdesk.messages() == []


async def test_a_message_has_so_many_characters(helpdesk: Helpdesk) -> None:
    """4,000 characters are accepted. One more is refused, and nothing is stored."""
    longest = "why 401 " * 500

    told = await helpdesk.ask(longest)
    with pytest.raises(InvalidInput) as refused:
        await helpdesk.ask(f"{longest}!")

    assert told.given.message.text
    assert await helpdesk.questions() == [longest]
    assert (refused.value.field, "4,001" in refused.value.message) == ("message", True)


async def test_a_character_that_databases_refuse_is_dropped(helpdesk: Helpdesk) -> None:
    """NUL is dropped from the message, the key id and the request id."""
    told = await helpdesk.ask("Why\0 401?", api_key_id="key\0_1", request_id="req\0_1")

    assert await helpdesk.questions() == ["Why 401?"]
    assert "\0" not in told.given.message.text
    assert "\\u0000" not in (told.given.message.answer or "")


async def test_a_conversation_goes_on(helpdesk: Helpdesk) -> None:
    """A question continues the conversation that it names. Without one, it begins a new one."""
    first = (await helpdesk.ask(WHY)).given
    second = (await helpdesk.ask(HELLO, conversation_id=first.conversation.id)).given
    third = (await helpdesk.ask(HELLO)).given

    assert second.conversation.id == first.conversation.id != third.conversation.id
    assert (first.conversation.title, third.conversation.title) == (WHY, HELLO)
    assert len([each for each in await helpdesk.messages() if each.conversation_id == first.conversation.id]) == 4


async def test_a_conversation_is_ones_own_and_of_the_organization(helpdesk: Helpdesk, world: World) -> None:
    """Another person's conversation, one's own elsewhere, a missing and an unreadable id get the same refusal."""
    of_ada = await begun(helpdesk.database, world.acme, world.ada)
    of_grace = await begun(helpdesk.database, world.globex, world.grace)

    refusals = []
    askings: list[dict[str, Any]] = [
        *({"conversation_id": each} for each in (of_ada.id, of_grace.id, new_id())),
        {"has_unreadable_conversation": True},
    ]
    for asking in askings:
        with pytest.raises(InvalidInput) as refused:
            await helpdesk.ask(WHY, name="grace", **asking)
        refusals.append((refused.value.field, refused.value.message))

    assert set(refusals) == {("conversationId", no_such_conversation().message)}
    assert await helpdesk.messages() == []
    assert await answering(helpdesk.database) == 0


async def test_one_question_at_a_time(helpdesk: Helpdesk) -> None:
    """While a question is answered, its person's next is refused in every organization. Others can ask."""
    async with AsyncExitStack() as stack:
        asker = await helpdesk.asker("grace")
        events = await stack.enter_async_context(aclosing(ask(helpdesk.assistant, asker, AskRequest(WHY))))
        await anext(events)
        for organization in ("acme", "globex"):
            with pytest.raises(TooManyRequests) as refused:
                await helpdesk.ask(HELLO, name="grace", organization=organization)
        of_ada = await helpdesk.ask(HELLO)

        assert (refused.value.message, refused.value.retry_after_seconds) == (ONE_AT_A_TIME, 1)
        assert of_ada.given.message.text
        assert await helpdesk.questions() == [WHY, HELLO]


async def test_many_at_once_are_one(helpdesk: Helpdesk) -> None:
    """Of ten concurrent questions of a person, some are refused, and only the others are stored."""
    results = await asyncio.gather(*(helpdesk.ask(f"{WHY} {n}") for n in range(10)), return_exceptions=True)

    refused = [each for each in results if isinstance(each, TooManyRequests)]
    assert len(await helpdesk.questions()) == 10 - len(refused)
    assert [each for each in results if isinstance(each, BaseException) and each not in refused] == []
    assert refused
    assert await answering(helpdesk.database) == 0


async def test_the_same_at_once_has_one_answer(helpdesk: Helpdesk) -> None:
    """Ten concurrent requests with one client message id store one question, and all get its one answer."""
    results = await asyncio.gather(*(helpdesk.ask(WHY, client_message_id="one") for _ in range(10)))

    assert len({each.given.message.id for each in results}) == 1
    assert {"".join(each.chunks) for each in results} == {results[0].given.message.text}
    assert len(await helpdesk.messages()) == 2
    assert await answering(helpdesk.database) == 0


async def test_the_same_again_costs_nothing(helpdesk: Helpdesk, clock: Clock) -> None:
    """An answered question sent again gets its answer without counting against the limit."""
    first = await helpdesk.ask(WHY, client_message_id="one")
    for number in range(19):
        await helpdesk.ask(f"{HELLO} {number}")

    again = [await helpdesk.ask(WHY, client_message_id="one") for _ in range(5)]
    with pytest.raises(TooManyRequests):
        await helpdesk.ask(HELLO)

    assert {each.given.message for each in again} == {first.given.message}
    assert {"".join(each.chunks) for each in again} == {first.given.message.text}
    assert len(await helpdesk.questions()) == 20


async def test_the_same_id_is_for_the_same_question(helpdesk: Helpdesk, world: World) -> None:
    """A client message id used with another text, key, request, conversation or organization is refused."""
    first = (await helpdesk.ask(WHY, name="grace", client_message_id="one")).given
    other = await begun(helpdesk.database, world.acme, world.grace)

    changes: list[dict[str, Any]] = [
        {"message": HELLO},
        {"api_key_id": external_id(Prefix.API_KEY, new_id())},
        {"request_id": external_id(Prefix.REQUEST, new_id())},
        {"conversation_id": other.id},
        {"organization": "globex"},
    ]
    for changed in changes:
        with pytest.raises(InvalidInput) as refused:
            await helpdesk.ask(**{"message": WHY, "name": "grace", "client_message_id": "one"} | changed)
        assert refused.value.field == "clientMessageId"
    in_its_own = await helpdesk.ask(WHY, name="grace", client_message_id="one", conversation_id=first.conversation.id)
    of_another_person = await helpdesk.ask(HELLO, name="mel", client_message_id="one")

    assert in_its_own.given.message == first.message
    assert of_another_person.given.message.id != first.message.id
    assert await helpdesk.questions() == [WHY, HELLO]


@pytest.mark.parametrize(
    ("asked_before", "window", "seconds"), [(20, A_MINUTE, 60), (200, A_DAY, 24 * 3600)], ids=["a minute", "a day"]
)
async def test_so_many_may_be_asked(
    helpdesk: Helpdesk, world: World, clock: Clock, asked_before: int, window: timedelta, seconds: int
) -> None:
    """The last allowed question is answered. The next waits as long as told, and is not stored."""
    conversation = await begun(helpdesk.database, world.acme, world.ada)
    apart = window / (asked_before + 1)
    for number in range(asked_before - 1):
        await asked(helpdesk.database, conversation, f"{number}", at=clock.now + number * apart)
    clock.now += (asked_before - 1) * apart

    await helpdesk.ask(WHY)
    with pytest.raises(TooManyRequests) as refused:
        await helpdesk.ask(HELLO)
    clock.advance(seconds=refused.value.retry_after_seconds)
    later = await helpdesk.ask(HELLO)

    assert 0 < refused.value.retry_after_seconds <= seconds
    assert str(asked_before) in refused.value.message
    assert later.given.message.text
    assert len(await helpdesk.questions()) == asked_before + 1


async def test_the_longest_wait_counts(helpdesk: Helpdesk, world: World, clock: Clock) -> None:
    """If both limits are reached, the longer wait is reported."""
    conversation = await begun(helpdesk.database, world.acme, world.ada)
    for number in range(200):
        await asked(helpdesk.database, conversation, f"{number}", at=clock.now)

    with pytest.raises(TooManyRequests) as refused:
        await helpdesk.ask(WHY)

    assert refused.value.retry_after_seconds == 24 * 3600


async def test_who_hangs_up_does_not_wait(helpdesk: Helpdesk) -> None:
    """
    After a stream is closed early, its question stays without an answer, and the next question is answered at once.
    """
    async with AsyncExitStack() as stack:
        await listened(helpdesk, stack)

    told = await helpdesk.ask(HELLO, name="mel")

    assert await helpdesk.questions() == [WHY, HELLO]
    assert len(await helpdesk.messages()) == 3
    assert told.given.message.text


async def test_what_was_left_is_answered_when_it_is_asked_again(helpdesk: Helpdesk) -> None:
    """After a broken stream, the same client message id gets an answer without storing a second question."""
    async with AsyncExitStack() as stack:
        await listened(helpdesk, stack, client_message_id="one")

    told = await helpdesk.ask(WHY, name="mel", client_message_id="one")

    [question, answer] = await helpdesk.messages()
    assert (answer.id, answer.answers_id) == (told.given.message.id, question.id)


async def test_cut_off_at_any_moment(helpdesk: Helpdesk, clock: Clock) -> None:
    """Wherever a request is cancelled, even during a commit, its claim is released."""
    for steps in range(40):
        task = asyncio.ensure_future(helpdesk.ask(WHY, name="mel", client_message_id=f"{steps}"))
        for _ in range(steps):
            await asyncio.sleep(0)
        if steps % 2:
            await asyncio.sleep(0.0005 * steps)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert await answering(helpdesk.database) == 0
        clock.advance(minutes=30)


async def test_who_waits_takes_over(helpdesk: Helpdesk) -> None:
    """If the answering process disappears, a waiting duplicate answers the question once the claim runs out."""
    asker, key = await helpdesk.asker("mel"), made_key(1)
    request = AskRequest(f"Why does {key} get a 401?", client_message_id="one")
    stored = await question_store(helpdesk, asker, request).store()
    waiting = asyncio.ensure_future(helpdesk.ask(request.message, name="mel", client_message_id="one"))
    await asyncio.sleep(0.1)
    is_early = waiting.done()

    await time_is_up(helpdesk.database)
    told = await waiting

    assert not is_early
    assert isinstance(stored, StoredQuestion)
    assert told.given.message.answers_id == stored.question.id
    assert told.given.message.diagnosis_case == Case.KEY_UNKNOWN
    assert await answering(helpdesk.database) == 0


async def test_an_answer_that_comes_too_late_is_dropped(helpdesk: Helpdesk) -> None:
    """An answer that comes after its claim was taken over is refused, and the other answer stays."""
    asker = await helpdesk.asker("mel")
    events = ask(helpdesk.assistant, asker, AskRequest(WHY, client_message_id="one"))
    await anext(events)
    await time_is_up(helpdesk.database)
    told = await helpdesk.ask(WHY, name="mel", client_message_id="one")

    with pytest.raises(TooManyRequests):
        async for _ in events:
            pass

    [_, answer] = await helpdesk.messages()
    assert answer.id == told.given.message.id
    assert await answering(helpdesk.database) == 0


async def test_nobody_waits_for_ever(helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the first request never answers, a waiting duplicate is refused after the time limit."""
    monkeypatch.setattr(resolvers.stored_questions, "ANSWERED_WITHIN_SECONDS", -0.9)
    asker = await helpdesk.asker("mel")
    questions = question_store(helpdesk, asker, AskRequest(WHY, client_message_id="one"))
    with monkeypatch.context() as patched:
        patched.setattr(resolvers.stored_questions, "ANSWERED_WITHIN_SECONDS", 30)
        stored = await questions.store()
    assert isinstance(stored, StoredQuestion)

    with pytest.raises(TooManyRequests) as refused:
        await helpdesk.ask(WHY, name="mel", client_message_id="one")
    await questions.release(stored)

    assert refused.value.message == ONE_AT_A_TIME
    assert (await helpdesk.ask(HELLO, name="mel")).given.message.text


async def test_so_many_pasted_keys_are_looked_up(helpdesk: Helpdesk, clock: Clock) -> None:
    """Ten different keys per person and hour are looked up, over all messages. Repeating one is allowed."""
    ten = "Why 401? " + " ".join(made_key(seed) for seed in range(10))
    cases = []
    for message in (ten, f"Why 401? {made_key(10)}", f"Why 401? {made_key(9)}"):
        cases.append((await helpdesk.ask(message, name="mel")).given.message.diagnosis_case)
    cases.append((await helpdesk.ask(f"Why 401? {made_key(10)}")).given.message.diagnosis_case)
    clock.advance(hours=1)
    cases.append((await helpdesk.ask(f"Why 401? {made_key(10)}", name="mel")).given.message.diagnosis_case)

    assert cases == [Case.KEY_UNKNOWN, Case.NEEDS_DETAILS, Case.KEY_UNKNOWN, Case.KEY_UNKNOWN, Case.KEY_UNKNOWN]


@dataclass
class Work:
    """How often `redact` and write transactions ran."""

    redacted: int = 0
    transactions: int = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts calls of `redact`, and transactions that write."""
    done, transaction = Work(), Database.transaction

    def counting_redact(*arguments: Any) -> Any:
        done.redacted += 1
        return redact(*arguments)

    def counting_transaction(self: Database) -> Any:
        done.transactions += 1
        return transaction(self)

    monkeypatch.setattr(resolvers.assistant, "redact", counting_redact)
    monkeypatch.setattr(Database, "transaction", counting_transaction)
    return done


async def test_too_many_questions_are_refused_at_little_cost(
    helpdesk: Helpdesk, world: World, clock: Clock, work: Work
) -> None:
    """A refusal happens before redaction and without a write transaction."""
    conversation = await begun(helpdesk.database, world.acme, world.ada)
    for number in range(20):
        await asked(helpdesk.database, conversation, f"{number}", at=clock.now)
    before = replace(work)

    for number in range(5):
        with pytest.raises(TooManyRequests):
            await helpdesk.ask(f"{HELLO} {number}", client_message_id=str(number))

    assert work == before


async def test_a_repeated_question_is_rate_limited_and_costs_little(
    helpdesk: Helpdesk, clock: Clock, work: Work
) -> None:
    """A repeated question is neither redacted nor written, but counts against the rate limit."""
    first = await helpdesk.ask(WHY, client_message_id="one")
    before = replace(work)

    again = [await helpdesk.ask(WHY, client_message_id="one") for _ in range(ASKED_A_MINUTE - 2)]
    unwritten = replace(work)
    with pytest.raises(InvalidInput):
        await helpdesk.ask(HELLO, client_message_id="one")
    with pytest.raises(TooManyRequests) as refused:
        await helpdesk.ask(WHY, client_message_id="one")
    await helpdesk.ask(HELLO, name="mel")
    clock.advance(seconds=refused.value.retry_after_seconds)
    later = await helpdesk.ask(WHY, client_message_id="one")

    assert {each.given.message for each in (*again, later)} == {first.given.message}
    assert unwritten == before
    assert refused.value.retry_after_seconds == 60
