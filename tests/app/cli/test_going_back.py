"""Commands that delete much ask first on a terminal: an older schema, an organization, an agent. `--yes` skips it."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.migrations import current_revision, migrate, newest_revision
from models.migrations.losses import Loss, losses
from tests.support.command_line import SECRET_KEY, InDatabase, Keydesk
from tests.support.servers.servers import REAL, Servers
from tests.support.world import World

COMMAND = Path(sys.executable).with_name("keydesk")
GIVE_UP_SECONDS = 60


@pytest.fixture(autouse=True)
def whole_again(in_database: InDatabase) -> Iterator[None]:
    """Migrates to the newest schema afterwards, since on PostgreSQL the next test uses the same database."""
    yield
    in_database(migrate)


def on_a_terminal(database_address: str, folder: Path, answer: str, *arguments: str) -> tuple[int, str, str]:
    """Runs the command with a terminal as standard input, on which the answer is typed."""
    ours, theirs = pty.openpty()
    environment = {
        "PATH": os.environ["PATH"],
        "KEYDESK_DATABASE_URL": database_address,
        "KEYDESK_SECRET_KEY": SECRET_KEY,
    }
    with subprocess.Popen(
        [COMMAND, *arguments],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder,
        text=True,
    ) as process:
        os.write(ours, answer.encode())
        out, err = process.communicate(timeout=GIVE_UP_SECONDS)
    os.close(ours)
    os.close(theirs)
    return process.returncode, out, err


def revision_of(in_database: InDatabase) -> str | None:
    found: str | None = in_database(current_revision)
    return found


def test_an_older_schema_that_loses_nothing_asks_nothing(keydesk: Keydesk, in_database: InDatabase) -> None:
    """A schema change that only drops empty tables is made without asking."""
    run = keydesk("migrate", "--to", "0001", "--json")

    assert (run.status, run.err) == (0, "")
    assert revision_of(in_database) == "0001"


def test_without_a_terminal_nothing_is_lost_unless_it_is_said(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """The refusal lists what would be deleted and how many rows. `--yes` does it."""
    refused = keydesk("migrate", "--to", "base", "--json")
    after_refusal = revision_of(in_database)
    done = keydesk("migrate", "--to", "base", "--yes", "--json")

    assert (refused.status, refused.out) == (1, "")
    assert "  organizations: 2 rows" in refused.err
    assert "--yes" in refused.err
    assert after_refusal == newest_revision()
    assert (done.status, done.value["to"]) == (0, None)


@pytest.mark.parametrize(("answer", "is_done"), [("y\n", True), ("n\n", False), ("\n", False), ("\x04", False)])
def test_on_a_terminal_it_is_asked(
    database_address: str, acme: World, in_database: InDatabase, tmp_path: Path, answer: str, is_done: bool
) -> None:
    """Any answer but yes changes nothing. The question is not on standard output."""
    status, out, err = on_a_terminal(database_address, tmp_path, answer, "migrate", "--to", "base", "--json")

    assert "  organizations: 2 rows" in err
    assert "Delete this?" in err
    assert (status == 0) is is_done
    assert (out != "") is is_done
    assert revision_of(in_database) == (None if is_done else newest_revision())


def test_a_running_server_is_not_left_on_an_older_schema(
    keydesk: Keydesk, database_address: str, in_database: InDatabase, tmp_path: Path
) -> None:
    """Requests would fail on an older schema, so even `--yes` is refused until every server has stopped."""
    servers = Servers(database_address, tmp_path, program=REAL)
    try:
        servers.start()
        refused = keydesk("migrate", "--to", "0001", "--yes")
        upward = keydesk("migrate")
    finally:
        servers.close()
    done = keydesk("migrate", "--to", "0001", "--yes")

    assert (refused.status, refused.out) == (1, "")
    assert "Stop every server first" in refused.err
    assert upward.status == 0
    assert (done.status, revision_of(in_database)) == (0, "0001")


async def test_what_would_go_is_looked_at_without_a_trace(database: Database, world: World) -> None:
    """Only tables with rows are listed as losses, and looking changes nothing."""
    lost = await losses(database, "0001")
    lost_all = await losses(database, "base")

    assert lost == []
    assert Loss("organizations", None, 2) in lost_all
    assert await current_revision(database) == newest_revision()
    assert await losses(database, "base") == lost_all


@pytest.mark.parametrize(("answer", "is_done"), [("y\n", True), ("n\n", False)])
@pytest.mark.parametrize("kind", ["organization", "agent"])
def test_deleting_with_all_keys_asks_on_a_terminal(
    database_address: str, acme: World, keydesk: Keydesk, tmp_path: Path, kind: str, answer: str, is_done: bool
) -> None:
    """The question has the number of keys that would be deleted."""
    agent = external_id(Prefix.AGENT, acme.own.id)
    keydesk("key", "create", "deploy", "--organization", "Acme", "--agent", agent)
    name = "Acme" if kind == "organization" else agent

    status, out, err = on_a_terminal(database_address, tmp_path, answer, kind, "delete", name, "--json")

    assert "API keys (1) are deleted too" in err
    assert (status == 0, out != "") == (is_done, is_done)
    assert "Nothing was changed." in err or is_done


@pytest.mark.parametrize("kind", ["organization", "agent"])
def test_scripts_delete_as_before(keydesk: Keydesk, acme: World, kind: str) -> None:
    """Without a terminal nothing is asked."""
    name = "Acme" if kind == "organization" else external_id(Prefix.AGENT, acme.own.id)

    run = keydesk(kind, "delete", name, "--json")

    assert (run.status, run.err) == (0, "")
    assert run.value["deletedAt"]
