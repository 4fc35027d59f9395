"""
Weighs the cause that a message tells with the records of keys.

Where both agree, the records explain it. Where they don't, the answer says both. Requests without a whole key belong
to no key, so no record of a key can show them: then the answer is what the person says, and what to do about it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import contact, whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.failing_calls import OF_TOPIC, only_one, trouble, why_calls_fail
from assistant.explain.refusals import deleted
from assistant.explain.requests import HOW_TO_SEND, TRY_IT, unavailable
from assistant.explain.suggestions import OF_CAUSE, suggest, suggest_cause, suggest_of
from assistant.explain.told.sentences import HOW, REST, WHAT
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.causes import BY_RULE, Cause, Sign, ToldCause
from assistant.intents.topics import Topic
from assistant.language.text import Words, counted, say, sentences
from models.usage.refused_request import RefusedReason

ANSWERED_FROM = 0.7
"""The probability from which a cause that only the classifier reads is answered. Below it, it is only offered."""
REPLIES_AT_MOST = 3
OFFERED_AT_MOST = 2
TROUBLE_TOLD = 2

_REASONS: Mapping[Cause, tuple[Topic, RefusedReason]] = {
    Cause.DELETED: (Topic.UNAUTHORIZED, RefusedReason.DELETED_KEY),
    Cause.REPLACED: (Topic.UNAUTHORIZED, RefusedReason.REPLACED_SECRET),
    Cause.WRONG_AGENT: (Topic.FORBIDDEN, RefusedReason.AGENT_NOT_IN_SCOPE),
    Cause.RATE: (Topic.TOO_MANY_REQUESTS, RefusedReason.RATE_LIMITED),
    Cause.QUOTA: (Topic.TOO_MANY_REQUESTS, RefusedReason.QUOTA_EXCEEDED),
}
"""The causes that the records of keys show: the topic, and the reason for which requests are refused."""
_CASES: Mapping[Cause, Case] = {
    Cause.MISSING: Case.KEY_MISSING,
    Cause.MALFORMED: Case.KEY_MALFORMED,
    Cause.UNKNOWN: Case.KEY_UNKNOWN,
    Cause.OTHER_ISSUER: Case.KEY_UNKNOWN,
    Cause.DELETED: Case.KEY_DELETED,
    Cause.REPLACED: Case.SECRET_REPLACED,
    Cause.WRONG_AGENT: Case.AGENT_NOT_IN_SCOPE,
    Cause.RATE: Case.RATE_LIMITED,
    Cause.QUOTA: Case.QUOTA_EXCEEDED,
    Cause.NETWORK: Case.NO_REQUESTS_SEEN,
}
_NOT_RECORDED: Mapping[Cause, Words] = {
    Cause.MISSING: say("No record shows it: a request without a key belongs to no key."),
    Cause.MALFORMED: say("No record shows it: a request whose key is not whole belongs to no key."),
    Cause.UNKNOWN: say("No record shows it: a request with an unknown key belongs to no key."),
    Cause.OTHER_ISSUER: say("No record shows it: a request with a key of somebody else belongs to no key."),
    Cause.DELETED: say("No request with a deleted key that you may see was refused in the last day."),
    Cause.REPLACED: say("No request with a replaced secret of a key that you may see was refused in the last day."),
    Cause.WRONG_AGENT: say("No request with a key that you may see was refused for another agent in the last day."),
    Cause.RATE: say("No key that you may see was over its rate limit in the last day."),
    Cause.QUOTA: say("No key that you may see has used up its quota."),
    Cause.NETWORK: say("Such a call leaves no record here: it did not reach Keydesk, or another server answered it."),
}
_NOT_SO: Mapping[Cause, Words] = {
    Cause.DELETED: say("You say that the key was deleted. By the records, it was not."),
    Cause.REPLACED: say("You say that an old secret is still used. The records show no request with it."),
    Cause.WRONG_AGENT: say("You say that the key is for another agent. The records show no such refusal."),
    Cause.RATE: say("You say that there were too many requests. By the records, the key was not over its rate limit."),
    Cause.QUOTA: say("You say that the quota is used up. By the records, it is not."),
}
"""What is said before the finding if the records of the key in question show something else."""
_OF_SIGN_CASE: Mapping[Sign, Case] = {Sign.OTHER_VENDOR: Case.KEY_MALFORMED}
"""Signs with another case than their cause: another vendor's key does not have the form of ours."""
_SOURCES: Mapping[Cause, tuple[str, ...]] = {
    Cause.MISSING: (sources.of_refusal(RefusedReason.MISSING_KEY), sources.SENDING),
    Cause.MALFORMED: (sources.of_refusal(RefusedReason.MALFORMED_KEY), sources.SENDING),
    Cause.UNKNOWN: (sources.of_refusal(RefusedReason.UNKNOWN_KEY), sources.SENDING),
    Cause.OTHER_ISSUER: (sources.of_refusal(RefusedReason.UNKNOWN_KEY), sources.SENDING),
    Cause.DELETED: (sources.of_refusal(RefusedReason.DELETED_KEY), sources.DELETE),
    Cause.REPLACED: (sources.of_refusal(RefusedReason.REPLACED_SECRET), sources.ROTATE),
    Cause.WRONG_AGENT: (sources.of_refusal(RefusedReason.AGENT_NOT_IN_SCOPE), sources.AGENTS),
    Cause.RATE: (sources.of_refusal(RefusedReason.RATE_LIMITED), sources.LIMITS),
    Cause.QUOTA: (sources.of_refusal(RefusedReason.QUOTA_EXCEEDED), sources.LIMITS),
    Cause.NETWORK: (sources.SENDING, sources.ERRORS),
}
_OF_A_CALL = frozenset({Cause.MISSING, Cause.MALFORMED})
"""Causes whose steps say how a key is sent."""


def may_answer_cause(told: ToldCause) -> bool:
    """Whether the cause is certain enough to be answered, and not only to be offered."""
    return told.probability >= ANSWERED_FROM and told.cause in _CASES


def of_cause(facts: Facts, told: ToldCause) -> Diagnosis:
    """The diagnosis of failing calls for which the person tells this cause."""
    key = only_one(facts.meant, ()) if facts.meant else None
    if told.cause in _REASONS:
        return _of_recorded(facts, told, key)
    if told.cause is Cause.NETWORK and not facts.verification_is_available:
        return unavailable()
    if key is not None and (key.is_deleted or key.refused_for(OF_TOPIC[Topic.CALL_FAILS])):
        by_records = why_calls_fail(facts, Topic.CALL_FAILS)
        steps = (*by_records.steps, *_how(told))
        return replace(by_records, evidence=(*_said(told), *by_records.evidence), steps=steps)
    return _as_told(facts, told, key)


def offer_causes(diagnosis: Diagnosis, told: Sequence[ToldCause], topic: Topic) -> Diagnosis:
    """
    Where the person is asked which key it is: also offers the causes that the message may tell.

    Keys that the evidence names come first, because the records show something of them.
    """
    if diagnosis.case is not Case.NEEDS_DETAILS:
        return diagnosis
    causes = [*(each.cause for each in told), *_USUAL.get(topic, ())]
    offered = [suggest_cause(cause) for cause in dict.fromkeys(causes) if cause in OF_CAUSE][:OFFERED_AT_MOST]
    if not offered:
        return diagnosis
    recorded = sum(each.key_id in diagnosis.keys for each in diagnosis.replies)
    kept = diagnosis.replies[: max(1, min(recorded, REPLIES_AT_MOST - 1), REPLIES_AT_MOST - len(offered))]
    return replace(diagnosis, replies=(*kept, *offered)[:REPLIES_AT_MOST])


_USUAL: Mapping[Topic, tuple[Cause, ...]] = {Topic.UNAUTHORIZED: (Cause.MISSING, Cause.MALFORMED)}
"""The usual causes if a message tells none."""


def _of_recorded(facts: Facts, told: ToldCause, key: KeyFacts | None) -> Diagnosis:
    """A cause that the records of keys would show."""
    topic, reason = _REASONS[told.cause]
    if told.cause is Cause.DELETED and key is not None and key.is_deleted:
        return deleted(facts, key)
    if facts.meant or facts.meant_unseen is not None or facts.in_trouble((reason,)):
        # A named key is explained by whatever its records show, and a told cause finds the key that fits it.
        by_records = why_calls_fail(facts, topic, OF_TOPIC[topic] if facts.meant else (reason,))
        if by_records.case in {_CASES[told.cause], Case.NEEDS_DETAILS}:
            return by_records
        return replace(by_records, summary=sentences(_NOT_SO[told.cause], by_records.summary))
    return _as_told(facts, told, None)


def _as_told(facts: Facts, told: ToldCause, key: KeyFacts | None) -> Diagnosis:
    """The cause as the person tells it, with what the records show of it."""
    sign = told.sign or Sign.CODE
    what = WHAT.get(sign) or _BY_CAUSE[told.cause]
    elsewhere = [each for each in facts.in_trouble(OF_TOPIC[Topic.CALL_FAILS]) if each is not key][:TROUBLE_TOLD]
    return Diagnosis(
        _OF_SIGN_CASE.get(sign, _CASES[told.cause]),
        sentences(what, _NOT_RECORDED[told.cause]),
        (
            *_said(told),
            *_passes(key),
            *_OF_RECORDS.get(told.cause, _nothing)(facts),
            *(trouble(each, OF_TOPIC[Topic.CALL_FAILS]) for each in elsewhere),
        ),
        (*_how(told), *((HOW_TO_SEND, TRY_IT) if told.cause in _OF_A_CALL else ()), *_ask(facts, told)),
        None if key is None else key.record,
        offers=(contact(),) if told.cause is Cause.NETWORK else (),
        replies=(
            *(suggest_of(facts, each, Topic.CALL_FAILS, _why(facts, each)) for each in elsewhere),
            *((suggest(Topic.HOW_CALL, say("How do I send a key?")),) if told.cause in _OF_A_CALL else ()),
        )[:REPLIES_AT_MOST],
        sources=_SOURCES[told.cause],
        keys=tuple(each.record.id for each in elsewhere),
    )


def _said(told: ToldCause) -> tuple[Fact, ...]:
    """What in the message tells the cause."""
    label = say("In what you pasted") if told.probability >= BY_RULE else say("What you say")
    return (Fact(label, WHAT.get(told.sign or Sign.CODE) or _BY_CAUSE[told.cause]),)


def _how(told: ToldCause) -> tuple[Words, ...]:
    how = HOW.get(told.sign or Sign.CODE)
    return (*((how,) if how is not None else ()), *REST[told.cause])


def _ask(facts: Facts, told: ToldCause) -> tuple[Words, ...]:
    """Whom to ask if the person may not see the keys that the cause is about."""
    if told.cause not in _REASONS or facts.manages:
        return ()
    return (say("Ask an organization admin to look at the key: {admins}.", admins=whom(facts)),)


def _passes(key: KeyFacts | None) -> tuple[Fact, ...]:
    if key is None:
        return ()
    return (
        Fact(say("Key"), words.describe_key(key.record)),
        Fact(say("Last request that passed"), words.last_use(key), key.record.last_used_at),
    )


def _why(facts: Facts, key: KeyFacts) -> Words:
    return say("Why is {key} refused?", key=words.quoted_name(facts, key))


def _nothing(_facts: Facts) -> Sequence[Fact]:
    return ()


def _deleted_keys(facts: Facts) -> Sequence[Fact]:
    if not facts.manages:
        return ()
    found = [
        Fact(words.describe_key(each.record), say("deleted by {who}", who=words.deleter(each.record)), at)
        for each in facts.deleted[:TROUBLE_TOLD]
        if (at := each.record.deleted_at) is not None
    ]
    return found or [Fact(say("Looked at"), say("the deleted keys that you may see: there are none"), facts.now)]


def _rotated_keys(facts: Facts) -> Sequence[Fact]:
    rotated = sorted(
        ((at, each) for each in facts.living if (at := each.record.rotated_at) is not None),
        key=lambda pair: pair[0],
        reverse=True,
    )
    return [Fact(words.describe_key(each.record), say("given a new secret"), at) for at, each in rotated[:TROUBLE_TOLD]]


def _looked_at(facts: Facts) -> Sequence[Fact]:
    if not facts.manages:
        return ()
    seen = counted("{count} key that you may see", "{count} keys that you may see", len(facts.living))
    return [Fact(say("Looked at"), seen, facts.now)]


_OF_RECORDS: Mapping[Cause, Callable[[Facts], Sequence[Fact]]] = {
    Cause.DELETED: _deleted_keys,
    Cause.REPLACED: _rotated_keys,
    Cause.WRONG_AGENT: _looked_at,
    Cause.RATE: _looked_at,
    Cause.QUOTA: _looked_at,
}
"""The records that were looked at for a cause that they don't show."""
_BY_CAUSE: Mapping[Cause, Words] = {
    Cause.MISSING: say("By what you say, no key arrives."),
    Cause.MALFORMED: say("By what you say, what arrives is not the whole key, or not only the key."),
    Cause.UNKNOWN: say("By what you say, the key has the right form, but nobody here knows it."),
    Cause.OTHER_ISSUER: say("By what you say, the key was not issued here."),
    Cause.DELETED: say("By what you say, the key was deleted. A deleted key never works again."),
    Cause.REPLACED: say("By what you say, a program still sends an old secret."),
    Cause.WRONG_AGENT: say("By what you say, the key is for another agent than the one that is called."),
    Cause.RATE: say("By what you say, there are too many requests in a short time."),
    Cause.QUOTA: say("You ask of a quota that is used up."),
    Cause.NETWORK: say("By what you say, the call fails before Keydesk, or at another server."),
}
"""What the person says, if only the cause is known."""
