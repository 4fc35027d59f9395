"""The servers that tests of faults start behave as those that operators run."""

import asyncpg
import pytest

from tests.faults.conftest import NAME
from tests.support.servers.pgbouncer import PgBouncer, running_pgbouncer
from tests.support.servers.postgres_pair import PostgresPair, PostgresServer

COUNT = "SELECT count(*) FROM noted"


def test_a_replica_follows_is_promoted_and_the_old_primary_lives_on(pair: PostgresPair) -> None:
    """After the promotion, both accept writes, which don't reach the other."""
    pair.primary.sql("CREATE TABLE noted (number int)", database=NAME)
    pair.catch_up()
    with pytest.raises(RuntimeError, match="read-only transaction"):
        pair.replica.sql("INSERT INTO noted VALUES (1)", database=NAME)

    pair.replica.promote()
    pair.replica.sql("INSERT INTO noted VALUES (1)", database=NAME)

    assert (pair.primary.sql(COUNT, database=NAME), pair.replica.sql(COUNT, database=NAME)) == ("0", "1")


def test_a_primary_becomes_a_replica(pair: PostgresPair) -> None:
    """As after a planned switch-over."""
    pair.primary.stop()
    pair.replica.promote()

    pair.primary.demote(pair.replica)
    pair.replica.sql("CREATE TABLE noted (number int)", database=NAME)
    PostgresPair(pair.replica, pair.primary).catch_up()

    assert pair.primary.sql("SELECT pg_is_in_recovery()") == "t"
    assert pair.primary.sql(COUNT, database=NAME) == "0"


async def test_a_pooler_changes_its_mode_while_it_runs(postgres: PostgresServer) -> None:
    """In session mode, a client has a session of its own; in transaction mode, two idle clients share one."""
    with running_pgbouncer(postgres, pool_mode="session") as pooler:
        assert len(await sessions_of_two_clients(pooler)) == 2

        pooler.reconfigure(pool_mode="transaction")
        assert len(await sessions_of_two_clients(pooler)) == 1


async def sessions_of_two_clients(pooler: PgBouncer) -> set[int]:
    """
    The server's processes that answer two clients, which are connected at the same time. They use the driver alone:
    Keydesk's own connections refuse a pooler in transaction mode.
    """
    address = pooler.url(NAME).replace("+asyncpg", "")
    clients = [await asyncpg.connect(address, statement_cache_size=0) for _ in range(2)]
    answered = {await client.fetchval("SELECT pg_backend_pid()") for client in clients}
    for client in clients:
        await client.close()
    return answered
