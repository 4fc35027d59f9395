"""A stream's right to go on: its session, and its person's roles when it began."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from typing import Any

import pytest
from litestar import Litestar, Request
from litestar.types import ASGIApp

from app.authentication import Identity, RequestIdentity
from app.client_address import Addresses
from app.graphql.endpoint import graphql_route
from app.graphql.streams import StreamLimits
from keys.hashing import HashingPool
from keys.refusals import PasswordChangeRequired, Unauthenticated
from models import Role
from models.engine.database import Database
from models.engine.reader import Reader
from resolvers.operator.people import NewPassword, change_member, remove_member, set_password
from resolvers.sign_in_attempts import PasswordChecker
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.graphql.tiny_streams import OVER, PATIENT, SCHEMA, Asker, Source
from tests.support.http.sse_listener import COMPLETE, Event, Listener
from tests.support.world import THEN, World, make_world

PASSWORD = "correct horse battery staple"
SAID = "subscription { said { text } }"
OFTEN = replace(PATIENT, recheck_seconds=0.01)


@dataclass
class Asking(Asker):
    """The context of one request, with the identity of its browser."""

    visit: RequestIdentity | None = None


@dataclass
class House:
    """An application whose streams depend on real sessions. Everybody has the same password."""

    world: World
    database: Database
    identity: Identity
    clock: Clock
    source: Source = field(default_factory=Source)

    async def visit(self, cookie: str = "") -> RequestIdentity:
        """A request with this cookie."""
        return await self.identity.visit({"headers": [(b"cookie", cookie.encode())], "client": ("203.0.113.7", 4711)})

    async def sign_in(self, name: str) -> str:
        """Signs in, and returns the session cookie."""
        visit = await self.visit()
        await visit.sign_in(f"{name}@example.com", PASSWORD)
        cookies = SimpleCookie(visit.answer_headers()[0][1].decode())
        return f"keydesk_session={cookies['keydesk_session'].value}"

    def listen(self, cookie: str, limits: StreamLimits) -> Listener:
        """Opens a stream with this cookie."""
        route = graphql_route(
            SCHEMA,
            context=self._context,
            introspection_refusal=lambda _: None,
            stream_right=lambda asking: asking.visit.right(),  # type: ignore[union-attr]
            stream_limits=limits,
        )
        app: ASGIApp = Litestar([route], openapi_config=None, logging_config=None)
        return Listener(app, SAID, headers=[(b"cookie", cookie.encode())])

    async def _context(self, request: Request[Any, Any, Any]) -> Asking:
        return Asking(self.source, {}, visit=await self.identity.visit(request.scope))


@pytest.fixture
async def house(database: Database, clock: Clock) -> AsyncIterator[House]:
    """An application on a fresh database."""
    hasher = CountingHasher()
    world = await make_world(database, password_hash=hasher.hash(PASSWORD))
    pool, reader = HashingPool(hasher, threads=2, queue_limit=100, name="test"), Reader(database)
    checker = await PasswordChecker.open(database, reader, pool, SERVER_KEYS)
    identity = Identity(checker, addresses=Addresses([]), public_url="http://127.0.0.1:8000", clock=clock)
    yield House(world, database, identity, clock)
    await identity.close()
    pool.close()
    await reader.close()


def assert_refused(heard: list[Event], source: Source) -> None:
    """Checks that the client got the refusal, and that the source is closed."""
    [refused, complete] = heard
    assert (refused.codes, complete) == (["UNAUTHENTICATED"], COMPLETE)
    assert "data" not in refused.data
    assert source.closed.is_set()


async def sign_out(house: House, cookie: str) -> None:
    await (await house.visit(cookie)).sign_out()


async def sign_in_again(house: House, cookie: str) -> None:
    await (await house.visit(cookie)).sign_in("grace@example.com", PASSWORD)


async def sign_in_as_another(house: House, cookie: str) -> None:
    await (await house.visit(cookie)).sign_in("ada@example.com", PASSWORD)


async def change_password_elsewhere(house: House, cookie: str) -> None:
    elsewhere = await house.visit(await house.sign_in("grace"))
    assert elsewhere.signed_in is not None
    await elsewhere.change_password(elsewhere.signed_in, PASSWORD, "a password of her own")


@pytest.mark.parametrize("end", [sign_out, sign_in_again, sign_in_as_another, change_password_elsewhere])
async def test_a_session_that_ends_in_this_process_ends_its_streams_at_once(
    house: House, end: Callable[[House, str], Awaitable[None]]
) -> None:
    """Every way to end the session ends the stream without waiting for the next check."""
    cookie = await house.sign_in("grace")
    listener = house.listen(cookie, PATIENT)
    await listener.until(lambda heard: bool(heard.pieces))

    await end(house, cookie)

    assert_refused(await listener.end(), house.source)


async def test_what_others_do_ends_no_stream(house: House) -> None:
    """Other people, other sessions of the person, and their own change of password do not end the stream."""
    cookie, elsewhere = await house.sign_in("grace"), await house.sign_in("grace")
    listener = house.listen(cookie, OFTEN)
    await listener.until(lambda heard: bool(heard.pieces))

    await sign_out(house, await house.sign_in("ada"))
    await sign_out(house, elsewhere)
    visit = await house.visit(cookie)
    assert visit.signed_in is not None
    await visit.change_password(visit.signed_in, PASSWORD, "a password of her own")
    house.source.say("still here", OVER)

    assert await listener.end() == [Event("next", {"data": {"said": {"text": "still here"}}}), COMPLETE]


async def removed(house: House, elsewhere: Database) -> None:
    async with elsewhere.transaction() as session:
        await remove_member(session, email="grace@example.com", organization_id=house.world.acme.id, now=THEN)


async def promoted(house: House, elsewhere: Database) -> None:
    acme_id = house.world.acme.id
    async with elsewhere.transaction() as session:
        await change_member(
            session, email="grace@example.com", organization_id=acme_id, role=Role.ORGANIZATION_ADMIN, now=THEN
        )


async def given_other_agents(house: House, elsewhere: Database) -> None:
    world = house.world
    async with elsewhere.transaction() as session:
        await change_member(
            session, email="grace@example.com", organization_id=world.acme.id, agent_ids=[world.other.id], now=THEN
        )


async def given_a_password(house: House, elsewhere: Database) -> None:
    await set_password(
        elsewhere, email="grace@example.com", new_password=lambda _owner: NewPassword("hash", None), now=THEN
    )


async def unused_for_long(house: House, elsewhere: Database) -> None:
    house.clock.advance(hours=13)


@pytest.mark.parametrize("end", [removed, promoted, given_other_agents, given_a_password, unused_for_long])
async def test_what_another_process_changes_ends_streams_at_the_next_look(
    house: House, database_address: str, end: Callable[[House, Database], Awaitable[None]]
) -> None:
    """A removal, another role, other agents, a new password, and an expired session end the stream."""
    elsewhere = Database(database_address)
    listener = house.listen(await house.sign_in("grace"), OFTEN)
    await listener.until(lambda heard: bool(heard.pieces))

    await end(house, elsewhere)
    heard = await listener.end()
    await elsewhere.close()

    assert_refused(heard, house.source)


async def test_what_another_process_changed_is_seen_before_the_next_event(house: House, database_address: str) -> None:
    """The right is checked before each event, so no event is sent after the change."""
    elsewhere = Database(database_address)
    listener = house.listen(await house.sign_in("grace"), PATIENT)
    await listener.until(lambda heard: bool(heard.pieces))

    await removed(house, elsewhere)
    house.source.say("for members' eyes")
    heard = await listener.end()
    await elsewhere.close()

    assert_refused(heard, house.source)


async def test_the_signed_out_and_those_with_a_one_time_password_have_no_streams(house: House) -> None:
    """Both get their refusal, and no stream begins."""
    anonymous = await house.visit()
    visit = await house.visit(await house.sign_in("ada"))
    assert visit.signed_in is not None
    visit.signed_in = replace(visit.signed_in, password_change_required=True)

    with pytest.raises(Unauthenticated):
        anonymous.right()
    with pytest.raises(PasswordChangeRequired):
        visit.right()
