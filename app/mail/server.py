"""Parses KEYDESK_SMTP_URL, sends mail to that server, and describes its failures without credentials."""

import asyncio
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from keys.token import Secret
from models.engine.url_text import is_host
from models.mailed import FAILURE_LENGTH_AT_MOST

COMMAND_TIMEOUT_SECONDS = 20.0
TIMEOUT_SECONDS = 60.0
"""The limit for the whole exchange, so that a server that answers one byte at a time can't hold it up."""
QUIT_TIMEOUT_SECONDS = 5.0
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class UnusableMailServer(ValueError):
    """The mail server's URL is not valid. The message says how to write it, and repeats no part of the URL."""


class MailFailure(Exception):
    """The mail server can't be reached or refused something. The message says why, without credentials."""


class Encryption(StrEnum):
    """
    When TLS begins.

    With WHERE_OFFERED, the server's certificate is not checked: an attacker could just as well withhold the offer.
    """

    FROM_THE_START = "TLS from the start"
    REQUIRED = "STARTTLS"
    WHERE_OFFERED = "STARTTLS where offered"
    NEVER = "no encryption"


_STARTTLS = {"required": Encryption.REQUIRED, "never": Encryption.NEVER}


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that mail is sent to, and the account that signs in there. Both or neither of user and password."""

    host: str
    port: int
    encryption: Encryption
    user: str | None = None
    password: Secret | None = None

    @property
    def place(self) -> str:
        """Host and port, separated by a colon."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def send(self, message: EmailMessage) -> None:
        """Sends the message. Raises MailFailure."""
        async with self._spoken_to() as smtp:
            await smtp.send_message(message)

    async def probe(self) -> str:
        """
        Connects and signs in without sending anything. Raises MailFailure.

        Returns words that say whether the connection is encrypted and signed in.
        """
        async with self._spoken_to() as smtp:
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
            is_encrypted = smtp.get_transport_info("sslcontext") is not None
        return ("encrypted" if is_encrypted else "not encrypted") + ("" if self.user is None else ", signed in")

    @asynccontextmanager
    async def _spoken_to(self) -> AsyncIterator[SMTP]:
        """Opens a connection that is ready for a message, and closes it. Raises MailFailure."""
        smtp = self._client()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await smtp.connect()
                yield smtp
            # An error here does not matter: the server has accepted the message already.
            with suppress(SMTPException, OSError):
                await smtp.quit(timeout=QUIT_TIMEOUT_SECONDS)
        except (SMTPException, OSError) as error:
            raise MailFailure(self._told(error)) from None
        finally:
            smtp.close()

    def _client(self) -> SMTP:
        is_checked = self.encryption is not Encryption.WHERE_OFFERED
        start_tls = {Encryption.WHERE_OFFERED: None, Encryption.REQUIRED: True}.get(self.encryption, False)
        return SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=None if self.password is None else self.password.reveal(),
            timeout=COMMAND_TIMEOUT_SECONDS,
            use_tls=self.encryption is Encryption.FROM_THE_START,
            start_tls=start_tls,
            validate_certs=is_checked,
        )

    def _told(self, error: Exception) -> str:
        """
        Describes an error in one sentence.

        Credentials are removed, because servers may repeat what they received.
        """
        failed = _certificate_failure(error)
        match error:
            case _ if failed is not None:
                reason = f"has an invalid certificate: {failed}"
            case SMTPAuthenticationError():
                reason = f"refuses the user or password ({error.code})"
            case SMTPRecipientsRefused():
                reason = "refuses the address: " + "; ".join(f"{one.code} {one.message}" for one in error.recipients)
            case SMTPResponseException():
                reason = f"answers {error.code}: {error.message}"
            case SMTPServerDisconnected():
                reason = "closed the connection"
            case TimeoutError():
                reason = "does not answer in time"
            case ssl.SSLError():
                reason = f"failed to start TLS ({error.reason or type(error).__name__})"
            case SMTPException() if not isinstance(error, OSError):
                reason = f"can't be used: {error.message}"
            case _:
                reason = f"can't be reached ({type(error.__cause__ or error).__name__})"
        return f"{self.place} {self._without_credentials(reason)}"[:FAILURE_LENGTH_AT_MOST]

    def _without_credentials(self, text: str) -> str:
        text = _UNPRINTABLE.sub(" ", text)
        if self.user is None or self.password is None:
            return text
        password = self.password.reveal()
        for secret in (f"\0{self.user}\0{password}", password, self.user):
            for form in (b64encode(secret.encode()).decode(), secret):
                text = text.replace(form, "…")
        return text


def mail_server(url: str) -> MailServer:
    """
    Parses a URL such as smtp://host, smtps://user:password@host:465 or smtp://host:25?starttls=never.

    A password is sent only over TLS, unless the URL says `starttls=never`. Raises UnusableMailServer.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UnusableMailServer("it is not a valid URL such as smtp://user:password@mail.example:587") from None
    if parts.scheme not in {"smtp", "smtps"} or not host or parts.path not in {"", "/"} or parts.fragment or port == 0:
        raise UnusableMailServer("use a URL such as smtp://user:password@mail.example:587")
    if not is_host(host):
        raise UnusableMailServer("write the host in ASCII, without spaces; a name such as bücher.example is xn--….")
    user, password = _credentials(parts.username, parts.password)
    encryption = _encryption(parts.scheme, parts.query, has_password=password is not None)
    standard_port = 465 if parts.scheme == "smtps" else 25 if user is None else 587
    return MailServer(host, port or standard_port, encryption, user, password)


def _credentials(user: str | None, password: str | None) -> tuple[str | None, Secret | None]:
    if user is None and password is None:
        return None, None
    if not user or not password:
        raise UnusableMailServer(
            "give both user and password, or neither; write an @, : or / in them as %40, %3A or %2F"
        )
    user, password = unquote(user), unquote(password)
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in user + password):
        raise UnusableMailServer("there is a control character in the user or password")
    return user, Secret(password)


def _encryption(scheme: str, query: str, *, has_password: bool) -> Encryption:
    options: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    starttls = options.pop("starttls", None)
    if options or (starttls is not None and starttls not in _STARTTLS):
        raise UnusableMailServer("after the question mark, only starttls=required and starttls=never are allowed")
    if scheme == "smtps":
        if starttls is not None:
            raise UnusableMailServer("smtps:// uses TLS from the start: remove starttls")
        return Encryption.FROM_THE_START
    if starttls is not None:
        return _STARTTLS[starttls]
    return Encryption.REQUIRED if has_password else Encryption.WHERE_OFFERED


def _certificate_failure(error: BaseException | None) -> str | None:
    """What is wrong with the server's certificate, or None if the error has another cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return None
