"""
A deleted key stays deleted when PostgreSQL's primary restarts, is replaced, or is demoted.

With fencing, the old primary is stopped before the standby is promoted. Without, it lives on and accepts writes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from app.cli_errors import DATABASE_ERRORS
from keys.policy import OPERATOR
from models.engine.database import Database
from resolvers.api_keys import delete_api_key
from resolvers.services import Issued, KeyServices
from tests.faults.conftest import NAME, operator_services
from tests.support.command_line import finding, keydesk_on
from tests.support.http.client import verification
from tests.support.servers.asking import GIVE_UP_SECONDS, ask, get, until, until_answer
from tests.support.servers.load_generator import LoadGenerator, load_generator
from tests.support.servers.postgres_pair import PostgresPair, PostgresServer
from tests.support.servers.servers import Servers
from tests.support.tenant_setup import create_as_operator, make_tenant

KEYS = 40
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'keydesk%'"
SWITCHED = "Another server is the database's primary now"


@pytest.fixture
def servers(pair: PostgresPair, tmp_path: Path) -> Iterator[Servers]:
    """Server processes that know both hosts."""
    started = Servers(pair.url(NAME), tmp_path)
    yield started
    started.close()


@asynccontextmanager
async def issued_keys(address: str, count: int) -> AsyncIterator[tuple[KeyServices, list[Issued]]]:
    """Services on a database, and keys in it."""
    database = Database(address)
    try:
        tenant = await make_tenant(database, key_limit=count)
        with operator_services(database) as services:
            yield services, [await create_as_operator(services, tenant) for _ in range(count)]
    finally:
        await database.close()


@asynccontextmanager
async def operating(server: PostgresServer) -> AsyncIterator[KeyServices]:
    """Services that use this server only."""
    database = Database(server.url(NAME))
    try:
        with operator_services(database) as services:
            yield services
    finally:
        await database.close()


class Deleted(NamedTuple):
    """A secret, and when its deletion was answered."""

    secret: str
    at: float


async def delete_key(services: KeyServices, key: Issued) -> Deleted:
    """Deletes the key, again and again until the database answers."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            await delete_api_key(services, OPERATOR, key_id=key.record.id)
        except DATABASE_ERRORS:
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.05)
        else:
            return Deleted(key.secret.reveal(), time.monotonic())


def wrong_accepts(callers: LoadGenerator, deleted: list[Deleted], *, since: float = 0.0) -> int:
    """How many verifications were sent after a key's deletion, and after `since`, and still found it good."""
    ended = {each.secret: max(each.at, since) for each in deleted}
    sent_later = [each for each in callers.verified if each.sent > ended.get(each.secret, float("inf"))]
    assert sent_later
    return sum(each.status == 200 for each in sent_later)


async def test_an_ordinary_restart(pair: PostgresPair, servers: Servers) -> None:
    """While the primary is away, the answer is 503, never that of the standby, which does not have the deletion yet."""
    async with issued_keys(pair.url(NAME), 2) as (services, (doomed, living)):
        pair.catch_up()
        pair.replica.sql("SELECT pg_wal_replay_pause()")
        [server] = servers.start()
        secrets = [doomed.secret.reveal(), living.secret.reveal()]
        async with load_generator([server], callers_each=4) as callers:
            await callers.warm(secrets)
            deleted = [await delete_key(services, doomed)]

            await asyncio.to_thread(pair.primary.stop)
            await until_answer(server, verification(secrets[1]), 503)
            await asyncio.to_thread(pair.primary.start)
            await until_answer(server, verification(secrets[1]), 200)
            await until_answer(server, get("/readyz"), 200)
            later = callers.unread()
            await callers.until(lambda: len(later()) > 0)

        assert wrong_accepts(callers, deleted) == 0
        assert {each.status for each in callers.verified if each.secret == secrets[1]} == {200, 503}
        assert pair.replica.sql(SESSIONS) == "0"


async def test_a_promotion_with_fencing_while_keys_are_deleted(
    pair: PostgresPair, servers: Servers, record_property: Callable[[str, object], None]
) -> None:
    """With a synchronous standby, every deletion that was answered holds on the new primary."""
    async with issued_keys(pair.url(NAME), KEYS) as (services, keys):
        pair.synchronize()
        [server] = servers.start()
        async with load_generator([server], callers_each=4) as callers:
            await callers.warm([key.secret.reveal() for key in keys])
            deleted: list[Deleted] = []

            async def fail_over() -> None:
                await asyncio.to_thread(pair.primary.stop, "immediate")
                await asyncio.to_thread(pair.replica.promote)

            for number, key in enumerate(keys[:-1]):
                if number == KEYS // 3:
                    failing_over = asyncio.ensure_future(fail_over())
                deleted.append(await delete_key(services, key))
            await failing_over
            await until_answer(server, verification(keys[-1].secret.reveal()), 200)
            for each in deleted:
                assert (await ask(server, verification(each.secret))).status == 401

        record_property("verifications", len(callers.verified))
        assert wrong_accepts(callers, deleted) == 0
        living = {each.status for each in callers.verified if each.secret == keys[-1].secret.reveal()}
        assert living <= {200, 503}


async def test_a_promotion_without_fencing(
    pair: PostgresPair, servers: Servers, record_property: Callable[[str, object], None]
) -> None:
    """The old primary lives on. The server notices, and from then on accepts no key that the new one deleted."""
    async with issued_keys(pair.url(NAME), KEYS) as (_, keys):
        pair.catch_up()
    [server] = servers.start()
    async with load_generator([server], callers_each=4) as callers:
        await callers.warm([key.secret.reveal() for key in keys])

        await asyncio.to_thread(pair.replica.promote)
        promoted_at = time.monotonic()
        async with operating(pair.replica) as services:
            deleted = [await delete_key(services, key) for key in keys[: KEYS // 2]]
            await until(lambda: SWITCHED in server.log.read_text())
            noticed_at = time.monotonic()
            deleted += [await delete_key(services, key) for key in keys[KEYS // 2 :]]
        for each in deleted:
            assert (await ask(server, verification(each.secret))).status == 401

    record_property("seconds until the old primary was left", round(noticed_at - promoted_at, 1))
    record_property("wrong accepts until then", wrong_accepts(callers, deleted))
    assert wrong_accepts(callers, deleted, since=noticed_at) == 0
    assert pair.primary.sql(SESSIONS) == "0"
    assert (await ask(server, get("/readyz"))).status == 200


async def test_an_old_primary_is_not_used_by_a_process_that_starts_later(pair: PostgresPair, servers: Servers) -> None:
    """Although it is the first host of the address, and accepts writes."""
    async with issued_keys(pair.url(NAME), 1) as (_, [key]):
        pair.catch_up()
    pair.replica.promote()
    async with operating(pair.replica) as services:
        deleted = await delete_key(services, key)
    [server] = servers.start()

    assert (await ask(server, verification(deleted.secret))).json["code"] == "deleted_key"
    assert pair.primary.sql(SESSIONS) == "0"


@pytest.mark.parametrize("command", ["serve", "migrate", "organization list", "doctor"])
def test_commands_refuse_a_standby(
    pair: PostgresPair,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    """With one sentence that says so."""
    run = keydesk_on(pair.replica.url(NAME), tmp_path, monkeypatch, capsys)(*command.split())

    assert run.status == 1
    assert "it is a standby" in run.err + run.out


def test_the_doctor_warns_of_an_asynchronous_standby(
    pair: PostgresPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To a user who may not see it, it says what is missing."""
    pair.primary.sql("CREATE ROLE plain LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain", database=NAME)
    asked = {}
    for user in ("postgres", "plain"):
        keydesk = keydesk_on(pair.primary.url(NAME, user=user), tmp_path, monkeypatch, capsys)
        asked[user] = finding(keydesk("doctor", "--json"), "database")
    pair.synchronize()
    keydesk = keydesk_on(pair.url(NAME), tmp_path, monkeypatch, capsys)
    synchronous = finding(keydesk("doctor", "--json"), "database")

    assert "is asynchronous" in asked["postgres"][1]
    assert "may not see" in asked["plain"][1]
    assert "standby" not in synchronous[1]
    assert all(is_ok for is_ok, _ in (*asked.values(), synchronous))


async def test_a_server_whose_primary_becomes_a_standby(pair: PostgresPair, tmp_path: Path) -> None:
    """It is not ready and answers no key from then on, until the host is the primary again."""
    async with issued_keys(pair.primary.url(NAME), 1) as (_, [key]):
        request = verification(key.secret.reveal())
        pair.catch_up()
        servers = Servers(pair.primary.url(NAME), tmp_path)
        try:
            [server] = servers.start()
            await until_answer(server, request, 200)

            pair.primary.stop()
            pair.replica.promote()
            pair.primary.demote(pair.replica)
            await until_answer(server, get("/readyz"), 503, b'"cause":"standby"')
            assert (await ask(server, request)).status == 503

            pair.replica.stop()
            pair.primary.promote()
            await until_answer(server, get("/readyz"), 200)
            await until_answer(server, request, 200)
        finally:
            servers.close()


async def test_a_primary_that_refuses_writes(postgres: PostgresServer, tmp_path: Path) -> None:
    """Keys are verified, because their state is the newest, so the server stays ready. Nothing can be changed."""
    async with issued_keys(postgres.url(NAME), 1) as (_, [key]):
        servers = Servers(postgres.url(NAME), tmp_path)
        try:
            [server] = servers.start()

            postgres.set("default_transaction_read_only", "on")
            await until_answer(server, get("/readyz"), 200, b'"degraded":"ledger"')
            assert (await ask(server, verification(key.secret.reveal()))).status == 200

            postgres.sql("SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only")
            postgres.sql("SELECT pg_reload_conf()")
            await until_answer(server, get("/readyz"), 200, b'{"status":"ready"}')
        finally:
            servers.close()


async def test_a_frozen_primary_is_replaced(pair: PostgresPair, servers: Servers) -> None:
    """The old primary accepts connections and answers nothing: the server goes on with the promoted standby."""
    async with issued_keys(pair.url(NAME), 1) as (_, [key]):
        pair.catch_up()
        [server] = servers.start()
        await until_answer(server, verification(key.secret.reveal()), 200)

        pair.primary.freeze()
        pair.replica.promote()

        await until_answer(server, verification(key.secret.reveal()), 200)
        await until_answer(server, get("/readyz"), 200)
