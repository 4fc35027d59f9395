"""The commands `keydesk backup`, `restore` and `revocations`, from a backup to dead keys that are dead again."""

import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from models import ProgramToken, Role
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.revocations.journal import Journal
from models.tokens.program_token import add_token
from tests.support.command_line import InDatabase, Keydesk, Run, events_of, finding
from tests.support.world import World

Key = dict[str, Any]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keydesk: Keydesk) -> Journal:
    """The journal that the settings name, for PostgreSQL too."""
    path = tmp_path / "journal" / "revocations"
    path.parent.mkdir()
    monkeypatch.setenv("KEYDESK_REVOCATION_JOURNAL", str(path))
    return Journal(path)


@pytest.fixture
def revived(keydesk: Keydesk, acme: World, journal: Journal) -> tuple[Key, Key, Key]:
    """A restored database, with a key that was deleted since, one that was rotated and one that was left alone."""
    deleted, rotated, other = (
        keydesk("key", "create", name, "--organization", "Acme", "--json").value for name in ("one", "two", "three")
    )
    assert keydesk("backup", "backup").status == 0
    keydesk("key", "delete", deleted["id"])
    keydesk("key", "rotate", rotated["id"])
    restored = keydesk("restore", "backup", "--yes")
    assert (restored.status, restored.err) == (0, "")
    return deleted, rotated, other


def verdict(keydesk: Keydesk, key: Key) -> str:
    said = keydesk("verify", "--json", stdin=key["secret"].encode()).value
    return str(said["code"] or "good")


def started(keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[Run, int]:
    """Runs `serve` up to where it would listen. Returns how often it came that far."""
    served: list[object] = []
    monkeypatch.setattr("app.cli.serving.run_server", lambda *_, **options: served.append(options))
    run = keydesk("serve", "--port", "0", *options)
    return run, len(served)


def test_a_restored_database_is_served_once_revocations_are_applied(
    keydesk: Keydesk, revived: tuple[Key, Key, Key], monkeypatch: pytest.MonkeyPatch, in_database: InDatabase
) -> None:
    """Before that the keys are alive and the server refuses to start. After it they are dead, and no others."""
    assert [verdict(keydesk, each) for each in revived] == ["good"] * 3
    refused, count = started(keydesk, monkeypatch)
    assert (refused.status, count) == (1, 0)
    assert "restored from a backup" in refused.err
    assert "1 key that was deleted, and 1 secret that was replaced" in refused.err
    assert "keydesk revocations apply" in refused.err
    assert not finding(keydesk("doctor", "--json"), "revocations")[0]
    status = keydesk("revocations", "status", "--json").value
    assert status["forgotten"] == {"keys": 1, "secrets": 1, "tokens": 0}
    assert status["restoredAt"] is not None

    applied = keydesk("revocations", "apply", "--json").value

    assert (applied["deletedAgain"], applied["endedAgain"]) == (1, 1)
    assert [verdict(keydesk, each) for each in revived] == ["deleted_key", "replaced_secret", "good"]
    assert started(keydesk, monkeypatch)[1] == 1
    assert finding(keydesk("doctor", "--json"), "revocations")[0]
    assert any("again" in each for each in events_of(in_database, "api-key-deleted"))
    again = keydesk("revocations", "apply", "--json").value
    assert (again["deletedAgain"], again["endedAgain"]) == (0, 0)


@pytest.fixture
def revived_tokens(keydesk: Keydesk, acme: World, journal: Journal, in_database: InDatabase) -> list[str]:
    """A restored database with an operator token and a service token that were revoked since; their ids."""
    host = keydesk("token", "create", "host", "--can", "provision", "--json").value["id"]

    async def store(database: Database) -> str:
        async with database.transaction() as session:
            row = service_token(acme, digest="0" * 64)
            await add_token(session, row)
            return external_id(Prefix.TOKEN, row.id)

    bot = in_database(store)
    assert keydesk("backup", "backup").status == 0
    for token_id in (host, bot):
        assert keydesk("token", "revoke", token_id).status == 0
    assert keydesk("restore", "backup", "--yes").status == 0
    return [host, bot]


def service_token(acme: World, *, digest: str) -> ProgramToken:
    return ProgramToken(
        kind="service",
        organization_id=acme.acme.id,
        name="deploy-bot",
        role=Role.ORGANIZATION_ADMIN,
        prefix="kds",
        public_id=digest[:16],
        last_four="4444",
        digest=digest,
        server_key_id="0" * 16,
        created_at=acme.acme.created_at,
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )


def revoked_tokens(in_database: InDatabase) -> list[str]:
    async def read(database: Database) -> list[str]:
        async with database.reading() as session:
            rows = await session.execute(select(ProgramToken).where(col(ProgramToken.revoked_at).is_not(None)))
            return sorted(external_id(Prefix.TOKEN, row.id) for row in rows.scalars())

    found: list[str] = in_database(read)
    return found


def test_tokens_that_were_revoked_are_revoked_again(
    keydesk: Keydesk, revived_tokens: list[str], monkeypatch: pytest.MonkeyPatch, in_database: InDatabase
) -> None:
    """Of both kinds. A service token's revocation is in the audit log of its organization."""
    assert revoked_tokens(in_database) == []
    refused, count = started(keydesk, monkeypatch)
    assert (refused.status, count) == (1, 0)
    assert "2 tokens that were revoked" in refused.err
    assert keydesk("revocations", "status", "--json").value["forgotten"] == {"keys": 0, "secrets": 0, "tokens": 2}

    applied = keydesk("revocations", "apply", "--json").value

    assert (applied["deletedAgain"], applied["endedAgain"], applied["revokedAgain"]) == (0, 0, 2)
    assert revoked_tokens(in_database) == sorted(revived_tokens)
    assert events_of(in_database, "service-token-revoked") == [
        "The service token “deploy-bot” was revoked again: the database had forgotten that."
    ]
    assert started(keydesk, monkeypatch)[1] == 1
    assert keydesk("revocations", "apply", "--json").value["revokedAgain"] == 0


def test_revived_tokens_are_accepted_with_the_keys(
    keydesk: Keydesk, revived_tokens: list[str], monkeypatch: pytest.MonkeyPatch, in_database: InDatabase
) -> None:
    """They work again, also after the next start, until somebody revokes them anew."""
    accepted, count = started(keydesk, monkeypatch, "--accept-revived")

    assert (accepted.status, count) == (0, 1)
    assert "Accepted as alive: 2 tokens" in accepted.err
    assert started(keydesk, monkeypatch)[1] == 1
    assert revoked_tokens(in_database) == []
    keydesk("token", "revoke", revived_tokens[0])
    assert revoked_tokens(in_database) == [revived_tokens[0]]


def test_the_journal_gets_the_tokens_that_it_did_not_hold(
    keydesk: Keydesk, acme: World, journal: Journal, monkeypatch: pytest.MonkeyPatch, in_database: InDatabase
) -> None:
    """Such as those that were revoked while it was elsewhere."""
    keydesk("token", "create", "host", "--can", "provision")
    keydesk("token", "revoke", "host")
    before = journal.read().revocations
    for file in journal.path.parent.iterdir():
        file.unlink()

    assert started(keydesk, monkeypatch)[1] == 1

    assert [each.public_id for each in journal.read().revocations] == [each.public_id for each in before]


def test_revived_keys_are_served_if_the_operator_accepts_them(
    keydesk: Keydesk, revived: tuple[Key, Key, Key], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: the next start needs no option, and `apply` leaves these keys alone."""
    accepted, count = started(keydesk, monkeypatch, "--accept-revived")
    assert (accepted.status, count) == (0, 1)
    assert "Accepted as alive: 1 key" in accepted.err

    assert started(keydesk, monkeypatch)[1] == 1
    assert keydesk("revocations", "apply", "--json").value["deletedAgain"] == 0
    assert [verdict(keydesk, each) for each in revived] == ["good"] * 3


@pytest.mark.parametrize("is_old", [False, True])
def test_a_database_that_was_put_back_by_hand_is_noticed(
    keydesk: Keydesk,
    revived: tuple[Key, Key, Key],
    in_database: InDatabase,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_old: bool,
) -> None:
    """
    Without the mark of `keydesk restore`, the journal alone shows it. What a crash or failover can have lost, the last
    hour, is revoked again before the server listens; the operator decides about what is older.
    """
    monkeypatch.setattr("app.revocations.start.UNDER_WAY", timedelta())

    async def unmark(database: Database) -> None:
        async with database.transaction() as session:
            await session.execute(text("DELETE FROM restores"))

    in_database(unmark)
    if is_old:
        monkeypatch.setattr("app.revocations.start.RECENT", timedelta())

    run, count = started(keydesk, monkeypatch)

    numbers = "1 key that was deleted, and 1 secret that was replaced"
    if is_old:
        assert (run.status, count) == (1, 0)
        assert f"The database has forgotten revocations: {numbers}" in run.err
    else:
        assert (run.status, count) == (0, 1)
        assert f"They were done again: {numbers}" in run.err
        assert [verdict(keydesk, each) for each in revived] == ["deleted_key", "replaced_secret", "good"]


def test_a_damaged_journal_is_applied_only_in_part_and_if_asked(
    keydesk: Keydesk, revived: tuple[Key, Key, Key], journal: Journal
) -> None:
    """Both commands say where it is damaged. The line that is cut revives its secret."""
    journal.path.write_bytes(journal.path.read_bytes()[:-30])

    status = keydesk("revocations", "status", "--json")
    refused = keydesk("revocations", "apply")
    assert (status.status, [each["line"] for each in status.value["damaged"]]) == (1, [2])
    assert (refused.status, refused.out) == (1, "")
    assert "damaged in 1 place at line 2" in refused.err
    assert "--partial" in refused.err
    assert verdict(keydesk, revived[0]) == "good"

    partial = keydesk("revocations", "apply", "--partial", "--json")

    assert (partial.status, partial.value["deletedAgain"], partial.value["endedAgain"]) == (0, 1, 0)
    assert "damaged" in partial.err
    assert [verdict(keydesk, each) for each in revived] == ["deleted_key", "good", "good"]


def test_apply_needs_the_journal_that_was_used(
    keydesk: Keydesk, revived: tuple[Key, Key, Key], monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    """A wrong path leaves the mark of the restore alone. --journal names another journal than the settings do."""
    monkeypatch.setenv("KEYDESK_REVOCATION_JOURNAL", str(journal.path.with_name("elsewhere")))

    status = keydesk("revocations", "status").out
    assert "There is no revocation journal at" in status
    assert "not served until `keydesk revocations apply`" in status
    assert "forgotten nothing" not in status + started(keydesk, monkeypatch)[0].err
    for refused in (keydesk("revocations", "apply"), keydesk("revocations", "apply", "--journal", "nowhere")):
        assert refused.status == 1
        assert "There is no revocation journal at" in refused.err
    assert started(keydesk, monkeypatch)[1] == 0

    applied = keydesk("revocations", "apply", "--journal", str(journal.path), "--json").value
    assert applied["deletedAgain"] == 1
    assert verdict(keydesk, revived[0]) == "deleted_key"


def test_a_backup_is_private_and_replaces_nothing_unasked(
    keydesk: Keydesk, acme: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the mode 0600. An existing one stays without --yes, and nothing else is left in the folder."""
    first = keydesk("backup", "backup", "--json").value
    assert first["bytes"] == (tmp_path / "backup").stat().st_size
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o600

    before = (tmp_path / "backup").read_bytes()
    refused = keydesk("backup", "backup")
    assert (refused.status, "exists already" in refused.err) == (1, True)
    assert (tmp_path / "backup").read_bytes() == before
    assert keydesk("backup", "backup", "--yes").status == 0
    missing = keydesk("backup", "no/backup")
    assert (missing.status, "No such file or directory" in missing.err) == (1, True)
    assert [each.name for each in tmp_path.iterdir() if "backup" in each.name] == ["backup"]


@pytest.mark.parametrize("content", [None, b"", b"not a database", b"SQLite format 3\0" + bytes(4000), b"PGDMP\x01"])
def test_what_is_no_backup_replaces_nothing(
    keydesk: Keydesk, acme: World, tmp_path: Path, content: bytes | None
) -> None:
    """The file is checked before anything is destroyed."""
    if content is not None:
        (tmp_path / "backup").write_bytes(content)

    refused = keydesk("restore", "backup", "--yes")

    assert refused.status == 1
    assert "Nothing was changed" in refused.err
    assert keydesk("organization", "list", "--json").value != []


def test_a_restore_asks_and_is_refused_while_somebody_uses_the_database(
    keydesk: Keydesk, acme: World, in_database: InDatabase
) -> None:
    """Without a terminal, the answer is --yes. Everybody is signed out."""
    assert keydesk("backup", "backup").status == 0
    keydesk("agent", "create", "since", "--organization", "Acme")
    asked = keydesk("restore", "backup")
    assert (asked.status, "add --yes" in asked.err) == (1, True)

    async def restore_beside(database: Database) -> Run:
        async with database.reading() as session:
            await session.execute(text("SELECT count(*) FROM organizations"))
            return await asyncio.to_thread(keydesk, "restore", "backup", "--yes")

    refused = in_database(restore_beside)
    assert refused.status == 1
    assert "nothing was changed" in refused.err
    agents = keydesk("agent", "list", "--organization", "Acme", "--json").value
    assert "since" in {each["name"] for each in agents}

    assert keydesk("restore", "backup", "--yes").status == 0
    agents = keydesk("agent", "list", "--organization", "Acme", "--json").value
    assert "since" not in {each["name"] for each in agents}


def test_a_backup_of_an_older_schema_is_migrated(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And marked, although its schema has no place for the mark."""
    assert keydesk("migrate", "--to", "0004", "--yes").status == 0
    assert keydesk("backup", "old", "--json").value["revision"] == "0004"
    assert keydesk("migrate").status == 0

    restored = keydesk("restore", "old", "--yes", "--json").value

    assert restored["from"] == "0004"
    assert restored["to"] != "0004"
    assert "restored from a backup" in started(keydesk, monkeypatch)[0].err


def test_the_password_of_the_database_is_not_on_a_command_line(
    keydesk: Keydesk, database_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PostgreSQL's programs get it in their environment. Without them, the message says what to install."""
    if database_address.startswith("sqlite"):
        pytest.skip("needs PostgreSQL's programs")
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = keydesk("backup", "backup")
    assert (missing.status, "pg_dump is not installed" in missing.err) == (1, True)

    program = tmp_path / "pg_dump"
    program.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$*" "$PGPASSWORD" "$PGHOST" > seen; echo "no space left" >&2; exit 1'
    )
    program.chmod(0o700)
    (tmp_path / "psql").write_text("#!/bin/sh\nexit 0")
    (tmp_path / "psql").chmod(0o700)
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database_address.replace("postgres@", "postgres:hunter2hunter2@"))
    failed = keydesk("backup", "backup")

    arguments, password, host = (tmp_path / "seen").read_text().splitlines()
    assert (failed.status, "pg_dump failed: no space left" in failed.err) == (1, True)
    assert "hunter2" not in arguments + failed.err
    assert (password, host) == ("hunter2hunter2", "127.0.0.1")
    assert not (tmp_path / "backup").exists()


def test_a_command_says_what_it_could_not_record(
    keydesk: Keydesk, acme: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody tries again after it has ended."""
    key = keydesk("key", "create", "one", "--organization", "Acme", "--json").value
    monkeypatch.setenv("KEYDESK_REVOCATION_JOURNAL", str(tmp_path / "no" / "journal"))

    deleted = keydesk("key", "delete", key["id"])

    assert deleted.status == 0
    assert "1 of the revocations are in effect, but not in the revocation journal" in deleted.err


def test_revived_keys_are_not_accepted_without_a_note_in_the_journal(
    keydesk: Keydesk, revived: tuple[Key, Key, Key], monkeypatch: pytest.MonkeyPatch, journal: Journal
) -> None:
    """Otherwise a later `apply` would delete them."""
    journal.path.rename(journal.path.with_name("moved"))
    journal.path.symlink_to(journal.path)  # can't be looked at, whoever asks

    refused, count = started(keydesk, monkeypatch, "--accept-revived")

    assert (refused.status, count) == (1, 0)
    assert "can't be read, so it can't note that the revived keys are accepted" in refused.err


def test_doctor_warns_of_a_missing_journal(keydesk: Keydesk, database_address: str) -> None:
    """An embedded database has one beside it."""
    is_ok, said = finding(keydesk("doctor", "--json"), "revocations")

    assert is_ok
    assert ("KEYDESK_REVOCATION_JOURNAL is not set" in said) is not database_address.startswith("sqlite")


def test_doctor_says_that_the_journal_cannot_be_written(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server starts all the same, with a warning: verification must not stop because of it."""
    monkeypatch.setenv("KEYDESK_REVOCATION_JOURNAL", str(tmp_path / "no" / "journal"))

    is_ok, said = finding(keydesk("doctor", "--json"), "revocations")
    run, count = started(keydesk, monkeypatch)

    assert (is_ok, "can't be created" in said) == (False, True)
    assert count == 1
    assert "The revocation journal can't be written" in run.err
