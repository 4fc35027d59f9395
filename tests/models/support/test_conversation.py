"""Conversations belong to one person, and are deleted with their messages when the last message is old."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import event, select
from sqlmodel import col

from models import Conversation, Message, Ticket
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.reader import Reader, Source
from models.engine.statements import drop_before
from models.support.conversation import (
    begin_conversation,
    conversations_of,
    find_conversation,
    note_message,
)
from models.support.message import keep_question
from tests.conftest import POSTGRES_URL
from tests.support.assistant.conversations import NOON, answered, asked, begun
from tests.support.world import World


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


async def titles(database: Database) -> list[str]:
    async with database.reading() as session:
        return list((await session.execute(select(col(Conversation.title)).order_by(Conversation.title))).scalars())


async def test_a_conversation_is_found_by_its_person(database: Database, source: Source, world: World) -> None:
    """Its own person finds a conversation; nobody else does, not even an organization admin."""
    begun_by_mel = await begun(database, world.acme, world.mel, "x" * 80, at=NOON + timedelta(microseconds=1))

    found = await find_conversation(source, begun_by_mel.id, world.mel.id)

    assert found == begun_by_mel
    assert (found.title, found.last_message_at, found.subject) == ("x" * 80, found.started_at, None)
    assert found.started_at == NOON + timedelta(microseconds=1)
    assert await find_conversation(source, begun_by_mel.id, world.ada.id) is None
    assert await find_conversation(source, new_id(), world.mel.id) is None


async def test_a_person_has_their_own_in_each_organization(database: Database, source: Source, world: World) -> None:
    """A person's conversations are listed newest first, in pages, separately for each organization."""
    mine = [await begun(database, world.acme, world.grace, str(number)) for number in range(5)]
    elsewhere = await begun(database, world.globex, world.grace)
    await begun(database, world.acme, world.mel)
    newest_first = mine[::-1]

    pages = [await conversations_of(source, world.grace.id, world.acme.id, first=2)]
    for _ in range(2):
        pages.append(await conversations_of(source, world.grace.id, world.acme.id, first=2, before=pages[-1][-1].id))

    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert await conversations_of(source, world.grace.id, world.acme.id, first=9) == newest_first
    assert await conversations_of(source, world.grace.id, world.acme.id, first=9, before=mine[0].id) == []
    assert await conversations_of(source, world.grace.id, world.globex.id, first=9) == [elsewhere]
    assert await conversations_of(source, world.ada.id, world.acme.id, first=9) == []


async def test_a_message_is_noted(database: Database, source: Source, world: World) -> None:
    """
    A message updates its conversation's time and subject. For a conversation that does not exist, False is returned.
    """
    one, other = await begun(database, world.acme, world.ada), await begun(database, world.acme, world.ada)
    later = NOON + timedelta(minutes=5)

    async with database.transaction() as session:
        noted = await note_message(session, one.id, at=later, subject='{"key": "deploy"}')
        lost = await note_message(session, new_id(), at=later, subject=None)

    assert (noted, lost) == (True, False)
    assert await find_conversation(source, one.id, world.ada.id) == one._replace(
        last_message_at=later, subject='{"key": "deploy"}'
    )
    assert await find_conversation(source, other.id, world.ada.id) == other


async def test_old_ones_go_with_their_messages(database: Database, world: World) -> None:
    """The oldest conversations go first, a limited number at a time. A ticket stays without its conversation."""
    for days in (3, 1, 2, 0):
        question = await asked(database, await begun(database, world.acme, world.ada, str(days)))
        await answered(database, question)
        async with database.transaction() as session:
            await note_message(session, question.conversation_id, at=NOON - timedelta(days=days), subject=None)
            if days == 3:
                session.add(
                    Ticket(
                        organization_id=world.acme.id,
                        person_id=world.ada.id,
                        conversation_id=question.conversation_id,
                        created_at=NOON,
                        reply_to="ada@example.com",
                        subject="Why 401?",
                        body="It was deleted.",
                    )
                )
    moment = NOON - timedelta(days=1)
    dropped, left = [], []

    for _ in range(3):
        async with database.transaction() as session:
            dropped.append(await drop_before(session, Conversation.last_message_at, moment, at_most=1))
        left.append(await titles(database))

    async with database.reading() as session:
        messages = list((await session.execute(select(col(Message.conversation_id)))).scalars())
        ticket = (await session.execute(select(Ticket))).scalar_one()
    assert dropped == [1, 1, 0]
    assert left == [["0", "1", "2"], ["0", "1"], ["0", "1"]]
    assert len(messages) == 4
    assert ticket.conversation_id is None


@pytest.mark.skipif(POSTGRES_URL is None, reason="SQLite has one writer")
async def test_one_that_somebody_goes_on_with_stays(database: Database, world: World) -> None:
    """The deletion skips a conversation that another transaction is adding to, without waiting for it."""
    conversation = await begun(database, world.acme, world.ada)

    async with database.transaction() as session:
        await note_message(session, conversation.id, at=NOON + timedelta(days=91), subject=None)
        async with database.transaction() as upkeep:
            dropped = await drop_before(upkeep, Conversation.last_message_at, NOON + timedelta(days=1), at_most=10)
        await keep_question(session, conversation_id=conversation.id, person_id=world.ada.id, text="And now?", at=NOON)

    assert dropped == 0
    assert await titles(database) == ["Why 401?"]


async def test_one_that_is_dropped_meanwhile_is_told(database: Database, world: World) -> None:
    """A message to a conversation that is being deleted gets False before anything is stored."""
    conversation = await begun(database, world.acme, world.ada)
    has_begun = asyncio.Event()

    async def go_on() -> bool:
        async with database.transaction() as session:
            return await note_message(session, conversation.id, at=NOON, subject=None)

    async with database.transaction() as session:
        dropped = await drop_before(session, Conversation.last_message_at, NOON + timedelta(days=1), at_most=10)
        event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *_: has_begun.set())
        going_on = asyncio.create_task(go_on())
        await has_begun.wait()

    assert dropped == 1
    assert not await going_on


async def test_what_a_transaction_began_it_sees(database: Database, world: World) -> None:
    """A conversation can be read in its own transaction before the commit, and is gone after a rollback."""
    with pytest.raises(RuntimeError):
        async with database.transaction() as session:
            conversation = await begin_conversation(
                session, organization_id=world.acme.id, person_id=world.ada.id, title="Why 401?", at=NOON
            )
            assert await find_conversation(session, conversation.id, world.ada.id) == conversation
            raise RuntimeError("given up")

    assert await titles(database) == []
