"""A question is stored once and has at most one answer, also with several processes; people read only their own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from models import Author, Conversation, Message
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.reader import Reader, Source
from models.support.conversation import begin_conversation
from models.support.message import (
    AlreadyKept,
    MessageRecord,
    answer_to,
    asked_since,
    find_message,
    find_question,
    keep_answer,
    keep_question,
    latest_messages,
    messages_of,
    rate_message,
)
from tests.support.assistant.conversations import NOON, answered, asked, begun
from tests.support.world import World, make_world


@pytest.fixture(params=["reader", "session"])
async def source(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Source]:
    """Both ways to read: the reader and a session."""
    if request.param == "session":
        async with database.reading() as session:
            yield session
        return
    reader = Reader(database)
    yield reader
    await reader.close()


async def test_a_message_is_read_whole(database: Database, source: Source, world: World) -> None:
    """All columns of a question and of an answer are read back."""
    conversation = await begun(database, world.acme, world.grace)
    key_id = new_id()

    question = await asked(database, conversation, "Why\n401?", client_message_id="c" * 128, context="x" * 200)
    answer = await answered(
        database,
        question,
        "Weil er gelöscht wurde. 🔑",
        at=NOON + timedelta(microseconds=1),
        topic="refused",
        language="de",
        diagnosis_case="key-deleted",
        key_id=key_id,
        is_direct=True,
        answer='{"summary": "…"}',
    )

    assert await find_question(source, world.grace.id, "c" * 128) == question
    assert await find_message(source, question.id, world.grace.id) == question
    assert await answer_to(source, question.id) == answer
    assert question == MessageRecord(
        question.id,
        conversation.id,
        world.grace.id,
        Author.PERSON,
        "Why\n401?",
        NOON,
        "c" * 128,
        None,
        "x" * 200,
        *[None] * 8,
    )
    assert answer == MessageRecord(
        answer.id,
        conversation.id,
        world.grace.id,
        Author.ASSISTANT,
        "Weil er gelöscht wurde. 🔑",
        NOON + timedelta(microseconds=1),
        None,
        question.id,
        None,
        "refused",
        "de",
        "key-deleted",
        key_id,
        True,
        '{"summary": "…"}',
        None,
        None,
    )


async def test_messages_are_their_persons_alone(database: Database, source: Source, world: World) -> None:
    """Another person finds neither the question's id nor its client message id. A new question has no answer."""
    question = await asked(database, await begun(database, world.acme, world.grace), client_message_id="one")

    assert await find_message(source, question.id, world.ada.id) is None
    assert await find_question(source, world.ada.id, "one") is None
    assert await find_question(source, world.grace.id, "two") is None
    assert await answer_to(source, question.id) is None


async def test_two_people_may_use_one_clients_id(database: Database, source: Source, world: World) -> None:
    """A client message id is unique for one person only. Messages without an id can be repeated."""
    of_grace, of_mel = [await begun(database, world.acme, person) for person in (world.grace, world.mel)]

    first = await asked(database, of_grace, client_message_id="one")
    second = await asked(database, of_mel, client_message_id="one")
    for _ in range(2):
        await asked(database, of_mel)

    assert await find_question(source, world.grace.id, "one") == first
    assert await find_question(source, world.mel.id, "one") == second


async def test_of_many_that_ask_at_once_under_one_id_one_is_kept(make_database_url: Callable[[], str]) -> None:
    """Of twelve concurrent requests with one client message id, one is stored; the others leave no conversation."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    world = await make_world(databases[0])

    async def ask(number: int) -> MessageRecord | None:
        try:
            async with databases[number % 2].transaction() as session:
                conversation = await begin_conversation(
                    session, organization_id=world.acme.id, person_id=world.ada.id, title=str(number), at=NOON
                )
                return await keep_question(
                    session,
                    conversation_id=conversation.id,
                    person_id=world.ada.id,
                    text=str(number),
                    at=NOON,
                    client_message_id="one",
                )
        except AlreadyKept:
            return None

    outcomes = await asyncio.gather(*(ask(number) for number in range(12)))

    async with databases[0].reading() as session:
        found = await find_question(session, world.ada.id, "one")
        conversations = list((await session.execute(select(col(Conversation.id)))).scalars())
    for database in databases:
        await database.close()
    assert [kept for kept in outcomes if kept is not None] == [found]
    assert found is not None
    assert conversations == [found.conversation_id]


async def test_of_many_that_answer_at_once_one_is_kept(make_database_url: Callable[[], str]) -> None:
    """Of twelve concurrent answers to a question, one is stored."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    world = await make_world(databases[0])
    question = await asked(databases[0], await begun(databases[0], world.acme, world.ada))

    async def answer(number: int) -> MessageRecord | None:
        try:
            return await answered(databases[number % 2], question, str(number))
        except AlreadyKept:
            return None

    outcomes = await asyncio.gather(*(answer(number) for number in range(12)))

    async with databases[0].reading() as session:
        found = await answer_to(session, question.id)
        texts = list(
            (await session.execute(select(col(Message.text)).where(col(Message.author) == Author.ASSISTANT))).scalars()
        )
    for database in databases:
        await database.close()
    assert [kept for kept in outcomes if kept is not None] == [found]
    assert found is not None
    assert texts == [found.text]


async def test_there_is_no_message_without_its_conversation(database: Database, world: World) -> None:
    """The database refuses a message without its conversation, and an answer without its question."""
    conversation = await begun(database, world.acme, world.ada)

    with pytest.raises(IntegrityError):
        await asked(database, conversation._replace(id=new_id()))
    with pytest.raises(IntegrityError):
        await answered(database, (await asked(database, conversation))._replace(id=new_id()))


async def test_remarks_answer_nothing(database: Database, source: Source, world: World) -> None:
    """A remark answers no question; a conversation can have several."""
    question = await asked(database, await begun(database, world.acme, world.ada))
    for text in ("A person has it.", "They will write to you."):
        async with database.transaction() as session:
            await keep_answer(
                session,
                conversation_id=question.conversation_id,
                person_id=world.ada.id,
                text=text,
                at=NOON,
                answers_id=None,
            )

    latest = await latest_messages(source, question.conversation_id, last=9)

    assert [message.text for message in latest] == ["Why 401?", "A person has it.", "They will write to you."]
    assert await answer_to(source, question.id) is None


async def test_the_last_of_each_conversation_are_read(database: Database, source: Source, world: World) -> None:
    """Messages come oldest first: the last ones, or the last ones before a given message."""
    long, short, empty = [await begun(database, world.acme, world.ada) for _ in range(3)]
    kept: dict[str, MessageRecord] = {}
    for number in range(6):
        for conversation, name in ((long, "long"), (short, "short")):
            if conversation is long or number < 2:
                text = f"{name} {number}"
                kept[text] = await asked(database, conversation, text)

    last = await messages_of(source, [long.id, short.id, empty.id], last=3)
    earlier = await messages_of(source, [long.id, short.id], last=3, before=kept["long 3"].id)
    first = await messages_of(source, [long.id], last=3, before=kept["long 0"].id)

    texts = {key: [message.text for message in messages] for key, messages in last.items()}
    assert texts == {
        long.id: ["long 3", "long 4", "long 5"],
        short.id: ["short 0", "short 1"],
        empty.id: [],
    }
    assert last[long.id] == [kept[f"long {number}"] for number in (3, 4, 5)]
    assert [message.text for message in earlier[long.id]] == ["long 0", "long 1", "long 2"]
    assert [message.text for message in earlier[short.id]] == ["short 0", "short 1"]
    assert first == {long.id: []}


async def test_many_conversations_are_one_statement(database: Database, world: World) -> None:
    """The messages of five conversations are read by one statement."""
    conversations = [await begun(database, world.acme, world.ada) for _ in range(5)]
    messages = [await asked(database, conversation) for conversation in conversations]
    statements: list[object] = []
    event.listen(database.reading_engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given))

    async with database.reading() as session:
        found = await messages_of(session, [conversation.id for conversation in conversations], last=1)

    assert [found[message.conversation_id] for message in messages] == [[message] for message in messages]
    assert len(statements) == 1


async def test_what_a_person_asked_is_counted(database: Database, source: Source, world: World) -> None:
    """Questions after the moment count in all organizations. Answers and other people's questions don't."""
    at = [NOON + timedelta(minutes=minutes) for minutes in (2, 0, 1)]
    here, there = await begun(database, world.acme, world.grace), await begun(database, world.globex, world.grace)
    questions = [
        await asked(database, conversation, at=instant)
        for conversation, instant in zip((here, there, here), at, strict=True)
    ]
    await answered(database, questions[0], at=at[0])
    await asked(database, await begun(database, world.acme, world.mel), at=at[0])

    assert await asked_since(source, world.grace.id, NOON - timedelta(seconds=1)) == sorted(at)
    assert await asked_since(source, world.grace.id, NOON) == sorted(at)[1:]
    assert await asked_since(source, world.ada.id, NOON - timedelta(days=1)) == []


async def test_an_answer_is_rated_by_its_person(database: Database, source: Source, world: World) -> None:
    """
    A person can rate an answer repeatedly, but not their own question, another person's answer or a missing message.
    """
    question = await asked(database, await begun(database, world.acme, world.grace))
    answer = await answered(database, question)
    later = NOON + timedelta(hours=1)

    outcomes = []
    for message_id, person, helpful in (
        (answer.id, world.grace, False),
        (answer.id, world.grace, True),
        (answer.id, world.ada, False),
        (question.id, world.grace, True),
        (new_id(), world.grace, True),
    ):
        async with database.transaction() as session:
            outcomes.append(await rate_message(session, message_id, person.id, helpful=helpful, at=later))

    assert outcomes == [True, True, False, False, False]
    assert await answer_to(source, question.id) == answer._replace(helpful=True, rated_at=later)
    assert await find_message(source, question.id, world.grace.id) == question
