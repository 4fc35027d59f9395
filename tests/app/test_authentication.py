"""A browser's cookies, from signing in to signing out."""

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any

import pytest

from app.authentication import Identity, RequestIdentity, read_cookies
from app.client_address import Addresses
from keys.hashing import HashingPool
from keys.refusals import SignInRefused
from models.engine.database import Database
from models.engine.reader import Reader
from resolvers import viewer
from resolvers.sign_in_attempts import PasswordChecker
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.world import make_world

PASSWORD = "correct horse battery staple"
EMAIL = "ada@example.com"
SESSION, DEVICE = "keydesk_session", "keydesk_device"


@pytest.fixture
async def checker(database: Database) -> AsyncIterator[PasswordChecker]:
    """The password checker of a world in which everybody has the same password."""
    hasher = CountingHasher()
    await make_world(database, password_hash=hasher.hash(PASSWORD))
    pool, reader = HashingPool(hasher, threads=2, queue_limit=100, name="test"), Reader(database)
    yield await PasswordChecker.open(database, reader, pool, SERVER_KEYS)
    pool.close()
    await reader.close()


@pytest.fixture
async def identity(checker: PasswordChecker, clock: Clock) -> AsyncIterator[Identity]:
    """Identities for an address without https."""
    opened = Identity(checker, addresses=Addresses([]), public_url="http://127.0.0.1:8000", clock=clock)
    yield opened
    await opened.close()


def scope(**cookies: str | None) -> dict[str, Any]:
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items() if value is not None)
    return {"type": "http", "headers": [(b"cookie", sent.encode())] if sent else [], "client": ("203.0.113.7", 4711)}


def given(visit: RequestIdentity) -> dict[str, str]:
    """The attributes of the cookies that the answer sets."""
    found = {}
    for name, value in visit.answer_headers():
        assert name == b"set-cookie"
        cookie, _, attributes = value.decode().partition("; ")
        found[cookie.partition("=")[0]] = attributes
    return found


def value_of(visit: RequestIdentity, name: str) -> str:
    for _, header in visit.answer_headers():
        cookies = SimpleCookie(header.decode())
        if name in cookies:
            return cookies[name].value
    raise LookupError(name)


async def test_a_sign_in_gives_the_browser_its_cookies_and_the_next_request_is_theirs(identity: Identity) -> None:
    """The cookies are HttpOnly and Lax, for all paths. The session's lasts a week, the device's a year."""
    first = await identity.visit(scope())
    assert first.signed_in is None

    begun = await first.sign_in(EMAIL, PASSWORD)

    assert first.signed_in == begun
    assert given(first) == {
        SESSION: "Path=/; Max-Age=604800; HttpOnly; SameSite=Lax",
        DEVICE: "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
    }
    second = await identity.visit(scope(keydesk_session=value_of(first, SESSION)))
    assert second.signed_in == begun
    assert begun.actor.address == "203.0.113.7"
    assert second.answer_headers() == []


async def test_https_makes_cookies_secure_and_binds_them_to_the_host(checker: PasswordChecker, clock: Clock) -> None:
    """The cookies have other names, and one with a plain name is ignored."""
    identity = Identity(checker, addresses=Addresses([]), public_url="https://keys.example", clock=clock)
    visit = await identity.visit(scope())
    await visit.sign_in(EMAIL, PASSWORD)

    assert given(visit) == {
        f"__Host-{SESSION}": "Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure",
        f"__Host-{DEVICE}": "Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure",
    }
    token = value_of(visit, f"__Host-{SESSION}")
    assert (await identity.visit(scope(**{f"__Host-{SESSION}": token}))).signed_in is not None
    assert (await identity.visit(scope(**{SESSION: token}))).signed_in is None


async def test_a_refused_sign_in_gives_no_cookie(identity: Identity) -> None:
    """The answer sets neither cookie."""
    visit = await identity.visit(scope())

    with pytest.raises(SignInRefused):
        await visit.sign_in(EMAIL, "wrong password")

    assert visit.answer_headers() == []
    assert visit.signed_in is None


async def test_a_sign_out_ends_the_session_and_takes_the_cookie_back(identity: Identity) -> None:
    """The device cookie stays. Signing out again does nothing."""
    first = await identity.visit(scope())
    await first.sign_in(EMAIL, PASSWORD)
    token = value_of(first, SESSION)
    second = await identity.visit(scope(keydesk_session=token))

    await second.sign_out()
    await second.sign_out()

    assert second.signed_in is None
    assert [value for _, value in second.answer_headers()] == [
        b"keydesk_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    ]
    assert (await identity.visit(scope(keydesk_session=token))).signed_in is None


async def test_of_several_sign_ins_in_one_document_the_last_counts(identity: Identity) -> None:
    """The earlier sessions end, and each cookie is set once."""
    visit = await identity.visit(scope())
    await visit.sign_in(EMAIL, PASSWORD)
    first_token = value_of(visit, SESSION)

    await visit.sign_out()
    await visit.sign_in("grace@example.com", PASSWORD)
    second_token = value_of(visit, SESSION)
    await visit.sign_in(EMAIL, PASSWORD)

    assert len(visit.answer_headers()) == 2
    signed_in = [
        (await identity.visit(scope(keydesk_session=token))).signed_in
        for token in (first_token, second_token, value_of(visit, SESSION))
    ]
    assert [each is not None for each in signed_in] == [False, False, True]


async def test_the_device_cookie_signs_in_while_strangers_have_locked_the_account(identity: Identity) -> None:
    """A device that signed in before can sign in while the account is locked for others."""
    first = await identity.visit(scope())
    await first.sign_in(EMAIL, PASSWORD)
    device = value_of(first, DEVICE)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await (await identity.visit(scope())).sign_in(EMAIL, "wrong password")
    with pytest.raises(SignInRefused):
        await (await identity.visit(scope())).sign_in(EMAIL, PASSWORD)

    known = await identity.visit(scope(keydesk_device=device))

    assert (await known.sign_in(EMAIL, PASSWORD)).person.email == EMAIL


async def test_a_changed_password_keeps_the_browser_signed_in(identity: Identity) -> None:
    """The session gets a new token, and the old one stops working."""
    first = await identity.visit(scope())
    begun = await first.sign_in(EMAIL, PASSWORD)
    token = value_of(first, SESSION)
    second = await identity.visit(scope(keydesk_session=token))

    changed = await second.change_password(begun, PASSWORD, "a password of her own")

    assert second.signed_in == changed
    renewed = value_of(second, SESSION)
    assert given(second) == {SESSION: "Path=/; Max-Age=604800; HttpOnly; SameSite=Lax"}
    assert (await identity.visit(scope(keydesk_session=token))).signed_in is None
    assert (await identity.visit(scope(keydesk_session=renewed))).signed_in == changed


async def test_signing_out_after_a_changed_password_in_the_same_document_ends_the_session(identity: Identity) -> None:
    """The session to end is the one with the new token."""
    visit = await identity.visit(scope())
    begun = await visit.sign_in(EMAIL, PASSWORD)
    await visit.change_password(begun, PASSWORD, "a password of her own")
    renewed = value_of(visit, SESSION)

    await visit.sign_out()

    assert (await identity.visit(scope(keydesk_session=renewed))).signed_in is None


@pytest.mark.parametrize("value", ["", "5" * 64, "nonsense", "é", "%00", "x" * 5000])
async def test_a_value_that_was_not_issued_here_is_nobodys(identity: Identity, value: str) -> None:
    """Such a value is neither a session nor kept at the next sign-in."""
    visit = await identity.visit(scope(keydesk_session=value, keydesk_device=value))

    assert visit.signed_in is None
    await visit.sign_in(EMAIL, PASSWORD)
    assert value_of(visit, SESSION) != value


async def test_an_api_key_signs_nobody_in(identity: Identity) -> None:
    """Only the cookie is read, not the Authorization header."""
    first = await identity.visit(scope())
    await first.sign_in(EMAIL, PASSWORD)
    asked = scope()
    asked["headers"] = [(b"authorization", f"Bearer {value_of(first, SESSION)}".encode())]

    assert (await identity.visit(asked)).signed_in is None


async def test_a_sessions_use_is_noted_beside_the_request(
    identity: Identity, clock: Clock, checker: PasswordChecker
) -> None:
    """The use is stored at most once a minute, so that a session in use does not end."""
    first = await identity.visit(scope())
    begun = await first.sign_in(EMAIL, PASSWORD)
    token = value_of(first, SESSION)

    for minutes in (0.5, 0.5, 0.5):
        clock.advance(minutes=minutes)
        await asyncio.gather(*(identity.visit(scope(keydesk_session=token)) for _ in range(5)))
        await identity.close()

    now = await viewer.signed_in(checker.reader, token, now=clock(), address=None)
    assert now is not None
    assert (now.last_seen_at - begun.last_seen_at).total_seconds() == 60


@pytest.mark.parametrize(
    ("lines", "cookies"),
    [
        ([], {}),
        ([b"a=1; b=2"], {"a": "1", "b": "2"}),
        ([b"a=1", b"b=2"], {"a": "1", "b": "2"}),
        ([b"a=1; a=2"], {"a": "1"}),
        ([b"a=1=2;b;;=x;c="], {"a": "1=2", "b": "", "c": ""}),
    ],
)
def test_cookies_are_read_as_browsers_send_them(lines: list[bytes], cookies: dict[str, str]) -> None:
    """Cookies can come in several headers. Of a repeated name, the first one counts."""
    sent = [(b"host", b"keys.example"), *((b"cookie", line) for line in lines)]

    assert read_cookies(sent) == cookies
