"""The Python client with a real Keydesk behind a real nginx, which is frozen, killed, and over its limits."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from keydesk_client import Answer, AsyncKeydesk, Keydesk, Refused, Unavailable, Verified
from keydesk_client.answers import unavailable
from tests.conftest import Databases
from tests.support.gateways.gateways import TOKEN
from tests.support.gateways.proxies import Proxy, nginx
from tests.support.gateways.site import KeydeskBehind, agent_header, keydesk_behind

DATABASE_NUMBER = 120
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
LINES = 'proxy_set_header Connection ""; proxy_connect_timeout 60s;'
MANY = 50
GIVE_UP_SECONDS = 60.0


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    with keydesk_behind(databases.fresh(DATABASE_NUMBER), tmp_path_factory.mktemp("keydesk")) as opened:
        yield opened


@pytest.fixture(scope="module")
def url(keydesk: KeydeskBehind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an nginx in front of it."""
    with behind_nginx(keydesk, tmp_path_factory.mktemp("nginx")) as address:
        yield address


@contextmanager
def behind_nginx(keydesk: KeydeskBehind, folder: Path) -> Iterator[str]:
    port = keydesk.server.port
    with closing(Proxy("nginx", lambda to, own, at: nginx(LINES, to, own, at), port, folder)) as proxy:
        yield f"http://127.0.0.1:{proxy.port}"


@contextmanager
def frozen(keydesk: KeydeskBehind) -> Iterator[None]:
    """The server's process does not run during the block."""
    os.kill(keydesk.server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(keydesk.server.process.pid, signal.SIGCONT)


def test_a_key_is_good_until_it_is_deleted(keydesk: KeydeskBehind, url: str) -> None:
    """The first verification after the deletion refuses it."""
    issued = keydesk.issue(keydesk.crawler)
    secret, crawler, biller = issued.secret.reveal(), agent_header(keydesk.crawler), agent_header(keydesk.biller)

    with Keydesk(url, TOKEN) as client:
        good = client.verify(secret, crawler)
        for_another = client.verify(secret, biller)
        keydesk.delete(issued)
        deleted = client.verify(secret, crawler)

    assert isinstance(good, Verified)
    assert (good.key_id, good.agent_id, good.requested_agent_id) == (f"key_{issued.record.id.hex}", crawler, crawler)
    assert [name for name, _ in good.headers] == ["ratelimit-policy", "ratelimit"]
    assert isinstance(for_another, Refused)
    assert (for_another.status, for_another.code) == (403, "agent_not_in_scope")
    assert isinstance(deleted, Refused)
    assert (deleted.status, deleted.code) == (401, "deleted_key")
    assert ("www-authenticate", 'Bearer realm="keydesk", error="invalid_token"') in deleted.headers


def test_keydesk_records_the_callers_address(keydesk: KeydeskBehind, url: str) -> None:
    """And not the address of the program that asks for it."""
    issued = keydesk.issue(keydesk.crawler)
    keydesk.delete(issued)

    with Keydesk(url, TOKEN) as client:
        answer = client.verify(issued.secret.reveal(), client_address="2001:db8::7")

    assert isinstance(answer, Refused)
    assert keydesk.address_of(answer.request_id) == "2001:db8::7"


def test_what_the_caller_repeated_is_refused_by_keydesk(keydesk: KeydeskBehind, url: str) -> None:
    """nginx would answer a repeated field itself, and say nothing to the caller."""
    line = b"authorization", b"Bearer " + keydesk.issue().secret.reveal().encode()

    with Keydesk(url, TOKEN) as client:
        answer = client.verify_request([line, line])

    assert isinstance(answer, Refused)
    assert (answer.code, answer.detail) == (
        "malformed_key",
        "The key is there more than once. Send it once, in one header.",
    )


def test_over_its_limit_a_key_is_told_when_to_come_back(keydesk: KeydeskBehind, url: str) -> None:
    """With the fields of Keydesk's answer."""
    secret = keydesk.issue(rate_limit=2).secret.reveal()

    with Keydesk(url, TOKEN) as client:
        answers = [client.verify(secret) for _ in range(3)]

    assert [type(answer) for answer in answers] == [Verified, Verified, Refused]
    limited = answers[-1]
    assert isinstance(limited, Refused)
    assert (limited.status, limited.code) == (429, "rate_limited")
    assert {"ratelimit-policy", "ratelimit", "retry-after"} <= {name for name, _ in limited.headers}


def test_a_frozen_keydesk_is_left_after_the_patience(keydesk: KeydeskBehind, url: str) -> None:
    """By all who ask at the same time; and once it runs again, everything is as before."""
    secret = keydesk.issue().secret.reveal()

    async def ask() -> list[Answer]:
        async with AsyncKeydesk(url, TOKEN, patience_seconds=0.5) as client:
            return await asyncio.gather(*(client.verify(secret) for _ in range(MANY)))

    with frozen(keydesk):
        answers = asyncio.run(ask())

    assert answers == [unavailable("no answer within 0.5 seconds")] * MANY
    with Keydesk(url, TOKEN, patience_seconds=GIVE_UP_SECONDS) as client:
        assert isinstance(client.verify(secret), Verified)


def test_connections_that_were_given_up_do_not_fill_the_pool(keydesk: KeydeskBehind, url: str) -> None:
    """The same client goes on after callers have left it on each of its connections."""
    secret = keydesk.issue().secret.reveal()

    async def ask() -> list[Answer]:
        async with AsyncKeydesk(url, TOKEN, patience_seconds=GIVE_UP_SECONDS, max_connections=2) as client:
            with frozen(keydesk):
                asked = [asyncio.ensure_future(client.verify(secret)) for _ in range(MANY)]
                await asyncio.sleep(0.2)
                for each in asked:
                    each.cancel()
                await asyncio.gather(*asked, return_exceptions=True)
            return [await client.verify(secret) for _ in range(3)]

    assert [type(answer) for answer in asyncio.run(ask())] == [Verified] * 3


def test_a_killed_keydesk_is_no_refusal(databases: Databases, tmp_path: Path) -> None:
    """nginx's 502 is no verdict; without nginx, nothing listens."""
    (tmp_path / "nginx").mkdir()
    with (
        keydesk_behind(databases.fresh(DATABASE_NUMBER + 1), tmp_path) as keydesk,
        behind_nginx(keydesk, tmp_path / "nginx") as url,
        Keydesk(url, TOKEN) as by_nginx,
        Keydesk(keydesk.server.address, TOKEN) as direct,
    ):
        secret = keydesk.issue().secret.reveal()
        assert isinstance(by_nginx.verify(secret), Verified)
        assert isinstance(direct.verify(secret), Verified)

        keydesk.server.kill()

        for client in (by_nginx, direct):
            answer = client.verify(secret)
            assert isinstance(answer, Unavailable)
            assert (answer.status, answer.retry_after_seconds) == (503, 5)


def test_a_client_without_the_token_asks_in_vain(keydesk: KeydeskBehind, url: str) -> None:
    """That is the fault of the program, not of its callers."""
    with Keydesk(url) as client:
        answer = client.verify(keydesk.issue().secret.reveal())

    assert isinstance(answer, Unavailable)
