"""A provider that lies, breaks or is not ours: no session begins, the person gets a page, the log says why."""

import asyncio
import logging
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from models import Person, SignInSession, UsedOnce
from tests.conftest import Clock
from tests.support.sso.provider import Answer, Provider, as_json, ec_key, rsa_key
from tests.support.sso.site import SsoSite, heading, provider, sso

__all__ = ["provider", "sso"]
ADA: dict[str, Any] = {"sub": "ada-1", "email": "ada@example.com", "email_verified": True}


@pytest.fixture(autouse=True)
async def linkable(sso: SsoSite) -> None:
    """Everybody could sign in, if the provider were honest."""
    async with sso.site.database.transaction() as session:
        await session.execute(update(Person).values(is_linkable=True))


async def nothing_happened(sso: SsoSite) -> bool:
    """Whether no session has begun and nothing was stored."""
    async with sso.site.database.reading() as session:
        counts = [
            (await session.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (SignInSession, UsedOnce)
        ]
    return counts == [0, 0]


def seconds(clock: Clock, **apart: float) -> int:
    return int((clock() + timedelta(**apart)).timestamp())


HONEST = ("claims", "header", "signing")
LIES: dict[str, Callable[[Provider, Clock], object]] = {
    "another issuer": lambda p, c: p.claims.update(iss=p.issuer + "/"),
    "another client's token": lambda p, c: p.claims.update(aud="other"),
    "issued to another client": lambda p, c: p.claims.update(aud=["keydesk", "other"], azp="other"),
    "another nonce": lambda p, c: p.claims.update(nonce="other"),
    "no nonce": lambda p, c: p.claims.update(nonce=None),
    "an expired token": lambda p, c: p.claims.update(exp=seconds(c, minutes=-1)),
    "a token of the future": lambda p, c: p.claims.update(iat=seconds(c, minutes=2)),
    "an old token": lambda p, c: p.claims.update(iat=seconds(c, minutes=-12)),
    "no subject": lambda p, c: p.claims.update(sub=None),
    "an unknown key": lambda p, c: setattr(p, "signing", ec_key("unpublished")),
    "a key of the same name": lambda p, c: vars(p).update(signing=ec_key("fake"), header={"kid": "ec"}),
    "a logout token": lambda p, c: p.header.update(typ="logout+jwt"),
}


async def test_a_token_that_lies_begins_no_session(
    sso: SsoSite, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The page does not repeat the token, and the log has a reason."""
    honest = {name: copy(value) for name, value in vars(sso.provider).items() if name in HONEST}
    for name, lie in LIES.items():
        lie(sso.provider, clock)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "keydesk.sso"):
            client, answer = await sso.sign_in(ADA)

        assert (answer.status_code, heading(answer)) == (502, "You are not signed in"), name
        assert "can't be trusted" in answer.text.replace("&#x27;", "'"), name
        assert await sso.viewer(client) is None, name
        assert await nothing_happened(sso), name
        [line] = caplog.messages
        assert "did not succeed: " in line, name
        assert "ada" not in line, name
        vars(sso.provider).update({each: copy(value) for each, value in honest.items()})
        clock.advance(minutes=2)
    assert (await sso.sign_in(ADA))[1].status_code == 303


def breaks(path: str, answer: Callable[[], Any]) -> Callable[[Provider], object]:
    return lambda provider: provider.answers.update({path: answer})


async def _never() -> Answer:
    await asyncio.sleep(3600)
    raise AssertionError


DISCOVERY, KEYS, TOKEN = "/.well-known/openid-configuration", "/jwks", "/token"
HUGE = b'{"id_token": "' + b"x" * 2_000_000 + b'"}'
BROKEN: dict[str, Callable[[Provider], object]] = {
    "garbage": breaks(TOKEN, lambda: (200, {}, b"{garbage")),
    "not an object": breaks(TOKEN, lambda: (200, {}, b"[]")),
    "deeply nested": breaks(TOKEN, lambda: (200, {}, b"[" * 100_000)),
    "not text": breaks(TOKEN, lambda: (200, {}, b"\xff\xfe\x00")),
    "an error of its own": breaks(TOKEN, lambda: (500, {}, b"oops")),
    "a redirect": breaks(TOKEN, lambda: (307, {"Location": "/token2"}, b"")),
    "a huge answer": breaks(TOKEN, lambda: (200, {}, HUGE)),
    "a wrong secret": breaks(TOKEN, lambda: as_json({"error": "invalid_client"}, 401)),
    "an odd error": breaks(TOKEN, lambda: as_json({"error": ["<script>"]}, 400)),
    "garbage as keys": breaks(KEYS, lambda: (200, {}, b"{garbage")),
    "no keys": breaks(KEYS, lambda: as_json({"keys": []})),
    "keys that redirect": breaks(KEYS, lambda: (302, {"Location": "/jwks2"}, b"")),
}


async def test_a_provider_that_breaks_is_a_page_and_a_line_in_the_log(
    sso: SsoSite, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Never an error of ours."""
    for name, break_ in BROKEN.items():
        break_(sso.provider)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "keydesk.sso"):
            client, answer = await sso.sign_in(ADA)

        assert (answer.status_code, heading(answer)) == (503, "The sign-in service can't be reached"), name
        assert "/sso/start?return=%2F" in answer.text, name
        assert await sso.viewer(client) is None, name
        assert await nothing_happened(sso), name
        assert len(caplog.messages) == 1, name
        assert "script" not in caplog.messages[0], name
        assert {"/token2", "/jwks2"}.isdisjoint(sso.provider.requests), name
        sso.provider.answers.clear()
        clock.advance(minutes=2)
    assert (await sso.sign_in(ADA))[1].status_code == 303


DOCUMENTS: tuple[dict[str, Any], ...] = (
    {"issuer": "https://id.example"},
    {"issuer": None},
    {"authorization_endpoint": None},
    {"authorization_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "http://192.0.2.1/authorize"},
    {"authorization_endpoint": "https://user@id.example/"},
    {"authorization_endpoint": "https://id.example/\r\nSet-Cookie: a=b"},
    {"token_endpoint": "file:///etc/passwd"},
    {"token_endpoint": 5},
    {"jwks_uri": "http://id.example/jwks"},
    {"jwks_uri": "https://[::1"},
)


async def test_a_discovery_document_that_can_not_be_used_sends_nobody_anywhere(
    sso: SsoSite, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """An issuer that differs, and addresses to which no secret should be sent."""
    client = await sso.site.browser()
    for document in DOCUMENTS:
        sso.provider.metadata = document
        caplog.clear()
        with caplog.at_level(logging.WARNING, "keydesk.sso"):
            answer = await client.http.get("/sso/start")

        assert (answer.status_code, heading(answer)) == (503, "The sign-in service can't be reached"), document
        assert "location" not in answer.headers
        assert len(caplog.messages) <= 1
        clock.advance(seconds=10)
    sso.provider.metadata = {}
    assert (await client.http.get("/sso/start")).status_code == 302


async def test_an_answer_of_another_provider_is_not_completed(sso: SsoSite) -> None:
    """RFC 9207: the issuer is in the answer, if the provider says that it puts it there."""
    for wrong in ("https://other.example", sso.provider.issuer + "/", None):
        client = await sso.site.browser()
        back = sso.provider.sign_in(await sso.start(client), **ADA)
        back.pop("iss")
        answer = await sso.come_back(client, back if wrong is None else {**back, "iss": wrong})
        assert answer.status_code == 400
        assert "does not come from Example Login" in answer.text
    assert sso.provider.requests[TOKEN] == 0


async def test_a_provider_that_names_no_issuer_need_not(sso: SsoSite) -> None:
    """Unless it says that it does. If it names one, it must be right."""
    sso.provider.metadata["authorization_response_iss_parameter_supported"] = None
    client = await sso.site.browser()
    back = sso.provider.sign_in(await sso.start(client), **ADA)
    back.pop("iss")

    assert (await sso.come_back(client, {**back, "iss": "https://other.example"})).status_code == 400
    assert (await sso.come_back(client, back)).status_code == 303


async def test_a_parameter_that_is_there_twice_is_refused(sso: SsoSite) -> None:
    """No provider sends that; somebody who changes the address may."""
    client = await sso.site.browser()
    back = sso.provider.sign_in(await sso.start(client), **ADA)
    query = "&".join(f"{name}={value}" for name, value in [*back.items(), ("code", "other")])

    assert (await client.http.get(f"/sso/callback?{query}")).status_code == 400
    assert sso.provider.requests[TOKEN] == 0


@pytest.mark.parametrize("error", ["access_denied", "<script>alert(1)</script>", "server_error"])
async def test_somebody_who_did_not_sign_in_there_is_not_signed_in_here(
    sso: SsoSite, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    """What the provider writes is neither in the page nor in the log, unless it is a known word."""
    client = await sso.site.browser()
    back = sso.provider.sign_in(await sso.start(client, **{"return": "/graphiql"}))

    with caplog.at_level(logging.WARNING, "keydesk.sso"):
        answer = await sso.come_back(
            client, {"state": back["state"], "iss": back["iss"], "error": error, "error_description": "<b>hi</b>"}
        )

    assert answer.status_code == 403
    assert "Example Login has not signed you in" in answer.text
    assert "/sso/start?return=%2Fgraphiql" in answer.text
    assert "script" not in answer.text + caplog.text
    assert "<b>hi" not in answer.text


async def test_a_code_of_somebody_else_is_not_exchanged(sso: SsoSite) -> None:
    """A code that was stolen in another browser: PKCE's verifier is another one."""
    victim, thief = await sso.site.browser(), await sso.site.browser()
    stolen = sso.provider.sign_in(await sso.start(victim), **ADA)
    own = sso.provider.sign_in(await sso.start(thief), sub="thief")

    answer = await sso.come_back(thief, {**own, "code": stolen["code"]})

    assert answer.status_code == 400
    assert "does not accept this sign-in any more" in answer.text
    assert await sso.viewer(thief) is None


async def test_the_secret_is_sent_as_the_provider_asks(sso: SsoSite) -> None:
    """In a header by default, in the body where only that is supported; never in an address."""
    await sso.sign_in(ADA)
    headers, form = sso.provider.token_requests[0]
    assert headers["authorization"].startswith("Basic ")
    assert "client_secret" not in form


async def test_the_secret_is_in_the_body_where_only_that_is_supported(sso: SsoSite) -> None:
    """`client_secret_post`."""
    sso.provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]

    _, answer = await sso.sign_in(ADA)

    headers, form = sso.provider.token_requests[0]
    assert answer.status_code == 303
    assert "authorization" not in headers
    assert form["client_secret"]


async def test_a_flood_of_unknown_keys_fetches_the_keys_once_a_minute(sso: SsoSite, clock: Clock) -> None:
    """Logout tokens come from anybody. A key that the provider has added is found all the same."""
    client, _ = await sso.sign_in(ADA)
    assert sso.provider.requests[KEYS] == 1
    sso.provider.signing = rsa_key("made up")
    sso.provider.algorithm = "RS256"

    async def flood(count: int) -> set[int]:
        token = sso.provider.logout_token(sub="ada-1")
        answers = [client.http.post("/sso/backchannel-logout", data={"logout_token": token}) for _ in range(count)]
        return {answer.status_code for answer in await asyncio.gather(*answers)}

    assert await flood(20) == {400}
    assert sso.provider.requests[KEYS] == 1, "they were fetched less than a minute ago"
    clock.advance(minutes=1)
    assert await flood(20) == {400}
    assert sso.provider.requests[KEYS] == 2
    clock.advance(minutes=1)
    sso.provider.signing = ec_key("added")
    sso.provider.algorithm = "ES256"
    sso.provider.keys.append(sso.provider.signing)
    assert (await sso.sign_in(ADA))[1].status_code == 303
    assert sso.provider.requests[KEYS] == 3
    assert sso.provider.requests[DISCOVERY] == 1


async def test_a_provider_that_fails_is_not_asked_by_each_person(sso: SsoSite, clock: Clock) -> None:
    """A failure is remembered for 10 seconds; what was read before is used for a day."""
    sso.provider.answers[DISCOVERY] = lambda: (500, {}, b"")
    client = await sso.site.browser()
    answers = await asyncio.gather(*(client.http.get("/sso/start") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {503}
    assert sso.provider.requests[DISCOVERY] == 1

    clock.advance(seconds=10)
    del sso.provider.answers[DISCOVERY]
    assert (await sso.sign_in(ADA))[1].status_code == 303
    sso.provider.answers.update({DISCOVERY: lambda: (500, {}, b""), KEYS: lambda: (500, {}, b"")})
    clock.advance(hours=23)
    assert (await sso.sign_in(ADA))[1].status_code == 303
    clock.advance(hours=2)
    assert (await client.http.get("/sso/start")).status_code == 503


async def test_a_provider_that_does_not_answer_is_left_after_a_while(
    sso: SsoSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is the policy's for all requests (`app/outbound`), made short here."""
    client = await sso.site.browser()
    back = sso.provider.sign_in(await sso.start(client), **ADA)
    assert sso.site.app._provider is not None
    monkeypatch.setattr(sso.site.app._provider._outbound, "_seconds", 0.2)
    sso.provider.answers[TOKEN] = _never

    answer = await sso.come_back(client, back)

    assert (answer.status_code, heading(answer)) == (503, "The sign-in service can't be reached")


async def test_two_completions_at_the_same_moment_begin_one_session(sso: SsoSite) -> None:
    """Also if the provider gives a token for a code again and again."""
    client = await sso.site.browser()
    back = sso.provider.sign_in(await sso.start(client))
    nonce = sso.provider.asked[back["code"]].parameters["nonce"]
    sso.provider.answers[TOKEN] = lambda: as_json({"id_token": sso.provider.id_token(nonce, **ADA)})

    answers = await asyncio.gather(*(sso.come_back(client, back) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400, 400]
    async with sso.site.database.reading() as session:
        assert (await session.execute(select(func.count()).select_from(SignInSession))).scalar_one() == 1


async def test_an_address_that_comes_back_too_often_costs_the_provider_nothing_more(sso: SsoSite) -> None:
    """A state is free, and each code that is sent with it would be a request to the provider."""
    client = await sso.site.browser()
    back = sso.provider.sign_in(await sso.start(client), sub="ada-1")

    statuses = [(await sso.come_back(client, {**back, "code": f"c{number}"})).status_code for number in range(125)]

    assert (statuses[119], statuses[120:]) == (400, [429] * 5)
    assert sso.provider.requests["/token"] <= 120
