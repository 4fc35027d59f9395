"""Owns the questions worth asking now, from the organization's live state: each is answered at once when it is sent."""

from assistant.explain import formatting as words
from assistant.explain.actions import may_create_some
from assistant.explain.diagnosis import Reply
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import ASKING, Topic
from keys.outcomes import OF_REASON

STARTERS_AT_MOST = 4
IN_TROUBLE_AT_MOST = 2


def starters(facts: Facts) -> tuple[Reply, ...]:
    """At most four, what is the matter first."""
    found = [_of_key(facts, key) for key in facts.in_trouble(tuple(OF_REASON))[:IN_TROUBLE_AT_MOST]]
    if not may_create_some(facts):
        found.append(_asking("What may I do?", Topic.HOW_ROLES))
    elif facts.allowance.remaining:
        found.append(_asking("How do I create a key?", Topic.HOW_CREATE))
    else:
        found.append(_asking("Why can't I create a key?", Topic.CANNOT_CREATE))
    if facts.manages:
        found.append(_asking("I lost a secret", Topic.LOST_SECRET))
    found.append(_asking("How do I send a key?", Topic.HOW_CALL))
    found.append(_asking("Do keys expire?", Topic.EXPIRY))
    return tuple(found[:STARTERS_AT_MOST])


def _of_key(facts: Facts, key: KeyFacts) -> Reply:
    """Such as *Why does “deploy” get 401?*"""
    reason = max(key.refused, key=lambda each: key.refused[each])
    status = OF_REASON[reason].status
    return Reply(
        f"Why does {words.quoted_name(facts, key)} get {status}?",
        f"Why do calls with the key {words.quoted_name(facts, key)} get {status}?",
    )


def _asking(label: str, topic: Topic) -> Reply:
    return Reply(label, ASKING[topic])
