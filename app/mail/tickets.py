"""Makes the mail of a ticket: a plain-text message, whose answers go to the person who wrote the ticket."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from assistant.reply.plain_text import one_line
from keys.sign_in.email_address import ascii_address
from models.engine.ids import Prefix, external_id
from models.mailed import Mailed
from models.support.ticket import OutgoingTicket, Ticket, ticket_to_mail

SENDER_NAME = "Keydesk"


class TicketMails:
    """Tickets, mailed to the support address."""

    table: type[Mailed] = Ticket
    prefix = Prefix.TICKET

    async def mail(self, session: AsyncSession, row_id: UUID) -> EmailMessage | None:
        """The ticket's mail. Raises ValueError if the support address is not valid."""
        outgoing = await ticket_to_mail(session, row_id)
        return None if outgoing is None else message_of(outgoing)


def message_of(outgoing: OutgoingTicket) -> EmailMessage:
    """
    Makes the mail of a ticket. It is the same each time that it is sent.

    The sender is the support address itself, because the operator's mail server accepts mail from that address. The
    Message-ID is made from the ticket's id, so that a second delivery can be recognized. Raises ValueError if the
    support address is not valid.
    """
    to = Address(addr_spec=outgoing.sent_to)
    ticket = external_id(Prefix.TICKET, outgoing.id)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(SENDER_NAME, addr_spec=outgoing.sent_to)
    message["To"] = to
    if (reply_to := ascii_address(outgoing.reply_to)) is not None:
        message["Reply-To"] = reply_to
    message["Subject"] = one_line(outgoing.subject)
    message["Date"] = format_datetime(outgoing.created_at)
    message["Message-ID"] = f"<{ticket}@{to.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Keydesk-Ticket"] = ticket
    # Keeps long lines and all scripts intact on servers that accept only short lines or ASCII.
    message.set_content(outgoing.body, cte="quoted-printable")
    return message
