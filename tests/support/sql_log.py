"""The SQL statements that an application issues while a test asks it something."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from models.engine.reader import Reader
from tests.support.client import Site


@contextmanager
def counted(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """
    The SQL statements that the application issues for the block, by its engine and by its reader.

    What else it does at the same time, such as its upkeep, does in tasks that were there before.
    """
    others = asyncio.all_tasks() - {asyncio.current_task()}
    statements: list[str] = []
    database = site.app.database
    engines = [database.engine.sync_engine, database.reading_engine.sync_engine]
    rows = Reader.rows

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if asyncio.current_task() not in others:
            statements.append(statement)

    async def noted(reader: Reader, statement: Any, parameters: Any) -> Any:
        if asyncio.current_task() not in others:
            statements.append(str(statement))
        return await rows(reader, statement, parameters)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "rows", noted)
        yield statements
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
