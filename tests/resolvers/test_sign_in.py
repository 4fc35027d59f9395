"""Signing in: who may, what is stored, and what a refusal says."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, select, text
from sqlmodel import col

from keys.hashing import HashingPool
from keys.refusals import SignInRefused
from models import Person, SignInFailure, SignInSession
from models.engine.database import Database
from models.engine.reader import Reader
from models.person import person_for_update
from models.session import end_sessions
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.viewer import signed_in
from tests.conftest import CHEAP, SERVER_KEYS, Clock, CountingHasher
from tests.support.sign_in_browsers import (
    ANOTHER,
    HOME,
    PASSWORD,
    Browser,
    browser,
    checker,
    count,
    hasher,
    people,
    set_person,
)
from tests.support.world import World

__all__ = ["browser", "checker", "hasher", "people"]


async def test_who_signs_in_is_signed_in(browser: Callable[..., Browser], people: World) -> None:
    """The session cookie is enough to read the person, their roles and their agents in each organization."""
    grace = browser()

    begun = await grace.sign_in(" Grace@EXAMPLE.com ")

    assert await grace.who() == begun.signed_in
    assert begun.signed_in.person.email == "grace@example.com"
    assert begun.signed_in.actor.address == HOME
    assert begun.signed_in.actor.roles == people.actor("grace").roles
    assert [each.organization.name for each in begun.signed_in.memberships] == ["Acme", "Globex"]
    assert not begun.signed_in.password_change_required


async def test_the_cookies_value_is_nowhere(browser: Callable[..., Browser], database: Database) -> None:
    """The database has only the session token's digest, and no repr shows a cookie."""
    begun = await browser().sign_in()

    async with database.reading() as session:
        stored = (await session.execute(text("SELECT token_digest FROM sign_in_sessions"))).scalar_one()
    assert begun.token.reveal() not in stored
    assert begun.token.reveal() not in repr(begun)
    assert begun.device_cookie.reveal() not in repr(begun)


async def test_every_sign_in_makes_a_new_session_and_ends_the_one_presented(
    browser: Callable[..., Browser], database: Database
) -> None:
    """Another browser's session stays. A token that was not issued here is replaced, never adopted."""
    first, other = browser(), browser()
    await first.sign_in()
    await other.sign_in()
    before, first_token = first.token, first.token

    await first.sign_in("grace@example.com")

    assert first.token != before
    assert await count(database, SignInSession) == 2
    assert (await signed_in(first.checker.reader, first_token or "", now=first.clock(), address=None)) is None
    assert await other.who() is not None
    planted = browser()
    planted.token = "5" * 64
    assert (await planted.sign_in()).token.reveal() != "5" * 64


async def test_a_failed_sign_in_leaves_the_session_that_was_there(browser: Callable[..., Browser]) -> None:
    """A failed sign-in does not end the browser's present session."""
    ada = browser()
    await ada.sign_in()

    await ada.fails("grace@example.com")

    assert (await ada.who()) is not None


@pytest.mark.parametrize(
    ("email", "password", "values"),
    [
        ("ada@example.com", "wrong password", {}),
        ("ada@example.com", PASSWORD + " ", {}),
        ("ada@example.com", "", {}),
        ("nobody@example.com", PASSWORD, {}),
        ("", PASSWORD, {}),
        ("ada@example.com\x00", PASSWORD, {}),
        ("\udcffada@example.com", PASSWORD, {}),
        ("a" * 100_000, PASSWORD, {}),
        ("ada@example.com", PASSWORD, {"password_hash": None}),
        ("ada@example.com", PASSWORD, {"password_expires_at": datetime.fromisoformat("2026-11-24T12:00:00Z")}),
        ("ada@example.com", "x" * 1025, {}),
        ("nobody@example.com", "x" * 1025, {}),
        ("ada@example.com", "half a pair \ud800", {}),
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(
    browser: Callable[..., Browser],
    database: Database,
    hasher: CountingHasher,
    email: str,
    password: str,
    values: dict[str, object],
) -> None:
    """Every failure gives the same message, verifies one hash, and stores one failure."""
    await set_person(database, "ada@example.com", name="Ada", **values)

    with pytest.raises(SignInRefused) as refused:
        await browser().sign_in(email, password)

    assert (refused.value.message, refused.value.retry_after_seconds) == (SignInRefused().message, None)
    assert (hasher.verified, hasher.hashed) == (1, 0)
    assert await count(database, SignInFailure) == 1
    assert await count(database, SignInSession) == 0


async def test_each_wrong_answer_asks_the_database_alike(browser: Callable[..., Browser], database: Database) -> None:
    """An unknown address runs the same SQL statements as a wrong password."""
    statements: list[str] = []
    for engine in (database.engine, database.reading_engine):
        event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    said = []

    for email, password in [
        ("ada@example.com", "wrong"),
        ("nobody@example.com", "wrong"),
        ("ada@example.com", "x" * 2000),
    ]:
        await browser().fails(email, password)
        said.append(list(statements))
        statements.clear()

    assert said[0] == said[1] == said[2]
    assert len(said[0]) > 3


async def test_nothing_is_locked_while_a_password_is_looked_at(
    browser: Callable[..., Browser], checker: PasswordChecker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While argon2 runs, no database connection is held."""
    taken = []
    verify = checker.pool.verify

    async def watched(hashed: str, text: str) -> bool:
        pools = [database.engine.pool, database.reading_engine.pool]
        taken.append(sum(pool.checkedout() for pool in pools))  # type: ignore[attr-defined]
        return await verify(hashed, text)

    monkeypatch.setattr(checker.pool, "verify", watched)

    await browser().sign_in()

    assert taken == [0]


async def test_a_password_that_was_changed_meanwhile_signs_nobody_in(
    browser: Callable[..., Browser],
    checker: PasswordChecker,
    database: Database,
    people: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the operator sets a new password during verification, the old one does not sign in."""
    verify, new_hash = checker.pool.verify, await checker.pool.hash(ANOTHER)

    async def overtaken(hashed: str, text: str) -> bool:
        matched = await verify(hashed, text)
        async with database.transaction() as session:
            person = await person_for_update(session, people.ada.id)
            assert person is not None
            person.password_hash = new_hash
            await end_sessions(session, person.id)
        return matched

    monkeypatch.setattr(checker.pool, "verify", overtaken)

    await browser().fails(password=PASSWORD)

    assert await count(database, SignInSession) == 0


async def test_old_parameters_are_replaced_at_sign_in(
    browser: Callable[..., Browser], database: Database, hasher: CountingHasher, checker: PasswordChecker
) -> None:
    """
    The hash is replaced once the right password is given, also by two concurrent sign-ins. A wrong one changes nothing.
    """
    old = PasswordHasher(time_cost=CHEAP.time_cost + 1, memory_cost=CHEAP.memory_kib, parallelism=1).hash(PASSWORD)
    await set_person(database, "ada@example.com", password_hash=old)
    await browser().fails()
    assert hasher.hashed == 0

    await asyncio.gather(browser().sign_in(), browser().sign_in())

    async with database.reading() as session:
        statement = select(col(Person.password_hash)).where(col(Person.email) == "ada@example.com")
        new = (await session.execute(statement)).scalar_one()
    assert new is not None
    assert old != new
    assert not checker.pool.needs_rehash(new)
    rehashes = hasher.hashed
    await browser().sign_in()
    assert hasher.hashed == rehashes


async def test_a_full_queue_is_said_and_not_counted(
    database: Database, hasher: CountingHasher, people: World, clock: Clock
) -> None:
    """A full hashing queue refuses with a short wait, and counts as nobody's failure."""
    pool, reader = HashingPool(hasher, threads=1, queue_limit=1, name="test"), Reader(database)
    checker = await PasswordChecker.open(database, reader, pool, SERVER_KEYS)
    pool.depth = 1

    seconds = await Browser(checker, clock).fails(password=PASSWORD)

    assert seconds is not None
    assert 0 < seconds < 60
    assert await count(database, SignInFailure) == 0
    pool.depth = 0
    await Browser(checker, clock).sign_in()
    pool.close()
    await reader.close()
