"""Refused hand-overs: five per person and day, one per conversation, and only of one's own conversations."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import pytest

from keys.policy import OPERATOR
from keys.refusals import InvalidInput, NotFound, TooManyRequests
from models import Membership
from models.engine.database import Database
from models.engine.ids import new_id
from models.support.conversation import ConversationRecord
from models.support.ticket import TicketRecord
from resolvers.tickets import HAND_OVERS_AT_MOST, NOTE_LENGTH_AT_MOST, contact_support
from tests.conftest import Clock
from tests.support.assistant.conversations import begun
from tests.support.tickets.ticket_fixtures import LINE, hand_over, named, said, tickets
from tests.support.world import World, make_world


async def test_five_a_day_and_no_more(database: Database, world: World, clock: Clock) -> None:
    """The limit counts over all organizations, per person. An existing ticket is still returned."""
    conversation = await begun(database, world.acme, world.grace)
    first = await hand_over(database, world, clock, "grace", conversation=conversation)
    for _ in range(HAND_OVERS_AT_MOST - 1):
        clock.advance(hours=1)
        await hand_over(database, world, clock, "grace", organization_id=world.globex.id)

    with pytest.raises(TooManyRequests) as refused:
        await hand_over(database, world, clock, "grace")
    again = await hand_over(database, world, clock, "grace", conversation=conversation)
    await hand_over(database, world, clock, "mel")
    clock.advance(seconds=refused.value.retry_after_seconds)
    await hand_over(database, world, clock, "grace")

    assert refused.value.retry_after_seconds == 20 * 3600
    assert again.id == first.id
    assert len(await tickets(database)) == HAND_OVERS_AT_MOST + 2


async def test_what_is_refused_is_not_redacted(
    database: Database, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a refused note nor a second note for the same conversation is redacted."""
    conversation = await begun(database, world.acme, world.grace)
    first = await hand_over(database, world, clock, "grace", conversation=conversation, note="Help")
    for _ in range(HAND_OVERS_AT_MOST - 1):
        await hand_over(database, world, clock, "grace")
    monkeypatch.setattr("resolvers.tickets.redact", None)

    again = await hand_over(database, world, clock, "grace", conversation=conversation, note="Help")
    with pytest.raises(TooManyRequests):
        await hand_over(database, world, clock, "grace", note="Help")

    assert again.id == first.id


async def test_many_at_once_are_five(make_database_url: Callable[[], str], clock: Clock) -> None:
    """With two processes, five of twelve concurrent hand-overs succeed. The others are refused and leave no ticket."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    world = await make_world(databases[0])

    told = await asyncio.gather(
        *(hand_over(databases[number % 2], world, clock) for number in range(12)), return_exceptions=True
    )

    rows = await tickets(databases[0])
    for each in databases:
        await each.close()
    assert sum(isinstance(each, TicketRecord) for each in told) == HAND_OVERS_AT_MOST
    assert sum(isinstance(each, TooManyRequests) for each in told) == 12 - HAND_OVERS_AT_MOST
    assert len(rows) == HAND_OVERS_AT_MOST


async def test_many_at_once_for_a_conversation_are_one(make_database_url: Callable[[], str], clock: Clock) -> None:
    """All callers get the same ticket, and the conversation gets one remark."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    world = await make_world(databases[0])
    conversation = await begun(databases[0], world.acme, world.mel)

    told = await asyncio.gather(
        *(hand_over(databases[number % 2], world, clock, conversation=conversation) for number in range(8))
    )

    rows, remarks = await tickets(databases[0]), await said(databases[0], conversation)
    for each in databases:
        await each.close()
    assert {each.id for each in told} == {row.id for row in rows}
    assert (len(rows), len(remarks)) == (1, 1)


@pytest.mark.parametrize("whose", ["another person's", "another organization's", "nobody's"])
async def test_a_conversation_that_is_not_theirs_is_none(
    database: Database, world: World, clock: Clock, whose: str
) -> None:
    """Another person's, another organization's and a missing conversation get the same message."""
    theirs: dict[str, ConversationRecord | UUID] = {
        "another person's": await begun(database, world.acme, world.ada),
        "another organization's": await begun(database, world.globex, world.grace),
        "nobody's": new_id(),
    }

    with pytest.raises(InvalidInput) as refused:
        await hand_over(database, world, clock, "grace", conversation=theirs[whose])

    assert refused.value.field == "conversationId"
    assert refused.value.message == "You have no such conversation in this organization."
    assert await tickets(database) == []


async def test_a_note_has_a_length(database: Database, world: World, clock: Clock) -> None:
    """A note of the longest allowed length is stored whole; one character more is refused."""
    await hand_over(database, world, clock, note="ä" * NOTE_LENGTH_AT_MOST)

    with pytest.raises(InvalidInput) as refused:
        await hand_over(database, world, clock, note="ä" * (NOTE_LENGTH_AT_MOST + 1))

    assert refused.value.field == "note"
    assert str(NOTE_LENGTH_AT_MOST) in refused.value.message
    assert "ä" * NOTE_LENGTH_AT_MOST in (await tickets(database))[0].body


async def test_an_organization_that_is_not_theirs_is_not_found(database: Database, world: World, clock: Clock) -> None:
    """Another organization and a missing one are not found. The operator can't hand over either."""
    for organization_id in (world.globex.id, new_id()):
        with pytest.raises(NotFound):
            await hand_over(database, world, clock, "mel", organization_id=organization_id)
    with pytest.raises(NotFound):
        await contact_support(
            database,
            OPERATOR,
            named(world, "mel"),
            LINE,
            organization_id=world.acme.id,
            conversation_id=None,
            note=None,
            prefixes=("kd",),
            now=clock.now,
        )

    assert await tickets(database) == []


async def test_whoever_was_removed_meanwhile_hands_nothing_over(database: Database, world: World, clock: Clock) -> None:
    """A person whose membership ended during the request is refused."""
    async with database.transaction() as session:
        await session.delete(await session.get_one(Membership, (world.acme.id, world.mel.id)))

    with pytest.raises(NotFound):
        await hand_over(database, world, clock, "mel")

    assert await tickets(database) == []
