"""How PostgreSQL's programs are run: their environment, and what is passed between them."""

import subprocess
from io import BytesIO

import pytest

from models.backups.postgresql import _copy_script, _feed, environment
from models.engine.database_address import database_url

PLACE = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("kd:p%40ss@db.example/keys", ("db.example", None, "kd", "p@ss", "keys", None)),
        ("kd@db.example:6432/keys?ssl=require", ("db.example", "6432", "kd", None, "keys", "require")),
        ("/keys?host=/run/postgresql", ("/run/postgresql", None, None, None, "keys", None)),
        ("one,[::1]:5433/keys", ("one,::1", "5432,5433", None, None, "keys", None)),
    ],
)
def test_the_address_is_passed_in_libpqs_variables(
    monkeypatch: pytest.MonkeyPatch, address: str, expected: tuple[str | None, ...]
) -> None:
    """Of several hosts, the programs use the one that can be written to. What the address leaves out stays as it is."""
    for name in PLACE:
        monkeypatch.delenv(name, raising=False)

    found = environment(database_url(f"postgresql+asyncpg://{address}"))

    assert tuple(found.get(name) for name in PLACE) == expected
    assert found["PGTARGETSESSIONATTRS"] == "read-write"


def test_no_variable_leads_to_another_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq prefers a service, and PGHOSTADDR, to the address: a restore would drop another database's tables."""
    others = ("PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGHOSTADDR", "PGOPTIONS", "PGDATABASE", "PGREALM")
    for name in (*others, "PGSSLROOTCERT", "PGHOST", "KEYDESK_X"):
        monkeypatch.setenv(name, "other")

    found = environment(database_url("postgresql+asyncpg://kd@db.example/keys"))

    assert [name for name in others if name in found] == ["PGDATABASE"]
    assert (found["PGHOST"], found["PGDATABASE"]) == ("db.example", "keys")
    assert (found["PGSSLROOTCERT"], found["KEYDESK_X"]) == ("other", "other")


def test_a_setting_that_older_servers_refuse_is_left_out() -> None:
    """Only in the head of the script: the same words in somebody's row stay."""
    head, rest = (
        b"SET lock_timeout = 0;\n",
        b"CREATE TABLE a ();\nCOPY a FROM stdin;\nSET transaction_timeout = 0;\n\\.\n",
    )
    copied = BytesIO()

    _copy_script(BytesIO(head + b"SET transaction_timeout = 0;\n" + rest), copied)

    assert copied.getvalue() == head + rest


def test_a_psql_that_ends_early_is_heard() -> None:
    """What could not be passed to it is no fault of its own: the caller looks at its status and at what it has said."""
    with (
        subprocess.Popen(["false"], stdin=subprocess.PIPE) as running,
        subprocess.Popen(["yes"], stdout=subprocess.PIPE) as script,
    ):
        running.wait()
        _feed(running, script, "BEGIN;", "")

    assert running.returncode == 1
