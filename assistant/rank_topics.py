"""
Ranks the topics that a message may be about, by its words, the conversation so far, and the organization's state.

The state changes how likely a topic is among topics of its kind: if a key was refused an hour ago for its rate, *my
calls fail* is more likely about that. It never turns a question about something else into one about the problem.
"""

import re
from collections.abc import Mapping, Sequence

from assistant.explain import small_talk as talk
from assistant.explain.actions import may_create_some
from assistant.explain.failing_calls import OF_TOPIC
from assistant.facts.facts import Facts
from assistant.facts.question import Question
from assistant.intents.topics import Topic, TopicScore, served_together
from assistant.intents.understand import is_likely, is_sure, weighed

_OF_ONE_KEY = (Topic.CALL_FAILS, Topic.UNAUTHORIZED, Topic.KEY_STATE)
_OF_NO_KEY = (
    *(Topic.HOW_SCOPES, Topic.HOW_SLOTS, Topic.HOW_ROLES, Topic.HOW_LIMITS, Topic.HOW_CREATE, Topic.KEY_LIST),
    *(Topic.DOCUMENTATION, Topic.EXPIRY, Topic.GREETING, Topic.OFF_TOPIC),
    *(Topic.HOW_INVITE, Topic.CHANGE_ROLE, Topic.SIGN_IN, Topic.MAIL_MISSING, Topic.HOW_AGENTS),
)
"""Topics that are less likely if a key is named."""
_KINDS = (
    frozenset({*OF_TOPIC, Topic.UNAVAILABLE}),
    frozenset({Topic.CANNOT_CREATE, Topic.HOW_CREATE, Topic.NOT_ALLOWED}),
)
"""Topics about the same kind of thing: calls that fail, keys that can't be created. Each other topic is of its own."""
TOPIC_OF_STATUS = {401: Topic.UNAUTHORIZED, 403: Topic.FORBIDDEN, 429: Topic.TOO_MANY_REQUESTS, 503: Topic.UNAVAILABLE}

_STATE_LOG_ODDS = 1.5
"""The log-odds that the organization's state adds to a topic: over four times as likely among its kind."""
_MEANT_LOG_ODDS = 1.5
"""The log-odds that a key or a request adds if the message names it or the person looks at it."""
_IS_SUPPORTED = re.compile(
    r"\b(?:do|does) (?:you|it|this|that|we|they|keydesk|the \w+)(?: \w+){0,2} support \w"
    r"|\b(?:is|are)\b[^.?!\n]{0,40}\bsupported\b",
    re.IGNORECASE,
)
"""A question whether something is supported is about the documentation; the person does not ask for support."""
_RULED_OUT_LOG_ODDS = 5.0
_OFFERED_AT_MOST = 3
"""How many topics are offered if the person is asked what they mean."""
_OFF_TOPIC_FROM = 0.5
"""The probability from which a message counts as off topic: that topic is never offered to choose from."""
_REPLACED_BELOW = 0.1
"""The current problem replaces the third offered topic if that is less likely than this."""


def rank(question: Question, facts: Facts) -> tuple[TopicScore, ...]:
    """The topics with their probabilities, the likeliest first."""
    state = question.state
    if question.suggested is not None:
        return (TopicScore(question.suggested, 1.0), *_without(question, question.suggested))
    if question.meant.only_named:
        named = Topic.KEY_STATE if state is None else state.topic
        return (TopicScore(named, 1.0), *_without(question, named))
    odds = evidence_of_what_is_meant(question, facts)
    if _IS_SUPPORTED.search(question.text):
        odds[Topic.HUMAN] = -_RULED_OUT_LOG_ODDS
    readings = _within_kinds(weighed(question.understood.readings, odds), priors_from_facts(facts))
    readings = _together(readings, answered_alike(facts))
    goes_on = question.understood.is_follow_up or (state is not None and not question.understood.asks_anew)
    if state is not None and goes_on and not is_sure(readings) and not facts.has_ticket:
        return (TopicScore(state.topic, 1.0), *_without(question, state.topic))
    if may_answer(question, readings):
        return readings
    offered = _with_problem(readings, facts)
    # A choice only changes the order: it makes nothing sure.
    return tuple(sorted(offered, key=lambda reading: reading.topic is not question.chosen))


def priors_from_facts(facts: Facts) -> dict[Topic, float]:
    """The log-odds that the organization's state adds to topics, compared with others of their kind."""
    odds: dict[Topic, float] = {}
    for topic, reasons in OF_TOPIC.items():
        keys = facts.meant or facts.keys
        if topic is not Topic.KEY_STATE and any(each.refused_for(reasons) for each in keys):
            odds[topic] = _STATE_LOG_ODDS
    if not facts.allowance.remaining:
        odds[Topic.CANNOT_CREATE] = _STATE_LOG_ODDS
    if not may_create_some(facts):
        odds[Topic.NOT_ALLOWED] = odds[Topic.CANNOT_CREATE] = _STATE_LOG_ODDS
    return odds


def evidence_of_what_is_meant(question: Question, facts: Facts) -> dict[Topic, float]:
    """The log-odds that a key or a request adds to topics. A key that is only looked at speaks against no topic."""
    odds: dict[Topic, float] = {}
    if facts.meant:
        odds |= dict.fromkeys(_OF_ONE_KEY, _MEANT_LOG_ODDS / 2)
        if question.meant.is_named:
            odds |= dict.fromkeys(_OF_NO_KEY, -_MEANT_LOG_ODDS)
    if facts.request is not None:
        odds[Topic.CALL_FAILS] = odds.get(Topic.CALL_FAILS, 0.0) + _MEANT_LOG_ODDS
    return odds


def _within_kinds(readings: Sequence[TopicScore], odds: Mapping[Topic, float]) -> tuple[TopicScore, ...]:
    """Adds the log-odds, and leaves the probability of each kind of topics as a whole as it is."""
    before, after = dict(readings), dict(weighed(readings, odds))
    shares = dict(before)
    for kind in _KINDS:
        whole, moved = sum(before[topic] for topic in kind), sum(after[topic] for topic in kind)
        shares |= {topic: after[topic] * whole / moved for topic in kind if moved}
    return tuple(TopicScore(*each) for each in sorted(shares.items(), key=lambda each: (-each[1], each[0])))


def may_answer(question: Question, readings: tuple[TopicScore, ...]) -> bool:
    """Whether to answer the likeliest topic without a word of doubt. Its status in the message is reason enough."""
    topic, probability = readings[0]
    if topic is question.chosen:
        return False  # a model's choice makes nothing sure
    if topic is Topic.GREETING:
        return True  # the answer to a greeting asks for details, too
    if topic is Topic.OFF_TOPIC and probability >= _OFF_TOPIC_FROM:
        return True
    says_so = any(TOPIC_OF_STATUS.get(status) is topic for status in question.understood.status_codes)
    return probability == 1.0 or says_so or is_sure(readings)


def may_answer_tentatively(readings: Sequence[TopicScore]) -> bool:
    """Whether to answer the likeliest topic together with the other readings. Nobody is turned away by a guess."""
    return readings[0].topic is not Topic.OFF_TOPIC and is_likely(readings)


def answered_alike(facts: Facts) -> list[set[Topic]]:
    """Groups of topics that have the same answer now, such as *how do I create a key* if no slot is free."""
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
    """Adds the probabilities of each group to the likeliest topic of that group."""
    shares = dict(readings)
    for group in groups:
        likeliest, *others = sorted(group, key=lambda topic: (-shares[topic], topic))
        shares[likeliest] += sum(shares[topic] for topic in others)
        shares |= dict.fromkeys(others, 0.0)
    return tuple(TopicScore(*each) for each in sorted(shares.items(), key=lambda each: (-each[1], each[0])))


def _with_problem(readings: Sequence[TopicScore], facts: Facts) -> tuple[TopicScore, ...]:
    """The topics in the order in which to offer them. The current problem is among the first, though last of these."""
    problem = _topics_of_problem(facts)
    first = [reading for reading in readings if reading.topic not in talk.NEVER_OFFERED][:_OFFERED_AT_MOST]
    if not problem or first[-1].probability >= _REPLACED_BELOW or any(reading.topic in problem for reading in first):
        return tuple(readings)
    best = next(reading for reading in readings if reading.topic in problem)
    ordered = [*first[:-1], best]
    return (*ordered, *(reading for reading in readings if reading not in ordered))


def _topics_of_problem(facts: Facts) -> set[Topic]:
    """The topics whose answer is the current problem. Empty if there is no problem."""
    problem = likeliest_problem(facts)
    return next((group for group in answered_alike(facts) if problem in group), set())


def likeliest_problem(facts: Facts) -> Topic | None:
    """The topic of the current problem, or None if there is no problem."""
    if facts.in_trouble(OF_TOPIC[Topic.CALL_FAILS]):
        return Topic.CALL_FAILS
    return Topic.CANNOT_CREATE if not may_create_some(facts) or not facts.allowance.remaining else None


def _without(question: Question, topic: Topic) -> tuple[TopicScore, ...]:
    return tuple(reading for reading in question.understood.readings if reading.topic is not topic)
