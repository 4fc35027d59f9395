"""
People, invitations, mails and requests that a person may not see have no influence on the answers to their questions:
with these rows and before they existed, every answer is the same.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from assistant.diagnose import state_after
from assistant.facts.conversation_state import ConversationState
from assistant.facts.question import Inquiry
from assistant.pipeline import diagnose_message
from assistant.reply.render import to_stored, written
from assistant.reply.stored_answer import to_json
from models import AdministeredAgent, Membership, Person, Role
from models.engine.database import Database
from tests.conftest import Clock
from tests.support.assistant.on_database import Helpdesk, running_assistant
from tests.support.assistant.people_of_worlds import AskedForKey, Invited, Reset, store_people
from tests.support.usage.rows import key_of, store
from tests.support.world import THEN, World

QUESTIONS = (
    "How do I invite a colleague?",
    "Which invitations are open?",
    "Is the invitation to pat@example.com still open?",
    "The invitation to pat@example.com did not arrive",
    "The mail didn't come",
    "Who are our admins?",
    "Who is in our organization?",
    "Make me an admin",
    "How do I change the role of Zelda?",
    "What happens to Zelda's keys when she leaves?",
    "Which keys does Zelda know?",
    "Remove Zelda from the organization",
    "I can't sign in",
    "Zelda can't sign in",
    "Which agents are there?",
    "Who administers the crawler?",
    "How do I ask for a key?",
    "Who has requested a key?",
    "How do I create a key?",
    "And Zelda?",
    "zelda@example.com",
    "Wer ist Zelda?",
    "招待メールが届きません",
    "Zelda 离职了，她的密钥怎么办",
)
ASKERS = [("ada", "globex"), ("grace", "globex"), ("mel", "globex"), ("grace", "acme"), ("mel", "acme")]
"""The person who asks in Acme, and the organization whose data they may not see."""


@pytest.fixture
async def helpdesk(database: Database, world: World, clock: Clock) -> AsyncIterator[Helpdesk]:
    """The assistant of Acme and Globex, of an installation that sends mails."""
    async with running_assistant(database, world, clock) as opened:
        knowledge = replace(opened.assistant.knowledge, mails_people=True)
        yield replace(opened, assistant=replace(opened.assistant, knowledge=knowledge))


async def answers(helpdesk: Helpdesk, name: str, organization: str = "acme") -> list[str]:
    """The complete answer to each question: alone, and as a message of one conversation."""
    asker, assistant = await helpdesk.asker(name, organization), helpdesk.assistant
    title_of = assistant.knowledge.documents.title
    found: list[str] = []
    state: ConversationState | None = None
    for text in QUESTIONS:
        for before in (None, state):
            came = await diagnose_message(
                assistant.knowledge, assistant.possessions, asker, Inquiry(text, state=before), assistant.clock()
            )
            diagnosis = came.answered.diagnosis
            stored = to_json(to_stored(diagnosis, came.language, title_of))
            found.append(f"{stored} {written(diagnosis, came.language, title_of)}")
        state = state_after(came.answered, came.facts)
        found.append(str(state))
    return found


async def add_people(helpdesk: Helpdesk, organization: str, clock: Clock) -> None:
    """
    A new agent admin with the secret of a key, invitations in every state, resets and requests of others.

    Grace and Mel get no row of their own: each may see their own.
    """
    world, database = helpdesk.world, helpdesk.database
    where, agent = (world.acme, world.other) if organization == "acme" else (world.globex, world.theirs)
    zelda = Person(email="zelda@example.com", name="Zelda", created_at=THEN, last_signed_in_at=clock.now)
    await store(database, zelda)
    await store(
        database,
        Membership(organization_id=where.id, person_id=zelda.id, role=Role.AGENT_ADMIN, created_at=THEN),
        AdministeredAgent(person_id=zelda.id, agent_id=agent.id, organization_id=where.id),
    )
    if organization == "globex":
        # A key takes a slot, and everybody in Acme sees how many slots are taken.
        await store(database, key_of(where, "zelda's", secret_shown_to_id=zelda.id, created_by_id=zelda.id))
    world.people["zelda"] = zelda
    await store_people(
        database,
        world,
        clock.now,
        invitations=[
            Invited(email="pat@example.com", organization=organization, sent_hours_ago=1),
            Invited(email="quinn@example.com", organization=organization, failure="550 no such mailbox"),
            Invited(email="robin@example.com", organization=organization, ends_in_hours=-1, sent_hours_ago=80),
        ],
        resets=[Reset(person="zelda", sent_hours_ago=1), Reset(person="eve", failure="451 later")],
        key_requests=[AskedForKey("zelda", "zelda's nightly", organization=organization)],
    )


@pytest.mark.parametrize(("name", "organization"), ASKERS)
async def test_people_that_one_may_not_see_are_not_there(
    helpdesk: Helpdesk, clock: Clock, name: str, organization: str
) -> None:
    """For everybody those of another organization; for those who are not organization admins, all others."""
    before = await answers(helpdesk, name)

    await add_people(helpdesk, organization, clock)

    assert await answers(helpdesk, name) == before


@pytest.mark.parametrize(("name", "organization"), [("ada", "acme"), ("eve", "globex")])
async def test_an_organization_admin_is_told(helpdesk: Helpdesk, clock: Clock, name: str, organization: str) -> None:
    """The same rows change the answers of the organization's own admin, so the questions do ask about them."""
    before = await answers(helpdesk, name, organization)

    await add_people(helpdesk, organization, clock)

    after = await answers(helpdesk, name, organization)
    assert sum(a != b for a, b in zip(before, after, strict=True)) > 20
    said = "\n".join(after)
    for told in ("Zelda (zelda@example.com)", "pat@example.com", "550 no such mailbox", "zelda's nightly"):
        assert told in said
    assert ("Secrets shown to Zelda" in said) is (organization == "globex")


async def test_only_ones_own_links_for_a_password_are_told(helpdesk: Helpdesk, clock: Clock) -> None:
    """Not even an organization admin learns that somebody else has asked for one."""
    await store_people(helpdesk.database, helpdesk.world, clock.now, resets=[Reset(person="mel", failure="451 later")])

    mine, admins = await helpdesk.ask("I forgot my password", name="mel"), await helpdesk.ask("Mel can't sign in")

    assert "not mailed yet" in mine.given.message.text
    assert "Links for your password in the last day: none asked for" in admins.given.message.text
    assert "451" not in mine.given.message.text + admins.given.message.text
