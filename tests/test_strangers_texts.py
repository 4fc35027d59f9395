"""Whatever callers send, all of it is written, and good keys still count: on SQLite as on PostgreSQL."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlmodel import col

from models import RefusedRequest, UsageMonth, metadata
from models.engine.columns import OutsideText, storable
from models.engine.database import Database
from models.engine.ids import Prefix, parse_external_id
from tests.conftest import Clock
from tests.support.assistant.client import ASK
from tests.support.client import GRAPHQL, Site, open_site
from tests.support.graphql.documents import SIGN_IN

pytestmark = pytest.mark.slow

DECIDED = {
    "agents.name": "checked on input",
    "api_keys.name": "checked on input",
    "api_keys.prefix": "made here",
    "api_keys.public_id": "made here",
    "agents.external_id": "checked on input",
    "api_keys.last_four": "made here",
    "api_keys.secret_hash": "made here",
    "api_keys.secret_digest": "made here",
    "api_keys.server_key_id": "made here",
    "api_keys.previous_secret_hash": "made here",
    "api_keys.previous_secret_digest": "made here",
    "api_keys.previous_server_key_id": "made here",
    "audit_events.action": "made here",
    "audit_events.refused_reason": "made here",
    "client_requests.input_digest": "a digest",
    "client_requests.request_id": "checked on input",
    "group_mappings.group_name": "checked on input",
    "group_mappings.role": "made here",
    "identities.issuer": "a setting",
    "identities.subject": "checked on input",
    "leases.name": "made here",
    "memberships.role": "made here",
    "messages.author": "made here",
    "messages.client_message_id": "a digest",
    "messages.context": "made here, of ids",
    "messages.topic": "made here",
    "messages.language": "made here",
    "messages.diagnosis_case": "made here",
    "organizations.name": "checked on input",
    "organizations.external_id": "checked on input",
    "pasted_keys.public_id": "of a key's form",
    "invitation_mails.email_digest": "a digest",
    "invitations.email": "checked on input",
    "invitations.link_digest": "a digest",
    "invitations.link_nonce": "made here",
    "invitations.role": "made here",
    "key_requests.name": "checked on input",
    "key_requests.reason": "checked on input",
    "password_resets.account": "a digest",
    "password_resets.ip_address": "an address, in its normal form",
    "password_resets.link_digest": "a digest",
    "password_resets.link_nonce": "made here",
    "people.email": "checked on input",
    "people.external_id": "checked on input",
    "people.name": "checked on input",
    "people.password_hash": "made here",
    "program_tokens.digest": "a digest",
    "program_tokens.kind": "made here",
    "program_tokens.last_four": "made here",
    "program_tokens.name": "checked on input",
    "program_tokens.prefix": "made here",
    "program_tokens.public_id": "made here",
    "program_tokens.role": "made here",
    "program_tokens.server_key_id": "made here",
    "restores.settled_by": "made here",
    "refused_requests.reason": "made here",
    "schema_compatibility.revision": "a migration's",
    "schema_compatibility.serves_from": "a migration's",
    "served_server_keys.id": "made here",
    "sign_in_failures.account": "a digest",
    "sign_in_failures.ip_address": "an address, in its normal form",
    "sign_in_failures.device": "made here, and signed",
    "sign_in_links.link_digest": "a digest",
    "sign_in_links.path": "checked on input",
    "sign_in_links.return_url": "checked on input",
    "sign_in_sessions.return_url": "checked on input",
    "sign_in_sessions.provider_session_digest": "a digest",
    "sign_in_sessions.token_digest": "a digest",
    "tickets.sent_to": "a setting",
    "tickets.reply_to": "checked on input",
    "used_once.digest": "a digest",
    "exposures.secret": "made here",
    "exposures.secret_mark": "a digest",
    "exposures.source": "made here",
    "notification_mails.address": "checked on input",
    "notification_mails.event_type": "made here",
    "notification_settings.on_exposure": "made here",
    "told_marks.kind": "made here",
    "told_marks.period": "made here",
    "webhook_deliveries.event_type": "made here",
    "webhook_deliveries.failure": "made here",
    "webhook_deliveries.message_id": "made here",
    "webhooks.disabled_reason": "made here",
    "webhooks.previous_sealed_secret": "made here",
    "webhooks.sealed_secret": "made here",
    "webhooks.url": "checked on input",
}
"""Columns of bounded length that are not clipped, and why no longer text reaches them."""

PIECES = st.sampled_from(
    [
        "\0",
        "\x1f",
        "\ud800",
        "\udfff",
        "\u200b",
        "\N{NO-BREAK SPACE}",
        "\U0001f680",
        "e\u0301",
        ",",
        '"',
        "'",
        "\\",
        "{",
        "%00",
        "%",
        "Bearer ",
        "FOO=",
        "kd_",
        "\ufeff",
        "\uffff",
        "a" * 300,
        "\U0001f680" * 300,
        '{"key": "',
        "a2RfJTQxYmMjZGVmZ2dnZ2cs",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=12).map("".join)
ADDRESSES = st.sampled_from(["203.0.113.9", "fe80::1%" + "z" * 300, "::ffff:192.0.2.1", "2001:db8::1%a,b", '"[::1]"'])


def test_every_bounded_text_is_clipped_or_known_to_fit() -> None:
    """A new column must be one or the other."""
    bounded = {
        f"{table.name}.{column.name}": column.type
        for table in metadata.tables.values()
        for column in table.columns
        if getattr(column.type, "length", None) is not None
    }
    not_clipped = {name for name, kind in bounded.items() if not isinstance(kind, OutsideText)}

    assert not_clipped == DECIDED.keys()
    assert {"refused_requests.detail", "callers.user_agent", "tickets.failure"} <= bounded.keys() - not_clipped


@given(TEXTS, st.integers(0, 400))
def test_what_is_storable_is_taken_by_every_database(text: str, at_most: int) -> None:
    """It can be encoded, has no NUL, and is at most as long as the column; a text that already fits stays unchanged."""
    found = storable(text, at_most)

    assert len(found) <= at_most
    assert "\0" not in found
    found.encode()
    assert storable(found, at_most) == found
    assert found == text[:at_most] or not text.isascii() or "\0" in text


class Running:
    """A site whose loop a test runs step by step."""

    def __init__(self, runner: asyncio.Runner, site: Site, secret: str) -> None:
        self.run = runner.run
        self.site = site
        self.secret = secret
        self.passed = 0


@pytest.fixture
def running(database_address: str, clock: Clock) -> Iterator[Running]:
    """Trusts every peer, so that forwarding headers are read."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def opened() -> Running:
            environment = {"KEYDESK_TRUSTED_PROXIES": "127.0.0.1", "KEYDESK_SUPPORT_EMAIL": "help@example.com"}
            site = await stack.enter_async_context(open_site(database_address, clock, environment))
            await site.person("nobody")
            return Running(runner, site, (await site.fill("deploy"))["deploy"]["secret"])

        try:
            yield runner.run(opened())
        finally:
            runner.run(stack.aclose())


async def until_written(database: Database, request_ids: list[str], passed: int) -> list[RefusedRequest]:
    """Waits until these refused requests, and this many that passed, are in the database."""
    ids = [parse_external_id(Prefix.REQUEST, each) for each in request_ids]
    async with asyncio.timeout(60):
        while True:
            async with database.reading() as session:
                found = select(RefusedRequest).where(col(RefusedRequest.request_id).in_(ids))
                rows = list((await session.execute(found)).scalars())
                counted = (await session.execute(select(func.coalesce(func.sum(UsageMonth.allowed), 0)))).scalar_one()
            if len(rows) == len(ids) and counted == passed:
                return rows
            await asyncio.sleep(0.05)


def sent(text: str) -> bytes:
    """The text as a header carries it: any bytes except those that end it."""
    return text.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")


HOSTILE = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_no_header_keeps_anything_from_being_written(running: Running) -> None:
    """Keys, user agents, agents' ids and addresses, of refused requests and of requests that pass."""
    site = running.site

    async def check(keys: list[str], user_agent: str, address: str, agent: str) -> None:
        http = (await site.person("nobody")).http
        headers = [(b"user-agent", sent(user_agent)), (b"x-forwarded-for", sent(address))]
        refused = [
            await http.get("/v1/verify", headers=[*headers, (b"x-api-key", sent(key)), (b"x-agent-id", sent(agent))])
            for key in keys
        ]
        assert {answer.status_code for answer in refused} <= {401}
        good = await http.get("/v1/verify", headers=[*headers, (b"x-api-key", running.secret.encode())])
        assert good.status_code == 200
        running.passed += 1
        kept = await until_written(site.database, [answer.json()["requestId"] for answer in refused], running.passed)
        assert {row.detail for row in kept if row.reason == "malformed_key"} <= {
            answer.json()["detail"] for answer in refused
        }
        assert (await http.get("/readyz")).json() == {"status": "ready"}

    @HOSTILE
    @given(st.lists(TEXTS, max_size=6), TEXTS, ADDRESSES | TEXTS, TEXTS)
    def any_headers(keys: list[str], user_agent: str, address: str, agent: str) -> None:
        running.run(check(keys, user_agent, address, agent))

    any_headers()


async def answered(site: Site, name: str, document: str, **variables: object) -> None:
    """Asserts that the answer is not an internal error."""
    http = (await site.person(name)).http
    # With surrogates escaped, as JSON allows.
    content = json.dumps({"query": document, "variables": variables})
    answer = await http.post(
        "/graphql", content=content, headers={"accept": GRAPHQL, "content-type": "application/json"}
    )
    codes = {error["extensions"]["code"] for error in answer.json().get("errors", ())}
    assert "INTERNAL_SERVER_ERROR" not in codes, answer.text


@pytest.mark.parametrize("what", ["sign in", "ask", "name"])
def test_no_text_in_a_request_is_a_fault(running: Running, what: str, clock: Clock) -> None:
    """E-mail addresses at sign-in, questions with their references, and keys' names."""
    site = running.site
    asking: dict[str, Callable[[str], object]] = {
        "sign in": lambda text: answered(site, "nobody", SIGN_IN, email=text, password=text),
        "ask": lambda text: answered(
            site,
            "ada",
            ASK,
            input={
                "organizationId": site.organization("acme"),
                "message": text,
                "clientMessageId": text[:100],
                "apiKeyId": text[:100],
                "requestId": text[:100],
            },
        ),
        "name": lambda text: site_create(site, text),
    }

    @HOSTILE
    @given(TEXTS)
    def any_text(text: str) -> None:
        clock.advance(minutes=1)
        running.run(asking[what](text))  # type: ignore[arg-type]

    any_text()


async def site_create(site: Site, name: str) -> None:
    document = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { __typename } }"
    wanted = {"organizationId": site.organization("acme"), "name": name, "scope": "ORGANIZATION"}
    await answered(site, "ada", document, input=wanted)
