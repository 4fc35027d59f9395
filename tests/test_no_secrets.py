"""No secret of any kind appears in a log, in an answer that must not have it, or in the database."""

import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.observability.logs import configure_logging
from models import metadata
from models.engine.ids import Prefix, external_id
from tests.conftest import Clock
from tests.support.client import NEVER_WAS, PASSWORD, Answer, Site, open_site
from tests.support.graphql.documents import CHANGE_PASSWORD, CREATE
from tests.support.graphql.people_documents import ACCEPT, ASK_RESET, INVITE, PREVIEW, RESET
from tests.support.graphql.provisioning import create_link, ensure_member
from tests.support.graphql.provisioning import enter as enter_by_link
from tests.support.graphql.token_documents import CREATE_TOKEN, REVOKE_TOKEN, TOKENS
from tests.support.keys.issued_keys import until
from tests.support.mail_site import text_of
from tests.support.programs import program
from tests.support.servers.small_servers import Given, SmallServer
from tests.support.tickets.smtp_server import SmtpServer, smtp_server

pytestmark = pytest.mark.slow

SERVER_KEYS = ("7d1f0c5e9ab24d38a6f1c3e5b7d90214", "e3b8f2a1c4d7469085b2d1f6a3c9e807")
GATEWAY_TOKEN = "gateway-token-0a8f3c5d7e"
METRICS_TOKEN = "metrics-token-5c1e9b7a42"
METRICS = {"Authorization": f"Bearer {METRICS_TOKEN}"}
NEW_PASSWORD = "entirely new pass phrase of ada"
WRONG_PASSWORDS = ("a wrong password that is not hers", "correct horse battery stapler")
SIGN_IN_LINK = re.compile(r"/enter#(\w+)")
ISSUED = re.compile(r'"secret":"(kds?_\w{16}_(\w{32})\w{10})"')


@dataclass
class Eavesdropper:
    """Records the application's output, and all secrets in use."""

    secrets: set[str] = field(
        default_factory=lambda: {*SERVER_KEYS, GATEWAY_TOKEN, METRICS_TOKEN, PASSWORD, NEW_PASSWORD}
    )
    issued: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def hear(self, response: httpx.Response) -> None:
        """Records the secrets that an answer may have, the issued keys and the cookies, and the answer without them."""
        await response.aread()
        headers = [f"{name}: {value}" for name, value in response.headers.multi_items() if name != "set-cookie"]
        self.secrets.update(value for value in response.cookies.values() if value)
        for key, secret in ISSUED.findall(response.text):
            self.issued.append(key)
            self.secrets.update({key, secret})
        issues = '"ApiKeyIssued"' in response.text or '"ServiceTokenIssued"' in response.text
        body = ISSUED.sub("", response.text) if issues else response.text
        if '"SignInLinkCreated"' in body:
            self.secrets.update(SIGN_IN_LINK.findall(body))
            body = SIGN_IN_LINK.sub("", body)
        self.answers.append("\n".join([*headers, body]))

    def found_in(self, said: str) -> list[str]:
        """The secrets that are in the text."""
        return [secret for secret in sorted(self.secrets) if secret in said]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """Standard error, with the log as an operator with every log level has it."""
    root, own, of_the_tests = (
        logging.getLogger(),
        ("alembic", "markdown_it", "aiosqlite", "asyncio"),
        ("httpx", "mail.log"),
    )
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in (None, *own, *of_the_tests)}
    said = StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    configure_logging("debug")
    for name in of_the_tests:  # browsers and the mail server
        logging.getLogger(name).setLevel(logging.WARNING)
    yield said
    root.handlers[:] = handlers
    for each, level in levels.items():
        logging.getLogger(each).setLevel(level)


@pytest.fixture
def heard() -> Eavesdropper:
    """Records the answers to every browser of the test."""
    return Eavesdropper()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallServer]:
    """Receives the application's spans as soon as they end."""
    server = SmallServer(lambda _: Given(200))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    yield server
    server.close()


@pytest.fixture
def office() -> Iterator[SmtpServer]:
    """Receives the mails with links."""
    with smtp_server() as server:
        yield server


@pytest.fixture
async def secretive(
    database_address: str, clock: Clock, log: StringIO, heard: Eavesdropper, collector: SmallServer, office: SmtpServer
) -> AsyncIterator[Site]:
    """A site with every secret that an operator can set, and all its output recorded."""
    environment = {
        "KEYDESK_SECRET_KEY": ",".join(SERVER_KEYS),
        "KEYDESK_GATEWAY_TOKEN": GATEWAY_TOKEN,
        "KEYDESK_METRICS": "true",
        "KEYDESK_METRICS_TOKEN": METRICS_TOKEN,
        "KEYDESK_SMTP_URL": f"smtp://127.0.0.1:{office.port}",
        "KEYDESK_MAIL_FROM": "keys@example.com",
        "OTEL_EXPORTER_OTLP_ENDPOINT": os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"],
    }
    async with open_site(database_address, clock, environment) as site:
        site.listeners.append(heard.hear)
        yield site


async def change_keys(site: Site) -> list[str]:
    """Creates a key, uses it, rotates it with and without overlap, renames and deletes it; returns its secrets."""
    ada = await site.person("ada")
    issued = (await ada.create(site.organization("acme"))).value
    key_id, secrets = issued["apiKey"]["id"], [issued["secret"]]
    for overlap_seconds in (3600, 60, 0):
        secrets.append((await ada.rotate(key_id, overlap_seconds)).value["secret"])
    await ada.rename(key_id, "nightly")
    for secret in secrets:
        await site.verify(secret, **{"x-gateway-token": GATEWAY_TOKEN})
    await ada.delete(key_id)
    for secret in secrets:
        await site.verify(secret, **{"x-gateway-token": GATEWAY_TOKEN})
    secrets.append((await ada.create(site.organization("acme"), "lives on")).value["secret"])
    return secrets


async def use_token(site: Site) -> str:
    """Creates a service token, uses it, in place of a key too, and revokes it; returns it."""
    ada, acme = await site.person("ada"), site.organization("acme")
    wanted = {"organizationId": acme, "name": "bot", "role": "ORGANIZATION_ADMIN", "expiresInDays": 1}
    issued = (await ada.graphql(CREATE_TOKEN, input=wanted)).value
    token: str = issued["secret"]
    bot = await site.browser(authorization=f"Bearer {token}")
    for _ in range(2):
        await bot.graphql(TOKENS, id=acme)
        await bot.graphql("{ viewer { user { id } } }")
        await site.verify(token, **{"x-gateway-token": GATEWAY_TOKEN})
        await ada.graphql(REVOKE_TOKEN, input={"id": issued["serviceToken"]["id"]})
    return token


async def present_oddly(site: Site, secret: str) -> None:
    """Sends a real secret where it does not belong: in headers, paths, queries and methods of every endpoint."""
    http = (await site.browser()).http
    gateway = {"x-gateway-token": GATEWAY_TOKEN}
    for headers in (
        {"authorization": f"Basic {secret}"},
        {"authorization": f"Bearer Bearer {secret}"},
        {"authorization": f'Bearer "{secret}"'},
        {"authorization": secret},
        {"authorization": f"Bearer {secret[:-1]}"},
        {"authorization": f"Bearer {secret}x"},
        {"authorization": f"Bearer {secret.swapcase()}"},
        {"x-api-key": secret, "authorization": f"Bearer {secret[::-1]}"},
        {"x-api-key": secret, "x-agent-id": secret},
        {"user-agent": secret, "referer": f"http://keydesk.test/{secret}", "x-request-id": secret},
        {"cookie": f"keydesk_session={secret}; keydesk_device={secret}"},
        {"x-forwarded-for": secret, "forwarded": f"for={secret}", "origin": secret, "accept": secret},
    ):
        await http.get("/v1/verify", headers={**gateway, **headers})
        await http.get("/v1/verify", headers={**headers, "x-gateway-token": f"{GATEWAY_TOKEN}x"})
        await http.post("/graphql", headers=headers, json={"query": "{ viewer { user { id } } }"})
        await http.get("/readyz", headers=headers)
        await http.get("/metrics", headers={**headers, "tracestate": f"a={secret}"})
    for path in ("/v1/verify/{}", "/v1/verify?key={}", "/{}", "/docs/{}", "/graphql?query={}", "/healthz/{}"):
        await http.get(path.format(secret), headers=gateway)
        await http.request(secret.partition("_")[2].replace("_", ""), path.format(secret), headers=gateway)


async def sign_in_and_out(site: Site, secret: str) -> None:
    """Right and wrong passwords, also in each other's field, and a change of password."""
    browser = await site.browser()
    for password in (*WRONG_PASSWORDS, secret):
        await browser.sign_in("mel@example.com", password)
        await browser.sign_in(password, password)
    await browser.sign_in("mel@example.com", PASSWORD)
    for current, new in ((WRONG_PASSWORDS[0], NEW_PASSWORD), (PASSWORD, PASSWORD), (PASSWORD, NEW_PASSWORD)):
        await browser.graphql(CHANGE_PASSWORD, current=current, new=new)
    await browser.graphql("mutation { signOut }")
    await browser.sign_in("mel@example.com", NEW_PASSWORD)


async def follow_links(site: Site, office: SmtpServer, heard: Eavesdropper) -> list[str]:
    """
    An invitation and a reset of a password by links in mails: with wrong input, in wrong places, and as it should be.
    Returns the tokens.
    """
    ada, browser = await site.person("ada"), await site.browser()
    wanted = {"organizationId": site.organization("acme"), "email": "new@example.com", "role": "MEMBER"}
    await ada.graphql(INVITE, input=wanted)
    await browser.graphql(ASK_RESET, email="mel@example.com")
    # A request for a password hurries nothing by itself.
    site.app.outbox.wake()
    await until(lambda: len(office.mails) == 2)
    texts = [text_of(mail.message) for mail in office.mails]
    [invitation] = [match[1] for each in texts for match in re.finditer(r"/invitation#(\w+)", each)]
    [reset] = [match[1] for each in texts for match in re.finditer(r"/reset-password#(\w+)", each)]
    heard.secrets |= {invitation, reset}
    for token in (invitation, reset):
        await browser.graphql(PREVIEW, token=token)
        await browser.graphql(ACCEPT, input={"token": token, "name": "\0", "password": "short"})
        await browser.graphql(RESET, input={"token": token, "newPassword": "short"})
        await browser.graphql("query ($token: Int!) { invitation(token: $token) { email } }", token=token)
        for path in ("/invitation?token={}", "/reset-password/{}", "/graphql?token={}", "/v1/verify/{}"):
            await browser.http.get(path.format(token), headers={"referer": f"http://keydesk.test/{token}"})
    accepted = {"token": invitation, "name": "Nina", "password": NEW_PASSWORD}
    assert (await browser.graphql(ACCEPT, input=accepted)).outcome == "Viewer"
    assert (await browser.graphql(RESET, input={"token": reset, "newPassword": NEW_PASSWORD})).outcome == "Viewer"
    return [invitation, reset]


async def enter(site: Site) -> str:
    """A host product's link, in wrong places and as it should be. Returns its code."""
    host, acme = await program(site, "operator token", server_key=SERVER_KEYS[0]), site.organization("acme")
    await ensure_member(host, acme)
    url: str = (await create_link(host, acme)).value["url"]
    code, browser = url.partition("#")[2], await site.browser()
    for path in ("/enter?code={}", "/enter/{}", "/graphql?token={}", "/v1/verify/{}"):
        await browser.http.get(path.format(code), headers={"referer": f"http://keydesk.test/{code}"})
    await browser.graphql("mutation ($token: Int!) { enterByLink(input: {token: $token}) { __typename } }", token=code)
    assert (await enter_by_link(browser, url)).outcome == "EnteredByLink"
    assert (await enter_by_link(browser, url)).outcome == "LinkNotValid"
    return code


async def fail_inside(site: Site, secret: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Internal errors whose exceptions are full of secrets; returns the codes that the client saw."""
    ada = await site.person("ada")

    async def fail(*_arguments: object, **_named: object) -> None:
        parameters = {"secret": secret, "password": PASSWORD}
        cause = ValueError(f"duplicate key: {secret}")
        raise IntegrityError(f"INSERT INTO t VALUES ('{secret}')", parameters, cause) from cause

    key_id = external_id(Prefix.API_KEY, NEVER_WAS)
    codes: list[str] = []
    asks: tuple[tuple[str, Callable[[], Awaitable[Answer]]], ...] = (
        ("resolvers.creation.create_api_key.record", lambda: ada.create(site.organization("acme"))),
        ("resolvers.api_keys.key_record", lambda: ada.rename(key_id)),
        ("resolvers.viewer.session_record", lambda: ada.see(key_id)),
    )
    for place, ask in asks:
        with monkeypatch.context() as patched:
            patched.setattr(place, fail)
            codes += (await ask()).codes
    return codes


async def sent_spans(site: Site, collector: SmallServer) -> str:
    """All spans that were sent to the collector, up to the span of a last request."""
    marker = (await (await site.browser()).http.get("/metrics", headers=METRICS)).headers["x-request-id"]
    await until(lambda: any(marker.encode() in each.body for each in collector.asked))
    return "".join(each.body.decode("latin-1") for each in collector.asked)


async def stored(site: Site) -> str:
    """The whole database: every byte of SQLite's files, or every column of every row."""
    path = site.app.database.sqlite_path
    if path is not None:
        files = [path, *path.parent.glob(f"{path.name}-*")]
        assert len(files) > 1, "the write-ahead log is missing"
        return "".join(file.read_bytes().decode("latin-1") for file in files)
    async with site.database.reading() as session:
        tables = [
            (await session.execute(text(f"SELECT t::text FROM {name} t"))).scalars().all() for name in metadata.tables
        ]
    return "\n".join(row for rows in tables for row in rows)


async def test_no_secret_is_said_where_it_does_not_belong(
    secretive: Site,
    heard: Eavesdropper,
    log: StringIO,
    collector: SmallServer,
    office: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Covers keys, passwords, tokens of sessions and links, the operator's tokens and server keys: not in the log at its
    most verbose, not in any answer except those that issue a key, not in metrics and traces, not in the database.
    """
    secrets = [*await change_keys(secretive), await use_token(secretive)]
    for secret in secrets:
        await present_oddly(secretive, secret)
    await sign_in_and_out(secretive, secrets[-1])
    tokens = await follow_links(secretive, office, heard)
    tokens.append(await enter(secretive))
    codes = await fail_inside(secretive, secrets[-1], monkeypatch)
    metrics = await (await secretive.browser()).http.get("/metrics", headers=METRICS)
    spans = await sent_spans(secretive, collector)
    kept = await stored(secretive)
    logged = log.getvalue()

    assert heard.issued == secrets
    assert set(tokens) <= heard.secrets
    assert len(heard.secrets) >= 2 * len(secrets) + 8
    assert codes == ["INTERNAL_SERVER_ERROR"] * 3
    assert "IntegrityError" in logged
    assert secrets[-1][-4:] in kept
    assert all(reason in logged for reason in ("replaced_secret", "deleted_key"))
    assert "keydesk_verifications_total" in metrics.text
    assert "deleted_key" in spans
    found = {"log": logged, "metrics": metrics.text, "spans": spans, "database": kept}
    assert {place: heard.found_in(said) for place, said in found.items()} == {place: [] for place in found}
    assert [answer for answer in heard.answers if heard.found_in(answer)] == []


PASTED = "kd_0123456789abcdef_0123456789abcdefghijklmnopqrstuvwxyzABCDEF"
TYPED = "a pass phrase in the wrong field"


def refused_documents() -> list[str]:
    """A pasted key or a password in each wrong place of a document."""
    return [
        f"{{ {PASTED} }}",
        f"{PASTED}",
        f'"{TYPED}"',
        f'{{ apiKey("{TYPED}") {{ id }} }}',
        f'{{ apiKey(id: """{TYPED}""" "{TYPED}") {{ id }} }}',
        f'{{ apiKey(id: "{TYPED}) }}',
        f'{{ apiKey(id: "{PASTED}") {{ {PASTED} }} }}',
        f'{{ apiKey({PASTED}: "{PASTED}") {{ id }} }}',
        f"{{ apiKey(id: {PASTED}) {{ id }} }}",
        f"{{ ...{PASTED} }}",
        f"query (${PASTED}: {PASTED}) {{ supportEmail }}",
        f"{{ supportEmail @{PASTED} }}",
        f"fragment {PASTED} on {PASTED} {{ id }}",
        f"{{ a: supportEmail a: apiKey(id: 1) {{ {PASTED}: id }} }}",
        f'mutation {{ signIn(input: {{email: "{TYPED}"}}) {{ __typename }} }}',
        f'mutation {{ signIn(input: {{email: "a", pasword: "{TYPED}"}}) {{ __typename }} }}',
        f'mutation {{ signIn(input: {{email: ["{TYPED}"], password: {{a: "{TYPED}"}}}}) {{ __typename }} }}',
        f'mutation {{ signIn(input: "{TYPED}") {{ __typename }} }}',
        f'mutation {{ createApiKey(input: {{organizationId: 1, name: 1, scope: "{TYPED}"}}) {{ __typename }} }}',
        f"mutation {{ createApiKey(input: {{organizationId: 1, name: 1, scope: {PASTED}}}) {{ __typename }} }}",
    ]


def refused_variables() -> list[tuple[str, Any]]:
    """A pasted key or a password in variables, with the document that they do not fit."""
    sign_in = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"
    account = {"email": "ada@example.com"}
    inputs: list[Any] = [
        TYPED,
        [TYPED],
        account | {"pasword": TYPED},
        account | {"password": [TYPED]},
        account | {"password": {"password": TYPED}},
        {"password": TYPED},
        {PASTED: PASTED},
    ]
    scoped = {"organizationId": "org_1", "name": "x", "scope": TYPED}
    return [*((sign_in, each) for each in inputs), (CREATE, scoped), (CREATE, scoped | {"scope": PASTED})]


async def test_what_is_refused_is_not_said_back(site: Site) -> None:
    """A password in a misspelled field, a key pasted into a document: the refusal does not quote it."""
    browser = await site.browser()

    answers = [await browser.graphql(document) for document in refused_documents()]
    answers += [await browser.graphql(document, input=wrong) for document, wrong in refused_variables()]

    assert {answer.response.status_code for answer in answers} == {400}
    assert [answer.body for answer in answers if PASTED in answer.response.text or TYPED in answer.response.text] == []
