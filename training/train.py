"""
Trains the classifier and writes its model file: `python -m training.train`, or `make train`.

The classifier is a logistic regression over words, parts of words, and concepts. It is calibrated on messages that
other people wrote, by cross-validation in five parts by source: each part is judged by a model that was trained without
it and without similar phrases.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from random import Random
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from assistant.intents.entities import entities
from assistant.intents.features import Features, features
from assistant.intents.model import FILE, packed
from assistant.intents.normalize import folded, plain, sentences
from assistant.intents.rules import evidence
from assistant.intents.topics import Topic, served_together
from training.corpus import Said, digest, gathered, much_alike, part_of, phrases
from training.variants import variant

TOPICS = tuple(Topic)
PARTS = 5
VARIANTS = 2
VARIANT_WEIGHT = 0.5
GATHERED_WEIGHT = 4.0
"""The weight of messages that other people wrote. They show better than the project's phrases how people write."""
SEEN_AT_LEAST = (3, 4, 3)
"""How often a feature must occur in the training data to be used, for each block."""
BLOCK_WEIGHTS = (1.0, 1.0, 1.2)
FEATURES_AT_MOST = 30_000
REGULARIZATION = 5.0
WRONG_AT_MOST = 0.04
"""
The share of direct answers that may be wrong.

The threshold is chosen and measured with the same messages, so this is less than the 5 % that are the goal for other
messages.
"""
ALIKE_FROM = 0.35
"""
Phrases that are this similar to a message are left out when that message is used for evaluation.

The authors of the phrases had read these messages, so similar phrases would make the results look too good.
"""
_TEMPERATURES = np.arange(0.6, 2.6, 0.05)


class Sample(NamedTuple):
    """A message for training, or a variant of one."""

    said: Said
    features: Features
    weight: float


class Trained(NamedTuple):
    """The features of each block, in order, the weights of all features in the same order, and the bias."""

    names: tuple[tuple[str, ...], ...]
    weights: np.ndarray
    bias: np.ndarray


def features_of(text: str) -> Features:
    """The features of a message, extracted as `understand` does."""
    return features(folded(sentences(plain(text))))


def samples() -> list[Sample]:
    """All phrases and gathered messages with their variants. The result is the same each time."""
    random = Random(20261124)
    made = []
    for said in (*phrases(), *gathered()):
        weight = 1.0 if said.source == "phrases" else GATHERED_WEIGHT
        made.append(Sample(said, features_of(said.text), weight))
        for _ in range(VARIANTS):
            text = variant(said.text, said.language, random)
            made.append(Sample(said, features_of(text), weight * VARIANT_WEIGHT))
    return made


def _matrix(messages: Sequence[Features], names: Sequence[Sequence[str]]) -> csr_matrix:
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
    return csr_matrix((data, indices, ends), shape=(len(messages), start))


def _fit(learned: Sequence[Sample], names: Sequence[Sequence[str]]) -> Trained:
    regression = LogisticRegression(C=REGULARIZATION, max_iter=400, tol=1e-4)
    regression.fit(
        _matrix([sample.features for sample in learned], names),
        [TOPICS.index(sample.said.topics[0]) for sample in learned],
        sample_weight=[sample.weight for sample in learned],
    )
    return Trained(tuple(map(tuple, names)), regression.coef_.T, regression.intercept_)


def train(learned: Sequence[Sample]) -> Trained:
    """Trains twice: with all features, then with the most important ones."""
    counts: list[Counter[str]] = [Counter(), Counter(), Counter()]
    for sample in learned:
        for count, found in zip(counts, sample.features, strict=True):
            count.update(found)
    names = [
        sorted(name for name, times in count.items() if times >= least)
        for count, least in zip(counts, SEEN_AT_LEAST, strict=True)
    ]
    if sum(map(len, names)) <= FEATURES_AT_MOST:
        return _fit(learned, names)
    first = _fit(learned, names)
    times = np.array([counts[block][name] for block, block_names in enumerate(names) for name in block_names])
    matters = np.abs(first.weights).max(axis=1) * np.sqrt(times)
    kept = set(np.argsort(-matters, kind="stable")[:FEATURES_AT_MOST].tolist())
    position, fewer = 0, []
    for block_names in names:
        fewer.append([name for offset, name in enumerate(block_names) if position + offset in kept])
        position += len(block_names)
    return _fit(learned, fewer)


def judged_by_others(made: Sequence[Sample]) -> tuple[list[Said], np.ndarray, np.ndarray]:
    """
    Judges the gathered messages by models that were trained without similar ones.

    Returns the messages, their log-odds, and the evidence of the rules.
    """
    judged, log_odds = [], []
    for part in range(PARTS):
        asked = [said for said in gathered() if part_of(said, PARTS) == part]
        known = much_alike({sample.said.text for sample in made}, [said.text for said in asked], ALIKE_FROM)
        learned = [
            sample
            for sample in made
            if (sample.said.source == "phrases" or part_of(sample.said, PARTS) != part)
            and sample.said.text not in known
        ]
        trained = train(learned)
        judged += asked
        log_odds.append(
            _matrix([features_of(said.text) for said in asked], trained.names) @ trained.weights + trained.bias
        )
    return judged, np.vstack(log_odds), np.array([_evidence(said) for said in judged])


def _evidence(said: Said) -> list[float]:
    text = plain(said.text)
    odds = evidence(sentences(text), entities(text))
    return [odds.get(topic, 0.0) for topic in TOPICS]


def _probabilities(log_odds: np.ndarray) -> np.ndarray:
    shares = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def calibrated(judged: Sequence[Said], log_odds: np.ndarray, by_rule: np.ndarray) -> tuple[float, float]:
    """The temperature that calibrates the probabilities, and the probability from which answers are given directly."""
    right = np.array([[topic in said.topics for topic in TOPICS] for said in judged])

    def surprise(temperature: float) -> float:
        return float(-np.log(((_probabilities(log_odds / temperature + by_rule)) * right).sum(axis=1) + 1e-9).mean())

    temperature = float(min(_TEMPERATURES, key=surprise))
    probabilities = _probabilities(log_odds / temperature + by_rule)
    together = np.array([[other in served_together(topic) for other in TOPICS] for topic in TOPICS])
    first = probabilities.argmax(axis=1)
    sure = (probabilities * together[first]).sum(axis=1)
    served = (right * together[first]).any(axis=1)
    most_first = np.argsort(-sure, kind="stable")
    wrong = np.cumsum(_expected_wrong(sure, served)[most_first]) / np.arange(1, len(sure) + 1)
    good = np.flatnonzero(wrong < WRONG_AT_MOST)
    print(
        f"{len(judged)} messages of others: right at once {right[np.arange(len(right)), first].mean():.3f},"
        f" right answer {served.mean():.3f},"
        f" within three {np.take_along_axis(right, np.argsort(-probabilities)[:, :3], axis=1).any(axis=1).mean():.3f};"
        f" temperature {temperature:.2f}, direct {(good.max() + 1) / len(sure):.3f},"
        f" of these wrong {1 - served[most_first][: good.max() + 1].mean():.3f}"
    )
    return temperature, float(sure[most_first[good.max()]])


def _expected_wrong(sure: np.ndarray, served: np.ndarray) -> np.ndarray:
    """
    The probability that each answer is wrong, from a curve that is fitted to all of them.

    Because of the curve, no single message determines the threshold for direct answers.
    """
    log_odds = np.log(np.clip(sure, 1e-6, 1 - 1e-6) / np.clip(1 - sure, 1e-6, 1))[:, np.newaxis]
    return LogisticRegression(C=1000.0).fit(log_odds, ~served).predict_proba(log_odds)[:, 1]


def _rounded(trained: Trained) -> tuple[list[float], list[Collection[int]]]:
    """Rounds the weights to a byte each. The step of a block is chosen so that its largest weight just fits."""
    steps: list[float] = []
    rows: list[Collection[int]] = []
    start = 0
    for block, weight in zip(trained.names, BLOCK_WEIGHTS, strict=True):
        weights = trained.weights[start : start + len(block)]
        step = float(np.abs(weights).max()) / 127
        rows += np.rint(weights / step).astype(int).tolist()
        steps.append(round(step * weight, 9))
        start += len(block)
    return steps, rows


def main() -> None:
    """Trains, measures, and writes the model."""
    made = samples()
    temperature, sure_from = calibrated(*judged_by_others(made))
    trained = train(made)
    steps, rows = _rounded(trained)
    about = {
        "topics": list(TOPICS),
        "bias": [round(float(bias), 6) for bias in trained.bias],
        "steps": steps,
        "temperature": round(temperature, 3),
        "sure_from": round(sure_from, 4),
        "digest": digest(),
    }
    FILE.write_bytes(packed(about, trained.names, map(list, rows)))
    print(f"{FILE.name}: {sum(map(len, trained.names)):,} features, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
