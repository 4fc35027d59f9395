"""Small HTTP servers for tests, which give a prepared answer and record the requests that they receive."""

import socket
import threading
from collections.abc import Callable, Sequence
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.support.http.verify_client import Answer

CALLER = "127.0.0.9"
"""The client address of `ask`: on loopback like the gateway's, but different."""
GIVE_UP_SECONDS = 60.0
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Asked(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """The values of all headers of this name, in any case."""
        return [value for found, value in self.headers if found.lower() == name.lower()]


class Given(NamedTuple):
    """An answer; None closes the connection without one."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


class SmallServer:
    """A server on a port of its own, until it is closed."""

    def __init__(self, answer: Callable[[Asked], Given | None]) -> None:
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, self.asked))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        port: int = self._server.server_address[1]
        return port

    def close(self) -> None:
        """Stops accepting connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(answer: Callable[[Asked], Given | None], asked: list[Asked]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # When a gateway exits, its kept-alive connections have to be closed here.
        timeout = GIVE_UP_SECONDS

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Asked(self.command, self.path, list(self.headers.items()), body)
            asked.append(request)
            given = answer(request)
            if given is None:
                self.close_connection = True
                return
            self.send_response_only(given.status)
            for name, value in given.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(given.body)

    for method in METHODS:
        setattr(Handler, f"do_{method}", Handler.answer)
    return Handler


def ask(port: int, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b"") -> Answer:
    """Sends one request to a port on loopback from CALLER, with path and headers exactly as given."""
    connection = HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_SECONDS, source_address=(CALLER, 0))
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        answered = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, answered, response.read())
    finally:
        connection.close()


def free_port() -> int:
    """A free port on loopback."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port
