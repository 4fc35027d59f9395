"""The fake Keydesk answers like the real one."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from sqlmodel import col, select, update

from keydesk_client import Answer, AsyncKeydesk, Keydesk, Refused, Unavailable, Verified
from keydesk_client.testing import FakeKeydesk
from models import Agent, Organization
from models.engine.database import Database
from models.usage.caller import Caller
from tests.conftest import Clock
from tests.support.client import Site, open_site

EXTERNAL_ID = "support/bot ü"
Ask = Callable[..., Awaitable[Answer]]
SITUATIONS: dict[str, Callable[[Ask, dict[str, str]], Awaitable[Answer]]] = {
    "an organization-level key": lambda ask, know: ask([bearer(know["good"])]),
    "an organization-level key for an agent": lambda ask, know: ask([bearer(know["good"])], know["agent"]),
    "an agent-level key": lambda ask, know: ask([bearer(know["of agent"])]),
    "an agent-level key for its agent": lambda ask, know: ask([bearer(know["of agent"])], know["agent"]),
    "an agent-level key for another agent": lambda ask, know: ask([bearer(know["of agent"])], know["other agent"]),
    "an agent that is none": lambda ask, know: ask([bearer(know["good"])], "crawler"),
    "an agent by its external id": lambda ask, know: ask([bearer(know["of agent"])], f"ext:{EXTERNAL_ID}"),
    "an agent by an unknown external id": lambda ask, know: ask([bearer(know["good"])], "ext:nobody"),
    "an agent by an empty external id": lambda ask, know: ask([bearer(know["good"])], "ext:"),
    "an agent of nobody": lambda ask, know: ask([bearer(know["good"])], "agt_" + "0" * 32),
    "no key": lambda ask, know: ask([]),
    "an empty key": lambda ask, know: ask([(b"authorization", b"Bearer ")]),
    "a deleted key": lambda ask, know: ask([bearer(know["deleted"])]),
    "a key that was replaced": lambda ask, know: ask([bearer(know["replaced"])]),
    "the key in the other field": lambda ask, know: ask([(b"x-api-key", know["good"].encode())]),
    "the same key in both fields": lambda ask, know: ask([bearer(know["good"]), (b"x-api-key", know["good"].encode())]),
    "two keys": lambda ask, know: ask([bearer(know["good"]), (b"x-api-key", know["of agent"].encode())]),
    "another scheme": lambda ask, know: ask([(b"authorization", b"Basic dTpw")]),
    "another scheme beside a key": lambda ask, know: ask(
        [(b"authorization", b"Basic dTpw"), (b"x-api-key", know["good"].encode())]
    ),
    "the field twice": lambda ask, know: ask([bearer(know["good"])] * 2),
}


def bearer(secret: str) -> tuple[bytes, bytes]:
    return b"authorization", b"Bearer " + secret.encode()


def shape(answer: Answer) -> dict[str, Any]:
    """What an application can see of an answer, without ids and sentences."""
    headers = [name for name, _ in answer.headers]
    if isinstance(answer, Verified):
        return {
            "headers": headers,
            "scope": answer.scope,
            "agent": answer.agent_id is not None,
            "requested": answer.requested_agent_id is not None,
            "external ids": (answer.organization_external_id, answer.agent_external_id),
        }
    code = answer.code if isinstance(answer, Refused) else None
    return {"headers": headers, "status": answer.status, "code": code, "members": list(json.loads(answer.body))}


async def known_to_real(site: Site) -> dict[str, str]:
    """Keys and agents of Acme, in the real Keydesk."""
    ada = await site.person("ada")
    agent, other_agent = site.agent("own"), site.agent("other")
    async with site.database.transaction() as session:
        await session.execute(
            update(Organization).where(col(Organization.id) == site.world.acme.id).values(external_id="customer-7")
        )
        await session.execute(update(Agent).where(col(Agent.id) == site.world.own.id).values(external_id=EXTERNAL_ID))
    issued = await site.fill("good", "deleted", "replaced")
    of_agent = (await ada.create(site.organization("acme"), "of agent", agent)).value
    await ada.delete(issued["deleted"]["apiKey"]["id"])
    await ada.rotate(issued["replaced"]["apiKey"]["id"])
    secrets = {name: each["secret"] for name, each in issued.items()}
    return {**secrets, "of agent": of_agent["secret"], "agent": agent, "other agent": other_agent}


def known_to_fake(fake: FakeKeydesk) -> dict[str, str]:
    """The same in the fake one."""
    agent, other_agent = fake.add_agent(EXTERNAL_ID), fake.add_agent()
    keys = {"good": fake.issue_key(), "deleted": fake.issue_key(), "replaced": fake.issue_key()}
    keys["of agent"] = fake.issue_key(agent)
    keys["deleted"].refused_as, keys["replaced"].refused_as = "deleted_key", "replaced_secret"
    return {**{name: key.secret for name, key in keys.items()}, "agent": agent, "other agent": other_agent}


async def test_the_fake_answers_like_the_real_one(site: Site) -> None:
    """In type, status, code, scope, header fields and members."""
    fake = FakeKeydesk(external_id="customer-7")
    known = {"real": await known_to_real(site), "fake": known_to_fake(fake)}
    clients = {
        "real": AsyncKeydesk("http://keydesk.test", transport=httpx2.ASGITransport(site.app)),  # type: ignore[arg-type]
        "fake": AsyncKeydesk("http://keydesk.test", transport=fake.transport),
    }

    shapes = {
        name: {
            situation: shape(await ask(clients[name].verify_request, known[name]))
            for situation, ask in SITUATIONS.items()
        }
        for name in clients
    }

    assert shapes["fake"] == shapes["real"]
    statuses = [each.get("status", 200) for each in shapes["real"].values()]
    assert {status: statuses.count(status) for status in sorted(set(statuses))} == {200: 8, 401: 7, 403: 5}


async def test_the_fake_is_over_its_limits_like_the_real_one(site: Site) -> None:
    """Both say when to try again."""
    fake = FakeKeydesk()
    real_key, key = (await site.fill("good"))["good"]["secret"], fake.issue_key()
    key.refused_as = "rate_limited"
    real = AsyncKeydesk("http://keydesk.test", transport=httpx2.ASGITransport(site.app))  # type: ignore[arg-type]

    for _ in range(601):
        answer = await real.verify(real_key)
    fakes = await AsyncKeydesk("http://keydesk.test", transport=fake.transport).verify(key.secret)

    assert shape(fakes) == shape(answer)
    assert shape(answer)["code"] == "rate_limited"


def test_a_fake_finds_an_agent_by_its_external_id() -> None:
    """As the host product names it."""
    fake = FakeKeydesk()
    key = fake.issue_key(fake.add_agent("crawler/7"))

    with Keydesk("https://keys.example", transport=fake.transport) as keydesk:
        assert isinstance(keydesk.verify(key.secret, "ext:crawler/7"), Verified)
        assert isinstance(keydesk.verify(key.secret, "ext:crawler/8"), Refused)


@pytest.mark.parametrize("token", [None, "another"])
def test_a_fake_asks_for_the_gateway_token(token: str | None) -> None:
    """Without the right one, nothing is said about the key."""
    fake = FakeKeydesk(gateway_token="the-gateway-token")
    key = fake.issue_key()

    with Keydesk("https://keys.example", token, transport=fake.transport) as keydesk:
        assert isinstance(keydesk.verify(key.secret), Unavailable)


@pytest.mark.parametrize("setting", [None, "x-forwarded-for", "forwarded"])
async def test_keydesk_believes_the_address_whatever_its_proxies_write(
    database: Database, database_address: str, clock: Clock, setting: str | None
) -> None:
    """With the gateway's token."""
    settings = {"KEYDESK_GATEWAY_TOKEN": "the-gateway-token", "KEYDESK_FORWARDED_HEADER": setting or ""}
    async with open_site(database_address, clock, settings) as site:
        transport = httpx2.ASGITransport(site.app)  # type: ignore[arg-type]
        keydesk = AsyncKeydesk("http://keydesk.test", "the-gateway-token", transport=transport)
        secret = (await site.fill("deploy"))["deploy"]["secret"]
        assert isinstance(await keydesk.verify(secret, client_address="2001:db8::7"), Verified)

    async with database.reading() as session:
        caller = (await session.execute(select(Caller))).scalar_one()
    assert caller.ip_address == "2001:db8::7"
