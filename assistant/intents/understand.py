"""
Finds what a redacted message is about, with probabilities, and which entities it names.

It uses only the message, nothing about the organization. Rules handle what leaves no doubt, classifiers everything
else. Callers combine the result with what is wrong at the moment: see `weighed`.

The first message in a process takes over a second: the sentence encoder is read then.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from assistant.intents.blocks import prose_of, to_embed
from assistant.intents.cause_sentences import told_in_prose
from assistant.intents.causes import Cause, ToldCause, combined, tells_a_status_alone
from assistant.intents.encoder import embedding
from assistant.intents.entities import HeaderMistake, entities
from assistant.intents.features import features
from assistant.intents.language import language_of
from assistant.intents.model import model
from assistant.intents.normalize import folded, plain, sentences
from assistant.intents.rules import asks_anew, evidence, is_follow_up
from assistant.intents.shown import shown
from assistant.intents.topics import Topic, TopicScore, served_together

__all__ = [
    "HeaderMistake",
    "Topic",
    "TopicScore",
    "Understood",
    "is_likely",
    "is_sure",
    "understand",
    "weighed",
]

_LEAST = 1e-9
_Label = TypeVar("_Label", bound=str)


class Understood(NamedTuple):
    """What a message is about, and the entities that it contains literally."""

    readings: tuple[TopicScore, ...]
    """All topics with their probabilities, the likeliest first."""
    language: str
    """`en`, `de`, `fr`, `es`, `pt`, `ja`, `zh`, or `other`."""
    status_codes: tuple[int, ...]
    request_ids: tuple[str, ...]
    codes: tuple[str, ...]
    """Codes of refusals and of the GraphQL schema, such as `deleted_key` and `KeyLimitReached`."""
    hints: tuple[str, ...]
    ids: tuple[str, ...]
    hosts: tuple[str, ...]
    """The hosts of pasted URLs, with the port if there is one."""
    header_mistakes: tuple[HeaderMistake, ...]
    has_pasted_key: bool
    has_pasted_other: bool
    """Whether redaction removed a vendor's credential, or another secret that is not a Keydesk key."""
    is_follow_up: bool
    """Whether the message makes sense only after another message."""
    asks_anew: bool
    """Whether the message is a new question, and not a remark, thanks or a continuation."""
    causes: tuple[ToldCause, ...] = ()
    """The causes that the message tells, the most certain first."""


def understand(text: str) -> Understood:
    """Analyzes a redacted message."""
    whole = plain(text)
    found, said = entities(whole), sentences(whole)
    trained, words = model(), features(folded(said))
    told = to_embed(whole)
    meaning = embedding(told) if told.strip() else None
    log_odds = trained.topics.log_odds(words, meaning)
    readings = _sorted(dict(zip(map(Topic, trained.topics.labels), log_odds, strict=True)), evidence(said, found))
    follows_up = is_follow_up(whole, found)
    likely = (
        {} if tells_a_status_alone(whole) else _believed(trained.causes.labels, trained.causes.log_odds(words, meaning))
    )
    causes = combined((*shown(whole, found), *told_in_prose(prose_of(whole))), likely)
    return Understood(
        readings,
        language_of(said),
        *found,
        is_follow_up=follows_up,
        asks_anew=asks_anew(said, found, follows_up),
        causes=causes,
    )


def weighed(readings: Sequence[TopicScore], evidence: Mapping[Topic, float]) -> tuple[TopicScore, ...]:
    """
    Adds evidence to the readings and sorts them again, the likeliest first.

    Evidence is in log-odds by topic: above 0 for what is wrong at the moment, below 0 for what can't be.
    """
    return _sorted({reading.topic: math.log(max(reading.probability, _LEAST)) for reading in readings}, evidence)


def is_sure(readings: Sequence[TopicScore]) -> bool:
    """Whether to answer without a word of doubt."""
    return _likelihood(readings) >= model().sure_from


def is_likely(readings: Sequence[TopicScore]) -> bool:
    """Whether to answer, at least tentatively: together with the other readings."""
    return _likelihood(readings) >= model().tentative_from


def _likelihood(readings: Sequence[TopicScore]) -> float:
    """The probability of all topics that have the same answer as the first reading."""
    served = served_together(readings[0].topic)
    return sum(reading.probability for reading in readings if reading.topic in served)


def _believed(labels: Sequence[str], log_odds: Sequence[float]) -> dict[Cause, float]:
    """The causes that are likely enough to be believed. The empty label stands for none."""
    shares = _shares(dict(zip(labels, log_odds, strict=True)))
    return {Cause(label): share for label, share in shares.items() if label and share >= model().cause_from}


def _sorted(log_odds: Mapping[Topic, float], evidence: Mapping[Topic, float]) -> tuple[TopicScore, ...]:
    total = {topic: value + evidence.get(topic, 0.0) for topic, value in log_odds.items()}
    readings = (TopicScore(topic, share) for topic, share in _shares(total).items())
    return tuple(sorted(readings, key=lambda reading: (-reading.probability, reading.topic)))


def _shares(log_odds: Mapping[_Label, float]) -> dict[_Label, float]:
    most = max(log_odds.values())
    shares = {label: math.exp(value - most) for label, value in log_odds.items()}
    whole = sum(shares.values())
    return {label: share / whole for label, share in shares.items()}
