"""The Express application of docs/guide/express.md, compiled and run as it is, with a real Keydesk."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col

from models.agent import Agent
from resolvers.services import KeyServices
from tests.conftest import Databases
from tests.support.documentation import ROOT
from tests.support.gateways.gateways import TOKEN
from tests.support.gateways.site import KeydeskBehind, agent_header, keydesk_behind, presented
from tests.support.http.verify_client import Answer
from tests.support.servers.small_servers import Asked, Given, SmallServer, ask, free_port

DATABASE_NUMBER = 140
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
EXTERNAL_ID = "support/bot ü%2F"
"""The crawler's id in the application's own database."""
PACKAGES = ROOT / "tests" / "express_example"
PAGE = ROOT / "docs" / "guide" / "express.md"
GIVE_UP_SECONDS = 60.0


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the compiled application. The compiler checks the types strictly."""
    if shutil.which("node") is None or not (PACKAGES / "node_modules" / "express").is_dir():
        missing = "This test needs Node, and `npm ci` in tests/express_example."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("express")
    middleware, application = re.findall(r"^```ts\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (folder / "keydesk.ts").write_text(middleware)
    (folder / "app.ts").write_text(application)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    options = (
        "--strict",
        "--noUncheckedIndexedAccess",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--types",
        "node",
    )
    done = subprocess.run(
        ["node", "node_modules/typescript/bin/tsc", *options, "app.ts"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder


@dataclass(frozen=True, slots=True)
class Application:
    """A running Express application."""

    port: int

    def ask(self, agent: str, *headers: tuple[str, str]) -> Answer:
        """Asks for an agent's reports."""
        return ask(self.port, f"/agents/{agent}/reports", *headers)


@contextmanager
def running(compiled: Path, keydesk_url: str) -> Iterator[Application]:
    port = free_port()
    settings = {"PORT": str(port), "KEYDESK_URL": keydesk_url, "KEYDESK_GATEWAY_TOKEN": TOKEN}
    process = subprocess.Popen(
        ["node", "app.js"], cwd=compiled, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "listening\n"
        yield Application(port)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    with keydesk_behind(databases.fresh(DATABASE_NUMBER), tmp_path_factory.mktemp("keydesk")) as opened:
        opened.run(lambda services: name_agent(services, opened.crawler))
        yield opened


async def name_agent(services: KeyServices, agent_id: UUID) -> None:
    async with services.database.transaction() as session:
        await session.execute(update(Agent).where(col(Agent.id) == agent_id).values(external_id=EXTERNAL_ID))


@pytest.fixture(scope="module")
def application(compiled: Path, keydesk: KeydeskBehind) -> Iterator[Application]:
    with running(compiled, keydesk.server.address) as opened:
        yield opened


def test_a_valid_key_reaches_the_handler(application: Application, keydesk: KeydeskBehind) -> None:
    """The caller reads what is left of its limits."""
    answer = application.ask(agent_header(keydesk.crawler), presented(keydesk.issue(keydesk.crawler)))

    assert (answer.status, answer.body["organization"]) == (200, keydesk.tenant.id)
    assert (answer.header("ratelimit") or "").startswith('"key";r=')


def test_an_agent_has_an_id_of_the_applications_own(application: Application, keydesk: KeydeskBehind) -> None:
    """Its keys and the organization's are valid, and those of another agent are not."""
    own = f"ext:{quote(EXTERNAL_ID, safe='')}"
    keys = (keydesk.issue(keydesk.crawler), keydesk.issue(), keydesk.issue(keydesk.biller))

    assert [application.ask(own, presented(key)).status for key in keys] == [200, 200, 403]


def test_a_refusal_is_keydesks(application: Application, keydesk: KeydeskBehind) -> None:
    """Of no key, another agent's, a deleted one, one over its limit, and one that is sent twice."""
    crawler = agent_header(keydesk.crawler)
    deleted, limited, good = keydesk.issue(), keydesk.issue(rate_limit=1), keydesk.issue()
    keydesk.delete(deleted)
    application.ask(crawler, presented(limited))
    answers = {
        "missing_key": application.ask(crawler),
        "agent_not_in_scope": application.ask(agent_header(keydesk.biller), presented(keydesk.issue(keydesk.crawler))),
        "deleted_key": application.ask(crawler, presented(deleted)),
        "rate_limited": application.ask(crawler, presented(limited)),
        "malformed_key": application.ask(crawler, presented(good), presented(good)),
    }

    assert {code: answer.code for code, answer in answers.items()} == {code: code for code in answers}
    assert [answer.status for answer in answers.values()] == [401, 403, 401, 429, 401]
    for answer in answers.values():
        assert answer.header("content-type") == "application/problem+json; charset=utf-8"
        assert answer.header("x-request-id") == answer.body["requestId"]
        assert (answer.header("www-authenticate") is not None) == (answer.status == 401)
        assert (answer.header("retry-after") is not None) == (answer.status == 429)


@pytest.mark.parametrize("agent", ["%20", "agt_", "ext:a", "%E2%82%AC", "a%0D%0Ab"])
def test_an_agent_that_is_none_gets_no_answer_of_the_handler(
    application: Application, keydesk: KeydeskBehind, agent: str
) -> None:
    """An organization-level key is refused, too."""
    assert application.ask(agent, presented(keydesk.issue())).status == 403


def test_forged_fields_reach_nobody(application: Application, keydesk: KeydeskBehind) -> None:
    """Keydesk records the address that Express reports."""
    deleted, good = keydesk.issue(), keydesk.issue(keydesk.crawler)
    keydesk.delete(deleted)
    forged = [
        ("X-Keydesk-Key", "forged"),
        ("X_Keydesk_Agent", "forged"),
        ("X-Agent-Id", agent_header(keydesk.biller)),
        ("X-Gateway-Token", "forged"),
        ("X-Real-IP", "203.0.113.9"),
    ]
    crawler = agent_header(keydesk.crawler)

    answer = application.ask(crawler, presented(good), *forged, ("X-Trace", "kept"))
    refused = application.ask(crawler, presented(deleted), *forged)

    arrived = set(answer.body["headers"] or "")
    assert "x-trace" in arrived
    assert arrived.isdisjoint(name.lower() for name, _ in forged)
    assert refused.code == "deleted_key"
    assert keydesk.address_of(str(refused.body["requestId"])) == "127.0.0.9"


BROKEN = {
    "a proxy's 401": Given(401, [("WWW-Authenticate", "Basic")], b"<h1>Sign in</h1>"),
    "a redirect": Given(302, [("Location", "https://elsewhere.example")]),
    "a page": Given(200, [("Content-Type", "text/html")], b"<h1>Welcome</h1>"),
    "an empty object": Given(200, [("Content-Type", "application/json")], b"{}"),
    "null": Given(200, [("Content-Type", "application/json")], b"null"),
    "for no agent": Given(
        200, [("X-Keydesk-Agent", "none")], b'{"keyId":"key_1","organizationId":"org_1","scope":"organization"}'
    ),
    "for another agent": Given(
        200,
        [("X-Keydesk-Agent", "agt_" + "1" * 32)],
        b'{"keyId":"key_1","organizationId":"org_1","scope":"organization","agentExternalId":"other"}',
    ),
    "a wrong token": Given(
        403,
        [("Content-Type", "application/problem+json")],
        b'{"status":403,"code":"gateway_not_allowed","requestId":"req_1"}',
    ),
    "no answer": None,
}


@pytest.fixture(scope="module")
def asked() -> dict[str, str]:
    """Which of the broken answers is given."""
    return {"case": "null"}


@pytest.fixture(scope="module")
def broken(compiled: Path, asked: dict[str, str]) -> Iterator[Application]:
    def answer(request: Asked) -> Given | None:
        return BROKEN[asked["case"]]

    with closing(SmallServer(answer)) as server, running(compiled, f"http://127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.mark.parametrize("agent", ["agt_" + "0" * 32, "ext:own"])
@pytest.mark.parametrize("case", BROKEN)
def test_what_is_not_keydesks_verdict_is_a_503(
    broken: Application, asked: dict[str, str], case: str, agent: str
) -> None:
    """With a time to try again."""
    asked["case"] = case

    answer = broken.ask(agent, ("X-API-Key", "kd_1"))

    assert (answer.status, answer.code, answer.header("retry-after")) == (503, "unavailable", "5")


def test_a_frozen_keydesk_is_a_503(application: Application, keydesk: KeydeskBehind) -> None:
    """After two seconds; then it goes on by itself."""
    headers = presented(keydesk.issue(keydesk.crawler))
    os.kill(keydesk.server.process.pid, signal.SIGSTOP)
    try:
        answer = application.ask(agent_header(keydesk.crawler), headers)
    finally:
        os.kill(keydesk.server.process.pid, signal.SIGCONT)

    assert (answer.status, answer.code) == (503, "unavailable")
    assert application.ask(agent_header(keydesk.crawler), headers).status == 200
