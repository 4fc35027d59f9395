"""
Runs the trained classifiers of messages: one for the topic, one for the cause that a message tells.

Each adds two opinions in log-odds: weights of the message's features, and weights of its embedding. The weights of a
feature for all labels are packed into one integer, in a lane for each label, so that adding two integers adds all lanes
at once. Lanes are wide enough for all features that a message can have.
"""

import json
import math
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assistant.intents.encoder import DIMENSIONS
from assistant.intents.features import Features

if TYPE_CHECKING:
    from assistant.intents.encoder import Embedding

FILE = Path(__file__).with_name("understanding.model")
_LANE_BYTES = 3
_MIDDLE = 128
"""The byte that means a weight of zero."""


class Block(NamedTuple):
    """A block of features: the packed weights of each feature, and the value of one unit of weight (`step`)."""

    rows: dict[str, int]
    step: float


class Classifier(NamedTuple):
    """The weights of features and of the embedding, calibrated together."""

    labels: tuple[str, ...]
    bias: tuple[float, ...]
    blocks: tuple[Block, ...]
    of_meaning: Any
    """The weights of the embedding: an array with a row for each label."""

    def log_odds(self, features: Features, embedding: "Embedding | None") -> list[float]:
        """
        The log-odds of each label, in the order of `labels`. Only their differences have a meaning.

        A message without text has no embedding, and says nothing for any label.
        """
        if embedding is None:
            return [0.0] * len(self.labels)
        total = list(self.bias)
        for block, found in zip(self.blocks, features, strict=True):
            rows = [row for feature in found if (row := block.rows.get(feature)) is not None]
            if rows:
                worth = block.step / math.sqrt(len(rows))
                total = [a + worth * b for a, b in zip(total, _lanes(rows, len(total)), strict=True)]
        return [a + b for a, b in zip(total, (self.of_meaning @ embedding).tolist(), strict=True)]


class Model(NamedTuple):
    """Both classifiers, and the probabilities from which their readings are used."""

    topics: Classifier
    causes: Classifier
    """Its first label is empty: the message tells no cause."""
    sure_from: float
    """A reading with at least this probability is answered without a word of doubt."""
    tentative_from: float
    """A reading with at least this probability is answered, together with the other readings."""
    cause_from: float
    """A cause with at least this probability is believed."""
    digest: str
    """The digest of the phrases and the code that the model was trained from."""


class Weights(NamedTuple):
    """A classifier before it is packed: whole weights from -127 to 127, and the value of one unit for each block."""

    labels: Sequence[str]
    bias: Sequence[float]
    names: Sequence[Sequence[str]]
    """The features of each block."""
    rows: Sequence[Sequence[int]]
    """The weights of the features of all blocks, in their order: a row for each feature, a number for each label."""
    steps: Sequence[float]
    of_meaning: Sequence[Sequence[int]]
    """The weights of the embedding: a row for each label."""
    meaning_step: float


def _lanes(rows: Sequence[int], lanes: int) -> list[int]:
    added = sum(rows).to_bytes(lanes * _LANE_BYTES, "little")
    zero = _MIDDLE * len(rows)
    return [int.from_bytes(added[at : at + _LANE_BYTES], "little") - zero for at in range(0, len(added), _LANE_BYTES)]


def _row(weights: bytes) -> int:
    spread = bytearray(len(weights) * _LANE_BYTES)
    spread[::_LANE_BYTES] = weights
    return int.from_bytes(spread, "little")


@cache
def model() -> Model:
    """Reads the model from its file. Cached."""
    head, body = FILE.read_bytes().split(b"\n", 1)
    about = json.loads(head)
    content, position, classifiers = zlib.decompress(body), 0, []
    for one in about["classifiers"]:
        classifiers.append(_classifier(one, content[position : position + one["length"]]))
        position += one["length"]
    topics, causes = classifiers
    return Model(topics, causes, about["sure_from"], about["tentative_from"], about["cause_from"], about["digest"])


def _classifier(about: dict[str, Any], content: bytes) -> Classifier:
    labels = tuple(about["labels"])
    names = [block.split("\n") for block in content[: about["names"]].decode().split("\n\n")]
    blocks, position = [], about["names"]
    for block, step in zip(names, about["steps"], strict=True):
        rows = {}
        for name in block:
            rows[name] = _row(content[position : position + len(labels)])
            position += len(labels)
        blocks.append(Block(rows, step))
    # Imported here, like the encoder's package: see there.
    numpy = import_module("numpy")
    table = numpy.frombuffer(content, dtype=numpy.uint8, offset=position).astype(numpy.float32) - _MIDDLE
    of_meaning = table.reshape(len(labels), DIMENSIONS) * numpy.float32(about["meaning_step"])
    return Classifier(labels, tuple(about["bias"]), tuple(blocks), of_meaning)


def packed(about: dict[str, object], classifiers: Iterable[Weights]) -> bytes:
    """
    Encodes a model for its file.

    The file has a line of JSON (`about` and a description of each classifier), then compressed, for each classifier:
    the names of the features, and a byte for each weight of the features and of the embedding.
    """
    described, parts = [], []
    for each in classifiers:
        text = "\n\n".join("\n".join(block) for block in each.names).encode()
        rows = (*each.rows, *each.of_meaning)
        part = text + b"".join(bytes(weight + _MIDDLE for weight in row) for row in rows)
        described.append(
            {
                "labels": list(each.labels),
                "bias": list(each.bias),
                "steps": list(each.steps),
                "meaning_step": each.meaning_step,
                "names": len(text),
                "length": len(part),
            }
        )
        parts.append(part)
    head = json.dumps({**about, "classifiers": described}, sort_keys=True)
    return head.encode() + b"\n" + zlib.compress(b"".join(parts), 9)
