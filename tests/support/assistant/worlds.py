"""
Worlds for the assistant, read from data: keys that were created, rotated and deleted, and the outcomes of calls.

The operations themselves make the keys, in chronological order; usage since then is inserted as rows.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import update
from sqlmodel import SQLModel, col

from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.policy import OPERATOR, Actor, Scope
from keys.token import ServerKeys, hint_of
from models import Organization, Person
from models.engine.ids import Prefix, external_id
from models.usage.refused_request import RefusedReason
from resolvers.api_keys import delete_api_key, rename_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.agents import delete_agent
from resolvers.operator.keys import limit_key
from resolvers.services import Issued, KeyServices
from tests.conftest import Clock
from tests.support.assistant.people_of_worlds import AskedForKey, Invited, Reset, store_people
from tests.support.client import CHEAP, SERVER_KEY, Site
from tests.support.usage.rows import caller, hour_of, month_of, refused, store
from tests.support.world import THEN

FOLDER = Path(__file__).parents[2] / "data" / "assistant"
_PLACE = re.compile(r"«(?:(secret|old secret|hint|id) of|request) ([^»]+)»")


class Ago(msgspec.Struct, forbid_unknown_fields=True):
    """How long ago something happened, and who did it."""

    days: float = 0
    hours: float = 0
    minutes: float = 0
    by: str = "ada"

    def before(self, now: datetime) -> datetime:
        """The instant this long before `now`."""
        return now - timedelta(days=self.days, hours=self.hours, minutes=self.minutes)


class Refusals(msgspec.Struct, forbid_unknown_fields=True):
    """Refused requests of a key in one hour; questions refer to the last one by `request`."""

    reason: RefusedReason
    count: int
    minutes: float
    from_address: str = "198.51.100.20"
    user_agent: str = "ci-runner/2.1"
    agent: str | None = None
    request: str | None = None


class Calls(msgspec.Struct, forbid_unknown_fields=True):
    """Requests from one caller that passed, and when the last one did."""

    count: int
    minutes: float
    from_address: str = "203.0.113.40"
    user_agent: str = "python-httpx/0.28.1"


class Key(msgspec.Struct, forbid_unknown_fields=True):
    """A key's history. `agent` is one of the world's agents."""

    name: str
    agent: str | None = None
    organization: str = "acme"
    created: Ago = msgspec.field(default_factory=lambda: Ago(days=200))
    renamed: Ago | None = None
    before: str | None = None
    """Its name before it was renamed."""
    rotated: Ago | None = None
    deleted: Ago | None = None
    quota: int | None = None
    refusals: list[Refusals] = []
    calls: list[Calls] = []

    @property
    def user_agents(self) -> set[str]:
        """The user agents of the key's calls."""
        return {each.user_agent for each in self.calls} | {each.user_agent for each in self.refusals}


class NoKey(msgspec.Struct, forbid_unknown_fields=True):
    """A refused request without a genuine key."""

    request: str
    reason: RefusedReason
    detail: str | None = None


class Ask(msgspec.Struct, forbid_unknown_fields=True):
    """
    Messages of these people, each sent separately, and the expected answer.

    `after` is sent before each, in the same conversation. `evidence` has parts of the values behind these labels;
    `says` and `never` are searched in the whole answer; `actions` are all the buttons.
    """

    people: list[str]
    messages: list[str]
    case: str
    organization: str = "acme"
    after: list[str] = []
    looking_at: str | None = None
    request: str | None = None
    evidence: dict[str, str] = {}
    says: list[str] = []
    never: list[str] = []
    actions: list[str] | None = None
    cites: list[str] = []
    key: str | None = None


class Story(msgspec.Struct, forbid_unknown_fields=True):
    """A world as described in its file, and the questions about it."""

    about: str
    key_limit: int = 10
    mails: bool = False
    """Whether mails to people can be sent."""
    agents_deleted: dict[str, Ago] = {}
    keys: list[Key] = []
    requests: list[NoKey] = []
    invitations: list[Invited] = []
    resets: list[Reset] = []
    key_requests: list[AskedForKey] = []
    asks: list[Ask] = []


@dataclass(slots=True)
class Made:
    """A story whose rows exist, with the issued keys by name."""

    site: Site
    clock: Clock
    story: Story
    first: dict[str, Issued] = field(default_factory=dict)
    last: dict[str, Issued] = field(default_factory=dict)
    requests: dict[str, UUID] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """The text with secrets, hints and ids filled in."""
        return _PLACE.sub(lambda match: self._value(match[1], match[2]), text)

    def _value(self, what: str | None, name: str) -> str:
        match what:
            case None:
                return external_id(Prefix.REQUEST, self.requests[name])
            case "id":
                return external_id(Prefix.API_KEY, self.last[name].record.id)
            case "hint":
                return hint_of(self.last[name].record)
            case "old secret":
                return self.first[name].secret.reveal()
            case _:
                return self.last[name].secret.reveal()


def read_story(name: str) -> Story:
    """Reads the story in the file of this name; unknown fields are errors."""
    return msgspec.toml.decode((FOLDER / f"{name}.toml").read_text(), type=Story)


async def come_true(site: Site, clock: Clock, story: Story) -> Made:
    """Creates the story's rows in a fresh world, and leaves the clock where it was."""
    made, now = Made(site, clock, story), clock.now
    async with site.database.transaction() as session:
        session.add(Person(email="noa@example.com", name="Noa", password_hash=await _password(site), created_at=THEN))
    pool = HashingPool(CHEAP.hasher(), threads=1, queue_limit=10, name="worlds")
    services = KeyServices(
        site.database, clock, mutations_per_minute=300, issuer=Issuer(ServerKeys((SERVER_KEY.encode(),)), "kd", pool)
    )
    happened = [each for key in story.keys for each in _life(made, services, key, now)]
    happened += [_end_of_agent(made, name, ago, now) for name, ago in story.agents_deleted.items()]
    for at, happen in sorted(happened, key=lambda each: each[0]):
        clock.now = at
        await happen()
    clock.now = now
    pool.close()
    for key in story.keys:
        await store(site.database, *_rows(made, key, now))
    await store_people(
        site.database,
        site.world,
        now,
        invitations=story.invitations,
        resets=story.resets,
        key_requests=story.key_requests,
    )
    for each in story.requests:
        row = refused(None, each.reason, at=now - timedelta(minutes=7), detail=each.detail)
        made.requests[each.request] = row.request_id
        await store(site.database, row)
    async with site.database.transaction() as session:
        await session.execute(
            update(Organization).where(col(Organization.id) == site.world.acme.id).values(key_limit=story.key_limit)
        )
    return made


Happening = tuple[datetime, Callable[[], Awaitable[object]]]


def _life(made: Made, services: KeyServices, key: Key, now: datetime) -> list[Happening]:
    world = made.site.world

    def actor(name: str) -> Actor:
        return OPERATOR if name == "operator" else world.actor(name)

    async def create() -> None:
        made.first[key.name] = made.last[key.name] = await create_api_key(
            services,
            actor(key.created.by),
            organization_id=getattr(world, key.organization).id,
            name=key.before or key.name,
            scope=Scope.ORGANIZATION if key.agent is None else Scope.AGENT,
            agent_id=None if key.agent is None else getattr(world, key.agent).id,
        )
        if key.quota is not None:
            async with made.site.database.transaction() as session:
                await limit_key(session, key_id=key_id(), monthly_quota=key.quota, now=services.clock())

    def key_id() -> UUID:
        return made.last[key.name].record.id

    async def rotate() -> None:
        assert key.rotated is not None
        made.last[key.name] = await rotate_api_key(services, actor(key.rotated.by), key_id=key_id())

    async def rename() -> None:
        assert key.renamed is not None
        await rename_api_key(services, actor(key.renamed.by), key_id=key_id(), name=key.name)

    async def delete() -> None:
        assert key.deleted is not None
        await delete_api_key(services, actor(key.deleted.by), key_id=key_id())

    steps = ((key.created, create), (key.rotated, rotate), (key.renamed, rename), (key.deleted, delete))
    return [(ago.before(now), happen) for ago, happen in steps if ago is not None]


def _end_of_agent(made: Made, name: str, ago: Ago, now: datetime) -> Happening:
    async def end() -> None:
        async with made.site.database.transaction() as session:
            await delete_agent(session, agent_id=getattr(made.site.world, name).id, now=ago.before(now))

    return ago.before(now), end


def _rows(made: Made, key: Key, now: datetime) -> list[SQLModel]:
    """The rows that the usage recorder would have written: hours, callers, the month and refused requests."""
    key_id = made.last[key.name].record.id
    hours: dict[datetime, dict[str, int]] = {}
    rows: list[SQLModel] = []
    last = [now - timedelta(minutes=each.minutes) for each in key.calls]
    for each, at in zip(key.calls, last, strict=True):
        counts = hours.setdefault(at.replace(minute=0), {})
        counts["allowed"] = counts.get("allowed", 0) + each.count
        seen = {"first_seen_at": at - timedelta(days=9), "last_seen_at": at, "requests": each.count}
        rows.append(caller(key_id, each.from_address, each.user_agent, **seen))
    if last:
        rows.append(month_of(key_id, max(last), allowed=sum(each.count for each in key.calls)))
    for refusals in key.refusals:
        at = now - timedelta(minutes=refusals.minutes)
        hours.setdefault(at.replace(minute=0), {})[refusals.reason] = refusals.count
        agent = None if refusals.agent is None else getattr(made.site.world, refusals.agent).id
        where = {"ip_address": refusals.from_address, "user_agent": refusals.user_agent, "agent_id": agent}
        row = refused(key_id, refusals.reason, at=at, **where)
        if refusals.request is not None:
            made.requests[refusals.request] = row.request_id
        rows.append(row)
    return [*(hour_of(key_id, hour, **counts) for hour, counts in hours.items()), *rows]


async def _password(site: Site) -> str | None:
    """The password of every person."""
    return site.world.ada.password_hash
