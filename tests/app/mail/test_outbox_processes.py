"""The outbox in several processes: shared tickets, a killed process, and a restart."""

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

import app.mail.outbox
import models.mailed
from app.mail.outbox import CLAIM_SECONDS, STOPPED
from models import Ticket
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.mailed import claim_due
from tests.conftest import Clock
from tests.support.servers.servers import ROOT
from tests.support.tickets.outbox_fixtures import SUPPORT, outbox_to, row_of, written
from tests.support.tickets.smtp_server import smtp_server
from tests.support.world import World, make_world

GIVE_UP_SECONDS = 60.0


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


async def test_processes_send_each_ticket_once(make_database_url: Callable[[], str], clock: Clock) -> None:
    """Three processes send twelve tickets; each arrives once."""
    address = make_database_url()
    databases = [Database(address) for _ in range(3)]
    world = await make_world(databases[0])
    tickets = [await written(databases[0], world, clock) for _ in range(12)]

    with smtp_server() as office:
        sent = await asyncio.gather(*(outbox_to(each, clock, office).send_due() for each in databases))

    rows = [await row_of(databases[0], ticket_id) for ticket_id in tickets]
    for each in databases:
        await each.close()
    assert sorted(mail.message["X-Keydesk-Ticket"] for mail in office.mails) == sorted(
        external_id(Prefix.TICKET, ticket_id) for ticket_id in tickets
    )
    assert sum(sent) == 12
    assert {(row.attempts, row.sent_at) for row in rows} == {(1, clock.now)}


async def test_a_process_that_died_while_sending_loses_nothing(database: Database, world: World, clock: Clock) -> None:
    """A claimed ticket is left alone until its claim ends, and is then sent by another process."""
    ticket_id = await written(database, world, clock)
    async with database.transaction() as session:
        await claim_due(session, Ticket, now=clock.now, until=clock.now + timedelta(seconds=CLAIM_SECONDS))

    with smtp_server() as office:
        outbox = outbox_to(database, clock, office)
        meanwhile = await outbox.send_due()
        clock.advance(seconds=CLAIM_SECONDS)
        afterwards = await outbox.send_due()

    row = await row_of(database, ticket_id)
    assert (meanwhile, afterwards, row.attempts) == (0, 1, 2)


@pytest.mark.slow
async def test_a_process_that_is_killed_while_sending_loses_nothing(
    database: Database, database_address: str, world: World, clock: Clock
) -> None:
    """A process is killed during a mail. Another one sends the ticket after the claim ends."""
    ticket_id = await written(database, world, clock)
    program = "from app.cli import main; main()"
    with smtp_server() as office:
        office.is_hanging = True
        environment = {
            **os.environ,
            "KEYDESK_DATABASE_URL": database_address,
            "KEYDESK_SUPPORT_EMAIL": SUPPORT,
            "KEYDESK_SMTP_URL": f"smtp://127.0.0.1:{office.port}",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, "ticket", "resend", external_id(Prefix.TICKET, ticket_id)),
            cwd=ROOT,
            env=environment,
        )
        await until(office.is_visited.is_set)
        process.kill()
        await process.wait()
        office.is_hanging = False
        left = await row_of(database, ticket_id)
        assert left.next_attempt_at is not None
        clock.now = left.next_attempt_at - timedelta(seconds=1)
        meanwhile = await outbox_to(database, clock, office).send_due()
        clock.advance(seconds=1)
        afterwards = await outbox_to(database, clock, office).send_due()

    assert (left.sent_at, left.failure, left.attempts) == (None, None, 1)
    assert (meanwhile, afterwards) == (0, 1)
    assert [mail.message["X-Keydesk-Ticket"] for mail in office.mails] == [external_id(Prefix.TICKET, ticket_id)]


async def test_one_that_was_slow_takes_nothing_from_its_successor(
    database: Database, world: World, clock: Clock
) -> None:
    """If another process has taken over the ticket meanwhile, a late failure is not stored."""
    ticket_id = await written(database, world, clock)
    taken_over = clock.now + timedelta(hours=1)

    with smtp_server() as office:
        office.is_hanging = True
        office.to_recipient = "451 no"
        sending = asyncio.create_task(outbox_to(database, clock, office).send_due())
        await until(office.is_visited.is_set)
        async with database.transaction() as session:
            await session.execute(update(Ticket).where(col(Ticket.id) == ticket_id).values(next_attempt_at=taken_over))
        office.is_hanging = False
        await sending

    row = await row_of(database, ticket_id)
    assert (row.failure, row.next_attempt_at) == (None, taken_over)


async def test_the_server_sends_when_it_is_woken(database: Database, world: World, clock: Clock) -> None:
    """The outbox also sends what was waiting when it started."""
    with smtp_server() as office:
        outbox = outbox_to(database, clock, office)
        await written(database, world, clock)
        async with outbox.running():
            await until(lambda: len(office.mails) == 1)
            await written(database, world, clock)
            outbox.wake()
            await until(lambda: len(office.mails) == 2)

    assert outbox.sends


async def test_the_server_looks_from_time_to_time(
    database: Database, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tickets of other processes, and failed ones, are found at intervals."""
    monkeypatch.setattr(app.mail.outbox, "EVERY_SECONDS", 0.02)

    with smtp_server() as office:
        async with outbox_to(database, clock, office).running():
            await written(database, world, clock)
            await until(lambda: len(office.mails) == 1)


async def test_a_database_that_is_gone_for_a_while_ends_no_outbox(
    database: Database, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged by its type only, and the next round goes on."""
    monkeypatch.setattr(app.mail.outbox, "EVERY_SECONDS", 0.02)
    ticket_id = await written(database, world, clock)
    asked = models.mailed.is_due
    failures = iter([ConnectionRefusedError("the password is hunter2")])

    async def unreliable(*arguments: Any) -> bool:
        for failure in failures:
            raise failure
        return await asked(*arguments)

    monkeypatch.setattr(app.mail.outbox, "is_due", unreliable)

    with smtp_server() as office:
        async with outbox_to(database, clock, office).running():
            await until(lambda: len(office.mails) == 1)

    assert (await row_of(database, ticket_id)).sent_at == clock.now
    assert "the outbox can't be read: ConnectionRefusedError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_server_that_stops_waits_for_no_hanging_mail(
    database: Database, world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupted ticket is retried after the restart."""
    monkeypatch.setattr(app.mail.outbox, "LAST_SECONDS", 0.05)
    ticket_id = await written(database, world, clock)

    with smtp_server() as office:
        office.is_hanging = True
        async with outbox_to(database, clock, office).running():
            await until(office.is_visited.is_set)
        stopped = await row_of(database, ticket_id)
        office.is_hanging = False
        clock.advance(seconds=30)
        async with outbox_to(database, clock, office).running():
            await until(lambda: len(office.mails) == 1)

    assert (stopped.sent_at, stopped.failure) == (None, STOPPED)
    assert stopped.next_attempt_at == stopped.created_at + timedelta(seconds=30)
    assert (await row_of(database, ticket_id)).sent_at == clock.now


async def test_without_a_mail_server_tickets_wait_for_one(database: Database, world: World, clock: Clock) -> None:
    """Without a mail server, tickets are unchanged; they are sent once there is one."""
    ticket_id = await written(database, world, clock)

    outbox = outbox_to(database, clock, None)
    async with outbox.running():
        outbox.wake()
        await asyncio.sleep(0)
    before = await row_of(database, ticket_id)
    with smtp_server() as office:
        sent = await outbox_to(database, clock, office).send_due()

    assert not outbox.sends
    assert (before.attempts, before.sent_at) == (0, None)
    assert sent == 1
