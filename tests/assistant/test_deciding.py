"""Whether a question is answered, answered tentatively, or asked back, by how likely its readings are."""

from dataclasses import replace

import pytest

from assistant.diagnose import Answered, diagnose
from assistant.explain.diagnosis import Case
from assistant.explain.small_talk import REPLIES_AT_MOST
from assistant.facts.facts import Facts
from assistant.facts.question import Inquiry
from assistant.intents.topics import Topic, TopicScore
from assistant.intents.understand import understand
from assistant.language.languages import LANGUAGES
from assistant.pipeline import interpret
from assistant.reply.render import to_stored, written
from assistant.reply.stored_answer import read, to_json
from models.engine.ids import Prefix, external_id
from models.usage.refused_request import RefusedReason
from tests.support.assistant.facts_fixtures import NOON, facts, key_facts, key_record, tombstone

DELETED = key_facts(tombstone("deploy"), RefusedReason.DELETED_KEY, calls_since_deletion=7)
GOOD = key_facts(key_record("good", last_used_at=NOON), passed=5)
CALM = facts(GOOD)
REST = 1e-4
"""The share of every topic that a test does not name."""


def decided(known: Facts, text: str = "something", looking_at: str | None = None, **shares: float) -> Answered:
    """The answer to a message whose words give these topics these shares."""
    said = {topic: shares.get(topic.name.lower(), REST) for topic in Topic}
    readings = tuple(TopicScore(topic, share) for topic, share in sorted(said.items(), key=lambda item: -item[1]))
    question = interpret(
        Inquiry(text, looking_at=looking_at),
        [each.record for each in known.keys],
        lambda message: understand(message)._replace(readings=readings),
    )
    meant = [each for each in known.keys if each.record.id in question.meant.key_ids]
    return diagnose(question, replace(known, meant=meant, meant_unseen=question.meant.unseen))


def test_a_likely_reading_is_answered_with_how_it_was_read_and_the_others() -> None:
    """The answer is that of a sure question; nothing else is added to it."""
    sure = decided(CALM, expiry=0.99)
    likely = decided(CALM, expiry=0.6, how_rotate=0.2, how_delete=0.1, key_list=0.05)

    assert (likely.topic, likely.is_tentative, likely.is_direct) == (Topic.EXPIRY, True, True)
    assert (sure.is_tentative, sure.diagnosis.reading) == (False, None)
    assert [each.topic for each in likely.diagnosis.replies][:REPLIES_AT_MOST] == [
        *(Topic.HOW_ROTATE, Topic.HOW_DELETE, Topic.KEY_LIST),
    ]
    assert replace(likely.diagnosis, reading=None, replies=sure.diagnosis.replies) == sure.diagnosis


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_it_was_read_stands_below_the_answer_and_is_stored(language: str) -> None:
    """The sentence names the question that was answered."""
    diagnosis = decided(CALM, expiry=0.6, how_rotate=0.2).diagnosis

    stored = to_stored(diagnosis, language, str)
    chunks = [chunk.strip() for chunk in written(diagnosis, language, str)]

    assert stored.reading is not None
    assert "{" not in stored.reading
    assert stored.reading in chunks[1:]
    assert read(to_json(stored)) == stored


def test_an_older_stored_answer_is_read_as_sure() -> None:
    """It has no word about how the question was read."""
    stored = read('{"case": "how-to", "summary": "Keys don\'t expire."}')

    assert stored is not None
    assert stored.reading is None


def test_an_answer_that_asks_for_details_says_nothing_of_how_it_was_read() -> None:
    """It is a question itself: which key, and what happens."""
    asked = decided(facts(GOOD, key_facts(key_record("other"))), unauthorized=0.6, how_call=0.3)

    assert asked.diagnosis.case is Case.NEEDS_DETAILS
    assert asked.diagnosis.reading is None
    assert 0 < len(asked.diagnosis.replies) <= REPLIES_AT_MOST


def test_where_nothing_is_likely_it_says_what_it_noticed_and_asks_one_thing() -> None:
    """The key that is meant, the status and the code."""
    unclear = decided(
        CALM, "the thing with good, error 500, somehow", how_rotate=0.27, how_delete=0.26, how_rename=0.24, use=0.2
    )

    noticed = {str(fact.label): fact for fact in unclear.diagnosis.evidence}
    assert unclear.diagnosis.case is Case.NEEDS_DETAILS
    assert len(unclear.diagnosis.replies) == REPLIES_AT_MOST
    assert len(unclear.diagnosis.steps) == 1
    assert len(noticed) == 2


def test_something_fails_while_looking_at_a_key_is_about_that_key() -> None:
    """Without its name in the message, tentatively or surely."""
    known = facts(GOOD, DELETED)

    answered = decided(
        known, "it fails", looking_at=external_id(Prefix.API_KEY, DELETED.record.id), call_fails=0.6, how_call=0.3
    )

    assert answered.diagnosis.case is Case.KEY_DELETED
    assert answered.diagnosis.key == DELETED.record
