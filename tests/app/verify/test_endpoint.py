"""/v1/verify as docs/guide/verify.md describes it: status, headers and body of each answer."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.verify.endpoint import VerifyEndpoint
from keys.outcomes import Outcome
from keys.token import Secret, mint
from keys.verification.verdict import RequestedAgent, Verdict
from keys.verification.verifier import KeyVerifier
from models.engine.database import Database
from models.engine.sqlite import SqliteFile
from models.key_lookup import SqliteKeyReader
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS
from tests.support.host_ids import ENCODED_HOST_ID, HOST_ID, name_world
from tests.support.http.verify_client import PUBLIC_URL, Answer, Header, ask
from tests.support.keys.issued_keys import (
    NEVER_WAS,
    HeldHasher,
    Verifiers,
    altered,
    end_overlap,
    issue,
    issue_without_digest,
    until,
)
from tests.support.world import World

REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")
CHALLENGE = 'Bearer realm="keydesk"'
INVALID = f'{CHALLENGE}, error="invalid_token"'
GATEWAY_TOKEN = "the gateway's token, of the operator's choice"
MEMBERS = {"type", "title", "status", "detail", "statusCode", "message", "code", "requestId"}


@pytest.fixture
async def verifiers(database: Database) -> AsyncIterator[Verifiers]:
    """Verifiers on this test's database."""
    made = Verifiers(database)
    yield made
    await made.close()


@pytest.fixture
def endpoint(verifiers: Verifiers) -> VerifyEndpoint:
    """The endpoint with default settings."""
    return VerifyEndpoint(verifiers.make(), public_url=PUBLIC_URL)


def bearer(issued: Issued | str) -> Header:
    return "Authorization", f"Bearer {issued if isinstance(issued, str) else issued.secret.reveal()}"


def api_key(issued: Issued | str) -> Header:
    return "X-API-Key", issued if isinstance(issued, str) else issued.secret.reveal()


def agent(agent_id: Any) -> Header:
    return "X-Agent-Id", f"agt_{agent_id.hex}"


def assert_refused(answer: Answer, status: int, code: str, challenge: str | None) -> None:
    """Checks everything that all refusals have in common."""
    body = answer.body
    assert (answer.status, body["code"]) == (status, code), body
    assert body.keys() == MEMBERS
    message = "access not permitted" if status in {401, 403} else body["message"]
    assert body["type"] == f"{PUBLIC_URL}/docs/errors#{code}"
    assert (body["status"], body["statusCode"]) == (status, status)
    assert (body["title"], body["message"]) == (message, message)
    assert body["detail"].endswith((".", "?"))
    assert answer.header("Content-Type") == "application/problem+json"
    assert (answer.header("X-Problem-Details") or "").encode("ascii") == answer.content
    assert answer.header("WWW-Authenticate") == challenge
    assert (answer.header("Retry-After") or "").isdigit() == (status == 503)
    assert not [name for name, _ in answer.headers if name.startswith("x-keydesk-")]
    assert_common(answer)


def assert_common(answer: Answer) -> None:
    """Checks everything that all answers have in common."""
    assert answer.body["requestId"] == answer.header("X-Request-Id")
    assert REQUEST_ID.fullmatch(answer.body["requestId"])
    assert answer.header("Content-Length") == str(len(answer.content))
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert (answer.header("Strict-Transport-Security") or "").startswith("max-age=")


async def test_a_good_organization_level_key(endpoint: VerifyEndpoint, services: KeyServices, world: World) -> None:
    """Body and headers identify the key and its organization. The agent header repeats the requested agent."""
    issued = await issue(services, world)

    alone, beside = await ask(endpoint, bearer(issued)), await ask(endpoint, bearer(issued), agent(world.own.id))

    for answer in (alone, beside):
        assert answer.status == 200
        assert answer.body == {
            "keyId": f"key_{issued.record.id.hex}",
            "organizationId": f"org_{world.acme.id.hex}",
            "scope": "organization",
            "agentId": None,
            "organizationExternalId": None,
            "agentExternalId": None,
            "requestId": answer.header("X-Request-Id"),
        }
        assert answer.header("Content-Type") == "application/json"
        assert answer.header("X-Keydesk-Key") == f"key_{issued.record.id.hex}"
        assert answer.header("X-Keydesk-Organization") == f"org_{world.acme.id.hex}"
        assert answer.header("WWW-Authenticate") is None
        assert_common(answer)
    assert alone.header("X-Keydesk-Agent") == "none"
    assert beside.header("X-Keydesk-Agent") == f"agt_{world.own.id.hex}"


async def test_a_good_agent_level_key(endpoint: VerifyEndpoint, services: KeyServices, world: World) -> None:
    """The answer names the key's agent, whether or not the request does."""
    issued = await issue(services, world, world.own)

    answers = [await ask(endpoint, bearer(issued)), await ask(endpoint, bearer(issued), agent(world.own.id))]

    for answer in answers:
        assert answer.status == 200
        assert (answer.body["scope"], answer.body["agentId"]) == ("agent", f"agt_{world.own.id.hex}")
        assert answer.header("X-Keydesk-Agent") == f"agt_{world.own.id.hex}"


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer {key}")],
        [("Authorization", "bEARER {key}")],
        [("Authorization", "Bearer    {key}  ")],
        [("X-API-Key", "{key}")],
        [("X-API-Key", " {key}\t")],
        [("Authorization", "Bearer {key}"), ("X-API-Key", "{key}")],
        [("Authorization", ""), ("X-API-Key", "{key}")],
        [("Authorization", "Bearer"), ("X-API-Key", "{key}")],
        [("Authorization", "Bearer {key}"), ("X-API-Key", "")],
        [("Authorization", "Bearer {key}"), ("Authorization", "  ")],
        [("X-API-Key", ""), ("X-API-Key", "{key}")],
        [("Authorization", "Basic dXNlcjpwYXNz"), ("X-API-Key", "{key}")],
        [("Authorization", "Basic dXNlcjpwYXNz"), ("Authorization", "Digest x"), ("X-API-Key", "{key}")],
        [("Authorization", "Bearer {key}"), ("X-Agent-Id", "")],
        [("Authorization", "Bearer {key}"), ("X-Agent-Id", ""), ("X-Agent-Id", "{agent}")],
        [("Authorization", "Bearer {key}"), ("X-Gateway-Token", "not asked for")],
    ],
)
async def test_where_a_key_is_read(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, headers: list[tuple[str, str]]
) -> None:
    """Either header can have the key, or both the same. Empty ones, and other schemes beside X-API-Key, are ignored."""
    key = (await issue(services, world)).secret.reveal()
    sent = [(name, value.format(key=key, agent=f"agt_{world.own.id.hex}")) for name, value in headers]

    answer = await ask(endpoint, *sent)

    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ([("Authorization", "Bearer {key}"), ("X-API-Key", "{other}")], "different"),
        ([("Authorization", "Bearer {key}"), ("X-API-Key", "{key}x")], "different"),
        ([("Authorization", "Bearer {key}"), ("Authorization", "Bearer {key}")], "more than once"),
        ([("Authorization", "Bearer {key}"), ("Authorization", "Basic x"), ("X-API-Key", "{key}")], "more than once"),
        ([("X-API-Key", "{key}"), ("X-API-Key", "{key}")], "more than once"),
        ([("Authorization", "Basic dXNlcjpwYXNz")], "scheme"),
        ([("Authorization", "Bearer {key}"), ("Authorization", "Basic dXNlcjpwYXNz")], "scheme"),
        ([("Authorization", "{key}")], "scheme"),
        ([("Authorization", "Bearer Bearer {key}")], "Bearer"),
        ([("X-API-Key", "Bearer {key}")], "Bearer"),
        ([("Authorization", 'Bearer "{key}"')], "quotes"),
        ([("Authorization", "Bearer {short}")], "too short by 3 characters"),
        ([("X-API-Key", "{key}, {key}")], "more than once"),
        ([("X-API-Key", "\xa0{key}")], "without"),
        ([("Authorization", "Bearer \xa0{key}")], "without"),
        ([("Authorization", "Bearer ghp_abcdefgh12345678abcdefgh12345678abcd")], "GitHub"),
    ],
)
async def test_what_can_not_be_a_key(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, headers: list[tuple[str, str]], says: str
) -> None:
    """The detail says what is wrong without repeating what was sent, even if a good key is in it."""
    key, other = (await issue(services, world)).secret.reveal(), (await issue(services, world)).secret.reveal()
    sent = [(name, value.format(key=key, other=other, short=key[:-3])) for name, value in headers]

    answer = await ask(endpoint, *sent, agent(NEVER_WAS))

    assert_refused(answer, 401, "malformed_key", INVALID)
    assert says in answer.body["detail"]
    assert key[3:19].encode() not in answer.content


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([], "/v1/verify"),
        ([("Authorization", ""), ("X-API-Key", "  ")], "/v1/verify"),
        ([("Authorization", "Bearer")], "/v1/verify"),
        ([("Authorization", "Bearer   "), ("X-API-Key", "")], "/v1/verify"),
        ([("X-Agent-Id", "agt_x"), ("X-Agent-Id", "agt_y")], "/v1/verify"),
        ([("Cookie", "key={key}"), ("Proxy-Authorization", "Bearer {key}")], "/v1/verify/{key}"),
    ],
)
async def test_no_key(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, headers: list[tuple[str, str]], path: str
) -> None:
    """The challenge has no error. Keys in the path or in other headers are not read."""
    key = (await issue(services, world)).secret.reveal()

    answer = await ask(endpoint, *[(name, value.format(key=key)) for name, value in headers], path=path.format(key=key))

    assert_refused(answer, 401, "missing_key", CHALLENGE)


async def test_an_unknown_id_and_a_wrong_secret_get_the_same_bytes(
    endpoint: VerifyEndpoint, services: KeyServices, world: World
) -> None:
    """Apart from the request id, status, headers and body are the same, also for a key with a wrong tag."""
    issued = await issue(services, world)
    texts = [
        mint(SERVER_KEYS, "kd").token.reveal(),
        mint(SERVER_KEYS, "kd", public_id=issued.record.public_id).token.reveal(),
        altered(issued.secret.reveal()),
        altered(mint(SERVER_KEYS, "kd").token.reveal()),
    ]

    answers = [await ask(endpoint, bearer(text)) for text in texts]

    for answer in answers:
        assert_refused(answer, 401, "invalid_key", INVALID)
    seen = {REQUEST_ID.sub("req", repr((answer.headers, answer.content))) for answer in answers}
    assert len(seen) == 1


async def test_who_had_the_key_is_told_that_it_was_deleted(
    endpoint: VerifyEndpoint, services: KeyServices, world: World
) -> None:
    """Only the complete key gets `deleted_key`. With one character changed it is `invalid_key`."""
    issued = await issue(services, world)
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)

    known, stranger = await ask(endpoint, bearer(issued)), await ask(endpoint, bearer(altered(issued.secret.reveal())))

    assert_refused(known, 401, "deleted_key", INVALID)
    assert known.body["detail"] == "This key was deleted."
    assert_refused(stranger, 401, "invalid_key", INVALID)


async def test_who_had_the_secret_is_told_that_it_was_replaced(
    endpoint: VerifyEndpoint, services: KeyServices, world: World
) -> None:
    """After the overlap, only the complete old secret gets `replaced_secret`. During the overlap it works."""
    issued = await issue(services, world)
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=600)

    during = await ask(endpoint, api_key(issued))
    await end_overlap(services.database, issued.record.id, in_seconds=-0.001)
    after, stranger = (
        await ask(endpoint, api_key(issued)),
        await ask(endpoint, api_key(altered(issued.secret.reveal()))),
    )

    assert during.status == 200
    assert_refused(after, 401, "replaced_secret", INVALID)
    assert_refused(stranger, 401, "invalid_key", INVALID)


@pytest.mark.parametrize(
    ("values", "good_for"),
    [
        (["{own}"], {"organization", "agent"}),
        (["{other}"], {"organization"}),
        (["{retired}"], set()),
        (["{theirs}"], set()),
        (["agt_01a0000000007000800000000000000a"], set()),
        (["{own}", "{own}"], set()),
        (["{own}", "{other}"], set()),
        (["{own}, {own}"], set()),
        (["{OWN}"], set()),
        (["{bare}"], set()),
        (["key_{bare}"], set()),
        (["agt_"], set()),
        (["' OR 1=1 --"], set()),
        (["\xff\x00\xfe"], set()),
    ],
)
async def test_the_agent_that_a_request_is_for(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, values: list[str], good_for: set[str]
) -> None:
    """An agent outside the key's scope, deleted, malformed or repeated is 403 without a challenge."""
    keys = {"organization": await issue(services, world), "agent": await issue(services, world, world.own)}
    agents = {"own": world.own, "other": world.other, "retired": world.retired, "theirs": world.theirs}
    ids = {name: f"agt_{each.id.hex}" for name, each in agents.items()}
    named = {**ids, "OWN": ids["own"].upper(), "bare": world.own.id.hex}
    sent = [("X-Agent-Id", value.format(**named)) for value in values]

    answers = {level: await ask(endpoint, bearer(issued), *sent) for level, issued in keys.items()}

    for level, answer in answers.items():
        if level in good_for:
            assert answer.status == 200
            assert answer.header("X-Keydesk-Agent") == sent[0][1]
        else:
            assert_refused(answer, 403, "agent_not_in_scope", None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["Route Planner"], "X-Agent-Id is not an agent's id"),
        (["agt_"], "X-Agent-Id is not an agent's id"),
        (["01a0000000007000800000000000000a"], "X-Agent-Id is not an agent's id"),
        (["key_01a0000000007000800000000000000a"], "X-Agent-Id is not an agent's id"),
        (["{own}", "{own}"], "X-Agent-Id is there more than once"),
        (["{own}", "Route Planner"], "X-Agent-Id is there more than once"),
    ],
)
async def test_a_header_that_names_no_agent_is_said_to_be_the_fault(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, values: list[str], said: str
) -> None:
    """The detail blames the header's form, also for a key that works for every agent."""
    sent = [("X-Agent-Id", value.format(own=f"agt_{world.own.id.hex}")) for value in values]

    for issued in (await issue(services, world), await issue(services, world, world.own)):
        answer = await ask(endpoint, bearer(issued), *sent)

        assert_refused(answer, 403, "agent_not_in_scope", None)
        assert said in answer.body["detail"]
        assert "Route Planner" not in answer.content.decode()


async def test_what_has_the_form_of_an_agents_id_is_answered_alike_whether_it_is_one(
    endpoint: VerifyEndpoint, services: KeyServices, world: World
) -> None:
    """Another agent, another organization's, a deleted one and a missing one get the same detail."""
    issued = await issue(services, world, world.own)
    ids = [world.other.id.hex, world.theirs.id.hex, world.retired.id.hex, "01a0000000007000800000000000000a"]

    answers = [await ask(endpoint, bearer(issued), ("X-Agent-Id", f"agt_{each}")) for each in ids]

    assert {each.body["detail"] for each in answers} == {
        "This key is valid, but not for the agent that the request is for."
    }


@pytest.mark.parametrize(
    ("value", "good_for"),
    [
        (f"ext:{ENCODED_HOST_ID}", {"organization", "agent"}),
        ("ext:support%2fbot%201%2c%20%c3%84", {"organization", "agent"}),
        ("ext:biller", {"organization"}),
        ("ext:retired", set()),
        ("ext:theirs", set()),
        ("ext:BILLER", set()),
        ("EXT:biller", set()),
        ("ext: biller", set()),
        ("ext:nobody", set()),
    ],
)
async def test_the_agent_by_the_host_products_id(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, value: str, good_for: set[str]
) -> None:
    """Living agents of the key's organization are found by it; all others are 403, as by the agent's own id."""
    await name_world(services.database, world)
    keys = {"organization": await issue(services, world), "agent": await issue(services, world, world.own)}

    answers = {level: await ask(endpoint, bearer(issued), ("X-Agent-Id", value)) for level, issued in keys.items()}

    for level, answer in answers.items():
        if level in good_for:
            wanted = world.other if "biller" in value else world.own
            assert answer.status == 200
            assert answer.header("X-Keydesk-Agent") == f"agt_{wanted.id.hex}"
            assert answer.body["agentExternalId"] == ("biller" if "biller" in value else HOST_ID)
        else:
            assert_refused(answer, 403, "agent_not_in_scope", None)


@pytest.mark.parametrize("value", ["ext:", "ext:50%", "ext:%zz", "ext:%00", "ext:%ff", "ext:\xe4", "ext:" + 256 * "a"])
async def test_a_badly_encoded_id_is_said_to_be_the_fault(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, value: str
) -> None:
    """The detail names the form that is expected after `ext:`."""
    answer = await ask(endpoint, bearer(await issue(services, world)), ("X-Agent-Id", value))

    assert_refused(answer, 403, "agent_not_in_scope", None)
    assert "After ext:" in answer.body["detail"]


async def test_ids_of_the_host_product_are_answered(
    endpoint: VerifyEndpoint, services: KeyServices, world: World
) -> None:
    """Body and headers carry them, whatever characters they have; null and `none` where there is none."""
    before = await ask(endpoint, bearer(await issue(services, world)))
    await name_world(services.database, world)
    wide, narrow = await issue(services, world), await issue(services, world, world.own)

    answers = [await ask(endpoint, bearer(each)) for each in (wide, narrow)]
    of_other = await ask(endpoint, bearer(wide), agent(world.other.id))

    def told(answer: Answer) -> tuple[object, ...]:
        names = ("X-Keydesk-Organization-External-Id", "X-Keydesk-Agent-External-Id")
        body = answer.body
        return (body["organizationExternalId"], body["agentExternalId"], *map(answer.header, names))

    assert told(before) == (None, None, "none", "none")
    assert [told(each) for each in answers] == [
        ("none", None, "%6Eone", "none"),
        ("none", HOST_ID, "%6Eone", ENCODED_HOST_ID),
    ]
    assert told(of_other) == ("none", "biller", "%6Eone", "biller")


async def test_where_the_agent_must_be_named(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """With `require_agent`, an agent-level key without X-Agent-Id, or with an empty one, is 403."""
    endpoint = VerifyEndpoint(verifiers.make(require_agent=True), public_url=PUBLIC_URL)
    narrow, wide = await issue(services, world, world.own), await issue(services, world)

    without, empty = await ask(endpoint, bearer(narrow)), await ask(endpoint, bearer(narrow), ("X-Agent-Id", " "))

    assert_refused(without, 403, "agent_not_in_scope", None)
    assert_refused(empty, 403, "agent_not_in_scope", None)
    assert without.body["detail"] == empty.body["detail"]
    assert "does not name an agent" in without.body["detail"]
    assert (await ask(endpoint, bearer(narrow), agent(world.own.id))).status == 200
    assert (await ask(endpoint, bearer(wide))).status == 200


@pytest.mark.parametrize(
    "tokens", [[], [""], [GATEWAY_TOKEN[:-1]], [GATEWAY_TOKEN + "x"], [GATEWAY_TOKEN, GATEWAY_TOKEN], ["\xff"]]
)
async def test_a_request_that_bypassed_the_gateway(
    verifiers: Verifiers, services: KeyServices, world: World, tokens: list[str]
) -> None:
    """Without the gateway's token, every request gets the same 403, whatever its key."""
    endpoint = VerifyEndpoint(verifiers.make(), public_url=PUBLIC_URL, gateway_token=Secret(GATEWAY_TOKEN))
    issued = await issue(services, world)
    sent = [("X-Gateway-Token", token) for token in tokens]

    answers = [await ask(endpoint, *sent, *more) for more in ([bearer(issued)], [bearer("x")], [])]

    for answer in answers:
        assert_refused(answer, 403, "gateway_not_allowed", None)


async def test_by_way_of_the_gateway(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """With the gateway's token, requests are answered as without the setting."""
    endpoint = VerifyEndpoint(verifiers.make(), public_url=PUBLIC_URL, gateway_token=Secret(GATEWAY_TOKEN))
    issued = await issue(services, world)
    token = ("X-Gateway-Token", f" {GATEWAY_TOKEN} ")

    good, missing = await ask(endpoint, token, bearer(issued)), await ask(endpoint, token)

    assert good.status == 200
    assert_refused(missing, 401, "missing_key", CHALLENGE)


async def test_without_a_database(verifiers: Verifiers, tmp_path: Path) -> None:
    """Keys that need the database get 503 with Retry-After. Others are refused as usual."""
    verifier = verifiers.make(reader=SqliteKeyReader(SqliteFile(tmp_path / "missing.db")))
    endpoint = VerifyEndpoint(verifier, public_url=PUBLIC_URL)
    ours = mint(SERVER_KEYS, "kd").token.reveal()

    assert_refused(await ask(endpoint, bearer(ours)), 503, "unavailable", None)
    assert_refused(await ask(endpoint, bearer(altered(ours))), 401, "invalid_key", INVALID)
    assert_refused(await ask(endpoint, bearer(ours[:-1])), 401, "malformed_key", INVALID)
    assert_refused(await ask(endpoint), 401, "missing_key", CHALLENGE)


async def test_with_a_full_queue(verifiers: Verifiers, services: KeyServices, world: World) -> None:
    """A key that must be hashed while the queue is full gets 503 with Retry-After."""
    held = HeldHasher()
    verifier = verifiers.make(held, queue_limit=1)
    endpoint = VerifyEndpoint(verifier, public_url=PUBLIC_URL)
    first, second = [await issue_without_digest(services, world) for _ in range(2)]
    under_way = asyncio.create_task(ask(endpoint, bearer(first)))
    await until(held.entered.is_set)
    answer = await ask(endpoint, bearer(second))
    held.released.set()

    assert_refused(answer, 503, "unavailable", None)
    assert (await under_way).status == 200


class FailingVerifier(KeyVerifier):
    """A verifier that always fails."""

    def __init__(self) -> None:
        pass

    async def verify(self, key: str, wanted: RequestedAgent) -> Verdict:
        """Raises RuntimeError."""
        raise RuntimeError("a fault of ours")


async def test_a_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """A bug gives 503 with a request id. The log has the id, and not the key."""
    endpoint = VerifyEndpoint(FailingVerifier(), public_url=PUBLIC_URL)

    answer = await ask(endpoint, bearer("kd_" + "a" * 16 + "_" + "b" * 42))

    assert_refused(answer, 503, "unavailable", None)
    [record] = caplog.records
    assert record.__dict__["facts"] == {"requestId": answer.header("X-Request-Id")}
    assert "b" * 42 not in caplog.text


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/verify/", "/v1/verify/orders/17", "/v1/verify//..;/%00"])
async def test_any_method_and_every_path_below(
    endpoint: VerifyEndpoint, services: KeyServices, world: World, path: str
) -> None:
    """Every method and every path below /v1/verify is verified, as a gateway forwards it."""
    issued = await issue(services, world)

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "get", "é"):
        good = await ask(endpoint, bearer(issued), method=method, path=path)
        missing = await ask(endpoint, method=method, path=path)

        assert good.status == 200
        assert_refused(missing, 401, "missing_key", CHALLENGE)


async def test_head_has_no_body(endpoint: VerifyEndpoint, services: KeyServices, world: World) -> None:
    """HEAD has the headers of GET, its Content-Length included."""
    issued = await issue(services, world)

    for headers in ([bearer(issued)], []):
        head, get = await ask(endpoint, *headers, method="HEAD"), await ask(endpoint, *headers)

        assert (head.status, head.content) == (get.status, b"")
        assert head.header("Content-Length") == str(len(get.content))
        assert [name for name, _ in head.headers] == [name for name, _ in get.headers]


@pytest.mark.parametrize(
    ("path", "is_answered"),
    [
        ("/v1/verify", True),
        ("/v1/verify/", True),
        ("/v1/verify/v1/verifyx", True),
        ("/v1/verifyx", False),
        ("/v1/verify-all", False),
        ("/v1/Verify", False),
        ("/v1/verif", False),
        ("/v1", False),
        ("/x/v1/verify", False),
        ("", False),
    ],
)
def test_which_paths_the_endpoint_answers(path: str, is_answered: bool) -> None:
    """/v1/verify and paths below it are answered; paths that only begin like it are not."""
    assert VerifyEndpoint.answers(path) is is_answered


async def test_without_https_nobody_is_told_to_use_it(verifiers: Verifiers) -> None:
    """HSTS is sent only if the public URL is https."""
    answer = await ask(VerifyEndpoint(verifiers.make(), public_url="http://localhost:8000"))

    assert answer.body["type"] == "http://localhost:8000/docs/errors#missing_key"
    assert answer.header("Strict-Transport-Security") is None


async def test_request_ids_are_never_the_same(endpoint: VerifyEndpoint) -> None:
    """Request ids are new each time, and not taken from the caller."""
    answers = [await ask(endpoint, ("X-Request-Id", "req_" + "0" * 32)) for _ in range(50)]

    ids = {answer.body["requestId"] for answer in answers}
    assert len(ids) == 50
    assert "req_" + "0" * 32 not in ids


def test_every_refusal_of_a_verdict_is_documented() -> None:
    """docs/errors.md has a section for each code."""
    sections = (Path(__file__).parents[3] / "docs" / "errors.md").read_text()

    codes = {outcome.value for outcome in Outcome if outcome is not Outcome.GOOD} | {"gateway_not_allowed"}

    assert {code for code in codes if f"\n## {code}\n" not in sections} == set()
