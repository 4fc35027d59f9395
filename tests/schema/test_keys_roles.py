"""A person's role over GraphQL: separate in each organization, and read at each request."""

from sqlalchemy import delete, update
from sqlmodel import col

from app import utc_now
from models import Membership, Organization, Role
from tests.support.client import Site
from tests.support.graphql.documents import LIST


async def test_a_person_in_two_organizations_has_a_role_in_each(site: Site) -> None:
    """Grace's role in Acme gives her no rights in Globex, also within one document."""
    grace = await site.person("grace")
    document = """
      mutation ($here: CreateApiKeyInput!, $there: CreateApiKeyInput!) {
        here: createApiKey(input: $here) { __typename } there: createApiKey(input: $there) { __typename }
      }
    """
    agent_level = {"name": "x", "scope": "AGENT"}
    here = {**agent_level, "organizationId": site.organization("acme"), "agentId": site.agent("own")}
    there = {**agent_level, "organizationId": site.organization("globex"), "agentId": site.agent("theirs")}

    answer = await grace.graphql(document, here=here, there=there)

    assert answer.codes == ["FORBIDDEN"]
    assert answer.body["data"] == {"here": {"__typename": "ApiKeyIssued"}, "there": None}


async def set_role(site: Site, name: str, role: Role | None) -> None:
    """Changes or deletes the membership in Acme, directly in the database."""
    person, acme = site.world.people[name], site.world.acme
    where = (col(Membership.person_id) == person.id) & (col(Membership.organization_id) == acme.id)
    async with site.database.transaction() as session:
        await session.execute(
            delete(Membership).where(where) if role is None else update(Membership).where(where).values(role=role)
        )


async def test_another_role_holds_from_the_next_request_on(site: Site) -> None:
    """A higher and a lower role take effect in the same session."""
    ada, mel = await site.person("ada"), await site.person("mel")
    acme = site.organization("acme")
    key_id = (await ada.create(acme)).value["apiKey"]["id"]

    await set_role(site, "mel", Role.ORGANIZATION_ADMIN)
    await set_role(site, "ada", Role.MEMBER)

    assert (await mel.create(acme)).outcome == "ApiKeyIssued"
    assert (await mel.rename(key_id)).outcome == "ApiKey"
    assert (await ada.create(acme)).outcome == "FORBIDDEN"
    assert (await ada.delete(key_id)).outcome == "FORBIDDEN"
    assert (await ada.see(key_id)).outcome == "null"
    assert await ada.list_names(acme) == []


async def test_whoever_is_removed_finds_nothing_from_the_next_request_on(site: Site) -> None:
    """The organization is not found any more. The keys that the person created still work."""
    ada = await site.person("ada")
    acme = site.organization("acme")
    issued = (await ada.create(acme)).value

    await set_role(site, "ada", None)

    assert (await ada.graphql("{ viewer { organizations { name } } }")).value == {"organizations": []}
    assert (await ada.graphql(LIST, id=acme)).value is None
    assert (await ada.create(acme)).outcome == "NOT_FOUND"
    assert (await ada.rotate(issued["apiKey"]["id"])).outcome == "FORBIDDEN"
    assert (await ada.see(issued["apiKey"]["id"])).outcome == "null"
    assert await site.code_at_gateway(issued["secret"]) == "good"


async def test_a_demoted_agent_admin_with_agents_left_over_manages_none(site: Site) -> None:
    """The role decides, whatever agents are still stored for the person."""
    grace = await site.person("grace")
    acme, own = site.organization("acme"), site.agent("own")
    key_id = (await grace.create(acme, "hers", own)).value["apiKey"]["id"]

    await set_role(site, "grace", Role.MEMBER)

    assert (await grace.create(acme, "x", own)).outcome == "FORBIDDEN"
    assert (await grace.rename(key_id)).outcome == "FORBIDDEN"
    assert (await grace.see(key_id)).outcome == "null"


async def test_a_deleted_organization_is_not_there(site: Site) -> None:
    """The organization is not found by its former members either."""
    ada = await site.person("ada")
    acme = site.organization("acme")
    key_id = (await ada.create(acme)).value["apiKey"]["id"]
    async with site.database.transaction() as session:
        await session.execute(update(Organization).where(col(Organization.name) == "Acme").values(deleted_at=utc_now()))

    assert (await ada.graphql("{ viewer { organizations { name } } }")).value == {"organizations": []}
    assert (await ada.graphql(LIST, id=acme)).value is None
    assert (await ada.create(acme)).outcome == "NOT_FOUND"
    assert (await ada.see(key_id)).outcome == "null"
