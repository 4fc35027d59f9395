"""Invitations over GraphQL: sent, resent, revoked, and accepted in each of the three ways."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlmodel import col, select

from keys.sign_in.passwords import PasswordOwner
from models import Invitation, Membership, Person, Role
from models.engine.ids import Prefix, external_id
from resolvers.operator.people import NewPassword, add_member
from tests.conftest import Clock
from tests.support.client import CHEAP, PASSWORD, PUBLIC_URL, Client, Site
from tests.support.graphql.people_documents import ACCEPT, CHANGE, INVITE, PEOPLE, PREVIEW, REMOVE, RESEND, REVOKE

EMAIL = "new@example.com"
GOOD_PASSWORD = "a rather long passphrase, newly made"


async def invited(site: Site, email: str = EMAIL, role: str = "MEMBER", **more: Any) -> dict[str, Any]:
    """Ada invites the address to Acme."""
    wanted = {"organizationId": site.organization("acme"), "email": email, "role": role, **more}
    answer = await (await site.person("ada")).graphql(INVITE, input=wanted)
    value: dict[str, Any] = answer.value
    return value


def token_of(issued: dict[str, Any]) -> str:
    beginning, _, token = issued["link"].partition("#")
    assert beginning == f"{PUBLIC_URL}/invitation"
    return str(token)


async def accept(client: Client, token: str, **more: Any) -> Any:
    return (await client.graphql(ACCEPT, input={"token": token, **more})).value


async def people_of(site: Site) -> list[dict[str, Any]]:
    listed = await (await site.person("ada")).graphql(PEOPLE, id=site.organization("acme"))
    members: list[dict[str, Any]] = listed.value["members"]
    return members


async def test_a_new_person_joins_with_a_name_and_a_password(site: Site, clock: Clock) -> None:
    """The link works once. The person is signed in, and can sign in again with that password."""
    issued = await invited(site, role="AGENT_ADMIN", agentIds=[site.agent("own")])
    token = token_of(issued)
    newcomer = await site.browser()

    preview = (await newcomer.graphql(PREVIEW, token=token)).value
    accepted = await accept(newcomer, token, name=" Nina ", password=GOOD_PASSWORD)
    again = await accept(await site.browser(), token, name="Nina", password=GOOD_PASSWORD)

    assert issued["invitation"]["invitedBy"] == {"name": "Ada"}
    assert preview == {
        "organizationName": "Acme",
        "email": EMAIL,
        "role": "AGENT_ADMIN",
        "expiresAt": issued["invitation"]["expiresAt"],
        "hasAccount": False,
    }
    assert accepted == {
        "__typename": "Viewer",
        "user": {"email": EMAIL, "name": "Nina"},
        "organizations": [{"name": "Acme", "viewerRole": "AGENT_ADMIN", "agents": [{"name": "Crawler"}]}],
    }
    assert again["code"] == "LINK_NOT_VALID"
    assert (await newcomer.create(site.organization("acme"), agent_id=site.agent("own"))).outcome == "ApiKeyIssued"
    assert (await (await site.browser()).sign_in(EMAIL, GOOD_PASSWORD)).outcome == "Viewer"
    [member] = [each for each in await people_of(site) if each["user"]["email"] == EMAIL]
    assert (member["role"], member["agents"]) == ("AGENT_ADMIN", [{"name": "Crawler"}])
    assert member["lastSignedInAt"] is not None


async def test_bad_input_uses_up_nothing(site: Site) -> None:
    """A missing name, a missing, short or common password: a sentence for the field, and the link still works."""
    token = token_of(await invited(site))
    client = await site.browser()

    refused = [
        await accept(client, token, password=GOOD_PASSWORD),
        await accept(client, token, name="Nina"),
        await accept(client, token, name="Nina", password="short"),
        await accept(client, token, name="Nina", password="passwordpassword"),
        await accept(client, token, name="N\u202eina", password=GOOD_PASSWORD),
    ]

    assert [each["field"] for each in refused] == ["name", "password", "password", "password", "name"]
    assert (await accept(client, token, name="Nina", password=GOOD_PASSWORD))["__typename"] == "Viewer"


async def test_an_account_that_exists_joins_with_its_password(site: Site) -> None:
    """A wrong password is refused as at sign-in, a missing one is asked for."""
    issued = await invited(site, " EVE@example.com ")
    token, client = token_of(issued), await site.browser()

    preview = (await client.graphql(PREVIEW, token=token)).value
    missing = await accept(client, token)
    wrong = await accept(client, token, password="wrong")
    accepted = await accept(client, token, password=PASSWORD, name="Somebody else")

    assert preview["hasAccount"] is True
    assert (missing["field"], wrong["code"]) == ("password", "SIGN_IN_REFUSED")
    assert accepted["user"]["name"] == "Eve"
    assert [each["name"] for each in accepted["organizations"]] == ["Acme", "Globex"]


async def test_wrong_passwords_at_an_invitation_are_throttled(site: Site) -> None:
    """Together with those at sign-in."""
    token, client = token_of(await invited(site, "eve@example.com")), await site.browser()

    refused = [await accept(client, token, password=f"wrong {number}") for number in range(5)]
    throttled = await accept(client, token, password=PASSWORD)

    assert {each["message"] for each in refused} == {"The password is wrong."}
    assert throttled["__typename"] == "SignInRefused"
    assert "too many" in throttled["message"]
    assert (await client.sign_in("eve@example.com")).outcome == "SignInRefused"


async def test_whoever_is_signed_in_joins_by_a_click(site: Site) -> None:
    """Somebody else who is signed in is told whose invitation it is."""
    token = token_of(await invited(site, "eve@example.com"))

    other = await accept(await site.person("mel"), token)
    accepted = await accept(await site.person("eve"), token)

    assert (other["field"], "eve@example.com" in other["message"]) == ("token", True)
    assert [each["name"] for each in accepted["organizations"]] == ["Acme", "Globex"]


async def test_a_link_ends_when_it_is_replaced_or_revoked_or_expires(site: Site, clock: Clock) -> None:
    """Resending an expired invitation extends it."""
    ada, client = await site.person("ada"), await site.browser()
    first = token_of(await invited(site))
    replaced = await invited(site, EMAIL.upper(), "ORGANIZATION_ADMIN")
    second, invitation_id = token_of(replaced), replaced["invitation"]["id"]
    resent = token_of((await ada.graphql(RESEND, input={"id": invitation_id})).value)

    assert [(await client.graphql(PREVIEW, token=each)).value is None for each in (first, second, resent)] == [
        True,
        True,
        False,
    ]
    clock.advance(hours=72)
    await ada.sign_in("ada@example.com")
    assert (await accept(client, resent, name="N", password=GOOD_PASSWORD))["code"] == "LINK_NOT_VALID"
    extended = token_of((await ada.graphql(RESEND, input={"id": invitation_id})).value)
    assert (await client.graphql(PREVIEW, token=extended)).value["role"] == "ORGANIZATION_ADMIN"
    assert (await ada.graphql(REVOKE, input={"id": invitation_id})).outcome == "InvitationRevoked"
    assert (await accept(client, extended, name="N", password=GOOD_PASSWORD))["code"] == "LINK_NOT_VALID"
    assert (await ada.graphql(REVOKE, input={"id": invitation_id})).value["code"] == "INVITATION_NOT_FOUND"
    assert not (await ada.graphql(PEOPLE, id=site.organization("acme"))).value["invitations"]


async def test_an_inviter_who_is_no_admin_any_more_lets_nobody_in(site: Site) -> None:
    """Neither as a member nor after they left; another admin can resend it."""
    client, ada = await site.browser(), await site.person("ada")
    issued = await invited(site)
    token = token_of(issued)
    acme, mel = site.organization("acme"), external_id(Prefix.PERSON, site.world.mel.id)
    promoted = {"organizationId": acme, "userId": mel, "role": "ORGANIZATION_ADMIN"}
    assert (await ada.graphql(CHANGE, input=promoted)).outcome == "Member"
    demoted = {"organizationId": acme, "userId": external_id(Prefix.PERSON, site.world.ada.id), "role": "MEMBER"}
    assert (await ada.graphql(CHANGE, input=demoted)).outcome == "Member"

    refused = await accept(client, token, name="N", password=GOOD_PASSWORD)
    resent = (await (await site.person("mel")).graphql(RESEND, input={"id": issued["invitation"]["id"]})).value

    assert refused["code"] == "LINK_NOT_VALID"
    assert (await accept(client, token_of(resent), name="N", password=GOOD_PASSWORD))["__typename"] == "Viewer"


async def test_agents_must_fit_the_role(site: Site) -> None:
    """An agent admin needs one of the organization's living agents; another role has none."""
    refused = [
        await invited(site, role="AGENT_ADMIN"),
        await invited(site, role="MEMBER", agentIds=[site.agent("own")]),
        await invited(site, role="AGENT_ADMIN", agentIds=[site.agent("own"), site.agent("theirs")]),
        await invited(site, role="AGENT_ADMIN", agentIds=[site.agent("retired")]),
        await invited(site, role="AGENT_ADMIN", agentIds=["nonsense"]),
    ]

    assert [(each["field"], each["code"]) for each in refused] == [("agentIds", "INVALID_INPUT")] * 5


@pytest.mark.parametrize("email", ["", "nina", "nina@", "a@b@c", "Nina <nina@example.com>", "a\r\nBcc: b@example.com"])
async def test_what_is_no_address_is_refused(site: Site, email: str) -> None:
    """With a sentence for the field."""
    assert (await invited(site, email))["field"] == "email"


async def test_whoever_is_in_the_organization_is_named(site: Site) -> None:
    """In any spelling of the address."""
    refused = await invited(site, " Mel@Example.com")

    assert (refused["code"], refused["member"]["user"]["email"]) == ("ALREADY_MEMBER", "mel@example.com")


async def test_fifty_invitations_are_open_at_most(site: Site, clock: Clock) -> None:
    """Those that have expired don't count, and replacing one is always possible."""
    for number in range(50):
        assert (await invited(site, f"p{number}@example.com"))["__typename"] == "InvitationIssued"

    refused = await invited(site, "p50@example.com")
    replaced = await invited(site, "p49@example.com")
    clock.advance(hours=72)
    await (await site.person("ada")).sign_in("ada@example.com")
    later = await invited(site, "p50@example.com")

    assert (refused["field"], replaced["__typename"], later["__typename"]) == (
        "email",
        "InvitationIssued",
        "InvitationIssued",
    )


async def test_whoever_was_added_meanwhile_keeps_their_role(site: Site) -> None:
    """Accepting is then no change, and the link is used up."""
    token, client = token_of(await invited(site, "eve@example.com", "MEMBER")), await site.person("eve")
    async with site.database.transaction() as session:
        session.add(
            Membership(
                organization_id=site.world.acme.id,
                person_id=site.world.eve.id,
                role=Role.ORGANIZATION_ADMIN,
                created_at=clock_of(site),
            )
        )

    accepted = await accept(client, token)

    assert {each["name"]: each["viewerRole"] for each in accepted["organizations"]}["Acme"] == "ORGANIZATION_ADMIN"
    assert (await accept(client, token))["code"] == "LINK_NOT_VALID"


def clock_of(site: Site) -> Any:
    return site.world.acme.created_at


async def test_an_account_without_a_password_gets_one_by_a_mailed_link(site: Site) -> None:
    """A link that an admin passed on does not show whose the address is; the name stays."""
    async with site.database.transaction() as session:
        await session.execute(update(Person).where(col(Person.email) == "eve@example.com").values(password_hash=None))
    token, client = token_of(await invited(site, "eve@example.com")), await site.browser()

    preview = (await client.graphql(PREVIEW, token=token)).value
    passed_on = await accept(client, token, name="Mallory", password=GOOD_PASSWORD)
    async with site.database.transaction() as session:
        await session.execute(update(Invitation).values(sent_at=clock_of(site)))
    accepted = await accept(client, token, name="Mallory", password=GOOD_PASSWORD)

    assert preview["hasAccount"] is False
    assert (passed_on["field"], "passed on" in passed_on["message"]) == ("token", True)
    assert accepted["user"] == {"email": "eve@example.com", "name": "Eve"}


async def test_an_account_made_by_a_passed_on_link_is_not_believed_by_the_operator(site: Site) -> None:
    """The admin who had the link may know its password: it is replaced when the operator adds the person elsewhere."""
    client = await site.browser()
    await accept(client, token_of(await invited(site)), name="Nina", password=GOOD_PASSWORD)
    made: list[NewPassword] = []

    def one_time(_owner: PasswordOwner) -> NewPassword:
        made.append(NewPassword("a hash", clock_of(site)))
        return made[-1]

    added = await add_member(
        site.database,
        email=EMAIL,
        name="Nina",
        organization_id=site.world.globex.id,
        role=Role.MEMBER,
        new_password=one_time,
        now=clock_of(site),
    )

    assert (added.is_new, added.has_new_password, len(made)) == (False, True, 1)
    assert (await client.graphql("{ viewer { user { email } } }")).value is None


async def test_whoever_left_is_not_let_in_by_an_older_invitation(site: Site) -> None:
    """Neither after they were removed, nor after the operator added them and they were removed."""
    client = await site.browser()
    token = token_of(await invited(site, EMAIL, "ORGANIZATION_ADMIN"))
    added = await add_member(
        site.database,
        email=EMAIL,
        name="Nina",
        organization_id=site.world.acme.id,
        role=Role.MEMBER,
        new_password=lambda _owner: NewPassword(CHEAP.hasher().hash(PASSWORD)),
        now=clock_of(site),
    )
    removed = {
        "organizationId": site.organization("acme"),
        "userId": external_id(Prefix.PERSON, added.member.person.id),
    }
    assert (await (await site.person("ada")).graphql(REMOVE, input=removed)).outcome == "MemberRemoved"

    assert (await accept(client, token, password=PASSWORD))["code"] == "LINK_NOT_VALID"


async def test_two_organizations_invite_the_same_person(site: Site) -> None:
    """Both accepted at once make one account; the other invitation then asks for its password."""
    first = token_of(await invited(site))
    wanted = {"organizationId": site.organization("globex"), "email": EMAIL, "role": "MEMBER"}
    second = token_of((await (await site.person("eve")).graphql(INVITE, input=wanted)).value)
    browsers = [await site.browser(), await site.browser()]

    answers = await asyncio.gather(
        accept(browsers[0], first, name="Nina", password=GOOD_PASSWORD),
        accept(browsers[1], second, name="Nina", password=GOOD_PASSWORD),
    )

    outcomes = sorted(each["__typename"] for each in answers)
    assert outcomes in (["InvalidInput", "Viewer"], ["Viewer", "Viewer"], ["SignInRefused", "Viewer"])
    left = [token for token, answer in zip((first, second), answers, strict=True) if answer["__typename"] != "Viewer"]
    for token in left:
        assert (await accept(await site.browser(), token, password=GOOD_PASSWORD))["__typename"] == "Viewer"
    async with site.database.reading() as session:
        people = (await session.execute(select(Person).where(col(Person.email) == EMAIL))).scalars().all()
    assert len(people) == 1


async def test_nothing_of_a_deleted_organization_can_be_accepted(site: Site) -> None:
    """Its links lead to nothing."""
    token, client = token_of(await invited(site)), await site.browser()
    async with site.database.transaction() as session:
        row = await session.merge(site.world.acme)
        row.deleted_at = row.created_at

    assert (await client.graphql(PREVIEW, token=token)).value is None
    assert (await accept(client, token, name="N", password=GOOD_PASSWORD))["code"] == "LINK_NOT_VALID"


async def test_whoever_is_removed_and_invited_again_comes_back(site: Site) -> None:
    """Removing ends the sessions of somebody who is in no other organization."""
    ada, mel = await site.person("ada"), await site.person("mel")
    removed = {"organizationId": site.organization("acme"), "userId": external_id(Prefix.PERSON, site.world.mel.id)}
    assert (await ada.graphql(REMOVE, input=removed)).outcome == "MemberRemoved"
    assert (await mel.graphql("{ viewer { user { email } } }")).value is None

    token = token_of(await invited(site, "mel@example.com"))

    assert (await accept(mel, token, password=PASSWORD))["__typename"] == "Viewer"
    async with site.database.transaction() as session:
        await session.execute(delete(Membership).where(col(Membership.person_id) == site.world.mel.id))
