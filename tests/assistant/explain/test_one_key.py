"""Explanations of one key: it is called good only if requests pass, and every figure was looked up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from assistant.explain.diagnosis import Case
from assistant.explain.failing_calls import of_key, only_one, which_key, why_calls_fail
from assistant.explain.history_and_usage import KEYS_TOLD, key_list
from assistant.explain.one_key import works
from assistant.facts.facts import Facts, KeyFacts, RefusalFacts
from assistant.intents.topics import Topic
from keys.limits.sliding_window import LimitStatus, month_of, to_ms
from models.usage.refused_request import RefusedReason
from tests.support.assistant.facts_fixtures import CRAWLER, NOON, facts, key_facts, key_record, tombstone
from tests.support.assistant.shown import shown

LATER = NOON + timedelta(minutes=40)
"""After the hour, so that the last day is more than 24 hours."""


def later(known: Facts) -> Facts:
    """The same facts, forty minutes later."""
    return replace(known, now=LATER)


@pytest.mark.parametrize(
    ("ago", "passed", "case"),
    [
        (timedelta(hours=24, minutes=10), 3, Case.KEY_WORKS),
        (timedelta(hours=24, minutes=40), 3, Case.KEY_WORKS),
        (timedelta(hours=24, minutes=41), 0, Case.NO_REQUESTS_SEEN),
    ],
)
def test_the_last_day_is_the_same_wherever_it_is_told_of(ago: timedelta, passed: int, case: Case) -> None:
    """Requests are counted from an hour's beginning on, so counted requests have not *not arrived*."""
    key = key_facts(key_record("edge", last_used_at=LATER - ago), passed=passed)

    diagnosis = works(later(facts(key)), key)

    assert diagnosis.case is case
    assert later(facts(key)).since == NOON - timedelta(days=1)


@pytest.mark.parametrize(
    ("reason", "case"),
    [
        (RefusedReason.RATE_LIMITED, Case.RATE_LIMITED),
        (RefusedReason.QUOTA_EXCEEDED, Case.QUOTA_EXCEEDED),
        (RefusedReason.AGENT_NOT_IN_SCOPE, Case.AGENT_NOT_IN_SCOPE),
        (RefusedReason.REPLACED_SECRET, Case.SECRET_REPLACED),
    ],
)
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_key_of_which_all_is_refused_is_not_called_good(reason: RefusedReason, case: Case, is_kept: bool) -> None:
    """For any question, the explanation names the reason, from the newest request or from the counts."""
    key = key_facts(key_record("refused"), reason)
    key = key if is_kept else replace(key, newest_refused=())
    passing = replace(key, passed=1)

    assert works(facts(key), key).case is case
    assert works(facts(passing), passing).case is Case.KEY_WORKS


def test_a_key_that_passed_before_is_good_and_says_when_it_did() -> None:
    """Older refusals are not named as the reason why calls fail now."""
    old = RefusalFacts("req_1", RefusedReason.RATE_LIMITED, NOON - timedelta(days=9))
    used, unused = key_facts(key_record("used", last_used_at=NOON - timedelta(days=3))), key_facts(key_record("unused"))
    used = replace(used, newest_refused=(old,))

    of_used, of_unused = works(facts(used), used), works(facts(unused), unused)

    assert of_used.case is of_unused.case is Case.NO_REQUESTS_SEEN
    assert "the last that passed was on 21 November 2026 at 12:00 UTC" in shown(of_used).summary
    assert "none ever has" in shown(of_unused).summary


def test_a_quota_that_was_used_up_and_has_room_again_is_told_of_as_such() -> None:
    """The answer is about the refusal, and adds that there is room now."""
    balance = LimitStatus(600, 0, 12, month_of(to_ms(NOON)), to_ms(NOON))
    key = key_facts(key_record("roomy"), RefusedReason.QUOTA_EXCEEDED, passed=5, balance=balance)

    diagnosis = of_key(facts(key), key, Topic.CALL_FAILS, (RefusedReason.QUOTA_EXCEEDED,))

    assert diagnosis.case is Case.QUOTA_EXCEEDED
    assert "had used up" in shown(diagnosis).summary
    assert "Requests can pass again" in shown(diagnosis).summary


def test_a_403_that_is_not_on_record_has_two_likely_causes() -> None:
    """Neither is stated as a fact, and the evidence has no count of zero."""
    key = key_facts(key_record("scoped", agent=CRAWLER))

    diagnosis = of_key(facts(key), key, Topic.FORBIDDEN, (RefusedReason.AGENT_NOT_IN_SCOPE,))

    assert diagnosis.case is Case.AGENT_NOT_IN_SCOPE
    assert "another agent" in shown(diagnosis).summary
    assert "gateway" in shown(diagnosis).summary
    assert "0 requests" not in str(shown(diagnosis).evidence)
    assert {"/docs/errors#agent_not_in_scope", "/docs/errors#gateway_not_allowed"} == set(diagnosis.sources)


def not_looked_into(key: KeyFacts) -> KeyFacts:
    """The key's facts before its details are gathered."""
    return replace(key, is_detailed=False, newest_refused=(), calls_since_deletion=0)


def test_no_figures_are_told_of_a_key_that_was_not_looked_into() -> None:
    """The person is asked whether they mean this key; to explain it without details is an error."""
    good = not_looked_into(key_facts(key_record("good")))
    dead = not_looked_into(key_facts(tombstone("dead"), RefusedReason.DELETED_KEY))

    diagnosis = why_calls_fail(facts(good, dead), Topic.UNAUTHORIZED)

    assert diagnosis.case is Case.NEEDS_DETAILS
    assert only_one([dead], ()) is None
    with pytest.raises(ValueError, match="details of this key were not read"):
        works(facts(good), good)


def test_deleted_keys_of_one_name_are_told_apart_by_who_deleted_them_and_when() -> None:
    """If nothing was refused since."""
    ago = [timedelta(days=each) for each in (3, 40)]
    keys = [key_facts(tombstone("billing", deleted_at=NOON - each)) for each in ago]

    diagnosis = which_key(facts(*keys), keys, Topic.UNAUTHORIZED)

    assert [each.at for each in diagnosis.evidence] == [NOON - each for each in ago]
    assert {each.value for each in shown(diagnosis).evidence} == {"deleted by Ada (ada@example.com)"}


@pytest.mark.parametrize(("number", "last"), [(KEYS_TOLD, "last used: never"), (KEYS_TOLD + 3, "and 3 more")])
def test_a_long_list_of_keys_is_counted_to_its_end(number: int, last: str) -> None:
    """The first keys, and the number of others."""
    keys = [key_facts(key_record(f"number {each}")) for each in range(number)]

    evidence = shown(key_list(facts(*keys))).evidence

    assert len(evidence) == KEYS_TOLD + (number > KEYS_TOLD)
    assert evidence[-1].value == last
