"""
A real Redis on loopback, which the test may empty, stop, kill, freeze and start again.

It stores nothing on disk: after a restart it is empty. Its port stays the same, so that clients find it again.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.support.servers.ports import stable_port

PROGRAMS = ("redis-server", "valkey-server")
ATTEMPTS = 10
GIVE_UP_SECONDS = 30.0


class RedisServer:
    """A server process, running or stopped."""

    def __init__(self, program: str, folder: Path, *options: str) -> None:
        self._program = program
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Its address, whether or not it answers at the moment."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def log(self) -> Path:
        """Its log since it was started."""
        return self._folder / "redis.log"

    def start(self) -> None:
        """Starts it, empty, and waits until it answers."""
        assert self._process is None
        for _ in range(1 if self.port else ATTEMPTS):
            port = self.port or stable_port()
            if self._launch(port):
                self.port = port
                return
        raise RuntimeError(f"Redis did not start: {self.log.read_text(errors='replace')}")

    def stop(self) -> None:
        """Asks it to end, and waits until it has; its connections are closed."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it with SIGKILL."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Ends it and starts it again, empty."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Until `thaw`, it accepts connections and answers nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """It continues, and answers the requests that arrived meanwhile."""
        self._send(signal.SIGCONT)

    def flush(self) -> None:
        """Empties it."""
        with self.client() as client:
            client.flushall()

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        """A client with which a test reads and changes the data."""
        with redis.Redis(port=self.port, socket_timeout=GIVE_UP_SECONDS, decode_responses=True) as client:
            yield client

    def close(self) -> None:
        """Ends it if it runs, frozen or not."""
        if self._process is not None:
            self.kill()

    def _launch(self, port: int) -> bool:
        """Whether the server answers on that port; False if it ended, as it does when the port is taken."""
        given = [self._program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        kept = ["--save", "", "--appendonly", "no"]
        with self.log.open("wb") as said:
            process = subprocess.Popen(
                [*given, *kept, *self._options], stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while process.poll() is None:
            if b"Ready to accept connections" in self.log.read_bytes():
                self._process = process
                return True
            if time.monotonic() > give_up_at:
                process.kill()
                process.wait()
                raise RuntimeError(f"Redis did not become ready: {self.log.read_text(errors='replace')}")
            time.sleep(0.01)
        return False

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        try:
            self._process.wait(GIVE_UP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _send(self, what: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(what)


@contextmanager
def running_redis(folder: Path, *options: str) -> Iterator[RedisServer]:
    """
    A running server, with these options over its defaults, such as `--maxmemory-policy`, `allkeys-lru`.

    Skips the test if neither Redis nor Valkey is installed; in CI the test fails.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        missing = "This test needs redis-server. On Debian and Ubuntu, as root: apt-get install redis-server"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    server = RedisServer(program, folder, *options)
    try:
        server.start()
        yield server
    finally:
        server.close()
