"""A gateway in front of two agents, with a real Keydesk behind it, and the keys that callers present."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import select

from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.policy import OPERATOR
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.usage.refused_request import RefusedRequest
from resolvers.api_keys import delete_api_key
from resolvers.operator.keys import limit_key
from resolvers.services import Issued, KeyServices
from tests.conftest import CHEAP, SERVER_KEYS
from tests.support.gateways.gateways import TOKEN, Change, Gateway, Places, as_written
from tests.support.http.verify_client import Answer
from tests.support.servers.servers import CHEAP as CHEAP_SERVER
from tests.support.servers.servers import Server, Servers
from tests.support.servers.small_servers import Asked, Given, SmallServer, ask
from tests.support.tenant_setup import Tenant, create_as_operator, make_tenant

GIVE_UP_SECONDS = 60.0
MANY = 1000
SETTINGS = {"KEYDESK_GATEWAY_TOKEN": TOKEN, "KEYDESK_REQUIRE_AGENT": "true"}
"""The settings that the page recommends."""
Result = TypeVar("Result")


class KeydeskBehind:
    """A Keydesk process on a database, and the keys of an organization with the agents crawler and biller."""

    def __init__(self, database_address: str, server: Server) -> None:
        self._address = database_address
        self.server = server
        self.tenant: Tenant = self.run(lambda services: make_tenant(services.database, key_limit=MANY, agents=2))
        self.crawler, self.biller = self.tenant.agent_ids

    def issue(self, agent_id: UUID | None = None, *, rate_limit: int | None = None) -> Issued:
        """A new key, organization-level or for the agent, with its own rate limit if one is given."""

        async def issue(services: KeyServices) -> Issued:
            issued = await create_as_operator(services, self.tenant, agent_id)
            if rate_limit is not None:
                async with services.database.transaction() as session:
                    await limit_key(session, key_id=issued.record.id, rate_limit=rate_limit, now=services.clock())
            return issued

        return self.run(issue)

    def delete(self, issued: Issued) -> None:
        """Deletes the key."""
        self.run(lambda services: delete_api_key(services, OPERATOR, key_id=issued.record.id))

    def say(self, *headers: tuple[str, str]) -> Answer:
        """Keydesk's own answer to these headers, as a gateway sends them."""
        return ask(self.server.port, "/v1/verify", ("X-Gateway-Token", TOKEN), *headers)

    def address_of(self, request_id: str) -> str | None:
        """The client address of a refused request, once the request is written."""
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        number = UUID(request_id.removeprefix("req_"))

        async def look(services: KeyServices) -> RefusedRequest | None:
            async with services.database.reading() as session:
                found: RefusedRequest | None = await session.scalar(
                    select(RefusedRequest).where(RefusedRequest.request_id == number)
                )
                return found

        while (found := self.run(look)) is None:
            assert time.monotonic() < give_up_at, "the refused request was never written down"
            time.sleep(0.05)
        return found.ip_address

    def run(self, act: Callable[[KeyServices], Awaitable[Result]]) -> Result:
        """Runs a coroutine function on the database from this process."""

        async def run() -> Result:
            database = Database(self._address)
            pool = HashingPool(CHEAP.hasher(), threads=1, queue_limit=500, name="test")
            try:
                return await act(
                    KeyServices(
                        database,
                        lambda: datetime.now(UTC),
                        mutations_per_minute=MANY,
                        issuer=Issuer(SERVER_KEYS, "kd", pool),
                    )
                )
            finally:
                pool.close()
                await database.close()

        return asyncio.run(run())


@contextmanager
def keydesk_behind(
    database_address: str,
    folder: Path,
    *,
    settings: Mapping[str, str] = SETTINGS,
    program: Sequence[str] = CHEAP_SERVER,
) -> Iterator[KeydeskBehind]:
    """A running Keydesk, with its log in the folder."""
    servers = Servers(database_address, folder, program=program, settings=settings)
    try:
        (server,) = servers.start()
        yield KeydeskBehind(database_address, server)
    finally:
        servers.close()


@dataclass(frozen=True, slots=True)
class Front:
    """A gateway, and the agents' servers behind it, which answer with their name and the status in the path."""

    gateway: Gateway
    crawler: SmallServer
    biller: SmallServer

    @property
    def kind(self) -> str:
        """Such as nginx."""
        return self.gateway.kind

    def ask(self, path: str, *headers: tuple[str, str], **more: Any) -> Answer:
        """Sends a caller's request."""
        return ask(self.gateway.port, path, *headers, **more)

    @property
    def passed(self) -> int:
        """The number of requests that have reached an agent."""
        return len(self.crawler.asked) + len(self.biller.asked)

    def forget(self) -> None:
        """Resets that number."""
        self.crawler.asked.clear()
        self.biller.asked.clear()


def _agent(name: str) -> Callable[[Asked], Given]:
    def answer(request: Asked) -> Given:
        _, asked_for_status, status = request.path.partition("/status/")
        return Given(int(status) if asked_for_status else 200, [("X-Said-By", name)], f"{name} has it".encode())

    return answer


@contextmanager
def front(
    kind: str,
    folder: Path,
    keydesk_port: int,
    *,
    crawler_id: str = "agt_crawler",
    biller_id: str = "agt_biller",
    change: Change = as_written,
) -> Iterator[Front]:
    """A running gateway of this kind."""
    with closing(SmallServer(_agent("crawler"))) as crawler, closing(SmallServer(_agent("biller"))) as biller:
        places = Places(keydesk_port, crawler.port, biller.port, crawler_id, biller_id)
        with closing(Gateway(kind, places, folder, change)) as gateway:
            opened = Front(gateway, crawler, biller)
            # The gateway sent requests until its routes were ready.
            opened.forget()
            yield opened


@contextmanager
def front_of(keydesk: KeydeskBehind, kind: str, folder: Path) -> Iterator[Front]:
    """A gateway in front of this Keydesk and its agents."""
    crawler_id, biller_id = agent_header(keydesk.crawler), agent_header(keydesk.biller)
    with front(kind, folder, keydesk.server.port, crawler_id=crawler_id, biller_id=biller_id) as opened:
        yield opened


def agent_header(agent_id: UUID) -> str:
    """The agent's id in the form of X-Agent-Id."""
    return external_id(Prefix.AGENT, agent_id)


def presented(issued: Issued) -> tuple[str, str]:
    """The header with the key."""
    return "Authorization", f"Bearer {issued.secret.reveal()}"
