"""A real mail server on loopback, which accepts, refuses, hangs or disconnects as the test wants."""

import asyncio
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from threading import Event, Thread
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER = "keydesk@mail.example"
PASSWORD = "hunter2:/@hunter2"
PASSWORD_IN_URL = "hunter2%3A%2F%40hunter2"
TAKEN = "250 OK"
GIVE_UP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Mail:
    """A received message, and how it was sent."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    is_encrypted: bool
    is_signed_in: bool


@dataclass
class SmtpServer:
    """The server's handler. Tests set its replies to a recipient and to a message; None disconnects."""

    mails: list[Mail] = field(default_factory=list)
    to_recipient: str | None = TAKEN
    to_message: str | None = TAKEN
    is_hanging: bool = False
    is_visited: Event = field(default_factory=Event)
    """Set when a message begins to arrive."""
    visits: int = 0
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.visits += 1
        self.is_visited.set()
        await _until(lambda: not self.is_hanging)
        if self.to_recipient is None:
            return await self._hang_up(server)
        if self.to_recipient == TAKEN:
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.to_message is None:
            return await self._hang_up(server)
        if self.to_message == TAKEN:
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(
                Mail(
                    envelope.mail_from or "",
                    list(envelope.rcpt_tos),
                    BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(content),
                    server.transport is not None and server.transport.get_extra_info("sslcontext") is not None,
                    session.authenticated is True,
                )
            )
        return self.to_message

    async def _hang_up(self, server: SMTP) -> str:
        _cut_off(server)
        return "421 gone"

    def sign_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        """The authenticator."""
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=is_right, handled=is_right)


@contextmanager
def smtp_server(
    *, port: int = 0, signs_in: bool = False, from_the_start: ssl.SSLContext | None = None, **options: Any
) -> Iterator[SmtpServer]:
    """Runs the server during the block, in a thread of its own; the other options are aiosmtpd's."""
    office = SmtpServer(port=port)
    if signs_in:
        options["authenticator"] = office.sign_in
    is_open, closing = Event(), Event()
    thread = Thread(target=asyncio.run, args=(_keep_open(office, is_open, closing, from_the_start, options),))
    thread.start()
    try:
        assert is_open.wait(GIVE_UP_SECONDS)
        yield office
    finally:
        closing.set()
        thread.join()


async def _keep_open(
    office: SmtpServer, is_open: Event, closing: Event, from_the_start: ssl.SSLContext | None, options: dict[str, Any]
) -> None:
    loop = asyncio.get_running_loop()
    spoken_to: list[SMTP] = []

    def answer() -> SMTP:
        spoken_to.append(SMTP(office, hostname="post.example", loop=loop, **options))
        return spoken_to[-1]

    server = await loop.create_server(answer, "127.0.0.1", office.port, ssl=from_the_start)
    office.port = server.sockets[0].getsockname()[1]
    is_open.set()
    await _until(closing.is_set)
    office.is_hanging = False
    server.close()
    for each in spoken_to:
        _cut_off(each)
    await _until(lambda: len(asyncio.all_tasks()) == 1)


def _cut_off(server: SMTP) -> None:
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()


async def _until(is_so: Callable[[], bool]) -> None:
    """Polls, since the test changes the state from another thread."""
    while True:
        if is_so():
            return
        await asyncio.sleep(0.01)


def certificate(folder: Path) -> Path:
    """A self-signed certificate for localhost and 127.0.0.1, with its key in the same file."""
    path = folder / "certificate.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", str(path), "-out", str(folder / "alone.pem"))
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run(["openssl", "req", "-x509", *curve, *subject, *files], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "alone.pem").read_text())
    return path


def tls(certificate_path: Path) -> ssl.SSLContext:
    """The server's TLS context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_path)
    return context
