"""Requests to the verification endpoint: directly through ASGI, and over a real server on loopback."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from litestar.types import ASGIApp

from app.application import Keydesk
from app.verify.endpoint import VerifyEndpoint

PUBLIC_URL = "https://keys.example"
Header = tuple[str | bytes, str | bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the endpoint."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The parsed JSON body."""
        body: dict[str, Any] = json.loads(self.content)
        return body

    @property
    def code(self) -> str | None:
        """The code of a refusal."""
        code: str | None = self.body.get("code")
        return code

    def header(self, name: str) -> str | None:
        """The value of a header that occurs once, or None if the header is missing."""
        values = [value for found, value in self.headers if found == name.lower()]
        assert len(values) <= 1
        return values[0] if values else None


async def ask(endpoint: VerifyEndpoint, *headers: Header, method: str = "GET", path: str = "/v1/verify") -> Answer:
    """Sends one request, whose body must not be read."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> Any:
        raise AssertionError("the body is not the endpoint's to read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(_bytes(name).lower(), _bytes(value)) for name, value in headers],
    }
    await endpoint(scope, receive, send)
    start, body = sent
    assert (start["type"], body["type"], body["more_body"]) == ("http.response.start", "http.response.body", False)
    answered = [(name.decode(), value.decode()) for name, value in start["headers"]]
    assert all(name == name.lower() for name, _ in answered)
    return Answer(start["status"], answered, body["body"])


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


class PromptServer(uvicorn.Server):
    """Stops as soon as it is told to. uvicorn's own looks ten times a second, and hundreds of tests would wait."""

    def stop(self) -> None:
        """Called from another thread."""
        self._loop.call_soon_threadsafe(self._told.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """From here on it can be told to stop."""
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets=sockets)

    async def main_loop(self) -> None:
        """Ticks as uvicorn's own does."""
        counter = 0
        while not (self._told.is_set() or await self.on_tick(counter)):
            counter += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._told.wait()


@contextmanager
def served(
    application: ASGIApp, *, http: str | Callable[..., asyncio.Protocol] = "httptools"
) -> Iterator[tuple[str, int]]:
    """Runs uvicorn with httptools, as in production, in a thread of its own; yields host and port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        cast(Any, application),
        loop="uvloop",
        http=http,  # type: ignore[arg-type]  # what makes a protocol
        ws="none",
        lifespan="on" if isinstance(application, Keydesk) else "off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        while not server.started:
            time.sleep(0.005)
        yield listener.getsockname()
    finally:
        server.stop()
        thread.join()
        listener.close()


def exchange(address: tuple[str, int], request: bytes, *, timeout_seconds: float = 30) -> Answer:
    """Sends bytes unchanged and reads the one answer, after which the server must send nothing."""
    with socket.create_connection(address, timeout_seconds) as connection:
        with suppress(ConnectionResetError, BrokenPipeError):  # answered, and closed, before it had read everything
            connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(65536)
            if not part:
                raise ConnectionError(f"closed after {received!r}")
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        length = int(dict(headers).get("content-length", "0"))
        if request.startswith(b"HEAD ") and request.count(b" HTTP/1.1\r\n") == 1:
            length = 0  # else what follows is the beginning of the next answer
        while len(body) < length and (part := connection.recv(65536)):
            body += part
    return Answer(int(lines[0].split()[1]), headers, body[:length])
