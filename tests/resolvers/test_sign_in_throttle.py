"""Failed sign-ins are counted by account, address and device."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from keys.hashing import HashingPool
from models import SignInFailure
from models.engine.database import Database
from models.engine.reader import Reader
from resolvers.sign_in_attempts import PasswordChecker
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.sign_in_browsers import (
    CAFE,
    HOME,
    PASSWORD,
    Browser,
    browser,
    checker,
    count,
    hasher,
    people,
)
from tests.support.world import World

__all__ = ["browser", "checker", "hasher", "people"]


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


async def test_failures_that_a_faster_clock_wrote_count(browser: Callable[..., Browser], clock: Clock) -> None:
    """Failures written by a process whose clock runs a few seconds ahead count, too."""
    for _ in range(5):
        await browser().fails()
    clock.now -= timedelta(seconds=5)

    assert await browser().fails(password=PASSWORD) == 905
