"""
Two logistic regressions for the same labels: over words, parts of words and concepts, and over the embedding.

The labels are topics or causes.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from assistant.intents.features import Features
from training.samples import Sample, embeddings

SEEN_AT_LEAST = (3, 4, 3)
"""How often a feature must occur in the training data to be used, for each block."""
BLOCK_WEIGHTS = (1.0, 1.0, 1.2)
REGULARIZATION = 5.0
MEANING_REGULARIZATION = 10.0
_STEPS = 60
"""The steps of the solver. Afterwards the weights hardly change what is understood."""
_LEAST = 1e-12


class Trained(NamedTuple):
    """The weights of both regressions, in log-odds: the features of each block in order, their weights, the biases."""

    names: tuple[tuple[str, ...], ...]
    weights: np.ndarray
    """A row for each feature, a column for each label."""
    bias: np.ndarray
    of_meaning: np.ndarray
    """A row for each of the embedding's numbers, a column for each label."""
    meaning_bias: np.ndarray

    def by_words(self, messages: Sequence[Sample]) -> np.ndarray:
        """The log-odds of each message by its features."""
        found: np.ndarray = matrix([each.features for each in messages], self.names) @ self.weights + self.bias
        return found

    def by_meaning(self, messages: Sequence[Sample]) -> np.ndarray:
        """The log-odds of each message by its embedding."""
        found: np.ndarray = embeddings(messages) @ self.of_meaning + self.meaning_bias
        return found


def matrix(messages: Sequence[Features], names: Sequence[Sequence[str]]) -> csr_matrix:
    """
    The features as a matrix with a row for each message.

    Each block of a row has the length that BLOCK_WEIGHTS gives, whatever the number of its features.
    """
    columns: list[dict[str, int]] = []
    start = 0
    for block in names:
        columns.append({name: start + position for position, name in enumerate(block)})
        start += len(block)
    data, indices, ends = [], [], [0]
    for message in messages:
        for found, known, weight in zip(message, columns, BLOCK_WEIGHTS, strict=True):
            places = sorted(known[name] for name in found if name in known)
            indices += places
            data += [weight / math.sqrt(len(places) or 1)] * len(places)
        ends.append(len(indices))
    return csr_matrix((np.array(data, dtype=np.float32), indices, ends), shape=(len(messages), start))


def train(learned: Sequence[Sample], labels: Sequence[int], number: int, features_at_most: int) -> Trained:
    """
    Trains both regressions. `labels` are places in a list of `number` labels.

    Of the words and their parts, only those are used that tell most about the labels.
    """
    names = _names(learned)
    if sum(map(len, names)) > features_at_most:
        names = _that_matter(learned, labels, names, features_at_most)
    weights, bias = _fit(
        matrix([each.features for each in learned], names), labels, learned, number, REGULARIZATION, _STEPS
    )
    with_meaning = [position for position, each in enumerate(learned) if each.embedding is not None]
    known = [learned[position] for position in with_meaning]
    of_meaning, meaning_bias = _fit(
        embeddings(known), [labels[each] for each in with_meaning], known, number, MEANING_REGULARIZATION, _STEPS
    )
    return Trained(tuple(map(tuple, names)), weights, bias, of_meaning, meaning_bias)


def _names(learned: Sequence[Sample]) -> list[list[str]]:
    counts: list[Counter[str]] = [Counter(), Counter(), Counter()]
    for sample in learned:
        for count, found in zip(counts, sample.features, strict=True):
            count.update(found)
    return [
        sorted(name for name, times in count.items() if times >= least)
        for count, least in zip(counts, SEEN_AT_LEAST, strict=True)
    ]


def _that_matter(
    learned: Sequence[Sample], labels: Sequence[int], names: list[list[str]], at_most: int
) -> list[list[str]]:
    """The features that tell most about the labels: those with the highest log-likelihood ratio."""
    is_there = matrix([each.features for each in learned], names)
    is_there.data[:] = 1.0
    weight = np.array([each.weight for each in learned])
    by_label = np.zeros((len(learned), 1 + max(labels)))
    by_label[np.arange(len(learned)), labels] = weight
    times = is_there.T @ by_label
    expected = times.sum(axis=1, keepdims=True) * by_label.sum(axis=0) / weight.sum()
    tells = (times * np.log(np.maximum(times, _LEAST) / np.maximum(expected, _LEAST))).sum(axis=1)
    kept = set(np.argsort(-tells, kind="stable")[:at_most].tolist())
    position, fewer = 0, []
    for block_names in names:
        fewer.append([name for offset, name in enumerate(block_names) if position + offset in kept])
        position += len(block_names)
    return fewer


def _fit(
    rows: "csr_matrix | np.ndarray",
    labels: Sequence[int],
    of: Sequence[Sample],
    number: int,
    regularization: float,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The weights with a column for each label, and the bias. A label without a message never wins."""
    if number == 1:
        # Nothing to tell apart, such as causes as long as no message has one.
        return np.zeros((rows.shape[1], 1)), np.zeros(1)
    regression = LogisticRegression(C=regularization, max_iter=steps, tol=1e-4)
    regression.fit(rows, labels, sample_weight=[each.weight for each in of])
    weights, bias = np.zeros((rows.shape[1], number)), np.full(number, -9.0)
    weights[:, regression.classes_], bias[regression.classes_] = regression.coef_.T, regression.intercept_
    return weights, bias
