"""Suggested questions: an id says what is asked, whatever the words of the message are."""

from dataclasses import replace
from uuid import uuid4

import pytest

from assistant.explain.suggestions import (
    IN_GENERAL,
    WHO_USES,
    find_suggestion,
    parse_suggestion_id,
    suggest,
    suggest_of,
    topic_of_sentence,
)
from assistant.facts.conversation_state import ConversationState
from assistant.facts.question import Inquiry
from assistant.intents.topics import Topic
from assistant.language.render import render
from assistant.pipeline import interpret
from models.engine.ids import Prefix, external_id
from tests.support.assistant.facts_fixtures import facts, key_facts, key_record

KEY = key_facts(key_record("deploy"))
OTHER = key_facts(key_record("other"))
KNOWN = facts(KEY, OTHER)
RECORDS = [each.record for each in KNOWN.keys]


@pytest.mark.parametrize("topic", IN_GENERAL)
def test_a_suggestion_is_found_by_its_id(topic: Topic) -> None:
    """In general, and of a key if the question exists for keys."""
    general = suggest(topic, "A label")

    assert find_suggestion(general.id, []) == replace(general, label=general.sentence)
    assert topic_of_sentence(render(general.sentence)) is topic


def test_each_topic_can_be_suggested() -> None:
    """An unclear message is answered with suggestions of the likeliest topics, whichever these are."""
    assert IN_GENERAL.keys() == set(Topic) - {Topic.OFF_TOPIC}


def test_a_suggestion_of_a_key_is_found_only_among_the_keys_that_are_to_be_seen() -> None:
    """Its sentence names the key."""
    suggestion = suggest_of(KNOWN, KEY, WHO_USES)

    assert (suggestion.topic, suggestion.key_id) == (Topic.USE, KEY.record.id)
    assert render(suggestion.sentence) == "Who uses the key “deploy”?"
    assert find_suggestion(suggestion.id, RECORDS) == suggestion
    assert find_suggestion(suggestion.id, [OTHER.record]) is None


@pytest.mark.parametrize(
    "suggestion_id",
    ["", "off-topic", "who-uses", "expiry.", "call-fails.key_1", "expiry." + external_id(Prefix.API_KEY, uuid4()), "."],
)
def test_anything_else_is_the_id_of_no_suggestion(suggestion_id: str) -> None:
    """For example, a question that is not asked of a key, or only of a key."""
    assert parse_suggestion_id(suggestion_id) is None


@pytest.mark.parametrize("text", ["Wer benutzt ihn?", "", "Who uses the key “other”?"])
def test_a_click_needs_no_understanding(text: str) -> None:
    """The id says what is asked and of which key; the text only says in which language."""
    suggestion = suggest_of(KNOWN, KEY, WHO_USES)

    question = interpret(Inquiry(text, suggestion_id=suggestion.id), RECORDS)

    assert question.suggested is Topic.USE
    assert question.meant.key_ids == (KEY.record.id,)
    assert question.text == render(suggestion.sentence)


def test_a_click_on_a_key_that_is_not_to_be_seen_names_none() -> None:
    """It is treated as a named key that does not exist; so is *the first one* if that was the suggestion."""
    key_id = external_id(Prefix.API_KEY, uuid4())
    suggestion_id = f"who-uses.{key_id}"
    state = ConversationState(Topic.USE, replies=(suggestion_id,))

    for inquiry in (Inquiry("Who uses it?", suggestion_id=suggestion_id), Inquiry("the first one", state=state)):
        question = interpret(inquiry, RECORDS)

        assert question.meant.key_ids == ()
        assert question.meant.unseen == key_id
        assert question.text == inquiry.text


def test_a_name_says_nothing_about_the_language_of_a_click() -> None:
    """The suggestion's sentence is English, whatever the key is called."""
    key = key_facts(key_record("決済サーバーの鍵"))
    suggestion = suggest_of(facts(key), key, WHO_USES)

    question = interpret(Inquiry(render(suggestion.sentence), suggestion_id=suggestion.id), [key.record])

    assert question.understood.language == "en"


def test_a_general_suggestion_names_no_key() -> None:
    """Even if a key is called by a word of its sentence. The key that the person looks at is meant, nevertheless."""
    record, looked_at = key_record("documentation"), KEY.record
    suggestion = suggest(Topic.DOCUMENTATION)

    question = interpret(Inquiry(render(suggestion.sentence), suggestion_id=suggestion.id), [record])
    on_a_page = interpret(
        Inquiry("?", suggestion_id=suggestion.id, looking_at=external_id(Prefix.API_KEY, looked_at.id)),
        [record, looked_at],
    )

    assert question.meant.key_ids == ()
    assert on_a_page.meant.key_ids == (looked_at.id,)


def test_the_second_one_is_a_click_on_the_second_one() -> None:
    """Older versions stored replies as sentences."""
    ids = (suggest(Topic.EXPIRY).id, suggest_of(KNOWN, OTHER, Topic.KEY_STATE).id)
    sentences = ("Do keys expire?", "Does the key “other” work?")

    for replies in (ids, sentences):
        question = interpret(
            Inquiry("the second one", state=ConversationState(Topic.GREETING, replies=replies)), RECORDS
        )

        assert question.suggested is Topic.KEY_STATE
        assert question.meant.key_ids == (OTHER.record.id,)


def test_the_sentence_of_a_suggestion_may_be_typed() -> None:
    """Whatever the key's name is; an id is not a sentence."""
    assert interpret(Inquiry("who uses the key deploy"), RECORDS).suggested is Topic.USE
    assert interpret(Inquiry("human"), RECORDS).suggested is None
