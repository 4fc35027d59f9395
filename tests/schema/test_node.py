"""`node`: which objects each person finds by id."""

import pytest

from models import AuditAction, AuditEvent, Person
from models.engine.ids import Prefix, external_id, new_id
from models.support.conversation import begin_conversation
from tests.support.client import NEVER_WAS, NOBODY, PEOPLE, Site
from tests.support.graphql.people_documents import ASK_FOR_KEY, INVITE
from tests.support.world import THEN

NODE = """
query ($id: ID!) {
  node(id: $id) {
    __typename id
    ... on Organization { name viewerRole }
    ... on Agent { name deletedAt }
    ... on User { name email }
    ... on ApiKey { name status }
    ... on Conversation { title }
    ... on Invitation { email role }
    ... on KeyRequest { name reason }
  }
}
"""
EVERYBODY = (*PEOPLE, NOBODY)
ADA, GRACE, MEL, EVE = ({name} for name in PEOPLE)
SEEN: dict[str, tuple[str, set[str]]] = {
    "acme": ("Organization", ADA | GRACE | MEL),
    "globex": ("Organization", GRACE | EVE),
    "own": ("Agent", ADA | GRACE),
    "other": ("Agent", ADA),
    "retired": ("Agent", ADA | GRACE),
    "theirs": ("Agent", EVE),
    # Everybody sees themselves and the admins of their organizations, and admins see everybody there.
    "ada": ("User", ADA | GRACE | MEL),
    "grace": ("User", ADA | GRACE | EVE),
    "mel": ("User", ADA | MEL),
    "eve": ("User", GRACE | EVE),
    "a stranger": ("User", set()),
    "key": ("ApiKey", ADA),
    "own key": ("ApiKey", ADA | GRACE),
    "deleted key": ("ApiKey", ADA | GRACE),
    "their key": ("ApiKey", EVE),
    "mel's conversation": ("Conversation", MEL),
    "invitation": ("Invitation", ADA),
    "key request": ("KeyRequest", ADA),
    "event": ("", set()),
    "nothing": ("", set()),
}
"""By name: the type, and who finds it."""


async def store(site: Site) -> dict[str, str]:
    """Stores an object of each kind. Returns the external ids by name."""
    ada, eve = await site.person("ada"), await site.person("eve")
    acme, world = site.organization("acme"), site.world
    keys = {
        "key": (await ada.create(acme)).value["apiKey"]["id"],
        "own key": (await ada.create(acme, "own", site.agent("own"))).value["apiKey"]["id"],
        "deleted key": (await ada.create(acme, "gone", site.agent("own"))).value["apiKey"]["id"],
        "their key": (await eve.create(site.organization("globex"))).value["apiKey"]["id"],
    }
    await ada.delete(keys["deleted key"])
    invited = {"organizationId": acme, "email": "new@example.com", "role": "MEMBER"}
    wanted = {"organizationId": acme, "name": "wanted", "reason": "A pipeline."}
    invitation = (await ada.graphql(INVITE, input=invited)).value["invitation"]
    request = (await (await site.person("mel")).graphql(ASK_FOR_KEY, input=wanted)).value["keyRequest"]
    event = new_id()
    stranger = Person(email="stranger@example.com", name="Stranger", created_at=THEN)
    async with site.database.transaction() as session:
        conversation = await begin_conversation(
            session, organization_id=world.acme.id, person_id=world.mel.id, title="Mel's", at=THEN
        )
        session.add_all(
            [
                stranger,
                AuditEvent(
                    id=event, organization_id=world.acme.id, action=AuditAction.AGENT_DELETED, at=THEN, summary="One."
                ),
            ]
        )
    people = {name: external_id(Prefix.PERSON, row.id) for name, row in world.people.items()}
    return {
        **keys,
        **people,
        **{name: site.agent(name) for name in ("own", "other", "retired", "theirs")},
        "acme": acme,
        "globex": site.organization("globex"),
        "a stranger": external_id(Prefix.PERSON, stranger.id),
        "mel's conversation": external_id(Prefix.CONVERSATION, conversation.id),
        "invitation": invitation["id"],
        "key request": request["id"],
        "event": external_id(Prefix.AUDIT_EVENT, event),
        "nothing": "Robert'); DROP TABLE agents; --\x00\u202e",
    }


@pytest.mark.parametrize("person", EVERYBODY)
async def test_who_finds_what(site: Site, person: str) -> None:
    """What the person may not see is null, like an id that no object has."""
    ids = await store(site)
    client = await site.person(person)

    answers = {name: await client.graphql(NODE, id=text) for name, text in ids.items()}

    assert answers.keys() == SEEN.keys()
    if person == NOBODY:
        assert {answer.outcome for answer in answers.values()} == {"UNAUTHENTICATED"}
        return
    seen = {name: answer.outcome for name, answer in answers.items()}
    assert seen == {name: kind if person in people else "null" for name, (kind, people) in SEEN.items()}
    assert all(answers[name].value["id"] == ids[name] for name, outcome in seen.items() if outcome != "null")


@pytest.mark.parametrize("prefix", Prefix)
async def test_an_id_that_no_object_has_is_null(site: Site, prefix: Prefix) -> None:
    """For every type of object."""
    ada = await site.person("ada")

    assert (await ada.graphql(NODE, id=external_id(prefix, NEVER_WAS))).outcome == "null"


async def test_an_object_shows_the_same_as_elsewhere(site: Site) -> None:
    """An agent by id has the fields that it has in the organization's list."""
    ada, acme = await site.person("ada"), site.organization("acme")
    await ada.create(acme, "x", site.agent("own"))
    fields = "id name viewerCanManage livingKeys callsLastDay admins { name } apiKeys { name agent { id } }"

    def of(field: str, type_name: str, fields: str) -> str:
        return f"query ($id: ID!) {{ {field}(id: $id) {{ ... on {type_name} {{ {fields} }} }} }}"

    by_id = await ada.graphql(of("node", "Agent", fields), id=site.agent("own"))
    listed = await ada.graphql(of("organization", "Organization", f"agents {{ {fields} }}"), id=acme)

    assert by_id.value["apiKeys"] == [{"name": "x", "agent": {"id": site.agent("own")}}]
    assert by_id.value in listed.value["agents"]
