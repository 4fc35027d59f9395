"""
Diagnoses pasted keys: what is wrong with their form, their state, and what to do about them.

A key of another organization, an invented key and a mistyped key get the same answer.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain import requests as requests_explained
from assistant.explain.actions import rotate, usage, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.failing_calls import OF_TOPIC, of_key
from assistant.explain.managing_keys import GOT_OUT, exposed
from assistant.explain.pasted_key_state import (
    dated,
    explains_a_failure,
    is_anothers,
    is_dangerous,
    not_looked_up,
    state_of,
    told_by_possession,
    unclear,
)
from assistant.explain.pasted_tokens import TOKENS_OF_PROGRAMS, leaked_token
from assistant.explain.refusals import replaced
from assistant.explain.requests import malformed, unknown
from assistant.facts.facts import Facts, KeyFacts, PastedKey, Possession
from assistant.facts.question import Question
from assistant.intents.topics import Topic
from assistant.language.recorded import malformed_detail
from assistant.language.text import Words, counted, listed, say, template
from models.usage.refused_request import RefusedReason

_PASTED_ASIDE = frozenset({Topic.EXPOSED_KEY, Topic.LOST_SECRET, Topic.HISTORY, Topic.USE, Topic.HUMAN})
"""Topics for which a pasted key is only a detail of the question."""
_SENT_AS_KEY = re.compile(r"(?:\bbearer\s+|\bx-api-key\s*[:=]\s*)[\"']?[a-z][a-z0-9]{0,11}_\w{2,8}(?:…|\.{2,3})", re.I)
_NOT_TO_BLAME = frozenset({Case.KEY_WORKS, Case.NO_REQUESTS_SEEN, Case.NEEDS_DETAILS})
"""Cases in which the key is valid or was not looked up, so that a mistake in the header is the likelier cause."""
_OF_LIMITS = frozenset({say("rate_limited"), say("quota_exceeded")})
LINES_AT_MOST = 10
"""How many pasted keys get a line of evidence."""
_ROTATES = frozenset({Case.KEY_EXPOSED, Case.SECRET_LOST})
"""Cases whose steps rotate the key that they are about."""


def pasted_in_question(question: Question, facts: Facts, topic: Topic | None) -> PastedKey | None:
    """
    The pasted key that the message is about: the first that explains a failure, or the most dangerous one of a leak.

    `topic` is what the message is about, if that is certain. A hint only says which key is meant, unless it was sent
    as if it were a key.
    """
    in_place = [
        each
        for each in facts.pasted
        if each.possession is not None or not each.is_hint or _SENT_AS_KEY.search(question.text)
    ]
    if topic is Topic.EXPOSED_KEY:
        return min((each for each in in_place if not each.is_hint), key=is_dangerous, default=None)
    return None if topic in _PASTED_ASIDE else min(in_place, key=explains_a_failure, default=None)


def of_pasted(question: Question, facts: Facts, key: PastedKey, topic: Topic, *, is_leaked: bool) -> Diagnosis:
    """The diagnosis of this pasted key, with a line of evidence for each of the others."""
    if is_leaked:
        return beside(facts, leaked(facts, key), key)
    understood = question.understood
    diagnosis = pasted(facts, key, Topic.TOO_MANY_REQUESTS if _is_of_limits(question) else topic)
    if understood.header_mistakes and diagnosis.case in _NOT_TO_BLAME:
        mistaken = requests_explained.header_mistakes(understood.header_mistakes)
        evidence = (*mistaken.evidence, *diagnosis.evidence)
        diagnosis = replace(mistaken, evidence=evidence, key=diagnosis.key, offers=diagnosis.offers)
    return beside(facts, diagnosis, key)


def _is_of_limits(question: Question) -> bool:
    """Whether a code in the message, or its only status, is about a limit."""
    understood = question.understood
    return bool(_OF_LIMITS & {*understood.codes}) or set(understood.status_codes) == {429}


def pasted(facts: Facts, key: PastedKey, topic: Topic) -> Diagnosis:
    """The diagnosis of one pasted key."""
    if key.malformed is not None and key.possession is None:
        return malformed(key.malformed.detail, key.hint)
    match key.possession:
        case None:
            return not_looked_up(facts, key) if key.key is None else _named_by_its_hint(facts, key, key.key, topic)
        case Possession.UNKNOWN:
            return unknown(key.hint)
        case Possession.UNCLEAR:
            return unclear(key)
        case _:
            return _possessed(facts, key, topic)


def leaked(facts: Facts, key: PastedKey) -> Diagnosis:
    """What to do about a pasted key that was exposed."""
    if key.malformed is not None and key.malformed.error in TOKENS_OF_PROGRAMS:
        return leaked_token(facts, key, key.malformed)
    given = Fact(say("What was pasted"), key.hint or "")
    state = Fact(say("State"), state_of(key), facts.now if key.possession is Possession.WORKS else None)
    if key.possession is Possession.UNKNOWN:
        diagnosis = unknown(key.hint)
        elsewhere = say(
            "If the key belongs to another installation or organization, its admins should rotate it "
            "without an overlap, or delete it, at once."
        )
        return replace(diagnosis, steps=(elsewhere, *diagnosis.steps), sources=(sources.EXPOSED, *diagnosis.sources))
    if key.possession is Possession.REPLACED:
        record = None if key.key is None else key.key.record
        return Diagnosis(
            Case.KEY_EXPOSED,
            dated(
                key,
                say("This secret was replaced by a newer one: it no longer works."),
                template("This secret was replaced by a newer one on {day}: it no longer works."),
            ),
            (given, state),
            (say("You don't need to rotate the key: the current secret is a different one."),),
            record,
            () if record is None else (usage(record),),
            sources=(sources.EXPOSED,),
        )
    if key.key is not None:
        diagnosis = exposed(facts, key.key)
        return replace(diagnosis, evidence=(given, state, *diagnosis.evidence))
    if key.possession is Possession.DELETED:
        return Diagnosis(
            Case.KEY_EXPOSED,
            dated(
                key,
                say("This key was deleted: its secret no longer works."),
                template("This key was deleted on {day}: its secret no longer works."),
            ),
            (given, state),
            (
                say(
                    "Ask an organization admin to look at who used it before it was deleted: {admins}.",
                    admins=whom(facts),
                ),
            ),
            sources=(sources.EXPOSED,),
        )
    step = say("Ask an organization admin to rotate the key without an overlap, at once: {admins}.", admins=whom(facts))
    if key.malformed is not None and is_anothers(key):
        summary = say("The pasted text is not a key of this service, and can't be revoked here.")
        given, step = (
            Fact(say("What was pasted"), malformed_detail(key.malformed.detail)),
            say("Replace it at once where it was issued."),
        )
    else:
        summary = GOT_OUT
        if facts.manages and key.possession is None:
            step = say(
                "Find the key by its hint under API Keys, and rotate it without an overlap or delete it: "
                "both take effect at once."
            )
    evidence = (given,) if is_anothers(key) else (given, state)
    return Diagnosis(Case.KEY_EXPOSED, summary, evidence, (step,), sources=(sources.EXPOSED,))


def beside(facts: Facts, diagnosis: Diagnosis, told: PastedKey | None = None) -> Diagnosis:
    """Adds a line of evidence for each other pasted key, and a step to rotate the pasted keys that are valid."""
    others = [each for each in facts.pasted if each is not told and not each.is_hint and not is_anothers(each)]
    label = say("What was pasted") if told is None else say("Also pasted")
    lines = [
        Fact(label, say("{pasted_key}: {state}", pasted_key=_named(each), state=state_of(each)))
        for each in others[:LINES_AT_MOST]
    ]
    if len(others) > LINES_AT_MOST:
        lines.append(Fact(label, counted("{count} more key", "{count} more keys", len(others) - LINES_AT_MOST)))
    living = [each for each in facts.pasted if _is_living(each) and not _is_rotated(diagnosis, each, told)]
    named = tuple(each.key.record.id for each in others[:LINES_AT_MOST] if each.key is not None)
    diagnosis = replace(diagnosis, evidence=(*diagnosis.evidence, *lines), keys=(*diagnosis.keys, *named))
    return _with_rotation(facts, diagnosis, living)


def _with_rotation(facts: Facts, diagnosis: Diagnosis, living: Sequence[PastedKey]) -> Diagnosis:
    theirs = {each.key.record.id: each.key.record for each in living if each.key is not None and each.key.may_manage}
    unseen = [each.hint or "" for each in living if each.key is None or not each.key.may_manage]
    steps = [
        say("Rotate the key: it was pasted somewhere, where somebody may find its secret.")
        if each == diagnosis.key
        else say(
            "Rotate the key {key}: it was pasted somewhere, where somebody may find its secret.", key=words.named(each)
        )
        for each in theirs.values()
    ]
    if len(unseen) == 1:
        steps.append(
            say(
                "Ask an organization admin to rotate the key {key}, pasted somewhere, where somebody may find the "
                "secret: {admins}.",
                key=unseen[0],
                admins=whom(facts),
            )
        )
    elif unseen:
        steps.append(
            say(
                "Ask an organization admin to rotate the keys {keys}, pasted somewhere, where somebody may find the "
                "secret: {admins}.",
                keys=listed(unseen),
                admins=whom(facts),
            )
        )
    offers = [rotate(each) for each in theirs.values()]
    return replace(
        diagnosis,
        steps=(*diagnosis.steps, *steps),
        offers=(*diagnosis.offers, *(each for each in offers if each not in diagnosis.offers)),
    )


def _is_living(key: PastedKey) -> bool:
    """Whether the pasted key is valid, or its hint is that of an active key."""
    is_named = key.possession is None and key.key is not None and not key.key.is_deleted
    return key.possession is Possession.WORKS or is_named


def _is_rotated(diagnosis: Diagnosis, key: PastedKey, told: PastedKey | None) -> bool:
    """Whether the diagnosis already says to rotate this key."""
    is_about = key is told or (key.key is not None and key.key.record == diagnosis.key)
    return diagnosis.case in _ROTATES and is_about


def _named(key: PastedKey) -> Words:
    return (
        key.hint or ""
        if key.key is None
        else say("{key}, {hint}", key=words.named(key.key.record), hint=key.hint or "")
    )


def _possessed(facts: Facts, pasted_key: PastedKey, topic: Topic) -> Diagnosis:
    """A key of this organization. A person who may not see it gets only its state and the day of its last change."""
    if pasted_key.key is None or not pasted_key.key.is_detailed:
        diagnosis = told_by_possession(facts, pasted_key, topic)
    elif pasted_key.possession is Possession.REPLACED:
        diagnosis = replaced(facts, pasted_key.key)
    else:
        diagnosis = _of_seen_key(facts, pasted_key.key, topic)
    wrong = (
        ()
        if pasted_key.malformed is None
        else (Fact(say("As it was pasted"), malformed_detail(pasted_key.malformed.detail)),)
    )
    return replace(
        diagnosis,
        evidence=(Fact(say("What was pasted"), pasted_key.hint or ""), *wrong, *diagnosis.evidence),
    )


def _of_seen_key(facts: Facts, key: KeyFacts, topic: Topic) -> Diagnosis:
    about = topic if topic in OF_TOPIC else Topic.CALL_FAILS
    # The pasted secret is the current one. Requests with an older secret are not what the person asks about.
    reasons = tuple(each for each in OF_TOPIC[about] if each is not RefusedReason.REPLACED_SECRET)
    diagnosis = of_key(facts, key, about, reasons)
    if about is Topic.TOO_MANY_REQUESTS and key.balance is None and not key.is_deleted:
        not_asked = Fact(say("Its limits"), say("not checked: the limiter is not available at the moment"))
        diagnosis = replace(diagnosis, evidence=(*diagnosis.evidence, not_asked))
    return diagnosis


def _named_by_its_hint(facts: Facts, pasted_key: PastedKey, key: KeyFacts, topic: Topic) -> Diagnosis:
    """A key that was not looked up, but whose hint is that of a key that the person may see: treated as named."""
    about = topic if topic in OF_TOPIC else Topic.CALL_FAILS
    diagnosis = of_key(facts, key, about, OF_TOPIC[about])
    given = Fact(
        say("What was pasted"), say("{hint}, not looked up: the key is named by its hint", hint=pasted_key.hint or "")
    )
    return replace(diagnosis, evidence=(given, *diagnosis.evidence))
