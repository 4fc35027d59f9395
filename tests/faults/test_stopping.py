"""Stops and restarts under load: no request is lost, whatever hangs, and every process ends."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from resolvers.services import KeyServices
from tests.conftest import CHEAP as CHEAP_HASHES
from tests.end_to_end.processes.test_hand_over import HAND_OVER, PASSWORD, SUPPORT, asked, conversation_with, signed_in
from tests.faults.conftest import NAME
from tests.support.gateways.programs import Program
from tests.support.gateways.proxies import nginx_of
from tests.support.http.client import Answer, connected, request_bytes, verification
from tests.support.servers.cheap_server import FOLDER
from tests.support.servers.ports import stable_port
from tests.support.servers.postgres_pair import PostgresServer
from tests.support.servers.redis_server import running_redis
from tests.support.servers.servers import CHEAP, REAL, Server, Servers
from tests.support.servers.steady_load import SteadyLoad, steady_load
from tests.support.tenant_setup import CREATE, Tenant, create_as_operator, make_tenant
from tests.support.tickets.smtp_server import smtp_server
from tests.support.usage.usage_stores import hours
from tests.support.world import make_world

GIVE_UP_SECONDS = 240.0
ANSWERS = 200
"""How many answers a load gets before and after each event."""
REFUSED = "ConnectionRefusedError"
JSON = {"Content-Type": "application/json"}
NO_REDIS = {"KEYDESK_REDIS_URL": "redis://127.0.0.1:1"}


def at(port: int, *options: str) -> Sequence[str]:
    """The operator's command, at a port."""
    return [*REAL[:-3], "--port", str(port), "--json", *options]


@contextmanager
def serving(address: str, folder: Path, *programs: Sequence[str], **options: dict[str, str]) -> Iterator[list[Servers]]:
    """Starters of servers, one for each command; what they have started is stopped at the end."""
    starters = []
    for number, program in enumerate(programs):
        own = folder / f"starter-{number}"
        own.mkdir()
        starters.append(Servers(address, own, program=program, settings=options.get("settings")))
    try:
        yield starters
    finally:
        for each in starters:
            each.close()


async def until(condition: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)


async def started(starter: Servers) -> Server:
    [server] = await asyncio.to_thread(starter.start)
    return server


async def counted(database: Database) -> int:
    return sum((await hours(database)).values())


def lost(load: SteadyLoad) -> tuple[list[str], set[int]]:
    """What a caller of a service without a gap must not see: faults, and other answers than 200."""
    return load.faults, set(load.statuses) - {200}


def nginx(ports: Sequence[int], folder: Path) -> Program:
    """As docs/reliability.md recommends it, in front of these."""
    servers = " ".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)

    def configure(port: int, own: Path) -> Sequence[str]:
        return nginx_of(
            f"upstream keydesk {{ {servers} keepalive 16; }}\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://keydesk; proxy_http_version 1.1; "
            'proxy_set_header Connection ""; } }',
            own,
        )

    return Program("nginx", configure, folder, route="/healthz")


async def test_servers_behind_a_proxy_are_restarted_one_after_the_other(
    database: Database, services: KeyServices, database_address: str, tmp_path: Path
) -> None:
    """Every caller of nginx gets its 200, also for a POST, which nginx would not repeat; and every 200 is counted."""
    tenant = await make_tenant(database)
    secret = (await create_as_operator(services, tenant)).secret.reveal()
    ports = [stable_port(), stable_port()]
    posted = request_bytes("POST", "/v1/verify", {"X-API-Key": secret}, b"{}")
    with serving(database_address, tmp_path, *(at(port) for port in ports)) as starters:
        servers = list(await asyncio.gather(*map(started, starters)))
        (tmp_path / "nginx").mkdir()
        with closing(nginx(ports, tmp_path / "nginx")) as proxy:
            async with (
                steady_load("127.0.0.1", proxy.port, verification(secret)) as getting,
                steady_load("127.0.0.1", proxy.port, posted) as posting,
            ):
                for place, starter in enumerate(starters):
                    await getting.until_more(ANSWERS)
                    await asyncio.to_thread(servers[place].stop)
                    await getting.until_more(ANSWERS)
                    servers[place] = await started(starter)
                await posting.until_more(ANSWERS)
        for server in servers:
            await asyncio.to_thread(server.stop)

    assert (lost(getting), lost(posting)) == (([], set()), ([], set()))
    answered = getting.answered + posting.answered
    assert answered <= await counted(database) <= answered + getting.callers + posting.callers


async def test_a_new_server_takes_over_the_port_of_the_old_one(
    database: Database, services: KeyServices, database_address: str, tmp_path: Path
) -> None:
    """Both share the port for a while, as at an upgrade on one machine."""
    tenant = await make_tenant(database)
    secret = (await create_as_operator(services, tenant)).secret.reveal()
    program = at(stable_port(), "--share-port")
    with serving(database_address, tmp_path, program, program) as (first, second):
        old = await started(first)
        async with steady_load(old.host, old.port, verification(secret)) as load:
            await load.until_more(ANSWERS)
            new = await started(second)
            await until(lambda: "Application startup complete" in new.log.read_text())
            await load.until_more(ANSWERS)
            await asyncio.to_thread(old.stop)
            await load.until_more(ANSWERS)
        await asyncio.to_thread(new.stop)

    assert lost(load) == ([], set())
    assert load.answered <= await counted(database) <= load.answered + load.callers


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stop_while_postgresql_is_frozen_under_load(
    services: KeyServices, postgres: PostgresServer, tmp_path: Path, workers: str
) -> None:
    """
    Requests in progress get their 503, new connections are refused, and none hangs or is reset. The log says how much
    usage is lost.
    """
    address = postgres.url(NAME)
    database = Database(address)
    own = KeyServices(database, services.clock, services.mutations_per_minute, issuer=services.issuer)
    tenant = await make_tenant(database)
    secret = (await create_as_operator(own, tenant)).secret.reveal()
    await database.close()
    with serving(address, tmp_path, (*REAL, "--workers", workers), settings=NO_REDIS) as [starter]:
        server = await started(starter)
        async with steady_load(server.host, server.port, verification(secret), keeping=30, connecting=10) as load:
            await load.until_more(ANSWERS)
            postgres.freeze()
            await until(lambda: load.statuses[503])
            server.process.terminate()
            ended = await asyncio.to_thread(server.process.wait, GIVE_UP_SECONDS)
            await load.until_more(ANSWERS)
        postgres.thaw()

    log = server.log.read_text()
    assert set(load.statuses) == {200, 503}
    assert [fault for fault in load.faults if not fault.startswith(REFUSED)] == []
    assert "could not be written to the database, and is lost" in log
    assert (ended, "by force" in log) == (0, False)


async def test_a_stop_ends_whatever_hangs(
    database: Database, services: KeyServices, database_address: str, tmp_path: Path
) -> None:
    """
    Redis is frozen, the mail server stays silent in the middle of a mail, hashing stands still with a queue, and a
    client sends half a body. Every request is answered, and the process ends in order.
    """
    world = await make_world(database, password_hash=CHEAP_HASHES.hasher().hash(PASSWORD))
    tenant = await make_tenant(database, key_limit=100)
    secret = (await create_as_operator(services, tenant)).secret.reveal()
    (tmp_path / "redis").mkdir()
    with running_redis(tmp_path / "redis") as redis, smtp_server() as office:
        settings = {
            "KEYDESK_REDIS_URL": redis.url,
            "KEYDESK_SUPPORT_EMAIL": SUPPORT,
            "KEYDESK_SMTP_URL": f"smtp://127.0.0.1:{office.port}",
            FOLDER: str(tmp_path),
        }
        with serving(database_address, tmp_path, CHEAP, settings=settings) as [starter]:
            server = await started(starter)
            office.is_hanging = True
            await asyncio.to_thread(hand_over, server, external_id(Prefix.ORGANIZATION, world.acme.id))
            (tmp_path / "closed").touch()
            async with AsyncExitStack() as stack:
                ask = partial(asked_at, stack, server)
                created = [await ask(creation(tenant)) for _ in range(20)]
                await until(lambda: office.is_visited.is_set() and (tmp_path / "hashed").exists())
                redis.freeze()
                half = await ask(request_bytes("POST", "/graphql", JSON, b"{" * 100)[:-1])
                verified = [await ask(verification(secret)) for _ in range(20)]
                server.process.terminate()
                statuses = [{(await each).status for each in those} for those in (created, verified, [half])]
            ended = await asyncio.to_thread(server.process.wait, GIVE_UP_SECONDS)
            office.is_hanging = False
            (tmp_path / "closed").unlink()

    assert statuses == [{503}, {200}, {408}]
    assert (ended, "by force" in server.log.read_text()) == (0, False)


async def asked_at(stack: AsyncExitStack, server: Server, request: bytes) -> "asyncio.Future[Answer]":
    """The answer to a request that is sent on a connection of its own."""
    connection = await stack.enter_async_context(connected(server))
    return asyncio.ensure_future(connection.ask(request))


def creation(tenant: Tenant) -> bytes:
    """A request for a key."""
    wanted = {"organizationId": tenant.id, "name": "deploy", "scope": "ORGANIZATION"}
    body = json.dumps({"query": CREATE, "variables": {"input": wanted}}).encode()
    return request_bytes("POST", "/graphql", {**JSON, "Cookie": f"keydesk_session={tenant.session_token}"}, body)


def hand_over(server: Server, organization: str) -> None:
    """Makes the server mail a ticket."""
    with signed_in(server) as client:
        conversation = conversation_with(client, organization)
        asked(client, HAND_OVER, organization=organization, conversation=conversation)
