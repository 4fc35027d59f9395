"""The whole application on a database of its own, with its lifespan, and people who send requests as browsers do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import httpx
from sqlalchemy import update

from app import utc_now
from app.application import Keydesk, create_app
from app.settings import read_settings
from keys.hashing import Argon2Parameters
from models import Organization
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from tests.support.graphql.documents import CREATE, DELETE, END_OVERLAP, LIST, RENAME, ROTATE, SEE, SIGN_IN
from tests.support.world import World, make_world

PUBLIC_URL = "http://keydesk.test"
SERVER_KEY = "a server key of at least 32 bytes"
GRAPHQL = "application/graphql-response+json"
PASSWORD = "correct horse battery staple"
CHEAP = Argon2Parameters(time_cost=1, memory_kib=8, parallelism=1)
NEVER_WAS = UUID("01a00000-0000-7000-8000-000000000000")
PEOPLE = ("ada", "grace", "mel", "eve")
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to a GraphQL document."""

    response: httpx.Response

    @property
    def body(self) -> dict[str, Any]:
        """The GraphQL response."""
        body: dict[str, Any] = self.response.json()
        return body

    @property
    def codes(self) -> list[str]:
        """The codes of the errors, in their order."""
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]

    @property
    def data(self) -> dict[str, Any]:
        """The data of an answer that must have no errors."""
        assert self.codes == [], self.body
        data: dict[str, Any] = self.body["data"]
        return data

    @property
    def value(self) -> Any:
        """The value of the only field of an answer that must have no errors."""
        [value] = self.data.values()
        return value

    @property
    def outcome(self) -> str:
        """The outcome of the only field, in a word: an error's code, a type (InvalidInput with its field) or null."""
        if self.codes:
            assert self.response.status_code == 200, self.body
            assert list(self.body["data"].values()) == [None], self.body
            [code] = self.codes
            return code
        if self.value is None:
            return "null"
        name: str = self.value["__typename"]
        return f"{name}({self.value['field']})" if name == "InvalidInput" else name


@dataclass(frozen=True, slots=True)
class Client:
    """A browser with its own cookies, signed in or not."""

    http: httpx.AsyncClient

    async def graphql(self, document: str, /, **variables: Any) -> Answer:
        """Sends this document."""
        body = {"query": document, "variables": variables}
        return Answer(await self.http.post("/graphql", json=body, headers={"accept": GRAPHQL}))

    async def sign_in(self, email: str, password: str = PASSWORD) -> Answer:
        """Signs in, as the console does."""
        return await self.graphql(SIGN_IN, email=email, password=password)

    async def create(self, organization_id: str, name: str = "deploy", agent_id: str | None = None) -> Answer:
        """Requests an agent-level key for the agent, or an organization-level one."""
        scope = "ORGANIZATION" if agent_id is None else "AGENT"
        wanted = {"organizationId": organization_id, "name": name, "scope": scope, "agentId": agent_id}
        return await self.graphql(CREATE, input=wanted)

    async def rename(self, key_id: str, name: str = "renamed") -> Answer:
        """Requests another name for the key."""
        return await self.graphql(RENAME, input={"id": key_id, "name": name})

    async def rotate(self, key_id: str, overlap_seconds: int = 0) -> Answer:
        """Requests a new secret for the key."""
        return await self.graphql(ROTATE, input={"id": key_id, "overlapSeconds": overlap_seconds})

    async def end_overlap(self, key_id: str) -> Answer:
        """Requests that the previous secret ends now."""
        return await self.graphql(END_OVERLAP, input={"id": key_id})

    async def delete(self, key_id: str) -> Answer:
        """Requests the deletion of the key."""
        return await self.graphql(DELETE, input={"id": key_id})

    async def see(self, key_id: str) -> Answer:
        """Reads the key."""
        return await self.graphql(SEE, id=key_id)

    async def list_names(self, organization_id: str, **arguments: Any) -> list[str]:
        """The names of the organization's keys, in the order of the answer."""
        listed = await self.graphql(LIST, id=organization_id, **arguments)
        return [key["name"] for key in listed.value["apiKeys"]]


@dataclass(slots=True)
class Site:
    """The running application, the world in its database, and the browsers that the test has opened."""

    app: Keydesk
    world: World
    database: Database
    """Tests change rows through it without the application."""
    _stack: AsyncExitStack
    _people: dict[str, Client] = field(default_factory=dict)
    listeners: list[Callable[[httpx.Response], Awaitable[None]]] = field(default_factory=list)
    """Called with every answer to the browsers that are opened from now on."""

    async def browser(self, **headers: str) -> Client:
        """A new browser; `headers` go with every request."""
        transport = httpx.ASGITransport(cast(Any, self.app))
        hooks = {"response": self.listeners}
        http = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers=headers, event_hooks=hooks)
        return Client(await self._stack.enter_async_context(http))

    async def person(self, name: str) -> Client:
        """A browser in which ada, grace, mel or eve is signed in, or one in which nobody is."""
        if name not in self._people:
            client = self._people[name] = await self.browser()
            if name != NOBODY:
                assert (await client.sign_in(f"{name}@example.com")).outcome == "Viewer"
        return self._people[name]

    def organization(self, name: str) -> str:
        """The external id of acme or globex, or of an organization that does not exist."""
        row = getattr(self.world, name, None)
        return external_id(Prefix.ORGANIZATION, NEVER_WAS if row is None else row.id)

    def agent(self, name: str) -> str:
        """The external id of an agent of the world, or of an agent that does not exist."""
        row = getattr(self.world, name, None)
        return external_id(Prefix.AGENT, NEVER_WAS if row is None else row.id)

    async def set_key_limit(self, key_limit: int) -> None:
        """Sets another limit for every organization, as the operator can."""
        async with self.database.transaction() as session:
            await session.execute(update(Organization).values(key_limit=key_limit))

    async def verify(self, secret: str, **headers: str) -> httpx.Response:
        """Verifies the key as a gateway does."""
        presented = {"authorization": f"Bearer {secret}", **headers}
        return await (await self.person(NOBODY)).http.get("/v1/verify", headers=presented)

    async def code_at_gateway(self, secret: str) -> str:
        """The outcome of a verification, in a word: `good`, or the code of the refusal."""
        answer = await self.verify(secret)
        return "good" if answer.status_code == 200 else str(answer.json()["code"])

    async def fill(self, *names: str) -> dict[str, Any]:
        """Creates organization-level keys with these names in Acme, as Ada; returns what was issued, by name."""
        ada = await self.person("ada")
        return {name: (await ada.create(self.organization("acme"), name)).value for name in names}


def application(
    database_address: str, clock: Callable[[], datetime] = utc_now, environment: Mapping[str, str] | None = None
) -> Keydesk:
    """The application with these settings over the usual ones, and with a cheap hasher."""
    settings = read_settings(
        {
            "KEYDESK_DATABASE_URL": database_address,
            "KEYDESK_SECRET_KEY": SERVER_KEY,
            "KEYDESK_PUBLIC_URL": PUBLIC_URL,
            **(environment or {}),
        }
    )
    return create_app(settings, clock=clock, key_hasher=CHEAP.hasher(), password_hasher=CHEAP.hasher())


@asynccontextmanager
async def open_site(
    database_address: str, clock: Callable[[], datetime], environment: Mapping[str, str] | None = None
) -> AsyncIterator[Site]:
    """Fills that empty database with the world, everybody with PASSWORD, and runs the application on it."""
    database = Database(database_address)
    world = await make_world(database, password_hash=CHEAP.hasher().hash(PASSWORD))
    app = application(database_address, clock, environment)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await stack.enter_async_context(running(app))
        yield Site(app, world, database, stack)


@asynccontextmanager
async def running(app: Keydesk) -> AsyncIterator[None]:
    """Runs the application's lifespan around the block, as a server does; httpx's transport does not."""
    to_app: asyncio.Queue[Any] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()

    async def step(name: str) -> None:
        await to_app.put({"type": f"lifespan.{name}"})
        assert await from_app.get() == {"type": f"lifespan.{name}.complete"}

    scope: Any = {"type": "lifespan", "state": {}}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    await step("startup")
    try:
        yield
    finally:
        await step("shutdown")
        await task
