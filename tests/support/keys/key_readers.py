"""Reads of a key's state, and a wire to the database that can hold back answers."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import CursorResult, text

from models.engine.database import Database
from models.key_lookup import KeyReader, KeyState
from resolvers.services import Issued


async def state_of(reader: KeyReader, issued: Issued, agent_id: str | None = None) -> KeyState:
    """The key's state; it must be there."""
    state = await reader.read(issued.record.public_id, agent_id)
    assert state is not None
    return state


async def run(database: Database, statement: str) -> Sequence[Any]:
    """Runs a statement; returns the first column of its rows."""
    async with database.transaction() as session:
        result = await session.execute(text(statement))
        return result.scalars().all() if isinstance(result, CursorResult) and result.returns_rows else []


class HeldWire:
    """A proxy to the database that can hold back answers."""

    def __init__(self, database: Database) -> None:
        self._there = database.url.host or "", database.url.port or 5432
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.has_held = asyncio.Event()
        self.connections = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copies bytes in both directions until either side ends."""
        self.connections += 1
        there = await asyncio.open_connection(*self._there)
        try:
            with suppress(ConnectionError):
                await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer, is_answer=True))
        finally:
            for each in (writer, there[1]):
                each.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        while part := await reader.read(65536):
            if is_answer and not self.is_open.is_set():
                self.has_held.set()
                await self.is_open.wait()
            writer.write(part)
        writer.close()
