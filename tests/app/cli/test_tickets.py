"""`keydesk ticket`: listing, showing and resending tickets."""

from datetime import timedelta
from uuid import UUID

import pytest

from models import Ticket
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from tests.support.assistant.conversations import NOON
from tests.support.command_line import InDatabase, Keydesk
from tests.support.tickets.outbox_fixtures import SUPPORT
from tests.support.tickets.smtp_server import SmtpServer, smtp_server
from tests.support.world import World

UNKNOWN = "tkt_0199b3c07a007de08de0000000000000"


def written(in_database: InDatabase, world: World, number: int = 0, **more: object) -> str:
    """Stores a ticket of Mel's, written `number` minutes after noon, and returns its id."""

    async def write(database: Database) -> UUID:
        row = Ticket(
            organization_id=world.acme.id,
            person_id=world.mel.id,
            created_at=NOON + timedelta(minutes=number),
            reply_to="mel@example.com",
            subject=f"Mel, Acme: ticket {number}",
            body="> Why 401?\n",
        )
        for name, value in {"sent_to": SUPPORT, "next_attempt_at": NOON, **more}.items():
            setattr(row, name, value)
        async with database.transaction() as session:
            session.add(row)
        return row.id

    ticket_id: UUID = in_database(write)
    return external_id(Prefix.TICKET, ticket_id)


def mailing_to(office: SmtpServer, monkeypatch: pytest.MonkeyPatch, address: str = SUPPORT) -> None:
    monkeypatch.setenv("KEYDESK_SUPPORT_EMAIL", address)
    monkeypatch.setenv("KEYDESK_SMTP_URL", f"smtp://127.0.0.1:{office.port}")


def test_tickets_are_listed_for_scripts(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """Tickets come newest first, with their whole text and the state of their mail."""
    first = written(in_database, acme, sent_at=NOON, next_attempt_at=None, attempts=1)
    second = written(in_database, acme, 1, attempts=2, failure="mail.example:25 answers 451: later")

    value = keydesk("ticket", "list", "--json").value

    assert [each["id"] for each in value] == [second, first]
    assert value[0] == {
        "id": second,
        "createdAt": "2026-11-24T12:01:00Z",
        "organizationId": external_id(Prefix.ORGANIZATION, acme.acme.id),
        "organization": "Acme",
        "person": {"id": external_id(Prefix.PERSON, acme.mel.id), "email": "mel@example.com", "name": "Mel"},
        "conversationId": None,
        "subject": "Mel, Acme: ticket 1",
        "body": "> Why 401?\n",
        "sentTo": SUPPORT,
        "sentAt": None,
        "attempts": 2,
        "nextAttemptAt": "2026-11-24T12:00:00Z",
        "failure": "mail.example:25 answers 451: later",
    }
    assert value[1]["sentAt"] == "2026-11-24T12:00:00Z"


def test_tickets_are_listed_for_people(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """Each ticket has one line with the state of its mail. A long subject is cut."""
    sent = written(in_database, acme, sent_at=NOON, next_attempt_at=None)
    waiting = written(in_database, acme, 1, subject="Mel, Acme: " + "x" * 100)
    failed = written(in_database, acme, 2, attempts=2, failure="451")
    given_up = written(in_database, acme, 3, attempts=174, next_attempt_at=None)
    unaddressed = written(in_database, acme, 4, sent_to=None, next_attempt_at=None)

    run = keydesk("ticket", "list")

    assert run.out.splitlines() == [
        "ID                                    WRITTEN (UTC)     MAIL                                   ABOUT",
        f"{unaddressed}  2026-11-24 12:04  no address was set                     Mel, Acme: ticket 4",
        f"{given_up}  2026-11-24 12:03  given up after 174 attempts            Mel, Acme: ticket 3",
        f"{failed}  2026-11-24 12:02  failed 2 times, next 2026-11-24 12:00  Mel, Acme: ticket 2",
        f"{waiting}  2026-11-24 12:01  waiting                                Mel, Acme: {'x' * 48}…",
        f"{sent}  2026-11-24 12:00  sent 2026-11-24 12:00                  Mel, Acme: ticket 0",
    ]
    assert [line[:36] for line in keydesk("ticket", "list", "--unsent", "--last", "2").out.splitlines()[1:]] == [
        unaddressed,
        given_up,
    ]


def test_without_tickets_it_says_so(keydesk: Keydesk, acme: World) -> None:
    """An empty list is reported in words and as an empty JSON list."""
    assert keydesk("ticket", "list").out == "There are no tickets yet.\n"
    assert keydesk("ticket", "list", "--unsent").out == "All tickets were sent.\n"
    assert keydesk("ticket", "list", "--json").value == []


def test_a_ticket_is_shown_whole(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """The text is shown as it is mailed, with the last failure."""
    ticket = written(in_database, acme, failure="mail.example:25 can't be reached", attempts=1)

    run = keydesk("ticket", "show", ticket)

    assert run.out == (
        "Subject: Mel, Acme: ticket 0\n"
        "Mail: failed 1 time, next 2026-11-24 12:00\n"
        "Last failure: mail.example:25 can't be reached\n"
        "\n"
        "> Why 401?\n"
    )
    assert keydesk("ticket", "show", ticket, "--json").value == keydesk("ticket", "list", "--json").value[0]


@pytest.mark.parametrize("unknown", [UNKNOWN, "org_0199b3c07a007de08de0000000000000", "nonsense"])
@pytest.mark.parametrize("command", ["show", "resend"])
def test_a_ticket_that_is_none_is_refused(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch, command: str, unknown: str
) -> None:
    """The message names the command that lists tickets. Nothing is mailed."""
    with smtp_server() as office:
        mailing_to(office, monkeypatch)
        run = keydesk("ticket", command, unknown)

    assert (run.status, run.out) == (1, "")
    assert "keydesk ticket list" in run.err
    assert office.mails == []


def test_a_ticket_is_sent_by_hand(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given-up, sent and unaddressed tickets are mailed to the configured address."""
    tickets = [
        written(in_database, acme, attempts=174, next_attempt_at=None, failure="long ago"),
        written(in_database, acme, sent_at=NOON, next_attempt_at=None),
        written(in_database, acme, sent_to=None, next_attempt_at=None),
    ]

    with smtp_server() as office:
        mailing_to(office, monkeypatch, "new@example.com")
        told = [keydesk("ticket", "resend", ticket) for ticket in tickets[:2]]
        value = keydesk("ticket", "resend", tickets[2], "--json").value

    assert [(run.status, run.out) for run in told] == [
        (0, f"Mailed {ticket} to new@example.com.\n") for ticket in tickets[:2]
    ]
    assert (value["id"], value["sentTo"], value["failure"]) == (tickets[2], "new@example.com", None)
    assert value["sentAt"] is not None
    assert [mail.message["X-Keydesk-Ticket"] for mail in office.mails] == tickets
    assert {mail.recipients[0] for mail in office.mails} == {"new@example.com"}


def test_one_that_fails_by_hand_is_left_to_the_server(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command reports the failure with exit status 1, and when the server tries again."""
    ticket = written(in_database, acme, sent_at=NOON, next_attempt_at=None)

    with smtp_server() as office:
        mailing_to(office, monkeypatch)
        office.to_recipient = "550 nobody here"
        run = keydesk("ticket", "resend", ticket)

    [value] = keydesk("ticket", "list", "--json").value
    assert (run.status, run.out) == (1, "")
    assert "550" in run.err
    assert "The server tries again after" in run.err
    assert value["sentAt"] is None
    assert value["nextAttemptAt"] is not None
    assert "550" in value["failure"]


@pytest.mark.parametrize("missing", ["KEYDESK_SUPPORT_EMAIL", "KEYDESK_SMTP_URL"])
def test_without_address_or_server_nothing_is_sent(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """The message names the missing setting, and the ticket is unchanged."""
    ticket = written(in_database, acme)

    with smtp_server() as office:
        mailing_to(office, monkeypatch)
        monkeypatch.delenv(missing)
        before = keydesk("ticket", "list", "--json").value
        run = keydesk("ticket", "resend", ticket)

    assert (run.status, run.out) == (1, "")
    assert missing in run.err
    assert keydesk("ticket", "list", "--json").value == before
    assert office.mails == []
