"""What is said of causes: each sign and each cause has its sentences, and suggestions tell causes by their ids."""

import pytest

from assistant.explain.suggestions import (
    OF_CAUSE,
    cause_of_sentence,
    find_suggestion,
    parse_suggestion_id,
    suggest_cause,
    topic_of_sentence,
)
from assistant.explain.told.causes import may_answer_cause
from assistant.explain.told.sentences import HOW, REST, WHAT
from assistant.intents.causes import BY_SENTENCE, OF_SIGN, Cause, Sign, ToldCause
from assistant.language.render import render


def test_each_sign_of_a_key_or_a_call_says_what_and_how() -> None:
    """A sign that needs no record says what is wrong and what to do about it."""
    by_records = {Cause.DELETED, Cause.REPLACED, Cause.WRONG_AGENT, Cause.RATE, Cause.QUOTA, Cause.UNAVAILABLE}
    alone = {sign for sign, cause in OF_SIGN.items() if cause not in by_records} - {Sign.FORM, Sign.UNKNOWN_HERE}

    assert set(WHAT) == set(HOW) == alone
    assert set(REST) == set(Cause) - {Cause.UNAVAILABLE}


@pytest.mark.parametrize("cause", OF_CAUSE)
def test_a_suggestion_tells_its_cause(cause: Cause) -> None:
    """Clicked or typed, it means the same."""
    suggestion = suggest_cause(cause)

    assert parse_suggestion_id(suggestion.id) == (suggestion.id, None)
    assert find_suggestion(suggestion.id, ()) == suggestion
    assert suggestion.cause is cause
    assert cause_of_sentence(render(suggestion.sentence)) is cause
    assert topic_of_sentence(render(suggestion.sentence)) is suggestion.topic


@pytest.mark.parametrize(("probability", "is_answered"), [(0.5, False), (0.7, True), (BY_SENTENCE, True)])
def test_an_unlikely_cause_is_only_offered(probability: float, is_answered: bool) -> None:
    """The classifier has to be fairly sure before its cause is answered."""
    assert may_answer_cause(ToldCause(Cause.MISSING, probability)) is is_answered


def test_an_outage_is_told_by_records_only() -> None:
    """That verification was not available is never said because somebody says so."""
    assert not may_answer_cause(ToldCause(Cause.UNAVAILABLE, 1.0))
