"""Sentences that other layers wrote in English are recognized, whatever is in their slots."""

from itertools import product

import pytest

from assistant.language.recorded import event_summary, malformed_detail
from assistant.language.render import render
from assistant.language.text import Text
from keys.verification.malformed import WORDS, WRAPPER_WORDS, Finding, describe
from keys.verification.malformed_rules import IDS, VENDORS, FormatError

FACTS = {
    FormatError.ID: tuple(IDS),
    FormatError.VENDOR: tuple(VENDORS),
    FormatError.TOO_SHORT: ("1 character", "12 characters"),
    FormatError.TOO_LONG: ("1 character", "500 characters"),
}
WRAPPERS = [(), (FormatError.QUOTED,), (FormatError.BEARER, FormatError.STRUCTURED)]
FINDINGS = [
    Finding(error, fact, wrappers) for error, wrappers in product(WORDS, WRAPPERS) for fact in FACTS.get(error, ("",))
] + [Finding(error, "", (error, *more)) for error in WRAPPER_WORDS for more in ((), (FormatError.WHITE_SPACE,))]


@pytest.mark.parametrize("finding", FINDINGS, ids=str)
def test_each_description_of_a_malformed_key_is_recognized(finding: Finding) -> None:
    """Each sentence of it, in the same words, so that whoever got it finds it again."""
    detail = describe(finding, "kd")

    recognized = malformed_detail(detail)

    assert isinstance(recognized, Text), detail
    assert render(recognized) == detail


def test_a_description_of_an_earlier_version_is_recognized() -> None:
    """Refused requests were stored with it."""
    stored = "The key is too short by 3 characters. Copy the whole key from where it was stored when it was created"

    recognized = malformed_detail(f"{stored}, without quotes or brackets.")

    assert isinstance(recognized, Text)
    assert render(recognized) == f"{stored}. Leave out quotes or brackets."


@pytest.mark.parametrize(
    "summary",
    [
        "The organization-level API key “deploy” was created.",
        "The agent-level API key “a “b” c” was created.",
        "The API key “deploy” was renamed to “deploy 2”.",
        "The API key “deploy” was given a new secret.",
        "The API key “deploy” was given a new secret. The secret before works for 3600 more seconds.",
        "The API key “deploy” was deleted.",
        "The API key “deploy” was deleted with its agent “Crawler”.",
        "The limits of the API key “deploy” were changed: rate limit 600 to 60.",
        "The agent “Crawler” was created.",
        "The agent “Crawler” was renamed to “Spider”.",
        "The agent “Crawler” was deleted.",
        "The service token “bot” was revoked.",
        "The invitation of noa@example.com was revoked.",
    ],
)
def test_the_events_of_the_audit_log_are_recognized(summary: str) -> None:
    """In the same words in English."""
    recognized = event_summary(summary)

    assert isinstance(recognized, Text)
    assert f"{render(recognized)}." == summary


def test_other_sentences_are_shown_as_they_were_written() -> None:
    """For example, those of an older version."""
    assert event_summary("Somebody did something.") == "Somebody did something"
    assert malformed_detail("It is wrong. Send another.") == "It is wrong. Send another."
    assert malformed_detail("There is more than one key. Do something.") == "There is more than one key. Do something."
