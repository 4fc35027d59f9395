"""How many wrong passwords lock sign-in, by the rule without a database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from keys.sign_in.throttle import NOWHERE, Attempt, Limit, counted_address, limit_reached

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@dataclass
class Failed:
    """A failure this many seconds ago."""

    account: str
    ip_address: str
    device: str | None
    at: datetime


def seconds_to_wait(failures: Iterable[Failed], attempt: Attempt, now: datetime) -> int | None:
    reached = limit_reached(failures, attempt, now)
    return None if reached is None else reached.seconds_to_wait


def failed(account: str, address: str, *, device: str | None = None, ago: float = 60, times: int = 1) -> list[Failed]:
    return [Failed(account, address, device, NOW - timedelta(seconds=ago))] * times


def failed_everywhere(account: str, times: int) -> list[Failed]:
    return [each for number in range(times) for each in failed(account, f"192.0.2.{number}")]


def failed_at(address: str, times: int) -> list[Failed]:
    return [each for number in range(times) for each in failed(f"account {number}", address)]


@pytest.mark.parametrize(
    ("failures", "attempt", "admitted"),
    [
        (failed("ada", HERE, times=4), Attempt("ada", HERE, None), True),
        (failed("ada", HERE, times=5), Attempt("ada", HERE, None), False),
        (failed("ada", HERE, times=5), Attempt("ada", ELSEWHERE, None), True),
        (failed("ada", HERE, times=5), Attempt("mel", HERE, None), True),
        (failed_at(HERE, 19), Attempt("ada", HERE, None), True),
        (failed_at(HERE, 20), Attempt("ada", HERE, None), False),
        (failed_at(HERE, 20), Attempt("ada", ELSEWHERE, None), True),
        (failed_everywhere("ada", 49), Attempt("ada", HERE, None), True),
        (failed_everywhere("ada", 50), Attempt("ada", HERE, None), False),
        (failed_everywhere("ada", 50), Attempt("mel", HERE, None), True),
        (failed("ada", HERE, device="laptop", times=4), Attempt("ada", HERE, "laptop"), True),
        (failed("ada", HERE, device="laptop", times=5), Attempt("ada", HERE, "laptop"), False),
        (failed("ada", HERE, device="laptop", times=5), Attempt("ada", ELSEWHERE, "laptop"), False),
        (failed("ada", HERE, device="laptop", times=5), Attempt("ada", HERE, "phone"), True),
        (failed("ada", HERE, device="laptop", times=5), Attempt("ada", HERE, None), True),
        (failed("ada", HERE, times=5), Attempt("ada", HERE, "laptop"), True),
        (failed_at(HERE, 20), Attempt("ada", HERE, "laptop"), True),
        (failed_everywhere("ada", 50), Attempt("ada", HERE, "laptop"), True),
    ],
)
def test_each_budget_is_used_up_by_what_it_counts_and_by_nothing_else(
    failures: list[Failed], attempt: Attempt, admitted: bool
) -> None:
    """The budgets: account with address, address, account, and a device that signed in before."""
    assert (seconds_to_wait(failures, attempt, NOW) is None) is admitted


@pytest.mark.parametrize(
    ("ages", "seconds"),
    [
        ([10, 20, 30, 40, 50], 850),
        ([10, 20, 30, 40, 899.5], 1),
        ([10, 20, 30, 40, 900], None),
        ([10, 20, 30, 40, 50, 800], 850),
    ],
)
def test_the_wait_ends_when_the_oldest_failure_that_matters_leaves_the_window(
    ages: Iterable[float], seconds: int | None
) -> None:
    """In whole seconds, never zero; a failure of 15 minutes ago does not count."""
    failures = [each for ago in ages for each in failed("ada", HERE, ago=ago)]

    assert seconds_to_wait(failures, Attempt("ada", HERE, None), NOW) == seconds


def test_the_longest_wait_counts() -> None:
    """If two budgets are used up, both must have room again."""
    failures = [*failed("ada", HERE, ago=600, times=5), *failed("mel", HERE, ago=100, times=15)]

    assert seconds_to_wait(failures, Attempt("ada", HERE, None), NOW) == 300
    assert seconds_to_wait(failures, Attempt("eve", HERE, None), NOW) == 300
    assert seconds_to_wait(failures, Attempt("mel", HERE, None), NOW) == 800


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("ffff:ffff:ffff:ffff:1:2:3:4", "ffff:ffff:ffff:ffff::/64"),
        (None, NOWHERE),
        ("somewhere", NOWHERE),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address: str | None, counted: str) -> None:
    """Its owner has 2^64 addresses."""
    assert counted_address(address) == counted


@pytest.mark.parametrize(
    ("failures", "attempt", "limit"),
    [
        (failed("ada", HERE, times=5), Attempt("ada", HERE, None), Limit.ACCOUNT_AND_ADDRESS),
        (failed_at(HERE, 20), Attempt("ada", HERE, None), Limit.ADDRESS),
        (failed_everywhere("ada", 50), Attempt("ada", HERE, None), Limit.ACCOUNT),
        (failed("ada", HERE, device="laptop", times=5), Attempt("ada", HERE, "laptop"), Limit.DEVICE),
    ],
)
def test_the_limit_that_was_reached_is_named(failures: list[Failed], attempt: Attempt, limit: Limit) -> None:
    """The log can then say whether an account or a whole address is locked."""
    reached = limit_reached(failures, attempt, NOW)

    assert reached is not None
    assert reached.limit is limit
