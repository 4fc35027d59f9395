"""`keydesk user invite`."""

import pytest

from models import Invitation
from models.engine.database import Database
from models.invitation import InvitationRecord, invitations_of
from tests.support.command_line import InDatabase, Keydesk
from tests.support.world import World

URL = "https://keys.example"


async def stored(database: Database, world: World) -> list[InvitationRecord]:
    async with database.reading() as session:
        return await invitations_of(session, world.acme.id)


def test_without_a_mail_server_the_link_is_printed(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The invitation is the operator's. Inviting again replaces it."""
    monkeypatch.setenv("KEYDESK_PUBLIC_URL", URL)

    first = keydesk("user", "invite", "Nina@example.com", "--organization", "Acme", "--role", "member", "--json")
    second = keydesk(
        *("user", "invite", "nina@example.com", "--organization", "Acme", "--role", "agent-admin", "--agent", "Crawler")
    )

    [invitation] = in_database(lambda database: stored(database, acme))
    assert first.value["link"].startswith(f"{URL}/invitation#")
    assert (first.value["email"], first.value["role"]) == ("nina@example.com", "member")
    assert f"{URL}/invitation#" in second.out
    assert "Pass on this link" in second.out
    assert (invitation.invited_by, [agent.name for agent in invitation.agents]) == (None, ["Crawler"])


def test_with_a_mail_server_the_server_mails_it(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is not printed, and the mail is due."""
    monkeypatch.setenv("KEYDESK_PUBLIC_URL", URL)
    monkeypatch.setenv("KEYDESK_SMTP_URL", "smtp://127.0.0.1:1")
    monkeypatch.setenv("KEYDESK_MAIL_FROM", "keys@example.com")

    invited = keydesk("user", "invite", "nina@example.com", "--organization", "Acme", "--role", "member", "--json")

    async def due(database: Database) -> bool:
        [shown] = await stored(database, acme)
        async with database.reading() as session:
            row = await session.get(Invitation, shown.id)
            return row is not None and row.next_attempt_at is not None

    assert invited.value["link"] is None
    assert in_database(due)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mel@example.com", "--role", "member"), "is in this organization already"),
        (("nina@example.com", "--role", "agent-admin"), "choose at least one"),
        (("nina@example.com", "--role", "agent-admin", "--agent", "Nobody"), "There is no agent"),
    ],
)
def test_a_refusal_says_what_to_do(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    """In one sentence, with status 1."""
    monkeypatch.setenv("KEYDESK_PUBLIC_URL", URL)

    refused = keydesk("user", "invite", *arguments, "--organization", "Acme")

    assert refused.status == 1
    assert said in refused.err


def test_the_servers_address_must_be_known(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, no link can be made, and nothing is stored."""
    monkeypatch.delenv("KEYDESK_PUBLIC_URL", raising=False)

    refused = keydesk("user", "invite", "nina@example.com", "--organization", "Acme", "--role", "member")

    assert "KEYDESK_PUBLIC_URL is not set" in refused.err
    assert in_database(lambda database: stored(database, acme)) == []
