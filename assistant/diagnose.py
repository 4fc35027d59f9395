"""
Owns the diagnosis: facts in, one diagnosis out, and nothing else is looked at.

What stands in the message word for word comes first: a request's id, a pasted key, a header, a code. Then what it is
about, weighed by what is the matter now. What is still unclear is asked.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from assistant.explain import failing_calls as calls_explained
from assistant.explain import formatting as words
from assistant.explain import history_and_usage as records_explained
from assistant.explain import how_to
from assistant.explain import managing_keys as management_explained
from assistant.explain import requests as requests_explained
from assistant.explain import small_talk as talk
from assistant.explain.diagnosis import Case, Diagnosis, Fact
from assistant.explain.failing_calls import OF_TOPIC, only_one, unseen, why_calls_fail
from assistant.explain.pasted_keys import beside, of_pasted
from assistant.explain.refusals import deleted
from assistant.explain.symptoms import symptom
from assistant.facts.conversation_state import Subject
from assistant.facts.facts import Facts, KeyFacts, Possession
from assistant.intents.symptoms import symptom_of
from assistant.intents.topics import Topic
from assistant.rank_topics import Question, may_answer, read
from keys.record import hint_of
from models.person import Role
from models.usage.refused_request import RefusedReason


class Answered(NamedTuple):
    """The diagnosis, which topic it was given to, and whether the answer was given directly, without asking."""

    diagnosis: Diagnosis
    topic: Topic
    is_direct: bool


_CALLS = frozenset({*OF_TOPIC, Topic.UNAVAILABLE})
_OF_A_LIVING_KEY = frozenset(
    {Topic.HOW_RENAME, Topic.HOW_ROTATE, Topic.HOW_DELETE, Topic.LOST_SECRET, Topic.CHANGE_SCOPE}
)
"""What nobody can do with a key that was deleted."""
_BESIDE_A_SYMPTOM = frozenset({Topic.HUMAN, Topic.HISTORY, Topic.USE, Topic.EXPOSED_KEY, Topic.LOST_SECRET})
"""What is asked, whatever trouble is told beside it."""
_OF_RECORDS = frozenset({Topic.HISTORY, Topic.USE})
_LOST = re.compile(r"\b(?:lost|lose|losing|forgot(?:ten)?|misplaced)\b", re.IGNORECASE)
_SAID_OF_REFUSALS = re.compile(r"\baccess not permitted\b", re.IGNORECASE)
"""The message of every 401 and 403."""
_ORGANIZATION_LEVEL = re.compile(
    r"\borg(?:ani[sz]ation)?s?[- ]?(?:level|wide|scoped?|keys?\b)|\b(?:all|every) agents?\b|\bcompany[- ]wide\b"
    r"|\b(?:whole|entire) (?:org|compan|team)\w*|\b(?:for|scope|to) (?:the |our |my )?organi[sz]ation\b",
    re.IGNORECASE,
)
_AGENT_LEVEL = re.compile(r"\b(?:to|into)(?: (?:an?|one|the|my|our|(?:a )?single))? agents?\b", re.IGNORECASE)
_OF_DELETION = re.compile(
    r"delet|remov|revok|gelöscht|entfernt|supprim|borr|elimin|apag|exclu|disappear|vanish|gone|削除|删", re.IGNORECASE
)
_OF_ANOTHER_CHANGE = re.compile(
    r"chang|creat|made|add|renam|rotat|erstellt|angelegt|umbenannt|créé|renomm|作成|创建", re.IGNORECASE
)
_HAS_EXPIRED = re.compile(
    r"\bexpired\b|\babgelaufen\b|\bexpirée?\b|\b(?:ha )?(?:caducado|expirado|expirou)\b|期限切れ|过期", re.I
)
_KEY_CODES: Mapping[str, tuple[Topic, RefusedReason]] = {
    "deleted_key": (Topic.UNAUTHORIZED, RefusedReason.DELETED_KEY),
    "replaced_secret": (Topic.UNAUTHORIZED, RefusedReason.REPLACED_SECRET),
    "agent_not_in_scope": (Topic.FORBIDDEN, RefusedReason.AGENT_NOT_IN_SCOPE),
    "rate_limited": (Topic.TOO_MANY_REQUESTS, RefusedReason.RATE_LIMITED),
    "quota_exceeded": (Topic.TOO_MANY_REQUESTS, RefusedReason.QUOTA_EXCEEDED),
}
_OTHER_CODES: Mapping[str, RefusedReason] = {
    "missing_key": RefusedReason.MISSING_KEY,
    "malformed_key": RefusedReason.MALFORMED_KEY,
    "invalid_key": RefusedReason.UNKNOWN_KEY,
    "gateway_not_allowed": RefusedReason.GATEWAY_NOT_ALLOWED,
    "unavailable": RefusedReason.UNAVAILABLE,
}


def diagnose(question: Question, facts: Facts) -> Answered:
    """One case, with what it rests on."""
    answered = _answered(question, facts)
    if answered.topic not in _CALLS:
        return answered
    # The address of a refusal's explanation, in the answer's type, was not called.
    hosts = [each for each in question.understood.hosts if f"//{each}/docs/errors" not in question.text.casefold()]
    return answered._replace(diagnosis=requests_explained.called(answered.diagnosis, hosts))


def _answered(question: Question, facts: Facts) -> Answered:
    readings = read(question, facts)
    topic, sure = readings[0].topic, may_answer(question, readings)
    if sure and topic is Topic.OFF_TOPIC:
        return Answered(talk.off_topic(facts), topic, is_direct=True)
    if _asks_of_request(question, facts, topic, sure=sure):
        return _of_request(question, facts, topic, sure=sure)
    seen = symptom_of(question.bare or question.text, question.understood)
    if seen is not None and not (_is_explained(facts) or (sure and topic in _BESIDE_A_SYMPTOM)):
        return Answered(beside(facts, symptom(facts, seen)), Topic.CALL_FAILS, is_direct=True)
    certain = _by_what_stands_there(question, facts, topic, sure=sure)
    if certain is not None:
        return _of_calls(certain, topic)
    if facts.has_ticket and not question.understood.asks_anew:
        return Answered(talk.has_it(facts), topic, is_direct=True)
    if not sure and (named := _named_tombstone(question, facts)) is not None:
        # Whatever is asked about a key that is gone, this is what matters.
        return Answered(deleted(facts, named), Topic.KEY_STATE, is_direct=True)
    if not sure and facts.meant_unseen is not None and question.meant.is_named:
        return Answered(unseen(facts), topic, is_direct=False)
    if not sure:
        return Answered(talk.unsure(facts, readings), topic, is_direct=False)
    diagnosis = beside(facts, about(topic, question, facts))
    return Answered(diagnosis, topic, is_direct=diagnosis.case is not Case.NEEDS_DETAILS)


def about(topic: Topic, question: Question, facts: Facts) -> Diagnosis:
    """What is said of a topic that is understood."""
    key = only_one(facts.meant, ()) if facts.meant else None
    if key is not None and key.is_deleted and topic in _OF_A_LIVING_KEY:
        return deleted(facts, key)
    if facts.meant_unseen is not None and facts.manages and topic in _OF_RECORDS:
        return unseen(facts)
    match topic:
        case Topic.OFF_TOPIC:
            return talk.off_topic(facts)
        case Topic.HUMAN:
            return talk.human(facts)
        case Topic.GREETING:
            return talk.greeting(facts)
        case _ if topic in _CALLS:
            return why_calls_fail(facts, topic)
        case Topic.CANNOT_CREATE | Topic.HOW_CREATE:
            if not facts.allowance.remaining and _LOST.search(question.text):
                # A secret that is lost needs no slot: the key that has one is rotated.
                return management_explained.secret_lost(facts, key)
            wide = bool(_ORGANIZATION_LEVEL.search(question.text))
            return management_explained.cannot_create(facts, organization_level=wide)
        case Topic.NOT_ALLOWED:
            return _not_allowed(facts)
        case Topic.LOST_SECRET:
            return management_explained.secret_lost(facts, key)
        case Topic.CHANGE_SCOPE:
            # The scope that is wished for comes last: from organization-level to agent-level.
            of_agents, of_all = (_last(each, question.text) for each in (_AGENT_LEVEL, _ORGANIZATION_LEVEL))
            wide = of_all > of_agents
            return management_explained.scope_immutable(facts, key, organization_level=wide)
        case Topic.EXPOSED_KEY:
            return management_explained.exposed(facts, key)
        case Topic.HISTORY:
            return records_explained.history(facts, asks_of_deletion=_asks_of_deletion(question, facts))
        case Topic.USE:
            return records_explained.use(facts)
        case Topic.KEY_LIST:
            return records_explained.key_list(facts)
        case Topic.EXPIRY:
            return _expiry(question, facts)
        case _:
            return how_to.how_to(topic, facts)


def subject_after(answered: Answered, facts: Facts) -> Subject:
    """What the next message may point back to."""
    diagnosis = answered.diagnosis
    told = " ".join(
        [
            diagnosis.summary,
            *(f"{each.label} {each.value}" for each in diagnosis.evidence),
            *(each.message for each in diagnosis.replies),
        ]
    )
    told_of = [each for each in facts.keys if f"“{each.record.name}”" in told or hint_of(each.record) in told]
    offered = [each.record.id for each in (*told_of, *facts.in_trouble(OF_TOPIC[Topic.CALL_FAILS]))]
    return Subject(
        topic=answered.topic,
        key_id=None if diagnosis.key is None else diagnosis.key.id,
        offered=tuple(dict.fromkeys(offered))[:10],
        replies=tuple(each.message for each in diagnosis.replies),
        request_id=facts.request_sought,
    )


def _asks_of_request(question: Question, facts: Facts, topic: Topic, *, sure: bool) -> bool:
    """Whether a request is what is asked about; one that the person looked at is not where they ask something else."""
    is_first_word = question.subject is None and topic is Topic.GREETING
    about_calls = topic in _CALLS or not sure
    return facts.request_sought is not None and (about_calls or is_first_word or not question.request_is_attached)


def _of_request(question: Question, facts: Facts, topic: Topic, *, sure: bool) -> Answered:
    """Of a request that may be told of; else of what stands beside its id, which must not hide that."""
    if facts.request is not None:
        return _of_calls(beside(facts, requests_explained.found(facts, facts.request)), topic)
    # The same words for one that was never seen and one that is not theirs to know.
    evidence = [Fact("The request", f"{facts.request_sought}: not found", facts.now)]
    certain = _by_what_stands_there(question, facts, topic, sure=sure, beside_a_request=True)
    if certain is not None:
        return _of_calls(replace(certain, evidence=(*certain.evidence, *evidence)), topic)
    # What was spoken of before does not stand there.
    if question.meant.is_named or facts.pasted or (question.subject is None and (facts.meant or facts.meant_unseen)):
        of_topic = topic if topic in _CALLS or (sure and topic is not Topic.GREETING) else Topic.CALL_FAILS
        told = beside(facts, about(of_topic, question, facts))
        told = replace(told, evidence=(*told.evidence, *evidence))
        return Answered(told, of_topic, is_direct=told.case is not Case.NEEDS_DETAILS)
    missing = requests_explained.not_found(facts)
    said = [
        Fact("The code that you wrote", f"{code}: {words.REASONS[_KEY_CODES[code][1]]}")
        for code in question.understood.codes
        if code in _KEY_CODES
    ]
    return _of_calls(replace(missing, evidence=(*missing.evidence, *said)), topic)


def _of_calls(certain: Diagnosis, topic: Topic) -> Answered:
    of_calls = topic if topic in _CALLS else Topic.CALL_FAILS
    return Answered(certain, of_calls, is_direct=certain.case is not Case.NEEDS_DETAILS)


def _by_what_stands_there(
    question: Question, facts: Facts, topic: Topic, *, sure: bool, beside_a_request: bool = False
) -> Diagnosis | None:
    """What leaves no doubt: a pasted key, a header, a code. None where there is nothing of these."""
    understood = question.understood
    told = of_pasted(question, facts, topic, sure=sure)
    if told is not None:
        return told
    if topic not in _CALLS and sure and topic is not Topic.HOW_CALL and not beside_a_request:
        return None
    for code in understood.codes:
        if code in _KEY_CODES:
            of_topic, reason = _KEY_CODES[code]
            is_of_a_key = facts.meant or facts.meant_unseen is not None or facts.in_trouble((reason,))
            if is_of_a_key or not beside_a_request:
                return why_calls_fail(facts, of_topic, (reason,))
    if understood.header_mistakes:
        return requests_explained.header_mistakes(understood.header_mistakes)
    for code in understood.codes:
        if code in _OTHER_CODES:
            return requests_explained.by_code(_OTHER_CODES[code])
    if not sure and not beside_a_request and _SAID_OF_REFUSALS.search(question.text):
        return why_calls_fail(facts, Topic.CALL_FAILS, (*OF_TOPIC[Topic.UNAUTHORIZED], *OF_TOPIC[Topic.FORBIDDEN]))
    return None


def _is_explained(facts: Facts) -> bool:
    """Whether a pasted key is why: it can't be one, or was deleted, replaced, or never issued here."""
    return any(each.malformed is not None or each.possession not in {None, Possession.WORKS} for each in facts.pasted)


def _not_allowed(facts: Facts) -> Diagnosis:
    if facts.role is not Role.ORGANIZATION_ADMIN:
        return management_explained.role_not_allowed(facts, "for what you need")
    if not facts.allowance.remaining:
        return management_explained.limit_reached(facts)
    return how_to.how_to(Topic.HOW_ROLES, facts)


def _last(pattern: re.Pattern[str], text: str) -> int:
    """Where it stands for the last time; -1 where it does not."""
    return max((each.start() for each in pattern.finditer(text)), default=-1)


def _named_tombstone(question: Question, facts: Facts) -> KeyFacts | None:
    """The deleted key that the message names, where it names no other."""
    key = only_one(facts.meant, ()) if facts.meant and question.meant.is_named else None
    return key if key is not None and key.is_deleted else None


def _asks_of_deletion(question: Question, facts: Facts) -> bool:
    of_another = bool(_OF_ANOTHER_CHANGE.search(question.text))
    if _OF_DELETION.search(question.text):
        return not of_another
    key: KeyFacts | None = facts.meant[0] if len(facts.meant) == 1 else None
    return key is not None and key.is_deleted and not of_another


def _expiry(question: Question, facts: Facts) -> Diagnosis:
    """Keys don't expire: where one stopped working, something else is the matter."""
    reasons = OF_TOPIC[Topic.CALL_FAILS]
    suspects = [each for each in facts.meant if each.is_deleted or each.refused_for(reasons)]
    if not suspects and not (_HAS_EXPIRED.search(question.text) and facts.in_trouble(reasons)):
        return how_to.how_to(Topic.EXPIRY, facts)
    diagnosis = calls_explained.why_calls_fail(facts, Topic.CALL_FAILS)
    return replace(diagnosis, summary=f"Keys don't expire: it is something else. {diagnosis.summary}")
