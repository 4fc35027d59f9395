"""Memberships follow the groups at the provider, in organizations with a mapping."""

import asyncio
import logging
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from models import AuditEvent, Person, Role
from resolvers.operator.sso import map_group, unmap_group
from tests.conftest import Clock
from tests.support.client import Client
from tests.support.graphql.people_documents import INVITE
from tests.support.sso.site import SsoSite, provider, sso

__all__ = ["provider", "sso"]
ADA: dict[str, Any] = {"sub": "ada-1", "email": "ada@example.com", "email_verified": True}
MEL: dict[str, Any] = {"sub": "mel-1", "email": "mel@example.com", "email_verified": True}
NEW: dict[str, Any] = {"sub": "new-1", "email": "new@example.com", "email_verified": True, "name": "Newt"}
MEMBERSHIPS = "{ viewer { organizations { name viewerRole agents { name } } } }"
WHY = ", because of their groups at Example Login."


@pytest.fixture(autouse=True)
async def linkable(sso: SsoSite) -> None:
    async with sso.site.database.transaction() as session:
        await session.execute(update(Person).values(is_linkable=True))


async def map_(sso: SsoSite, group: str, role: Role, *agents: str, organization: str = "acme") -> None:
    world, clock = sso.site.world, sso.provider.clock
    async with sso.site.database.transaction() as session:
        await map_group(
            session,
            organization_id=getattr(world, organization).id,
            group=group,
            role=role,
            agent_ids=[getattr(world, agent).id for agent in agents],
            now=clock(),
        )


async def standing(client: Client) -> Any:
    """The person's role in each organization, with the agents of an agent admin."""
    viewer = (await client.graphql(MEMBERSHIPS)).value
    if viewer is None:
        return None
    return {
        each["name"]: (each["viewerRole"], [agent["name"] for agent in each["agents"]])
        for each in viewer["organizations"]
    }


async def after(sso: SsoSite, claims: dict[str, Any], *groups: str) -> Any:
    """The standing after a sign-in with these groups."""
    client, _ = await sso.sign_in({**claims, "groups": list(groups)})
    return await standing(client)


async def events(sso: SsoSite) -> list[str]:
    """What the audit log says of memberships, oldest first."""
    async with sso.site.database.reading() as session:
        statement = (
            select(AuditEvent.summary)  # type: ignore[call-overload]
            .where(col(AuditEvent.action) == "membership-changed")
            .order_by(col(AuditEvent.id))
        )
        return list((await session.execute(statement)).scalars())


async def test_a_role_follows_the_groups_at_each_sign_in(sso: SsoSite) -> None:
    """Up, down, to other agents, and with each change in the audit log as nobody's own doing."""
    await map_(sso, "admins", Role.ORGANIZATION_ADMIN)
    await map_(sso, "crawlers", Role.AGENT_ADMIN, "own")
    await map_(sso, "billers", Role.AGENT_ADMIN, "other")
    await map_(sso, "staff", Role.MEMBER)

    assert await after(sso, MEL, "staff", "unmapped") == {"Acme": ("MEMBER", [])}
    assert await after(sso, MEL, "staff", "crawlers") == {"Acme": ("AGENT_ADMIN", ["Crawler"])}
    assert await after(sso, MEL, "billers", "crawlers") == {"Acme": ("AGENT_ADMIN", ["Biller", "Crawler"])}
    assert (await after(sso, MEL, "staff", "admins", "crawlers"))["Acme"][0] == "ORGANIZATION_ADMIN"
    assert await after(sso, MEL, "staff") == {"Acme": ("MEMBER", [])}

    said = await events(sso)
    assert said[4:] == [
        f"Mel (mel@example.com) is now agent admin of “Crawler” and was member before{WHY}",
        f"Mel (mel@example.com) is now agent admin of “Biller”, “Crawler” and was agent admin of “Crawler” before{WHY}",
        f"Mel (mel@example.com) is now organization admin and was agent admin of “Biller”, “Crawler” before{WHY}",
        f"Mel (mel@example.com) is now member and was organization admin before{WHY}",
    ]
    async with sso.site.database.reading() as session:
        actors = await session.execute(
            select(AuditEvent.actor_id).where(col(AuditEvent.action) == "membership-changed")  # type: ignore[call-overload]
        )
        assert set(actors.scalars()) == {None}


async def test_no_group_takes_the_membership_away(sso: SsoSite) -> None:
    """An empty list, or a list without a mapped group. Sessions from before see the organization no more."""
    await map_(sso, "staff", Role.MEMBER)
    before, _ = await sso.sign_in({**MEL, "groups": ["staff"]})

    client, answer = await sso.sign_in({**MEL, "groups": []})

    assert answer.status_code == 403
    assert "you are in no organization here" in answer.text
    assert [await standing(each) for each in (before, client)] == [None, None]
    assert (await events(sso))[-1] == f"Mel (mel@example.com) was removed{WHY}"
    assert await after(sso, MEL, "staff") == {"Acme": ("MEMBER", [])}
    assert await after(sso, MEL, "other") is None


@pytest.mark.parametrize("claim", [None, "staff", {"staff": True}, 5])
async def test_a_claim_that_is_no_list_changes_nothing(sso: SsoSite, claim: object) -> None:
    """A provider whose configuration broke takes nobody's membership away."""
    await map_(sso, "staff", Role.MEMBER)

    client, answer = await sso.sign_in({**MEL, "groups": claim})

    assert answer.status_code == 303
    assert await standing(client) == {"Acme": ("MEMBER", [])}


async def test_an_organization_without_a_mapping_is_not_touched(sso: SsoSite) -> None:
    """Grace is a member of Globex, which has none; nor has Acme after its last mapping is gone."""
    await map_(sso, "crawlers", Role.AGENT_ADMIN, "own")
    grace = {"sub": "g", "email": "grace@example.com", "email_verified": True}

    assert await after(sso, grace) == {"Globex": ("MEMBER", [])}
    assert set(await after(sso, grace, "crawlers")) == {"Acme", "Globex"}
    async with sso.site.database.transaction() as session:
        world, clock = sso.site.world, sso.provider.clock
        await unmap_group(session, organization_id=world.acme.id, group="crawlers", now=clock())
    assert set(await after(sso, grace)) == {"Acme", "Globex"}


@pytest.mark.parametrize("groups", [[], ["staff"]])
async def test_the_last_organization_admin_stays(
    sso: SsoSite, caplog: pytest.LogCaptureFixture, groups: list[str]
) -> None:
    """Whatever the groups say. With a second one, they don't."""
    await map_(sso, "staff", Role.MEMBER)
    await map_(sso, "admins", Role.ORGANIZATION_ADMIN)

    with caplog.at_level(logging.WARNING, "keydesk.sso"):
        assert (await after(sso, ADA, *groups))["Acme"][0] == "ORGANIZATION_ADMIN"
    assert ["stays organization admin" in line for line in caplog.messages] == [True]
    assert "ada@" not in caplog.text

    await after(sso, MEL, "admins")
    expected: Any = {"Acme": ("MEMBER", [])} if groups else None
    assert await after(sso, ADA, *groups) == expected


async def test_two_admins_who_lose_their_group_at_the_same_moment_leave_one(sso: SsoSite) -> None:
    """The organization is locked while its admins are counted."""
    await map_(sso, "admins", Role.ORGANIZATION_ADMIN)
    await after(sso, ADA, "admins")
    await after(sso, MEL, "admins")

    left = await asyncio.gather(after(sso, ADA), after(sso, MEL))

    assert sorted(each is None for each in left) == [False, True]


async def test_somebody_new_with_a_group_gets_an_account(sso: SsoSite) -> None:
    """With the address and name that the provider vouches for; without a password."""
    await map_(sso, "staff", Role.MEMBER)
    await map_(sso, "globex", Role.AGENT_ADMIN, "theirs", organization="globex")

    client, answer = await sso.sign_in({**NEW, "groups": ["staff", "globex"]})

    assert answer.status_code == 303
    assert await standing(client) == {"Acme": ("MEMBER", []), "Globex": ("AGENT_ADMIN", ["Theirs"])}
    assert (await sso.viewer(client) or {})["user"] == {"email": "new@example.com", "name": "Newt"}
    async with sso.site.database.reading() as session:
        person = (await session.execute(select(Person).where(col(Person.email) == "new@example.com"))).scalar_one()
    assert (person.password_hash, person.is_linkable, person.is_break_glass) == (None, False, False)
    assert f"Newt (new@example.com) was added as member{WHY}" in await events(sso)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"groups": ["other"]}, "you are in no organization here"),
        ({"groups": None}, "you are in no organization here"),
        ({"groups": ["staff"], "email_verified": False}, "is verified"),
        ({"groups": ["staff"], "email": None}, "what your e-mail address is"),
    ],
)
async def test_somebody_new_gets_no_account_otherwise(sso: SsoSite, claims: dict[str, Any], said: str) -> None:
    """The page says what is missing."""
    await map_(sso, "staff", Role.MEMBER)

    _, answer = await sso.sign_in({**NEW, **claims})

    assert answer.status_code == 403
    assert said in answer.text
    async with sso.site.database.reading() as session:
        assert (await session.execute(select(Person).where(col(Person.email) == "new@example.com"))).first() is None


async def test_an_address_that_is_taken_is_not_taken_over(sso: SsoSite) -> None:
    """The account was not made by the operator: a group gives no right to it."""
    await map_(sso, "staff", Role.MEMBER)
    async with sso.site.database.transaction() as session:
        await session.execute(update(Person).values(is_linkable=False))

    _, answer = await sso.sign_in({**MEL, "groups": ["staff"]})

    assert answer.status_code == 403
    assert "not connected with Example Login" in answer.text


async def test_the_same_person_at_the_same_moment_is_one_account(sso: SsoSite) -> None:
    """Several tabs, in the first minute."""
    await map_(sso, "staff", Role.MEMBER)

    done = await asyncio.gather(*(sso.sign_in({**NEW, "groups": ["staff"]}) for _ in range(6)))

    assert {answer.status_code for _, answer in done} == {303}
    assert [await standing(client) for client, _ in done] == [{"Acme": ("MEMBER", [])}] * 6


async def test_a_waiting_invitation_ends_when_a_group_adds_somebody(sso: SsoSite) -> None:
    """It would let them in again after the group has taken them out."""
    await map_(sso, "staff", Role.MEMBER)
    ada = await sso.site.person("ada")
    wanted = {"organizationId": sso.site.organization("acme"), "email": "new@example.com", "role": "MEMBER"}
    token = (await ada.graphql(INVITE, input=wanted)).value["link"].partition("#")[2]
    preview = "query ($token: String!) { invitation(token: $token) { email } }"
    assert (await ada.graphql(preview, token=token)).value is not None

    await after(sso, NEW, "staff")

    assert (await ada.graphql(preview, token=token)).value is None


async def test_each_sign_in_is_in_the_audit_log_once_an_hour(sso: SsoSite, clock: Clock) -> None:
    """In each of the person's organizations, with a count."""
    grace = {"sub": "g", "email": "grace@example.com", "email_verified": True}
    for _ in range(3):
        await sso.sign_in(grace)
    clock.advance(hours=1)
    await sso.sign_in(grace)

    log = "query ($id: ID!) { organization(id: $id) { auditLog { edges { node { action actorName summary } } } } }"
    for person, organization in (("ada", "acme"), ("eve", "globex")):
        admin = await sso.site.person(person)
        found = (await admin.graphql(log, id=sso.site.organization(organization))).value["auditLog"]["edges"]
        said = "Grace (grace@example.com) signed in by Example Login."
        assert [each["node"] for each in found] == [
            {"action": "MEMBER_SIGNED_IN", "actorName": "Grace", "summary": said},
            {"action": "MEMBER_SIGNED_IN", "actorName": "Grace", "summary": f"{said} 3 times within the hour."},
        ]
