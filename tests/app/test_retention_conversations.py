"""Retention of conversations, and of rows that are needed only while people write."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest

import app.retention
from app.retention import tidy
from models import Answering, Conversation, Message, PastedKey
from models.engine.database import Database
from models.engine.ids import new_id
from models.support.conversation import note_message
from tests.conftest import Clock
from tests.support.assistant.conversations import answered, asked, begun
from tests.support.usage.old_usage import add, everything
from tests.support.world import World


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows per transaction, so that a few rows need many."""
    monkeypatch.setattr(app.retention, "ROWS_AT_A_TIME", 3)


async def test_conversations_are_dropped_90_days_after_the_last_message(
    database: Database, world: World, clock: Clock
) -> None:
    """The time of the last message decides. Messages go with their conversation."""
    ages = [200, 91, 91, 91, 120, 90, 89, 0]
    for days in ages:
        conversation = await begun(database, world.acme, world.mel, at=clock.now - timedelta(days=300))
        await answered(database, await asked(database, conversation))
        async with database.transaction() as session:
            await note_message(session, conversation.id, at=clock.now - timedelta(days=days), subject=None)

    await tidy(database, now=clock.now, audit_days=400)

    left = await everything(database, Conversation)
    assert sorted((clock.now - row.last_message_at).days for row in left) == [0, 89, 90]
    assert Counter(row.conversation_id for row in await everything(database, Message)) == Counter(
        {row.id: 2 for row in left}
    )


async def test_what_is_noted_while_people_write_is_dropped(database: Database, clock: Clock) -> None:
    """Pasted keys go after an hour, expired answer leases after a day."""
    people = [UUID(int=number) for number in range(1, 9)]
    hours = [0, 0.9, 1.1, 2, 23, 25, 26, 48]
    for person_id, ago in zip(people, hours, strict=True):
        then = clock.now - timedelta(hours=ago)
        await add(
            database,
            [
                PastedKey(person_id=person_id, public_id="a", at=then),
                Answering(person_id=person_id, question_id=new_id(), until=then),
            ],
        )

    await tidy(database, now=clock.now, audit_days=400)

    assert sorted(row.person_id for row in await everything(database, PastedKey)) == people[:2]
    assert sorted(row.person_id for row in await everything(database, Answering)) == people[:5]
