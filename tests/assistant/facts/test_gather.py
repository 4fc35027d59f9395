"""Facts for a person: tombstones beyond the listed ones, and figures only of keys that the person may see."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from assistant.facts import gather as known
from assistant.facts.asker import Asker
from assistant.facts.conversation_state import ConversationState
from assistant.facts.facts import Facts, PastedKey, Possession, RefusalFacts, RequestFacts
from assistant.facts.gather import DETAILED_AT_MOST
from assistant.facts.gather_keys import key_facts
from assistant.facts.key_reference import KeyReference
from assistant.facts.pasted_keys import PossessedKey
from assistant.facts.question import Inquiry
from assistant.intents.topics import Topic
from assistant.redaction.finding import Kind
from assistant.redaction.redact import Piece
from models import ApiKey
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.key_queries import DELETED_LISTED_AT_MOST, key_record
from models.usage.refused_request import RefusedReason
from tests.conftest import Clock
from tests.support.assistant.on_database import Helpdesk, running_assistant
from tests.support.usage.rows import NOON, hour_of, key_of, refused, store
from tests.support.world import World

DAY = timedelta(days=1)


@pytest.fixture
async def helpdesk(database: Database, world: World, clock: Clock) -> AsyncIterator[Helpdesk]:
    """The assistant of Acme and Globex."""
    async with running_assistant(database, world, clock) as opened:
        yield opened


async def old_key(helpdesk: Helpdesk, **columns: Any) -> ApiKey:
    """A key of Acme that was deleted long ago; more than the listed number were deleted since, some of an agent."""
    world, number = helpdesk.world, DELETED_LISTED_AT_MOST + 1
    old = key_of(world.acme, "old", public_id="Ab3dEf0000000001", deleted_at=NOON - 90 * DAY, **columns)
    newer = [
        key_of(world.acme, f"{name} {each}", deleted_at=NOON - DAY, agent_id=agent_id)
        for name, agent_id in (("job", None), ("own", world.own.id))
        for each in range(number)
    ]
    await store(helpdesk.database, old, *newer)
    return old


async def gather_overview(helpdesk: Helpdesk, asker: Asker) -> Facts:
    """The facts without a question."""
    return await known.gather_overview(helpdesk.assistant.knowledge, asker, NOON)


def names(facts: Facts) -> set[str]:
    """The names of all keys except the newer tombstones."""
    return {each.record.name for each in facts.keys} & {"old", "theirs"}


async def test_an_older_tombstone_is_known_while_it_is_called(helpdesk: Helpdesk) -> None:
    """For a person who may see it: it is treated as any key with refused calls."""
    old = await old_key(helpdesk)
    ada, grace = await helpdesk.asker("ada"), await helpdesk.asker("grace")
    before = await gather_overview(helpdesk, ada)

    await store(helpdesk.database, hour_of(old.id, NOON - timedelta(hours=2), deleted_key=9))
    facts, hers = await gather_overview(helpdesk, ada), await gather_overview(helpdesk, grace)

    assert names(before) == set()
    assert [(each.record.name, each.refused_in_all) for each in facts.in_trouble(tuple(RefusedReason))] == [("old", 9)]
    assert names(hers) == set()
    assert hers.keys


@pytest.mark.parametrize("way", ["id", "hint", "beginning", "looking at", "spoken of", "offered", "pasted"])
@pytest.mark.parametrize(("name", "knows"), [("ada", {"old"}), ("grace", set())])
async def test_an_older_tombstone_is_known_where_a_message_points_at_it(
    helpdesk: Helpdesk, way: str, name: str, knows: set[str]
) -> None:
    """By each of these ways; never for a person who may not see it."""
    old = await old_key(helpdesk)
    asker = await helpdesk.asker(name)
    said = {"id": external_id(Prefix.API_KEY, old.id), "hint": "kd_Ab3dEf…4444", "beginning": "kd_Ab3d..."}.get(way, "")
    ways: dict[str, dict[str, Any]] = {
        "looking at": {"looking_at": external_id(Prefix.API_KEY, old.id)},
        "spoken of": {"state": ConversationState(Topic.HISTORY, old.id)},
        "offered": {"state": ConversationState(Topic.HISTORY, offered=(old.id,))},
        "pasted": {"pieces": [Piece(Kind.KEY, "[key kd_Ab3d…]", "kd_Ab3dEf…4444")]},
    }

    listed = await gather_overview(helpdesk, asker)
    inquiry = Inquiry(f"Why does {said} fail?", **ways.get(way, {}))
    facts = await known.add_referenced_keys(helpdesk.assistant.knowledge, asker, listed, inquiry)

    assert names(listed) == set()
    assert names(facts) == knows


async def test_an_older_tombstone_of_another_organization_is_not_there(helpdesk: Helpdesk) -> None:
    """However it is named."""
    await old_key(helpdesk)
    theirs = key_of(helpdesk.world.globex, "theirs", public_id="Zz3dEf0000000001", deleted_at=NOON - DAY)
    await store(helpdesk.database, theirs)
    asker = await helpdesk.asker("ada")
    listed = await gather_overview(helpdesk, asker)

    inquiry = Inquiry(f"Why do {external_id(Prefix.API_KEY, theirs.id)} and kd_Zz3dEf…4444 fail?")
    facts = await known.add_referenced_keys(helpdesk.assistant.knowledge, asker, listed, inquiry)

    assert facts.keys == listed.keys


async def test_an_older_tombstone_that_somebody_has_is_looked_into(helpdesk: Helpdesk) -> None:
    """By a pasted key, or the id of one of its requests: with its figures, and only for a person who may see it."""
    old = await old_key(helpdesk)
    await store(helpdesk.database, hour_of(old.id, NOON - 2 * DAY, deleted_key=37), refused(old.id))
    record = await key_record(helpdesk.assistant.knowledge.reader, old.id)
    assert record is not None
    pasted = [PossessedKey(PastedKey("kd_Ab3dEf…4444", possession=Possession.DELETED), old.id)]

    async def gather_details(name: str, **more: Any) -> Facts:
        asker = await helpdesk.asker(name)
        listed = await gather_overview(helpdesk, asker)
        asked: dict[str, Any] = {"meant": KeyReference(), "request": None, **more}
        return await known.gather_details(helpdesk.assistant.knowledge, asker, listed, **asked)

    of_paste = (await gather_details("ada", pasted=pasted)).pasted[0].key
    asked_for = RequestFacts(
        RefusalFacts("req_1", RefusedReason.DELETED_KEY, NOON), key=key_facts(helpdesk.world.actor("ada"), record, {})
    )
    of_request = (await gather_details("ada", request=asked_for)).request
    hers = (await gather_details("grace", pasted=pasted)).pasted[0].key

    assert of_request is not None
    for found in (of_paste, of_request.key):
        assert found is not None
        assert (found.is_detailed, found.calls_since_deletion) == (True, 37)
    assert hers is None


async def test_what_may_be_answered_with_is_looked_into(helpdesk: Helpdesk) -> None:
    """If many keys have refused calls, the one with the most for each reason; and the last deleted key."""
    acme = helpdesk.world.acme
    busy = [key_of(acme, f"busy {each}") for each in range(DETAILED_AT_MOST + 1)]
    scoped = key_of(acme, "scoped", agent_id=helpdesk.world.own.id)
    gone = [key_of(acme, f"gone {each}", deleted_at=NOON - each * DAY) for each in range(1, 3)]
    async with helpdesk.database.transaction() as session:
        await (await session.connection()).exec_driver_sql("UPDATE organizations SET key_limit = 50")
    await store(
        helpdesk.database,
        *(*busy, scoped, *gone),
        *(hour_of(key.id, NOON, rate_limited=10 + number) for number, key in enumerate(busy)),
        hour_of(scoped.id, NOON, agent_not_in_scope=2),
    )
    asker = await helpdesk.asker("ada")

    facts = await known.gather_details(
        helpdesk.assistant.knowledge, asker, await gather_overview(helpdesk, asker), meant=KeyReference(), request=None
    )

    detailed = {each.record.name for each in facts.keys if each.is_detailed}
    assert {"scoped", "gone 1", busy[-1].name} <= detailed
    assert "busy 0" not in detailed
    assert len(detailed) == DETAILED_AT_MOST
