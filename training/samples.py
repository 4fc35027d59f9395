"""The messages for training with their features and embeddings."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np

from assistant.intents.blocks import to_embed
from assistant.intents.encoder import embedding
from assistant.intents.features import Features, features
from assistant.intents.normalize import folded, plain, sentences
from training.corpus import WRITTEN, Said, gathered, phrases, whole_messages
from training.variants import variant

VARIANTS = 1
VARIANT_WEIGHT = 0.5
GATHERED_WEIGHT = 4.0
"""The weight of messages that other people wrote. They show better than the project's phrases how people write."""
WHOLE_WEIGHT = 2.0
"""The weight of whole messages that we wrote. Each is long, and says more than one sentence does."""


class Sample(NamedTuple):
    """A message for training, or a variant of one."""

    said: Said
    features: Features
    embedding: np.ndarray | None
    """None for a variant: what changes letters but not the meaning teaches the embedding's weights nothing."""
    weight: float


def samples() -> list[Sample]:
    """All messages with variants of the short ones. The result is the same each time."""
    random = Random(20261124)
    made = []
    for said in (*phrases(), *gathered()):
        weight = 1.0 if said.source == "phrases" else GATHERED_WEIGHT
        made.append(sample(said, weight))
        for _ in range(VARIANTS):
            text = variant(said.text, said.language, random)
            made.append(Sample(said, features_of(text), None, weight * VARIANT_WEIGHT))
    for said in whole_messages():
        made.append(sample(said, WHOLE_WEIGHT if said.source.startswith(WRITTEN) else GATHERED_WEIGHT))
    return made


def sample(said: Said, weight: float) -> Sample:
    """A message as it is written."""
    return Sample(said, features_of(said.text), embedding(to_embed(plain(said.text))), weight)


def features_of(text: str) -> Features:
    """The features of a message, extracted as `understand` does."""
    return features(folded(sentences(plain(text))))


def embeddings(of: Sequence[Sample]) -> np.ndarray:
    """The embeddings of samples that have one, a row for each."""
    return np.array([each.embedding for each in of if each.embedding is not None])
