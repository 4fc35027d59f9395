"""Makes a ticket's mail: a plain-text message, whose answers go to the person who wrote the ticket."""

from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from assistant.reply.plain_text import one_line
from models.engine.ids import Prefix, external_id
from models.support.ticket import OutgoingTicket

SENDER_NAME = "Keydesk"


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
    if (reply_to := _address(outgoing.reply_to)) is not None:
        message["Reply-To"] = reply_to
    message["Subject"] = one_line(outgoing.subject)
    message["Date"] = format_datetime(outgoing.created_at)
    message["Message-ID"] = f"<{ticket}@{to.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Keydesk-Ticket"] = ticket
    # Keeps long lines and all scripts intact on servers that accept only short lines or ASCII.
    message.set_content(outgoing.body, cte="quoted-printable")
    return message


def _address(text: str) -> Address | None:
    """The address in the form that a header can hold, or None. The mail's body has the address in any case."""
    local, _, domain = text.rpartition("@")
    try:
        return header_address(f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}")
    except ValueError:  # a domain that IDNA can't write
        return None


def header_address(text: str) -> Address | None:
    """
    Parses an e-mail address; None if it is not valid.

    For some texts, the standard library's parser raises errors other than ValueError.
    """
    try:
        return Address(addr_spec=text)
    except (ValueError, MessageError, IndexError, AttributeError):
        return None
