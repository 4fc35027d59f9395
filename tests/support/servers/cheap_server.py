"""
One server process of the application with a cheap hasher; prints its address on standard output, as
`keydesk serve` does.

With TESTS_HASHING_FOLDER set, each new key's hash appends a byte to that folder's file `hashed`, and waits while a file
`closed` exists beside it: so a test can have many creations in progress at the same time, and count their hashes.
"""

import json
import os
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

from argon2 import PasswordHasher

from app.application import create_app
from app.observability.logs import configure_logging
from app.serve import http_server
from app.serving.listening import BACKLOG
from app.serving.stopping import Stop, stop_on_signals
from app.settings import read_settings

FOLDER = "TESTS_HASHING_FOLDER"


class WatchedHasher(PasswordHasher):
    """Records each hash, and can be paused."""

    def __init__(self, folder: Path) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self._hashed, self._closed = folder / "hashed", folder / "closed"

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        with self._hashed.open("ab") as trace:
            trace.write(b".")
        while self._closed.exists():
            time.sleep(0.005)
        return super().hash(password, salt=salt)


def main() -> None:
    """Serves until it is asked to stop."""
    stop = Stop()
    stop_on_signals(stop, is_last=True)
    settings = read_settings(os.environ)
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    folder = os.environ.get(FOLDER)
    configure_logging(settings.log_level)
    app = create_app(
        replace(settings, public_url=settings.public_url or address),
        key_hasher=cheap if folder is None else WatchedHasher(Path(folder)),
        password_hasher=cheap,
        stop=stop,
    )
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()
    http_server(app, settings, stop).run(sockets=[listener])


if __name__ == "__main__":
    main()
