"""The language of an answer, and that its facts are the same in each language."""

import re
from dataclasses import replace

import pytest
from msgspec import structs

from assistant.diagnose import diagnose
from assistant.explain.by_topic import explained
from assistant.explain.diagnosis import Diagnosis
from assistant.explain.suggestions import suggest
from assistant.facts.conversation_state import ConversationState
from assistant.facts.question import Inquiry
from assistant.intents.topics import Topic
from assistant.language.languages import LANGUAGES
from assistant.language.render import render
from assistant.language.text import Day, Listed, Moment, Slot, Text
from assistant.pipeline import interpret, language_to_answer_in
from assistant.reply.render import to_stored, written
from models.person import Role
from models.usage.refused_request import RefusedReason
from tests.support.assistant.facts_fixtures import facts, key_facts, key_record, tombstone

GERMAN = ConversationState(Topic.CALL_FAILS, replies=(suggest(Topic.EXPIRY).id,), language="de")
KNOWN = facts(
    key_facts(key_record("deploy"), RefusedReason.RATE_LIMITED, passed=5),
    key_facts(key_record("billing"), RefusedReason.REPLACED_SECRET, RefusedReason.QUOTA_EXCEEDED),
    key_facts(tombstone("old"), RefusedReason.DELETED_KEY),
)


@pytest.mark.parametrize(
    ("inquiry", "language"),
    [
        (Inquiry("Why do I get 401?"), "en"),
        (Inquiry("Warum bekomme ich einen 401?"), "de"),
        (Inquiry("Warum bekomme ich einen 401?", language="fr"), "fr"),
        (Inquiry("Pourquoi est-ce que ma clé ne fonctionne pas ?", state=GERMAN), "fr"),
        (Inquiry("401", state=GERMAN), "de"),
        (Inquiry("deleted_key req_0123456789abcdef0123456789abcdef", state=GERMAN), "de"),
        (Inquiry("the first one", state=GERMAN), "de"),
        (Inquiry("Do keys expire?", suggestion_id=suggest(Topic.EXPIRY).id, state=GERMAN), "de"),
        (Inquiry("Do keys expire?", suggestion_id=suggest(Topic.EXPIRY).id, state=GERMAN, language="ja"), "ja"),
        (Inquiry("Laufen Schlüssel ab?", suggestion_id=suggest(Topic.EXPIRY).id), "de"),
        (Inquiry("401", state=structs.replace(GERMAN, language=None)), "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_that_of_the_message(inquiry: Inquiry, language: str) -> None:
    """A click and a message of codes only keep that of the conversation."""
    assert language_to_answer_in(inquiry, interpret(inquiry, [])) == language


def names(slot: Slot) -> list[str]:
    """The names, addresses and ids in the slots, which are the same in each language."""
    match slot:
        case str():
            return [slot]
        case Text():
            return [name for _, each in slot.slots for name in names(each)]
        case Listed():
            return [name for each in slot.parts for name in names(each)]
        case Day() | Moment():
            return [str(slot.at.year), str(slot.at.day)]
        case int():
            return re.findall(r"\d", str(slot))


def told(diagnosis: Diagnosis) -> list[str]:
    """Everything in a diagnosis that no language changes."""
    said = [diagnosis.summary, *diagnosis.steps, *(each.label for each in diagnosis.offers)]
    said += [words for each in diagnosis.evidence for words in (each.label, each.value)]
    said += [each.sentence for each in diagnosis.replies]
    # A label or a value that no catalogue has is a name as well.
    return [name for each in said for name in names(each)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("topic", Topic)
def test_the_facts_of_an_answer_are_the_same_in_each_language(
    topic: Topic, role: Role, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, numbers, hints, dates, ids and links, in the stored answer and in its text."""
    monkeypatch.setattr("assistant.language.languages.COMPLETE", frozenset(LANGUAGES))
    diagnosis = explained(topic, "", replace(KNOWN, actor=facts(role=role).actor))

    stored = to_stored(diagnosis, language, str)
    text = "".join(written(diagnosis, language, str))

    shown = [stored.summary, *stored.steps, *(each.label for each in stored.offers)]
    shown += [words for each in stored.evidence for words in (each.label, each.value)]
    shown += [each.message for each in stored.replies]
    everything = " ".join(shown)
    assert [name for name in told(diagnosis) if name not in everything] == []
    assert all(f"]({each})" in text for each in diagnosis.sources)
    assert [each.at for each in stored.evidence] == [each.at for each in diagnosis.evidence]
    assert (stored.language, stored.key_id) == (language, None if diagnosis.key is None else diagnosis.key.id)
    assert (stored.for_support is None) is (language == "en")
    if stored.for_support is not None:
        assert stored.for_support.summary == render(diagnosis.summary)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_suggestion_may_be_typed_in_each_language(language: str) -> None:
    """As it is written on the button, or in English."""
    sentence = render(suggest(Topic.EXPIRY).sentence, language)

    assert interpret(Inquiry(sentence), []).suggested is Topic.EXPIRY
    assert diagnose(interpret(Inquiry(sentence), []), KNOWN).topic is Topic.EXPIRY
