"""
Backups of a PostgreSQL database, by its own programs pg_dump, pg_restore and psql. Everything here blocks.

The programs get the address and the password in their environment, so that neither is in the list of processes.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from sqlalchemy.engine import URL

from models.backups import BackupFailed
from models.backups.sqlite import move, new_file_beside, words
from models.engine.database_address import hosts_of

CONNECT_SECONDS = 10
LOCK_TIMEOUT_MS = 10_000
_SAID_AT_MOST = 300
_FOR_THE_DRIVER_TOO = (
    *("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGKRBSRVNAME", "PGGSSLIB"),
    *("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLNEGOTIATION"),
    *("PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION"),
)
"""
libpq's variables that asyncpg reads, too, for what the address leaves out. No other is passed on: PGSERVICE and
PGHOSTADDR win against the address, and a restore would replace the tables of another database.
"""
_DROP = """
DO $keydesk$ DECLARE each record; BEGIN
  FOR each IN SELECT DISTINCT p.oid::regprocedure AS name FROM pg_trigger t
      JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_class c ON c.oid = t.tgrelid
      WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND c.relname = ANY ({tables})
  LOOP EXECUTE 'DROP FUNCTION ' || each.name || ' CASCADE'; END LOOP;
  FOR each IN SELECT c.oid::regclass AS name FROM pg_class c
      WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND c.relname = ANY ({tables})
  LOOP EXECUTE 'DROP TABLE ' || each.name || ' CASCADE'; END LOOP;
END $keydesk$;
"""


_OTHER_TABLES = """
SELECT quote_ident(c.relname) FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'f') AND c.relnamespace = 'public'::regnamespace AND c.relname <> ALL ({tables})
"""
_NEW_SETTING = b"SET transaction_timeout"
"""pg_restore 17 and newer write it into the head of every script; older servers don't know it."""


def dump(url: URL, target: Path, *, only: Iterable[str] | None) -> None:
    """
    Writes a consistent dump in pg_dump's custom format, of all tables or only of these. The server goes on working.

    The target is replaced only once the dump is whole. Raises BackupFailed.
    """
    program = _program("pg_dump")
    try:
        with new_file_beside(target) as made:
            others = [] if only is None else [f"--exclude-table=public.{name}" for name in _other_tables(url, only)]
            command = [program, "--format=custom", "--no-password", "--no-comments", "--schema=public", *others]
            said = _run([*command, f"--file={made}"], environment(url))
            if said.returncode:
                raise BackupFailed(f"pg_dump failed: {_first_line(said.stderr)}")
            move(made, target)
    except OSError as error:
        raise BackupFailed(f"The backup can't be written to {target}: {words(error)}") from None


def _other_tables(url: URL, tables: Iterable[str]) -> list[str]:
    """The quoted names of other programs' tables: they are not dropped by a restore, so it can't make them again."""
    query = _OTHER_TABLES.format(tables=_array(tables))
    command = [_program("psql"), "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", f"--command={query}"]
    said = _run(command, environment(url))
    if said.returncode:
        raise BackupFailed(f"psql failed: {_first_line(said.stderr)}")
    return said.stdout.decode().splitlines()


def fault_of_dump(path: Path) -> str | None:
    """Why this file can't be restored, or None if it is a dump of a Keydesk database."""
    if not path.is_file():
        return f"There is no file {path}."
    listed = _run([_program("pg_restore"), "--list", str(path)])
    if listed.returncode:
        return f"{path} is not a backup that pg_restore can read: {_first_line(listed.stderr)}."
    text = listed.stdout.decode(errors="replace")
    if any(f" TABLE public {table} " not in text for table in ("alembic_version", "api_keys", "organizations")):
        return f"{path} is a dump of PostgreSQL's, but not of a Keydesk database."
    return None


def revision_of_dump(path: Path) -> str | None:
    """The revision of the schema in a dump."""
    found = _run([_program("pg_restore"), "--data-only", "--table=alembic_version", "--file=-", str(path)])
    lines = iter(found.stdout.decode(errors="replace").splitlines())
    for line in lines:
        if line.startswith("COPY "):
            return next(lines, "").strip() or None
    return None


def replace_by_dump(url: URL, path: Path, tables: Iterable[str], *, then: str = "") -> None:
    """
    Drops these tables and restores the dump, in one transaction: either everything is replaced or nothing.

    `then` is SQL that runs at the end of the same transaction. Raises BackupFailed.
    """
    psql = [_program("psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
    # Without extensions and comments on them, which only their owner may make.
    only_ours = ["--schema=public", "--no-comments", "--no-owner", "--no-privileges"]
    restore = [_program("pg_restore"), *only_ours, "--file=-", str(path)]
    before = f"BEGIN;\nSET LOCAL lock_timeout = {LOCK_TIMEOUT_MS};\n{_DROP.format(tables=_array(tables))}\n"
    running = subprocess.Popen(  # noqa: S603 - a fixed program
        psql, env=environment(url), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    script = subprocess.Popen(  # noqa: S603 - a fixed program
        restore, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with running, script:
        said: dict[str, bytes] = {}
        readers = [_reading("psql", running.stderr, said), _reading("pg_restore", script.stderr, said)]
        _feed(running, script, before, then)
        for each in readers:
            each.join()
    if script.returncode and not running.returncode:
        raise BackupFailed(f"pg_restore failed: {_first_line(said['pg_restore'])}. Nothing was changed.")
    if running.returncode:
        raise BackupFailed(f"The backup can't be restored: {_first_line(said['psql'])}. Nothing was changed.")


def environment(url: URL) -> Mapping[str, str]:
    """
    The environment for PostgreSQL's programs: the address in libpq's variables, and messages in English.

    The programs reach the same database as the server, whatever PG… variables the operator has set.
    """
    hosts = hosts_of(url)
    found = {
        "PGHOST": ",".join(host.name or "" for host in hosts) or None,
        "PGPORT": ",".join(str(host.port) for host in hosts if host.port) or None,
        "PGUSER": url.username,
        "PGPASSWORD": None if url.password is None else str(url.password),
        "PGDATABASE": url.database,
        "PGSSLMODE": url.query.get("ssl"),
        "PGTARGETSESSIONATTRS": "read-write",
        "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
        "PGAPPNAME": "keydesk backup",
        "LC_ALL": "C",
    }
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PG") or name in _FOR_THE_DRIVER_TOO
    }
    return {**inherited, **{name: str(value) for name, value in found.items() if value is not None}}


def _feed(running: subprocess.Popen[bytes], script: subprocess.Popen[bytes], before: str, then: str) -> None:
    """Passes the script on to psql. The COMMIT comes only after a script that is whole: its end alone rolls back."""
    if running.stdin is None or script.stdout is None:
        raise RuntimeError("both programs have pipes")
    try:
        running.stdin.write(before.encode())
        _copy_script(script.stdout, running.stdin)
        if script.wait() == 0:
            # pg_restore's script empties the search path.
            running.stdin.write(f"\nSET LOCAL search_path = public;\n{then}\nCOMMIT;\n".encode())
        running.stdin.close()
    except BrokenPipeError:
        script.kill()  # psql has stopped at an error, which it says
        with suppress(BrokenPipeError):  # what was not written yet
            running.stdin.close()


def _copy_script(script: IO[bytes], target: IO[bytes]) -> None:
    """Copies a script without the setting that servers before version 17 refuse."""
    for line in iter(script.readline, b""):
        if not line.startswith(_NEW_SETTING):
            target.write(line)
        if line.startswith(b"CREATE "):  # the head is over; what follows may be somebody's text
            break
    shutil.copyfileobj(script, target)


def _array(names: Iterable[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"ARRAY[{quoted}]"


def _reading(name: str, stream: IO[bytes] | None, said: dict[str, bytes]) -> threading.Thread:
    """Reads what a program says, so that it never waits for that."""

    def read() -> None:
        said[name] = b"" if stream is None else stream.read()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _run(command: list[str], variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - a fixed program
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=variables or {**os.environ, "LC_ALL": "C"},
    )


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupFailed(
            f"{name} is not installed. Install PostgreSQL's client programs (Debian: apt-get install "
            "postgresql-client)."
        )
    return found


def _first_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    chosen = next((line for line in lines if "rror" in line), lines[0] if lines else "it did not say why")
    return chosen[:_SAID_AT_MOST].rstrip(".")
