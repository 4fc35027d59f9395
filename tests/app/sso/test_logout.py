"""The provider ends sessions (OpenID Connect Back-Channel Logout 1.0)."""

import logging
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col

from models import Person
from tests.conftest import Clock
from tests.support.client import Client
from tests.support.sso.provider import ec_key
from tests.support.sso.site import SsoSite, provider, sso

__all__ = ["provider", "sso"]


def of(name: str, **more: Any) -> dict[str, Any]:
    return {"sub": f"{name}-1", "email": f"{name}@example.com", "email_verified": True, **more}


@pytest.fixture(autouse=True)
async def linkable(sso: SsoSite) -> None:
    async with sso.site.database.transaction() as session:
        await session.execute(update(Person).where(col(Person.email) != "eve@example.com").values(is_linkable=True))


async def send(sso: SsoSite, token: str, **headers: str) -> httpx.Response:
    """What the provider sends, from its own machine."""
    browser = await sso.site.browser(**headers)
    return await browser.http.post("/sso/backchannel-logout", data={"logout_token": token})


async def signed_in(sso: SsoSite, *clients: Client) -> list[bool]:
    return [await sso.viewer(client) is not None for client in clients]


async def test_the_sessions_of_a_session_at_the_provider_end(sso: SsoSite) -> None:
    """Those of the person's other sessions there go on, and those of other people."""
    one, _ = await sso.sign_in(of("ada", sid="s1"))
    other, _ = await sso.sign_in(of("ada", sid="s2"))
    mel, _ = await sso.sign_in(of("mel", sid="s3"))

    answer = await send(sso, sso.provider.logout_token(sub="ada-1", sid="s1"))

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert await signed_in(sso, one, other, mel) == [False, True, True]


async def test_a_session_that_the_provider_did_not_name_ends_with_any_of_the_persons(sso: SsoSite) -> None:
    """It may be the one that is meant."""
    unnamed, _ = await sso.sign_in(of("ada"))
    other, _ = await sso.sign_in(of("ada", sid="s2"))

    assert (await send(sso, sso.provider.logout_token(sub="ada-1", sid="s1"))).status_code == 200

    assert await signed_in(sso, unnamed, other) == [False, True]


async def test_a_token_without_a_person_names_a_session(sso: SsoSite) -> None:
    """`sid` only."""
    one, _ = await sso.sign_in(of("ada", sid="s1"))
    other, _ = await sso.sign_in(of("ada", sid="s2"))

    assert (await send(sso, sso.provider.logout_token(sid="s1"))).status_code == 200

    assert await signed_in(sso, one, other) == [False, True]


async def test_all_sessions_of_a_person_that_the_provider_began_end(sso: SsoSite) -> None:
    """Not the one that a password began: that is the way in while the provider is down."""
    one, _ = await sso.sign_in(of("ada", sid="s1"))
    other, _ = await sso.sign_in(of("ada"))
    by_password = await sso.site.person("ada")

    assert (await send(sso, sso.provider.logout_token(sub="ada-1"))).status_code == 200

    assert await signed_in(sso, one, other, by_password) == [False, False, True]


async def test_nobody_and_no_session_are_answered_alike(sso: SsoSite) -> None:
    """The provider need not know who has come here."""
    client, _ = await sso.sign_in(of("ada", sid="s1"))

    for number, claims in enumerate(({"sub": "nobody"}, {"sid": "none"}, {"sub": "mel-1", "sid": "s1"})):
        assert (await send(sso, sso.provider.logout_token(jti=f"j{number}", **claims))).status_code == 200

    assert await signed_in(sso, client) == [True]


async def test_a_token_is_used_once(sso: SsoSite, clock: Clock) -> None:
    """Somebody who has seen it can't sign the person out again."""
    await sso.sign_in(of("ada"))
    token = sso.provider.logout_token(sub="ada-1")
    assert (await send(sso, token)).status_code == 200
    again, _ = await sso.sign_in(of("ada"))

    for _ in range(2):
        replayed = await send(sso, token)
        assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_request")
        clock.advance(minutes=15)

    assert await signed_in(sso, again) == [True]


async def test_a_forged_token_ends_nothing(sso: SsoSite, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an ID token, nor one that somebody else has signed, nor what is no token."""
    client, _ = await sso.sign_in(of("ada", sid="s1"))
    good, provider = sso.provider.logout_token(sub="ada-1"), sso.provider
    forged = [provider.id_token("n", sub="ada-1"), provider.logout_token(sub="ada-1", aud="other"), "", "x", good + "x"]
    provider.signing = ec_key("attacker")
    forged.append(provider.logout_token(sub="ada-1"))

    with caplog.at_level(logging.WARNING, "keydesk.sso"):
        answers = [await send(sso, token) for token in forged]
        browser = await sso.site.browser()
        for content, kind in (
            (f"logout_token={good}&logout_token={good}", "application/x-www-form-urlencoded"),
            (f"logout_token={good}", "text/plain"),
            ("logout_token=" + "x" * 100_000, "application/x-www-form-urlencoded"),
            ("\xff", "application/x-www-form-urlencoded"),
        ):
            headers = {"content-type": kind}
            answers.append(await browser.http.post("/sso/backchannel-logout", content=content, headers=headers))
        answers.append(await browser.http.post("/sso/backchannel-logout"))

    assert {answer.status_code for answer in answers} == {400}
    assert await signed_in(sso, client) == [True]
    assert "ada" not in caplog.text
    assert len(caplog.messages) == 10, "a flood writes ten lines a minute"
    assert (await browser.http.get("/sso/backchannel-logout")).status_code == 405


async def test_a_provider_that_is_down_is_no_reason_to_refuse(sso: SsoSite) -> None:
    """The token can't be checked now: the provider may send it again."""
    sso.provider.answers["/jwks"] = lambda: (500, {}, b"")

    assert (await send(sso, sso.provider.logout_token(sub="ada-1"))).status_code == 503
