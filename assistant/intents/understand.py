"""
Finds what a redacted message is about, with probabilities, and which entities it names.

It uses only the message, nothing about the organization. Rules handle what leaves no doubt, a classifier everything
else. Callers combine the result with what is wrong at the moment: see `weighed`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assistant.intents.blocks import prose_of, shown
from assistant.intents.cause_sentences import told_in_prose
from assistant.intents.causes import ToldCause, combined
from assistant.intents.entities import HeaderMistake, entities
from assistant.intents.features import features
from assistant.intents.language import language_of
from assistant.intents.model import model
from assistant.intents.normalize import folded, plain, sentences
from assistant.intents.rules import asks_anew, evidence, is_follow_up
from assistant.intents.topics import Topic, TopicScore, served_together

__all__ = ["HeaderMistake", "Topic", "TopicScore", "Understood", "is_sure", "understand", "weighed"]

_LEAST = 1e-9


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
    trained = model()
    log_odds = trained.log_odds(features(folded(said)))
    readings = _sorted(dict(zip(trained.topics, log_odds, strict=True)), evidence(said, found))
    follows_up = is_follow_up(whole, found)
    causes = combined((*shown(whole, found), *told_in_prose(prose_of(whole))), {})
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
    """
    Whether to answer directly.

    All topics that have the same answer as the first reading must together reach the model's threshold.
    """
    served = served_together(readings[0].topic)
    return sum(reading.probability for reading in readings if reading.topic in served) >= model().sure_from


def _sorted(log_odds: Mapping[Topic, float], evidence: Mapping[Topic, float]) -> tuple[TopicScore, ...]:
    total = {topic: value + evidence.get(topic, 0.0) for topic, value in log_odds.items()}
    most = max(total.values())
    shares = {topic: math.exp(value - most) for topic, value in total.items()}
    whole = sum(shares.values())
    readings = (TopicScore(topic, share / whole) for topic, share in shares.items())
    return tuple(sorted(readings, key=lambda reading: (-reading.probability, reading.topic)))
