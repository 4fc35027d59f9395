"""A host product's program creates what it has in Keydesk, and signs its users in, on the real application."""

from typing import Any

import httpx2
import pytest

from keydesk_client import (
    AsyncKeydesk,
    AsyncProvisioning,
    Ensured,
    KeydeskUnavailable,
    Provisioning,
    Refused,
    RequestRefused,
    SignInLink,
    Verified,
)
from tests.support.client import Site
from tests.support.graphql.provisioning import enter
from tests.support.programs import stored_token


async def host(site: Site, which: str = "operator token") -> AsyncProvisioning:
    """The host product's client."""
    _, token = await stored_token(site, which)
    return AsyncProvisioning("http://keydesk.test", token, transport=transport_of(site))


def transport_of(site: Site) -> Any:
    return httpx2.ASGITransport(site.app)  # type: ignore[arg-type]


async def test_a_customer_comes_uses_a_key_and_goes(site: Site) -> None:
    """By the host product's own ids; each call may be repeated."""
    product = await host(site)
    keydesk = AsyncKeydesk("http://keydesk.test", transport=transport_of(site))

    customer = await product.ensure_organization("customer-7", "Initech", key_limit=3)
    again = await product.ensure_organization("customer-7", "Initech Inc.", rate_limit=60, monthly_quota=1000)
    agent = await product.ensure_agent(customer.id, "support/bot", "Support bot")
    person = await product.ensure_member(
        customer.id,
        "user-1",
        email="peter@initech.example",
        name="Peter",
        role="AGENT_ADMIN",
        agent_ids=[agent.id],
    )
    await product.ensure_member(
        customer.id, "user-2", email="samir@initech.example", name="Samir", role="ORGANIZATION_ADMIN"
    )
    assert (customer.created, again, agent.created, person.created) == (True, Ensured(customer.id, False), True, True)
    assert person.id.startswith("usr_")

    link = await product.create_sign_in_link(customer.id, "user-1", path="audit-log")
    browser = await site.browser()
    assert (await enter(browser, link.url)).outcome != "null"
    created = (await browser.create(customer.id, "first", agent.id)).value["secret"]
    answer = await keydesk.verify(created, "ext:support/bot")
    assert isinstance(answer, Verified)
    assert (answer.organization_external_id, answer.agent_external_id) == ("customer-7", "support/bot")

    await product.remove_member(customer.id, person.id)
    assert (await browser.graphql("{ viewer { user { id } } }")).data == {"viewer": None}
    await product.delete_agent(agent.id)
    assert isinstance(await keydesk.verify(created), Refused)
    await product.delete_organization(customer.id)
    with pytest.raises(RequestRefused):
        await product.ensure_agent(customer.id, "other", "Other")


async def test_a_refusal_has_the_field(site: Site) -> None:
    """An address of another account, and a right that the token doesn't have."""
    product = await host(site)
    customer = await product.ensure_organization("customer-7", "Initech")

    with pytest.raises(RequestRefused) as refused:
        await product.ensure_member(customer.id, "user-1", email="ada@example.com", name="Ada", role="MEMBER")
    assert (refused.value.code, refused.value.field_name) == ("INVALID_INPUT", "email")
    with pytest.raises(RequestRefused) as forbidden:
        await (await host(site, "provisioning token")).create_sign_in_link(customer.id, "user-1")
    assert forbidden.value.code == "FORBIDDEN"


def test_threads_share_a_client() -> None:
    """With the same results. A link's one-time code is not printed."""
    fields: dict[str, Any] = {
        "ensureOrganization": {"created": True, "organization": {"id": "org_1"}},
        "ensureAgent": {"created": True, "agent": {"id": "agt_1"}},
        "ensureMember": {"created": False, "member": {"user": {"id": "usr_1"}}},
        "createSignInLink": {"url": "https://keys.example/enter#thecode", "expiresAt": "2026-11-30T12:01:00Z"},
        **{name: {"__typename": "Done"} for name in ("removeMember", "deleteAgent", "deleteOrganization")},
    }
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"data": fields}))

    with Provisioning("https://keys.example", "kdo_1", transport=transport) as product:
        assert product.ensure_organization("customer-7", "Initech") == Ensured("org_1", True)
        assert product.ensure_agent("org_1", "bot", "Bot") == Ensured("agt_1", True)
        member = product.ensure_member("org_1", "user-1", email="a@b.example", name="A", role="MEMBER")
        assert member == Ensured("usr_1", False)
        link = product.create_sign_in_link("org_1", "user-1")
        product.remove_member("org_1", "usr_1")
        product.delete_agent("agt_1")
        product.delete_organization("org_1")

    assert link == SignInLink("https://keys.example/enter#thecode", "2026-11-30T12:01:00Z")
    assert "thecode" not in f"{link} {link!r} {product!r}"


@pytest.mark.parametrize("made", [{}, {"created": True}, {"created": "yes", "agent": {"id": "agt_1"}}])
async def test_a_broken_answer_is_no_success(made: dict[str, Any]) -> None:
    """The program tries again."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"data": {"ensureAgent": made}}))

    with pytest.raises(KeydeskUnavailable):
        await AsyncProvisioning("https://keys.example", "kdo_1", transport=transport).ensure_agent(
            "org_1", "bot", "Bot"
        )
