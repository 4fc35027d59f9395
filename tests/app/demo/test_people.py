"""The demo's publicly known passwords, and how they are replaced."""

import pytest
from sqlalchemy import func, select
from sqlmodel import col

import app.cli.organizations
import app.cli.people
import app.cli.serving
from app.demo.people import has_public_password, people_with_public_passwords
from app.demo.story import NORA, ORGANIZATION_ID, ORGANIZATION_NAME, PEOPLE
from keys.hashing import Argon2Parameters
from models import Membership, Organization, Person, Role, SignInSession
from models.engine.database import Database
from models.person import person_by_email
from tests.conftest import CHEAP
from tests.support.command_line import InDatabase, Keydesk
from tests.support.world import THEN

HASHER = CHEAP.hasher()
MINE = "a password of his own"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands hash with cheap parameters."""
    parameters: Argon2Parameters = CHEAP
    for module in (app.cli.people, app.cli.organizations, app.cli.serving):
        monkeypatch.setattr(module, "PASSWORD_PARAMETERS", parameters)


async def fill(database: Database) -> None:
    """The demo's organization and people, all signed in. Amir has a password of his own."""
    nora, amir, mia = (
        Person(
            email=each.email,
            name=each.name,
            password_hash=HASHER.hash(MINE if each.name.startswith("Amir") else each.password),
            created_at=THEN,
        )
        for each in PEOPLE
    )
    async with database.transaction() as session:
        session.add_all([Organization(id=ORGANIZATION_ID, name=ORGANIZATION_NAME, created_at=THEN), nora, amir, mia])
        session.add(Organization(name="Acme", created_at=THEN))
        await session.flush()
        for person in (nora, amir, mia):
            session.add(
                Membership(
                    organization_id=ORGANIZATION_ID, person_id=person.id, role=Role.ORGANIZATION_ADMIN, created_at=THEN
                )
            )
            session.add(
                SignInSession(
                    token_digest=f"{person.id.hex:0>64}", person_id=person.id, created_at=THEN, last_seen_at=THEN
                )
            )


def people_now(in_database: InDatabase) -> dict[str, tuple[str | None, bool]]:
    """Each person's password hash, and whether they are signed in."""

    async def read(database: Database) -> dict[str, tuple[str | None, bool]]:
        found = {}
        async with database.reading() as session:
            for each in PEOPLE:
                person = await person_by_email(session, each.email)
                assert person is not None
                mine = col(SignInSession.person_id) == person.id
                sessions = (
                    await session.execute(select(func.count()).select_from(SignInSession).where(mine))
                ).scalar_one()
                found[each.name.split()[0]] = person.password_hash, sessions > 0
        return found

    result: dict[str, tuple[str | None, bool]] = in_database(read)
    return result


def test_deleting_the_demo_takes_its_passwords_away(keydesk: Keydesk, in_database: InDatabase) -> None:
    """People with a public password lose it and their sessions. Amir, with his own password, keeps both."""
    in_database(fill)

    deleted = keydesk("organization", "delete", ORGANIZATION_NAME, "--json")

    after = people_now(in_database)
    assert deleted.value["passwordsTakenAway"] == ["nora@northwind.example", "mia@northwind.example"]
    assert after["Nora"] == after["Mia"] == (None, False)
    assert after["Amir"][0] is not None
    assert after["Amir"][1]
    assert in_database(lambda database: people_with_public_passwords(database, HASHER)) == []


def test_what_serve_advises_makes_the_database_servable(
    keydesk: Keydesk, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After deleting the demo the server starts. If one of its people is left, so does setting a new password."""
    in_database(fill)
    served: list[bool] = []
    monkeypatch.setattr(app.cli.serving, "run_server", lambda *_, **__: served.append(True))
    monkeypatch.setenv("KEYDESK_PUBLIC_URL", "https://keys.example")

    assert keydesk("serve").status == 1
    keydesk("organization", "delete", ORGANIZATION_NAME)
    assert keydesk("serve").status == 0
    in_database(lambda database: give(database, NORA, PEOPLE[0].password))
    refused = keydesk("serve")
    assert (refused.status, NORA in refused.err) == (1, True)
    assert keydesk("user", "password", NORA).status == 0
    assert keydesk("serve").status == 0
    assert len(served) == 2


async def give(database: Database, email: str, password: str) -> None:
    async with database.transaction() as session:
        person = await person_by_email(session, email)
        assert person is not None
        person.password_hash, person.password_is_one_time = HASHER.hash(password), False


def test_adding_one_of_the_demos_people_replaces_the_public_password(keydesk: Keydesk, in_database: InDatabase) -> None:
    """A person of the demo gets a one-time password, and the operator is told why. Amir's password stays."""
    in_database(fill)
    keydesk("user", "remove", NORA, "--organization", ORGANIZATION_NAME)

    added = keydesk("user", "create", NORA, "--name", "N", "--organization", "Acme", "--role", "member", "--json")
    again = keydesk(
        "user", "create", "amir@northwind.example", "--name", "A", "--organization", "Acme", "--role", "member"
    )

    nora = in_database(lambda database: _person(database, NORA))
    assert (added.value["isNew"], len(added.value["oneTimePassword"]) >= 12) == (False, True)
    assert "a password that others may know" in added.err
    assert not has_public_password(HASHER, nora)
    assert nora.password_is_one_time
    assert HASHER.verify(people_now(in_database)["Amir"][0] or "", MINE)
    assert "are unchanged" in again.err


async def _person(database: Database, email: str) -> Person | None:
    async with database.reading() as session:
        return await person_by_email(session, email)


def test_nobody_may_choose_one_of_the_demos_passwords(keydesk: Keydesk, in_database: InDatabase) -> None:
    """The demo's passwords are in the source code, so they are refused."""
    in_database(fill)

    for each in PEOPLE:
        refused = keydesk(
            "user", "password", "amir@northwind.example", "--password-stdin", stdin=each.password.encode()
        )
        assert refused.status == 1
        assert "published example" in refused.err
    same = keydesk("user", "password", "amir@northwind.example", "--password-stdin", stdin=MINE.encode())
    assert (same.status, "the person's current password" in same.err) == (1, True)
