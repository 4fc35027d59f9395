"""The files of an embedded database are private to their owner."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Keydesk
from tests.support.servers.servers import REAL, Servers


@pytest.fixture(params=[0o000, 0o022, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The umask of the test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """The mode of each file, by name."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}


def test_a_new_database_is_private(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, umask: int
) -> None:
    """The database is private from its creation, whatever the umask."""
    folder = tmp_path / "new"
    folder.mkdir(mode=0o700)
    folder.chmod(0o700)
    monkeypatch.setenv("KEYDESK_DATABASE_URL", f"sqlite:///{folder}/keydesk.db")

    assert keydesk("migrate").status == 0

    assert modes(folder)["keydesk.db"] == 0o600


def test_what_lies_beside_a_database_that_is_served_is_private(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The write-ahead log and its index are private, too."""
    folder = tmp_path / "served"
    folder.mkdir()
    address = f"sqlite:///{folder}/keydesk.db"
    monkeypatch.setenv("KEYDESK_DATABASE_URL", address)
    keydesk("migrate")

    servers = Servers(address, tmp_path, program=REAL)
    try:
        servers.start()
        found = modes(folder)
    finally:
        servers.close()

    names = ("keydesk.db", "keydesk.db-wal", "keydesk.db-shm", "keydesk.revocations")
    assert found == dict.fromkeys(names, 0o600)


def test_files_of_an_older_version_are_hidden(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """doctor only warns; the next command removes the access of others. Access of the group stays."""
    folder = tmp_path / "old"
    folder.mkdir()
    monkeypatch.setenv("KEYDESK_DATABASE_URL", f"sqlite:///{folder}/keydesk.db")
    keydesk("migrate")
    (folder / "keydesk.secret").write_text("0f2b8d1c9e4a7653b0f2b8d1c9e4a765")
    (folder / "keydesk.secret").chmod(0o644)
    (folder / "keydesk.db").chmod(0o664)

    doctor = keydesk("doctor", "--json")
    warned = modes(folder)
    mended = keydesk("organization", "list", "--json")

    [database] = [each for each in doctor.value if each["check"] == "database"]
    assert database["ok"]
    assert "warning: every user of this machine can read" in database["detail"]
    assert "keydesk.secret" in database["detail"]
    assert warned == {"keydesk.db": 0o664, "keydesk.secret": 0o644}
    assert (mended.value, mended.err) == ([], "")
    assert modes(folder) == {"keydesk.db": 0o660, "keydesk.secret": 0o640}
