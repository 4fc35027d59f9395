"""Answering questions: the streamed text, the stored message, and what is stored beside it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

import resolvers.assistant
from assistant.explain.diagnosis import Case
from assistant.facts.asker import Asker
from keys.policy import Actor
from keys.refusals import NotFound
from models.engine.database import Database
from models.engine.ids import Prefix, external_id, new_id
from models.support.conversation import find_conversation
from models.usage.refused_request import RefusedReason
from resolvers.assistant import asker_in, diagnose_request, worth_asking
from resolvers.services import KeyServices
from tests.conftest import Clock
from tests.support.assistant.on_database import WHY, Helpdesk, answering, running_assistant
from tests.support.keys.issued_keys import altered, issue
from tests.support.tickets.ticket_fixtures import hand_over, named
from tests.support.usage.rows import hour_of, refused, store
from tests.support.world import World


@pytest.fixture
async def helpdesk(database: Database, world: World, clock: Clock) -> AsyncIterator[Helpdesk]:
    """The assistant, for the organizations Acme and Globex."""
    async with running_assistant(database, world, clock) as opened:
        yield opened


async def test_an_answer_is_kept_as_it_was_written(helpdesk: Helpdesk, world: World) -> None:
    """The chunks together are the stored text. The row has its case, topic, language, question and diagnosis."""
    told = await helpdesk.ask(WHY)
    [question, answer] = await helpdesk.messages()

    assert "".join(told.chunks) == told.given.message.text == answer.text
    assert len(told.chunks) > 1
    assert (answer.answers_id, answer.person_id, answer.language) == (question.id, world.ada.id, "en")
    assert answer.diagnosis_case == told.given.message.diagnosis_case
    assert answer.topic
    assert answer.answer


async def test_a_pasted_key_is_looked_up_and_dropped(helpdesk: Helpdesk, services: KeyServices, world: World) -> None:
    """A valid pasted key is found; an altered one is reported as unknown. Neither secret is stored."""
    issued = await issue(services, world)
    secret = issued.secret.reveal()

    good = (await helpdesk.ask(f"Does {secret} work?")).given.message
    unknown = (await helpdesk.ask(f"Does {altered(secret)} work?")).given.message

    assert (good.key_id, unknown.key_id) == (issued.record.id, None)
    assert unknown.diagnosis_case == Case.KEY_UNKNOWN
    assert secret[20:32] not in repr(await helpdesk.messages())


async def test_the_next_question_points_back(helpdesk: Helpdesk, services: KeyServices, world: World) -> None:
    """The key of the first question is stored with the conversation, so that the next question can refer to it."""
    issued = await issue(services, world)
    first = (await helpdesk.ask("Does the key deploy work?")).given
    async with helpdesk.database.reading() as session:
        kept = await find_conversation(session, first.conversation.id, world.ada.id)

    goes_on = (await helpdesk.ask("who uses it?", conversation_id=first.conversation.id)).given.message

    assert kept is not None
    assert kept.subject is not None
    assert issued.record.id.hex in kept.subject.replace("-", "")
    assert goes_on.key_id == issued.record.id


async def test_a_failure_lets_the_next_question_come(helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """If diagnosing or storing the answer fails, the question stays and the person can ask again."""

    async def fail(*_arguments: Any, **_named: Any) -> None:
        raise RuntimeError("of our own")

    for place in ("diagnose_message", "keep_answer"):
        with monkeypatch.context() as patched:
            patched.setattr(resolvers.assistant, place, fail)
            with pytest.raises(RuntimeError, match="of our own"):
                await helpdesk.ask(WHY)
        assert await answering(helpdesk.database) == 0

    assert (await helpdesk.ask(WHY)).given.message.text
    assert await helpdesk.questions() == [WHY] * 3


async def test_who_hangs_up_while_it_is_considered(helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the caller cancels before the first chunk, the question is stored without an answer."""
    began = asyncio.Event()

    async def wait(*_arguments: Any, **_named: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(resolvers.assistant, "diagnose_message", wait)
        asking = asyncio.ensure_future(helpdesk.ask(WHY))
        await began.wait()
        asking.cancel()
        await asyncio.wait([asking])

    assert asking.cancelled()
    assert await answering(helpdesk.database) == 0
    assert [message.text for message in await helpdesk.messages()] == [WHY]


async def test_a_conversation_that_was_handed_over_says_so(helpdesk: Helpdesk, world: World, clock: Clock) -> None:
    """Questions after a hand-over are answered by saying that a person has the request."""
    first = (await helpdesk.ask(WHY, name="mel")).given
    await hand_over(helpdesk.database, world, clock, conversation=first.conversation)

    after = (await helpdesk.ask("Thanks", name="mel", conversation_id=first.conversation.id)).given.message

    assert after.diagnosis_case == Case.HUMAN_REQUESTED


async def test_an_asker_is_in_the_organization(helpdesk: Helpdesk, world: World) -> None:
    """An organization that the person is not in, a missing one, and none at all are reported as not found."""
    mel = await helpdesk.asker("mel")

    for organization_id in (world.globex.id, new_id(), None):
        with pytest.raises(NotFound):
            asker_in(world.actor("mel"), named(world, "mel"), [mel.membership], organization_id)

    assert mel == Asker(world.actor("mel"), named(world, "mel"), mel.membership)


async def test_a_request_is_diagnosed_for_who_may_know(
    helpdesk: Helpdesk, services: KeyServices, world: World, clock: Clock
) -> None:
    """A request is diagnosed for people who may see its key. Others get the same answer as for an unknown id."""
    issued = await issue(services, world)
    row = refused(issued.record.id, RefusedReason.RATE_LIMITED)
    await store(helpdesk.database, row, hour_of(issued.record.id, clock.now, rate_limited=1))
    request_id, never = (external_id(Prefix.REQUEST, each) for each in (row.request_id, new_id()))

    told = {}
    for name, where in (("ada", "acme"), ("grace", "acme"), ("mel", "acme"), ("eve", "globex")):
        asker = await helpdesk.asker(name, where)
        found, not_found = [
            repr(await diagnose_request(helpdesk.assistant, asker, each)).replace(each, "…")
            for each in (request_id, never)
        ]
        told[name] = found == not_found

    assert told == {"ada": False, "grace": True, "mel": True, "eve": True}
    assert await helpdesk.messages() == []


async def test_what_is_no_request_id_is_shown_in_one_harmless_line(helpdesk: Helpdesk) -> None:
    """A text that is not a request id is shown in one line, without control characters or keys, and shortened."""
    asker = await helpdesk.asker("ada")
    pasted = "kd_0123456789abcdef_0123456789abcdefghijklmnopqrstuvwxyzABCDEF"

    lines = await diagnose_request(helpdesk.assistant, asker, "req_1\n\n# Heading\0\u202e")
    key = await diagnose_request(helpdesk.assistant, asker, pasted)
    long = await diagnose_request(helpdesk.assistant, asker, "why " * 1000)

    assert "req_1 # Heading" in repr(lines)
    assert "\\n" not in repr(lines.evidence)
    assert "\\u202e" not in repr(lines)
    assert pasted[20:30] not in repr(key)
    assert "why " * 21 not in repr(long)


async def test_starters_name_only_what_may_be_seen(
    helpdesk: Helpdesk, services: KeyServices, world: World, clock: Clock
) -> None:
    """Ada's suggestions name the key in trouble. Mel can't see that key, so Mel's do not."""
    issued = await issue(services, world)
    await store(helpdesk.database, hour_of(issued.record.id, clock.now, rate_limited=9))

    offered = {
        name: repr(await worth_asking(helpdesk.assistant, await helpdesk.asker(name))) for name in ("ada", "mel")
    }

    assert "deploy" in offered["ada"]
    assert "deploy" not in offered["mel"]
    assert "message" in offered["mel"]


async def test_an_actor_without_a_standing_sees_nothing(
    helpdesk: Helpdesk, services: KeyServices, world: World
) -> None:
    """An actor without roles gets no suggestion that names a key."""
    await issue(services, world)
    asker = await helpdesk.asker("ada")
    bare = replace(asker, actor=Actor(world.ada.id, {}, address=None))

    offered = repr(await worth_asking(helpdesk.assistant, bare))

    assert "deploy" not in offered
