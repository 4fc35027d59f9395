"""Changing and removing people over GraphQL: effective at once, and never without an organization admin."""

import asyncio
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from models import ApiKey, AuditEvent, Membership, Role
from models.engine.ids import Prefix, external_id
from tests.support.client import Client, Site
from tests.support.graphql.people_documents import CHANGE, PEOPLE, REMOVE


def person_id(site: Site, name: str) -> str:
    return external_id(Prefix.PERSON, site.world.people[name].id)


async def change(site: Site, name: str, role: str, *agents: str, by: str = "ada") -> Any:
    wanted = {
        "organizationId": site.organization("acme"),
        "userId": person_id(site, name),
        "role": role,
        "agentIds": [site.agent(agent) for agent in agents],
    }
    return (await (await site.person(by)).graphql(CHANGE, input=wanted)).value


async def remove(site: Site, name: str, by: str = "ada") -> Any:
    wanted = {"organizationId": site.organization("acme"), "userId": person_id(site, name)}
    return (await (await site.person(by)).graphql(REMOVE, input=wanted)).value


async def listed(client: Client, site: Site, **more: Any) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = (await client.graphql(PEOPLE, id=site.organization("acme"), **more)).value[
        "members"
    ]
    return members


async def test_people_are_listed_by_name(site: Site) -> None:
    """With role, agents without deleted ones, and last sign-in; search is in name or address."""
    ada = await site.person("ada")

    everybody = await listed(ada, site)
    found = [
        [each["user"]["name"] for each in await listed(ada, site, search=text)] for text in ("GRA", "mel@ex", "x@")
    ]

    assert [(each["user"]["name"], each["role"], each["agents"]) for each in everybody] == [
        ("Ada", "ORGANIZATION_ADMIN", []),
        ("Grace", "AGENT_ADMIN", [{"name": "Crawler"}]),
        ("Mel", "MEMBER", []),
    ]
    assert [each["lastSignedInAt"] is None for each in everybody] == [False, True, True]
    assert found == [["Grace"], ["Mel"], []]


async def test_a_changed_role_holds_from_the_next_request_on(site: Site) -> None:
    """With the agents that go with it, and an event that says what was before."""
    mel, acme = await site.person("mel"), site.organization("acme")

    changed = await change(site, "mel", "AGENT_ADMIN", "other")
    created = await mel.create(acme, agent_id=site.agent("other"))
    refused = await mel.create(acme, agent_id=site.agent("own"))
    back = await change(site, "mel", "MEMBER")

    assert changed == {
        "__typename": "Member",
        "user": {"email": "mel@example.com"},
        "role": "AGENT_ADMIN",
        "agents": [{"name": "Biller"}],
    }
    assert (created.outcome, refused.outcome) == ("ApiKeyIssued", "InvalidInput(agentId)")
    assert (back["role"], back["agents"]) == ("MEMBER", [])
    assert (await mel.create(acme, agent_id=site.agent("other"))).outcome == "FORBIDDEN"
    async with site.database.reading() as session:
        events = (await session.execute(select(AuditEvent).order_by(col(AuditEvent.id)))).scalars().all()
    said = [(event.actor_id, event.summary) for event in events if event.action == "membership-changed"]
    assert said == [
        (site.world.ada.id, "Mel (mel@example.com) is now agent admin of “Biller” and was member before."),
        (site.world.ada.id, "Mel (mel@example.com) is now member and was agent admin of “Biller” before."),
    ]


async def test_agents_must_fit_the_role(site: Site) -> None:
    """An agent admin may be left without agents. A refused change changes nothing."""
    refused = [
        await change(site, "mel", "MEMBER", "own"),
        await change(site, "mel", "AGENT_ADMIN", "own", "theirs"),
        await change(site, "mel", "AGENT_ADMIN", "retired"),
    ]
    kept = await change(site, "grace", "AGENT_ADMIN")

    assert [each["field"] for each in refused] == ["agentIds"] * 3
    assert (kept["role"], kept["agents"]) == ("AGENT_ADMIN", [])
    assert {each["user"]["name"]: each["role"] for each in await listed(await site.person("ada"), site)}[
        "Mel"
    ] == "MEMBER"


async def test_nobody_else_is_a_member(site: Site) -> None:
    """Another organization's person gets the same answer as one that never was."""
    ada = await site.person("ada")
    acme = site.organization("acme")
    answers = [
        (await ada.graphql(document, input={"organizationId": acme, "userId": user_id, **more})).value
        for document, more in ((CHANGE, {"role": "MEMBER"}), (REMOVE, {}))
        for user_id in (person_id(site, "eve"), f"usr_{'0' * 32}", "nonsense")
    ]

    assert {each["code"] for each in answers} == {"MEMBER_NOT_FOUND"}
    assert len({each["message"] for each in answers}) == 1


async def test_the_last_organization_admin_stays(site: Site) -> None:
    """Neither demoted nor removed, also by themselves; with a second one, both are possible."""
    refused = [await change(site, "ada", "MEMBER"), await remove(site, "ada")]
    await change(site, "grace", "ORGANIZATION_ADMIN")
    unchanged = await change(site, "ada", "ORGANIZATION_ADMIN")
    removed = await remove(site, "ada")

    assert [each["code"] for each in refused] == ["LAST_ORGANIZATION_ADMIN"] * 2
    assert (unchanged["role"], removed["__typename"]) == ("ORGANIZATION_ADMIN", "MemberRemoved")


async def test_admins_who_remove_and_demote_each_other_at_once_leave_one(site: Site) -> None:
    """Each time, exactly one of the two is left as an organization admin."""
    for number in range(10):
        async with site.database.transaction() as session:
            for name in ("ada", "grace"):
                person = site.world.people[name]
                held = await session.get(Membership, (site.world.acme.id, person.id))
                if held is None:
                    session.add(
                        Membership(
                            organization_id=site.world.acme.id,
                            person_id=person.id,
                            role=Role.ORGANIZATION_ADMIN,
                            created_at=person.created_at,
                        )
                    )
            await session.flush()
            await session.execute(
                update(Membership)
                .where(col(Membership.person_id).in_([site.world.ada.id, site.world.grace.id]))
                .where(col(Membership.organization_id) == site.world.acme.id)
                .values(role=Role.ORGANIZATION_ADMIN)
            )
        for name in ("ada", "grace"):
            await (await site.person(name)).sign_in(f"{name}@example.com")
        grace, ada = await site.person("grace"), await site.person("ada")
        acme = site.organization("acme")
        document, more = (REMOVE, {}) if number % 2 else (CHANGE, {"role": "MEMBER"})

        await asyncio.gather(
            ada.graphql(document, input={"organizationId": acme, "userId": person_id(site, "grace"), **more}),
            grace.graphql(document, input={"organizationId": acme, "userId": person_id(site, "ada"), **more}),
        )

        async with site.database.reading() as session:
            statement = select(Membership).where(
                col(Membership.organization_id) == site.world.acme.id,
                col(Membership.role) == Role.ORGANIZATION_ADMIN,
            )
            assert len((await session.execute(statement)).scalars().all()) == 1


async def test_removing_names_the_keys_whose_secret_the_person_knows(site: Site) -> None:
    """Keys that they created or rotated last; not those that somebody else has rotated since, or that were deleted."""
    await change(site, "mel", "ORGANIZATION_ADMIN")
    ada, mel, acme = await site.person("ada"), await site.person("mel"), site.organization("acme")
    ids = {
        name: (await mel.create(acme, name)).value["apiKey"]["id"]
        for name in ("created", "rotated since", "overlapping", "deleted")
    }
    ids["rotated"] = (await ada.create(acme, "rotated")).value["apiKey"]["id"]
    await ada.create(acme, "never seen")
    await ada.rotate(ids["rotated since"])
    await ada.rotate(ids["overlapping"], 3600)
    await mel.rotate(ids["rotated"])
    await ada.delete(ids["deleted"])

    [shown] = [each["keysSeen"] for each in await listed(ada, site, search="mel")]
    removed = await remove(site, "mel")

    assert removed["keysSeen"] == shown == [{"name": "rotated"}, {"name": "overlapping"}, {"name": "created"}]
    assert (await ada.graphql("{ viewer { user { email } } }")).value is not None


async def test_keys_from_before_are_found_by_their_creator_and_the_audit_log(site: Site) -> None:
    """Where it was not stored who was shown the secret, the creation and the last rotation tell."""
    await change(site, "mel", "ORGANIZATION_ADMIN")
    ada, mel, acme = await site.person("ada"), await site.person("mel"), site.organization("acme")
    created = (await mel.create(acme, "created")).value["apiKey"]["id"]
    rotated = (await ada.create(acme, "rotated")).value["apiKey"]["id"]
    since = (await mel.create(acme, "rotated since")).value["apiKey"]["id"]
    await mel.rotate(rotated)
    await ada.rotate(since)
    assert created
    async with site.database.transaction() as session:
        await session.execute(update(ApiKey).values(secret_shown_to_id=None, secret_shown_at=None))

    assert (await remove(site, "mel"))["keysSeen"] == [{"name": "rotated"}, {"name": "created"}]


async def test_whoever_is_in_another_organization_stays_signed_in(site: Site) -> None:
    """Grace is a member of Globex, too. Mel is in no other."""
    grace, mel = await site.person("grace"), await site.person("mel")

    await remove(site, "grace")
    await remove(site, "mel")

    viewer = "{ viewer { organizations { name } } }"
    assert (await grace.graphql(viewer)).value == {"organizations": [{"name": "Globex"}]}
    assert (await mel.graphql(viewer)).value is None
