"""/v1/openapi.json: it is valid OpenAPI, and the answers of /v1/verify are as it says."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from jsonschema_rs import validator_for

from app.verify.openapi import METHODS, openapi_document
from keys.outcomes import Outcome
from tests.conftest import Clock, Databases
from tests.support.client import NOBODY, Site, open_site
from tests.support.gateways.gateways import TOKEN
from tests.support.gateways.site import KeydeskBehind, agent_header, keydesk_behind
from tests.support.servers.small_servers import free_port

DATABASE_NUMBER = 130
"""The shared database of this file's servers; conftest's databases are emptied for each test."""
PUBLIC_URL = "https://keys.example"
GIVE_UP_SECONDS = 300
EXAMPLES = 20
PATH = "/v1/verify"
Operation = Any


@pytest.fixture
async def document(site: Site) -> dict[str, Any]:
    """The document as it is served."""
    answer = await (await site.person(NOBODY)).http.get("/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    document: dict[str, Any] = answer.json()
    return document


def operation(document: dict[str, Any], method: str = "GET") -> Operation:
    return schemathesis.openapi.from_dict(document)[PATH][method]


async def get(site: Site, secret: str | None = None, method: str = "GET", **headers: str) -> httpx.Response:
    if secret is not None:
        headers["authorization"] = f"Bearer {secret}"
    return await (await site.person(NOBODY)).http.request(method, PATH, headers=headers)


def test_the_document_is_openapi() -> None:
    """By the specification's own schema."""
    for has_gateway_token in (False, True):
        schemathesis.openapi.from_dict(openapi_document(PUBLIC_URL, has_gateway_token=has_gateway_token)).validate()


def test_the_document_has_every_code() -> None:
    """Each refusal's, under its status, and no other."""
    schemas = openapi_document(PUBLIC_URL, has_gateway_token=False)["components"]["schemas"].values()

    documented = {
        (code, each["properties"]["status"]["const"])
        for each in schemas
        if "code" in each["properties"]
        for code in each["properties"]["code"]["enum"]
    }

    refusals = {(outcome.code, outcome.status) for outcome in Outcome if outcome is not Outcome.GOOD}
    assert documented == refusals | {("headers_too_large", 431)}


async def test_the_gateways_token_is_asked_for_where_it_is_needed(document: dict[str, Any], site: Site) -> None:
    """A generated client then sends it."""
    with_token = openapi_document(PUBLIC_URL, has_gateway_token=True)

    assert document["security"] == [{"bearer": []}, {"apiKey": []}]
    assert with_token["security"] == [{"bearer": [], "gatewayToken": []}, {"apiKey": [], "gatewayToken": []}]
    assert document["servers"] == [{"url": str((await site.person(NOBODY)).http.base_url).rstrip("/")}]


@pytest.mark.parametrize("name", ["openapi.json", "schema.graphql"])
async def test_tools_ask_again_cheaply(site: Site, name: str) -> None:
    """With the ETag of the answer before. Nobody has to sign in, and there is nothing to change."""
    path = {"openapi.json": "/v1/openapi.json", "schema.graphql": "/graphql/schema.graphql"}[name]
    http = (await site.person(NOBODY)).http

    first = await http.get(path, headers={"Origin": "https://editor.example"})
    again = await http.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["access-control-allow-origin"] == "*"
    assert first.headers["cache-control"] == "no-cache"
    assert (await http.head(path)).headers["content-length"] == str(len(first.content))
    assert (await http.post(path)).status_code == 405


async def test_the_served_schema_is_the_one_in_the_source(site: Site) -> None:
    """As a text in the schema definition language, which code generators read from an address."""
    answer = await (await site.person(NOBODY)).http.get("/graphql/schema.graphql")

    expected = Path(__file__).parents[3] / "schema" / "schema.graphql"
    assert answer.text == expected.read_text(encoding="utf-8")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def assert_documented(document: dict[str, Any], answer: httpx.Response, status: int) -> None:
    """The answer has this status, and its body and header fields are as documented for it."""
    assert answer.status_code == status
    operation(document).validate_response(answer)
    assert undocumented_fields(document, answer) == []


def undocumented_fields(document: dict[str, Any], answer: httpx.Response) -> list[str]:
    """The header fields that are missing or not as documented, by name."""
    components = document["components"]
    name = document["paths"][PATH]["get"]["responses"][str(answer.status_code)]["$ref"].rpartition("/")[2]
    return [
        field
        for field in components["responses"][name]["headers"]
        if not validator_for(components["headers"][field]["schema"]).is_valid(answer.headers.get(field))
    ]


async def test_each_answer_is_as_documented(document: dict[str, Any], site: Site) -> None:
    """With a valid key, with none, and with one that is not valid, not for the agent, or over its limit."""
    issued = await site.fill("deploy", "gone")
    secret, ada = issued["deploy"]["secret"], await site.person("ada")
    of_agent = (await ada.create(site.organization("acme"), "agent's", site.agent("own"))).value["secret"]
    await ada.delete(issued["gone"]["apiKey"]["id"])

    await assert_documented(document, await get(site, secret), 200)
    await assert_documented(document, await get(site, of_agent, **{"x-agent-id": site.agent("own")}), 200)
    await assert_documented(document, await get(site), 401)
    await assert_documented(document, await get(site, "Bearer"), 401)
    await assert_documented(document, await get(site, f"{secret}x"), 401)
    await assert_documented(document, await get(site, issued["gone"]["secret"]), 401)
    await assert_documented(document, await get(site, of_agent, **{"x-agent-id": site.agent("other")}), 403)
    for _ in range(600):
        limited = await get(site, secret)
    await assert_documented(document, limited, 429)


async def test_an_outage_is_as_documented(database_address: str, clock: Clock) -> None:
    """Here, of the Redis in which the limits are counted."""
    settings = {"KEYDESK_REDIS_URL": f"redis://127.0.0.1:{free_port()}", "KEYDESK_LIMITER_FAILURE": "closed"}
    async with open_site(database_address, clock, settings) as site:
        secret = (await site.fill("deploy"))["deploy"]["secret"]
        document = openapi_document("http://keydesk.test", has_gateway_token=False)
        await assert_documented(document, await get(site, secret), 503)


async def test_a_request_past_the_gateway_is_as_documented(database_address: str, clock: Clock) -> None:
    """403, of its own code."""
    async with open_site(database_address, clock, {"KEYDESK_GATEWAY_TOKEN": TOKEN}) as site:
        document = openapi_document("http://keydesk.test", has_gateway_token=True)
        await assert_documented(document, await get(site, "anything"), 403)


def test_the_checks_of_these_tests_find_deviations() -> None:
    """Another code, a missing header field, a member of the wrong type."""
    document = openapi_document(PUBLIC_URL, has_gateway_token=False)
    checked = operation(document)
    problem = {
        "type": f"{PUBLIC_URL}/docs/errors#missing_key",
        "title": "access not permitted",
        "status": 401,
        "detail": "The request contains no key.",
        "statusCode": 401,
        "message": "access not permitted",
        "code": "missing_key",
        "requestId": "req_" + "0" * 32,
    }
    headers = {
        "Content-Type": "application/problem+json",
        "X-Request-Id": "req_" + "0" * 32,
        "Cache-Control": "no-store",
        "X-Problem-Details": "{}",
        "WWW-Authenticate": 'Bearer realm="keydesk"',
    }

    def answer(headers: dict[str, str], body: dict[str, Any]) -> httpx.Response:
        made = httpx.Response(401, headers=headers, json=body, request=httpx.Request("GET", f"{PUBLIC_URL}{PATH}"))
        made.elapsed = timedelta()
        return made

    assert checked.is_valid_response(answer(headers, problem))
    for changed in ({"code": "rate_limited"}, {"statusCode": "401"}, {"requestId": None}):
        assert not checked.is_valid_response(answer(headers, {**problem, **changed}))
    assert undocumented_fields(document, answer(headers, problem)) == []
    assert undocumented_fields(document, answer({**headers, "WWW-Authenticate": "Basic"}, problem)) == [
        "WWW-Authenticate"
    ]
    del headers["X-Problem-Details"]
    assert undocumented_fields(document, answer(headers, problem)) == ["X-Problem-Details"]


def test_the_example_of_the_agent_fits() -> None:
    """And what Keydesk takes for no agent's id doesn't."""
    document = openapi_document(PUBLIC_URL, has_gateway_token=False)
    (parameter,) = document["paths"][PATH]["parameters"]
    fits = validator_for(parameter["schema"]).is_valid

    assert fits(parameter["example"])
    assert fits("ext:support%2Fbot")
    assert not any(map(fits, ("crawler", "agt_1", "ext:", "ext:a b", "ext:%zz", "AGT_" + "0" * 32)))


def test_every_method_is_documented() -> None:
    """They do the same, and each operation has a name of its own."""
    methods = openapi_document(PUBLIC_URL, has_gateway_token=False)["paths"][PATH]

    operations = [methods[method] for method in METHODS]
    assert len({each["operationId"] for each in operations}) == len(operations)
    assert {frozenset(each["responses"]) for each in operations} == {
        frozenset({"200", "401", "403", "429", "431", "503"})
    }


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    """A server, as an operator starts it."""
    with keydesk_behind(databases.fresh(DATABASE_NUMBER), tmp_path_factory.mktemp("keydesk"), settings={}) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("is_of_agent", [False, True])
def test_no_request_gets_an_answer_that_is_not_documented(
    keydesk: KeydeskBehind, tmp_path: Path, is_of_agent: bool
) -> None:
    """
    Schemathesis sends requests that fit the document and requests that don't, with a key and without; it finds no
    undocumented status, header field or body, no 5xx, nothing invalid that passes, and nothing that passes without a
    key.
    """
    issued = keydesk.issue(keydesk.crawler if is_of_agent else None, rate_limit=1_000_000)
    agent = ["-H", f"X-Agent-Id: {agent_header(keydesk.crawler)}"] if is_of_agent else []

    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{keydesk.server.address}/v1/openapi.json"),
            *("-H", f"Authorization: Bearer {issued.secret.reveal()}", *agent),
            *(
                "--checks",
                "all",
                "--exclude-checks",
                "unsupported_method",
                "--mode",
                "all",
                "--max-examples",
                str(EXAMPLES),
                "--seed",
                "15",
                "--no-color",
            ),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=GIVE_UP_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "Tested: 8" in done.stdout
