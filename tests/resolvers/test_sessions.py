"""Sessions end when somebody signs out, by themselves, and with a change of what they are for."""

from collections.abc import Callable

from keys.policy import RoleGrant
from models import Membership, Role, SignInFailure, SignInSession
from models.engine.database import Database
from resolvers.viewer import drop_expired, note_seen, sign_out
from tests.conftest import Clock
from tests.support.sign_in_browsers import (
    Browser,
    browser,
    checker,
    count,
    hasher,
    people,
)
from tests.support.world import World

__all__ = ["browser", "checker", "hasher", "people"]


async def test_signing_out_ends_the_session(browser: Callable[..., Browser], database: Database) -> None:
    """Signing out ends one session. With an unknown token it ends none."""
    here, there = browser(), browser()
    await here.sign_in()
    await there.sign_in()

    await sign_out(database, "5" * 64)
    await sign_out(database, "no value of ours")
    await sign_out(database, here.token or "")

    assert await here.who() is None
    assert await there.who() is not None


async def test_a_session_ends_by_itself(browser: Callable[..., Browser], clock: Clock, database: Database) -> None:
    """A session ends twelve hours after its last use, and after seven days in any case."""
    used, unused = browser(), browser()
    begun = (await used.sign_in()).signed_in
    await unused.sign_in()

    for _ in range(15):
        clock.advance(hours=11)
        await note_seen(database, begun.session_id, now=clock())
        assert await used.who() is not None
    assert await unused.who() is None
    clock.advance(hours=3)

    assert await used.who() is None


async def test_a_sessions_use_is_written_once_a_minute(
    browser: Callable[..., Browser], clock: Clock, database: Database
) -> None:
    """A session's last use is written at most once a minute."""
    ada = browser()
    begun = (await ada.sign_in()).signed_in
    seen = []

    for _ in range(4):
        clock.advance(seconds=30)
        await note_seen(database, begun.session_id, now=clock())
        who = await ada.who()
        assert who is not None
        seen.append((who.last_seen_at - begun.last_seen_at).total_seconds())

    assert seen == [0, 60, 60, 120]


async def test_a_change_of_role_and_a_removal_take_effect_on_the_next_request(
    browser: Callable[..., Browser], people: World, database: Database
) -> None:
    """Roles are read at each request; the session identifies only the person."""
    grace = browser()
    await grace.sign_in("grace@example.com")
    async with database.transaction() as session:
        membership = await session.get(Membership, (people.globex.id, people.grace.id))
        assert membership is not None
        membership.role = Role.ORGANIZATION_ADMIN
        gone = await session.get(Membership, (people.acme.id, people.grace.id))
        await session.delete(gone)

    who = await grace.who()

    assert who is not None
    assert who.actor.roles == {people.globex.id: RoleGrant(Role.ORGANIZATION_ADMIN)}


async def test_a_deleted_organization_is_no_more_the_persons(
    browser: Callable[..., Browser], people: World, database: Database
) -> None:
    """A person whose only organization was deleted stays signed in, without memberships."""
    ada = browser()
    await ada.sign_in()
    async with database.transaction() as session:
        people.acme.deleted_at = ada.clock()
        session.add(people.acme)

    who = await ada.who()

    assert who is not None
    assert (who.actor.roles, list(who.memberships)) == ({}, [])


async def test_what_is_over_is_dropped(browser: Callable[..., Browser], clock: Clock, database: Database) -> None:
    """Idle and old sessions, and failures that no longer count, are deleted. Others stay."""
    idle, old = browser(), browser()
    await idle.sign_in()
    session_id = (await old.sign_in()).signed_in.session_id
    await browser().fails()
    clock.advance(hours=12)
    await note_seen(database, session_id, now=clock())
    fresh = browser()
    await fresh.sign_in()
    await browser().fails()

    assert await drop_expired(database, now=clock()) == 2
    assert await count(database, SignInFailure) == 1
    clock.advance(days=7)
    await note_seen(database, session_id, now=clock())

    assert await drop_expired(database, now=clock()) == 3
    assert await count(database, SignInSession) == 0
