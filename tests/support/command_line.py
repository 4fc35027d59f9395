"""Runs the `keydesk` command inside a test, and returns its output, its exit status and the events that it stored."""

import asyncio
import io
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, TypeVar

import pytest
from sqlalchemy import text

from app.cli import main
from models.engine.database import Database

SECRET_KEY = "0123456789abcdef0123456789abcdef"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Run:
    """Output and exit status of a command."""

    status: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON value on standard output."""
        assert self.status in (0, 1), self.err
        return json.loads(self.out)


Keydesk = Callable[..., Run]
InDatabase = Callable[[Callable[[Database], Awaitable[Any]]], Any]


def keydesk_on(
    database_address: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Keydesk:
    """Runs the command in this process, in that folder, on that database, with `stdin` as its input."""
    for name in [name for name in os.environ if name.startswith("KEYDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KEYDESK_DATABASE_URL", database_address)
    monkeypatch.setenv("KEYDESK_SECRET_KEY", SECRET_KEY)
    monkeypatch.chdir(folder)

    def run(*arguments: str, stdin: bytes | TextIO = b"") -> Run:
        source = io.TextIOWrapper(io.BytesIO(stdin)) if isinstance(stdin, bytes) else stdin
        monkeypatch.setattr(sys, "stdin", source)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        status = ended.value.code
        assert isinstance(status, int)
        assert "Traceback" not in captured.err
        return Run(status, captured.out, captured.err)

    return run


def in_database_of(database_address: str) -> InDatabase:
    """Runs a coroutine function on that database, from a test that is not a coroutine."""

    def run(operation: Callable[[Database], Awaitable[Result]]) -> Result:
        async def operate() -> Result:
            database = Database(database_address)
            try:
                return await operation(database)
            finally:
                await database.close()

        return asyncio.run(operate())

    return run


def events_of(in_database: InDatabase, action: str) -> list[str]:
    """The summaries of the operator's events of this kind, oldest first."""

    async def read(database: Database) -> list[str]:
        statement = "SELECT summary FROM audit_events WHERE action = :action AND actor_id IS NULL ORDER BY id"
        async with database.reading() as session:
            return list((await session.execute(text(statement), {"action": action})).scalars())

    found: list[str] = in_database(read)
    return found


def finding(run: Run, check: str) -> tuple[bool, str]:
    """Whether a check of `keydesk doctor --json` passed, and its message."""
    [found] = [each for each in run.value if each["check"] == check]
    return found["ok"], found["detail"]
