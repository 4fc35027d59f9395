"""
A running site beside its model: requests of people, gateways and the operator.

State machines are synchronous, the site is not: its event loop runs only while a step waits for a result.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
from hypothesis.stateful import Bundle, RuleBasedStateMachine
from sqlalchemy import Executable, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.token import ServerKeys
from models import ApiKey
from models.engine.ids import Prefix, parse_external_id
from resolvers.services import KeyServices
from tests.support.client import CHEAP, NOBODY, PEOPLE, SERVER_KEY, Answer, Client, open_site
from tests.support.state_machine import model
from tests.support.state_machine.model import Key, Model

Option = TypeVar("Option")
Result = TypeVar("Result")
keys = Bundle("keys")
"""Every key that was created, including deleted ones."""


class TickingClock:
    """Starts at a full hour and advances by 1 ms with each reading: no hour ends while refusals are counted by hour."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


class SiteWithModel(RuleBasedStateMachine):
    """The common base of the rules for people, gateways and the operator."""

    def __init__(self, runner: asyncio.Runner, database_address: str) -> None:
        super().__init__()
        self.clock = TickingClock()
        self.runner, self.stack = runner, AsyncExitStack()
        self.site = self.wait(self.stack.enter_async_context(open_site(database_address, self.clock)))
        self.pool = HashingPool(CHEAP.hasher(), threads=1, queue_limit=10, name="operator")
        issuer = Issuer(ServerKeys((SERVER_KEY.encode(),)), model.PREFIX.removesuffix("_"), self.pool)
        self.services = KeyServices(self.site.database, self.clock, mutations_per_minute=300, issuer=issuer)
        self.model = self.modelled_world()
        self.turns = 0

    def teardown(self) -> None:
        self.pool.close()
        self.wait(self.stack.aclose())

    def modelled_world(self) -> Model:
        acme, globex = (model.Organization(self.site.organization(name)) for name in ("acme", "globex"))
        named = {
            name: model.Agent(self.site.agent(name), globex if name == "theirs" else acme, name == "retired")
            for name in ("own", "other", "retired", "theirs")
        }
        administered = {named["own"], named["retired"]}
        return Model(
            {"acme": acme, "globex": globex},
            named,
            {
                "ada": {acme: model.RoleGrant(model.ADMIN)},
                "grace": {
                    acme: model.RoleGrant(model.AGENT_ADMIN, administered),
                    globex: model.RoleGrant(model.MEMBER),
                },
                "mel": {acme: model.RoleGrant(model.MEMBER)},
                "eve": {globex: model.RoleGrant(model.ADMIN)},
            },
        )

    # Requests.

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(coroutine)

    def ask(self, person: str, request: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
        [answer] = self.ask_at_once(person, request, times=1)
        return answer

    def ask_at_once(
        self, person: str, request: Callable[[Client], Coroutine[Any, Any, Answer]], *, times: int
    ) -> list[Answer]:
        async def asking() -> list[Answer]:
            client = await self.site.person(person)
            return await asyncio.gather(*(request(client) for _ in range(times)))

        return self.wait(asking())

    def present(self, *requests: dict[str, str]) -> list[httpx.Response]:
        """The verdicts that a gateway gets when it sends requests with these headers, all at the same time."""

        async def asking() -> list[httpx.Response]:
            gateway = (await self.site.person(NOBODY)).http
            return await asyncio.gather(*(gateway.get("/v1/verify", headers=headers) for headers in requests))

        return self.wait(asking())

    def operate(self, operation: Callable[[AsyncSession], Coroutine[Any, Any, Result]]) -> Result:
        """Runs one of the operator's transactions, on a connection of its own."""

        async def transaction() -> Result:
            async with self.site.database.transaction() as session:
                return await operation(session)

        return self.wait(transaction())

    def rows(self, statement: Executable) -> Sequence[Any]:
        """All rows of a table."""

        async def reading() -> Sequence[Any]:
            async with self.site.database.reading() as session:
                return (await session.execute(statement)).all()

        return self.wait(reading())

    def end_overlap(self, key: Key) -> None:
        """Ends the key's overlap, as if its time had passed."""
        yesterday = self.clock() - timedelta(days=1)
        statement = update(ApiKey).where(col(ApiKey.id) == inside(key.id)).values(previous_works_until=yesterday)
        self.operate(lambda session: session.execute(statement))
        key.previous = None

    # State of the model.

    def agent_id(self, name: str | None) -> str | None:
        """The external id of an agent by its name, of an agent that does not exist, or a text that is not an id."""
        if name in (None, "no id"):
            return name
        agent = self.model.agents.get(name)
        return self.site.agent("never") if agent is None else agent.id

    def who_may_change(self) -> list[tuple[str, Key]]:
        """Every person with every active key that they manage."""
        return [(person, key) for key in self.model.keys for person in PEOPLE if self.model.manages(person, key)]

    def who_may_create(self) -> list[tuple[str, str, str | None]]:
        """Every person with every organization and agent, or none, that they may scope a key to."""
        names = {agent: name for name, agent in self.model.agents.items()}
        of_organizations = [(person, organization, None) for person, organization in self.admins()]
        return of_organizations + [
            (person, organization, names[agent])
            for person, organization in self.members()
            for agent in sorted(
                self.model.usable_agents(person, self.model.organizations[organization]), key=names.__getitem__
            )
        ]

    def living_organizations(self) -> list[model.Organization]:
        return [row for row in self.model.organizations.values() if not row.is_deleted]

    def living_agents(self) -> list[model.Agent]:
        return [each for each in self.model.agents.values() if not each.is_deleted and not each.organization.is_deleted]

    def living_keys(self) -> list[Key]:
        return [key for key in self.model.keys if not key.is_deleted]

    def members(self) -> list[tuple[str, str]]:
        """Every person in an active organization, with the organization's name."""
        named = self.model.organizations.items()
        return [(person, name) for person in PEOPLE for name, row in named if self.model.standing(person, row)]

    def admins(self) -> list[tuple[str, str]]:
        """The organization admins among the members."""
        return [
            (person, name)
            for person, name in self.members()
            if self.model.people[person][self.model.organizations[name]].role == model.ADMIN
        ]


def chosen(options: Sequence[Option], pick: int) -> Option:
    return options[pick % len(options)]


def email(person: str) -> str:
    return f"{person}@example.com"


def inside(external: str) -> UUID:
    """The UUID in an external id of any type."""
    found = parse_external_id(Prefix(external[:3]), external)
    assert found is not None
    return found


def as_headers(secret: str, agent_id: str | None) -> dict[str, str]:
    """The headers of a gateway's request with this key, for this agent."""
    if agent_id is None:
        return {"authorization": f"bearer {secret}"}
    return {"x-api-key": secret, "x-agent-id": agent_id}


def altered(secret: str, position: int) -> str:
    """The key with another character at that position; positions cycle over the three parts after the prefix."""
    places = [place for place, character in enumerate(secret) if character != "_" and place >= len(model.PREFIX)]
    place = chosen(places, position)
    return f"{secret[:place]}{'A' if secret[place] != 'A' else 'B'}{secret[place + 1 :]}"
