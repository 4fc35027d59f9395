"""The assistant's answers in worlds of keys and calls that are described as data: see tests/data/assistant."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from assistant.intents.language import ENGLISH
from assistant.language.languages import LANGUAGES
from tests.conftest import Databases
from tests.support.assistant.checked_answers import PEOPLE_OF, AssistantReply, ask, check, put, rest
from tests.support.assistant.opened_worlds import STORIES, World, Worlds
from tests.support.assistant.worlds import Ask, Made
from tests.support.client import NOBODY

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ASKS_WHICH = ("Which key is it?", "Which deleted key is it?", "I need to know a little more: which request")
"""A suggested reply leads to its case or to one of these choices of keys."""
_NAMES = re.compile(
    r"kd_\w+…\w+|(?:key|org|agt|usr|evt)_\w+|req_\w{9,}|[\w.]+@[\w.]+\.\w+|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[45]\d\d\b",
    re.ASCII,
)
"""Hints, ids, addresses and statuses."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worlds(databases: Databases) -> AsyncIterator[Worlds]:
    """The worlds, created on first use."""
    async with AsyncExitStack() as stack:
        yield Worlds(databases, stack)


OTHERS = [each for each in LANGUAGES if each != ENGLISH]
IN_OTHER_LANGUAGES = [
    pytest.param(name, each, person, OTHERS[number % len(OTHERS)], id=f"{name}-{place}-{person}")
    for number, (name, place, each, person) in enumerate(
        (name, place, each, person)
        for name, story in STORIES.items()
        for place, each in enumerate(story.asks)
        for person in each.people
    )
]
"""Each question in one of the other languages, in turn."""
STARTERS = "query ($id: ID!) { organization(id: $id) { assistantStarters { id label message } } }"
ASKED = [
    pytest.param(name, each, person, message, id=f"{name}-{place}-{person}-{number}")
    for name, story in STORIES.items()
    for place, each in enumerate(story.asks)
    for person in each.people
    for number, message in enumerate(each.messages)
]


@pytest.mark.parametrize(("name", "wanted", "person", "message"), ASKED)
async def test_an_answer_is_as_written_down(worlds: Worlds, name: str, wanted: Ask, person: str, message: str) -> None:
    """The case, the evidence, the buttons and the passages are those of the data, and only conversations changed."""
    world = await worlds.of(name)

    reply = await _asked(world.made, wanted, person, message)

    assert reply.case == wanted.case, reply.message["text"]
    _check_wanted(reply, wanted)
    check(reply)
    assert await rest(world.made) == world.before
    await _follow(world, reply)


@pytest.mark.parametrize(("name", "wanted", "person", "language"), IN_OTHER_LANGUAGES)
async def test_an_answer_is_the_same_in_each_language(
    worlds: Worlds, name: str, wanted: Ask, person: str, language: str
) -> None:
    """The case, the facts, the buttons and the passages are those of the English answer, and so are the choices."""
    world = await worlds.of(name)
    english = await _asked(world.made, wanted, person, wanted.messages[0])

    reply = await _asked(world.made, wanted, person, wanted.messages[0], language)

    check(reply)
    assert reply.message["language"] == LANGUAGES[language].tag
    assert _facts(reply) == _facts(english)
    assert reply.diagnosis["summary"] != english.diagnosis["summary"]
    for choice in reply.message["suggestedReplies"][:1]:
        following = await ask(
            world.made,
            person,
            choice["message"],
            wanted.organization,
            conversationId=reply.conversation["id"],
            suggestionId=choice["id"],
            language=None,
        )
        check(following)
        assert following.message["language"] == LANGUAGES[language].tag


@pytest.mark.parametrize("organization", ["acme", "globex", "nowhere"])
@pytest.mark.parametrize("person", ["ada", "grace", "mel", "eve", "noa", NOBODY])
async def test_who_is_not_in_the_organization_is_told_nothing(worlds: Worlds, organization: str, person: str) -> None:
    """For a person who is not a member, the organization does not exist, whatever they are elsewhere."""
    world = await worlds.of("busy")

    answer = await put(world.made, person, "Which keys do we have?", organization)

    if person in PEOPLE_OF.get(organization, ()):
        assert answer.outcome == "AssistantAnswer"
    else:
        assert answer.outcome == ("UNAUTHENTICATED" if person == NOBODY else "NOT_FOUND")
    assert await rest(world.made) == world.before


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("person", ["ada", "grace", "mel"])
async def test_a_starter_is_answered_at_once(worlds: Worlds, name: str, person: str) -> None:
    """Each suggested starter has an answer, from facts that this person may see."""
    world = await worlds.of(name)
    client = await world.made.site.person(person)
    organization = world.made.site.organization("acme")

    starters = (await client.graphql(STARTERS, id=organization)).value["assistantStarters"]

    assert 1 <= len(starters) <= 4
    for starter in starters:
        reply = await ask(world.made, person, starter["message"], suggestionId=starter["id"])
        assert reply.case != "NEEDS_DETAILS", starter
        check(reply)


@pytest.mark.parametrize(
    ("person", "offered", "cause", "case"),
    [
        ("ada", ["unauthorized.", "unauthorized.", "cause-missing"], "missing", "KEY_MISSING"),
        ("mel", ["how-call", "cause-missing", "cause-malformed"], "malformed", "KEY_MALFORMED"),
    ],
)
async def test_a_click_on_a_cause_leads_to_its_case(
    worlds: Worlds, person: str, offered: list[str], cause: str, case: str
) -> None:
    """
    Where it is asked which key gets 401, causes are offered, after the keys that the records show to be refused.

    The id decides, whatever the words are.
    """
    world = await worlds.of("causes")
    asked = await ask(world.made, person, "I get 401 Unauthorized")

    reply = await ask(
        world.made, person, "クリックしました", conversationId=asked.conversation["id"], suggestionId=f"cause-{cause}"
    )

    assert asked.case == "NEEDS_DETAILS"
    ids = [each["id"] for each in asked.message["suggestedReplies"]]
    assert [each.startswith(begin) for each, begin in zip(ids, offered, strict=True)] == [True] * 3, ids
    assert reply.case == case
    check(reply)


def _facts(reply: AssistantReply) -> dict[str, object]:
    """What no language changes."""
    return {
        "case": reply.case,
        "key": reply.diagnosis["apiKey"],
        "steps": len(reply.diagnosis["steps"]),
        "evidence": [each["at"] for each in reply.diagnosis["evidence"]],
        "actions": [(each["kind"], each["apiKey"]) for each in reply.message["actions"]],
        "citations": reply.message["citations"],
        "replies": [each["id"] for each in reply.message["suggestedReplies"]],
        "names": sorted(set(_NAMES.findall(reply.shown))),
    }


async def _asked(made: Made, wanted: Ask, person: str, message: str, language: str = ENGLISH) -> AssistantReply:
    conversation = None
    for before in wanted.after:
        reply = await ask(made, person, before, wanted.organization, conversationId=conversation, language=language)
        conversation = reply.conversation["id"]
    return await ask(
        made,
        person,
        message,
        wanted.organization,
        conversationId=conversation,
        apiKeyId=None if wanted.looking_at is None else made.filled(f"«id of {wanted.looking_at}»"),
        requestId=None if wanted.request is None else made.filled(f"«request {wanted.request}»"),
        language=language,
    )


def _check_wanted(reply: AssistantReply, wanted: Ask) -> None:
    found = reply.diagnosis["evidence"]
    for label, value in wanted.evidence.items():
        values = [each["value"] for each in found if label in each["label"]]
        assert any(value in each for each in values), f"{label}: {values or found}"
    for said in wanted.says:
        assert said in reply.shown
    for unsaid in wanted.never:
        assert unsaid not in reply.shown
    if wanted.actions is not None:
        assert reply.kinds == wanted.actions
    for url in wanted.cites:
        assert url in [each["url"] for each in reply.message["citations"]]
    if wanted.key is not None:
        assert (reply.diagnosis["apiKey"] or {}).get("name") == wanted.key


async def _follow(world: World, answer: AssistantReply) -> None:
    """Each suggestion leads directly to a case, or to a choice of keys if there was none yet."""
    for reply in answer.message["suggestedReplies"]:
        where = (answer.person, answer.organization, reply["message"])
        if where in world.followed and answer.case != "NEEDS_DETAILS":
            continue
        world.followed.add(where)
        following = await ask(
            world.made, answer.person, reply["message"], answer.organization, conversationId=answer.conversation["id"]
        )
        check(following)
        if following.case == "NEEDS_DETAILS":
            assert not answer.diagnosis["summary"].startswith(ASKS_WHICH), reply
            assert following.diagnosis["summary"].startswith(ASKS_WHICH), reply
            assert following.message["suggestedReplies"]
