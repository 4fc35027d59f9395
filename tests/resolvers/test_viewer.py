"""Signing in and out, sessions, the throttle, and changing a password."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import event, func, select, text, update
from sqlmodel import col

from keys.hashing import HashingPool
from keys.policy import RoleGrant
from keys.refusals import InvalidInput, SignInRefused, TooManyRequests, Unauthenticated
from keys.sign_in.passwords import one_time_expires_at
from models import Membership, Person, Role, SignInFailure, SignInSession
from models.engine.database import Database
from models.engine.reader import Reader
from models.person import person_for_update
from models.session import end_sessions
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.viewer import SignedIn, SignIn, change_password, drop_expired, note_seen, sign_in, sign_out, signed_in
from tests.conftest import CHEAP, SERVER_KEYS, Clock, CountingHasher
from tests.support.world import World, make_world

PASSWORD = "correct horse battery staple"
ANOTHER = "a password of her own"
HOME, CAFE = "203.0.113.7", "198.51.100.9"


@dataclass
class Browser:
    """The cookies of one person's browser."""

    checker: PasswordChecker
    clock: Clock
    address: str = HOME
    token: str | None = None
    device: str | None = None
    outcomes: list[str] = field(default_factory=list)

    async def sign_in(self, email: str = "ada@example.com", password: str = PASSWORD) -> SignIn:
        begun = await sign_in(
            self.checker,
            email=email,
            password=password,
            address=self.address,
            device_cookie=self.device,
            presented_token=self.token,
            now=self.clock(),
        )
        self.token, self.device = begun.token.reveal(), begun.device_cookie.reveal()
        return begun

    async def fails(self, email: str = "ada@example.com", password: str = "wrong password") -> int | None:
        """Fails to sign in, and returns the refusal's `retry_after_seconds`."""
        with pytest.raises(SignInRefused) as refused:
            await self.sign_in(email, password)
        return refused.value.retry_after_seconds

    async def who(self) -> SignedIn | None:
        return await signed_in(self.checker.reader, self.token or "", now=self.clock(), address=self.address)


@pytest.fixture
def hasher() -> CountingHasher:
    """The hasher of passwords."""
    return CountingHasher()


@pytest.fixture
async def people(database: Database, hasher: CountingHasher) -> World:
    """The people of the test organizations. Everybody's password is PASSWORD."""
    return await make_world(database, password_hash=hasher.hash(PASSWORD))


@pytest.fixture
async def checker(database: Database, hasher: CountingHasher, people: World) -> AsyncIterator[PasswordChecker]:
    """The password checker. Its start-up hash is not counted."""
    pool, reader = HashingPool(hasher, threads=2, queue_limit=100, name="test"), Reader(database)
    opened = await PasswordChecker.open(database, reader, pool, SERVER_KEYS)
    hasher.hashed = 0
    yield opened
    pool.close()
    await reader.close()


@pytest.fixture
def browser(checker: PasswordChecker, clock: Clock) -> Callable[..., Browser]:
    """Makes a browser without cookies."""
    return lambda address=HOME: Browser(checker, clock, address)


async def count(database: Database, table: type[SignInFailure] | type[SignInSession]) -> int:
    async with database.reading() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def set_person(database: Database, email: str, **values: object) -> None:
    async with database.transaction() as session:
        await session.execute(update(Person).where(Person.email == email).values(**values))  # type: ignore[arg-type]


# ---------------------------------------------------------------- signing in


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


# ---------------------------------------------------------------- the throttle


async def test_after_five_failures_an_account_is_closed_to_that_address_for_fifteen_minutes(
    browser: Callable[..., Browser], clock: Clock, hasher: CountingHasher
) -> None:
    """The right password is refused, too, without verifying it. Attempts meanwhile do not prolong the wait."""
    for _ in range(5):
        assert await browser().fails() is None
        clock.advance(minutes=1)
    verified = hasher.verified

    assert await browser().fails(password=PASSWORD) == 600
    clock.advance(seconds=599)
    assert await browser().fails(password=PASSWORD) == 1
    assert hasher.verified == verified
    clock.advance(seconds=1)
    await browser().sign_in()


async def test_an_unknown_address_is_throttled_in_the_same_words(browser: Callable[..., Browser]) -> None:
    """Spellings of an address count together. A known and an unknown address get the same answers."""
    known, unknown = [], []

    for spelling in ["{}@example.com", "{}@EXAMPLE.com", " {}@example.com", "{}@example.com", "{}@example.com"] * 2:
        known.append(await browser(HOME).fails(spelling.format("ada")))
        unknown.append(await browser(CAFE).fails(spelling.format("nobody")))

    assert known == unknown == [None] * 5 + [900] * 5


async def test_an_address_has_twenty_failures_for_all_accounts(browser: Callable[..., Browser]) -> None:
    """After that, the client address is refused for every account. Other addresses are not."""
    for number in range(20):
        assert await browser().fails(f"{number}@example.com") is None

    assert await browser().fails(password=PASSWORD) == 900
    await browser(CAFE).sign_in()


async def test_a_network_of_ipv6_is_one_address(browser: Callable[..., Browser]) -> None:
    """A /64 network of IPv6 counts as one client address."""
    for number in range(5):
        assert await browser(f"2001:db8:1:2::{number}").fails() is None

    assert await browser("2001:db8:1:2:ffff::").fails() == 900
    assert await browser("2001:db8:1:3::").fails() is None


async def test_an_account_has_fifty_failures_on_strange_devices(browser: Callable[..., Browser]) -> None:
    """Fifty failures from any addresses close the account to devices that have not signed in before."""
    for number in range(50):
        assert await browser(f"192.0.2.{number}").fails() is None

    assert await browser(HOME).fails(password=PASSWORD) == 900
    await browser(HOME).sign_in("grace@example.com")


async def test_a_stranger_can_not_lock_out_a_device_that_signed_in_before(browser: Callable[..., Browser]) -> None:
    """A device that signed in before still can when the limits of its account and its address are used up."""
    laptop = browser()
    await laptop.sign_in()
    for number in range(45):
        await browser(f"192.0.2.{number}").fails()
    for _ in range(5):
        await browser().fails()
    for number in range(15):
        await browser().fails(f"{number}@example.com")
    assert await browser("192.0.2.99").fails(password=PASSWORD) is not None
    assert await browser().fails("grace@example.com", PASSWORD) is not None

    await laptop.sign_in()

    assert await laptop.who() is not None


async def test_a_known_device_has_five_failures_of_its_own(browser: Callable[..., Browser], clock: Clock) -> None:
    """The device's failures count wherever it is, and lock nobody else out of the account."""
    laptop = browser()
    await laptop.sign_in()

    failures = [await laptop.fails() for _ in range(5)]
    laptop.address = CAFE

    assert failures == [None] * 5
    assert await laptop.fails(password=PASSWORD) == 900
    assert await laptop.fails("grace@example.com") is None
    await browser().sign_in()
    clock.advance(minutes=15)
    await laptop.sign_in()


async def test_twenty_at_once_get_five_looks_at_the_password(
    browser: Callable[..., Browser], hasher: CountingHasher, database: Database
) -> None:
    """Attempts in progress count, so concurrent attempts gain nothing."""
    outcomes = await asyncio.gather(*(browser().fails() for _ in range(20)))

    assert hasher.verified == 5
    assert sorted(outcomes, key=str) == [900] * 15 + [None] * 5
    assert await count(database, SignInFailure) == 5


async def test_several_processes_share_the_count(
    people: World, hasher: CountingHasher, clock: Clock, database_address: str
) -> None:
    """Six processes, each with its own connection, together verify five attempts."""
    databases = [Database(database_address, pool_size=1) for _ in range(6)]
    readers = [Reader(each) for each in databases]
    pool = HashingPool(hasher, threads=2, queue_limit=100, name="test")
    checkers = [
        await PasswordChecker.open(each, reader, pool, SERVER_KEYS)
        for each, reader in zip(databases, readers, strict=True)
    ]
    await asyncio.gather(*(Browser(checker, clock, CAFE).fails("nobody@example.com") for checker in checkers[1:]))
    verified = hasher.verified

    await asyncio.gather(*(Browser(checker, clock).fails() for _ in range(5) for checker in checkers))

    assert hasher.verified - verified == 5
    pool.close()
    for each, reader in zip(databases, readers, strict=True):
        await reader.close()
        await each.close()


async def test_success_takes_its_own_count_back_and_no_other(
    browser: Callable[..., Browser], database: Database
) -> None:
    """A successful sign-in removes its own attempt from the count. Earlier failures stay."""
    for _ in range(4):
        await browser().fails()

    for _ in range(6):
        await browser().sign_in()

    assert await count(database, SignInFailure) == 4
    assert await browser().fails() is None
    assert await browser().fails(password=PASSWORD) == 900


# ---------------------------------------------------------------- sessions


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


# ---------------------------------------------------------------- passwords


async def test_a_one_time_password_must_be_changed(
    browser: Callable[..., Browser], clock: Clock, database: Database
) -> None:
    """Until it is changed, sign-in reports so. Afterwards the old password fails and the new one does not expire."""
    await set_person(
        database, "ada@example.com", password_is_one_time=True, password_expires_at=one_time_expires_at(clock())
    )
    clock.advance(days=6, hours=23)
    ada = browser()
    begun = (await ada.sign_in()).signed_in
    assert begun.password_change_required

    changed = await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())
    ada.token = changed.token.reveal()

    assert not changed.signed_in.password_change_required
    who = await ada.who()
    assert who == changed.signed_in
    await browser(CAFE).fails(password=PASSWORD)
    clock.advance(days=400)
    await browser(CAFE).sign_in(password=ANOTHER)


async def test_changing_the_password_ends_the_persons_other_sessions(
    browser: Callable[..., Browser], database: Database
) -> None:
    """The present session gets a new token, and the old token stops working. Other people's sessions stay."""
    here, copy, there, grace = browser(), browser(), browser(), browser()
    begun = (await here.sign_in()).signed_in
    copy.token = here.token
    await there.sign_in()
    await grace.sign_in("grace@example.com")

    changed = await change_password(
        here.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=here.clock()
    )

    assert await copy.who() is None
    here.token = changed.token.reveal()
    assert await here.who() == changed.signed_in == begun
    assert changed.token.reveal() not in repr(changed)
    assert await there.who() is None
    assert await grace.who() is not None
    assert await count(database, SignInFailure) == 0


@pytest.mark.parametrize(
    ("current", "new", "wrong_field"),
    [
        ("wrong password", ANOTHER, "currentPassword"),
        ("x" * 1025, ANOTHER, "currentPassword"),
        (PASSWORD, "too short", "newPassword"),
        (PASSWORD, "x" * 1025, "newPassword"),
        (PASSWORD, PASSWORD, "newPassword"),
        (PASSWORD, "aaaaaaaaaaaa", "newPassword"),
        (PASSWORD, "ada@example.com", "newPassword"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    browser: Callable[..., Browser], current: str, new: str, wrong_field: str
) -> None:
    """The refusal names the field. The password and the other sessions stay."""
    here, there = browser(), browser()
    begun = (await here.sign_in()).signed_in
    await there.sign_in()

    with pytest.raises(InvalidInput) as refused:
        await change_password(here.checker, begun, current_password=current, new_password=new, now=here.clock())

    assert refused.value.field == wrong_field
    assert await there.who() is not None
    await browser(CAFE).sign_in()


async def test_a_session_that_ended_meanwhile_changes_no_password(browser: Callable[..., Browser]) -> None:
    """If the session ends before the change, the password stays as it was."""
    here = browser()
    begun = (await here.sign_in()).signed_in
    await sign_out(here.checker.database, here.token or "")

    with pytest.raises(Unauthenticated):
        await change_password(here.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=here.clock())

    await browser(CAFE).sign_in()


async def test_a_weak_new_password_is_no_failed_attempt(browser: Callable[..., Browser], clock: Clock) -> None:
    """A refused new password does not count as a failed attempt, since the current password was right."""
    ada = browser()
    begun = (await ada.sign_in()).signed_in

    for weak in ["aaaaaaaaaaaa", "password12345", "qwertyuiop12", "Ada@Example.com", "acme acme acme", "123456789012"]:
        with pytest.raises(InvalidInput, match="Choose another"):
            await change_password(ada.checker, begun, current_password=PASSWORD, new_password=weak, now=clock())

    await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())


async def test_a_session_has_five_guesses_at_the_current_password(
    browser: Callable[..., Browser], clock: Clock
) -> None:
    """Guessing through a session is as limited as signing in, and does not lock the account's sign-in."""
    ada = browser()
    begun = (await ada.sign_in()).signed_in
    for _ in range(5):
        with pytest.raises(InvalidInput):
            await change_password(ada.checker, begun, current_password="wrong", new_password=ANOTHER, now=clock())

    with pytest.raises(TooManyRequests) as refused:
        await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())

    assert refused.value.retry_after_seconds == 900
    await browser().sign_in()
    clock.advance(minutes=15)
    await change_password(ada.checker, begun, current_password=PASSWORD, new_password=ANOTHER, now=clock())


async def test_of_two_changes_at_once_one_wins(browser: Callable[..., Browser], clock: Clock) -> None:
    """The second change is refused, since its current password is no longer right."""
    ada = browser()
    begun = (await ada.sign_in()).signed_in
    choices = [ANOTHER, "another one of her own"]

    outcomes = await asyncio.gather(
        *(
            change_password(ada.checker, begun, current_password=PASSWORD, new_password=each, now=clock())
            for each in choices
        ),
        return_exceptions=True,
    )

    lost = [isinstance(each, InvalidInput) and each.field == "currentPassword" for each in outcomes]
    assert sorted(lost) == [False, True]
    await browser(CAFE).sign_in(password=choices[lost.index(False)])


async def test_failures_that_a_faster_clock_wrote_count(browser: Callable[..., Browser], clock: Clock) -> None:
    """Failures written by a process whose clock runs a few seconds ahead count, too."""
    for _ in range(5):
        await browser().fails()
    clock.now -= timedelta(seconds=5)

    assert await browser().fails(password=PASSWORD) == 905
