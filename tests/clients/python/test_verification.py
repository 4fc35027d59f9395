"""What the client sends to Keydesk, and what it makes of the answers, with a prepared server in its place."""

import gzip
import json
import logging
import multiprocessing
import pickle
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from typing import Any

import anyio
import httpx2
import pytest

from keydesk_client import AsyncKeydesk, Keydesk, Refused, Unavailable, Verified
from tests.support.servers.small_servers import Given, SmallServer, free_port

URL = "https://keys.example"
TOKEN = "the-gateway-token"
KEY = "kd_0123456789abcdef_thesecretpartofit"
AGENT = "agt_01936f7a0d527c8890aabbccddeeff01"
OTHER_AGENT = "agt_01936f7a0d527c8890aabbccddeeff02"
GOOD: dict[str, Any] = {
    "keyId": "key_01936f7ab2c07d3e9a41c5d2e8f60b17",
    "organizationId": "org_01936f79c4e17a20b1d3f4a5968778a9",
    "scope": "organization",
    "agentId": None,
    "requestId": "req_0f8d2c6b5e914a77b3d1a4c09e5f6a21",
}
PROBLEM = {
    "type": "https://keys.example/docs/errors#deleted_key",
    "title": "access not permitted",
    "status": 401,
    "detail": "This key was deleted.",
    "statusCode": 401,
    "message": "access not permitted",
    "code": "deleted_key",
    "requestId": "req_0f8d2c6b5e914a77b3d1a4c09e5f6a22",
}
Handler = Callable[[httpx2.Request], httpx2.Response]


class Prepared(httpx2.AsyncBaseTransport):
    """Gives the prepared answers one after the other, the last one for ever; an exception is raised."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.asked: list[httpx2.Request] = []
        self._answers = list(answers)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sent(self, name: str) -> list[str]:
        """The values of a field of the last request."""
        return self.asked[-1].headers.get_list(name)


def good(agent: str = "none", **changed: Any) -> httpx2.Response:
    headers: dict[str, str] = {
        "X-Keydesk-Agent": agent,
        "RateLimit-Policy": '"key";q=600;w=60',
        "RateLimit": '"key";r=599;t=60',
        "X-Request-Id": GOOD["requestId"],
    }
    return httpx2.Response(200, headers=headers, json={**GOOD, **changed})


def problem(status: int, code: str, headers: dict[str, str] | None = None, /, **changed: Any) -> httpx2.Response:
    body = {**PROBLEM, "status": status, "statusCode": status, "code": code, **changed}
    lines = {"Content-Type": "application/problem+json", "X-Request-Id": str(PROBLEM["requestId"]), **(headers or {})}
    return httpx2.Response(status, headers=lines, content=json.dumps(body).encode())


def client(*answers: httpx2.Response | Exception, **options: Any) -> tuple[AsyncKeydesk, Prepared]:
    transport = Prepared(*answers)
    return AsyncKeydesk(URL, TOKEN, transport=transport, **options), transport


async def test_a_good_key_is_verified() -> None:
    """With the ids of the answer, and the fields on its limits."""
    keydesk, transport = client(good(AGENT, scope="agent", agentId=AGENT))

    answer = await keydesk.verify(KEY, AGENT, client_address="203.0.113.7", user_agent="curl/8.5")

    assert answer == Verified(
        GOOD["keyId"],
        GOOD["organizationId"],
        "agent",
        AGENT,
        GOOD["requestId"],
        AGENT,
        headers=(("ratelimit-policy", '"key";q=600;w=60'), ("ratelimit", '"key";r=599;t=60')),
    )
    assert transport.asked[-1].url == f"{URL}/v1/verify"
    assert transport.sent("authorization") == [f"Bearer {KEY}"]
    assert transport.sent("x-agent-id") == [AGENT]
    assert transport.sent("x-gateway-token") == [TOKEN]
    assert transport.sent("x-forwarded-for") == ["203.0.113.7"]
    assert transport.sent("user-agent") == ["curl/8.5"]


async def test_the_ids_of_the_host_product_are_in_the_answer() -> None:
    """Where the host product gave the organization and the agent ids of its own."""
    keydesk, transport = client(good(AGENT, organizationExternalId="acme", agentExternalId="crawler/7 ü"))

    answer = await keydesk.verify(KEY, "ext:crawler/7 ü")

    assert isinstance(answer, Verified)
    assert (answer.organization_external_id, answer.agent_external_id) == ("acme", "crawler/7 ü")
    assert answer.requested_agent_id == AGENT
    assert transport.sent("x-agent-id") == ["ext:crawler%2F7%20%C3%BC"]


@pytest.mark.parametrize(
    ("status", "code", "headers"),
    [
        (401, "deleted_key", {"WWW-Authenticate": 'Bearer realm="keydesk", error="invalid_token"'}),
        (403, "agent_not_in_scope", {}),
        (429, "rate_limited", {"RateLimit-Policy": '"key";q=1;w=60', "RateLimit": '"key";r=0;t=7', "Retry-After": "7"}),
        (431, "headers_too_large", {}),
    ],
)
async def test_a_refusal_has_everything_to_pass_on(status: int, code: str, headers: dict[str, str]) -> None:
    """The body byte for byte, and the fields that are for the caller; no field that is not."""
    told = problem(status, code, {**headers, "X-Problem-Details": "{}", "Server": "nginx"})
    keydesk, _ = client(told)

    answer = await keydesk.verify(KEY)

    assert isinstance(answer, Refused)
    assert (answer.status, answer.code, answer.detail) == (status, code, PROBLEM["detail"])
    assert (answer.request_id, answer.body) == (PROBLEM["requestId"], told.content)
    expected = {"content-type": "application/problem+json", "x-request-id": PROBLEM["requestId"]}
    assert dict(answer.headers) == expected | {name.lower(): value for name, value in headers.items()}


async def test_keydesks_own_503_is_passed_on() -> None:
    """With its body and its Retry-After."""
    told = problem(503, "unavailable", {"Retry-After": "17"}, title="verification unavailable")
    keydesk, _ = client(told)

    answer = await keydesk.verify(KEY)

    assert isinstance(answer, Unavailable)
    assert (answer.status, answer.retry_after_seconds, answer.body) == (503, 17, told.content)
    assert ("retry-after", "17") in answer.headers


NO_VERDICTS: dict[str, httpx2.Response | Exception] = {
    "a proxy's own 401": httpx2.Response(401, headers={"WWW-Authenticate": "Basic"}, text="<h1>Sign in</h1>"),
    "a 401 of another program": httpx2.Response(401, json=PROBLEM),
    "a 401 that says 403": problem(401, "deleted_key", status=403),
    "a 401 without a code": httpx2.Response(
        401, headers={"Content-Type": "application/problem+json"}, content=b'{"status": 401}'
    ),
    "a firewall's 403": httpx2.Response(403, text="blocked"),
    "a proxy's 429": httpx2.Response(429, headers={"Retry-After": "1"}),
    "a redirect": httpx2.Response(302, headers={"Location": "https://elsewhere.example"}),
    "not found": httpx2.Response(404, text="no such page"),
    "a proxy's 502": httpx2.Response(502, text="bad gateway"),
    "a 200 of another page": httpx2.Response(200, text="<h1>Welcome</h1>"),
    "a 200 that is a list": httpx2.Response(200, json=[GOOD]),
    "a 200 that is empty": httpx2.Response(200),
    "a 200 without a key's id": good(keyId=None),
    "a 200 without an organization": good(organizationId=7),
    "a 200 of an unknown scope": good(scope="world"),
    "a 200 for an agent without its id": good(scope="agent"),
    "deep nesting": httpx2.Response(200, content=b"[" * 60_000),
    "a huge answer": good(more=" " * 100_000),
    "a compressed answer": httpx2.Response(
        200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(json.dumps(GOOD).encode())
    ),
    "a 400": problem(400, "bad_request"),
    "no connection": httpx2.ConnectError("refused"),
    "a connection that breaks": httpx2.ReadError("reset"),
    "a transport whose event loop has ended": RuntimeError("Event loop is closed"),
    "not HTTP": httpx2.RemoteProtocolError("illegal"),
    "a certificate that does not fit": httpx2.ConnectError("certificate verify failed"),
}


@pytest.mark.parametrize("case", NO_VERDICTS)
async def test_what_is_not_keydesks_verdict_refuses_nobody(case: str) -> None:
    """It is a 503 for the caller, who is asked to try again; never a 401, and never a pass."""
    keydesk, _ = client(NO_VERDICTS[case])

    answer = await keydesk.verify(KEY)

    assert isinstance(answer, Unavailable)
    body = json.loads(answer.body)
    assert (body["status"], body["code"]) == (503, "unavailable")
    assert dict(answer.headers) == {"content-type": "application/problem+json", "retry-after": "5"}


async def test_a_wrong_gateway_token_is_not_the_callers_fault() -> None:
    """The reason says what to compare."""
    keydesk, _ = client(problem(403, "gateway_not_allowed"))

    answer = await keydesk.verify(KEY)

    assert isinstance(answer, Unavailable)
    assert "KEYDESK_GATEWAY_TOKEN" in answer.reason


@pytest.mark.parametrize("said", [None, "none", OTHER_AGENT])
async def test_a_200_for_another_agent_passes_nobody(said: str | None) -> None:
    """A proxy that drops X-Agent-Id would make Keydesk check the key alone."""
    answer = good() if said is None else good(said)
    if said is None:
        del answer.headers["x-keydesk-agent"]
    keydesk, _ = client(answer)

    assert isinstance(await keydesk.verify(KEY, AGENT), Unavailable)


@pytest.mark.parametrize("answer", [good("none"), good(AGENT), good(AGENT, agentExternalId="biller")])
async def test_an_external_id_that_was_not_looked_up_passes_nobody(answer: httpx2.Response) -> None:
    """Keydesk answers with both ids of the agent."""
    keydesk, _ = client(answer)

    assert isinstance(await keydesk.verify(KEY, "ext:crawler"), Unavailable)


@pytest.mark.parametrize("empty", ["", " ", "\t"])
async def test_an_empty_agent_is_not_no_agent(empty: str) -> None:
    """To Keydesk, an empty field is an absent one, and would let the keys of all agents pass."""
    keydesk, transport = client(problem(403, "agent_not_in_scope"))

    await keydesk.verify(KEY, empty)

    assert transport.sent("x-agent-id") == ["?"]


@pytest.mark.parametrize("requested", [f"{AGENT} ", f" {AGENT}", f"\t{AGENT}\t"])
async def test_spaces_around_an_agent_are_no_outage(requested: str) -> None:
    """No field can carry them. Callers may be able to choose them, as in `/agents/agt_…%20/reports`."""
    keydesk, transport = client(good(AGENT))

    assert isinstance(await keydesk.verify(KEY, requested), Verified)
    assert transport.sent("x-agent-id") == [AGENT]


@pytest.mark.parametrize("key", [None, "", " ", "\t "])
async def test_no_key_is_sent_as_no_key(key: str | None) -> None:
    """So that Keydesk answers missing_key."""
    keydesk, transport = client(problem(401, "missing_key"))

    await keydesk.verify(key)

    assert transport.sent("authorization") == []


@pytest.mark.parametrize("key", [f"{KEY}\nX-Agent-Id: {AGENT}", f"{KEY}\r\n", f"{KEY}\x00", f"{KEY}ключ", "\udcff"])
async def test_a_key_that_no_field_can_contain_is_malformed(key: str) -> None:
    """It is sent with a question mark in place of what can't be sent: Keydesk judges it, and nothing is raised."""
    keydesk, transport = client(problem(401, "malformed_key"))

    assert isinstance(await keydesk.verify(key), Refused)
    (sent,) = transport.sent("authorization")
    assert "?" in sent
    assert transport.sent("x-agent-id") == []


async def test_repeated_and_conflicting_fields_are_passed_on() -> None:
    """In one field, which Keydesk refuses like two. Everything else that the caller sent stays behind."""
    keydesk, transport = client(problem(401, "malformed_key"))
    headers = [
        (b"authorization", b"Basic dTpw"),
        (b"Authorization", b"Bearer one"),
        (b"Authorization", b""),
        (b"X-API-Key", b"three"),
        (b"user-agent", b"curl/8.5"),
        (b"x-agent-id", AGENT.encode()),
        (b"x-gateway-token", b"forged"),
        (b"x-forwarded-for", b"203.0.113.99"),
        (b"forwarded", b"for=203.0.113.99"),
        (b"x-keydesk-key", b"forged"),
        (b"cookie", b"session=1"),
    ]

    await keydesk.verify_request(headers, client_address="198.51.100.4")

    assert transport.sent("authorization") == ["Bearer one, Basic dTpw"]
    assert transport.sent("x-api-key") == ["three"]
    assert transport.sent("user-agent") == ["curl/8.5"]
    assert transport.sent("x-gateway-token") == [TOKEN]
    assert transport.sent("x-forwarded-for") == ["198.51.100.4"]
    assert transport.sent("forwarded") == ["for=198.51.100.4"]
    for name in ("x-agent-id", "x-keydesk-key", "cookie"):
        assert transport.sent(name) == []


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("203.0.113.7", (["203.0.113.7"], ["for=203.0.113.7"])),
        ("2001:db8::7", (["2001:db8::7"], ['for="[2001:db8::7]"'])),
        ("fe80::1%eth0", (["fe80::1"], ['for="[fe80::1]"'])),
        ("/run/app.sock", ([], [])),
        ("203.0.113.7\r\nX-Agent-Id: agt_1", ([], [])),
        ("", ([], [])),
        (None, ([], [])),
    ],
)
async def test_the_address_is_in_both_fields(address: str | None, fields: tuple[list[str], list[str]]) -> None:
    """Keydesk reads the field that its operator has set. What is not an address is left out."""
    keydesk, transport = client(good())

    await keydesk.verify(KEY, client_address=address)

    assert (transport.sent("x-forwarded-for"), transport.sent("forwarded")) == fields


async def test_a_connection_that_was_closed_meanwhile_is_no_outage() -> None:
    """The request is sent once more."""
    keydesk, transport = client(httpx2.RemoteProtocolError("closed"), good())

    assert isinstance(await keydesk.verify(KEY), Verified)
    assert len(transport.asked) == 2


async def test_a_server_that_is_not_there_is_not_asked_twice() -> None:
    """Nothing listens there; the caller is told at once."""
    keydesk, transport = client(httpx2.ConnectError("refused"))

    assert isinstance(await keydesk.verify(KEY), Unavailable)
    assert len(transport.asked) == 1


async def test_cookies_of_one_answer_are_not_sent_with_the_next_request() -> None:
    """The requests are of different callers."""
    first = good()
    first.headers["set-cookie"] = "route=1; Path=/"
    keydesk, transport = client(first, good())

    await keydesk.verify(KEY)
    await keydesk.verify(KEY)

    assert transport.sent("cookie") == []


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are for the addresses of others, and would see each key."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    body = json.dumps(GOOD).encode()

    with (
        closing(SmallServer(lambda asked: Given(200, body=body))) as server,
        Keydesk(f"http://127.0.0.1:{server.port}") as keydesk,
    ):
        assert isinstance(keydesk.verify(KEY), Verified)


def test_a_client_can_be_used_in_one_event_loop_after_another() -> None:
    """As in tests of an application that has one client for all of them: each loop gets connections of its own."""
    program = (
        "import asyncio, sys, keydesk_client; keydesk = keydesk_client.AsyncKeydesk(sys.argv[1]);"
        "[print(type(asyncio.run(keydesk.verify('kd_1'))).__name__) for _ in range(3)]"
    )
    body = json.dumps(GOOD).encode()

    with closing(SmallServer(lambda asked: Given(200, body=body))) as server:
        command = [sys.executable, "-c", program, f"http://127.0.0.1:{server.port}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.stdout.split(), done.returncode) == (["Verified"] * 3, 0), done.stderr


class Dripping(httpx2.AsyncByteStream):
    """A body that arrives slowly, and never ends."""

    def __init__(self) -> None:
        self.was_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await anyio.sleep(0.001)
            yield b" "

    async def aclose(self) -> None:
        self.was_closed = True


async def test_the_patience_is_for_the_whole_answer() -> None:
    """A server that goes on sending bytes is left, too."""
    body = Dripping()
    keydesk, _ = client(httpx2.Response(200, stream=body), patience_seconds=0.02)

    answer = await keydesk.verify(KEY)

    assert isinstance(answer, Unavailable)
    assert answer.reason == "no answer within 0.02 seconds"
    assert body.was_closed


def test_threads_share_a_client() -> None:
    """Without an event loop of their own."""
    transport = Prepared(good())

    with Keydesk(URL, TOKEN, transport=transport) as keydesk:
        assert isinstance(keydesk.verify(KEY, user_agent="curl/8.5"), Verified)
        assert isinstance(keydesk.verify_request([(b"x-api-key", KEY.encode())]), Verified)

    assert transport.sent("x-api-key") == [KEY]


def verified_in_child(keydesk: Keydesk, outcome: Any) -> None:
    outcome.put(type(keydesk.verify(KEY)).__name__)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_goes_on_with_a_client() -> None:
    """As under servers that load the application and then fork: the thread is not copied, and is started anew."""
    context = multiprocessing.get_context("fork")
    outcome = context.Queue()
    with Keydesk(URL, TOKEN, transport=Prepared(good())) as keydesk:
        keydesk.verify(KEY)
        child = context.Process(target=verified_in_child, args=(keydesk, outcome))
        child.start()
        said = outcome.get(timeout=60)
        child.join()

    assert said == "Verified"


ANSWERS = (good(), problem(401, "deleted_key"), httpx2.ReadError(f"with {KEY}"), httpx2.LocalProtocolError(KEY))


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
async def test_no_key_and_no_token_is_shown(
    answer: httpx2.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a log on any level, nor in what is printed of the client and its answer."""
    caplog.set_level(logging.DEBUG)
    keydesk, _ = client(answer)

    answered = await keydesk.verify(KEY)

    shown = [caplog.text, repr(keydesk), str(keydesk), repr(answered), str(answered), repr(pickle.dumps(answered))]
    if isinstance(answered, Unavailable):
        assert "A key could not be checked" in caplog.text
    for text in shown:
        assert "secretpart" not in text
        assert TOKEN not in text


async def test_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Not with each request."""
    keydesk, _ = client(httpx2.ConnectError("refused"))

    for _ in range(20):
        await keydesk.verify(KEY)

    lines = [record.getMessage() for record in caplog.records if record.name == "keydesk_client"]
    assert lines == ["A key could not be checked: the connection failed (ConnectError)"]


@pytest.mark.parametrize(
    "url", ["keys.example", "ftp://keys.example", "https://", "https://u:p@keys.example", "https://keys.example/?a=1"]
)
def test_an_address_that_can_not_be_used_says_so(url: str) -> None:
    """When the client is made, without the address, which may contain a password."""
    with pytest.raises(ValueError, match="such as https") as raised:
        Keydesk(url)

    assert "u:p" not in "".join(traceback.format_exception_only(raised.value))


@pytest.mark.parametrize("token", ["", "two\nlines", "clé"])
def test_a_gateway_token_that_can_not_be_sent_says_so(token: str) -> None:
    """When the client is made, without the token."""
    with pytest.raises(ValueError, match="gateway_token") as raised:
        Keydesk(URL, token)

    assert not token or token not in str(raised.value)
