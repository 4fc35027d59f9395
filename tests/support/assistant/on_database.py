"""The assistant on a test's own database, called as the schema calls it."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, update
from sqlmodel import col, select

from assistant.facts.asker import Asker, Knowledge
from assistant.facts.documents import documents_in
from assistant.facts.pasted_keys import Possessions
from keys.limits.local_limiter import LocalLimiter
from keys.usage.recorder import UsageRecorder
from models import Answering, Message
from models.engine.database import Database, database_now
from models.engine.reader import Reader
from models.key_lookup import key_reader
from models.person import memberships_of
from models.support.message import Author
from resolvers.ask_request import AskRequest
from resolvers.assistant import Assistant, Chunk, ask, asker_in
from resolvers.stored_questions import Given
from tests.conftest import SERVER_KEYS, Clock
from tests.support.keys.issued_keys import Verifiers
from tests.support.tickets.ticket_fixtures import named
from tests.support.usage.usage_stores import stores
from tests.support.world import World

DOCS = Path(__file__).parents[3] / "docs"
WHY = "Why do I get a 401?"


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer: its chunks, and the stored messages."""

    chunks: list[str]
    given: Given


@dataclass(frozen=True, slots=True)
class Helpdesk:
    """The assistant, and the people who may ask it, in Acme or in another organization."""

    assistant: Assistant
    database: Database
    world: World

    async def asker(self, name: str, organization: str = "acme") -> Asker:
        """Ada, Grace, Mel or Eve, with their current roles."""
        async with self.database.reading() as session:
            memberships = await memberships_of(session, self.world.people[name].id)
        where = getattr(self.world, organization).id
        return asker_in(self.world.actor(name), named(self.world, name), memberships, where)

    async def ask(
        self, message: str = WHY, *, name: str = "ada", organization: str = "acme", **more: Any
    ) -> StreamedAnswer:
        """Asks, and waits for the whole answer."""
        asker = await self.asker(name, organization)
        chunks: list[str] = []
        async with aclosing(ask(self.assistant, asker, AskRequest(message, **more))) as events:
            async for event in events:
                if isinstance(event, Chunk):
                    chunks.append(event.text)
                else:
                    given = event
        return StreamedAnswer(chunks, given)

    async def messages(self) -> list[Message]:
        """All stored messages, in order."""
        async with self.database.reading() as session:
            return list((await session.execute(select(Message).order_by(col(Message.id)))).scalars())

    async def questions(self) -> list[str]:
        """The messages of people."""
        return [message.text for message in await self.messages() if message.author == Author.PERSON]


@asynccontextmanager
async def running_assistant(database: Database, world: World, clock: Clock) -> AsyncIterator[Helpdesk]:
    """The assistant of one process; it does not wait for requests that are not written yet."""
    verifiers, reader, keys = Verifiers(database), Reader(database), key_reader(database)
    await keys.start()
    async with stores(database) as [store]:
        limiter = LocalLimiter(UsageRecorder(store, clock=clock), clock=clock)
        knowledge = Knowledge(
            reader, limiter, documents_in(DOCS), "support@example.com", sends_mail=True, wait_seconds=0
        )
        possessions = Possessions(verifiers.make(reader=keys), keys, SERVER_KEYS, ("kd",))
        yield Helpdesk(Assistant(database, knowledge, possessions, clock), database, world)
    await verifiers.close()
    await reader.close()


async def answering(database: Database) -> int:
    """The number of questions that are being answered."""
    async with database.reading() as session:
        return (await session.execute(select(func.count()).select_from(Answering))).scalar_one()


async def time_is_up(database: Database) -> None:
    """Ends the lease of every question that is being answered, as if its time had passed."""
    async with database.transaction() as session:
        await session.execute(update(Answering).values(until=await database_now(session)))
