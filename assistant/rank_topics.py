"""
Owns what a message is taken to be about: by its words, by what went before, and by what is the matter now.

The state of things is worth more than the words: a key that was refused an hour ago, a slot that is not free, a role
that does not allow it make what the words may mean more or less likely.
"""

import re
from collections.abc import Sequence

from assistant.explain import small_talk as talk
from assistant.explain.actions import may_create_some
from assistant.explain.failing_calls import OF_TOPIC
from assistant.facts.facts import Facts
from assistant.facts.question import Question
from assistant.intents.topics import Topic, TopicScore, served_together
from assistant.intents.understand import is_sure, weighed

_OF_ONE_KEY = (Topic.CALL_FAILS, Topic.UNAUTHORIZED, Topic.KEY_STATE)
_OF_NO_KEY = (
    *(Topic.HOW_SCOPES, Topic.HOW_SLOTS, Topic.HOW_ROLES, Topic.HOW_LIMITS, Topic.HOW_CREATE, Topic.KEY_LIST),
    *(Topic.DOCUMENTATION, Topic.EXPIRY, Topic.GREETING, Topic.OFF_TOPIC),
)
"""Topics that are less likely where a key is named."""
TOPIC_OF_STATUS = {401: Topic.UNAUTHORIZED, 403: Topic.FORBIDDEN, 429: Topic.TOO_MANY_REQUESTS, 503: Topic.UNAVAILABLE}

_MATTERS = 1.5
"""Log-odds of a topic that the organization's state speaks for: over four times as likely as by the words alone."""
_IS_SUPPORTED = re.compile(
    r"\b(?:do|does) (?:you|it|this|that|we|they|keydesk|the \w+)(?: \w+){0,2} support \w"
    r"|\b(?:is|are)\b[^.?!\n]{0,40}\bsupported\b",
    re.IGNORECASE,
)
"""Whether something is supported is asked of the documentation, and no wish for support."""
_SAYS_OTHERWISE = 5.0
_OFFERED = 3
"""So many readings are offered where it is asked what is meant."""
_OFF_TOPIC_FROM = 0.5
"""Another subject is answered from here on: nobody can be offered it to choose."""
_LEAVES_OPEN = 0.1
"""The third reading is given up for what is the matter where it is less likely than this."""


def read(question: Question, facts: Facts) -> tuple[TopicScore, ...]:
    """The readings, the likeliest first: by the words, by what went before, by what is the matter now."""
    subject = question.subject
    if question.suggested is not None:
        return (TopicScore(question.suggested, 1.0), *_without(question, question.suggested))
    if question.meant.only_named:
        named = Topic.KEY_STATE if subject is None else subject.topic
        return (TopicScore(named, 1.0), *_without(question, named))
    odds = priors_from_facts(facts)
    if _IS_SUPPORTED.search(question.text):
        odds[Topic.HUMAN] = -_SAYS_OTHERWISE
    readings = _together(weighed(question.understood.readings, odds), answered_alike(facts))
    goes_on = question.understood.is_follow_up or (subject is not None and not question.understood.asks_anew)
    if subject is not None and goes_on and not is_sure(readings) and not facts.has_ticket:
        return (TopicScore(subject.topic, 1.0), *_without(question, subject.topic))
    return readings if may_answer(question, readings) else _with_what_matters(readings, facts)


def priors_from_facts(facts: Facts) -> dict[Topic, float]:
    """Log-odds for the topics that the state of things speaks for."""
    odds: dict[Topic, float] = {}
    for topic, reasons in OF_TOPIC.items():
        keys = facts.meant or facts.keys
        if topic is not Topic.KEY_STATE and any(each.refused_for(reasons) for each in keys):
            odds[topic] = _MATTERS
    if facts.meant:
        odds |= {topic: odds.get(topic, 0.0) + _MATTERS / 2 for topic in _OF_ONE_KEY}
        odds |= dict.fromkeys(_OF_NO_KEY, -_MATTERS)
    if facts.request is not None:
        odds[Topic.CALL_FAILS] = odds.get(Topic.CALL_FAILS, 0.0) + _MATTERS
    if not facts.allowance.remaining:
        odds[Topic.CANNOT_CREATE] = _MATTERS
    if not may_create_some(facts):
        odds[Topic.NOT_ALLOWED] = odds[Topic.CANNOT_CREATE] = _MATTERS
    return odds


def may_answer(question: Question, readings: tuple[TopicScore, ...]) -> bool:
    """Whether to answer at once: a status that is written there settles it where the words point the same way."""
    topic, probability = readings[0]
    if topic is Topic.GREETING:
        return True  # what is answered then is a question, too
    if topic is Topic.OFF_TOPIC and probability >= _OFF_TOPIC_FROM:
        return True
    says_so = any(TOPIC_OF_STATUS.get(status) is topic for status in question.understood.status_codes)
    return probability == 1.0 or says_so or is_sure(readings)


def answered_alike(facts: Facts) -> list[set[Topic]]:
    """The topics that are answered by the same as things are, such as *how do I create a key* at ten of ten slots."""
    creating = {Topic.CANNOT_CREATE, Topic.HOW_CREATE}
    if not may_create_some(facts):
        creating.add(Topic.NOT_ALLOWED)
    elif not facts.allowance.remaining:
        creating.add(Topic.HOW_SLOTS)
    keys = facts.meant or facts.keys
    refused = {
        topic: [each.record.id for each in keys if each.refused_for(reasons)] for topic, reasons in OF_TOPIC.items()
    }
    calls = {topic for topic, found in refused.items() if found and found == refused[Topic.CALL_FAILS]}
    return [creating, calls or set(served_together(Topic.CALL_FAILS))]


def _together(readings: Sequence[TopicScore], groups: Sequence[set[Topic]]) -> tuple[TopicScore, ...]:
    """What is answered alike counts for the likeliest of them."""
    shares = dict(readings)
    for group in groups:
        likeliest, *others = sorted(group, key=lambda topic: (-shares[topic], topic))
        shares[likeliest] += sum(shares[topic] for topic in others)
        shares |= dict.fromkeys(others, 0.0)
    return tuple(TopicScore(*each) for each in sorted(shares.items(), key=lambda each: (-each[1], each[0])))


def _with_what_matters(readings: Sequence[TopicScore], facts: Facts) -> tuple[TopicScore, ...]:
    """The readings in the order in which to offer them: what is the matter is among them, though last."""
    matter = _of_the_matter(facts)
    first = [reading for reading in readings if reading.topic not in talk.NEVER_OFFERED][:_OFFERED]
    if not matter or first[-1].probability >= _LEAVES_OPEN or any(reading.topic in matter for reading in first):
        return tuple(readings)
    best = next(reading for reading in readings if reading.topic in matter)
    ordered = [*first[:-1], best]
    return (*ordered, *(reading for reading in readings if reading not in ordered))


def _of_the_matter(facts: Facts) -> set[Topic]:
    """The topics that are answered by what is the matter; none where nothing is."""
    matter = likeliest_problem(facts)
    return next((group for group in answered_alike(facts) if matter in group), set())


def likeliest_problem(facts: Facts) -> Topic | None:
    """What somebody most likely asks about as things are, where something is the matter."""
    if facts.in_trouble(OF_TOPIC[Topic.CALL_FAILS]):
        return Topic.CALL_FAILS
    return Topic.CANNOT_CREATE if not may_create_some(facts) or not facts.allowance.remaining else None


def _without(question: Question, topic: Topic) -> tuple[TopicScore, ...]:
    return tuple(reading for reading in question.understood.readings if reading.topic is not topic)
