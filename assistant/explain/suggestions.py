"""
The questions that the assistant can suggest to a person, in general or about one key.

A click sends the id of a suggestion, which determines the topic and the key. Typing the same sentence has the same
effect.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from assistant.explain.formatting import named, quoted_name
from assistant.facts.facts import Facts, KeyFacts
from assistant.intents.causes import Cause
from assistant.intents.topics import Topic
from assistant.language.languages import LANGUAGES
from assistant.language.render import render
from assistant.language.text import Template, Text, Words, say, template
from models.engine.ids import Prefix, external_id, parse_external_id
from models.key_queries import ApiKeyRecord

WHO_CREATED, WHO_DELETED, WHO_ROTATED, WHO_USES = "who-created", "who-deleted", "who-rotated", "who-uses"
_FINER: Mapping[str, Topic] = {
    WHO_CREATED: Topic.HISTORY,
    WHO_DELETED: Topic.HISTORY,
    WHO_ROTATED: Topic.HISTORY,
    WHO_USES: Topic.USE,
}
"""Questions about one key that cover only a part of their topic."""
IN_GENERAL: Mapping[Topic, Text] = {
    Topic.CALL_FAILS: say("Why does my call fail?"),
    Topic.UNAUTHORIZED: say("Why do my calls get 401 Unauthorized?"),
    Topic.FORBIDDEN: say("Why do my calls get 403 Forbidden?"),
    Topic.TOO_MANY_REQUESTS: say("Why do my calls get 429 Too Many Requests?"),
    Topic.UNAVAILABLE: say("Why do my calls get 503 Service Unavailable?"),
    Topic.CANNOT_CREATE: say("Why can't I create a key?"),
    Topic.NOT_ALLOWED: say("Why am I not allowed to do that?"),
    Topic.LOST_SECRET: say("I lost the secret of a key. Can I see it again?"),
    Topic.CHANGE_SCOPE: say("Can I change the scope of a key?"),
    Topic.EXPOSED_KEY: say("My key was leaked. What should I do?"),
    Topic.HISTORY: say("Who changed or deleted the key, and when?"),
    Topic.USE: say("How much is the key used, and by whom?"),
    Topic.KEY_STATE: say("Does my key work?"),
    Topic.KEY_LIST: say("Which keys do we have?"),
    Topic.HOW_CREATE: say("How do I create a key?"),
    Topic.HOW_CALL: say("How do I send my key, in which header?"),
    Topic.HOW_RENAME: say("How do I rename a key?"),
    Topic.HOW_ROTATE: say("How do I rotate a key?"),
    Topic.HOW_DELETE: say("How do I delete a key?"),
    Topic.HOW_LIMITS: say("What are the rate limit and the quota of a key?"),
    Topic.HOW_SLOTS: say("How many keys can we have?"),
    Topic.HOW_ROLES: say("Which role may do what?"),
    Topic.HOW_SCOPES: say("What is the difference between organization-level and agent-level keys?"),
    Topic.EXPIRY: say("Do keys expire?"),
    Topic.HOW_INVITE: say("How do I invite a colleague?"),
    Topic.CHANGE_ROLE: say("How do I get another role?"),
    Topic.PERSON_LEAVES: say("What happens to the keys of a person who leaves?"),
    Topic.SIGN_IN: say("I can't sign in. What can I do?"),
    Topic.MAIL_MISSING: say("The mail did not arrive. What can I do?"),
    Topic.HOW_AGENTS: say("How do I create, rename or delete an agent?"),
    Topic.DOCUMENTATION: say("Where is the documentation?"),
    Topic.HUMAN: say("I want to talk to a human."),
    Topic.GREETING: say("What can you help me with?"),
}
"""The question for each topic except off-topic, which is never suggested."""
OF_CAUSE: Mapping[Cause, tuple[Topic, Text, Text]] = {
    Cause.MISSING: (
        Topic.UNAUTHORIZED,
        say("My call fails because no key arrives. What can I do?"),
        say("Perhaps no key arrives"),
    ),
    Cause.MALFORMED: (
        Topic.UNAUTHORIZED,
        say("My call fails because the key does not arrive as it is. What can I do?"),
        say("Perhaps the key does not arrive as it is"),
    ),
    Cause.UNKNOWN: (
        Topic.UNAUTHORIZED,
        say("My call fails because nobody knows the key. What can I do?"),
        say("Perhaps it is a key from elsewhere"),
    ),
    Cause.NETWORK: (
        Topic.CALL_FAILS,
        say("My call fails before it reaches Keydesk. What can I do?"),
        say("Perhaps the call goes elsewhere"),
    ),
}
"""Causes of a failing call for which no key has to be named: the topic, the question, and the label of the button."""
_CAUSE = "cause-"
_OF_A_KEY: Mapping[str, Template] = {
    Topic.CALL_FAILS: template("Why do calls with the key {key} fail?"),
    Topic.UNAUTHORIZED: template("Why do calls with the key {key} get 401?"),
    Topic.FORBIDDEN: template("Why do calls with the key {key} get 403?"),
    Topic.TOO_MANY_REQUESTS: template("Why do calls with the key {key} get 429?"),
    Topic.KEY_STATE: template("Does the key {key} work?"),
    Topic.LOST_SECRET: template("I lost the secret of the key {key}. Can I see it again?"),
    Topic.EXPOSED_KEY: template("The secret of the key {key} was leaked. What should I do?"),
    Topic.CHANGE_SCOPE: template("Can I change the scope of the key {key}?"),
    Topic.HISTORY: template("Who changed the key {key}, and when?"),
    Topic.USE: template("How much is the key {key} used, and by whom?"),
    Topic.HOW_RENAME: template("How do I rename the key {key}?"),
    Topic.HOW_ROTATE: template("How do I rotate the key {key}?"),
    Topic.HOW_DELETE: template("How do I delete the key {key}?"),
    WHO_CREATED: template("Who created the key {key}?"),
    WHO_DELETED: template("Who deleted the key {key}?"),
    WHO_ROTATED: template("Who rotated the key {key}?"),
    WHO_USES: template("Who uses the key {key}?"),
}
"""The questions about one key, by topic or finer question. The key's name is filled in."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A question that a person can send with one click: `label` is on the button, `sentence` is sent."""

    id: str
    topic: Topic
    key_id: UUID | None
    sentence: Words
    label: Words
    cause: Cause | None = None
    """The cause of a failing call that the question tells."""


def suggest(topic: Topic, label: Words | None = None) -> Suggestion:
    """The general question for a topic."""
    sentence = IN_GENERAL[topic]
    return Suggestion(topic, topic, None, sentence, label or sentence)


def suggest_cause(cause: Cause) -> Suggestion:
    """The question that tells this cause of a failing call. `cause` is one of `OF_CAUSE`."""
    topic, sentence, label = OF_CAUSE[cause]
    return Suggestion(f"{_CAUSE}{cause}", topic, None, sentence, label, cause)


def suggest_of(facts: Facts, key: KeyFacts, kind: str, label: Words | None = None) -> Suggestion:
    """The question about this key. `kind` is a topic or one of the finer questions."""
    return _of_a_key(kind, key.record.id, quoted_name(facts, key), label)


def asks_of_a_key(topic: Topic) -> bool:
    """Whether there is a question about a key for this topic."""
    return topic in _OF_A_KEY


def parse_suggestion_id(suggestion_id: str) -> tuple[str, UUID | None] | None:
    """The question that the id stands for, and the id of its key, if any. None if the suggestion id is not valid."""
    kind, dot, key = suggestion_id.partition(".")
    key_id = parse_external_id(Prefix.API_KEY, key) if dot else None
    is_known = (kind in _OF_A_KEY and key_id is not None) if dot else kind in IN_GENERAL or _cause_of(kind) is not None
    return (kind, key_id) if is_known else None


def find_suggestion(suggestion_id: str, keys: Sequence[ApiKeyRecord]) -> Suggestion | None:
    """The suggestion with this id, or None if its key is not among `keys`."""
    parsed = parse_suggestion_id(suggestion_id)
    if parsed is None:
        return None
    kind, key_id = parsed
    if key_id is None:
        cause = _cause_of(kind)
        return suggest(Topic(kind)) if cause is None else suggest_cause(cause)
    return next((_of_a_key(kind, key_id, named(each)) for each in keys if each.id == key_id), None)


def topic_of_sentence(text: str) -> Topic | None:
    """
    The topic of a typed sentence if it equals a suggestion in one of the languages.

    `text` has the word *key* in place of a key's name.
    """
    return _topics().get(_letters(text))


def cause_of_sentence(text: str) -> Cause | None:
    """The cause that a typed sentence tells if it equals a suggestion in one of the languages."""
    return _causes().get(_letters(text))


def _cause_of(kind: str) -> Cause | None:
    """The cause of a suggestion's kind, such as `cause-missing`."""
    return next((cause for cause in OF_CAUSE if kind == f"{_CAUSE}{cause}"), None)


def _of_a_key(kind: str, key_id: UUID, name: Words, label: Words | None = None) -> Suggestion:
    sentence = _OF_A_KEY[kind].fill(key=name)
    topic = _FINER.get(kind) or Topic(kind)
    return Suggestion(f"{kind}.{external_id(Prefix.API_KEY, key_id)}", topic, key_id, sentence, label or sentence)


def _letters(text: str) -> str:
    """The letters of the text in lower case, without punctuation, spaces, and a hint in brackets."""
    return "".join(re.findall(r"\w+", re.sub(r"[(（][a-z]\w*…\w+[)）]", " ", text.casefold())))


@cache
def _topics() -> Mapping[str, Topic]:
    """The topics of all suggestions by the letters of their sentences, in every language."""
    sentences = [(sentence, topic) for topic, sentence in IN_GENERAL.items()]
    sentences += [(sentence, topic) for topic, sentence, _ in OF_CAUSE.values()]
    sentences += [(each.fill(key="key"), _FINER.get(kind) or Topic(kind)) for kind, each in _OF_A_KEY.items()]
    return {
        _letters(render(sentence, language)): topic
        for language in reversed(tuple(LANGUAGES))
        for sentence, topic in sentences
    }


@cache
def _causes() -> Mapping[str, Cause]:
    """The causes by the letters of the sentences that tell them, in every language."""
    return {
        _letters(render(sentence, language)): cause
        for language in reversed(tuple(LANGUAGES))
        for cause, (_, sentence, _) in OF_CAUSE.items()
    }
