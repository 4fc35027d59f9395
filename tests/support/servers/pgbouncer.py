"""PgBouncer in front of a PostgreSQL server: a pooler, whose mode a test chooses and may change while it runs."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.servers.ports import stable_port
from tests.support.servers.postgres_pair import OWNER, PostgresServer, postgres_folder

PROGRAM = "pgbouncer"
GIVE_UP_SECONDS = 30.0


class PgBouncer:
    """A running PgBouncer with Debian's defaults, except for `pool_mode` and other given settings."""

    def __init__(self, program: str, folder: Path, server: PostgresServer, **settings: str) -> None:
        self._program = program
        self._folder = folder
        self._server = server
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.port = stable_port()

    def url(self, database: str = "postgres") -> str:
        """The address of a database behind it."""
        return f"postgresql+asyncpg://{OWNER}@127.0.0.1:{self.port}/{database}"

    @property
    def log(self) -> Path:
        """Its log since it was started."""
        return self._folder / "pgbouncer.log"

    def start(self) -> None:
        """Starts it and waits until it listens."""
        self._write()
        as_owner = ["-u", OWNER] if os.getuid() == 0 else []
        with self.log.open("wb") as said:
            self._process = subprocess.Popen(
                [self._program, *as_owner, str(self._folder / "pgbouncer.ini")],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        self._until("process up", since=0)

    def reconfigure(self, **settings: str) -> None:
        """Changes settings while it runs, such as `pool_mode`. New transactions use them."""
        assert self._process is not None
        self._settings = {**self._settings, **settings}
        self._write()
        since = self.log.stat().st_size
        self._process.send_signal(signal.SIGHUP)
        self._until("re-reading config", since=since)

    def close(self) -> None:
        """Ends it if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _write(self) -> None:
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "any",
            **self._settings,
        }
        lines = [f"{name} = {value}" for name, value in settings.items()]
        every = f"* = host=127.0.0.1 port={self._server.port} user={OWNER}"
        (self._folder / "pgbouncer.ini").write_text("\n".join(["[databases]", every, "[pgbouncer]", *lines, ""]))

    def _until(self, word: str, *, since: int) -> None:
        assert self._process is not None
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while word not in self.log.read_text(errors="replace")[since:].lower():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"PgBouncer: {self.log.read_text(errors='replace')}")
            time.sleep(0.02)


@contextmanager
def running_pgbouncer(server: PostgresServer, **settings: str) -> Iterator[PgBouncer]:
    """A running PgBouncer. Skips the test if it is not installed; in CI the test fails."""
    program = shutil.which(PROGRAM, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        missing = "This test needs pgbouncer. On Debian and Ubuntu, as root: apt-get install pgbouncer"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with postgres_folder() as folder:
        pooler = PgBouncer(program, folder, server, **settings)
        try:
            pooler.start()
            yield pooler
        finally:
            pooler.close()
