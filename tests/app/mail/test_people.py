"""Mails to people are made of what is in the database when they are sent."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.mail.letter import NoRecipient, Sender
from app.mail.outbox import Kind
from app.mail.people import InvitationMails, KeyRequestMails, LinkLost, PasswordResetMails
from keys.sign_in.links import Links, Page
from keys.token import ServerKeys
from models import Invitation, InvitedAgent, KeyRequest, PasswordReset, Person, Role
from models.engine.database import Database
from models.engine.ids import new_id
from models.invitation import delete_invitation, insert_invitation
from models.key_request import close_request
from models.password_reset import use_up_resets
from tests.conftest import SERVER_KEYS, Clock
from tests.support.client import PUBLIC_URL
from tests.support.mail_site import text_of
from tests.support.world import World

SENDER = Sender("Keydesk", "keys@example.com")
LINKS = Links(SERVER_KEYS, PUBLIC_URL)


async def invitation(database: Database, world: World, clock: Clock, email: str = "new@example.com") -> UUID:
    row_id = new_id()
    link = LINKS.make(Page.INVITATION, row_id)
    row = Invitation(
        id=row_id,
        organization_id=world.acme.id,
        email=email,
        role=Role.AGENT_ADMIN,
        created_at=clock.now,
        expires_at=clock.now + timedelta(hours=72),
        link_made_at=clock.now,
        link_nonce=link.nonce,
        link_digest=link.digest,
    )
    async with database.transaction() as session:
        await insert_invitation(session, row, [world.own.id, world.retired.id])
    return row_id


async def reset(database: Database, world: World, clock: Clock) -> UUID:
    row_id = new_id()
    link = LINKS.make(Page.RESET_PASSWORD, row_id)
    row = PasswordReset(
        id=row_id,
        account="a" * 64,
        ip_address="203.0.113.7",
        person_id=world.mel.id,
        created_at=clock.now,
        link_nonce=link.nonce,
        link_digest=link.digest,
    )
    async with database.transaction() as session:
        session.add(row)
    return row_id


async def request(database: Database, world: World, clock: Clock) -> UUID:
    row = KeyRequest(
        organization_id=world.acme.id,
        person_id=world.mel.id,
        agent_id=world.own.id,
        name="deploy",
        reason="why",
        created_at=clock.now,
    )
    async with database.transaction() as session:
        session.add(row)
    return row.id


async def test_the_operators_invitation_names_nobody(database: Database, world: World, clock: Clock) -> None:
    """Living agents are named, deleted ones are not. The mail is the same each time."""
    row_id = await invitation(database, world, clock)
    kind = InvitationMails(LINKS, SENDER, clock)

    async with database.reading() as session:
        mails = [await kind.mail(session, row_id) for _ in range(2)]

    first, second = [each for each in mails if each is not None]
    text = text_of(first)
    assert first["Subject"] == "Invitation to Acme"
    assert "You are invited to the organization Acme in Keydesk, as an agent admin." in text
    assert "You will administer: Crawler." in text
    assert "until 2026-11-27 12:00 UTC" in text
    assert text == text_of(second)
    assert first["Message-ID"] == second["Message-ID"]


async def test_what_is_no_longer_to_be_sent_is_no_mail(database: Database, world: World, clock: Clock) -> None:
    """A revoked invitation, a link that was used, a request that an admin has dealt with."""
    invited, asked, wanted = [await make(database, world, clock) for make in (invitation, reset, request)]
    kinds: list[tuple[Kind, UUID]] = [
        (InvitationMails(LINKS, SENDER, clock), invited),
        (PasswordResetMails(LINKS, SENDER, clock), asked),
        (KeyRequestMails(PUBLIC_URL, SENDER), wanted),
    ]

    async with database.reading() as session:
        before = [await kind.mail(session, row_id) for kind, row_id in kinds]
    async with database.transaction() as session:
        await delete_invitation(session, invited)
        await use_up_resets(session, world.mel.id, at=clock.now)
        await close_request(session, wanted, at=clock.now)
    async with database.reading() as session:
        after = [await kind.mail(session, row_id) for kind, row_id in kinds]

    assert None not in before
    assert after == [None, None, None]


async def test_a_link_of_a_server_key_that_is_gone_is_not_mailed(
    database: Database, world: World, clock: Clock
) -> None:
    """A key that only verifies makes the same link."""
    row_id = await invitation(database, world, clock)
    new = ServerKeys((b"another server key of more than 32 bytes",))
    both = ServerKeys((b"another server key of more than 32 bytes", b"0123456789abcdef0123456789abcdef"))

    async with database.reading() as session:
        with pytest.raises(LinkLost):
            await InvitationMails(Links(new, PUBLIC_URL), SENDER, clock).mail(session, row_id)
        rotated = await InvitationMails(Links(both, PUBLIC_URL), SENDER, clock).mail(session, row_id)
        before = await InvitationMails(LINKS, SENDER, clock).mail(session, row_id)

    assert rotated is not None
    assert before is not None
    assert text_of(rotated) == text_of(before)


async def test_an_address_that_no_header_holds_is_a_failure(database: Database, world: World, clock: Clock) -> None:
    """So it is seen. A domain of other scripts is written in ASCII, and is never another domain."""
    kind = InvitationMails(LINKS, SENDER, clock)
    emails = ("nin\u00e4@example.com", "nina@b\u00fccher.example", "nina@stra\u00dfe.example")
    unheld, *held = [await invitation(database, world, clock, email) for email in emails]

    async with database.reading() as session:
        with pytest.raises(NoRecipient):
            await kind.mail(session, unheld)
        mails = [await kind.mail(session, row_id) for row_id in held]

    assert [None if each is None else str(each["To"]) for each in mails] == [
        "nina@xn--bcher-kva.example",
        "nina@xn--strae-oqa.example",
    ]


async def test_names_are_no_links(database: Database, world: World, clock: Clock) -> None:
    """What a mail program would make a link is broken up, except in addresses."""
    async with database.transaction() as session:
        (await session.merge(world.acme)).name = "Locked: https://evil.example/a.b"
    row_id = await invitation(database, world, clock)

    async with database.reading() as session:
        mail = await InvitationMails(LINKS, SENDER, clock).mail(session, row_id)

    assert mail is not None
    assert mail["Subject"] == "Invitation to Locked: https: //evil. example/a. b"
    assert "evil.example" not in text_of(mail)
    assert "new@example.com" in text_of(mail)


async def test_an_invitation_keeps_no_row_of_its_agents(database: Database, world: World, clock: Clock) -> None:
    """They are deleted with it."""
    row_id = await invitation(database, world, clock)

    async with database.transaction() as session:
        await delete_invitation(session, row_id)
        assert await session.get(InvitedAgent, (row_id, world.own.id)) is None
        assert await session.get(Person, world.mel.id) is not None


async def test_a_link_that_has_expired_is_not_mailed(database: Database, world: World, clock: Clock) -> None:
    """Such as after a mail server was away for long."""
    invited, asked = await invitation(database, world, clock), await reset(database, world, clock)

    async def mails() -> list[bool]:
        async with database.reading() as session:
            return [
                await InvitationMails(LINKS, SENDER, clock).mail(session, invited) is not None,
                await PasswordResetMails(LINKS, SENDER, clock).mail(session, asked) is not None,
            ]

    at_once = await mails()
    clock.advance(hours=1)
    an_hour_later = await mails()
    clock.advance(hours=71)

    assert [at_once, an_hour_later, await mails()] == [[True, True], [True, False], [False, False]]
