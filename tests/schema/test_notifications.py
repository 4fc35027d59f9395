"""Who is mailed about what, and what happens to a key that was found in public: reading and changing it."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from models import AuditEvent, Membership, NotificationSetting, Organization, Role
from tests.support.client import Answer, Client, Site
from tests.support.graphql.notification_documents import NOTIFICATIONS, UPDATE_NOTIFICATIONS
from tests.support.mail_site import MailSite, mail_site

__all__ = ["mail_site"]

DEFAULTS = {
    "mail": ["KEY_DELETED", "KEY_EXPOSED", "KEY_QUOTA_REACHED", "DEAD_KEY_STILL_USED"],
    "addresses": [],
    "toAdmins": True,
    "onExposure": "NOTIFY",
    "isMailSetUp": False,
}


async def read(client: Client, site: Site, organization: str = "acme") -> Any:
    """What the person sees of the organization's notifications."""
    return (await client.graphql(NOTIFICATIONS, id=site.organization(organization))).value["notifications"]


async def changed(client: Client, site: Site, **wanted: Any) -> Answer:
    """The answer to a change in Acme."""
    return await client.graphql(UPDATE_NOTIFICATIONS, input={"organizationId": site.organization("acme"), **wanted})


async def summaries(site: Site) -> list[str]:
    """What the audit log says of changed notifications, oldest first."""
    async with site.database.reading() as session:
        statement = select(AuditEvent.summary).where(AuditEvent.action == "notifications-changed")
        return list((await session.execute(statement.order_by(col(AuditEvent.id)))).scalars())


async def test_what_nobody_has_chosen_is_the_default(site: Site) -> None:
    """No row is stored for it."""
    assert await read(await site.person("ada"), site) == DEFAULTS
    async with site.database.reading() as session:
        assert (await session.execute(select(NotificationSetting))).all() == []


async def test_the_page_can_say_that_mail_is_set_up(mail_site: MailSite) -> None:
    """With a mail server and a sender."""
    assert (await read(await mail_site.site.person("ada"), mail_site.site))["isMailSetUp"] is True


async def test_only_what_is_given_changes(site: Site) -> None:
    """Everything else stays as it was, also after several changes; the audit log says each in a sentence."""
    ada = await site.person("ada")
    await changed(ada, site, mail=["KEY_UNUSED", "KEY_EXPOSED", "KEY_UNUSED"])
    await changed(ada, site, addresses=["Ops@Example.COM ", "ops@example.com", "sec@bücher.example"])
    await changed(ada, site, toAdmins=False, onExposure="DELETE_AFTER_A_DAY")
    answer = await changed(ada, site, addresses=["sec@xn--bcher-kva.example"])

    wanted = {
        "mail": ["KEY_EXPOSED", "KEY_UNUSED"],
        "addresses": ["sec@xn--bcher-kva.example"],
        "toAdmins": False,
        "onExposure": "DELETE_AFTER_A_DAY",
        "isMailSetUp": False,
    }
    assert answer.value == {"__typename": "NotificationSettings", **wanted}
    assert await read(ada, site) == wanted
    assert await summaries(site) == [
        "Notifications were changed: mails about unused keys are on; mails about deleted keys, quotas that are nearly "
        "used up and dead keys that are still used are off.",
        "Notifications were changed: ops@example.com and sec@xn--bcher-kva.example also get them.",
        "Notifications were changed: admins no longer get the mails; a key that was found in public is deleted after "
        "a day.",
        "Notifications were changed: ops@example.com no longer gets them.",
    ]


async def test_nothing_is_recorded_if_nothing_changes(site: Site) -> None:
    """Neither an empty change nor one to what is set already."""
    ada = await site.person("ada")
    empty = await changed(ada, site)
    same = await changed(ada, site, mail=DEFAULTS["mail"], addresses=[], toAdmins=True, onExposure="NOTIFY")

    assert empty.value == same.value == {"__typename": "NotificationSettings", **DEFAULTS}
    assert await summaries(site) == []


async def test_everything_may_be_off(site: Site) -> None:
    """No kinds, no addresses, no admins."""
    ada = await site.person("ada")
    await changed(ada, site, mail=[], toAdmins=False)

    assert await read(ada, site) == {**DEFAULTS, "mail": [], "toAdmins": False}


@pytest.mark.parametrize(
    "addresses",
    [
        ["nobody"],
        ["good@example.com", "two@example.com, three@example.com"],
        ["Ops <ops@example.com>"],
        ["ops@example.com\r\nBcc: all@example.com"],
        ["\N{GREEK SMALL LETTER ALPHA}@example.com"],
        ["x" * 300 + "@example.com"],
        [f"{number}@example.com" for number in range(21)],
    ],
)
async def test_an_address_that_can_not_be_mailed_to_is_refused(site: Site, addresses: list[str]) -> None:
    """Nothing changes then, and the message is short whatever was sent."""
    ada = await site.person("ada")
    answer = await changed(ada, site, addresses=addresses, toAdmins=False)

    assert answer.outcome == "InvalidInput(addresses)"
    assert len(answer.value["message"]) < 250
    assert await read(ada, site) == DEFAULTS


async def test_twenty_addresses_fit(site: Site) -> None:
    """In the order in which they were given."""
    wanted = [f"{number}@example.com" for number in range(20)]
    ada = await site.person("ada")
    await changed(ada, site, addresses=wanted)

    assert (await read(ada, site))["addresses"] == wanted
    [summary] = await summaries(site)
    assert len(summary) <= 500


@pytest.mark.parametrize(("name", "outcome"), [("grace", "FORBIDDEN"), ("mel", "FORBIDDEN"), ("eve", "NOT_FOUND")])
async def test_it_is_for_organization_admins(site: Site, name: str, outcome: str) -> None:
    """An agent admin and a member see null; another organization's admin does not learn that there is one."""
    client = await site.person(name)

    assert (await changed(client, site, mail=[])).codes == [outcome]
    seen = (await client.graphql(NOTIFICATIONS, id=site.organization("acme"))).value
    assert (seen or {}).get("notifications") is None
    assert await read(await site.person("ada"), site) == DEFAULTS


async def test_the_role_of_the_moment_counts(site: Site) -> None:
    """Somebody who was an admin when the request began is none any more."""
    ada = await site.person("ada")
    async with site.database.transaction() as session:
        await session.execute(
            update(Membership).where(col(Membership.person_id) == site.world.ada.id).values(role=Role.MEMBER)
        )

    assert (await changed(ada, site, mail=[])).codes == ["FORBIDDEN"]
    assert await read(ada, site) is None


async def test_a_deleted_organization_is_not_found(site: Site) -> None:
    """As one that never was."""
    ada = await site.person("ada")
    async with site.database.transaction() as session:
        await session.execute(
            update(Organization).where(col(Organization.id) == site.world.acme.id).values(deleted_at=site.app._clock())
        )

    assert (await changed(ada, site, mail=[])).codes == ["NOT_FOUND"]


async def test_what_a_newer_version_has_stored_is_left_out(site: Site) -> None:
    """A kind and a policy that this version does not know."""
    async with site.database.transaction() as session:
        session.add(
            NotificationSetting(
                organization_id=site.world.acme.id,
                mail=["key.of-tomorrow", "key.unused"],
                addresses=[],
                on_exposure="burn",
            )
        )

    assert await read(await site.person("ada"), site) == {**DEFAULTS, "mail": ["KEY_UNUSED"]}
