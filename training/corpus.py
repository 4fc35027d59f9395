"""Owns what understanding is trained with and judged by, and the digest that tells when a model is stale."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from assistant.intents.topics import Topic

ROOT = Path(__file__).parent.parent
PHRASES = ROOT / "assistant" / "intents" / "phrases"
GATHERED = PHRASES / "gathered.tsv"
HELD_OUT = ROOT / "tests" / "data" / "understanding_held_out.tsv"
_PART_LENGTH = 5
_PARTS_AT_LEAST = 15
_ALIKE_FROM = 0.6
LANGUAGES = ("en", "de", "fr", "es", "pt", "ja", "zh")
_DECISIVE = (
    "assistant/intents/lexicon.py",
    "assistant/intents/lexicon_words.py",
    "assistant/intents/features.py",
    "assistant/intents/entities.py",
    "assistant/intents/rules.py",
    "assistant/intents/normalize.py",
    "assistant/intents/topics.py",
    "training/corpus.py",
    "training/train.py",
    "training/variants.py",
)
"""The code that a model depends on."""


class Said(NamedTuple):
    """A message, and what it is about: the first topic, or any other that it says as well."""

    topics: tuple[Topic, ...]
    language: str
    source: str
    text: str


def phrases() -> list[Said]:
    """Our own phrases: a file a topic, a line each, with the language before it."""
    said = []
    for topic in sorted(Topic):
        for line in (PHRASES / f"{topic}.txt").read_text(encoding="utf-8").splitlines():
            language, text = line.split(": ", 1)
            said.append(Said((topic,), language, "phrases", text))
    return said


def gathered() -> list[Said]:
    """What other people wrote and may be learned from."""
    return list(_table(GATHERED))


def held_out() -> list[Said]:
    """What other people wrote, from other sources, and is never learned from."""
    return list(_table(HELD_OUT))


def _table(path: Path) -> Iterator[Said]:
    for line in path.read_text(encoding="utf-8").splitlines():
        topics, language, source, text = line.split("\t")
        yield Said(tuple(map(Topic, topics.split("|"))), language, source, text)


def part_of(said: Said, parts: int) -> int:
    """One of so many parts: all that comes from one place is in one."""
    place = re.split(r"[/#]", said.source.lower())[0]
    return int(hashlib.sha256(place.encode()).hexdigest(), 16) % parts


def much_alike(texts: Collection[str], others: Collection[str], share: float = _ALIKE_FROM) -> set[str]:
    """Those of the texts of which so much stands in one of the others, too, if they are more than a word or two."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for position, other in enumerate(others):
        for part in _parts(other):
            places[part].append(position)
    alike = set()
    for text in texts:
        parts = _parts(text)
        shared: defaultdict[int, int] = defaultdict(int)
        for part in parts:
            for position in places.get(part, ()):
                shared[position] += 1
        if len(parts) >= _PARTS_AT_LEAST and max(shared.values(), default=0) >= share * len(parts):
            alike.add(text)
    return alike


def _parts(text: str) -> set[str]:
    letters = re.sub(r"\W+", " ", text.lower()).strip()
    return {letters[start : start + _PART_LENGTH] for start in range(max(1, len(letters) - _PART_LENGTH + 1))}


def digest() -> str:
    """Of the phrases and of the code that a model depends on: another digest means another model."""
    material = hashlib.sha256()
    for path in sorted([*PHRASES.glob("*.txt"), GATHERED, *(ROOT / name for name in _DECISIVE)]):
        material.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        material.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return material.hexdigest()
