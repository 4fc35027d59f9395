"""
Owns what a person's message is about, how sure that is, and what stands in it. Nothing of the organization is known.

The message is redacted already. Rules are for what leaves no doubt, a classifier for everything else; how a message is
answered is weighed by the caller with what is the matter now: see `weighed`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assistant.intents.entities import HeaderMistake, marks
from assistant.intents.features import features
from assistant.intents.language import language_of
from assistant.intents.model import model
from assistant.intents.normalize import folded, plain, sentences
from assistant.intents.rules import asks_anew, evidence, is_follow_up
from assistant.intents.topics import Reading, Topic, served_together

__all__ = ["HeaderMistake", "Reading", "Topic", "Understood", "is_sure", "understand", "weighed"]

_LEAST = 1e-9


class Understood(NamedTuple):
    """What a message is about, and what stands in it word for word."""

    readings: tuple[Reading, ...]
    """All topics, the likeliest first."""
    language: str
    """`en`, `de`, `fr`, `es`, `pt`, `ja`, `zh`, or `other`."""
    status_codes: tuple[int, ...]
    request_ids: tuple[str, ...]
    codes: tuple[str, ...]
    """Codes of refusals and of the GraphQL schema, such as `deleted_key` and `KeyLimitReached`."""
    hints: tuple[str, ...]
    ids: tuple[str, ...]
    hosts: tuple[str, ...]
    """Those of pasted addresses, with a port where there is one."""
    header_mistakes: tuple[HeaderMistake, ...]
    has_pasted_key: bool
    has_pasted_other: bool
    """Another vendor's credential, or one without a form of its own."""
    is_follow_up: bool
    """It makes sense only after another message."""
    asks_anew: bool
    """It is a question of its own, and no remark, thanks or continuation."""


def understand(text: str) -> Understood:
    """What a redacted message is about."""
    whole = plain(text)
    found, said = marks(whole), sentences(whole)
    trained = model()
    log_odds = trained.log_odds(features(folded(said)))
    readings = _sorted(dict(zip(trained.topics, log_odds, strict=True)), evidence(said, found))
    follows_up = is_follow_up(whole, found)
    return Understood(
        readings, language_of(said), *found, is_follow_up=follows_up, asks_anew=asks_anew(said, found, follows_up)
    )


def weighed(readings: Sequence[Reading], evidence: Mapping[Topic, float]) -> tuple[Reading, ...]:
    """The readings after evidence: log-odds for topics, above 0 for what is the matter now, below for what can't be."""
    return _sorted({reading.topic: math.log(max(reading.probability, _LEAST)) for reading in readings}, evidence)


def is_sure(readings: Sequence[Reading]) -> bool:
    """Whether to answer directly: the topics that the first answer serves are likely enough together."""
    served = served_together(readings[0].topic)
    return sum(reading.probability for reading in readings if reading.topic in served) >= model().sure_from


def _sorted(log_odds: Mapping[Topic, float], evidence: Mapping[Topic, float]) -> tuple[Reading, ...]:
    total = {topic: value + evidence.get(topic, 0.0) for topic, value in log_odds.items()}
    most = max(total.values())
    shares = {topic: math.exp(value - most) for topic, value in total.items()}
    whole = sum(shares.values())
    readings = (Reading(topic, share / whole) for topic, share in shares.items())
    return tuple(sorted(readings, key=lambda reading: (-reading.probability, reading.topic)))
