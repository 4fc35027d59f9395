"""What a connection through a pooler shows about its sessions."""

import asyncio
from typing import Any, cast

import asyncpg
import pytest

from models.engine import server_probe
from models.engine.database_address import Host
from models.engine.server_probe import Probe
from models.engine.server_state import Process, SharedSessions


class Other:
    """The second connection."""

    def terminate(self) -> None:
        """Does nothing: there is no server."""


async def test_what_a_pooler_showed_holds_on_while_it_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pooler that was seen to share sessions is refused until it is seen not to. No answer is neither."""
    probe, looks = Probe({}, Host("pooler", 6432)), iter(["nothing", "shared", "nothing", "own", "nothing"])
    now: list[str] = []

    async def connect(_probe: Probe) -> Any:
        return Other()

    async def look(*_connections: object) -> None:
        match now[-1]:
            case "shared":
                raise SharedSessions
            case "nothing":
                await asyncio.Event().wait()

    monkeypatch.setattr(server_probe, "ANSWER_SECONDS", 0.02)
    monkeypatch.setattr(Probe, "connect", connect)
    monkeypatch.setattr(server_probe, "_require_two_sessions", look)
    refused: list[bool] = []
    for each in looks:
        now.append(each)
        try:
            await probe._require_own_session(cast(asyncpg.Connection, None), cast(Process, None))
            refused.append(False)
        except SharedSessions:
            refused.append(True)

    assert refused == [False, True, True, False, False]
