"""The command line: what each command does, what it prints where, and its exit status."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import typer
from sqlalchemy import select, text
from sqlmodel import col

import app.cli.serving
from app.cli import cli
from keys.token import ServerKeys, mint
from models import SignInSession
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.person import Person, person_by_email
from tests.conftest import SERVER_KEYS
from tests.support.command_line import SECRET_KEY, InDatabase, Keydesk, events_of
from tests.support.world import THEN, World

COMMAND = Path(sys.executable).with_name("keydesk")
OTHER_SECRET_KEY = "another-server-key-of-32-bytes-or-more"


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, with its group."""
    for name, command in typer.main.get_command(cli).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        yield from [(name,)] if below is None else [(name, each) for each in below]


def agent_id(world: World, name: str) -> str:
    return external_id(Prefix.AGENT, getattr(world, name).id)


@pytest.mark.slow
def test_the_installed_command_goes_from_nothing_to_a_verified_key(tmp_path: Path) -> None:
    """The installed command migrates, creates and verifies, each time with one JSON value on standard output."""
    environment = {
        "PATH": os.environ["PATH"],
        "KEYDESK_DATABASE_URL": f"sqlite:///{tmp_path}/keydesk.db",
        "KEYDESK_SECRET_KEY": SECRET_KEY,
        "PYTHONIOENCODING": "ascii",
    }

    def run(*arguments: str, stdin: str = "") -> Any:
        ended = subprocess.run(
            [COMMAND, *arguments, "--json"],
            input=stdin,
            capture_output=True,
            env=environment,
            cwd=tmp_path,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return json.loads(ended.stdout)

    migrated = run("migrate")
    organization = run("organization", "create", "Grüße")
    issued = run("key", "create", "deploy", "--organization", "Grüße")
    verdict = run("verify", stdin=issued["secret"] + "\n")

    assert migrated["from"] is None
    assert organization["name"] == "Grüße"
    assert (verdict["good"], verdict["keyId"]) == (True, issued["id"])


@pytest.mark.slow
def test_an_unreachable_database_is_one_sentence(tmp_path: Path) -> None:
    """The command exits with 1 and one line, without a traceback and without the password."""
    address = "postgresql://keydesk:hunter2hunter2@127.0.0.1:9/keydesk"

    ended = subprocess.run(
        [COMMAND, "organization", "list", "--json"],
        capture_output=True,
        env={"PATH": os.environ["PATH"], "KEYDESK_DATABASE_URL": address},
        cwd=tmp_path,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "127.0.0.1:9/keydesk can't be used" in ended.stderr
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_has_help_and_json(keydesk: Keydesk, command: tuple[str, ...]) -> None:
    """Every command has --help and the option --json."""
    shown = keydesk(*command, "--help")

    assert shown.status == 0
    assert "--json" in shown.out


@pytest.mark.parametrize(
    "arguments",
    [
        "organization create Acme --key-limit 0",
        "organization create Acme --rate-limit 2147483648",
        "organization create Acme --monthly-quota many",
        f"organization create {'x' * 65}",
        "organization update Acme",
        "organization shrink Acme",
        "agent create Crawler",
        "user create ada --name Ada --organization Acme --role member",
        "user create ada@example.com --name Ada --organization Acme --role boss",
        "user create ada@example.com --name Ada --organization Acme --role member --agent Crawler",
        "user update ada@example.com --organization Acme",
        "user update ada@example.com --organization Acme --role organization-admin --agent Crawler",
        "key rotate key_x --overlap 86401",
        "key rotate key_x --overlap -1",
        "migrate --to elsewhere",
        "serve --port 65536",
        "serve --workers 0",
        "demo --port x",
    ],
)
def test_wrong_usage_exits_with_2(keydesk: Keydesk, arguments: str) -> None:
    """Usage errors are reported on standard error with exit status 2."""
    ended = keydesk(*arguments.split(" "), "--json")

    assert (ended.status, ended.out) == (2, "")
    assert "Error" in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("organization update Nowhere --key-limit 3", "keydesk organization list"),
        ("organization delete org_0199b3c07a007de08de0000000000000", "keydesk organization list"),
        ("agent rename Nobody Somebody", "keydesk agent list"),
        ("agent create CRAWLER --organization Acme", "There is an agent with this name already"),
        ("agent rename Biller crawler", "There is an agent with this name already"),
        ("agent delete agt_0199b3c07a007de08de0000000000000", "keydesk agent list"),
        ("user create ada@example.com --name Ada --organization Acme --role member", "keydesk user update"),
        ("user create new@example.com --name N --organization Acme --role agent-admin --agent Theirs", "no agent"),
        ("user update mel@example.com --organization Acme --agent Crawler", "--role agent-admin"),
        ("user update eve@example.com --organization Acme --role member", "not in this organization"),
        ("user remove eve@example.com --organization Acme", "not in this organization"),
        ("user password nobody@example.com", "nobody@example.com"),
        ("key create deploy --organization Acme --agent Theirs", "no agent"),
        ("key create deploy --organization Acme --agent Retired", "no agent"),
        ("key delete key_0199b3c07a007de08de0000000000000", "API key does not exist"),
        ("key rotate Acme", "keydesk key list"),
        ("verify --agent Nobody", "no agent"),
    ],
)
def test_a_refusal_is_one_sentence_that_says_how_to_go_on(
    keydesk: Keydesk, acme: World, arguments: str, words: str
) -> None:
    """A refusal has exit status 1, nothing on standard output, and one line on standard error."""
    ended = keydesk(*arguments.split(" "), "--json")

    assert (ended.status, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert words in ended.err


def test_organizations_from_creation_to_deletion(keydesk: Keydesk, in_database: InDatabase) -> None:
    """Limits are set, changed and audited. Deleting an organization deletes its agents and keys."""
    made = keydesk("organization", "create", "  Acme ", "--key-limit", "2", "--json").value
    keydesk("agent", "create", "Crawler", "--organization", made["id"])
    keydesk("key", "create", "deploy", "--organization", "Acme", "--agent", "Crawler")

    changed = keydesk("organization", "update", "Acme", "--name", "Acme Ltd", "--key-limit", "3", "--json").value
    unchanged = keydesk("organization", "update", made["id"], "--key-limit", "3", "--json").value
    listed = keydesk("organization", "list", "--json").value
    deleted = keydesk("organization", "delete", "Acme Ltd", "--json").value

    assert (made["name"], made["keyLimit"], made["rateLimit"], made["monthlyQuota"]) == ("Acme", 2, 600, 100000)
    assert (changed["name"], changed["keyLimit"], changed["keysInUse"]) == ("Acme Ltd", 3, 1)
    assert listed == [unchanged] == [changed]
    assert events_of(in_database, "organization-limits-changed") == [
        "The organization's limits were changed: the key limit from 2 to 3."
    ]
    assert (len(deleted["deletedAgents"]), len(deleted["deletedKeys"])) == (1, 1)
    assert keydesk("organization", "list", "--json").value == []


def test_a_name_that_several_have_is_refused_with_their_ids(keydesk: Keydesk, acme: World) -> None:
    """An ambiguous name is refused with the ids to choose from. An id always works."""
    second = keydesk("organization", "create", "Acme", "--json").value

    refused = keydesk("agent", "list", "--organization", "Acme")
    by_id = keydesk("agent", "list", "--organization", second["id"], "--json")

    assert refused.status == 1
    assert external_id(Prefix.ORGANIZATION, acme.acme.id) in refused.err
    assert second["id"] in refused.err
    assert by_id.value == []


def test_agents_are_listed_renamed_and_deleted_with_their_keys(keydesk: Keydesk, acme: World) -> None:
    """Keys of a deleted agent are refused as deleted."""
    issued = keydesk("key", "create", "deploy", "--organization", "Acme", "--agent", "Crawler", "--json").value

    renamed = keydesk("agent", "rename", "Crawler", "Spider", "--json").value
    listed = keydesk("agent", "list", "--organization", "Acme", "--json").value
    deleted = keydesk("agent", "delete", "Spider", "--json").value
    verdict = keydesk("verify", "--json", stdin=issued["secret"].encode())

    assert renamed["id"] == agent_id(acme, "own")
    assert [each["name"] for each in listed] == ["Biller", "Spider"]
    assert deleted["deletedKeys"] == [issued["id"]]
    assert (verdict.status, verdict.value["code"]) == (1, "deleted_key")


def test_a_new_person_gets_a_one_time_password(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """The password is printed once, lasts 7 days and must be changed. The address is stored in lower case."""
    added = keydesk(
        *("user", "create", "Zoe@Example.COM", "--name", "Zoe", "--organization", "Acme"),
        *("--role", "agent-admin", "--agent", "Crawler", "--agent", "Biller", "--json"),
    ).value

    zoe = in_database(lambda database: person_named(database, "zoe@example.com"))
    assert (added["email"], added["isNew"]) == ("zoe@example.com", True)
    assert [each["name"] for each in added["agents"]] == ["Biller", "Crawler"]
    assert (zoe.password_is_one_time, (zoe.password_expires_at - zoe.created_at).days) == (True, 7)
    assert zoe.password_hash not in (None, added["oneTimePassword"])
    assert len(added["oneTimePassword"]) >= 12


def test_a_password_is_read_from_standard_input(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """One line is read as a password that is not one-time, and is not printed. A too short one adds nobody."""
    arguments = ("user", "create", "zoe@example.com", "--name", "Zoe", "--organization", "Acme", "--role", "member")

    refused = keydesk(*arguments, "--password-stdin", stdin=b"short\nnot read\n")
    added = keydesk(*arguments, "--password-stdin", stdin=b"correct horse battery\n")

    zoe = in_database(lambda database: person_named(database, "zoe@example.com"))
    assert refused.status == 1
    assert "at least 12 characters" in refused.err
    assert added.status == 0
    assert "correct horse" not in added.out + added.err
    assert (zoe.password_is_one_time, zoe.password_expires_at) == (False, None)


def test_a_known_person_keeps_name_and_password(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """For an existing person, only a membership is added."""
    before = in_database(lambda database: person_named(database, "ada@example.com"))

    added = keydesk(
        *("user", "create", "ada@example.com", "--name", "Somebody", "--organization", "Globex"),
        *("--role", "member", "--json"),
    )

    after = in_database(lambda database: person_named(database, "ada@example.com"))
    assert (added.value["isNew"], added.value["name"]) == (False, "Ada")
    assert "oneTimePassword" not in added.value
    assert "already exists" in added.err
    assert after == before


def test_memberships_change_and_end(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """Roles and agents are changed, people removed, and each change is audited with the person's name."""
    on_acme = ("--organization", "Acme", "--json")

    promoted = keydesk("user", "update", "mel@example.com", "--role", "agent-admin", "--agent", "Biller", *on_acme)
    demoted = keydesk("user", "update", "grace@example.com", "--role", "member", *on_acme)
    removed = keydesk("user", "remove", "ada@example.com", *on_acme)
    listed = keydesk("user", "list", *on_acme)

    assert [each["name"] for each in promoted.value["agents"]] == ["Biller"]
    assert (demoted.value["role"], demoted.value["agents"]) == ("member", [])
    assert removed.value["email"] == "ada@example.com"
    assert [(each["name"], each["role"]) for each in listed.value] == [("Grace", "member"), ("Mel", "agent-admin")]
    assert events_of(in_database, "membership-changed") == [
        "Mel (mel@example.com) is now agent admin of “Biller” and was member before.",
        "Grace (grace@example.com) is now member and was agent admin of “Crawler” before.",
        "Ada (ada@example.com) was removed.",
    ]


def test_a_new_password_ends_the_sessions(keydesk: Keydesk, acme: World, in_database: InDatabase) -> None:
    """The person's sessions end; other people's stay."""

    async def sign_in(database: Database) -> None:
        async with database.transaction() as session:
            session.add_all(
                SignInSession(token_digest=f"{each.id.hex:0>64}", person_id=each.id, created_at=THEN, last_seen_at=THEN)
                for each in (acme.ada, acme.mel)
            )

    in_database(sign_in)

    changed = keydesk("user", "password", "ada@example.com", "--json").value

    assert in_database(signed_in_people) == [acme.mel.id]
    assert changed["id"] == external_id(Prefix.PERSON, acme.ada.id)
    assert "oneTimePassword" in changed


def test_a_key_from_creation_to_deletion(keydesk: Keydesk, acme: World) -> None:
    """Each secret is shown once, and verifies until it is replaced or deleted."""
    on_acme = ("--organization", "Acme", "--json")
    created = keydesk("key", "create", "deploy", *on_acme).value
    key_id, first = created["id"], created["secret"].encode()

    rotated = keydesk("key", "rotate", key_id, "--json").value
    renamed = keydesk("key", "rename", key_id, "Deploy", "--json").value
    verdicts = [keydesk("verify", "--json", stdin=each).value for each in (first, rotated["secret"].encode() + b"\r\n")]
    deleted = keydesk("key", "delete", key_id, "--json").value
    living, all_of_them = keydesk("key", "list", *on_acme).value, keydesk("key", "list", "--deleted", *on_acme).value

    assert [each["code"] for each in verdicts] == ["replaced_secret", None]
    assert (renamed["name"], renamed["scope"], renamed["agent"]) == ("Deploy", "organization", None)
    assert deleted["keyAllowance"] == {"used": 0, "limit": 10, "remaining": 10}
    assert living == []
    assert [(each["id"], each["status"], each["deletedBy"]) for each in all_of_them] == [(key_id, "deleted", None)]


def test_an_overlap_keeps_the_secret_before(keydesk: Keydesk, acme: World) -> None:
    """During the overlap both secrets verify, and its end is shown."""
    created = keydesk("key", "create", "deploy", "--organization", "Acme", "--json").value

    rotated = keydesk("key", "rotate", created["id"], "--overlap", "3600", "--json")

    assert rotated.value["previousSecretWorksUntil"].endswith("Z")
    assert "works until" in rotated.err
    assert keydesk("verify", stdin=created["secret"].encode()).status == 0


def test_the_limit_names_a_key_that_could_go(keydesk: Keydesk, acme: World) -> None:
    """With every slot taken a key is refused, and the oldest key is named."""
    keydesk("organization", "update", "Acme", "--key-limit", "1")
    first = keydesk("key", "create", "first", "--organization", "Acme", "--json").value

    refused = keydesk("key", "create", "second", "--organization", "Acme")

    assert refused.status == 1
    assert first["id"] in refused.err


def test_a_key_is_deleted_without_any_server_key(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key can be deleted without a server key, as in an emergency. Creating one needs the server key."""
    created = keydesk("key", "create", "deploy", "--organization", "Acme", "--json").value
    monkeypatch.delenv("KEYDESK_SECRET_KEY")

    refused = keydesk("key", "create", "deploy", "--organization", "Acme")
    deleted = keydesk("key", "delete", created["id"], "--json")

    assert refused.status == 1
    assert "KEYDESK_SECRET_KEY" in refused.err
    assert deleted.value["status"] == "deleted"


@pytest.mark.parametrize(
    ("presented", "agent", "code", "reason"),
    [
        ("the key", None, None, "good"),
        ("the key", "Crawler", None, "good"),
        ("the key", "Biller", "agent_not_in_scope", "another agent"),
        ("the key", "agt_0199b3c07a007de08de0000000000000", "agent_not_in_scope", "another agent"),
        ("nothing", None, "missing_key", "no key"),
        ("'quoted'", None, "malformed_key", "malformed"),
        ("one never stored", None, "invalid_key", "no key has this public id"),
        ("another installation's", None, "invalid_key", "tag"),
    ],
)
def test_verify_tells_the_operator_why(
    keydesk: Keydesk, acme: World, presented: str, agent: str | None, code: str | None, reason: str
) -> None:
    """The verdict has a reason that callers do not get. The exit status says whether the key is good."""
    created = keydesk("key", "create", "deploy", "--organization", "Acme", "--agent", "Crawler", "--json").value
    keys = {
        "the key": created["secret"],
        "nothing": "",
        "one never stored": mint(SERVER_KEYS, "kd").token.reveal(),
        "another installation's": mint(ServerKeys((OTHER_SECRET_KEY.encode(),)), "kd").token.reveal(),
    }

    verdict = keydesk(
        *("verify", "--json", *(("--agent", agent) if agent else ())), stdin=keys.get(presented, presented).encode()
    )

    assert verdict.value["code"] == code
    assert reason in verdict.value["reason"]
    assert verdict.status == (1 if code else 0)
    assert (verdict.err == "") is (code is None)


def test_migrate_says_what_it_did(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Migrating reports the revisions, does nothing the second time, and can go back."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", f"sqlite:///{tmp_path}/new.db")

    first = keydesk("migrate")
    second = keydesk("migrate")
    down = keydesk("migrate", "--to", "base", "--json").value

    assert "from nothing to" in first.out
    assert "Nothing was changed" in second.out
    assert (down["from"] is None, down["to"]) == (False, None)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM alembic_version", "keydesk migrate"),
        ("UPDATE alembic_version SET version_num = 'later'", "newer than this Keydesk"),
    ],
)
def test_another_schema_is_refused(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, statement: str, words: str
) -> None:
    """Commands, and the server, refuse a missing and a newer schema."""
    address = f"sqlite+aiosqlite:///{tmp_path}/old.db"
    monkeypatch.setenv("KEYDESK_DATABASE_URL", address)
    keydesk("migrate")

    async def alter() -> None:
        database = Database(address)
        async with database.transaction() as session:
            await session.execute(text(statement))
        await database.close()

    asyncio.run(alter())

    for command in (("organization", "list"), ("serve",)):
        refused = keydesk(*command)
        assert (refused.status, refused.out) == (1, "")
        assert words in refused.err


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "keydesk migrate"), (b"this is a letter, not a database, and a long one" * 99, "not a database")],
)
def test_a_file_that_is_no_database_is_refused(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, words: str
) -> None:
    """A reading command creates no file, and leaves a file that is not a database unchanged."""
    path = tmp_path / "keydesk.db"
    monkeypatch.delenv("KEYDESK_DATABASE_URL")
    if content is not None:
        path.write_bytes(content)

    refused = keydesk("organization", "list")

    assert refused.status == 1
    assert words in refused.err
    assert (path.read_bytes() if path.exists() else None) == content


@pytest.mark.parametrize(
    ("environment", "arguments", "words"),
    [
        ({"KEYDESK_SECRET_KEY": ""}, (), "openssl rand"),
        ({"KEYDESK_SECRET_KEY": "too short"}, (), "at least 32 bytes"),
        ({}, ("--workers", "2"), "KEYDESK_REDIS_URL"),
        ({}, ("--host", "0.0.0.0"), "KEYDESK_PUBLIC_URL"),
        ({}, ("--host", "keys.example"), "KEYDESK_PUBLIC_URL"),
    ],
)
def test_serve_refuses_to_start(
    keydesk: Keydesk,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    """Missing secrets, several workers without Redis, and a public host without a public URL are refused."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    refused = keydesk("serve", *arguments, "--json")

    assert (refused.status, refused.out) == (1, "")
    assert words in refused.err


def test_a_server_key_that_living_keys_need_is_not_lost_silently(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`serve` refuses and says how many keys would be lost. With --drop-keys they are deleted, with audit events."""
    served: list[dict[str, Any]] = []
    monkeypatch.setattr(app.cli.serving, "run_server", lambda _, **options: served.append(options))
    keydesk("key", "create", "old", "--organization", "Acme")
    keydesk("key", "create", "old too", "--organization", "Globex")
    monkeypatch.setenv("KEYDESK_SECRET_KEY", f"{OTHER_SECRET_KEY},{SECRET_KEY}")
    keydesk("key", "create", "new", "--organization", "Acme")
    monkeypatch.setenv("KEYDESK_SECRET_KEY", OTHER_SECRET_KEY)

    refused = keydesk("serve")
    found = keydesk("doctor", "--json").value
    assert served == []
    main_run = keydesk("serve", "--drop-keys")

    assert refused.status == 1
    assert "2 API keys" in refused.err
    assert [each["ok"] for each in found if each["check"] == "server keys"] == [False]
    assert (main_run.status, len(served)) == (0, 1)
    assert [each["name"] for each in keydesk("key", "list", "--organization", "Acme", "--json").value] == ["new"]
    assert events_of(in_database, "api-key-deleted") == [
        "The API key “old” was deleted because its server key was removed.",
        "The API key “old too” was deleted because its server key was removed.",
    ]


def test_a_replaced_server_key_that_is_still_there_is_no_obstacle(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first server key signs and all verify, so a replaced key behind it keeps its keys working."""
    served: list[dict[str, Any]] = []
    monkeypatch.setattr(app.cli.serving, "run_server", lambda _, **options: served.append(options))
    keydesk("key", "create", "old", "--organization", "Acme")
    monkeypatch.setenv("KEYDESK_SECRET_KEY", f"{OTHER_SECRET_KEY},{SECRET_KEY}")

    started = keydesk("serve", "--port", "0")

    assert (started.status, [options["port"] for options in served]) == (0, [0])


def test_doctor_finds_a_sound_installation_sound(keydesk: Keydesk) -> None:
    """Every check has a line and is ok."""
    found = keydesk("doctor", "--json")

    assert found.status == 0
    assert {each["check"] for each in found.value} == {
        *(
            "settings",
            "database",
            "schema",
            "clock",
            "server keys",
            "revocations",
            "redis",
            "proxies",
            "mail",
            "console",
        )
    }
    assert all(each["ok"] for each in found.value)


@pytest.mark.parametrize(
    ("name", "value", "failed"),
    [
        ("KEYDESK_SECRET_KEY", "", {"server keys"}),
        ("KEYDESK_REDIS_URL", "redis://:hunter2hunter2@127.0.0.1:9/0", {"redis"}),
        (
            "KEYDESK_DATABASE_URL",
            "postgresql://keydesk:hunter2hunter2@127.0.0.1:9/keydesk",
            {"database", "schema", "clock", "server keys", "revocations"},
        ),
        (
            "KEYDESK_SECRET_KEY",
            "hunter2hunter2",
            {"settings", "database", "schema", "clock", "server keys", "revocations", "redis", "proxies", "mail"},
        ),
    ],
)
def test_doctor_names_what_is_not_in_order(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, name: str, value: str, failed: set[str]
) -> None:
    """A failed check gives exit status 1. Secrets are never printed."""
    monkeypatch.setenv(name, value)

    found = keydesk("doctor", "--json")

    assert found.status == 1
    assert {each["check"] for each in found.value if not each["ok"]} == failed
    assert "hunter2" not in found.out + found.err


def test_doctor_warns_of_a_clock_that_is_wrong(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than two seconds between this process and the database is a warning, not a failure."""
    monkeypatch.setattr(app.cli.serving, "utc_now", lambda: THEN)

    found = keydesk("doctor", "--json")

    assert found.status == 0
    assert [each["detail"].startswith("warning") for each in found.value if each["check"] == "clock"] == [True]


def test_a_fault_is_told_without_a_traceback(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug gives one sentence with its place in the code, without the exception's message."""

    async def broken(_: object) -> None:
        raise KeyError("hunter2hunter2")

    monkeypatch.setattr("app.cli.organizations.live_organizations", broken)

    ended = keydesk("organization", "list")

    assert (ended.status, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert "app/cli/organizations.py, line" in ended.err
    assert "hunter2" not in ended.err


async def person_named(database: Database, email: str) -> Person:
    async with database.reading() as session:
        person = await person_by_email(session, email)
        assert person is not None
        return person


async def signed_in_people(database: Database) -> list[UUID]:
    async with database.reading() as session:
        return list((await session.execute(select(col(SignInSession.person_id)))).scalars())
