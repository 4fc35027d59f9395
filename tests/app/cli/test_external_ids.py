"""`keydesk user update --external-id`, which connects an account with a host product, and what takes its id off it."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from models import AuditEvent, Person, SignInLink, SignInSession
from models.engine.database import Database
from models.person import person_by_email
from tests.support.command_line import InDatabase, Keydesk
from tests.support.world import THEN, World

MEL = "mel@example.com"


def test_an_account_is_connected_with_the_host_product(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """Another id replaces it, the same one changes nothing, and none ends links and the sessions that they began."""

    async def a_link_and_sessions(database: Database) -> None:
        async with database.transaction() as session:
            mel = await person_by_email(session, MEL)
            assert mel is not None
            common: dict[str, Any] = {"person_id": mel.id, "created_at": THEN, "last_seen_at": THEN}
            session.add(SignInSession(token_digest="1", organization_id=acme.acme.id, **common))
            session.add(SignInSession(token_digest="2", **common))
            place: dict[str, Any] = {"organization_id": acme.acme.id, "person_id": mel.id, "path": "api-keys"}
            session.add(SignInLink(expires_at=THEN, link_digest="3", **place))

    async def left(database: Database) -> tuple[list[str], list[str], list[str | None]]:
        async with database.reading() as session:
            digests = (await session.execute(select(col(SignInSession.token_digest)))).scalars()
            links = (await session.execute(select(col(SignInLink.link_digest)))).scalars()
            ids = (await session.execute(select(col(Person.external_id)).where(col(Person.email) == MEL))).scalars()
            return sorted(digests), list(links), list(ids)

    made = keydesk("user", "update", MEL, "--external-id", "u-1", "--json")
    in_database(a_link_and_sessions)
    keydesk("user", "update", MEL, "--external-id", "u-1")
    assert in_database(left) == (["1", "2"], ["3"], ["u-1"])
    again = keydesk("user", "update", MEL, "--external-id", "u-2")
    assert in_database(left) == (["2"], [], ["u-2"])
    ended = keydesk("user", "update", MEL, "--no-external-id", "--json")

    assert (made.value["email"], made.value["externalId"], ended.value["externalId"]) == (MEL, "u-1", None)
    assert f"{MEL} has the external id u-2 now" in again.out
    assert in_database(left) == (["2"], [], [None])
    assert in_database(events) == [
        "Mel (mel@example.com) is now known by the host product's id “u-1”.",
        "Mel (mel@example.com) is now known by the host product's id “u-2”.",
        "Mel (mel@example.com) is no longer known by the host product's id “u-2”.",
    ]


async def events(database: Database) -> list[str]:
    async with database.reading() as session:
        return list((await session.execute(select(col(AuditEvent.summary)).order_by(col(AuditEvent.id)))).scalars())


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--external-id", "taken"), 1, "keydesk user update ada@example.com --no-external-id"),
        (("--external-id", ""), 1, "Use an id of 1 to 255 characters."),
        (("--external-id", "x", "--no-external-id"), 2, "not both"),
        (("--external-id", "x", "--role", "member", "--organization", "Acme"), 2, "for the person"),
        (("--no-external-id", "--break-glass"), 2, "for the person"),
    ],
)
def test_what_can_not_be_connected(
    keydesk: Keydesk, acme: World, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """The sentence says what to do."""
    assert keydesk("user", "update", "ada@example.com", "--external-id", "taken").status == 0

    refused = keydesk("user", "update", MEL, *arguments)

    assert (refused.status, said in refused.err) == (status, True), refused.err


def test_an_account_of_a_link_that_was_passed_on_is_not_connected(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """Whoever has its password may not be whose the address is; with another password it can be connected."""

    async def unproved(database: Database) -> None:
        async with database.transaction() as session:
            mel = await person_by_email(session, MEL)
            assert mel is not None
            mel.is_address_unproved, mel.password_hash = True, "known to others"

    in_database(unproved)

    refused = keydesk("user", "update", MEL, "--external-id", "u-1")
    keydesk("user", "password", MEL)
    connected = keydesk("user", "update", MEL, "--external-id", "u-1")

    assert (refused.status, f"keydesk user password {MEL}" in refused.err) == (1, True)
    assert connected.status == 0


def test_the_operator_is_told_of_an_id_that_was_taken_off(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """By the commands that answer for an address which nobody had shown to be theirs."""

    async def of_the_host(database: Database) -> None:
        async with database.transaction() as session:
            for email in ("one@example.com", "two@example.com"):
                session.add(
                    Person(email=email, name="X", external_id=f"{email}'s", created_at=THEN, is_address_unproved=True)
                )

    in_database(of_the_host)
    common = ("--name", "X", "--organization", "Acme", "--role", "member")

    added = keydesk("user", "create", "one@example.com", *common)
    password = keydesk("user", "password", "two@example.com")

    for run, email in ((added, "one@example.com"), (password, "two@example.com")):
        assert run.status == 0
        assert f"keydesk user update {email} --external-id '{email}'\"'\"'s'" in run.err
    both = keydesk("user", "password", "ada@example.com")
    assert "external" not in both.err
