"""The log of failed sign-ins: a limited number of lines without anything that was typed."""

import asyncio
import logging
import re
import time
from uuid import UUID

import pytest

from app.observability.logs import LINES_A_SECOND
from app.observability.sign_in_log import LINES_IN_ALL, LINES_OF_AN_ADDRESS, SignInLog
from keys.sign_in.throttle import Limit
from models.engine.ids import Prefix, external_id
from resolvers.sign_in_attempts import PasswordTry, Tried
from tests.conftest import Clock
from tests.support.client import Site, open_site

ADA = UUID(int=7)
WRONG = PasswordTry(Tried.WRONG, "5" * 64, ADA, "203.0.113.7")
TOKEN = "a-token-of-the-scrapers-own-0123456789"
TYPED = "kd_hunter2hunter2@my-real-password"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "keydesk.sign_in"]


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    """Logs at level info, as KEYDESK_LOG=info does."""
    caplog.set_level(logging.INFO)


async def test_a_failed_sign_in_leaves_a_warning_with_address_and_person(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the person's id, or a digest of an unknown address. Nothing that was typed is logged."""
    browser = await site.browser()

    await browser.sign_in("ada@example.com", TYPED)
    await browser.sign_in(TYPED, "x")
    await browser.sign_in(TYPED, "y")

    ada = external_id(Prefix.PERSON, site.world.ada.id)
    known, unknown, again = [record for record in caplog.records if record.name == "keydesk.sign_in"]
    assert known.levelname == "WARNING"
    assert known.getMessage() == f"failed sign-in from 127.0.0.1 for {ada}: wrong password or address"
    assert known.facts["userId"] == ada  # type: ignore[attr-defined]
    assert re.fullmatch(
        r"failed sign-in from 127\.0\.0\.1 for account [0-9a-f]{12}: wrong password or address", unknown.getMessage()
    )
    assert unknown.getMessage() == again.getMessage()
    assert "hunter2" not in caplog.text
    assert all("hunter2" not in str(record.__dict__) for record in caplog.records if record.name.startswith("keydesk"))


async def test_a_lock_is_named_and_good_sign_ins_are_not(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The line of a lock says which limit was reached. Good sign-ins have no line."""
    browser = await site.browser()
    assert (await browser.sign_in("mel@example.com")).outcome == "Viewer"
    assert lines(caplog) == []

    stranger = await site.browser()
    for _ in range(6):
        await stranger.sign_in("ada@example.com", "wrong password")

    assert len(lines(caplog)) == 6
    assert "this account is locked for this address, for 15 minutes at most" in lines(caplog)[-1]


async def test_a_wrong_current_password_is_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong current password when changing a password is logged, too."""
    ada = await site.person("ada")
    change = """mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }"""

    await ada.graphql(change, input={"currentPassword": TYPED, "newPassword": "a password of her own"})

    assert lines(caplog) == [
        f"failed change of a password from 127.0.0.1 for {external_id(Prefix.PERSON, site.world.ada.id)}: "
        "wrong password or address"
    ]


@pytest.mark.slow
async def test_hundreds_of_failed_sign_ins_write_few_lines(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The sign-in log and the access log write a limited number of lines."""
    browser = await site.browser()
    began = time.monotonic()

    for _ in range(6):
        await asyncio.gather(*(browser.sign_in(f"{number}@example.com", TYPED) for number in range(50)))

    seconds = time.monotonic() - began
    requests = [record for record in caplog.records if record.name == "keydesk.access"]
    assert len(lines(caplog)) == LINES_OF_AN_ADDRESS
    assert 0 < len(requests) <= LINES_A_SECOND * (seconds + 1)
    assert "hunter2" not in caplog.text


def test_many_addresses_share_a_bound_and_a_summary(caplog: pytest.LogCaptureFixture) -> None:
    """The summary at the end of the minute has the number that was left out."""
    counted: list[str] = []
    log = SignInLog(counted.append)

    for number in range(1000):
        log.tried(WRONG._replace(address=f"198.51.{number // 250}.{number % 250}"))
    log.tried(WRONG._replace(outcome=Tried.GOOD))
    log.end_minute()
    log.end_minute()

    assert len(lines(caplog)) == LINES_IN_ALL + 1
    assert lines(caplog)[-1] == (
        f"{1000 - LINES_IN_ALL} failed sign-ins were not logged separately; "
        "all sign-ins of the last minute: 1 good, 1000 wrong"
    )
    assert counted == ["wrong"] * 1000 + ["good"]


def test_a_network_of_ipv6_is_one_address(caplog: pytest.LogCaptureFixture) -> None:
    """Addresses of a /64 network share one limit. Each line has the full address."""
    log = SignInLog()

    for number in range(1000):
        log.tried(WRONG._replace(address=f"2001:db8:1:2::{number:x}"))

    assert len(lines(caplog)) == LINES_OF_AN_ADDRESS
    assert "2001:db8:1:2::9" in lines(caplog)[-1]


@pytest.mark.parametrize(("address", "advises"), [("10.0.0.7", True), ("127.0.0.1", True), ("8.8.8.8", False)])
def test_a_locked_address_that_may_be_a_proxy_is_said_to_be(
    caplog: pytest.LogCaptureFixture, address: str, advises: bool
) -> None:
    """The line advises setting KEYDESK_TRUSTED_PROXIES and names the command to unlock the address."""
    SignInLog().tried(WRONG._replace(outcome=Tried.THROTTLED, limit=Limit.ADDRESS, address=address))

    assert ("KEYDESK_TRUSTED_PROXIES" in lines(caplog)[0]) is advises
    assert (f"keydesk sign-in unlock --address {address}" in lines(caplog)[0]) is advises


async def test_sign_ins_are_counted_by_outcome(database_address: str, clock: Clock) -> None:
    """The metric counts good, wrong and throttled sign-ins."""
    environment = {"KEYDESK_METRICS": "true", "KEYDESK_METRICS_TOKEN": TOKEN}
    async with open_site(database_address, clock, environment) as site:
        browser = await site.browser()
        await browser.sign_in("mel@example.com")
        for _ in range(6):
            await browser.sign_in("ada@example.com", "wrong password")
        told = (await browser.http.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})).text

    assert 'keydesk_sign_ins_total{outcome="good"} 1.0' in told
    assert 'keydesk_sign_ins_total{outcome="wrong"} 5.0' in told
    assert 'keydesk_sign_ins_total{outcome="throttled"} 1.0' in told
