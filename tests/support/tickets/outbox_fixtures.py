"""Due tickets, and the outbox that sends them to a test's mail server."""

from typing import Any
from uuid import UUID

from sqlmodel import select

from app.mail.outbox import Outbox
from app.mail.server import MailServer, mail_server
from app.mail.tickets import TicketMails
from models import Ticket
from models.engine.database import Database
from tests.conftest import Clock
from tests.support.tickets.smtp_server import PASSWORD_IN_URL, USER, SmtpServer
from tests.support.world import World

SUPPORT = "support@example.com"
CREDENTIALS = f"{USER.replace('@', '%40')}:{PASSWORD_IN_URL}@"


async def written(database: Database, world: World, clock: Clock, **more: Any) -> UUID:
    """The id of a new ticket of Grace that is due."""
    row = Ticket(
        organization_id=world.acme.id,
        person_id=world.grace.id,
        created_at=clock.now,
        **{
            "next_attempt_at": clock.now,
            "sent_to": SUPPORT,
            "reply_to": "grace@example.com",
            "subject": "Grace, Acme: why 401?",
            "body": "Grüße 🔑\n.\n> From here on\n" + "x" * 3000 + "\n",
            **more,
        },
    )
    async with database.transaction() as session:
        session.add(row)
    return row.id


async def row_of(database: Database, ticket_id: UUID) -> Ticket:
    """The ticket's current row."""
    async with database.reading() as session:
        return (await session.execute(select(Ticket).where(Ticket.id == ticket_id))).scalar_one()


def at(
    port: int, *, host: str = "127.0.0.1", options: str = "", credentials: str = "", scheme: str = "smtp"
) -> MailServer:
    """A server on loopback, as an operator would configure it."""
    return mail_server(f"{scheme}://{credentials}{host}:{port}{options}")


def outbox_to(database: Database, clock: Clock, server: MailServer | SmtpServer | None) -> Outbox:
    """The outbox of a process, without random delays."""
    known = at(server.port) if isinstance(server, SmtpServer) else server
    return Outbox(database, known, [TicketMails()], clock=clock, chance=lambda: 0.0)
