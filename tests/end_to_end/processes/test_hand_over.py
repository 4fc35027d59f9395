"""A real server sends a conversation to a real mail server, also if that was unavailable for a while."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from tests.conftest import CHEAP, Databases
from tests.support.servers.servers import Server, Servers
from tests.support.tickets.smtp_server import smtp_server
from tests.support.world import World, make_world

DATABASE_NUMBER = 103
PASSWORD = "correct horse battery staple"
SUPPORT = "support@keys.example"
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"
ASK = """
mutation ($input: AskAssistantInput!) {
  askAssistant(input: $input) { ... on AssistantAnswer { conversation { id } message { text diagnosis { case } } } }
}
"""
HAND_OVER = """
mutation ($organization: ID!, $conversation: ID!, $note: String) {
  contactSupport(organizationId: $organization, conversationId: $conversation, note: $note) {
    ... on SupportTicket { id sentTo sentAt }
  }
}
"""
LOOK = "query ($id: ID!) { conversation(id: $id) { ticket { id sentAt } messages { author text } } }"
GIVE_UP_SECONDS = 60.0


@pytest.fixture
async def world_and_address(databases: Databases) -> tuple[World, str]:
    address = databases.fresh(DATABASE_NUMBER)
    database = Database(address)
    world = await make_world(database, password_hash=CHEAP.hasher().hash(PASSWORD))
    await database.close()
    return world, address


def asked(client: httpx.Client, query: str, **variables: Any) -> Any:
    """The data of an answer without errors."""
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return answer["data"]


@contextmanager
def signed_in(server: Server) -> Iterator[httpx.Client]:
    """Mel's browser."""
    with httpx.Client(base_url=server.address, timeout=30) as client:
        asked(client, SIGN_IN, input={"email": "mel@example.com", "password": PASSWORD})
        yield client


def conversation_with(client: httpx.Client, organization: str) -> str:
    """A conversation of Mel about a question that only a person can answer."""
    answer = asked(client, ASK, input={"organizationId": organization, "message": "I want to talk to a human."})
    assert answer["askAssistant"]["message"]["diagnosis"]["case"] == "HUMAN_REQUESTED"
    found: str = answer["askAssistant"]["conversation"]["id"]
    return found


def until_sent(client: httpx.Client, conversation: str) -> dict[str, Any]:
    """The conversation once its ticket was mailed."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up_at:
        found: dict[str, Any] = asked(client, LOOK, id=conversation)["conversation"]
        if found["ticket"]["sentAt"] is not None:
            return found
        time.sleep(0.05)
    raise AssertionError("the ticket was not sent")


async def test_a_conversation_is_mailed_to_support(world_and_address: tuple[World, str], tmp_path: Path) -> None:
    """To the operator's address, with the person as reply-to; it has the note, and no secret of it."""
    world, address = world_and_address
    organization = external_id(Prefix.ORGANIZATION, world.acme.id)
    with smtp_server() as office:
        settings = {"KEYDESK_SUPPORT_EMAIL": SUPPORT, "KEYDESK_SMTP_URL": f"smtp://127.0.0.1:{office.port}"}
        servers = Servers(address, tmp_path, settings=settings)
        try:
            with signed_in(servers.start()[0]) as client:
                conversation = conversation_with(client, organization)
                place = {"organization": organization, "conversation": conversation}

                ticket = asked(client, HAND_OVER, **place, note="password: hunter2hunter2")["contactSupport"]
                again = asked(client, HAND_OVER, **place)["contactSupport"]
                kept = until_sent(client, conversation)
        finally:
            servers.close()

    assert ticket["sentTo"] == SUPPORT
    assert again["id"] == ticket["id"] == kept["ticket"]["id"]
    assert [message["author"] for message in kept["messages"]] == ["PERSON", "ASSISTANT", "ASSISTANT"]
    [mail] = office.mails
    assert (mail.recipients, mail.message["Reply-To"]) == ([SUPPORT], "mel@example.com")
    text = mail.message.get_content()
    assert "I want to talk to a human." in text
    assert "[password]" in text
    assert "hunter2hunter2" not in text


async def test_a_ticket_outlives_the_server_that_wrote_it(world_and_address: tuple[World, str], tmp_path: Path) -> None:
    """Without a mail server it stays in the database; any process with a mail server sends it."""
    world, address = world_and_address
    organization = external_id(Prefix.ORGANIZATION, world.acme.id)
    before = Servers(address, tmp_path, settings={"KEYDESK_SUPPORT_EMAIL": SUPPORT})
    try:
        server = before.start()[0]
        with signed_in(server) as client:
            conversation = conversation_with(client, organization)
            place = {"organization": organization, "conversation": conversation}
            ticket = asked(client, HAND_OVER, **place)["contactSupport"]
        server.kill()
    finally:
        before.close()

    with smtp_server() as office:
        settings = {"KEYDESK_SUPPORT_EMAIL": SUPPORT, "KEYDESK_SMTP_URL": f"smtp://127.0.0.1:{office.port}"}
        after = Servers(address, tmp_path, settings=settings)
        try:
            with signed_in(after.start()[0]) as client:
                kept = until_sent(client, conversation)
        finally:
            after.close()

    assert ticket["sentAt"] is None
    assert kept["ticket"]["id"] == ticket["id"]
    assert len(office.mails) == 1
