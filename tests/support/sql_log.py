"""The SQL statements that an application executes during a test."""

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
    Collects the SQL statements that the block executes, by the engine and by the reader.

    Statements of tasks that existed before the block, such as retention, are left out.
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
