"""
Finds out why calls fail if no single request was named: which key the question is about, and what its records say.

Keys with refused requests in the last day come first. If several keys are possible, the person is asked which one it
is, but never for a secret.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from assistant.explain import doc_links as sources
from assistant.explain import formatting as words
from assistant.explain.actions import whom
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.one_key import forbidden, works
from assistant.explain.refusals import agent_not_in_scope, deleted, quota_exceeded, rate_limited
from assistant.explain.requests import explained, unavailable
from assistant.explain.suggestions import suggest, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from assistant.language.text import Text, Words, counted, listed, say, sentences
from models.usage.refused_request import RefusedReason

FRESH = timedelta(minutes=15)
"""A request that was refused within this time is most likely what the person asks about."""
NEARLY_ALL, NEARLY_ALL_OF = 0.9, 10
"""A key with this share of the refused requests, if there are at least ten, is taken to be the one in question."""
LIMITS = (RefusedReason.RATE_LIMITED, RefusedReason.QUOTA_EXCEEDED)
OF_TOPIC = {
    Topic.CALL_FAILS: (
        *(RefusedReason.DELETED_KEY, RefusedReason.REPLACED_SECRET, RefusedReason.AGENT_NOT_IN_SCOPE),
        *LIMITS,
    ),
    Topic.KEY_STATE: (RefusedReason.DELETED_KEY, RefusedReason.REPLACED_SECRET),
    Topic.UNAUTHORIZED: (RefusedReason.DELETED_KEY, RefusedReason.REPLACED_SECRET),
    Topic.FORBIDDEN: (RefusedReason.AGENT_NOT_IN_SCOPE,),
    Topic.TOO_MANY_REQUESTS: LIMITS,
}
"""The reasons for which requests with a key may be refused, by the topic of the message."""
STATUS_OF_TOPIC = {Topic.UNAUTHORIZED: 401, Topic.FORBIDDEN: 403, Topic.TOO_MANY_REQUESTS: 429}
REPLIES_AT_MOST = 3


def why_calls_fail(facts: Facts, topic: Topic, reasons: Sequence[RefusedReason] = ()) -> Diagnosis:
    """Diagnoses the key in question, or otherwise the one with refused requests. The message may name `reasons`."""
    if topic is Topic.UNAVAILABLE:
        return _unavailable(facts)
    wanted = tuple(reasons) or OF_TOPIC[topic]
    if facts.meant:
        key = only_one(facts.meant, wanted)
        return of_key(facts, key, topic, wanted) if key is not None else which_key(facts, facts.meant, topic)
    if facts.meant_unseen is not None:
        return unseen(facts)
    troubled = facts.in_trouble(wanted)
    likeliest = _likeliest(facts, troubled, wanted)
    if likeliest is not None:
        return _presumed(facts, likeliest, topic, wanted, [each for each in troubled if each is not likeliest])
    if troubled:
        return which_key(facts, troubled, topic)
    if topic is Topic.KEY_STATE and len(facts.living) == 1:
        return of_key(facts, facts.living[0], topic, wanted)
    return _nothing_seen(facts, topic)


def only_one(keys: Sequence[KeyFacts], wanted: Sequence[RefusedReason]) -> KeyFacts | None:
    """The key among several possible ones: the only one that is refused now, or otherwise the only active one."""
    for narrowed in (
        keys,
        [each for each in keys if each.refused_for(wanted)],
        [each for each in keys if not each.is_deleted],
    ):
        if len(narrowed) == 1 and narrowed[0].is_detailed:
            return narrowed[0]
    return None


def of_key(facts: Facts, key: KeyFacts, topic: Topic, wanted: Sequence[RefusedReason]) -> Diagnosis:
    """Diagnoses this key by its records."""
    if key.is_deleted:
        return deleted(facts, key)
    if topic is Topic.TOO_MANY_REQUESTS and (over := _over_a_limit(facts, key)) is not None:
        return over
    last = key.last_refused(*wanted)
    if last is None or (topic in {Topic.CALL_FAILS, Topic.KEY_STATE} and last.at < facts.since):
        if topic is Topic.FORBIDDEN and key.record.agent is not None:
            return agent_not_in_scope(facts, key) if key.refused_for(wanted) else forbidden(facts, key)
        return works(facts, key, topic)
    return explained(facts, last.reason, key, last)


def which_key(facts: Facts, keys: Sequence[KeyFacts], topic: Topic) -> Diagnosis:
    """Asks which of several possible keys it is."""
    reasons = OF_TOPIC.get(topic, OF_TOPIC[Topic.CALL_FAILS])
    ordered = sorted(keys, key=lambda each: (-each.refused_for(reasons), each.is_deleted))
    evidence = tuple(trouble(each, reasons) for each in ordered[:5])
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say("Which key is it? There are several possible keys."),
        evidence,
        (say("Choose one, or send me its name, its hint or the answer's requestId. I never need the secret."),),
        replies=tuple(suggest_of(facts, each, topic, _label(facts, each)) for each in ordered[:REPLIES_AT_MOST]),
        keys=tuple(each.record.id for each in ordered[:5]),
        sources=(sources.ERRORS,),
    )


def _over_a_limit(facts: Facts, key: KeyFacts) -> Diagnosis | None:
    """The limit that is used up now, if any. The limiter's current state counts more than earlier refusals."""
    if key.balance is None:
        return None
    if _quota_is_used_up(key):
        return quota_exceeded(facts, key)
    return rate_limited(facts, key) if not key.balance.rate_remaining else None


def _quota_is_used_up(key: KeyFacts) -> bool:
    return key.balance is None or key.balance.quota_used >= key.record.monthly_quota


def _likeliest(facts: Facts, troubled: Sequence[KeyFacts], wanted: Sequence[RefusedReason]) -> KeyFacts | None:
    """The only key, or the only one with a fresh refusal, or the one that nearly all refusals belong to."""
    if not troubled or not troubled[0].is_detailed:
        return None
    if len(troubled) == 1:
        return troubled[0]
    fresh = [
        each for each in troubled if (last := each.last_refused(*wanted)) is not None and facts.now - last.at <= FRESH
    ]
    if len(fresh) == 1:
        return fresh[0]
    refused = sum(each.refused_for(wanted) for each in troubled)
    if refused >= NEARLY_ALL_OF and troubled[0].refused_for(wanted) >= NEARLY_ALL * refused:
        return troubled[0]
    return None


def _presumed(
    facts: Facts, key: KeyFacts, topic: Topic, wanted: Sequence[RefusedReason], others: Sequence[KeyFacts]
) -> Diagnosis:
    """Diagnoses the likeliest key if the message names none. The answer says so and suggests the other keys."""
    diagnosis = of_key(facts, key, topic, wanted)
    why = replace(trouble(key, wanted), label=say("Refused in the last day"))
    elsewhere = tuple(suggest_of(facts, each, topic, _it_is(facts, each)) for each in others)
    return replace(
        diagnosis,
        summary=sentences(say("Most likely it is this key, because it was refused last."), diagnosis.summary),
        evidence=(*diagnosis.evidence, why),
        replies=(*elsewhere[: REPLIES_AT_MOST - 1], *diagnosis.replies)[:REPLIES_AT_MOST],
    )


def trouble(key: KeyFacts, wanted: Sequence[RefusedReason]) -> Fact:
    """A line of evidence: how many requests with the key were refused for these reasons in the last day."""
    told = [
        counted(
            "{count} request ({reason})",
            "{count} requests ({reason})",
            key.refused[each],
            reason=words.REASONS[each],
        )
        for each in wanted
        if each in key.refused
    ]
    record, last = key.record, key.last_refused(*wanted)
    if not told and record.deleted_at is not None:
        return Fact(words.describe_key(record), say("deleted by {who}", who=words.deleter(record)), record.deleted_at)
    return Fact(
        words.describe_key(record),
        listed(told) if told else say("nothing refused in the last day"),
        None if last is None else last.at,
    )


def _nothing_seen(facts: Facts, topic: Topic) -> Diagnosis:
    """No request was refused in this way in the last day, with any key that the person may see."""
    status = STATUS_OF_TOPIC.get(topic)
    steps = [
        say(
            "Send me the answer's requestId, or paste the whole answer or the curl command: I remove "
            "keys from it before anything else."
        ),
        say("Or tell me which key it is, by its name or hint. I never need the secret."),
    ]
    evidence: tuple[Fact, ...] = ()
    if facts.manages:
        evidence = (Fact(say("Looked at"), _nothing_refused(len(facts.living), status), facts.now),)
        if status == 401:
            steps.append(
                say("A request without a key, or with a mistyped one, belongs to no key: then the header is wrong.")
            )
    else:
        steps.append(say("Ask an organization admin which key it is, if you can't tell: {admins}.", admins=whom(facts)))
    used = sorted(facts.living, key=lambda each: -each.passed)
    replies = [suggest_of(facts, each, topic, _label(facts, each)) for each in used[:2]]
    replies.append(suggest(Topic.HOW_CALL, say("How do I send a key?")))
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say("I need to know a little more: which request, or which key, is it?"),
        evidence,
        tuple(steps),
        replies=tuple(replies),
        sources=(sources.ERRORS,),
    )


def unseen(facts: Facts) -> Diagnosis:
    """The hint or id belongs to no key that the person may see. The answer is the same whatever the reason."""
    return Diagnosis(
        Case.NEEDS_DETAILS,
        say("There is no key with this hint or id that you are allowed to see."),
        (Fact(say("Looked for"), facts.meant_unseen or "", facts.now),),
        (
            *((say("Compare it with the list of keys, under API Keys."),) if facts.manages else ()),
            say("Ask an organization admin which key it is, if it is not in your list: {admins}.", admins=whom(facts)),
            say("Or send me the requestId of an answer that fails."),
        ),
        replies=(suggest(Topic.KEY_LIST, say("Which keys are there?")),),
        sources=(sources.ROLES,),
    )


def _unavailable(facts: Facts) -> Diagnosis:
    """The message has no code, so verification is blamed only if it is unavailable now."""
    if not facts.verification_is_available:
        now = Fact(say("Verification at this moment"), say("not available: the limiter can't be reached"), facts.now)
        return replace(unavailable(), evidence=(now,))
    return replace(
        unavailable(),
        summary=say(
            "Verification is available at this moment. If an answer was 503, the key was not the "
            "cause: either the key could not be checked at that moment, or the agent's own server was "
            "not available."
        ),
        evidence=(Fact(say("Verification at this moment"), say("available"), facts.now),),
        steps=(
            say("Try again after a few seconds, as the answer's Retry-After says."),
            say(
                "Look at the answer's body: the code unavailable says that it was verification. Without "
                "that code, ask the people who run the agent or the gateway."
            ),
            say("If it continues, send the operator of this installation a request id."),
        ),
    )


def _nothing_refused(keys: int, status: int | None) -> Text:
    if status is None:
        return counted(
            "{count} key that you may see: no request was refused in the last day",
            "{count} keys that you may see: no request was refused in the last day",
            keys,
        )
    return counted(
        "{count} key that you may see: no request was refused with {status} in the last day",
        "{count} keys that you may see: no request was refused with {status} in the last day",
        keys,
        status=str(status),
    )


def _label(facts: Facts, key: KeyFacts) -> Words:
    name = words.quoted_name(facts, key)
    return say("{key}, deleted", key=name) if key.is_deleted else name


def _it_is(facts: Facts, key: KeyFacts) -> Text:
    name = words.quoted_name(facts, key)
    return say("It is {key}, deleted", key=name) if key.is_deleted else say("It is {key}", key=name)
