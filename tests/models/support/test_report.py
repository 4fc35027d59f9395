"""The operator's report on an organization's answers counts what is in that organization's conversations only."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from models import Organization, Person, Ticket
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.reader import Reader, Source
from models.support.message import MessageRecord, keep_answer, rate_message
from models.support.report import CaseCount, cases_counted, not_understood, rated_up
from tests.support.assistant.conversations import NOON, answered, asked, begun
from tests.support.world import World

SINCE = NOON - timedelta(days=1)
UNCLEAR = ("needs-details", "off-topic")


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


async def exchange(
    database: Database,
    organization: Organization,
    person: Person,
    *answers: tuple[str, bool],
    days_ago: int = 0,
) -> list[MessageRecord]:
    """Asks and answers in a new conversation. `answers` has each answer's case, and whether it was direct."""
    at = NOON - timedelta(days=days_ago)
    conversation = await begun(database, organization, person, at=at)
    return [
        await answered(
            database,
            await asked(database, conversation, f"A question of {diagnosis_case}", at=at),
            at=at,
            topic="refused",
            language="en",
            diagnosis_case=diagnosis_case,
            is_direct=is_direct,
        )
        for diagnosis_case, is_direct in answers
    ]


async def rate(database: Database, answer: MessageRecord, *, helpful: bool) -> None:
    async with database.transaction() as session:
        assert await rate_message(session, answer.id, answer.person_id, helpful=helpful, at=NOON)


async def hand_over(database: Database, organization: Organization, answer: MessageRecord) -> None:
    """Stores a ticket and the remark about it, which does not count as an answer."""
    async with database.transaction() as session:
        await keep_answer(
            session,
            conversation_id=answer.conversation_id,
            person_id=answer.person_id,
            text="A person has it.",
            at=NOON,
            answers_id=None,
            diagnosis_case="human-requested",
        )
        session.add(
            Ticket(
                organization_id=organization.id,
                person_id=answer.person_id,
                conversation_id=answer.conversation_id,
                created_at=NOON,
                reply_to="ada@example.com",
                subject="Why 401?",
                body="It was deleted.",
            )
        )


async def test_answers_are_counted_by_case(database: Database, source: Source, world: World) -> None:
    """A hand-over counts for the last answer before it. Direct answers and ratings are counted, too."""
    one = await exchange(
        database, world.acme, world.ada, ("key-deleted", True), ("needs-details", False), ("key-deleted", True)
    )
    two = await exchange(database, world.acme, world.mel, ("key-deleted", False), ("off-topic", False))
    await exchange(database, world.acme, world.mel, ("how-to", True), days_ago=2)
    theirs = await exchange(database, world.globex, world.eve, ("key-deleted", True))
    for answer, helpful in ((one[0], True), (one[2], False), (two[0], True), (theirs[0], True)):
        await rate(database, answer, helpful=helpful)
    await hand_over(database, world.acme, one[0])
    await hand_over(database, world.globex, theirs[0])
    conversation_goes_on = await asked(
        database, (await begun(database, world.acme, world.ada))._replace(id=one[0].conversation_id)
    )
    await answered(database, conversation_goes_on, diagnosis_case="how-to", is_direct=True)

    counted = await cases_counted(source, world.acme.id, since=SINCE)

    assert counted == [
        CaseCount("key-deleted", answers=3, direct=2, rated_up=2, rated_down=1, handed_over=1),
        CaseCount("how-to", answers=1, direct=1, rated_up=0, rated_down=0, handed_over=0),
        CaseCount("needs-details", answers=1, direct=0, rated_up=0, rated_down=0, handed_over=0),
        CaseCount("off-topic", answers=1, direct=0, rated_up=0, rated_down=0, handed_over=0),
    ]
    assert await cases_counted(source, world.globex.id, since=SINCE) == [
        CaseCount("key-deleted", answers=1, direct=1, rated_up=1, rated_down=0, handed_over=1)
    ]


async def test_what_was_not_understood_is_listed(database: Database, source: Source, world: World) -> None:
    """Unclear questions of this organization and period are listed newest first, with topic, language and case."""
    answers = await exchange(
        database, world.acme, world.ada, ("off-topic", False), ("key-deleted", True), ("needs-details", False)
    )
    await exchange(database, world.acme, world.mel, ("off-topic", False), days_ago=2)
    await exchange(database, world.globex, world.eve, ("off-topic", False))

    listed = await not_understood(source, world.acme.id, cases=UNCLEAR, since=SINCE, at_most=10)
    newest = await not_understood(source, world.acme.id, cases=UNCLEAR, since=SINCE, at_most=1)

    assert [tuple(each) for each in listed] == [
        (answers[2].answers_id, "A question of needs-details", NOON, "refused", "en", "needs-details"),
        (answers[0].answers_id, "A question of off-topic", NOON, "refused", "en", "off-topic"),
    ]
    assert newest == listed[:1]
    assert await not_understood(source, world.acme.id, cases=["how-to"], since=SINCE, at_most=10) == []


async def test_helpful_answers_are_listed_with_their_keys(database: Database, source: Source, world: World) -> None:
    """Answers rated as helpful, of this organization and period, are listed with the key that they are about."""
    key_id = new_id()
    conversation = await begun(database, world.acme, world.ada)
    about_a_key = await answered(
        database, await asked(database, conversation), diagnosis_case="key-deleted", key_id=key_id
    )
    [about_none, unhelpful, _unrated] = await exchange(
        database, world.acme, world.ada, ("how-to", True), ("how-to", True), ("how-to", True)
    )
    [old] = await exchange(database, world.acme, world.ada, ("how-to", True), days_ago=2)
    [theirs] = await exchange(database, world.globex, world.eve, ("how-to", True))
    for answer in (about_none, about_a_key, old, theirs):
        await rate(database, answer, helpful=True)
    await rate(database, unhelpful, helpful=False)

    listed = await rated_up(source, world.acme.id, since=SINCE)

    assert [tuple(each) for each in listed] == [(key_id, NOON, about_a_key.id), (None, NOON, about_none.id)]
