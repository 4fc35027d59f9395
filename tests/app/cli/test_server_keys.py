"""The command line refuses to issue secrets with a server key that the server does not have."""

from pathlib import Path

import pytest

from models.engine.database import Database
from models.served_server_key import replace_served_server_keys, served_server_keys
from tests.conftest import SERVER_KEYS
from tests.support.command_line import SECRET_KEY, InDatabase, Keydesk
from tests.support.servers.servers import REAL, Servers
from tests.support.world import THEN, World

OTHER = "another-server-key-of-32-bytes-or-more"


@pytest.fixture
def served(database_address: str, tmp_path: Path) -> None:
    """A database on which a server with the tests' server key has been started once."""
    servers = Servers(database_address, tmp_path, program=REAL)
    servers.start()
    servers.close()


def create(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, secret_key: str) -> str:
    """Creates a key with this server key, and returns standard error."""
    monkeypatch.setenv("KEYDESK_SECRET_KEY", secret_key)
    run = keydesk("key", "create", "deploy", "--organization", "Acme", "--json")
    assert (run.status == 0) == (run.out != "")
    return run.err


@pytest.mark.usefixtures("served")
def test_another_server_key_than_the_servers_issues_nothing(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that started last has stored the ids of its server keys, so this works in a database without keys."""
    refused = create(keydesk, monkeypatch, OTHER)
    in_front = create(keydesk, monkeypatch, f"{OTHER},{SECRET_KEY}")
    created = create(keydesk, monkeypatch, f"{SECRET_KEY},{OTHER}")

    assert "is not one that the server was started with" in refused
    assert SERVER_KEYS.signing_id in refused
    assert "Set KEYDESK_SECRET_KEY to the server's value" in refused
    assert SECRET_KEY not in refused
    assert in_front == refused  # the first one signs
    assert created == ""


def test_a_rotation_is_refused_in_the_same_way(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch, in_database: InDatabase
) -> None:
    """The refused rotation leaves the present secret working."""
    issued = keydesk("key", "create", "deploy", "--organization", "Acme", "--json").value
    monkeypatch.setenv("KEYDESK_SECRET_KEY", OTHER)

    refused = keydesk("key", "rotate", issued["id"])
    monkeypatch.setenv("KEYDESK_SECRET_KEY", SECRET_KEY)
    verdict = keydesk("verify", "--json", stdin=issued["secret"].encode())

    assert (refused.status, refused.out) == (1, "")
    assert "The newest API key was made with another server key" in refused.err
    assert verdict.value["good"] is True


def test_a_server_key_that_comes_in_front_may_sign_before_the_server_was_started(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a server has been started, the newest key's server key must be among the configured ones."""
    assert create(keydesk, monkeypatch, SECRET_KEY) == ""
    assert create(keydesk, monkeypatch, f"{OTHER},{SECRET_KEY}") == ""
    assert create(keydesk, monkeypatch, OTHER) == ""
    assert "was made with another server key" in create(keydesk, monkeypatch, SECRET_KEY)


@pytest.mark.usefixtures("served")
def test_what_makes_no_secret_needs_no_server_key_of_the_servers(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting a key works with any server key. `verify` and `doctor` warn of the difference."""
    issued = keydesk("key", "create", "deploy", "--organization", "Acme", "--json").value
    monkeypatch.setenv("KEYDESK_SECRET_KEY", OTHER)

    verdict = keydesk("verify", "--json", stdin=issued["secret"].encode())
    deleted = keydesk("key", "delete", issued["id"])
    doctor = keydesk("doctor", "--json")

    assert verdict.value["code"] == "invalid_key"
    assert "Warning: The first server key in KEYDESK_SECRET_KEY" in verdict.err
    assert deleted.status == 0
    [found] = [each["detail"] for each in doctor.value if each["check"] == "server keys"]
    assert "warning: The first server key in KEYDESK_SECRET_KEY" in found


async def test_the_server_that_started_last_is_the_one_that_counts(database: Database) -> None:
    """A server that starts replaces the stored ids of server keys."""
    for ids in (["b" * 16, "a" * 16], ["a" * 16, "c" * 16]):
        async with database.transaction() as session:
            await replace_served_server_keys(session, ids, now=THEN)

    async with database.reading() as session:
        assert await served_server_keys(session) == ["a" * 16, "c" * 16]
