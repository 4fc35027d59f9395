"""A pooler in session mode works as it comes; one in transaction or statement mode is recognized and refused."""

from pathlib import Path

import pytest

from models.engine.database import Database
from tests.faults.conftest import NAME, operator_services
from tests.support.command_line import finding, keydesk_on
from tests.support.http.client import connected, verification
from tests.support.servers.asking import ask, get, until_answer
from tests.support.servers.pgbouncer import running_pgbouncer
from tests.support.servers.postgres_pair import PostgresServer
from tests.support.servers.servers import REAL, Servers
from tests.support.tenant_setup import ISSUED, Console, create_as_operator, make_tenant

SENTENCE = "a pooler in transaction mode is in front of it"
POOLED = {"default_pool_size": "60"}
"""A process of Keydesk opens up to 20 connections, and each has a session of its own."""


async def test_session_mode_works(postgres: PostgresServer, tmp_path: Path) -> None:
    """With PgBouncer's defaults, which refuse unknown parameters at the start of a connection."""
    with running_pgbouncer(postgres, pool_mode="session", **POOLED) as pooler:
        database = Database(pooler.url(NAME))
        tenant = await make_tenant(database)
        servers = Servers(pooler.url(NAME), tmp_path, program=REAL)
        try:
            [server] = servers.start()
            async with connected(server) as connection:
                created = await Console(tenant, connection).create()
                assert created.outcome == ISSUED
                assert (await ask(server, verification(created.secret))).status == 200
                await Console(tenant, connection).delete(created.key_id)
            assert (await ask(server, verification(created.secret))).json["code"] == "deleted_key"
            assert (await ask(server, get("/readyz"))).json == {"status": "ready"}
        finally:
            servers.close()
            await database.close()


@pytest.mark.parametrize("rotation", ["0", "1"])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_other_modes_are_refused(
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mode: str,
    rotation: str,
) -> None:
    """By every command, whether the pooler hands out the session that was used last, or all of them in turn."""
    with running_pgbouncer(postgres, pool_mode=mode, server_round_robin=rotation) as pooler:
        keydesk = keydesk_on(pooler.url(NAME), tmp_path, monkeypatch, capsys)
        refused = {command: keydesk(*command.split()) for command in ("serve", "migrate", "organization list")}
        examined = keydesk("doctor", "--json")

    for run in refused.values():
        assert (run.status, SENTENCE in run.err, run.err.count("\n")) == (1, True, 1)
    assert finding(examined, "database")[0] is False
    assert SENTENCE in finding(examined, "database")[1]


async def test_a_pooler_that_changes_its_mode(postgres: PostgresServer, tmp_path: Path) -> None:
    """The server stops answering with the keys' state, and says why. It works again once the mode is back."""
    with running_pgbouncer(postgres, pool_mode="session", **POOLED) as pooler:
        database = Database(postgres.url(NAME))
        tenant = await make_tenant(database)
        with operator_services(database) as services:
            secret = (await create_as_operator(services, tenant)).secret.reveal()
        await database.close()
        servers = Servers(pooler.url(NAME), tmp_path)
        try:
            [server] = servers.start()
            await until_answer(server, verification(secret), 200)

            pooler.reconfigure(pool_mode="transaction")
            await until_answer(server, get("/readyz"), 503, b'"cause":"pooler"')
            # On a busy machine, a look at the pooler may find no second session in time, and the server tries again.
            # Each answer until then came from a session that was its own while the key was read.
            await until_answer(server, verification(secret), 503)

            pooler.reconfigure(pool_mode="session")
            await until_answer(server, get("/readyz"), 200)
            await until_answer(server, verification(secret), 200)
        finally:
            servers.close()
