"""
A real PostgreSQL with a streaming replica, which a test may stop, kill, freeze, promote and start again.

Both keep their ports. Their data is not synchronized to the disk: no test cuts the machine's power.
"""

import getpass
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.servers.ports import stable_port
from tests.support.servers.small_disk import SmallDisk, small_disk

OWNER = "postgres"
"""PostgreSQL refuses to run as root: then its programs run as this user, whom Debian's package creates."""
INSTALLED = Path("/usr/lib/postgresql")
GIVE_UP_SECONDS = 60
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "120",
    "wal_keep_size": "256MB",
    "hot_standby": "on",
}


class PostgresServer:
    """One PostgreSQL server, running or stopped. Its user is `postgres`, without a password."""

    def __init__(self, programs: Path, folder: Path, disk: SmallDisk | None = None) -> None:
        self._programs = programs
        self._folder = folder
        self.disk = disk
        """The disk of its data, if it has one of its own."""
        self.data = folder / "data" if disk is None else disk.folder
        self.port = stable_port()

    def url(self, database: str = "postgres", *, user: str = OWNER) -> str:
        """The address of one of its databases, whether or not it answers at the moment."""
        return f"postgresql+asyncpg://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Starts it and waits until it accepts connections."""
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._control("start", "--wait", "--log", str(self._folder / "log"), "--options", options)

    def stop(self, mode: str = "fast") -> None:
        """Stops it: `fast` ends the sessions in order, `immediate` is a crash."""
        self.thaw()
        self._control("stop", "--wait", "--mode", mode)

    def restart(self, mode: str = "fast") -> None:
        """Stops and starts it, as an upgrade to a new minor version does."""
        self.stop(mode)
        self.start()

    def promote(self) -> None:
        """Makes a replica a primary, on a timeline of its own, and waits until it accepts writes."""
        self._control("promote", "--wait")

    def demote(self, primary: "PostgresServer") -> None:
        """Starts it as a replica of another server. Its data must not be ahead of that server's."""
        if self.is_running:
            self.stop()
        self._follow(primary)
        self.start()

    def freeze(self) -> None:
        """Until `thaw`, it accepts connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It continues where it was frozen."""
        self._signal(signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        """Whether its first process runs, frozen or not."""
        return bool(self._processes())

    def set(self, name: str, value: str) -> None:
        """Changes a setting for all sessions, in effect at once for those that allow it."""
        self.sql(f"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()")

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Runs each statement in a transaction of its own. Returns what the last one printed."""
        given = [part for statement in statements for part in ("--command", statement)]
        place = ["--host", str(self._folder), "--port", str(self.port), "--username", OWNER, "--dbname", database]
        quiet = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
        return self._run(str(self._programs / "psql"), *quiet, *place, *given).strip()

    def close(self) -> None:
        """Ends it if it runs, frozen or not."""
        if self.is_running:
            self.stop("immediate")

    def initialize(self) -> None:
        """Creates its empty data folder."""
        how = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", f"--username={OWNER}", "--wal-segsize=1"]
        self._run(str(self._programs / "initdb"), f"--pgdata={self.data}", *how)

    def copy(self, primary: "PostgresServer") -> None:
        """Copies a running primary's data, to be started as its replica."""
        place = ["--host", "127.0.0.1", "--port", str(primary.port), "--username", OWNER]
        how = ["--checkpoint=fast", "--wal-method=stream", "--no-sync"]
        self._run(str(self._programs / "pg_basebackup"), "--pgdata", str(self.data), *how, *place)
        self._follow(primary)

    def _follow(self, primary: "PostgresServer") -> None:
        name = f"replica_{self.port}"
        source = f"host=127.0.0.1 port={primary.port} user={OWNER} application_name={name}"
        settings = self.data / "postgresql.auto.conf"
        others = [line for line in settings.read_text().splitlines() if not line.startswith("primary_conninfo")]
        settings.write_text("\n".join([*others, f"primary_conninfo = '{source}'", ""]))
        (self.data / "standby.signal").touch()
        if os.getuid() == 0:
            shutil.chown(self.data / "standby.signal", OWNER)

    def _control(self, *arguments: str) -> None:
        self._run(str(self._programs / "pg_ctl"), *arguments, "--pgdata", str(self.data), "--silent")

    def _run(self, *command: str) -> str:
        as_owner = ("runuser", "-u", OWNER, "--") if os.getuid() == 0 else ()
        # A server inherits what pg_ctl has open, so the output goes to a file: a pipe would never end.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [*as_owner, *command],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=2 * GIVE_UP_SECONDS,
                check=False,
            )
            said.seek(0)
            text = said.read().decode(errors="replace")
        if done.returncode:
            log = self._folder / "log"
            raise RuntimeError(f"{' '.join(command)}: {text}\n{log.read_text() if log.exists() else ''}")
        return text

    def _processes(self) -> list[int]:
        """The first process and its children, such as the sessions."""
        try:
            first = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return []
        if not Path(f"/proc/{first}").exists():
            return []
        found = [first]
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                if re.search(rf"^PPid:\t{first}$", status.read_text(), re.MULTILINE):
                    found.append(int(status.parent.name))
        return found

    def _signal(self, what: signal.Signals) -> None:
        for process in self._processes():
            with suppress(ProcessLookupError):
                os.kill(process, what)


@dataclass(frozen=True)
class PostgresPair:
    """A primary and its streaming replica."""

    primary: PostgresServer
    replica: PostgresServer

    def url(self, database: str = "postgres") -> str:
        """One address with both hosts, the primary first."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.replica.port}"
        return f"postgresql+asyncpg://{OWNER}@{hosts}/{database}"

    def synchronize(self) -> None:
        """From now on, a commit is answered only when the replica has it, too."""
        self.primary.set("synchronous_standby_names", "*")
        self._until(self.primary, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'", "1")

    def catch_up(self) -> None:
        """Waits until the replica shows everything that is committed on the primary now."""
        position = self.primary.sql("SELECT pg_current_wal_lsn()")
        self._until(self.replica, f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn", "t")

    def _until(self, server: PostgresServer, question: str, answer: str) -> None:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while (found := server.sql(question)) != answer:
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"{question}: {found}")
            time.sleep(0.05)


def postgres_programs() -> Path:
    """The folder of initdb, pg_ctl and their like. Skips the test if there is none; in CI the test fails."""
    found = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    missing = "This test needs PostgreSQL's server. On Debian and Ubuntu, as root: apt-get install postgresql"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def postgres_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user may write, for the test's own servers."""
    folder = Path(tempfile.mkdtemp(prefix="keydesk-postgres-"))
    if os.getuid() == 0:
        owner = pwd.getpwnam(OWNER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgres(
    *, standby_of: PostgresServer | None = None, megabytes: int | None = None
) -> Iterator[PostgresServer]:
    """
    A running server with no data of its own: a primary, or a replica of the given one. With `megabytes`, its data has
    a disk of this size.
    """
    programs = postgres_programs()
    with postgres_folder() as folder, ExitStack() as stack:
        disk = None
        if megabytes is not None:
            owner = OWNER if os.getuid() == 0 else getpass.getuser()
            disk = stack.enter_context(small_disk(folder / "data", megabytes, owner=owner))
        server = PostgresServer(programs, folder, disk)
        try:
            if standby_of is None:
                server.initialize()
            else:
                server.copy(standby_of)
            server.start()
            yield server
        finally:
            server.close()


@contextmanager
def running_pair() -> Iterator[PostgresPair]:
    """A running primary with a running asynchronous replica."""
    with running_postgres() as primary, running_postgres(standby_of=primary) as replica:
        yield PostgresPair(primary, replica)
