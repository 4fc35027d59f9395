"""Owns a ticket's mail: a plain-text message that the help desk can answer to the person."""

from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from assistant.reply.plain_text import one_line
from models.engine.ids import Prefix, external_id
from models.support.ticket import Letter

SENDER_NAME = "Keydesk"


def message_of(letter: Letter) -> EmailMessage:
    """
    The mail, the same each time it is sent.

    It is from the support address itself, which any mail server of the operator's takes mail from. The Message-ID is
    made of the ticket's id: by it a second delivery can be told. Raises ValueError for an address that is none.
    """
    to = Address(addr_spec=letter.sent_to)
    ticket = external_id(Prefix.TICKET, letter.id)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(SENDER_NAME, addr_spec=letter.sent_to)
    message["To"] = to
    if (reply_to := _address(letter.reply_to)) is not None:
        message["Reply-To"] = reply_to
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(letter.created_at)
    message["Message-ID"] = f"<{ticket}@{to.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Keydesk-Ticket"] = ticket
    # Long lines and every script, whatever the servers on its way do.
    message.set_content(letter.body, cte="quoted-printable")
    return message


def _address(text: str) -> Address | None:
    """The address where a header can hold it; the body has it in any case."""
    local, _, domain = text.rpartition("@")
    try:
        return header_address(f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}")
    except ValueError:  # a domain that IDNA can't write
        return None


def header_address(text: str) -> Address | None:
    """The address that a text is, or None. For some texts the library's parser fails with errors of other kinds."""
    try:
        return Address(addr_spec=text)
    except (ValueError, MessageError, IndexError, AttributeError):
        return None
