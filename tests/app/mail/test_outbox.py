"""The outbox mails tickets to a real mail server, and keeps them if the server or the process fails."""

import logging
from datetime import timedelta

import pytest

import app.mail.outbox
import app.mail.server
from app.mail.outbox import ATTEMPTS_AT_MOST, GIVEN_UP_AFTER, pause_seconds
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from tests.conftest import Clock
from tests.support.servers.small_servers import free_port
from tests.support.tickets.outbox_fixtures import SUPPORT, at, outbox_to, row_of, written
from tests.support.tickets.smtp_server import smtp_server
from tests.support.world import World

GIVE_UP_SECONDS = 60.0


async def test_a_ticket_arrives_whole(database: Database, world: World, clock: Clock) -> None:
    """The mail goes from and to the support address, with Reply-To of the person. Its id identifies duplicates."""
    ticket_id = await written(database, world, clock)

    with smtp_server() as office:
        sent = await outbox_to(database, clock, office).send_due()

    [mail] = office.mails
    message = mail.message
    name = external_id(Prefix.TICKET, ticket_id)
    assert (sent, mail.sender, mail.recipients) == (1, SUPPORT, [SUPPORT])
    assert {header: message[header] for header in ("From", "To", "Reply-To", "Subject", "Message-ID")} == {
        "From": f"Keydesk <{SUPPORT}>",
        "To": SUPPORT,
        "Reply-To": "grace@example.com",
        "Subject": "Grace, Acme: why 401?",
        "Message-ID": f"<{name}@example.com>",
    }
    assert (message["Auto-Submitted"], message["X-Keydesk-Ticket"]) == ("auto-generated", name)
    assert message["Date"].datetime == clock.now
    assert message.get_content_type() == "text/plain"
    row = await row_of(database, ticket_id)
    assert message.get_content().replace("\r\n", "\n") == row.body
    assert (row.sent_at, row.next_attempt_at, row.attempts, row.failure) == (clock.now, None, 1, None)


@pytest.mark.parametrize(
    ("subject", "arrives_as"),
    [
        ("Eve\r\nBcc: all@example.com\r\n\r\nHello", "Eve Bcc: all@example.com Hello"),
        ("Ève\u2028X: y\x07\x1b[2J\u202e", "Ève X: y[2J"),
    ],
)
async def test_a_name_begins_no_header(
    database: Database, world: World, clock: Clock, subject: str, arrives_as: str
) -> None:
    """Line breaks and control characters in a subject do not begin a new header."""
    await written(database, world, clock, subject=subject)

    with smtp_server() as office:
        await outbox_to(database, clock, office).send_due()

    [mail] = office.mails
    assert mail.message["Subject"] == arrives_as
    assert mail.recipients == [SUPPORT]
    assert "Bcc" not in mail.message


@pytest.mark.parametrize(
    ("reply_to", "arrives_as"),
    [
        ("grace@bücher.example", "grace@xn--bcher-kva.example"),
        ("grâce@example.com", None),
        ("a..b@example.com", None),
        ("grace@example.com\r\nBcc: all@example.com", None),
    ],
)
async def test_an_address_that_no_header_holds_is_left_out(
    database: Database, world: World, clock: Clock, reply_to: str, arrives_as: str | None
) -> None:
    """The ticket's text still has the address, and the mail is sent."""
    await written(database, world, clock, reply_to=reply_to)

    with smtp_server() as office:
        await outbox_to(database, clock, office).send_due()

    [mail] = office.mails
    assert mail.message["Reply-To"] == arrives_as
    assert "Bcc" not in mail.message


async def test_what_is_sent_or_goes_nowhere_is_not_sent(database: Database, world: World, clock: Clock) -> None:
    """Sent, unaddressed, given-up and not yet due tickets are not sent."""
    await written(database, world, clock, sent_at=clock.now)
    await written(database, world, clock, sent_to=None)
    await written(database, world, clock, next_attempt_at=None)
    await written(database, world, clock, next_attempt_at=clock.now + timedelta(seconds=1))

    with smtp_server() as office:
        sent = await outbox_to(database, clock, office).send_due()

    assert (sent, office.mails) == (0, [])


async def test_a_server_that_refuses_is_asked_again_later(database: Database, world: World, clock: Clock) -> None:
    """The server's answer is stored. Pauses grow until the server accepts the mail."""
    ticket_id = await written(database, world, clock)

    with smtp_server() as office:
        outbox = outbox_to(database, clock, office)
        office.to_recipient = "451 4.7.1 Greylisted,\tcome back"
        await outbox.send_due()
        refused = await row_of(database, ticket_id)
        too_early = await outbox.send_due(), office.visits
        clock.advance(seconds=30)
        office.to_recipient, office.to_message = "250 OK", "554 5.6.0 No such content"
        await outbox.send_due()
        refused_again = await row_of(database, ticket_id)
        clock.advance(seconds=60)
        office.to_message = "250 OK"
        await outbox.send_due()

    assert refused.failure is not None
    assert "451" in refused.failure
    assert "Greylisted, come back" in refused.failure
    assert refused.next_attempt_at == refused.created_at + timedelta(seconds=30)
    assert too_early == (0, 1)
    assert refused_again.failure is not None
    assert "554: 5.6.0 No such content" in refused_again.failure
    assert refused_again.next_attempt_at == refused.next_attempt_at + timedelta(seconds=60)
    row = await row_of(database, ticket_id)
    assert (row.attempts, row.sent_at, row.failure) == (3, clock.now, None)
    assert len(office.mails) == 1


@pytest.mark.parametrize("when", ["at the recipient", "at the message"])
async def test_a_server_that_hangs_up_took_nothing(database: Database, world: World, clock: Clock, when: str) -> None:
    """A connection that is closed during a mail is a failure, and the ticket stays."""
    ticket_id = await written(database, world, clock)

    with smtp_server() as office:
        if when == "at the recipient":
            office.to_recipient = None
        else:
            office.to_message = None
        sent = await outbox_to(database, clock, office).send_due()

    row = await row_of(database, ticket_id)
    assert (sent, row.sent_at) == (0, None)
    assert row.failure == f"127.0.0.1:{office.port} closed the connection"


async def test_a_server_that_is_gone_is_told_by_its_place(database: Database, world: World, clock: Clock) -> None:
    """The failure names the server's host and port."""
    ticket_id = await written(database, world, clock)
    port = free_port()

    await outbox_to(database, clock, at(port)).send_due()

    row = await row_of(database, ticket_id)
    assert row.failure is not None
    assert row.failure.startswith(f"127.0.0.1:{port} can't be reached")
    assert row.next_attempt_at == clock.now + timedelta(seconds=30)


async def test_a_server_that_hangs_is_not_waited_for(
    database: Database, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a time limit for one answer and one for the whole mail."""
    first, second = await written(database, world, clock), await written(database, world, clock)

    with smtp_server() as office:
        office.is_hanging = True
        monkeypatch.setattr(app.mail.server, "COMMAND_TIMEOUT_SECONDS", 0.3)
        await outbox_to(database, clock, office).send_due()
        monkeypatch.setattr(app.mail.server, "COMMAND_TIMEOUT_SECONDS", GIVE_UP_SECONDS)
        monkeypatch.setattr(app.mail.server, "TIMEOUT_SECONDS", 0.3)
        clock.advance(seconds=30)
        await outbox_to(database, clock, office).send_due()

    for ticket_id in (first, second):
        row = await row_of(database, ticket_id)
        assert (row.attempts, row.failure) == (2, f"127.0.0.1:{office.port} does not answer in time")


async def test_what_cannot_be_made_into_a_mail_stops_nothing_else(
    database: Database, world: World, clock: Clock
) -> None:
    """A ticket with an invalid address is marked as failed, and the next one is sent."""
    wrong = await written(database, world, clock, sent_to="no address", next_attempt_at=clock.now - timedelta(days=1))
    right = await written(database, world, clock)

    with smtp_server() as office:
        sent = await outbox_to(database, clock, office).send_due()

    row = await row_of(database, wrong)
    assert row.failure is not None
    assert row.failure.startswith("the mail can't be written")
    assert (sent, (await row_of(database, right)).sent_at) == (1, clock.now)


async def test_a_ticket_is_given_up_after_a_week(
    database: Database, world: World, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A given-up ticket stays in the list, unsent, and an error is logged."""
    ticket_id = await written(database, world, clock, attempts=ATTEMPTS_AT_MOST - 1)
    outbox = outbox_to(database, clock, at(free_port()))

    await outbox.send_due()
    clock.advance(days=30)
    later = await outbox.send_due()

    row = await row_of(database, ticket_id)
    assert (row.sent_at, row.next_attempt_at, row.attempts, later) == (None, None, ATTEMPTS_AT_MOST, 0)
    [record] = [each for each in caplog.records if each.name == "keydesk.mail"]
    assert record.levelno == logging.ERROR
    assert "will not be tried again" in record.getMessage()


def test_pauses_grow_to_an_hour_and_end_after_a_week() -> None:
    """Pauses are slightly random, so that tickets that failed together are not retried together."""
    pauses = [pause_seconds(attempts, 0.0) for attempts in range(1, ATTEMPTS_AT_MOST)]

    assert pauses[:7] == [30, 60, 120, 300, 900, 3600, 3600]
    assert set(pauses[6:]) == {3600}
    assert (
        GIVEN_UP_AFTER <= timedelta(seconds=sum(pause or 0 for pause in pauses)) < GIVEN_UP_AFTER + timedelta(hours=2)
    )
    assert pause_seconds(ATTEMPTS_AT_MOST, 0.0) is None
    assert pause_seconds(1, 0.5) == 33
