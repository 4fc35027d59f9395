"""The worlds of the assistant's tests while questions are asked: each is created once for each module."""

import asyncio
from contextlib import AsyncExitStack
from typing import NamedTuple

from app.retention import tidy
from models.engine.database import Database
from tests.conftest import Clock, Databases
from tests.support.assistant.checked_answers import Table, forget, rest
from tests.support.assistant.worlds import FOLDER, Made, Story, come_true, read_story
from tests.support.client import open_site

STORIES: dict[str, Story] = {path.stem: read_story(path.stem) for path in sorted(FOLDER.glob("*.toml"))}
AUDIT_DAYS = 400
FIRST_DATABASE = 80
"""The first database that stays for a whole module: those of single tests begin at 0."""


class World(NamedTuple):
    """A story whose rows exist, a copy of those rows, and the replies that were already followed."""

    made: Made
    before: dict[str, Table]
    followed: set[tuple[str, str, str]]


class Worlds:
    """The stories that were created so far, each once for all its questions."""

    def __init__(self, databases: Databases, stack: AsyncExitStack) -> None:
        self._databases, self._stack = databases, stack
        self._made: dict[str, World] = {}

    async def of(self, name: str) -> World:
        """The world of this name, without any conversation."""
        if name not in self._made:
            clock = Clock()
            address = self._databases.fresh(FIRST_DATABASE + len(self._made))
            site = await self._stack.enter_async_context(open_site(address, clock))
            # Don't wait for requests that are not there; another test covers the waiting.
            object.__setattr__(site.app._assistant.knowledge, "wait_seconds", 0.0)
            object.__setattr__(site.app._assistant.knowledge, "mails_people", STORIES[name].mails)
            made = await come_true(site, clock, STORIES[name])
            # The server's own retention merges old hours into days at some moment: do so before rows are compared.
            await _tidied(site.database, clock)
            self._made[name] = World(made, await rest(made), set())
        await forget(self._made[name].made)
        return self._made[name]

    async def check_unchanged(self) -> None:
        """Raises AssertionError if a question has changed any rows but those of conversations."""
        for world in self._made.values():
            assert await rest(world.made) == world.before


async def _tidied(database: Database, clock: Clock) -> None:
    """Runs retention once; tries again while the server is running it."""
    for _ in range(1000):
        if await tidy(database, now=clock.now, audit_days=AUDIT_DAYS):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("another round of upkeep does not end")
