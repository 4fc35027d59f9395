"""The model file: what was written is read again, and adding lanes adds weights."""

import math
from pathlib import Path
from typing import cast

import pytest

from assistant.intents import model as understand_model
from assistant.intents.features import Features
from assistant.intents.model import FILE, model, packed
from assistant.intents.topics import Topic

TOPICS = tuple(Topic)
BYTES_AT_MOST = 1_000_000
ABOUT = {
    "topics": list(TOPICS),
    "bias": [0.5] + [0.0] * (len(TOPICS) - 1),
    "steps": [0.1, 0.2, 0.3],
    "temperature": 2.0,
    "sure_from": 0.8,
    "digest": "abc",
}
NAMES = (("call", "fail call"), (" cal", "キー"), ("key",))
WEIGHTS = (
    [127, *[0] * (len(TOPICS) - 1)],
    [-127, *[5] * (len(TOPICS) - 1)],
    [1] * len(TOPICS),
    list(range(len(TOPICS))),
    [-128 + 1] * len(TOPICS),
)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> understand_model.Model:
    """A small model, written and read again."""
    file = tmp_path / "small.model"
    file.write_bytes(packed(ABOUT, NAMES, WEIGHTS))
    monkeypatch.setattr(understand_model, "FILE", file)
    return model.__wrapped__()


def test_what_was_written_is_read_again(written: understand_model.Model) -> None:
    """The topics, the features of each block, and the thresholds."""
    assert written.topics == TOPICS
    assert tuple(tuple(block.rows) for block in written.blocks) == NAMES
    assert (written.temperature, written.sure_from, written.digest) == (2.0, 0.8, "abc")


def test_the_log_odds_are_the_sums_of_the_weights(written: understand_model.Model) -> None:
    """Each block counts as one feature, whatever their number; unknown ones count nothing."""
    message = Features(frozenset({"call", "fail call", "nothing"}), frozenset({"キー"}), frozenset())

    odds = written.log_odds(message)

    expected = [
        (bias + (0.1 * (WEIGHTS[0][lane] + WEIGHTS[1][lane]) / math.sqrt(2)) + 0.2 * WEIGHTS[3][lane]) / 2.0
        for lane, bias in enumerate(cast("list[float]", ABOUT["bias"]))
    ]
    assert odds == pytest.approx(expected)


def test_every_feature_at_once_overflows_no_lane(written: understand_model.Model) -> None:
    """The largest weights of all possible features fit side by side."""
    most = [[127] * len(TOPICS)] * 30_000
    rows = [understand_model._row(bytes(weight + 128 for weight in row)) for row in most]

    assert understand_model._lanes(rows, len(TOPICS)) == [127 * 30_000] * len(TOPICS)


def test_a_message_of_nothing_has_the_bias_alone(written: understand_model.Model) -> None:
    """Divided by the temperature."""
    assert written.log_odds(Features(frozenset(), frozenset(), frozenset()))[:2] == [0.25, 0.0]


def test_the_model_is_compact_and_of_all_topics() -> None:
    """The file is in the repository, and every process loads it."""
    assert FILE.stat().st_size < BYTES_AT_MOST
    assert model().topics == TOPICS
    assert 0.5 < model().sure_from < 1
