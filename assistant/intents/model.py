"""
Runs the trained classifier of messages: it looks up the weights of a message's features and adds them.

The weights of a feature for all topics are packed into one integer, in a lane for each topic, so that adding two
integers adds all lanes at once. Lanes are wide enough for all features that a message can have.
"""

import json
import math
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from assistant.intents.features import Features
from assistant.intents.topics import Topic

FILE = Path(__file__).with_name("understanding.model")
_LANE_BYTES = 3
_MIDDLE = 128
"""The byte that means a weight of zero."""


class Block(NamedTuple):
    """A block of features: the packed weights of each feature, and the value of one unit of weight (`step`)."""

    rows: dict[str, int]
    step: float


class Model(NamedTuple):
    """The weights of all blocks, and the calibration of their results."""

    topics: tuple[Topic, ...]
    bias: tuple[float, ...]
    blocks: tuple[Block, ...]
    temperature: float
    sure_from: float
    """An answer with at least this probability is given directly."""
    digest: str
    """The digest of the phrases and the code that the model was trained from."""

    def log_odds(self, features: Features) -> list[float]:
        """The log-odds of each topic, in the order of `topics`. Only their differences have a meaning."""
        total = list(self.bias)
        for block, found in zip(self.blocks, features, strict=True):
            rows = [row for feature in found if (row := block.rows.get(feature)) is not None]
            if rows:
                worth = block.step / math.sqrt(len(rows))
                total = [a + worth * b for a, b in zip(total, _lanes(rows, len(total)), strict=True)]
        return [each / self.temperature for each in total]


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
    content = zlib.decompress(body)
    names_length, topics = about["names"], tuple(map(Topic, about["topics"]))
    names = [block.split("\n") for block in content[:names_length].decode().split("\n\n")]
    weights = content[names_length:]
    blocks, position = [], 0
    for block, step in zip(names, about["steps"], strict=True):
        rows = {}
        for name in block:
            rows[name] = _row(weights[position : position + len(topics)])
            position += len(topics)
        blocks.append(Block(rows, step))
    return Model(topics, tuple(about["bias"]), tuple(blocks), about["temperature"], about["sure_from"], about["digest"])


def packed(about: dict[str, object], names: Sequence[Sequence[str]], weights: Iterable[Sequence[int]]) -> bytes:
    """
    Encodes a model for its file.

    The file has a line of JSON (`about`), then compressed: the names of the features, and a byte for each weight, which
    is from -127 to 127.
    """
    text = "\n\n".join("\n".join(block) for block in names).encode()
    table = b"".join(bytes(weight + _MIDDLE for weight in row) for row in weights)
    head = json.dumps({**about, "names": len(text)}, sort_keys=True)
    return head.encode() + b"\n" + zlib.compress(text + table, 9)
