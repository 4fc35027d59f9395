"""`keydesk doctor`: findings about the database's schema and the proxy in front of the server."""

import pytest

from models import Caller
from models.engine.database import Database
from models.engine.ids import new_id
from tests.support.command_line import InDatabase, Keydesk, finding
from tests.support.world import THEN, World


@pytest.mark.parametrize("revision", ["0003", "0002", "0001", "base"])
def test_an_older_schema_is_named_with_the_way_out(keydesk: Keydesk, revision: str) -> None:
    """An older schema is reported with the command to run. The database itself is ok."""
    keydesk("migrate", "--to", revision, "--yes")

    run = keydesk("doctor", "--json")

    assert run.status == 1
    assert finding(run, "database")[0]
    is_ok, said = finding(run, "schema")
    assert (is_ok, "Run `keydesk migrate`" in said) == (False, True)
    assert finding(run, "clock") == (True, "within 2 s of the database's clock")
    assert finding(run, "server keys") == (False, "not checked, because the schema is not current")


@pytest.mark.parametrize(
    ("public_url", "trusted", "addresses", "is_warned"),
    [
        ("http://keys.example", "", ["10.0.0.3", "10.0.0.3"], True),
        ("http://keys.example", "10.1.0.0/16", ["10.0.0.3"], True),
        ("http://keys.example", "10.0.0.0/8", ["10.0.0.3"], False),
        ("http://keys.example", "", ["10.0.0.3", "10.0.0.4"], False),
        ("http://keys.example", "", ["8.8.8.8"], False),
        ("http://keys.example", "", [""], False),
        ("http://keys.example", "", [], False),
        ("", "", ["127.0.0.1"], False),
    ],
)
def test_a_proxy_that_nobody_named_is_suspected(
    keydesk: Keydesk,
    monkeypatch: pytest.MonkeyPatch,
    in_database: InDatabase,
    public_url: str,
    trusted: str,
    addresses: list[str],
    is_warned: bool,
) -> None:
    """With a public URL, callers that all have one private address are probably behind an unconfigured proxy."""

    async def call(database: Database) -> None:
        async with database.transaction() as session:
            session.add_all(
                Caller(
                    key_id=new_id(),
                    ip_address=address,
                    user_agent="curl",
                    first_seen_at=THEN,
                    last_seen_at=THEN,
                    requests=1,
                )
                for address in addresses
            )

    in_database(call)
    monkeypatch.setenv("KEYDESK_PUBLIC_URL", public_url)
    monkeypatch.setenv("KEYDESK_TRUSTED_PROXIES", trusted)

    is_ok, detail = finding(keydesk("doctor", "--json"), "proxies")

    assert is_ok
    assert ("warning" in detail) is is_warned
    assert f"from {trusted or 'nobody'}" in detail


def test_tokens_whose_server_key_is_gone_are_counted(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused, so the operator is warned. Revoked ones are not counted."""
    for name in ("one", "two", "three"):
        keydesk("token", "create", name, "--can", "provision")
    keydesk("token", "revoke", "three")
    before = finding(keydesk("doctor", "--json"), "server keys")

    monkeypatch.setenv("KEYDESK_SECRET_KEY", "f" * 64)
    after = finding(keydesk("doctor", "--json"), "server keys")

    assert (before[0], "tokens" in before[1]) == (True, False)
    assert (after[0], "warning: 2 of the programs' tokens need a server key" in after[1]) == (True, True)
