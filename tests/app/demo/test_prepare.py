"""The demo: its data, that it can be started repeatedly, and that it changes no other data."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

import app.cli.demonstration
from app.cli import main
from app.cli_errors import Failure
from app.demo.prepare import Demo, fresh_key, prepare
from app.demo.story import AGENTS, CURL_KEY_NAME, ORGANIZATION_ID, PEOPLE
from app.private_files import SECRET_FILE
from app.settings import Settings, read_settings
from keys.policy import OPERATOR, Scope
from keys.token import ServerKeys
from models import Organization
from models.engine.database import Database
from models.key_queries import visible_keys
from models.migrations.migrate import migrate
from models.person import person_by_email
from resolvers.api_keys import delete_api_key
from resolvers.audit import audit_log
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.organizations import create_organization, delete_organization
from resolvers.operator.people import members, remove_member
from resolvers.services import KeyServices
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.world import THEN

pytestmark = pytest.mark.slow

COMMAND = Path(sys.executable).with_name("keydesk")
Prepare = Callable[..., Any]


@pytest.fixture
def prepare_demo(database: Database, clock: Clock, key_hasher: CountingHasher) -> Prepare:
    """Prepares the demo on the test's database."""

    async def run(server_keys: ServerKeys | None = SERVER_KEYS) -> Demo:
        settings = replace(read_settings({}), server_keys=server_keys)
        return await prepare(settings, database, clock=clock, key_hasher=key_hasher, password_hasher=key_hasher)

    return run


async def living_names(database: Database) -> list[str]:
    async with database.reading() as session:
        return [key.name for key in await visible_keys(session, ORGANIZATION_ID, of_agents=None)]


async def test_the_demo_is_filled_once_with_people_agents_and_keys(
    prepare_demo: Prepare, database: Database, key_hasher: CountingHasher
) -> None:
    """The demo has three roles, four agents, seven living keys and two tombstones. A second start adds nothing."""
    await prepare_demo()
    hashed = key_hasher.hashed
    await prepare_demo()

    async with database.reading() as session:
        organization = await session.get(Organization, ORGANIZATION_ID)
        keys = await visible_keys(session, ORGANIZATION_ID, of_agents=None, include_deleted=True)
        people = await members(session, organization_id=ORGANIZATION_ID)
    living = [key for key in keys if key.deleted_at is None]
    assert organization is not None
    assert organization.live_key_count == len(living) == 7
    assert len(keys) - len(living) == 2
    assert {key.agent is None for key in living} == {True, False}
    assert [key.rotated_at is not None for key in living].count(True) == 1
    assert {member.role for member in people} == {each.role for each in PEOPLE}
    assert len(AGENTS) == 4
    assert key_hasher.hashed == hashed


async def test_the_demos_past_is_told_in_order(prepare_demo: Prepare, database: Database, clock: Clock) -> None:
    """The audit log covers months, newest first, with no event before the organization or in the future."""
    await prepare_demo()

    async with database.reading() as session:
        page = await audit_log(session, OPERATOR, organization_id=ORGANIZATION_ID, first=100, after=None)
        organization = await session.get(Organization, ORGANIZATION_ID)
    instants = [event.at for event in page.events]
    assert organization is not None
    assert instants == sorted(instants, reverse=True)
    assert organization.created_at < instants[-1] < instants[0] < clock.now
    assert (instants[0] - instants[-1]).days > 150
    assert {event.action.name for event in page.events} >= {
        *("API_KEY_CREATED", "API_KEY_RENAMED", "API_KEY_ROTATED", "API_KEY_DELETED"),
        *("API_KEY_LIMITS_CHANGED", "MEMBERSHIP_CHANGED", "API_KEY_CREATION_REFUSED"),
    }


async def test_a_demo_of_the_version_before_goes_on(
    prepare_demo: Prepare, database: Database, services: KeyServices
) -> None:
    """A demo from before usage was stored is migrated, and nothing is added to it."""
    await prepare_demo()
    await migrate(database, "0001")

    demo = await prepare_demo()

    async with database.reading() as session:
        counted = [
            (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            for table in ("usage_hours", "usage_days", "usage_months", "callers", "refused_requests")
        ]
    assert counted == [0] * 5
    assert len(demo.people) == len(PEOPLE)
    assert (await fresh_key(services)).record.name == CURL_KEY_NAME
    assert len(await living_names(database)) == 7


async def test_the_printed_passwords_work_at_every_start(
    prepare_demo: Prepare, database: Database, key_hasher: PasswordHasher
) -> None:
    """Changed passwords are reset to the printed ones. Removed people are not printed."""
    await prepare_demo()
    nora, _, mia = PEOPLE
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE people SET password_hash = :hash, password_is_one_time = :yes WHERE email = :email"),
            {"hash": key_hasher.hash("another password"), "yes": True, "email": nora.email},
        )
        await remove_member(session, email=mia.email, organization_id=ORGANIZATION_ID, now=THEN)

    demo = await prepare_demo()

    async with database.reading() as session:
        person = await person_by_email(session, nora.email)
    assert person is not None
    assert person.password_hash is not None
    assert key_hasher.verify(person.password_hash, nora.password)
    assert not person.password_is_one_time
    assert [each.email for each in demo.people] == [each.email for each in PEOPLE if each is not mia]


async def test_the_demos_key_is_rotated_at_each_start(
    prepare_demo: Prepare, database: Database, services: KeyServices
) -> None:
    """The key and its slot stay the same; the secret is new."""
    await prepare_demo()

    first, second = await fresh_key(services), await fresh_key(services)

    assert first.record.name == CURL_KEY_NAME
    assert first.record.id == second.record.id
    assert first.secret != second.secret
    assert len(await living_names(database)) == 7


async def test_a_deleted_demo_key_is_made_anew(
    prepare_demo: Prepare, database: Database, services: KeyServices
) -> None:
    """The new key is then rotated at later starts."""
    await prepare_demo()
    await delete_api_key(services, OPERATOR, key_id=(await fresh_key(services)).record.id)

    made, rotated = await fresh_key(services), await fresh_key(services)

    assert made.record.name == CURL_KEY_NAME
    assert made.record.id == rotated.record.id
    assert (await living_names(database)).count(CURL_KEY_NAME) == 1


async def test_with_every_slot_taken_another_key_is_rotated(
    prepare_demo: Prepare, database: Database, services: KeyServices
) -> None:
    """If the demo's key is missing and no slot is free, another key gets a new secret."""
    await prepare_demo()
    await delete_api_key(services, OPERATOR, key_id=(await fresh_key(services)).record.id)
    for number in range(4):
        await create_api_key(
            services,
            OPERATOR,
            organization_id=ORGANIZATION_ID,
            name=f"Mine {number}",
            scope=Scope.ORGANIZATION,
            agent_id=None,
        )

    issued = await fresh_key(services)

    assert len(await living_names(database)) == 10
    assert issued.record.name in await living_names(database)
    assert issued.record.agent is None


async def test_a_database_with_somebody_elses_organization_is_left_alone(
    prepare_demo: Prepare, database: Database
) -> None:
    """Nothing is added to such a database, even if the organization was deleted."""
    async with database.transaction() as session:
        organization = await create_organization(session, name="Acme", now=THEN)
        await delete_organization(session, organization_id=organization.id, now=THEN)

    with pytest.raises(Failure, match="is not the demo's"):
        await prepare_demo()

    async with database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM people"))).scalar_one() == 0


async def test_a_deleted_demo_is_not_raised_from_the_dead(prepare_demo: Prepare, database: Database) -> None:
    """The message says how to start the demo over."""
    await prepare_demo()
    async with database.transaction() as session:
        await delete_organization(session, organization_id=ORGANIZATION_ID, now=THEN)

    with pytest.raises(Failure, match="start the demo over"):
        await prepare_demo()


async def test_a_lost_server_key_is_told(prepare_demo: Prepare, database: Database) -> None:
    """The demo does not start without the server key that its living keys were made with."""
    await prepare_demo()

    with pytest.raises(Failure, match="7 API keys"):
        await prepare_demo(ServerKeys((b"another-server-key-of-32-bytes-or-more",)))


def test_the_server_key_is_kept_beside_the_embedded_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Only its owner can read the file; later starts and other commands use it. Each start prints a new secret."""
    for name in [name for name in os.environ if name.startswith("KEYDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    served: list[Settings] = []

    def serve(settings: Settings, **options: Any) -> None:
        served.append(settings)
        assert options["host"] == "127.0.0.1"
        options["announce"]("http://127.0.0.1:8000")

    monkeypatch.setattr(app.cli.demonstration, "run_server", serve)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        return capsys.readouterr().out

    first, second = json.loads(run("demo", "--json")), run("demo")
    created = json.loads(run("key", "create", "mine", "--organization", "Northwind Logistics", "--json"))

    assert {path.name for path in tmp_path.iterdir()} == {"keydesk.db", "keydesk.revocations", SECRET_FILE}
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600
    assert [each["email"] for each in first["signIns"]] == [each.email for each in PEOPLE]
    assert all(each.password in second for each in PEOPLE)
    assert "curl -i -H 'Authorization: Bearer kd_" in second
    assert first["key"]["secret"] not in second
    assert created["secret"].startswith("kd_")
    assert len({settings.server_keys.ids for settings in served if settings.server_keys}) == 1


def test_the_demo_is_served_and_its_key_and_sign_ins_work(tmp_path: Path) -> None:
    """The printed address answers, the printed key is good, and all printed sign-ins work."""
    document = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"
    with subprocess.Popen(
        [COMMAND, "demo", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        text=True,
    ) as started:
        try:
            assert started.stdout is not None
            told = json.loads(started.stdout.readline())
            with httpx.Client(base_url=told["address"], timeout=30) as client:
                verified = client.get("/v1/verify", headers={"Authorization": f"Bearer {told['key']['secret']}"})
                answers = []
                for each in told["signIns"]:
                    credentials = {"email": each["email"], "password": each["password"]}
                    request = {"query": document, "variables": {"input": credentials}}
                    answers.append(client.post("/graphql", json=request).json())
            started.send_signal(signal.SIGINT)
            rest = started.stdout.read()
        finally:
            started.kill()

    assert (verified.status_code, verified.json()["keyId"]) == (200, told["key"]["id"])
    assert answers == [{"data": {"signIn": {"__typename": "Viewer"}}}] * len(PEOPLE)
    assert rest == ""
