"""Who may do what with people and invitations: each role, another organization's admin, nobody, a one-time password."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from models import Person
from models.engine.ids import Prefix, external_id
from tests.support.client import Client, Site
from tests.support.graphql.people_documents import (
    ASK_FOR_KEY,
    CHANGE,
    CLOSE,
    INVITE,
    KEY_REQUESTS,
    PEOPLE,
    REMOVE,
    RESEND,
    REVOKE,
)
from tests.support.programs import PROGRAMS, program

ROLES = ("ada", "grace", "mel", "eve", "nobody", "one-time", *PROGRAMS)
SIGNED_OUT = {
    "nobody": "UNAUTHENTICATED",
    "one-time": "PASSWORD_CHANGE_REQUIRED",
    **dict.fromkeys(PROGRAMS, "FORBIDDEN"),
}
"""What those get who are never an organization's admin. Programs never manage people, but for `REMOVERS`."""
REMOVERS = dict.fromkeys(("provisioning token", "operator token"), "MemberRemoved")
INVITED = "new@example.com"


async def client_of(site: Site, role: str) -> Client:
    """A browser of this person, or a program; `one-time` is Mel with a one-time password that was not changed yet."""
    if role in PROGRAMS:
        return await program(site, role)
    if role != "one-time":
        return await site.person(role)
    client = await site.person("mel")
    async with site.database.transaction() as session:
        await session.execute(
            update(Person).where(col(Person.id) == site.world.mel.id).values(password_is_one_time=True)
        )
    return client


async def invitation_of(site: Site) -> str:
    """The id of an open invitation to Acme."""
    wanted = {"organizationId": site.organization("acme"), "email": INVITED, "role": "MEMBER"}
    answer = await (await site.person("ada")).graphql(INVITE, input=wanted)
    invitation_id: str = answer.value["invitation"]["id"]
    return invitation_id


async def request_of(site: Site) -> str:
    """The id of an open request for a key in Acme."""
    wanted = {"organizationId": site.organization("acme"), "name": "x", "reason": "y"}
    answer = await (await site.person("mel")).graphql(ASK_FOR_KEY, input=wanted)
    request_id: str = answer.value["keyRequest"]["id"]
    return request_id


def person_id(site: Site, name: str) -> str:
    return external_id(Prefix.PERSON, site.world.people[name].id)


def on_acme(site: Site, **more: Any) -> dict[str, Any]:
    return {"organizationId": site.organization("acme"), **more}


MUTATIONS: dict[str, tuple[str, Callable[[Site], dict[str, Any]], dict[str, str]]] = {
    "invite": (
        INVITE,
        lambda site: on_acme(site, email="other@example.com", role="MEMBER"),
        {"ada": "InvitationIssued", "grace": "FORBIDDEN", "mel": "FORBIDDEN", "eve": "NOT_FOUND"},
    ),
    "change": (
        CHANGE,
        lambda site: on_acme(site, userId=person_id(site, "mel"), role="ORGANIZATION_ADMIN"),
        {"ada": "Member", "grace": "FORBIDDEN", "mel": "FORBIDDEN", "eve": "NOT_FOUND"},
    ),
    "remove": (
        REMOVE,
        lambda site: on_acme(site, userId=person_id(site, "grace")),
        {"ada": "MemberRemoved", "grace": "FORBIDDEN", "mel": "FORBIDDEN", "eve": "NOT_FOUND"},
    ),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", MUTATIONS)
async def test_only_an_organizations_own_admins_change_its_people(site: Site, name: str, role: str) -> None:
    """An organization that one is not in is not found; in one's own, another role is forbidden."""
    document, variables, outcomes = MUTATIONS[name]
    client = await client_of(site, role)

    answer = await client.graphql(document, input=variables(site))

    assert answer.outcome == {**outcomes, **SIGNED_OUT, **(REMOVERS if name == "remove" else {})}[role]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("document", "done"), [(RESEND, "InvitationIssued"), (REVOKE, "InvitationRevoked")])
async def test_only_an_organizations_own_admins_change_its_invitations(
    site: Site, document: str, done: str, role: str
) -> None:
    """Another organization's invitation gets the same answer as one that never was."""
    invitation_id = await invitation_of(site)
    client = await client_of(site, role)

    answers = [
        await client.graphql(document, input={"id": each}) for each in (f"inv_{'0' * 32}", "nonsense", invitation_id)
    ]

    outcomes = {"ada": done, "grace": "FORBIDDEN", "mel": "FORBIDDEN", "eve": "InvitationNotFound", **SIGNED_OUT}
    unknown = "InvitationNotFound" if role == "ada" else outcomes[role]
    assert [each.outcome for each in answers] == [unknown, unknown, outcomes[role]]
    if role == "eve":
        assert answers[0].value == answers[2].value


@pytest.mark.parametrize("role", ROLES)
async def test_only_an_organizations_own_admins_see_its_people(site: Site, role: str) -> None:
    """Others see nobody and no invitation."""
    await invitation_of(site)
    client = await client_of(site, role)

    answer = await client.graphql(PEOPLE, id=site.organization("acme"))

    if role in SIGNED_OUT and role != "globex token":
        assert set(answer.codes) == {SIGNED_OUT[role]}
        assert answer.body["data"] == {"organization": None}
    elif role in ("eve", "globex token"):
        assert answer.value is None
    else:
        assert (len(answer.value["members"]), len(answer.value["invitations"])) == ((3, 1) if role == "ada" else (0, 0))


@pytest.mark.parametrize("role", ROLES)
async def test_only_who_cannot_create_a_key_asks_for_one(site: Site, role: str) -> None:
    """An agent admin may ask for an organization-level key, and for other agents' keys."""
    client = await client_of(site, role)

    answer = await client.graphql(ASK_FOR_KEY, input=on_acme(site, name="deploy", reason="To deploy."))

    outcomes = {"ada": "FORBIDDEN", "grace": "ApiKeyRequested", "mel": "ApiKeyRequested", "eve": "NOT_FOUND"}
    assert answer.outcome == {**outcomes, **SIGNED_OUT}[role]


@pytest.mark.parametrize("role", ROLES)
async def test_only_an_organizations_own_admins_deal_with_requests(site: Site, role: str) -> None:
    """Others see no requests and close none."""
    request_id = await request_of(site)
    client = await client_of(site, role)

    listed = await client.graphql(KEY_REQUESTS, id=site.organization("acme"))
    closed = await client.graphql(CLOSE, id=request_id)

    if role in SIGNED_OUT:
        refused = [] if role == "globex token" else [SIGNED_OUT[role]]
        assert (listed.codes, closed.codes) == (refused, [SIGNED_OUT[role]])
        assert listed.body["data"] == {"organization": None}
        return
    shown = 0 if listed.value is None else len(listed.value["keyRequests"])
    assert shown == (1 if role == "ada" else 0)
    if role == "eve":
        assert closed.value is False
    else:
        assert closed.codes == ([] if role == "ada" else ["FORBIDDEN"])
