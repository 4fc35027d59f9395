"""Makes mails to people: plain text and HTML from one description, with names from outside escaped and cut."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from app.pages.brand import MAIL_COLOR
from assistant.reply.plain_text import one_line, plain, shortened
from keys.sign_in.email_address import ascii_address
from keys.token import Secret

NAME_LENGTH_AT_MOST = 64
SUBJECT_LENGTH_AT_MOST = 150
TEXT_LENGTH_AT_MOST = 1000
_DOT_INSIDE = re.compile(r"\.(?=\w)")


class NoRecipient(ValueError):
    """A header can hold none of the recipients' addresses, or there is none."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A text that a person chose, such as a name. It is shown on one line, and cut."""

    text: str
    is_address: bool = False
    """An e-mail address is shown as it is. In other texts, what a mail program would make a link is broken up."""

    @property
    def shown(self) -> str:
        """Without unprintable characters, such as marks that change the direction of what follows."""
        text = one_line(self.text)
        if not self.is_address:
            text = _DOT_INSIDE.sub(". ", text.replace("://", ": //"))
        return shortened(text, NAME_LENGTH_AT_MOST)


Part = str | Foreign
Paragraph = Sequence[Part]


@dataclass(frozen=True, slots=True)
class Letter:
    """The content of a mail: paragraphs, a button with a link, and what follows it."""

    subject: Paragraph
    before: Sequence[Paragraph]
    button: str
    link: Secret
    after: Sequence[Paragraph]
    quoted: str | None = field(default=None)
    """A longer text that a person wrote, shown before the button."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who mails to people come from: the operator's brand name and address."""

    brand: str
    address: str
    color: str = MAIL_COLOR
    """Of buttons, as #rrggbb; white text can be read on it."""


def mail_of(
    letter: Letter, sender: Sender, recipients: Sequence[str], *, message_id: str, at: datetime
) -> EmailMessage:
    """
    Makes the mail. It is the same each time.

    Raises ValueError if the sender's address is not valid, and NoRecipient if a header can hold none of the others.
    """
    to = [address for each in recipients if (address := ascii_address(each)) is not None]
    if not to:
        raise NoRecipient
    source = Address(sender.brand, addr_spec=sender.address)
    message = EmailMessage(policy=SMTP)
    message["From"] = source
    message["To"] = to
    message["Subject"] = shortened(_text(letter.subject), SUBJECT_LENGTH_AT_MOST)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{message_id}@{source.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    # Keeps long lines and all scripts intact on servers that accept only short lines or ASCII.
    message.set_content(as_text(letter, sender), cte="quoted-printable")
    message.add_alternative(as_html(letter, sender), subtype="html", cte="quoted-printable")
    return message


def as_text(letter: Letter, sender: Sender) -> str:
    """The letter as plain text."""
    quoted = [] if letter.quoted is None else ["\n".join(f"> {line}" for line in _quoted(letter.quoted))]
    parts = [
        *map(_text, letter.before),
        *quoted,
        f"{letter.button}:\n{letter.link.reveal()}",
        *map(_text, letter.after),
        f"-- \n{one_line(sender.brand)}",
    ]
    return "\n\n".join(parts) + "\n"


def as_html(letter: Letter, sender: Sender) -> str:
    """The letter as a page without pictures, scripts and anything that is loaded from elsewhere."""
    link, button = escape(letter.link.reveal()), _BUTTON.format(color=sender.color)
    quoted = (
        ""
        if letter.quoted is None
        else f'<blockquote style="{_QUOTE}">{"<br>".join(map(escape, _quoted(letter.quoted)))}</blockquote>'
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{escape(_text(letter.subject))}</title></head>\n"
        f'<body style="{_BODY}">\n'
        f"{''.join(map(_html, letter.before))}{quoted}"
        f'<p><a href="{link}" rel="noreferrer" style="{button}">{escape(letter.button)}</a></p>\n'
        f'<p style="{_SMALL}">If the button does not work, open this address:<br>{link}</p>\n'
        f"{''.join(map(_html, letter.after))}"
        f'<p style="{_SMALL}">{escape(one_line(sender.brand))}</p>\n'
        "</body>\n</html>\n"
    )


_BODY = "font-family: system-ui, sans-serif; font-size: 16px; line-height: 1.5; max-width: 36em; margin: 2em auto"
_BUTTON = (
    "display: inline-block; padding: 10px 18px; border-radius: 4px; background: {color}; color: #ffffff; "
    "text-decoration: none"
)
_SMALL = "font-size: 13px; color: #555555; overflow-wrap: anywhere"
_QUOTE = "margin: 1em 0; padding-left: 1em; border-left: 3px solid #cccccc; overflow-wrap: anywhere"


def _text(paragraph: Paragraph) -> str:
    return "".join(part.shown if isinstance(part, Foreign) else part for part in paragraph)


def _html(paragraph: Paragraph) -> str:
    # <bdi> keeps a name that is written from right to left from turning the words around it.
    parts = [f"<bdi>{escape(part.shown)}</bdi>" if isinstance(part, Foreign) else escape(part) for part in paragraph]
    return f"<p>{''.join(parts)}</p>\n"


def _quoted(text: str) -> list[str]:
    return plain(shortened(text, TEXT_LENGTH_AT_MOST)).split("\n")
