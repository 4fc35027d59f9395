"""`keydesk sign-in`: listing what is locked after wrong passwords, and unlocking it."""

import json
from datetime import timedelta
from functools import partial

import pytest

from app import utc_now
from keys.sign_in.throttle import Attempt, Limit, limit_reached
from models import SignInFailure
from models.engine.database import Database
from models.sign_in import recent_failures
from resolvers.operator.sign_in import locks
from resolvers.sign_in_attempts import account_digest, account_keys
from tests.conftest import SERVER_KEYS
from tests.support.command_line import InDatabase, Keydesk
from tests.support.world import World

HERE, THERE = "203.0.113.7", "198.51.100.9"
LAPTOP = "1" * 32


def account(email: str) -> str:
    return account_digest(account_keys(SERVER_KEYS)[0], email)


async def fail(database: Database, email: str, address: str, *, times: int, device: str | None = None) -> None:
    async with database.transaction() as session:
        session.add_all(
            SignInFailure(
                account=account(email), ip_address=address, device=device, at=utc_now() - timedelta(seconds=60 + number)
            )
            for number in range(times)
        )


async def left(database: Database) -> list[tuple[str, str]]:
    async with database.reading() as session:
        return [
            (each.account, each.ip_address) for each in await recent_failures(session, since=utc_now() - timedelta(1))
        ]


def test_an_account_is_unlocked_and_what_was_locked_is_said(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """The account is unlocked for every address and device. Other accounts' failures stay."""
    in_database(lambda database: fail(database, "ada@example.com", HERE, times=5))
    in_database(lambda database: fail(database, "ada@example.com", THERE, times=2))
    in_database(lambda database: fail(database, "ada@example.com", HERE, times=5, device=LAPTOP))
    in_database(lambda database: fail(database, "mel@example.com", HERE, times=1))

    listed = keydesk("sign-in", "list", "--json")
    unlocked = keydesk("sign-in", "unlock", "Ada@Example.com", "--json")

    assert {(each["limit"], each["email"], each["address"]) for each in listed.value} == {
        ("ACCOUNT_AND_ADDRESS", "ada@example.com", HERE),
        ("DEVICE", "ada@example.com", None),
    }
    assert (unlocked.value["unlocked"], unlocked.value["failedAttempts"]) == ("ada@example.com", 12)
    assert {each["limit"] for each in unlocked.value["locks"]} == {"ACCOUNT_AND_ADDRESS", "DEVICE"}
    assert set(unlocked.value["addresses"]) == {HERE, THERE}
    assert unlocked.value["stillLocked"] == []
    assert in_database(left) == [(account("mel@example.com"), HERE)]
    assert "Nothing is locked" in keydesk("sign-in", "list").out


def test_the_operators_unlocking_is_a_log_line(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """The log line is written to standard error in the server's format."""
    in_database(lambda database: fail(database, "ada@example.com", HERE, times=5))

    unlocked = keydesk("sign-in", "unlock", "ada@example.com")

    assert unlocked.out == (
        "Unlocked ada@example.com: 5 failed attempts forgotten, which had locked: an account from 203.0.113.7.\n"
    )
    line = json.loads(unlocked.err)
    assert (line["logger"], line["actor"], line["unlocked"], line["failedAttempts"]) == (
        *("keydesk.sign_in", "operator", "ada@example.com", 5),
    )


def test_an_address_that_stays_locked_is_said_and_unlocked_by_itself(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """Unlocking an account does not unlock the address, and says so. `--address` does."""
    in_database(lambda database: fail(database, "ada@example.com", HERE, times=5))
    for number in range(20):
        in_database(partial(fail, email=f"{number}@example.com", address=HERE, times=1))

    account_only = keydesk("sign-in", "unlock", "ada@example.com")
    address = keydesk("sign-in", "unlock", "--address", HERE, "--json")

    assert f"keydesk sign-in unlock --address {HERE}" in account_only.err
    assert address.value["failedAttempts"] == 20
    assert [each["limit"] for each in address.value["locks"]] == ["ADDRESS"]
    assert in_database(left) == []


@pytest.mark.parametrize("written", ["2001:db8:1:2::5", "2001:db8:1:2::/64"])
def test_an_ipv6_address_is_unlocked_with_its_network(
    keydesk: Keydesk, acme: World, in_database: InDatabase, written: str
) -> None:
    """The address and its /64 network, as the list shows it, are both accepted."""
    in_database(lambda database: fail(database, "ada@example.com", "2001:db8:1:2::/64", times=5))

    assert keydesk("sign-in", "unlock", "--address", written, "--json").value["failedAttempts"] == 5


def test_everything_is_unlocked(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """`--all` removes every failure."""
    for number in range(30):
        in_database(partial(fail, email=f"{number}@example.com", address=HERE, times=1))

    unlocked = keydesk("sign-in", "unlock", "--all")

    assert "30 failed attempts forgotten, which had locked: the address 203.0.113.7." in unlocked.out
    assert in_database(left) == []


def test_nothing_to_unlock_and_an_unknown_address_are_said(keydesk: Keydesk, acme: World) -> None:
    """Neither is an error, but a mistyped address is noticed."""
    unlocked = keydesk("sign-in", "unlock", "adda@example.com")

    assert unlocked.status == 0
    assert "Nothing to unlock" in unlocked.out
    assert "No person has the address adda@example.com" in unlocked.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["ada@example.com", "--all"], ["--all", "--address", HERE], ["no address"], ["--address", "keys.example"]],
)
def test_what_to_unlock_must_be_said(keydesk: Keydesk, acme: World, arguments: list[str]) -> None:
    """One account, one address or all must be given, and only one of them."""
    assert keydesk("sign-in", "unlock", *arguments).status == 2


async def test_locks_are_those_that_the_throttle_holds(database: Database, world: World) -> None:
    """The list and the password checker agree about which limit is reached, and until when."""
    await fail(database, "ada@example.com", HERE, times=7)
    await fail(database, "mel@example.com", THERE, times=4)
    now = utc_now()

    async with database.reading() as session:
        found = await locks(session, SERVER_KEYS, now=now)
        failures = await recent_failures(session, since=now - timedelta(minutes=15))

    [lock] = found
    held = limit_reached(failures, Attempt(account("ada@example.com"), HERE, None), now)
    assert held is not None
    assert (lock.limit, lock.failures, lock.email) == (Limit.ACCOUNT_AND_ADDRESS, 7, "ada@example.com")
    assert held.limit is lock.limit
    assert abs((lock.until - now).total_seconds() - held.seconds_to_wait) <= 1


@pytest.mark.parametrize(("address", "warns"), [("10.0.0.7", True), ("10.1.0.7", False), ("8.8.8.8", False)])
def test_doctor_says_that_a_proxy_may_be_locked(
    keydesk: Keydesk,
    acme: World,
    in_database: InDatabase,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    warns: bool,
) -> None:
    """A locked private address that is not a trusted proxy is probably a proxy missing from the setting."""
    monkeypatch.setenv("KEYDESK_PUBLIC_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("KEYDESK_TRUSTED_PROXIES", "10.1.0.0/16")
    for number in range(20):
        in_database(partial(fail, email=f"{number}@example.com", address=address, times=1))

    found = {each["check"]: each["detail"] for each in keydesk("doctor", "--json").value}

    assert ("is locked after wrong passwords" in found["proxies"]) is warns
