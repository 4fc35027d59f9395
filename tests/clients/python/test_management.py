"""The management calls: what they send, and what they make of the answers."""

import json
import logging
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from graphql import build_schema, parse, validate

from keydesk_client import (
    ApiKey,
    AsyncKeyManagement,
    IssuedKey,
    KeydeskUnavailable,
    KeyManagement,
    ManagementError,
    RequestRefused,
    Secret,
    documents,
)
from tests.support.documentation import ROOT

URL = "https://keys.example"
TOKEN = "kds_0123456789abcdef_thesecretpartofit"
SECRET = "kd_0123456789abcdef_thesecretpartofit"
KEY = {
    "id": "key_1",
    "name": "deploy",
    "scope": "AGENT",
    "agent": {"id": "agt_1"},
    "hint": "kd_0123…ofit",
    "status": "ACTIVE",
    "createdAt": "2026-11-30T12:00:00Z",
    "lastUsedAt": None,
    "previousSecretWorksUntil": None,
}
READ = ApiKey("key_1", "deploy", "AGENT", "agt_1", "kd_0123…ofit", "ACTIVE", "2026-11-30T12:00:00Z", None, None)
Operate = Callable[[AsyncKeyManagement], Awaitable[Any]]
OPERATIONS: dict[str, Operate] = {
    "createApiKey": lambda management: management.create_api_key("org_1", "deploy", agent_id="agt_1"),
    "rotateApiKey": lambda management: management.rotate_api_key("key_1", overlap_seconds=60),
    "deleteApiKey": lambda management: management.delete_api_key("key_1"),
    "organization": lambda management: management.api_keys("org_1", agent_id="agt_1", search="dep"),
}


class Answering:
    """A server that gives one answer, and keeps what it was sent."""

    def __init__(self, answer: httpx2.Response | Exception) -> None:
        self.asked: list[httpx2.Request] = []
        self._answer = answer
        self.transport = httpx2.MockTransport(self._give)

    def _give(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    @property
    def variables(self) -> dict[str, Any]:
        """The variables of the last request."""
        variables: dict[str, Any] = json.loads(self.asked[-1].content)["variables"]
        return variables

    def management(self) -> AsyncKeyManagement:
        """A client of this server."""
        return AsyncKeyManagement(URL, TOKEN, transport=self.transport)


def data(**fields: Any) -> Answering:
    return Answering(httpx2.Response(200, json={"data": fields}))


@pytest.mark.parametrize("name", [name for name in vars(documents) if name[0].isupper()])
def test_the_documents_fit_the_schema(name: str) -> None:
    """The schema of this version."""
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())

    assert validate(schema, parse(getattr(documents, name))) == []


async def test_a_key_is_created() -> None:
    """Agent-level for an agent; its secret is shown when asked for."""
    server = data(createApiKey={"apiKey": KEY, "secret": SECRET})

    issued = await OPERATIONS["createApiKey"](server.management())

    assert issued == IssuedKey(READ, issued.secret)
    assert issued.secret.reveal() == SECRET
    given = {"organizationId": "org_1", "name": "deploy", "scope": "AGENT", "agentId": "agt_1"}
    sent = server.variables["input"]
    assert sent == {**given, "clientRequestId": sent["clientRequestId"]}
    assert len(sent["clientRequestId"]) == 32
    assert server.asked[-1].headers["authorization"] == f"Bearer {TOKEN}"
    assert (server.asked[-1].method, str(server.asked[-1].url)) == ("POST", f"{URL}/graphql")


async def test_a_key_is_rotated() -> None:
    """With the overlap that was asked for."""
    server = data(rotateApiKey={"apiKey": KEY, "secret": SECRET})

    issued = await OPERATIONS["rotateApiKey"](server.management())

    assert (issued.api_key, issued.secret.reveal()) == (READ, SECRET)
    assert server.variables == {"input": {"id": "key_1", "overlapSeconds": 60}}


async def test_a_key_is_deleted() -> None:
    """By its id."""
    server = data(deleteApiKey={"apiKey": {**KEY, "status": "DELETED"}})

    deleted = await OPERATIONS["deleteApiKey"](server.management())

    assert deleted.status == "DELETED"
    assert server.variables == {"input": {"id": "key_1"}}


async def test_keys_are_listed() -> None:
    """Those of an agent, or with a text in their name."""
    server = data(organization={"apiKeys": [KEY, {**KEY, "id": "key_2", "scope": "ORGANIZATION", "agent": None}]})

    first, second = await OPERATIONS["organization"](server.management())

    assert first == READ
    assert (second.id, second.agent_id) == ("key_2", None)
    wanted = {"organizationId": "org_1", "agentId": "agt_1", "search": "dep", "includeDeleted": False}
    assert server.variables == wanted


async def test_no_organization_is_no_empty_list() -> None:
    """A program that lists keys must not take a wrong id for an organization without keys."""
    with pytest.raises(RequestRefused) as refused:
        await data(organization=None).management().api_keys("org_2")

    assert refused.value.code == "NOT_FOUND"


async def test_a_refusal_has_its_code() -> None:
    """And the field of the input that it is about."""
    refusal = {"code": "INVALID_INPUT", "message": "A name has 1 to 64 characters.", "field": "name"}

    with pytest.raises(RequestRefused) as refused:
        await data(createApiKey=refusal).management().create_api_key("org_1", "")

    assert (refused.value.code, refused.value.field_name) == ("INVALID_INPUT", "name")
    assert str(refused.value) == "INVALID_INPUT: A name has 1 to 64 characters."


@pytest.mark.parametrize("status", [200, 400, 401])
async def test_an_error_has_its_code(status: int) -> None:
    """Whatever the status of the HTTP answer is."""
    error = {"message": "Sign in first.", "extensions": {"code": "UNAUTHENTICATED", "requestId": "req_1"}}
    server = Answering(httpx2.Response(status, json={"errors": [error], "data": None}))

    with pytest.raises(RequestRefused) as refused:
        await server.management().delete_api_key("key_1")

    assert (refused.value.code, refused.value.request_id) == ("UNAUTHENTICATED", "req_1")


async def test_a_refusal_for_a_while_says_how_long() -> None:
    """A program waits so long, and tries again."""
    error = {"message": "Too many changes.", "extensions": {"code": "RATE_LIMITED", "retryAfterSeconds": 17}}

    with pytest.raises(RequestRefused) as refused:
        await Answering(httpx2.Response(200, json={"errors": [error]})).management().delete_api_key("key_1")

    assert (refused.value.code, refused.value.retry_after_seconds) == ("RATE_LIMITED", 17)


FAILED = {
    "message": "Something went wrong on our side.",
    "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "req_1"},
}


async def test_a_creation_is_sent_again_to_a_keydesk_that_failed() -> None:
    """It may have been carried out. With the same id, it takes no second slot."""
    answers = iter([{"errors": [FAILED], "data": None}, {"data": {"createApiKey": {"apiKey": KEY, "secret": SECRET}}}])
    sent: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(json.loads(request.content)["variables"]["input"]["clientRequestId"])
        return httpx2.Response(200, json=next(answers))

    issued = await AsyncKeyManagement(URL, TOKEN, transport=httpx2.MockTransport(answer)).create_api_key("org_1", "x")

    assert issued.secret.reveal() == SECRET
    assert len(sent) == 2
    assert len(set(sent)) == 1


BROKEN: dict[str, httpx2.Response | Exception] = {
    "a proxy's 502": httpx2.Response(502, text="bad gateway"),
    "a failure of the server": httpx2.Response(200, json={"errors": [FAILED], "data": None}),
    "a status of the server's": httpx2.Response(
        503, json={"errors": [{"message": "away", "extensions": {"code": "BAD_REQUEST"}}]}
    ),
    "another page": httpx2.Response(200, text="<h1>Welcome</h1>"),
    "no data": httpx2.Response(200, json={"data": None}),
    "a list": httpx2.Response(200, json=[]),
    "null": httpx2.Response(200, json={"data": {"createApiKey": None}}),
    "an error without a code": httpx2.Response(200, json={"errors": [{}]}),
    "errors that are none": httpx2.Response(200, json={"errors": "no"}),
    "no secret": httpx2.Response(200, json={"data": {"createApiKey": {"apiKey": KEY}}}),
    "no key": httpx2.Response(200, json={"data": {"createApiKey": {"apiKey": {}, "secret": SECRET}}}),
    "no connection": httpx2.ConnectError("refused"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_answer_is_no_refusal(case: str) -> None:
    """The program can try again; it is not told that its token is wrong."""
    with pytest.raises(KeydeskUnavailable):
        await Answering(BROKEN[case]).management().create_api_key("org_1", "deploy")


async def test_only_a_creation_is_sent_again() -> None:
    """A rotation that is carried out twice would end the secret that is still in use."""
    for name, times in {"createApiKey": 2, "rotateApiKey": 1, "deleteApiKey": 1, "organization": 1}.items():
        server = Answering(httpx2.RemoteProtocolError("closed"))
        with pytest.raises(KeydeskUnavailable):
            await OPERATIONS[name](server.management())
        assert len(server.asked) == times, name
        assert (
            len(
                {json.loads(each.content)["variables"].get("input", {}).get("clientRequestId") for each in server.asked}
            )
            == 1
        )


def test_threads_share_a_client() -> None:
    """Without an event loop of their own, with the same results."""
    secret = {"apiKey": KEY, "secret": SECRET}
    server = data(createApiKey=secret, rotateApiKey=secret, deleteApiKey=secret, organization={"apiKeys": [KEY]})

    with KeyManagement(URL, TOKEN, transport=server.transport) as management:
        assert management.create_api_key("org_1", "deploy").api_key == READ
        assert management.rotate_api_key("key_1").secret.reveal() == SECRET
        assert management.delete_api_key("key_1") == READ
        assert management.api_keys("org_1", include_deleted=True) == [READ]
        assert server.variables["includeDeleted"] is True


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, json={"data": {"createApiKey": {"apiKey": KEY, "secret": SECRET}}}),
        httpx2.Response(200, json={"data": {"rotateApiKey": {"apiKey": {}, "secret": SECRET}}}),
        httpx2.ReadError(f"with {TOKEN}"),
    ],
    ids=["issued", "broken", "failed"],
)
async def test_no_secret_is_shown(
    name: str, answer: httpx2.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a log on any level, nor in what is printed of the client, its results and its errors."""
    caplog.set_level(logging.DEBUG)
    management = Answering(answer).management()
    try:
        result: Any = await OPERATIONS[name](management)
    except ManagementError as error:
        result = error

    for text in (caplog.text, repr(management), repr(result), str(result), repr(vars(type(result)))):
        assert "secretpart" not in text


def test_a_secret_is_not_pickled() -> None:
    """Caches and queues would store it."""
    with pytest.raises(TypeError):
        pickle.dumps(Secret(SECRET))
    assert f"{Secret(SECRET)} {Secret(SECRET)!r}" == "Secret(…) Secret(…)"


@pytest.mark.parametrize("token", ["", "kds_1\n", "Bearer kds_1", "ключ"])
def test_a_token_that_can_not_be_one_says_so(token: str) -> None:
    """When the client is made."""
    with pytest.raises(ValueError, match="token of Keydesk"):
        AsyncKeyManagement(URL, token)
