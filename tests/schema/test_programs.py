"""
A thief with a token of each kind tries every field of the schema, on objects that exist.

Who may use a field is decided here, from the contract. A field that is added to the schema fails until it is decided.
"""

from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema, get_named_type, is_leaf_type
from sqlalchemy import select

from models import ApiKey, metadata
from models.engine.ids import Prefix, external_id
from models.support.conversation import begin_conversation
from schema import schema
from tests.support.client import PASSWORD, Site
from tests.support.graphql.minimal import documents
from tests.support.graphql.people_documents import ASK_FOR_KEY, INVITE
from tests.support.programs import OPERATOR_TOKENS, PROGRAMS, SERVICE_TOKENS, program, stored_token

ANY = frozenset(PROGRAMS)
SERVICE = frozenset(SERVICE_TOKENS)
PROVISION = frozenset({"provisioning token", "operator token"})
SIGN_IN = frozenset({"sign-in token", "operator token"})
NONE: frozenset[str] = frozenset()
QUERIES = {
    "viewer": ANY,
    "supportEmail": ANY,
    "signInMethods": ANY,
    "organization": SERVICE,
    "apiKey": SERVICE,
    "diagnoseRequest": NONE,
    "conversation": NONE,
    "node": SERVICE,
    # Whoever has the link may know what it leads to.
    "invitation": ANY,
    "organizations": PROVISION,
}
MUTATIONS = {
    "signIn": NONE,
    "signOut": NONE,
    "changePassword": NONE,
    "requestPasswordReset": NONE,
    "resetPassword": NONE,
    "acceptInvitation": NONE,
    "inviteMember": NONE,
    "resendInvitation": NONE,
    "revokeInvitation": NONE,
    "changeMember": NONE,
    "removeMember": PROVISION,
    "changeOrganization": NONE,
    "updateNotifications": NONE,
    "createAgent": NONE,
    "renameAgent": NONE,
    "deleteAgent": PROVISION,
    "createApiKey": SERVICE,
    "renameApiKey": SERVICE,
    "rotateApiKey": SERVICE,
    "endOverlap": SERVICE,
    "deleteApiKey": SERVICE,
    "requestApiKey": NONE,
    "closeKeyRequest": NONE,
    "createServiceToken": NONE,
    "revokeServiceToken": NONE,
    "askAssistant": NONE,
    "rateMessage": NONE,
    "contactSupport": NONE,
    "ensureOrganization": PROVISION,
    "deleteOrganization": PROVISION,
    "ensureAgent": PROVISION,
    "ensureMember": PROVISION,
    "createSignInLink": SIGN_IN,
    "enterByLink": NONE,
}
OF_AN_ORGANIZATION = {
    "id": SERVICE,
    "name": SERVICE,
    "viewerRole": SERVICE,
    "admins": SERVICE,
    "keyAllowance": SERVICE,
    "allowsAssistantModel": SERVICE,
    "agents": SERVICE,
    "apiKeys": SERVICE,
    "auditLog": SERVICE,
    "assistantStarters": NONE,
    "conversations": NONE,
    "members": NONE,
    "invitations": NONE,
    "keyRequests": NONE,
    "notifications": NONE,
    "serviceTokens": NONE,
}
"""By field: the tokens that may use it. All others are answered with FORBIDDEN."""


async def objects(site: Site) -> dict[str, str]:
    """Stores an object of each kind in Acme. Returns the texts for `documents`."""
    ada, acme = await site.person("ada"), site.organization("acme")
    key = (await ada.create(acme, "theirs", site.agent("own"))).value["apiKey"]["id"]
    invited = {"organizationId": acme, "email": "new@example.com", "role": "MEMBER"}
    invitation = (await ada.graphql(INVITE, input=invited)).value
    wanted = {"organizationId": acme, "name": "wanted", "reason": "A pipeline."}
    request = (await (await site.person("mel")).graphql(ASK_FOR_KEY, input=wanted)).value["keyRequest"]["id"]
    row, _ = await stored_token(site, "admin token")
    async with site.database.transaction() as session:
        conversation = await begin_conversation(
            session,
            organization_id=site.world.acme.id,
            person_id=site.world.mel.id,
            title="Mel's",
            at=site.app._clock(),
        )
    agent, token = site.agent("own"), external_id(Prefix.TOKEN, row.id)
    return {
        "organizationId": acme,
        "organization.id": acme,
        "node.id": acme,
        "userId": external_id(Prefix.PERSON, site.world.mel.id),
        "apiKey.id": key,
        **dict.fromkeys(("renameApiKey.id", "rotateApiKey.id", "endOverlap.id", "deleteApiKey.id"), key),
        **dict.fromkeys(("renameAgent.id", "deleteAgent.id"), agent),
        **dict.fromkeys(("resendInvitation.id", "revokeInvitation.id"), invitation["invitation"]["id"]),
        "revokeServiceToken.id": token,
        "closeKeyRequest.id": request,
        "conversation.id": external_id(Prefix.CONVERSATION, conversation.id),
        "signIn.email": "ada@example.com",
        "signIn.password": PASSWORD,
        "changePassword.currentPassword": PASSWORD,
        "changePassword.newPassword": "a password of the thief's own",
        "inviteMember.email": "thief@example.com",
        "requestPasswordReset.email": "ada@example.com",
        **dict.fromkeys(("acceptInvitation.token", "invitation.token"), invitation["link"].partition("#")[2]),
        "acceptInvitation.name": "Thief",
        "acceptInvitation.password": "a password of the thief's own",
    }


async def rows(site: Site) -> dict[str, list[Any]]:
    """Everything in the database, but last uses, events and the leases of background tasks."""
    async with site.database.reading() as session:
        return {
            table.name: sorted(
                repr(
                    {
                        column.name: value
                        for column, value in zip(table.columns, row, strict=True)
                        if column.name not in ("last_used_at", "last_seen_at")
                    }
                )
                for row in (await session.execute(select(table))).all()
            )
            for table in metadata.sorted_tables
            if table.name not in ("audit_events", "leases", "ledger_writers")
        }


def of_organization(acme: str) -> dict[str, str]:
    """A document for each field of an organization."""
    kind = build_schema(schema.as_str()).type_map["Organization"]
    assert isinstance(kind, GraphQLObjectType)
    return {
        name: f'{{ organization(id: "{acme}") {{ {name}'
        + ("" if is_leaf_type(get_named_type(field.type)) else " { __typename }")
        + " } }"
        for name, field in kind.fields.items()
    }


@pytest.fixture
async def asked(site: Site) -> dict[str, tuple[str, frozenset[str]]]:
    """For each field: a document about objects that exist, and the tokens that may use it."""
    texts = await objects(site)
    found = {
        "query": (documents("query", texts), QUERIES),
        "mutation": (documents("mutation", texts), MUTATIONS),
        "organization": (of_organization(site.organization("acme")), OF_AN_ORGANIZATION),
    }
    for of_kind, decided in found.values():
        assert of_kind.keys() == decided.keys(), "decide which tokens may use the new fields"
    return {
        f"{kind} {name}": (document, decided[name])
        for kind, (of_kind, decided) in found.items()
        for name, document in of_kind.items()
    }


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_thief_tries_every_field_in_vain(
    site: Site, asked: dict[str, tuple[str, frozenset[str]]], name: str
) -> None:
    """What the token has no right to is FORBIDDEN, and changes nothing."""
    thief, before = await program(site, name), await rows(site)

    answers = {each: await thief.graphql(text) for each, (text, allowed) in asked.items() if name not in allowed}

    # To another organization's token, the organization is null, whatever is asked of it.
    foreign = "organization " if name == "globex token" else None
    assert len(answers) > 20
    assert {
        each: answer.body
        for each, answer in answers.items()
        if answer.codes != ([] if foreign and each.startswith(foreign) else ["FORBIDDEN"])
    } == {}
    assert all(is_empty(answer.body["data"]) for answer in answers.values())
    assert await rows(site) == before


def is_empty(data: Any) -> bool:
    """Whether there is nothing in it but null."""
    return all(map(is_empty, data.values())) if isinstance(data, dict) else data is None


REFUSED = {
    # Neither may create an organization-level key in Acme.
    "agent admin token": {"mutation createApiKey": ["FORBIDDEN"]},
    "globex token": {"mutation createApiKey": ["NOT_FOUND"]},
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_uses_the_fields_that_it_may(
    site: Site, asked: dict[str, tuple[str, frozenset[str]]], name: str
) -> None:
    """None of them is refused for what the token is."""
    client = await program(site, name)

    answers = {each: await client.graphql(text) for each, (text, allowed) in asked.items() if name in allowed}

    assert {each: answer.codes for each, answer in answers.items() if answer.codes} == REFUSED.get(name, {})


@pytest.mark.parametrize("name", PROGRAMS)
async def test_no_token_asks_the_assistant_as_a_stream(site: Site, name: str) -> None:
    """The only subscription is the assistant's."""
    thief = await program(site, name)
    acme = site.organization("acme")
    document = (
        f'subscription {{ assistantAnswer(input: {{organizationId: "{acme}", message: "Why?"}}) {{ __typename }} }}'
    )

    answer = await thief.http.post("/graphql", json={"query": document}, headers={"accept": "text/event-stream"})

    assert (answer.status_code, '"code":"FORBIDDEN"' in answer.text) == (200, True), answer.text


@pytest.mark.parametrize("name", OPERATOR_TOKENS)
async def test_an_operator_token_sees_nothing_in_what_it_removes(site: Site, name: str) -> None:
    """The answer to `removeMember` names neither keys nor tokens."""
    ada, mel = await site.person("ada"), site.world.mel
    await ada.create(site.organization("acme"))
    await stored_token(site, "admin token", created_by_id=mel.id)
    async with site.database.transaction() as session:
        key = (await session.execute(select(ApiKey))).scalar_one()
        key.secret_shown_to_id = mel.id
    document = (
        "mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { __typename ... on MemberRemoved "
        "{ user { email } keysSeen { id } serviceTokens { id } } } }"
    )
    wanted = {"organizationId": site.organization("acme"), "userId": external_id(Prefix.PERSON, mel.id)}

    answer = await (await program(site, name)).graphql(document, input=wanted)

    if name not in PROVISION:
        assert answer.outcome == "FORBIDDEN"
    else:
        assert answer.value["user"] == {"email": "mel@example.com"}
        assert (answer.value["keysSeen"], answer.value["serviceTokens"]) == ([], [])


DELETE_AGENT = """mutation ($input: DeleteAgentInput!) { deleteAgent(input: $input) { __typename
  ... on AgentDeleted { agent { id } deletedKeys { id name hint createdBy { email } } } } }"""
DELETE_ORGANIZATION = """mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) { __typename
  ... on OrganizationDeleted { deletedKeyCount organization { id } } } }"""


@pytest.mark.parametrize("name", sorted(PROVISION))
async def test_an_operator_token_sees_no_keys_in_what_it_deletes(site: Site, name: str) -> None:
    """They are deleted with the agent and with the organization, and only an admin is told which they were."""
    ada, acme = await site.person("ada"), site.organization("acme")
    for agent in ("own", "other"):
        await ada.create(acme, f"of {agent}", site.agent(agent))
    host = await program(site, name)

    of_admin = await ada.graphql(DELETE_AGENT, input={"id": site.agent("other")})
    of_agent = await host.graphql(DELETE_AGENT, input={"id": site.agent("own")})
    left = await ada.list_names(acme)
    of_organization = await host.graphql(DELETE_ORGANIZATION, input={"id": acme})

    assert [each["name"] for each in of_admin.value["deletedKeys"]] == ["of other"]
    assert of_agent.value == {"__typename": "AgentDeleted", "agent": {"id": site.agent("own")}, "deletedKeys": []}
    assert left == []
    assert of_organization.value == {
        "__typename": "OrganizationDeleted",
        "deletedKeyCount": 0,
        "organization": {"id": acme},
    }
