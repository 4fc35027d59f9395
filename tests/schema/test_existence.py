"""Requests for another organization's objects run the same steps as for objects that never existed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models.engine.ids import Prefix, external_id, new_id, parse_external_id
from models.organization import lock_organization
from models.support.conversation import begin_conversation
from models.support.message import keep_answer
from models.usage.refused_request import RefusedReason, RefusedRequest
from tests.conftest import Clock
from tests.support.client import Answer, Client, Site
from tests.support.graphql.people_documents import INVITE
from tests.support.keys.issued_keys import LONGEST_WAIT_SECONDS
from tests.support.sql_log import counted
from tests.support.world import THEN

DIAGNOSE = "query ($org: ID!, $id: ID!) { diagnoseRequest(organizationId: $org, requestId: $id) { case summary } }"
ASK = """
mutation ($input: AskAssistantInput!) {
  askAssistant(input: $input) {
    __typename ... on AssistantAnswer { message { text diagnosis { case } } } ... on InvalidInput { field message }
  }
}
"""
RATE = "mutation ($id: ID!) { rateMessage(messageId: $id, helpful: true) { id } }"
CONTACT = """
mutation ($org: ID!, $id: ID!) {
  contactSupport(organizationId: $org, conversationId: $id) { __typename ... on InvalidInput { field message } }
}
"""
RENAME_AGENT = """
mutation ($input: RenameAgentInput!) {
  renameAgent(input: $input) { __typename ... on Agent { name } ... on Refusal { message code } }
}
"""
DELETE_AGENT = """
mutation ($input: DeleteAgentInput!) {
  deleteAgent(input: $input) { __typename ... on AgentDeleted { agent { name } } ... on Refusal { message code } }
}
"""
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
SERIES = 'usage { series(from: "2026-11-24T00:00:00Z", to: "2026-11-24T05:00:00Z") { start } }'


async def theirs(site: Site, clock: Clock) -> dict[str, str]:
    """The ids of objects of Globex, by kind."""
    world = site.world
    eve = await site.person("eve")
    key = (await eve.create(site.organization("globex"), "theirs")).value["apiKey"]
    request_id = new_id()
    invited = {"organizationId": site.organization("globex"), "email": "new@example.com", "role": "MEMBER"}
    async with site.database.transaction() as session:
        conversation = await begin_conversation(
            session, organization_id=world.globex.id, person_id=world.eve.id, title="Theirs", at=THEN
        )
        message = await keep_answer(
            session, conversation_id=conversation.id, person_id=world.eve.id, text="Theirs.", at=THEN, answers_id=None
        )
        key_id = parse_external_id(Prefix.API_KEY, key["id"])
        refused = RefusedRequest(request_id=request_id, key_id=key_id, reason=RefusedReason.DELETED_KEY, at=clock())
        session.add(refused)
    return {
        "key": key["id"],
        "conversation": external_id(Prefix.CONVERSATION, conversation.id),
        "message": external_id(Prefix.MESSAGE, message.id),
        "request": external_id(Prefix.REQUEST, request_id),
        "agent": site.agent("theirs"),
        "person": external_id(Prefix.PERSON, world.eve.id),
        "invitation": (await eve.graphql(INVITE, input=invited)).value["invitation"]["id"],
    }


def never_was() -> dict[str, str]:
    """Ids that no object has, by kind."""
    prefixes = {
        "key": Prefix.API_KEY,
        "conversation": Prefix.CONVERSATION,
        "message": Prefix.MESSAGE,
        "request": Prefix.REQUEST,
        "agent": Prefix.AGENT,
        "person": Prefix.PERSON,
        "invitation": Prefix.INVITATION,
    }
    return {kind: external_id(prefix, new_id()) for kind, prefix in prefixes.items()}


def asked_of_assistant(ada: Client, acme: str, **about: str) -> Awaitable[Answer]:
    return ada.graphql(ASK, input={"organizationId": acme, "message": "Why is it refused?", **about})


Asked = Callable[[Client, str, dict[str, str]], Awaitable[Answer]]
QUESTIONS: dict[str, Asked] = {
    "see a key": lambda ada, _acme, ids: ada.see(ids["key"]),
    "see its usage": lambda ada, _acme, ids: ada.graphql(
        f"query ($id: ID!) {{ apiKey(id: $id) {{ name {SERIES} }} }}", id=ids["key"]
    ),
    "rename": lambda ada, _acme, ids: ada.rename(ids["key"]),
    "rename to what is no name": lambda ada, _acme, ids: ada.rename(ids["key"], ""),
    "rotate": lambda ada, _acme, ids: ada.rotate(ids["key"]),
    "rotate with overlap": lambda ada, _acme, ids: ada.rotate(ids["key"], 60),
    "end an overlap": lambda ada, _acme, ids: ada.end_overlap(ids["key"]),
    "delete": lambda ada, _acme, ids: ada.delete(ids["key"]),
    "create for an agent": lambda ada, acme, ids: ada.create(acme, "x", ids["agent"]),
    "rename an agent": lambda ada, _acme, ids: ada.graphql(RENAME_AGENT, input={"id": ids["agent"], "name": "x"}),
    "rename an agent to what is no name": lambda ada, _acme, ids: ada.graphql(
        RENAME_AGENT, input={"id": ids["agent"], "name": ""}
    ),
    "delete an agent": lambda ada, _acme, ids: ada.graphql(DELETE_AGENT, input={"id": ids["agent"]}),
    "an agent by id": lambda ada, _acme, ids: ada.graphql(NODE, id=ids["agent"]),
    "a key by id": lambda ada, _acme, ids: ada.graphql(NODE, id=ids["key"]),
    "a person by id": lambda ada, _acme, ids: ada.graphql(NODE, id=ids["person"]),
    "a conversation by id": lambda ada, _acme, ids: ada.graphql(NODE, id=ids["conversation"]),
    "an invitation by id": lambda ada, _acme, ids: ada.graphql(NODE, id=ids["invitation"]),
    "keys of an agent": lambda ada, acme, ids: ada.graphql(
        "query ($id: ID!, $agent: ID!) { organization(id: $id) { apiKeys(agentId: $agent) { id } } }",
        id=acme,
        agent=ids["agent"],
    ),
    "see a conversation": lambda ada, _acme, ids: ada.graphql(
        "query ($id: ID!) { conversation(id: $id) { title messages { text } } }", id=ids["conversation"]
    ),
    "go on with a conversation": lambda ada, acme, ids: asked_of_assistant(
        ada, acme, conversationId=ids["conversation"]
    ),
    "hand over a conversation": lambda ada, acme, ids: ada.graphql(CONTACT, org=acme, id=ids["conversation"]),
    "rate a message": lambda ada, _acme, ids: ada.graphql(RATE, id=ids["message"]),
    "ask about a key": lambda ada, acme, ids: asked_of_assistant(ada, acme, apiKeyId=ids["key"]),
    "ask about a request": lambda ada, acme, ids: asked_of_assistant(ada, acme, requestId=ids["request"]),
    "diagnose a request": lambda ada, acme, ids: ada.graphql(DIAGNOSE, org=acme, id=ids["request"]),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_what_is_somebody_else_s_takes_the_same_steps_as_what_never_was(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """Answer and SQL statements are the same, so that nobody can tell the two apart, not even by time."""
    ada, acme, ask = await site.person("ada"), site.organization("acme"), QUESTIONS[question]
    hidden = await theirs(site, clock)
    seen = []

    for ids in (never_was(), hidden, never_was(), hidden):
        with counted(site, monkeypatch) as statements:
            answer = await ask(ada, acme, ids)
        told: Any = answer.body
        for each in ids.values():
            told = str(told).replace(each, "ID")
        # How often a request is looked for depends on the clock.
        seen.append((told, tuple(dict.fromkeys(statements))))

    assert seen[1:3] == seen[2:4] == seen[:2], question
    assert seen[0][1] == seen[1][1]
    assert seen[0][0] == seen[1][0]


@pytest.mark.parametrize("change", ["rename", "rotate", "end_overlap", "delete"])
async def test_a_stranger_waits_for_no_organization_s_lock(site: Site, clock: Clock, change: str) -> None:
    """While another organization is locked, a change of one of its keys by an outsider is refused without waiting."""
    ada = await site.person("ada")
    hidden = await theirs(site, clock)

    async with site.database.transaction() as session:
        await lock_organization(session, site.world.globex.id)
        async with asyncio.timeout(LONGEST_WAIT_SECONDS / 6):
            answer = await getattr(ada, change)(hidden["key"])

    assert answer.outcome == "ApiKeyNotFound"


@pytest.mark.parametrize(("document", "wanted"), [(RENAME_AGENT, {"name": "x"}), (DELETE_AGENT, {})])
async def test_a_stranger_s_change_of_an_agent_waits_for_no_lock(
    site: Site, document: str, wanted: dict[str, str]
) -> None:
    """The same for another organization's agents."""
    ada = await site.person("ada")

    async with site.database.transaction() as session:
        await lock_organization(session, site.world.globex.id)
        async with asyncio.timeout(LONGEST_WAIT_SECONDS / 6):
            answer = await ada.graphql(document, input={"id": site.agent("theirs"), **wanted})

    assert answer.outcome == "AgentNotFound"
