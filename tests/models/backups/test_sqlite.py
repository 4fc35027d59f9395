"""Putting an SQLite database in the place of another."""

import os
from pathlib import Path

import pytest

from models.backups.sqlite import new_file_beside, replace_database

SERVERS_USER = (4711, 4712)


@pytest.mark.parametrize("is_there", [True, False])
def test_root_leaves_the_file_to_the_servers_user(tmp_path: Path, *, is_there: bool) -> None:
    """Otherwise the server could not open its database after a restore by root. A new file gets its folder's owner."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    target = tmp_path / "data" / "keydesk.db"
    target.parent.mkdir()
    os.chown(target.parent, *SERVERS_USER)
    if is_there:
        os.chown(target.parent, 0, 0)
        target.touch()
        os.chown(target, *SERVERS_USER)

    with new_file_beside(target) as made:
        replace_database(made, target)

    found = target.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (*SERVERS_USER, 0o600)
