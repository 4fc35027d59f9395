"""The questions to suggest before a conversation begins, from the organization's current state."""

from assistant.explain import formatting as words
from assistant.explain.actions import may_create_some
from assistant.explain.suggestions import Suggestion, parse_suggestion_id, suggest, suggest_of
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from assistant.language.text import say
from keys.outcomes import OF_REASON

STARTERS_AT_MOST = 4
IN_TROUBLE_AT_MOST = 2
_TOPICS = {401: Topic.UNAUTHORIZED, 403: Topic.FORBIDDEN, 429: Topic.TOO_MANY_REQUESTS}
_IN_GENERAL = frozenset(
    {Topic.HOW_ROLES, Topic.HOW_CREATE, Topic.CANNOT_CREATE, Topic.LOST_SECRET, Topic.HOW_CALL, Topic.EXPIRY}
)


def starters(facts: Facts) -> tuple[Suggestion, ...]:
    """At most four questions. Those about current problems come first."""
    found = [_of_key(facts, key) for key in facts.in_trouble(tuple(OF_REASON))[:IN_TROUBLE_AT_MOST]]
    if not may_create_some(facts):
        found.append(suggest(Topic.HOW_ROLES, say("What may I do?")))
    elif facts.allowance.remaining:
        found.append(suggest(Topic.HOW_CREATE, say("How do I create a key?")))
    else:
        found.append(suggest(Topic.CANNOT_CREATE, say("Why can't I create a key?")))
    if facts.manages:
        found.append(suggest(Topic.LOST_SECRET, say("I lost a secret")))
    found.append(suggest(Topic.HOW_CALL, say("How do I send a key?")))
    found.append(suggest(Topic.EXPIRY, say("Do keys expire?")))
    return tuple(found[:STARTERS_AT_MOST])


def _of_key(facts: Facts, key: KeyFacts) -> Suggestion:
    """A question such as *Why does “deploy” get 401?*"""
    reason = max(key.refused, key=lambda each: key.refused[each])
    status = OF_REASON[reason].status
    return suggest_of(
        facts,
        key,
        _TOPICS[status],
        say("Why does {key} get {status}?", key=words.quoted_name(facts, key), status=str(status)),
    )


def may_begin_with(suggestion_id: str) -> bool:
    """Whether the id may be that of a starter, including one that the state has made obsolete since it was shown."""
    parsed = parse_suggestion_id(suggestion_id)
    return parsed is not None and parsed[0] in (_IN_GENERAL if parsed[1] is None else _TOPICS.values())
