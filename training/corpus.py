"""Owns the material that understanding is trained with and judged by, and the digest that tells when a model is stale."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from assistant.understand_topics import Topic

ROOT = Path(__file__).parent.parent
PHRASES = ROOT / "assistant" / "phrases"
GATHERED = PHRASES / "gathered.tsv"
HELD_OUT = ROOT / "tests" / "data" / "understanding_held_out.tsv"
LANGUAGES = ("en", "de", "fr", "es", "pt", "ja", "zh")
_DECISIVE = (
    "assistant/lexicon.py",
    "assistant/lexicon_words.py",
    "assistant/understand_features.py",
    "assistant/understand_text.py",
    "assistant/understand_topics.py",
    "training/corpus.py",
    "training/train.py",
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


def digest() -> str:
    """Of the phrases and of the code that a model depends on: another digest means another model."""
    material = hashlib.sha256()
    for path in sorted([*PHRASES.glob("*.txt"), GATHERED, *(ROOT / name for name in _DECISIVE)]):
        material.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        material.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return material.hexdigest()
