"""Finds the answer to a topic, for messages in which no detail points to a single cause."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from assistant.explain import history_and_usage as records_explained
from assistant.explain import how_to
from assistant.explain import managing_keys as management_explained
from assistant.explain import small_talk as talk
from assistant.explain.actions import may_create, whom
from assistant.explain.diagnosis import Diagnosis
from assistant.explain.failing_calls import OF_TOPIC, only_one, unseen, why_calls_fail
from assistant.explain.people.missing_mails import mail_missing
from assistant.explain.refusals import deleted
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.topics import Topic
from assistant.language.text import say, sentences
from keys.policy import Scope

CALLS = frozenset({*OF_TOPIC, Topic.UNAVAILABLE})
"""Topics about calls that fail."""
_NEEDS_AN_ACTIVE_KEY = frozenset(
    {Topic.HOW_RENAME, Topic.HOW_ROTATE, Topic.HOW_DELETE, Topic.LOST_SECRET, Topic.CHANGE_SCOPE}
)
"""Topics about something that nobody can do with a deleted key."""
_OF_RECORDS = frozenset({Topic.HISTORY, Topic.USE})
_LOST = re.compile(r"\b(?:lost|lose|losing|forgot(?:ten)?|misplaced)\b", re.IGNORECASE)
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
_OF_ALL_EVENTS = re.compile(
    r"happen|histor|audit|\blog\b|events?\b|passiert|geschehen|geschichte|verlauf|passé|arrivé|pasó|pasado|ocurri"
    r"|acontec|ocorr|何が|履歴|経緯|发生|历史|记录",
    re.IGNORECASE,
)
_HAS_EXPIRED = re.compile(
    r"\bexpired\b|\babgelaufen\b|\bexpirée?\b|\b(?:ha )?(?:caducado|expirado|expirou)\b|期限切れ|过期", re.I
)


def explained(topic: Topic, text: str, facts: Facts) -> Diagnosis:
    """The answer to this topic. `text` is the message without names of keys; it may narrow down what is asked."""
    key = only_one(facts.meant, ()) if facts.meant else None
    if key is not None and key.is_deleted and topic in _NEEDS_AN_ACTIVE_KEY:
        return deleted(facts, key)
    if facts.meant_unseen is not None and facts.manages and topic in _OF_RECORDS:
        return unseen(facts)
    if topic in CALLS:
        return why_calls_fail(facts, topic)
    explain = _EXPLAINED.get(topic)
    return how_to.how_to(topic, facts) if explain is None else explain(text, facts, key)


def _creating(text: str, facts: Facts, key: KeyFacts | None) -> Diagnosis:
    if not facts.allowance.remaining and _LOST.search(text):
        # A lost secret needs no free slot: a rotated key keeps its slot.
        return management_explained.secret_lost(facts, key)
    return management_explained.cannot_create(facts, organization_level=bool(_ORGANIZATION_LEVEL.search(text)))


def _not_allowed(_text: str, facts: Facts, _key: KeyFacts | None) -> Diagnosis:
    if not may_create(facts, Scope.ORGANIZATION):
        return management_explained.role_not_allowed(
            facts, say("Ask an organization admin for what you need: {admins}.", admins=whom(facts))
        )
    if not facts.allowance.remaining:
        return management_explained.limit_reached(facts)
    return management_explained.role_allows(facts)


def _change_of_scope(text: str, facts: Facts, key: KeyFacts | None) -> Diagnosis:
    # The wanted scope comes last, as in *from organization-level to agent-level*.
    of_agents, of_all = (
        max((each.start() for each in pattern.finditer(text)), default=-1)
        for pattern in (_AGENT_LEVEL, _ORGANIZATION_LEVEL)
    )
    return management_explained.scope_immutable(facts, key, organization_level=of_all > of_agents)


def _history(text: str, facts: Facts, _key: KeyFacts | None) -> Diagnosis:
    # *Who did that?* is about the deletion if the key was deleted; *what happened to the key?* is about all of it.
    is_deleted = len(facts.meant) == 1 and facts.meant[0].is_deleted and not _OF_ALL_EVENTS.search(text)
    asks_of_deletion = bool(_OF_DELETION.search(text) or is_deleted) and not _OF_ANOTHER_CHANGE.search(text)
    return records_explained.history(facts, asks_of_deletion=asks_of_deletion)


def _expiry(text: str, facts: Facts, _key: KeyFacts | None) -> Diagnosis:
    """Keys don't expire: if one stopped working, something else is wrong."""
    reasons = OF_TOPIC[Topic.CALL_FAILS]
    suspects = [each for each in facts.meant if each.is_deleted or each.refused_for(reasons)]
    if not suspects and not (_HAS_EXPIRED.search(text) and facts.in_trouble(reasons)):
        return how_to.how_to(Topic.EXPIRY, facts)
    diagnosis = why_calls_fail(facts, Topic.CALL_FAILS)
    return replace(
        diagnosis, summary=sentences(say("Keys don't expire, so the cause is something else."), diagnosis.summary)
    )


_EXPLAINED: Mapping[Topic, Callable[[str, Facts, KeyFacts | None], Diagnosis]] = {
    Topic.OFF_TOPIC: lambda _text, facts, _key: talk.off_topic(facts),
    Topic.HUMAN: lambda _text, facts, _key: talk.human(facts),
    Topic.GREETING: lambda _text, facts, _key: talk.greeting(facts),
    Topic.CANNOT_CREATE: _creating,
    Topic.HOW_CREATE: _creating,
    Topic.NOT_ALLOWED: _not_allowed,
    Topic.LOST_SECRET: lambda _text, facts, key: management_explained.secret_lost(facts, key),
    Topic.CHANGE_SCOPE: _change_of_scope,
    Topic.EXPOSED_KEY: lambda _text, facts, key: management_explained.exposed(facts, key),
    Topic.HISTORY: _history,
    Topic.USE: lambda _text, facts, _key: records_explained.use(facts),
    Topic.KEY_LIST: lambda _text, facts, _key: records_explained.key_list(facts),
    Topic.EXPIRY: _expiry,
    Topic.MAIL_MISSING: lambda text, facts, _key: mail_missing(facts, text),
}
"""The topics whose answer depends on facts. `how_to` answers the others from the documentation."""
