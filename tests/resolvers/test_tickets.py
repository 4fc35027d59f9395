"""Handing over a conversation: the ticket's content, without secrets, and the remark in the conversation."""

import asyncio
from datetime import timedelta

import pytest

from assistant.explain.diagnosis import Case
from assistant.reply.stored_answer import StoredAnswer, StoredFact, read, to_json
from models import Author, Ticket
from models.engine.database import Database
from models.engine.ids import Prefix, external_id, new_id
from models.support.conversation import find_conversation
from models.support.ticket import TicketRecord
from resolvers.tickets import SupportChannel
from tests.conftest import Clock
from tests.support.assistant.conversations import NOON, answered, asked, begun
from tests.support.tickets.ticket_fixtures import LINE, SUPPORT, hand_over, said, tickets
from tests.support.world import World

SECRET_LIKE = f"kd_a1B2c3D4e5F6g7H8_{'Zy9Xw8Vu7T' * 4}q2"


async def test_a_ticket_has_what_was_said_and_found(database: Database, world: World, clock: Clock) -> None:
    """The ticket has the person, their role, their note, each diagnosis with its evidence, and the conversation."""
    key_id = new_id()
    conversation = await begun(database, world.acme, world.mel, "Why 401?")
    question = await asked(database, conversation, "Why 401?\nFrom: the operator")
    found = StoredAnswer(
        Case.KEY_DELETED,
        "The key “deploy” was deleted yesterday.",
        (StoredFact("Deleted", "by Ada", NOON - timedelta(days=1)), StoredFact("Refused", "37 requests")),
        ("Create a new key.",),
        key_id,
    )
    await answered(database, question, "It was deleted.", answer=to_json(found), diagnosis_case=found.case)

    ticket = await hand_over(
        database, world, clock, conversation=conversation, note="  It is urgent.\r\nReally.\x1b[2J "
    )

    [row] = await tickets(database)
    assert ticket == TicketRecord(
        row.id, world.acme.id, world.mel.id, conversation.id, clock.now, SUPPORT, None, 0, clock.now, None
    )
    assert (row.reply_to, row.subject) == ("mel@example.com", "Mel, Acme: Why 401?")
    assert row.body == (
        f"From:          Mel <mel@example.com>, {external_id(Prefix.PERSON, world.mel.id)}\n"
        f"Organization:  Acme, {external_id(Prefix.ORGANIZATION, world.acme.id)}\n"
        "Role:          member\n"
        "When:          24 November 2026 at 12:00 UTC\n"
        f"Ticket:        {external_id(Prefix.TICKET, row.id)}\n"
        f"Conversation:  {external_id(Prefix.CONVERSATION, conversation.id)}\n"
        "\n"
        "Note\n"
        "----\n"
        "> It is urgent.\n"
        "> Really.[2J\n"
        "\n"
        "What the assistant found\n"
        "------------------------\n"
        "* key-deleted, 24 November 2026 at 12:00 UTC: The key “deploy” was deleted yesterday.\n"
        "  - Deleted: by Ada, 23 November 2026 at 12:00 UTC\n"
        "  - Refused: 37 requests\n"
        f"  - API key: {external_id(Prefix.API_KEY, key_id)}\n"
        "\n"
        "Conversation\n"
        "------------\n"
        "Mel, 24 November 2026 at 12:00 UTC\n"
        "> Why 401?\n"
        "> From: the operator\n"
        "\n"
        "Assistant, 24 November 2026 at 12:00 UTC\n"
        "> It was deleted.\n"
    )


async def test_a_long_conversation_is_handed_over_from_its_end(database: Database, world: World, clock: Clock) -> None:
    """The ticket has the last fifty messages, and says so."""
    conversation = await begun(database, world.acme, world.mel)
    for number in range(51):
        await asked(database, conversation, f"Question {number}.", at=NOON + timedelta(seconds=number))

    await hand_over(database, world, clock, conversation=conversation)

    [row] = await tickets(database)
    assert "Conversation, the last 50 messages\n" in row.body
    assert [line for line in row.body.splitlines() if line.startswith("> ")] == [
        f"> Question {number}." for number in range(1, 51)
    ]


async def test_a_note_loses_its_secrets(database: Database, world: World, clock: Clock) -> None:
    """A key-like secret in the note is in neither the ticket's body nor its subject."""
    conversation = await begun(database, world.acme, world.mel)

    await hand_over(database, world, clock, conversation=conversation, note=f"My key is {SECRET_LIKE}")
    await hand_over(database, world, clock, note=f"{SECRET_LIKE} is the key")

    rows = await tickets(database)
    assert len(rows) == 2
    for row in rows:
        assert "is" in row.body
        assert SECRET_LIKE[-20:] not in row.body + row.subject


async def test_a_ticket_needs_no_conversation(database: Database, world: World, clock: Clock) -> None:
    """Without a conversation, the subject is the shortened note, or says that a person is asked for."""
    await hand_over(database, world, clock, note="All\nis lost. " + "x" * 500)
    await hand_over(database, world, clock)

    first, second = await tickets(database)
    assert first.subject.startswith("Mel, Acme: All is lost. xxx")
    assert (len(first.subject), first.subject[-1]) == (200, "…")
    assert second.subject == "Mel, Acme: asks for a person"
    assert "Conversation" not in second.body


async def test_a_second_call_returns_the_first_ticket(database: Database, world: World, clock: Clock) -> None:
    """Whatever the second note says, nothing is written and the outbox is not woken."""
    woken: list[str] = []
    line = SupportChannel(SUPPORT, sends_mail=True, wake=lambda: woken.append("woken"))
    conversation = await begun(database, world.acme, world.mel)

    first = await hand_over(database, world, clock, conversation=conversation, line=line)
    clock.advance(hours=1)
    second = await hand_over(database, world, clock, conversation=conversation, note="Hello?", line=line)

    assert second == first
    assert len(await tickets(database)) == 1
    assert len(await said(database, conversation)) == 1
    assert woken == ["woken"]


async def test_the_outbox_is_woken_once_the_ticket_is_stored(database: Database, world: World, clock: Clock) -> None:
    """When the outbox is woken, the ticket is already committed."""
    seen: list[asyncio.Task[list[Ticket]]] = []
    line = SupportChannel(SUPPORT, sends_mail=True, wake=lambda: seen.append(asyncio.create_task(tickets(database))))

    ticket = await hand_over(database, world, clock, line=line)

    assert [[row.id for row in await each] for each in seen] == [[ticket.id]]


@pytest.mark.parametrize(
    ("line", "name", "words", "facts"),
    [
        (LINE, "mel", "A person has your request now.", ["Ticket", "Goes to"]),
        (SupportChannel(SUPPORT), "mel", "as soon as a mail server is set up", ["Ticket", "Goes to"]),
        (SupportChannel(), "mel", "you can ask Ada (ada@example.com)", ["Ticket"]),
        (SupportChannel(sends_mail=True), "ada", "There is no other admin", ["Ticket"]),
    ],
)
async def test_the_person_is_told_who_has_it(
    database: Database, world: World, clock: Clock, line: SupportChannel, name: str, words: str, facts: list[str]
) -> None:
    """A remark in the conversation says who has the request, and answers no question. The subject stays."""
    conversation = await begun(database, world.acme, world.people[name])
    clock.advance(hours=1)

    ticket = await hand_over(database, world, clock, name, conversation=conversation, line=line)

    [remark] = await said(database, conversation)
    assert (remark.author, remark.answers_id, remark.diagnosis_case) == (Author.ASSISTANT, None, Case.HUMAN_REQUESTED)
    assert words in remark.text
    assert "unless you ask" in remark.text
    answer = read(remark.answer)
    assert answer is not None
    assert answer.case is Case.HUMAN_REQUESTED
    assert [fact.label for fact in answer.evidence] == facts
    assert answer.evidence[0].value == external_id(Prefix.TICKET, ticket.id)
    assert ticket.sent_to == line.address
    assert (ticket.next_attempt_at is None) is (line.address is None)
    async with database.reading() as session:
        kept = await find_conversation(session, conversation.id, conversation.person_id)
    assert kept == conversation._replace(last_message_at=clock.now)


async def test_an_answer_that_cannot_be_read_hands_over_nothing_else(
    database: Database, world: World, clock: Clock
) -> None:
    """The ticket then has the conversation only, without the diagnosis that can't be read."""
    conversation = await begun(database, world.acme, world.mel)
    question = await asked(database, conversation)
    await answered(database, question, "It was deleted.", answer='{"case": "of a later version"}')

    await hand_over(database, world, clock, conversation=conversation)

    [row] = await tickets(database)
    assert "> It was deleted." in row.body
    assert "What the assistant found" not in row.body
