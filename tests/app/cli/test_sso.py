"""`keydesk sso`, and `keydesk user update --break-glass`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from models import AuditEvent, Identity, Person, SignInSession
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from tests.support.command_line import InDatabase, Keydesk
from tests.support.world import THEN, World

ADMIN = "organization-admin"


def test_a_group_gets_a_role_and_loses_it(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """What it means is listed, replaced and ended; each change is in the audit log as the operator's."""
    made = keydesk("sso", "map", "Acme", "--group", "crawlers", "--role", "agent-admin", "--agent", "Crawler", "--json")
    keydesk("sso", "map", "Globex", "--group", "crawlers", "--role", "member")
    changed = keydesk(
        "sso", "map", external_id(Prefix.ORGANIZATION, acme.acme.id), "--group", "crawlers", "--role", ADMIN
    )
    listed = keydesk("sso", "list", "--json").value
    ended = keydesk("sso", "unmap", "Acme", "--group", "crawlers")
    again = keydesk("sso", "unmap", "Acme", "--group", "crawlers")

    acme_id, globex_id = (external_id(Prefix.ORGANIZATION, each.id) for each in (acme.acme, acme.globex))
    assert made.value == {
        "organizationId": acme_id,
        "organizationName": "Acme",
        "group": "crawlers",
        "role": "agent-admin",
        "agents": [{"id": external_id(Prefix.AGENT, acme.own.id), "name": "Crawler"}],
    }
    assert "Changed the mapping of the group “crawlers” to organization-admin in Acme." in changed.out
    assert [(each["organizationId"], each["role"], each["agents"]) for each in listed] == [
        (acme_id, ADMIN, []),
        (globex_id, "member", []),
    ]
    assert (ended.status, again.status) == (0, 1)
    assert "keydesk sso list" in again.err
    assert [each["organizationName"] for each in keydesk("sso", "list", "--json").value] == ["Globex"]
    assert in_database(events_of(acme.acme.id)) == [
        "People in the provider's group “crawlers” are now agent admin of “Crawler”.",
        "People in the provider's group “crawlers” are now organization admin.",
        "The provider's group “crawlers” has no meaning here any more.",
    ]


def events_of(organization_id: Any) -> Callable[[Database], Any]:
    async def read(database: Database) -> list[str]:
        statement = (
            select(AuditEvent.summary)  # type: ignore[call-overload]
            .where(col(AuditEvent.organization_id) == organization_id, col(AuditEvent.actor_id).is_(None))
            .order_by(col(AuditEvent.id))
        )
        async with database.reading() as session:
            return list((await session.execute(statement)).scalars())

    return read


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("map", "Acme", "--group", "g", "--role", "member", "--agent", "Crawler"), 2, "--agent is only for"),
        (("map", "Acme", "--group", "g", "--role", "agent-admin"), 1, "add --agent"),
        (("map", "Acme", "--group", "g", "--role", "agent-admin", "--agent", "Theirs"), 1, "no agent “Theirs”"),
        (("map", "Acme", "--group", "", "--role", "member"), 1, "1 to 255 visible characters"),
        (("map", "Acme", "--group", "x" * 256, "--role", "member"), 1, "1 to 255 visible characters"),
        (("map", "Acme", "--group", "a\u202eb", "--role", "member"), 1, "1 to 255 visible characters"),
        (("map", "Nowhere", "--group", "g", "--role", "member"), 1, "no organization “Nowhere”"),
        (("allow", "nobody@example.com"), 1, "Nobody has the address"),
        (("unlink", "ada@example.com"), 1, "is not connected"),
        (("check",), 1, "There is no identity provider. Set KEYDESK_OIDC_ISSUER"),
    ],
)
def test_what_can_not_be_done_says_what_to_do(
    keydesk: Keydesk, acme: World, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """And changes nothing."""
    run = keydesk("sso", *arguments)

    assert (run.status, said in run.err) == (status, True), run.err
    assert keydesk("sso", "list", "--json").value == []


def test_an_account_is_allowed_to_be_connected_and_is_disconnected(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """Disconnecting ends the sessions, and whoever comes next with the address gets nothing."""

    async def linkable(database: Database) -> list[str]:
        async with database.reading() as session:
            statement = select(Person.email).where(col(Person.is_linkable)).order_by(Person.email)  # type: ignore[call-overload]
            return list((await session.execute(statement)).scalars())

    async def connect(database: Database) -> None:
        async with database.transaction() as session:
            session.add(Identity(person_id=acme.mel.id, issuer="https://id.example", subject="mel-1", created_at=THEN))
            session.add(SignInSession(token_digest="d", person_id=acme.mel.id, created_at=THEN, last_seen_at=THEN))

    async def left(database: Database) -> list[Any]:
        async with database.reading() as session:
            return [
                each for table in (Identity, SignInSession) for each in (await session.execute(select(table))).all()
            ]

    assert keydesk("sso", "allow", "MEL@example.com").status == 0
    assert in_database(linkable) == ["mel@example.com"]
    in_database(connect)

    refused = keydesk("sso", "allow", "mel@example.com")
    ended = keydesk("sso", "unlink", "mel@example.com", "--json")

    assert (refused.status, "keydesk sso unlink mel@example.com" in refused.err) == (1, True)
    assert ended.value["email"] == "mel@example.com"
    assert in_database(linkable) == []
    assert in_database(left) == []


def test_an_account_that_the_operator_makes_may_be_connected(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that exists already is not changed by a second membership."""
    common = ("--name", "X", "--organization", "Acme", "--role", "member")
    monkeypatch.setenv("KEYDESK_PASSWORDS", "break-glass")
    made = keydesk("user", "create", "new@example.com", *common)
    assert "KEYDESK_PASSWORDS is break-glass: people sign in by the identity provider." in made.err
    keydesk("user", "create", "eve@example.com", *common)

    async def linkable(database: Database) -> dict[str, bool]:
        async with database.reading() as session:
            people = (await session.execute(select(Person))).scalars()
            return {person.email: person.is_linkable for person in people}

    found = in_database(linkable)
    assert (found["new@example.com"], found["eve@example.com"]) == (True, False)


def test_people_are_marked_who_may_use_a_password(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are not any more; the command says what the setting is."""

    async def marked(database: Database) -> list[str]:
        async with database.reading() as session:
            people = (await session.execute(select(Person).where(col(Person.is_break_glass)))).scalars()
            return [person.email for person in people]

    on = keydesk("user", "update", "mel@example.com", "--break-glass")
    assert in_database(marked) == ["mel@example.com"]
    off = keydesk("user", "update", "mel@example.com", "--no-break-glass", "--json")
    assert in_database(marked) == []

    assert "mel@example.com may use a password with KEYDESK_PASSWORDS=break-glass. It is everybody now." in on.out
    assert "keydesk user password mel@example.com" in on.out
    assert off.value["breakGlass"] is False
    both = keydesk("user", "update", "mel@example.com", "--break-glass", "--organization", "Acme", "--role", ADMIN)
    assert (both.status, "--break-glass is for the person" in both.err) == (2, True)
    without = keydesk("user", "update", "mel@example.com", "--role", ADMIN)
    assert (without.status, "--organization ORG" in without.err) == (2, True)


def test_serve_refuses_passwords_for_few_without_a_provider(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it listens. doctor says the same."""
    monkeypatch.setenv("KEYDESK_PASSWORDS", "nobody")

    run, doctor = keydesk("serve"), keydesk("doctor", "--json")

    assert (run.status, "KEYDESK_PASSWORDS=nobody leaves people no way to sign in" in run.err) == (1, True)
    [found] = [each for each in doctor.value if each["check"] == "single sign-on"]
    assert (found["ok"], "leaves people no way" in found["detail"]) == (False, True)


def test_check_says_what_is_wrong_with_the_provider(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there."""
    monkeypatch.setenv("KEYDESK_OIDC_ISSUER", "http://127.0.0.1:9")
    monkeypatch.setenv("KEYDESK_OIDC_CLIENT_ID", "keydesk")

    run = keydesk("sso", "check", "--json")

    assert run.status == 1
    assert [each["ok"] for each in run.value] == [False]
    assert "no connection could be made" in run.value[0]["detail"]


def test_doctor_fails_if_nobody_could_sign_in_without_the_provider(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A one-time password does not count: it ends after 7 days."""
    monkeypatch.setenv("KEYDESK_OIDC_ISSUER", "http://127.0.0.1:9")
    monkeypatch.setenv("KEYDESK_OIDC_CLIENT_ID", "keydesk")
    monkeypatch.setenv("KEYDESK_PASSWORDS", "break-glass")

    async def with_password(database: Database, *, is_one_time: bool) -> None:
        async with database.transaction() as session:
            changed = {"is_break_glass": True, "password_hash": "$argon2id$", "password_is_one_time": is_one_time}
            await session.execute(update(Person).where(col(Person.email) == "mel@example.com").values(**changed))

    def finding() -> dict[str, Any]:
        [found] = [each for each in keydesk("doctor", "--json").value if each["check"] == "break-glass"]
        return dict(found)

    nobody = finding()
    in_database(partial(with_password, is_one_time=True))
    one_time = finding()
    in_database(partial(with_password, is_one_time=False))

    assert (nobody["ok"], "keydesk user update EMAIL --break-glass" in nobody["detail"]) == (False, True)
    assert one_time == nobody
    assert finding()["ok"] is True
