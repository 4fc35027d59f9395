"""
Starts, waits for, stops and kills real server processes of the application, for tests that need several.

They start in parallel, since imports take most of the time; each chooses its own port on loopback, and its standard
error is stored in a file.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[3]
REAL = ("-c", "from app.cli import main; main()", "serve", "--port", "0", "--json")
"""The command that an operator runs."""
CHEAP = ("-m", "tests.support.servers.cheap_server")
"""The same application with a cheap hasher; cheap_server.py has its other features."""
SECRET_KEY = "0123456789abcdef0123456789abcdef"
"""The text of conftest's SERVER_KEYS, so that these servers accept the keys of a test's own issuer."""
MANY = "1000000"
GIVE_UP_SECONDS = 60.0


@dataclass(frozen=True, eq=False)
class Server:
    """A server process that is ready, or has ended."""

    process: subprocess.Popen[str]
    host: str
    port: int
    log: Path
    """Its standard error."""

    @property
    def address(self) -> str:
        """Such as http://127.0.0.1:40123."""
        return f"http://{self.host}:{self.port}"

    @property
    def is_alive(self) -> bool:
        """Whether its process is running."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Asks it to end, and waits until it has."""
        self.process.terminate()
        self._gone()

    def kill(self) -> None:
        """Ends it with SIGKILL, without a chance to finish its work."""
        self.process.kill()
        self._gone()

    def _gone(self) -> None:
        try:
            self.process.wait(GIVE_UP_SECONDS)
        finally:
            self.process.kill()
            if self.process.stdout is not None:
                self.process.stdout.close()


class Servers:
    """Starts servers on one database, and ends those that still run when it closes."""

    def __init__(
        self,
        database_address: str,
        folder: Path,
        *,
        program: Sequence[str] = CHEAP,
        settings: Mapping[str, str] | None = None,
        checkout: Path = ROOT,
        log_name: str = "server",
    ) -> None:
        """
        `settings` are environment variables over the defaults of the tests; `folder` gets the logs. The servers run the
        code in `checkout`.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KEYDESK_")}
        self.environment = {
            **inherited,
            "KEYDESK_DATABASE_URL": database_address,
            "KEYDESK_SECRET_KEY": SECRET_KEY,
            "KEYDESK_MUTATIONS_PER_MINUTE": MANY,
            **(settings or {}),
        }
        self._program = program
        self._folder = folder
        self._checkout = checkout
        self._log_name = log_name
        self._started: list[Server | subprocess.Popen[str]] = []

    def start(self, count: int = 1) -> list[Server]:
        """Starts this many more servers; returns when all of them are ready."""
        launched = [self._launch() for _ in range(count)]
        servers = [self._announced(process, log) for process, log in launched]
        for server in servers:
            _wait_until_ready(server)
        return servers

    def close(self) -> None:
        """Stops the servers that still run."""
        processes = [each.process if isinstance(each, Server) else each for each in self._started]
        for process in processes:
            process.terminate()
        for each in self._started:
            if isinstance(each, Server):
                each.stop()
            else:
                each.kill()

    def _launch(self) -> tuple[subprocess.Popen[str], Path]:
        log = self._folder / f"{self._log_name}-{len(self._started)}.log"
        with log.open("w") as said:
            process = subprocess.Popen(
                [sys.executable, *self._program],
                cwd=self._checkout,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        self._started.append(process)
        return process, log

    def _announced(self, process: subprocess.Popen[str], log: Path) -> Server:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"a server did not start: {log.read_text()}")
        address = urlsplit(json.loads(line)["address"])
        assert address.hostname is not None
        assert address.port is not None
        server = Server(process, address.hostname, address.port, log)
        self._started[self._started.index(process)] = server
        return server


def _wait_until_ready(server: Server) -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not _is_ready(server):
        if not server.is_alive or time.monotonic() > give_up_at:
            raise RuntimeError(f"a server did not become ready: {server.log.read_text()}")
        time.sleep(0.02)


def _is_ready(server: Server) -> bool:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
