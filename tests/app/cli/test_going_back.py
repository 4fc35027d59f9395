"""Commands that delete much ask first on a terminal: an older schema, an organization, an agent. `--yes` skips it."""

import os
import pty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.migrations.losses import Loss, losses
from models.migrations.migrate import migrate
from models.migrations.revisions import current_revision, newest_revision
from tests.support.command_line import InDatabase, Keydesk, Run
from tests.support.servers.servers import REAL, Servers
from tests.support.world import World


@pytest.fixture(autouse=True)
def whole_again(in_database: InDatabase) -> Iterator[None]:
    """Migrates to the newest schema afterwards, since on PostgreSQL the next test uses the same database."""
    yield
    in_database(migrate)


@pytest.fixture
def on_a_terminal(keydesk: Keydesk) -> Iterator[Callable[..., Run]]:
    """Runs the command with a terminal as standard input, on which the answer is typed."""
    ours, theirs = pty.openpty()

    def run(answer: str, *arguments: str) -> Run:
        os.write(ours, answer.encode())
        return keydesk(*arguments, stdin=open(theirs, encoding="utf-8", closefd=False))

    yield run
    os.close(ours)
    os.close(theirs)


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
    on_a_terminal: Callable[..., Run], acme: World, in_database: InDatabase, answer: str, is_done: bool
) -> None:
    """Any answer but yes changes nothing. The question is not on standard output."""
    run = on_a_terminal(answer, "migrate", "--to", "base", "--json")

    assert "  organizations: 2 rows" in run.err
    assert "Delete this?" in run.err
    assert (run.status == 0) is is_done
    assert (run.out != "") is is_done
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
    on_a_terminal: Callable[..., Run], acme: World, keydesk: Keydesk, kind: str, answer: str, is_done: bool
) -> None:
    """The question has the number of keys that would be deleted."""
    agent = external_id(Prefix.AGENT, acme.own.id)
    keydesk("key", "create", "deploy", "--organization", "Acme", "--agent", agent)
    name = "Acme" if kind == "organization" else agent

    run = on_a_terminal(answer, kind, "delete", name, "--json")

    assert "API keys (1) are deleted too" in run.err
    assert (run.status == 0, run.out != "") == (is_done, is_done)
    assert "Nothing was changed." in run.err or is_done


@pytest.mark.parametrize("kind", ["organization", "agent"])
def test_scripts_delete_as_before(keydesk: Keydesk, acme: World, kind: str) -> None:
    """Without a terminal nothing is asked."""
    name = "Acme" if kind == "organization" else external_id(Prefix.AGENT, acme.own.id)

    run = keydesk(kind, "delete", name, "--json")

    assert (run.status, run.err) == (0, "")
    assert run.value["deletedAt"]
