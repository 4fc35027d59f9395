"""A restored database under the real command: keys that were deleted since the backup are dead before it is served."""

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Keydesk
from tests.support.servers.servers import REAL, Server, Servers
from tests.support.world import World


def answer(server: Server, key: dict[str, Any]) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    try:
        connection.request("GET", "/v1/verify", headers={"Authorization": f"Bearer {key['secret']}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"{}").get("code")
    finally:
        connection.close()


def test_keys_that_died_since_the_backup_are_dead_after_the_restore(
    keydesk: Keydesk, acme: World, database_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup is made while the server answers. Until `revocations apply`, the restored database is not served."""
    journal = {"KEYDESK_REVOCATION_JOURNAL": str(tmp_path / "revocations")}
    for name, value in journal.items():
        monkeypatch.setenv(name, value)
    servers = Servers(database_address, tmp_path, program=REAL, settings=journal)
    deleted, rotated, other = (
        keydesk("key", "create", name, "--organization", "Acme", "--json").value for name in ("one", "two", "three")
    )
    try:
        [server] = servers.start()
        assert keydesk("backup", "backup").status == 0
        assert [answer(server, each)[0] for each in (deleted, rotated, other)] == [200] * 3
        keydesk("key", "delete", deleted["id"])
        keydesk("key", "rotate", rotated["id"])
        assert [answer(server, each)[0] for each in (deleted, rotated, other)] == [401, 401, 200]

        in_use = keydesk("restore", "backup", "--yes")
        assert (in_use.status, "Stop" in in_use.err) == (1, True)
        server.stop()
        assert keydesk("restore", "backup", "--yes").status == 0
        refused = keydesk("serve", "--port", "0")
        assert (refused.status, refused.out) == (1, "")
        assert "keydesk revocations apply" in refused.err
        assert keydesk("revocations", "apply").status == 0

        [server] = servers.start()
        assert answer(server, deleted) == (401, "deleted_key")
        assert answer(server, rotated) == (401, "replaced_secret")
        assert answer(server, other)[0] == 200
    finally:
        servers.close()
