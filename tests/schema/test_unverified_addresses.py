"""
A host product sends an address that it has not verified, for somebody who is not the address's owner.

Mallory signs up there as Vic. Then the real Vic joins Acme, in each way there is, and Mallory changes her address.
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from models import Person, Role, SignInSession
from models.person import memberships_of, person_by_email
from models.sign_in_link import SignInLink
from resolvers.operator.people import NewPassword, add_member, set_password
from tests.conftest import Clock
from tests.support.client import Client, Site
from tests.support.graphql.people_documents import ACCEPT, ASK_RESET, INVITE, RESET
from tests.support.graphql.provisioning import create_link, ensure_member, ensure_organization, enter
from tests.support.mail_site import MailSite, mail_site
from tests.support.programs import program
from tests.support.sso.site import SsoSite, provider, sso

__all__ = ["mail_site", "provider", "sso"]

VIC, MALLORY = "vic@acme.example", "mallory@evil.example"
PASSWORD = "a rather long passphrase, newly made"
VIEWER = "{ viewer { user { email } organizations { name } } }"


class Mallory:
    """Somebody whom the host product knows by an id, and who told it Vic's address."""

    def __init__(self, site: Site, host: Client, organization_id: str, browser: Client, unused_link: str) -> None:
        self.site, self.host, self.organization_id = site, host, organization_id
        self.browser, self.unused_link = browser, unused_link

    async def ensure(self, email: str) -> Any:
        return await ensure_member(self.host, self.organization_id, "u-evil", email=email, name="Vic")


async def mallory_signs_up(site: Site) -> Mallory:
    """She has a session by the host product's link, and another link."""
    host = await program(site, "operator token")
    organization_id = (await ensure_organization(host)).value["organization"]["id"]
    assert (await ensure_member(host, organization_id, "u-evil", email=VIC, name="Vic")).outcome == "MemberEnsured"
    used, unused = [(await create_link(host, organization_id, "u-evil")).value["url"] for _ in range(2)]
    browser = await site.browser()
    assert (await enter(browser, used)).outcome == "EnteredByLink"
    return Mallory(site, host, organization_id, browser, unused)


async def invited(site: Site) -> Any:
    """Acme's admin invites Vic."""
    wanted = {"organizationId": site.organization("acme"), "email": VIC, "role": "ORGANIZATION_ADMIN"}
    return (await (await site.person("ada")).graphql(INVITE, input=wanted)).value


async def people(site: Site) -> dict[str, set[str]]:
    """The organizations of Vic and Mallory, by the address of their account."""
    async with site.database.reading() as session:
        found = {each: await person_by_email(session, each) for each in (VIC, MALLORY)}
        return {
            email: {each.organization.name for each in await memberships_of(session, person.id)}
            for email, person in found.items()
            if person is not None
        }


async def sessions_by_links(site: Site) -> tuple[int, int]:
    """The number of sessions that links began, and of links."""
    async with site.database.reading() as session:
        begun = select(SignInSession).where(SignInSession.organization_id != None)  # noqa: E711 - SQL's
        return len((await session.execute(begun)).all()), len((await session.execute(select(SignInLink))).all())


async def mallory_has_nothing_of_vics(mallory: Mallory, *, joined: bool = True) -> None:
    """Her session and her link have ended, and with another address she gets another account."""
    site = mallory.site
    assert await sessions_by_links(site) == (0, 0)
    assert (await mallory.browser.graphql(VIEWER)).value is None
    assert (await enter(await site.browser(), mallory.unused_link)).outcome == "LinkNotValid"
    assert (await create_link(mallory.host, mallory.organization_id, "u-evil")).outcome == "InvalidInput(externalId)"
    refused = await mallory.ensure(VIC)
    assert refused.outcome == "InvalidInput(email)"
    assert "keydesk user update EMAIL --external-id ID" in refused.value["message"]

    assert (await mallory.ensure(MALLORY)).value["created"]

    assert await people(site) == {VIC: {"Initech", "Acme"} if joined else {"Initech"}, MALLORY: {"Initech"}}


async def test_vic_accepts_a_mailed_invitation(mail_site: MailSite) -> None:
    """With the account that Mallory caused, and a password of his own."""
    site = mail_site.site
    mallory = await mallory_signs_up(site)
    await invited(site)
    [token] = await mail_site.mailed("/invitation")
    vic = await site.browser()

    accepted = await vic.graphql(ACCEPT, input={"token": token, "name": "Vic", "password": PASSWORD})

    assert accepted.outcome == "Viewer"
    await mallory_has_nothing_of_vics(mallory)
    assert (await vic.graphql(VIEWER)).value["user"] == {"email": VIC}
    await (await site.browser()).graphql(ASK_RESET, email=MALLORY)
    [reset] = await mail_site.mailed("/reset-password")
    entered = await mallory.browser.graphql(RESET, input={"token": reset, "newPassword": PASSWORD})
    assert entered.outcome == "Viewer"
    seen = (await mallory.browser.graphql(VIEWER)).value
    assert seen == {"user": {"email": MALLORY}, "organizations": [{"name": "Initech"}]}


async def test_vic_chooses_a_password_by_a_mailed_link(mail_site: MailSite) -> None:
    """That shows whose address it is, too."""
    site = mail_site.site
    mallory = await mallory_signs_up(site)
    await (await site.browser()).graphql(ASK_RESET, email=VIC)
    [token] = await mail_site.mailed("/reset-password")

    chosen = await (await site.browser()).graphql(RESET, input={"token": token, "newPassword": PASSWORD})

    assert chosen.outcome == "Viewer"
    await mallory_has_nothing_of_vics(mallory, joined=False)


async def test_vic_comes_from_the_identity_provider(sso: SsoSite) -> None:
    """By the page of an invitation, whether it was mailed or passed on: the provider has verified the address."""
    mallory = await mallory_signs_up(sso.site)
    token = (await invited(sso.site))["link"].partition("#")[2]
    vic = await sso.site.browser()
    origin = {"origin": "http://keydesk.test"}

    begun = await vic.http.post("/sso/start", json={"invitation": token}, headers=origin)
    claims = {"sub": "vic", "email": VIC, "email_verified": True}
    back = await sso.come_back(vic, sso.provider.sign_in(begun.json()["url"], **claims))

    assert back.status_code == 303
    await mallory_has_nothing_of_vics(mallory)
    assert (await vic.graphql(VIEWER)).value["user"] == {"email": VIC}


async def test_the_operator_adds_vic(site: Site) -> None:
    """The operator answers for the address, and is told of the id that was taken off the account."""
    mallory = await mallory_signs_up(site)

    added = await add_member(
        site.database,
        email=VIC,
        name="Vic",
        organization_id=site.world.acme.id,
        role=Role.MEMBER,
        new_password=lambda _owner: NewPassword("a hash"),
        now=mallory.site.world.acme.created_at + timedelta(days=1),
    )

    assert added.has_new_password
    assert added.former_external_id == "u-evil"
    await mallory_has_nothing_of_vics(mallory)


async def test_the_operator_gives_vic_a_password(site: Site) -> None:
    """As when somebody is added."""
    mallory = await mallory_signs_up(site)

    _, former = await set_password(
        site.database,
        email=VIC,
        new_password=lambda _owner: NewPassword("a hash"),
        now=site.world.acme.created_at + timedelta(days=1),
    )

    assert former == "u-evil"
    await mallory_has_nothing_of_vics(mallory, joined=False)


async def test_a_link_that_was_passed_on_gives_nobody_the_account(site: Site) -> None:
    """It does not show whose the address is."""
    mallory = await mallory_signs_up(site)
    token = (await invited(site))["link"].partition("#")[2]

    for browser in (await site.browser(), mallory.browser):
        accepted = await browser.graphql(ACCEPT, input={"token": token, "name": "Vic", "password": PASSWORD})
        assert accepted.outcome == "InvalidInput(token)"

    assert await people(site) == {VIC: {"Initech"}}


@pytest.mark.parametrize("column", ["password_hash", "is_linkable", "is_address_unproved"])
async def test_an_account_of_more_than_the_host_product_keeps_its_address(site: Site, column: str) -> None:
    """Somebody may sign in to it in another way; its name follows, its address doesn't."""
    mallory = await mallory_signs_up(site)
    async with site.database.transaction() as session:
        person = (await session.execute(select(Person).where(Person.external_id == "u-evil"))).scalar_one()
        assert person.is_address_unproved
        setattr(person, column, {"password_hash": "x", "is_linkable": True, "is_address_unproved": False}[column])

    refused = await mallory.ensure(MALLORY)

    assert refused.outcome == "InvalidInput(email)"
    assert "--no-external-id" in refused.value["message"]
    assert (await mallory.ensure(VIC)).outcome == "MemberEnsured"
    assert set(await people(site)) == {VIC}


async def test_an_address_that_the_host_product_changes_is_unproved(site: Site, clock: Clock) -> None:
    """Also if it is changed before anybody joins: whose the address before was has nothing to do with the account."""
    mallory = await mallory_signs_up(site)

    assert (await mallory.ensure(MALLORY)).outcome == "MemberEnsured"

    async with site.database.reading() as session:
        person = (await session.execute(select(Person).where(Person.external_id == "u-evil"))).scalar_one()
    assert (person.email, person.is_address_unproved) == (MALLORY, True)
