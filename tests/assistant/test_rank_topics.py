"""The ranking of topics when facts are known: topics with one answer count together, and what is suggested."""

from dataclasses import replace

import pytest

from assistant.facts.facts import Facts
from assistant.facts.key_reference import KeyReference
from assistant.facts.question import Question
from assistant.intents.topics import Topic, TopicScore
from assistant.intents.understand import understand
from assistant.rank_topics import (
    answered_alike,
    likeliest_problem,
    may_answer,
    may_answer_tentatively,
    priors_from_facts,
    rank,
)
from training.worlds import WORLDS

DELETED, REPLACED, OTHER_AGENT, QUOTA, RATE, FULL, MEMBER, CALM = (world.facts for world in WORLDS)
REST = 1e-4
"""The share of every topic that a test does not name."""


def question(**shares: float) -> Question:
    """A question whose words give these topics these shares."""
    said = {topic: shares.get(topic.name.lower(), REST) for topic in Topic}
    readings = (TopicScore(topic, share) for topic, share in sorted(said.items(), key=lambda item: -item[1]))
    return Question("something", understand("something")._replace(readings=tuple(readings)))


@pytest.mark.parametrize(
    ("facts", "topic", "others"),
    [
        (CALM, Topic.CANNOT_CREATE, {Topic.HOW_CREATE}),
        (FULL, Topic.CANNOT_CREATE, {Topic.HOW_CREATE, Topic.HOW_SLOTS}),
        (MEMBER, Topic.CANNOT_CREATE, {Topic.HOW_CREATE, Topic.NOT_ALLOWED}),
        (CALM, Topic.CALL_FAILS, {Topic.UNAUTHORIZED, Topic.KEY_STATE}),
        (DELETED, Topic.CALL_FAILS, {Topic.UNAUTHORIZED, Topic.KEY_STATE}),
        (OTHER_AGENT, Topic.CALL_FAILS, {Topic.FORBIDDEN}),
        (QUOTA, Topic.CALL_FAILS, {Topic.TOO_MANY_REQUESTS}),
    ],
)
def test_which_topics_one_answer_serves_depends_on_what_is_the_matter(
    facts: Facts, topic: Topic, others: set[Topic]
) -> None:
    """No question is needed to choose between such topics."""
    assert next(group for group in answered_alike(facts) if topic in group) == {topic, *others}


def test_topics_with_one_answer_are_sure_together_and_take_one_place() -> None:
    """The likeliest stands for all of them; if their answers differ, the person is asked."""
    torn = question(forbidden=0.55, call_fails=0.44)

    there, here = rank(torn, OTHER_AGENT), rank(torn, QUOTA)

    assert there[0].topic is Topic.FORBIDDEN
    assert may_answer(torn, there)
    assert dict(there)[Topic.CALL_FAILS] == 0
    assert not may_answer(torn, here)


@pytest.mark.parametrize(
    ("facts", "matter"),
    [
        (DELETED, Topic.CALL_FAILS),
        (REPLACED, Topic.CALL_FAILS),
        (QUOTA, Topic.CALL_FAILS),
        (FULL, Topic.CANNOT_CREATE),
        (MEMBER, Topic.CANNOT_CREATE),
        (CALM, None),
    ],
)
def test_what_is_the_matter_speaks_for_its_topic(facts: Facts, matter: Topic | None) -> None:
    """Without a problem, for no topic."""
    assert likeliest_problem(facts) is matter
    assert priors_from_facts(facts).keys() == set() if matter is None else priors_from_facts(facts)[matter] > 0


def test_what_is_the_matter_is_among_the_three_where_the_words_leave_it_open() -> None:
    """It takes the third place, and never that of a likely topic."""
    open_one = question(history=0.6, how_call=0.3, how_rename=0.03)
    clear_one = question(history=0.4, how_call=0.35, how_rename=0.25)

    loosely, firmly = rank(open_one, FULL)[:3], rank(clear_one, FULL)[:3]

    assert [reading.topic for reading in loosely] == [Topic.HISTORY, Topic.HOW_CALL, Topic.CANNOT_CREATE]
    assert [reading.topic for reading in firmly] == [Topic.HISTORY, Topic.HOW_CALL, Topic.HOW_RENAME]


@pytest.mark.parametrize("facts", [DELETED, REPLACED, OTHER_AGENT, QUOTA, RATE, FULL, MEMBER], ids=range(7))
def test_what_is_the_matter_never_makes_another_question_less_likely(facts: Facts) -> None:
    """It decides between readings about the same kind of thing, and takes nothing from others."""
    asked = question(documentation=0.45, call_fails=0.3, too_many_requests=0.1, cannot_create=0.1)

    before, after = dict(rank(asked, CALM)), dict(rank(asked, facts))

    assert after[Topic.DOCUMENTATION] == pytest.approx(before[Topic.DOCUMENTATION], abs=1e-6)
    assert rank(asked, facts)[0].topic is Topic.DOCUMENTATION


def test_what_is_the_matter_decides_between_readings_of_the_same_kind() -> None:
    """Calls fail for a rate; the words leave open whether that is meant."""
    torn = question(forbidden=0.5, too_many_requests=0.45)

    assert rank(torn, CALM)[0].topic is Topic.FORBIDDEN
    assert rank(torn, RATE)[0].topic is Topic.TOO_MANY_REQUESTS


def test_a_key_that_is_looked_at_speaks_against_no_topic() -> None:
    """The page of a key is open while the person asks about something else. A named key is what they ask about."""
    torn = question(documentation=0.5, use=0.3)
    at_it = replace(CALM, meant=CALM.keys[:1])
    named = replace(torn, meant=KeyReference((CALM.keys[0].record.id,), is_named=True))

    looked_at, spoken_of = dict(rank(torn, at_it)), dict(rank(named, at_it))

    assert looked_at[Topic.DOCUMENTATION] > spoken_of[Topic.DOCUMENTATION]
    assert rank(torn, at_it)[0].topic is Topic.DOCUMENTATION


def test_a_likely_reading_is_answered_tentatively_and_nobody_is_turned_away_by_a_guess() -> None:
    """Below that, the person is asked."""
    likely = question(history=0.6, use=0.3)
    unclear = question(history=0.25, use=0.2, human=0.2, expiry=0.2)
    guess = question(off_topic=0.45, history=0.3)

    assert not may_answer(likely, rank(likely, CALM))
    assert may_answer_tentatively(rank(likely, CALM))
    assert not may_answer_tentatively(rank(unclear, CALM))
    assert not may_answer_tentatively(rank(guess, CALM))


def test_every_reading_is_still_there_once() -> None:
    """In any order."""
    for world in WORLDS:
        readings = rank(question(history=0.05, off_topic=0.04, greeting=0.03), world.facts)

        assert sorted(reading.topic for reading in readings) == sorted(Topic)


def test_a_greeting_needs_no_certainty_and_another_subject_little() -> None:
    """The answer to a greeting is a question, too; *off topic* is never suggested."""
    greeting = question(greeting=0.3, human=0.2, how_call=0.2)
    other = question(off_topic=0.7, how_call=0.2)
    unclear = question(off_topic=0.3, how_call=0.25, human=0.25)

    assert may_answer(greeting, rank(greeting, CALM))
    assert may_answer(other, rank(other, CALM))
    assert not may_answer(unclear, rank(unclear, CALM))


def test_a_key_that_is_named_makes_its_state_likelier_and_general_questions_less_likely() -> None:
    """A person who names a key seldom asks about the documentation."""
    torn = question(key_state=0.3, documentation=0.3, use=0.2)
    reference = KeyReference((CALM.keys[0].record.id,), is_named=True)

    before = dict(rank(torn, CALM))
    after = dict(rank(replace(torn, meant=reference), replace(CALM, meant=CALM.keys[:1])))

    assert after[Topic.KEY_STATE] > before[Topic.KEY_STATE]
    assert after[Topic.DOCUMENTATION] < before[Topic.DOCUMENTATION]


def test_a_name_alone_asks_for_the_state_of_that_key() -> None:
    """The message has nothing else."""
    name_alone = replace(
        question(history=0.9), meant=KeyReference((CALM.keys[0].record.id,), is_named=True, only_named=True)
    )

    assert rank(name_alone, CALM)[0] == TopicScore(Topic.KEY_STATE, 1.0)
