"""The model file: what was written is read again, and adding lanes adds weights."""

import math
from pathlib import Path

import numpy as np
import pytest

from assistant.intents import model as understand_model
from assistant.intents.encoder import DIMENSIONS
from assistant.intents.features import Features
from assistant.intents.model import FILE, Weights, model, packed
from assistant.intents.topics import Topic

TOPICS = tuple(Topic)
BYTES_AT_MOST = 1_200_000
ABOUT = {"sure_from": 0.8, "tentative_from": 0.4, "cause_from": 0.6, "digest": "abc"}
OF_TOPICS = Weights(
    TOPICS,
    [0.5] + [0.0] * (len(TOPICS) - 1),
    (("call", "fail call"), (" cal", "キー"), ("key",)),
    (
        [127, *[0] * (len(TOPICS) - 1)],
        [-127, *[5] * (len(TOPICS) - 1)],
        [1] * len(TOPICS),
        list(range(len(TOPICS))),
        [-128 + 1] * len(TOPICS),
    ),
    [0.1, 0.2, 0.3],
    [[row + 1, *[0] * (DIMENSIONS - 2), -100] for row in range(len(TOPICS))],
    0.01,
)
OF_CAUSES = Weights(
    ("", "quota"), [0.0, 1.0], (("limit",), ("quo",), ("month",)), ([1, 2], [3, 4], [5, 6]), [0.1] * 3,
    [[0] * DIMENSIONS, [7] * DIMENSIONS], 0.5,
)  # fmt: skip
NOTHING = Features(frozenset(), frozenset(), frozenset())


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> understand_model.Model:
    """A small model, written and read again."""
    file = tmp_path / "small.model"
    file.write_bytes(packed(ABOUT, [OF_TOPICS, OF_CAUSES]))
    monkeypatch.setattr(understand_model, "FILE", file)
    return model.__wrapped__()


def test_what_was_written_is_read_again(written: understand_model.Model) -> None:
    """The labels, the features of each block, and the thresholds."""
    assert written.topics.labels == TOPICS
    assert written.causes.labels == ("", "quota")
    assert tuple(tuple(block.rows) for block in written.topics.blocks) == OF_TOPICS.names
    assert (written.sure_from, written.tentative_from, written.cause_from) == (0.8, 0.4, 0.6)
    assert written.digest == "abc"


def test_the_log_odds_are_the_sums_of_the_weights(written: understand_model.Model) -> None:
    """Each block counts as one feature, whatever their number; unknown ones count nothing."""
    message = Features(frozenset({"call", "fail call", "nothing"}), frozenset({"キー"}), frozenset())

    odds = written.topics.log_odds(message, np.zeros(DIMENSIONS, dtype=np.float32))

    rows = OF_TOPICS.rows
    expected = [
        bias + (0.1 * (rows[0][lane] + rows[1][lane]) / math.sqrt(2)) + 0.2 * rows[3][lane]
        for lane, bias in enumerate(OF_TOPICS.bias)
    ]
    assert odds == pytest.approx(expected)


def test_the_embedding_adds_its_part(written: understand_model.Model) -> None:
    """Its first number counts for each topic differently here, its last against all."""
    embedding = np.zeros(DIMENSIONS, dtype=np.float32)
    embedding[0], embedding[-1] = 0.5, 0.25

    odds = written.topics.log_odds(NOTHING, embedding)

    assert odds == pytest.approx([b + 0.01 * ((row + 1) * 0.5 - 25) for row, b in enumerate(OF_TOPICS.bias)], abs=1e-5)
    assert written.causes.log_odds(NOTHING, embedding) == pytest.approx([0.0, 1 + 7 * 0.5 * 0.75], abs=1e-5)


def test_every_feature_at_once_overflows_no_lane(written: understand_model.Model) -> None:
    """The largest weights of all possible features fit side by side."""
    most = [[127] * len(TOPICS)] * 30_000
    rows = [understand_model._row(bytes(weight + 128 for weight in row)) for row in most]

    assert understand_model._lanes(rows, len(TOPICS)) == [127 * 30_000] * len(TOPICS)


def test_a_message_of_nothing_speaks_for_no_label(written: understand_model.Model) -> None:
    """It has no features, and no text to embed. A label that is frequent in training is no likelier then."""
    assert written.topics.log_odds(NOTHING, None) == [0.0] * len(TOPICS)


def test_the_model_is_compact_and_of_all_topics() -> None:
    """The file is in the repository, and every process loads it."""
    assert FILE.stat().st_size < BYTES_AT_MOST
    assert model().topics.labels == TOPICS
    assert model().causes.labels[0] == ""
    assert 0.2 < model().tentative_from < model().sure_from < 1
    assert 0.3 < model().cause_from < 1
