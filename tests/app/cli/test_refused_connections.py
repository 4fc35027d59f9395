"""Commands on a PostgreSQL that refuses the connection: each says why in one sentence, and doctor finds it."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from threading import Thread

import pytest

from tests.support.command_line import keydesk_on

PASSWORD = "wrong-and-secret"
_SSL_REQUEST = 80877103


@contextmanager
def refusing(code: str, message: str) -> Iterator[str]:
    """A server that speaks PostgreSQL's protocol up to this error of the start. Yields its address."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            while True:
                head = self.request.recv(8)
                if len(head) < 8:
                    return
                length, kind = struct.unpack("!ii", head)
                if kind != _SSL_REQUEST:
                    break
                self.request.sendall(b"N")
            self.request.recv(length - 8)
            fields = b"".join(
                f"{key}{value}\0".encode() for key, value in (("S", "FATAL"), ("C", code), ("M", message))
            )
            self.request.sendall(b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0")

    with TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"postgresql://keydesk:{PASSWORD}@127.0.0.1:{server.server_address[1]}/desk"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("28P01", 'password authentication failed for user "keydesk"'),
        ("3D000", 'database "desk" does not exist'),
        ("57P03", "the database system is starting up"),
        ("53300", "sorry, too many clients already"),
    ],
)
def test_a_refused_connection_is_no_bug_in_keydesk(
    code: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The sentence has PostgreSQL's words and says what to check. It never has the password."""
    with refusing(code, message) as address:
        keydesk = keydesk_on(address, tmp_path, monkeypatch, capsys)
        listed = keydesk("organization", "list")
        found = keydesk("doctor")

    assert listed.status == found.status == 1
    assert f"/desk can't be used: {message}. Check" in listed.err
    assert f"/desk can't be used: {message}. Check" in found.out
    assert "bug" not in listed.err + found.out
    assert PASSWORD not in listed.err + listed.out + found.err + found.out
