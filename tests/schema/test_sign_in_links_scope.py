"""A session that a host product's link began sees one organization, though its person is in others too."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from keys.policy import Actor
from models import Conversation, Message, SignInSession
from models.engine.ids import Prefix, parse_external_id
from resolvers.services import with_current_roles
from tests.conftest import Clock
from tests.schema.test_existence import QUESTIONS, never_was, theirs
from tests.support.client import Client, Site, open_site
from tests.support.graphql.people_documents import ASK_FOR_KEY, CHANGE, INVITE, REMOVE
from tests.support.graphql.provisioning import create_link, ensure_member, enter
from tests.support.programs import program
from tests.support.world import THEN

ADMIN = "ORGANIZATION_ADMIN"
CONTACT = "mutation ($org: ID!) { contactSupport(organizationId: $org) { __typename } }"
ASK = """mutation ($input: AskAssistantInput!) { askAssistant(input: $input) { __typename } }"""
DIAGNOSE = 'query ($org: ID!) { diagnoseRequest(organizationId: $org, requestId: "req_x") { case } }'


@pytest.fixture
async def site(database_address: str, clock: Clock) -> AsyncIterator[Site]:
    """A site in the days of its conversation, which retention would delete otherwise."""
    clock.now = THEN + timedelta(days=1)
    async with open_site(database_address, clock) as opened:
        yield opened


async def visitor_in_acme(site: Site) -> tuple[Client, str]:
    """An organization admin of Acme and of Globex, in a session for Acme only; and their id."""
    host = await program(site, "operator token")
    for name in ("acme", "globex"):
        member = (await ensure_member(host, site.organization(name), role=ADMIN)).value["member"]
    browser = await site.browser()
    await enter(browser, (await create_link(host, site.organization("acme"))).value["url"])
    return browser, member["user"]["id"]


async def give(site: Site, ids: dict[str, str], person: str) -> None:
    """Makes the conversation of Globex the visitor's own."""
    person_id = parse_external_id(Prefix.PERSON, person)
    conversation_id = parse_external_id(Prefix.CONVERSATION, ids["conversation"])
    async with site.database.transaction() as session:
        await session.execute(
            update(Conversation).where(col(Conversation.id) == conversation_id).values(person_id=person_id)
        )
        await session.execute(
            update(Message).where(col(Message.conversation_id) == conversation_id).values(person_id=person_id)
        )


async def widen(site: Site) -> None:
    """Makes sessions by links see all organizations, as a session after a password does."""
    async with site.database.transaction() as session:
        await session.execute(update(SignInSession).values(organization_id=None))


def without_ids(answer: Any, ids: dict[str, str]) -> str:
    told = str(answer.body)
    for each in ids.values():
        told = told.replace(each, "ID")
    return told


@pytest.mark.slow
async def test_objects_of_another_organization_are_as_if_they_never_were(site: Site, clock: Clock) -> None:
    """By every door that takes an id; with the same session for all organizations, most doors open."""
    visitor, person = await visitor_in_acme(site)
    acme, hidden = site.organization("acme"), await theirs(site, clock)
    await give(site, hidden, person)
    unknown, opened = never_was(), []

    for name, ask in QUESTIONS.items():
        if name == "hand over a conversation" or "delete" in name:
            continue
        seen = without_ids(await ask(visitor, acme, hidden), hidden)
        assert seen == without_ids(await ask(visitor, acme, unknown), unknown), name
        opened.append(name)
    await widen(site)
    closed = [
        name
        for name in opened
        if without_ids(await QUESTIONS[name](visitor, acme, hidden), hidden)
        == without_ids(await QUESTIONS[name](visitor, acme, unknown), unknown)
    ]

    # These ask in Acme about an object of Globex, which is not allowed in any session.
    assert set(closed) <= {
        "create for an agent",
        "keys of an agent",
        "go on with a conversation",
        "ask about a key",
        "ask about a request",
        "diagnose a request",
        "rename to what is no name",
        "rename an agent to what is no name",
    }


@pytest.mark.parametrize("name", ["delete", "delete an agent"])
async def test_objects_of_another_organization_are_not_deleted(site: Site, clock: Clock, name: str) -> None:
    """The same, for what can be tried once."""
    visitor, _ = await visitor_in_acme(site)
    acme, hidden = site.organization("acme"), await theirs(site, clock)

    refused = await QUESTIONS[name](visitor, acme, hidden)
    await widen(site)
    done = await QUESTIONS[name](visitor, acme, hidden)

    assert refused.outcome.endswith("NotFound")
    assert done.outcome.endswith("Deleted")


async def test_another_organization_itself_is_not_there(site: Site) -> None:
    """Every operation that names an organization answers as for one that the person is not in."""
    visitor, person = await visitor_in_acme(site)

    async def outcomes(organization_id: str) -> list[str]:
        on = {"organizationId": organization_id}
        answers = [
            await visitor.create(organization_id),
            await visitor.graphql(INVITE, input={**on, "email": "x@y.example", "role": "MEMBER"}),
            await visitor.graphql(CHANGE, input={**on, "userId": person, "role": ADMIN}),
            await visitor.graphql(ASK_FOR_KEY, input={**on, "name": "x", "reason": "y"}),
            await visitor.graphql(CONTACT, org=organization_id),
            await visitor.graphql(ASK, input={**on, "message": "Who are the admins?"}),
            await visitor.graphql(REMOVE, input={**on, "userId": "usr_x"}),
        ]
        return [each.outcome for each in answers]

    globex, nowhere = site.organization("globex"), site.organization("nowhere")
    assert await outcomes(globex) == await outcomes(nowhere)
    assert "NOT_FOUND" not in await outcomes(site.organization("acme"))
    shown = await visitor.graphql("query ($id: ID!) { organization(id: $id) { name } }", id=globex)
    assert shown.outcome == "null"
    assert (await visitor.graphql(DIAGNOSE, org=globex)).codes == ["NOT_FOUND"]
    stream = (
        f'subscription {{ assistantAnswer(input: {{organizationId: "{globex}", message: "Why?"}}) {{ __typename }} }}'
    )
    streamed = await visitor.http.post("/graphql", json={"query": stream}, headers={"accept": "text/event-stream"})
    assert '"code":"NOT_FOUND"' in streamed.text
    every = (await visitor.graphql("{ viewer { organizations { id } } }")).value
    assert every == {"organizations": [{"id": site.organization("acme")}]}


async def test_roles_are_read_again_within_the_organization_only(site: Site, clock: Clock) -> None:
    """An operation that reads the current roles gets those of the session, not all of the person's."""
    _, person = await visitor_in_acme(site)
    visiting = Actor(parse_external_id(Prefix.PERSON, person), only_organization_id=site.world.acme.id)

    async with site.database.reading() as session:
        narrow = await with_current_roles(session, visiting, clock())
        wide = await with_current_roles(session, replace(visiting, only_organization_id=None), clock())

    assert set(narrow.roles) == {site.world.acme.id}
    assert set(wide.roles) == {site.world.acme.id, site.world.globex.id}
