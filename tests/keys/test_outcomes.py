"""The table of outcomes is complete, and other tables of outcomes agree with it."""

import re

import pytest
from graphql import GraphQLEnumType, build_schema

from app.observability.metrics import CODES
from assistant.explain import requests
from keys.outcomes import COUNTED, OF_REASON, Outcome
from models.usage.counts import OUTCOMES
from models.usage.counts_queries import Counted
from models.usage.refused_request import RefusedReason
from models.usage.store import KeyCounts
from tests.support.documentation import ROOT

REFUSED = [outcome for outcome in Outcome if outcome is not Outcome.GOOD]
OF_NO_KEY = {
    *(Outcome.MISSING_KEY, Outcome.MALFORMED_KEY, Outcome.INVALID_KEY),
    *(Outcome.GATEWAY_NOT_ALLOWED, Outcome.UNAVAILABLE),
}
"""Outcomes that no key's counts can include."""
NO_FAULT_OF_A_KEY = {Outcome.GATEWAY_NOT_ALLOWED, Outcome.UNAVAILABLE}


@pytest.mark.parametrize("outcome", REFUSED, ids=lambda outcome: outcome.code)
def test_every_refusal_has_each_column(outcome: Outcome) -> None:
    """A code, a status of a refusal, a stored reason, a phrase, and, if the key is known, a counted column."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", outcome.code)
    assert outcome.status in {401, 403, 429, 503}
    assert outcome.reason is not None
    assert OF_REASON[outcome.reason] is outcome
    assert re.fullmatch(r"[a-z][a-z' ]+[a-z]", outcome.phrase)
    assert (outcome.column is None) == (outcome in OF_NO_KEY)


def test_what_passed_is_counted_and_nothing_is_kept_of_it() -> None:
    """The one outcome that refuses nothing."""
    good = Outcome.GOOD

    assert (good.code, good.status, good.column, good.reason) == ("good", 200, "allowed", None)


def test_every_kept_reason_and_every_counted_column_has_its_outcome() -> None:
    """Exactly one; the columns of a row of counts are in the order in which they are counted."""
    assert set(OF_REASON) == set(RefusedReason)
    assert sorted(COUNTED.values()) == list(range(len(OUTCOMES)))
    assert all(outcome.column == OUTCOMES[place] for outcome, place in COUNTED.items())
    assert KeyCounts._fields[3:-2] == Counted._fields[2:] == OUTCOMES
    assert COUNTED[Outcome.GOOD] == 0


def test_only_one_outcome_is_kept_under_another_word_than_its_code() -> None:
    """Callers get invalid_key, admins UNKNOWN_KEY: whether such a key exists is hidden from the caller."""
    others = {(each.code, each.reason) for each in REFUSED if each.reason is not None and each.reason != each.code}

    assert others == {("invalid_key", RefusedReason.UNKNOWN_KEY)}


def test_metrics_count_each_code() -> None:
    """From the start, so that each series exists before its first event."""
    assert sorted(CODES) == sorted(outcome.code for outcome in Outcome)


def test_graphql_shows_the_kept_reasons_that_a_keys_page_can_have() -> None:
    """All reasons except those that no key causes."""
    shown = build_schema((ROOT / "schema" / "schema.graphql").read_text(encoding="utf-8")).type_map["RefusalReason"]

    assert isinstance(shown, GraphQLEnumType)
    assert set(shown.values) == {
        outcome.reason.name for outcome in REFUSED if outcome.reason and outcome not in NO_FAULT_OF_A_KEY
    }


def test_the_assistant_explains_each_kept_reason() -> None:
    """From the facts of the key if it is known, otherwise from the request."""
    assert {*requests._OF_A_KEY, *requests._OF_NO_KEY} == set(RefusedReason)
    assert {OF_REASON[reason] for reason in requests._OF_A_KEY} == set(COUNTED) - {Outcome.GOOD}


def test_the_console_shows_each_reason_with_its_code_and_status() -> None:
    """The console has its own words for them."""
    text = (ROOT / "console" / "src" / "usage" / "reasons.ts").read_text(encoding="utf-8")
    shown = re.findall(r"^  ([A-Z_]+): \{\n    code: '(\w+)',\n    status: (\d+),$", text, re.MULTILINE)

    assert sorted(shown) == sorted(
        (outcome.reason.name, outcome.code, str(outcome.status))
        for outcome in REFUSED
        if outcome.reason and outcome not in NO_FAULT_OF_A_KEY
    )
