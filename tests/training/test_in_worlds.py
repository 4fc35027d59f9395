"""The answers to messages in worlds with a problem, and how they are judged."""

import pytest

from assistant.diagnose import diagnose, state_after
from assistant.explain.suggestions import IN_GENERAL
from assistant.intents.topics import Topic
from assistant.intents.understand import understand
from assistant.language.render import render
from assistant.rank_topics import likeliest_problem
from training.corpus import Said
from training.held_out import HeldOut
from training.in_worlds import answered_if_known, asked, converse, in_worlds, is_asked_back
from training.worlds import WORLDS, World

UNCLEAR = "could you check ours please"


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_world_is_what_it_is_called(world: World) -> None:
    """A question about the right topic finds the world's problem."""
    question, facts = asked("asdfgh", world.facts, None, understand)

    found = {topic: answered_if_known(question, facts, topic).diagnosis.case for topic in world.expected}

    assert found == dict(world.expected)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_whatever_is_suggested_is_answered_when_it_is_sent(world: World) -> None:
    """Each sentence that asks for a topic, and each reply below each answer: no question is asked back."""
    question, facts = asked("asdfgh", world.facts, None, understand)
    sent = [render(each) for each in IN_GENERAL.values()]
    for topic in Topic:
        answered = answered_if_known(question, facts, topic)
        sent += [render(reply.sentence) for reply in answered.diagnosis.replies]

    for message in dict.fromkeys(sent):
        clicked, then = asked(message, world.facts, None, understand)
        answered = diagnose(clicked, then)
        assert not is_asked_back(answered, then), message


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("topic", IN_GENERAL)
def test_the_sentence_for_a_topic_leads_there_whatever_is_the_matter(world: World, topic: Topic) -> None:
    """Also after another question."""
    question, facts = asked("asdfgh", world.facts, None, understand)
    before = state_after(diagnose(question, facts), facts)

    clicked, then = asked(render(IN_GENERAL[topic]), world.facts, before, understand)

    assert diagnose(clicked, then).topic is topic


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_who_says_nothing_clear_is_offered_three_different_things_and_what_is_the_matter(world: World) -> None:
    """No two replies lead to the same answer, and one leads to the problem."""
    question, facts = asked(UNCLEAR, world.facts, None, understand)
    answered = diagnose(question, facts)
    before = state_after(answered, facts)

    led = [
        diagnose(*asked(render(reply.sentence), world.facts, before, understand))
        for reply in answered.diagnosis.replies
    ]

    assert is_asked_back(answered, facts) or answered.is_tentative
    assert len({(each.diagnosis.case, each.diagnosis.summary) for each in led}) == len(led) == 3
    if likeliest_problem(world.facts) is not None:
        assert {each.diagnosis.case for each in led} & set(world.expected.values())


def test_messages_are_judged_by_what_a_person_learns() -> None:
    """Right at once, right after a click, and wrong."""
    deleted = WORLDS[0]

    right = converse(Said((Topic.EXPIRY,), "en", "test", "Do keys expire?"), deleted)
    after_all = converse(Said((Topic.UNAUTHORIZED,), "en", "test", "my key doesn't work anymore"), deleted)
    wrong = converse(Said((Topic.HUMAN,), "en", "test", "we get 401 Unauthorized on every call"), deleted)
    unclear = converse(Said((Topic.CALL_FAILS,), "en", "test", UNCLEAR), deleted)

    assert (right.is_right, right.is_asked_back, right.is_of_the_matter) == (True, False, False)
    assert (after_all.is_right, after_all.is_asked_back, after_all.is_of_the_matter) == (True, False, True)
    assert (wrong.is_right, wrong.is_within_a_click) == (False, False)
    assert (unclear.is_right, unclear.is_asked_back, unclear.is_within_a_click) == (False, True, True)


def test_a_message_is_asked_in_its_writers_world_or_in_all_in_which_people_ask_it() -> None:
    """What the data say comes first."""
    about_calls = Said((Topic.TOO_MANY_REQUESTS,), "en", "test", "we get 429")
    about_anything = Said((Topic.EXPIRY,), "en", "test", "Do keys expire?")

    def worlds(held: HeldOut) -> list[str]:
        return [each.world.id for each in in_worlds([held])]

    assert worlds(HeldOut(about_calls)) == ["quota", "rate", "calm"]
    assert worlds(HeldOut(about_calls, "member")) == ["member"]
    assert worlds(HeldOut(about_anything)) == [world.id for world in WORLDS]
