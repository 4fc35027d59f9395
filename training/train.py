"""
Trains the classifiers and writes their file: `python -m training.train`, or `make train`.

For topics and for causes there are two logistic regressions each: over words, parts of words and concepts, and over the
embedding of the sentence encoder. Both are mixed and calibrated by cross-validation in five parts by source: each part
is judged by models that were trained without it and without similar phrases.
"""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from assistant.intents.entities import entities
from assistant.intents.model import FILE, Weights, packed
from assistant.intents.normalize import plain, sentences
from assistant.intents.rules import evidence
from assistant.intents.topics import Topic, served_together
from training.calibration import (
    CAUSE_WRONG_AT_MOST,
    SURE_WRONG_AT_MOST,
    Judged,
    Readings,
    mixed,
    table,
    tentative_threshold,
    threshold,
)
from training.corpus import Said, digest, much_alike, part_of, whole_messages
from training.regression import BLOCK_WEIGHTS, Trained, train
from training.samples import Sample, samples

TOPICS = tuple(Topic)
CAUSES = ("", *sorted({cause for said in whole_messages() for cause in said.causes or ()}))
"""The first stands for messages that tell no cause."""
PARTS = 5
FEATURES_AT_MOST = 30_000
CAUSE_FEATURES_AT_MOST = 8_000
ALIKE_FROM, WHOLE_ALIKE_FROM = 0.35, 0.6
"""
Phrases that are this similar to a message are left out when that message is used for evaluation.

The authors of the phrases had read the gathered messages, so similar phrases would make the results look too good. A
whole message is long, and contains much of any short phrase by chance.
"""
_OF_CALLS = frozenset(
    {
        *(Topic.CALL_FAILS, Topic.UNAUTHORIZED, Topic.FORBIDDEN, Topic.TOO_MANY_REQUESTS, Topic.UNAVAILABLE),
        *(Topic.KEY_STATE, Topic.EXPIRY, Topic.LOST_SECRET, Topic.EXPOSED_KEY, Topic.HISTORY, Topic.HOW_DELETE),
        *(Topic.HOW_ROTATE, Topic.HOW_CALL),
    }
)
"""Topics whose messages may tell a cause though nobody wrote it down."""
_TELLS_NONE_WEIGHT = 0.3
"""The weight of a short message about something else, which tells no cause."""


class Task(NamedTuple):
    """A classifier to train: what it learns from, the place of each sample's label, and the number of labels."""

    learned: Sequence[Sample]
    labels: Sequence[int]
    number: int
    features_at_most: int


class Part(NamedTuple):
    """The messages of a part, to be judged by a model that learns from the task."""

    asked: Sequence[Sample]
    task: Task


def _trained(task: Task) -> Trained:
    with warnings.catch_warnings():
        # The solver stops after a fixed number of steps, whatever is left to gain.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return train(task.learned, task.labels, task.number, task.features_at_most)


def topics_of(made: Sequence[Sample]) -> Task:
    """The task of topics."""
    return Task(made, [TOPICS.index(each.said.topics[0]) for each in made], len(TOPICS), FEATURES_AT_MOST)


def causes_of(made: Sequence[Sample]) -> Task:
    """
    The task of causes.

    Whole messages say their cause, or that there is none. Of others, those about something else than calls tell none.
    """
    learned = []
    for each in made:
        if each.said.causes is not None:
            learned.append(each)
        elif _OF_CALLS.isdisjoint(each.said.topics) and each.embedding is not None:
            learned.append(each._replace(weight=_TELLS_NONE_WEIGHT))
    labels = [CAUSES.index((each.said.causes or ("",))[0]) for each in learned]
    return Task(learned, labels, len(CAUSES), CAUSE_FEATURES_AT_MOST)


def parts_of(task: Task) -> list[Part]:
    """The task in parts: of each, the messages of others and whole messages are judged by a model without them."""
    parts = []
    for part in range(PARTS):
        asked = [each for each in task.learned if _judges(each) and part_of(each.said, PARTS) == part]
        known = _known(task.learned, asked)
        kept = [
            position
            for position, each in enumerate(task.learned)
            if (each.said.source == "phrases" or part_of(each.said, PARTS) != part) and each.said.text not in known
        ]
        fewer = task._replace(
            learned=[task.learned[each] for each in kept], labels=[task.labels[each] for each in kept]
        )
        parts.append(Part(asked, fewer))
    return parts


def _judges(sample: Sample) -> bool:
    return sample.said.source != "phrases" and sample.embedding is not None


def _known(learned: Sequence[Sample], asked: Sequence[Sample]) -> set[str]:
    texts = {each.said.text for each in learned}
    short = [each.said.text for each in asked if not each.said.is_whole]
    whole = [each.said.text for each in asked if each.said.is_whole]
    return much_alike(texts, short, ALIKE_FROM) | much_alike(texts, whole, WHOLE_ALIKE_FROM)


def _evidence(said: Said) -> list[float]:
    text = plain(said.text)
    odds = evidence(sentences(text), entities(text))
    return [odds.get(topic, 0.0) for topic in TOPICS]


def judged(parts: Sequence[Part], models: Sequence[Trained]) -> tuple[list[Sample], Judged]:
    """What the models say of the messages of their parts."""
    asked = [each for part in parts for each in part.asked]
    is_of_topics = parts[0].task.number == len(TOPICS)
    if is_of_topics:
        right = [[topic in each.said.topics for topic in TOPICS] for each in asked]
        by_rule = np.array([_evidence(each.said) for each in asked])
    else:
        right = [[cause in (each.said.causes or ("",)) for cause in CAUSES] for each in asked]
        by_rule = np.zeros((len(asked), len(CAUSES)))
    return asked, Judged(
        np.vstack([model.by_words(part.asked) for part, model in zip(parts, models, strict=True)]),
        np.vstack([model.by_meaning(part.asked) for part, model in zip(parts, models, strict=True)]),
        by_rule,
        np.array(right),
        np.ones(len(asked)) if is_of_topics else np.array([each.weight for each in asked]),
    )


def readings_of_topics(found: Judged, mix: tuple[float, float]) -> Readings:
    """The likeliest answers. Topics that have the same answer count together."""
    probabilities = found.probabilities(mix)
    together = np.array([[other in served_together(topic) for other in TOPICS] for topic in TOPICS])
    first = together[probabilities.argmax(axis=1)]
    return Readings((probabilities * first).sum(axis=1), (found.right & first).any(axis=1), found.weight)


def readings_of_causes(found: Judged, mix: tuple[float, float]) -> Readings:
    """The likeliest causes, of the messages of which the likeliest reading is that they tell one."""
    probabilities = found.probabilities(mix)
    first = probabilities.argmax(axis=1)
    told, rows = first > 0, np.arange(len(first))
    return Readings(probabilities[rows, first][told], found.right[rows, first][told], found.weight[told])


def _rounded(labels: Sequence[str], trained: Trained, mix: tuple[float, float]) -> Weights:
    """Rounds the weights to a byte each. The step of a block is chosen so that its largest weight just fits."""
    steps: list[float] = []
    rows: list[list[int]] = []
    start = 0
    for block, weight in zip(trained.names, BLOCK_WEIGHTS, strict=True):
        weights = trained.weights[start : start + len(block)]
        step = float(np.abs(weights).max()) / 127 or 1.0
        rows += np.rint(weights / step).astype(int).tolist()
        steps.append(round(step * weight * mix[0], 9))
        start += len(block)
    step = float(np.abs(trained.of_meaning).max()) / 127 or 1.0
    return Weights(
        labels,
        [round(float(each), 6) for each in mix[0] * trained.bias + mix[1] * trained.meaning_bias],
        trained.names,
        rows,
        steps,
        np.rint(trained.of_meaning.T / step).astype(int).tolist(),
        round(step * mix[1], 9),
    )


def _group(sample: Sample) -> str:
    said = sample.said
    if not said.is_whole:
        return "sentences of others"
    written = said.source.startswith("written")
    return f"{'written' if written else 'of others'}, {'en' if said.language == 'en' else 'others'}"


def main() -> None:
    """Trains, measures, and writes the model."""
    made = samples()
    tasks = (topics_of(made), causes_of(made))
    parts = [parts_of(task) for task in tasks]
    todo = [*tasks, *(part.task for each in parts for part in each)]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        topics, causes, *others = processes.map(_trained, todo)
    asked, of_topics = judged(parts[0], others[:PARTS])
    mix = mixed(of_topics)
    read = readings_of_topics(of_topics, mix)
    sure_from, tentative_from = threshold(read, SURE_WRONG_AT_MOST), tentative_threshold(read)
    print(f"topics: words {mix[0]}, meaning {mix[1]}; sure from {sure_from:.3f}, tentative from {tentative_from:.3f}")
    print(table(read, [_group(each) for each in asked], sure_from, tentative_from))
    _, of_causes = judged(parts[1], others[PARTS:])
    cause_mix = mixed(of_causes)
    told = readings_of_causes(of_causes, cause_mix)
    cause_from = threshold(told, CAUSE_WRONG_AT_MOST)
    print(f"causes: words {cause_mix[0]}, meaning {cause_mix[1]}; believed from {cause_from:.3f}")
    print(table(told, ["causes"] * len(told.likely), cause_from, cause_from))
    about = {
        "sure_from": round(sure_from, 4),
        "tentative_from": round(tentative_from, 4),
        "cause_from": round(cause_from, 4),
        "digest": digest(),
    }
    classifiers = (_rounded(TOPICS, topics, mix), _rounded(CAUSES, causes, cause_mix))
    FILE.write_bytes(packed(about, classifiers))
    print(f"{FILE.name}: {sum(map(len, topics.names)):,} features, {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
