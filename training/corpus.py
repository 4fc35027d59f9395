"""Reads the messages for training and evaluation, and computes the digest that shows whether a model is outdated."""

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
WRITTEN = "written"
"""The source of messages that we wrote."""
_PART_LENGTH = 5
_PARTS_AT_LEAST = 15
_ALIKE_FROM = 0.6
LANGUAGES = ("en", "de", "fr", "es", "pt", "ja", "zh")
_DECISIVE = (
    "assistant/intents/blocks.py",
    "assistant/intents/encoder.py",
    "assistant/intents/lexicon.py",
    "assistant/intents/lexicon_words.py",
    "assistant/intents/features.py",
    "assistant/intents/entities.py",
    "assistant/intents/rules.py",
    "assistant/intents/normalize.py",
    "assistant/intents/topics.py",
    "training/calibration.py",
    "training/corpus.py",
    "training/regression.py",
    "training/samples.py",
    "training/train.py",
    "training/variants.py",
)
"""The code that a model depends on. A change in these files needs `make train`."""


class Said(NamedTuple):
    """A message with its topics. The first one is the main topic; each of the others is a right answer as well."""

    topics: tuple[Topic, ...]
    language: str
    source: str
    text: str
    causes: tuple[str, ...] | None = None
    """Why calls fail, as the writer tells it; empty if the writer tells nothing, None if nobody looked for causes."""
    is_whole: bool = False
    """Whether this is a whole message, with its pasted blocks, and not a sentence of one."""


def phrases() -> list[Said]:
    """The project's own phrases: a file for each topic, with a phrase on each line after its language."""
    said = []
    for topic in sorted(Topic):
        for line in (PHRASES / f"{topic}.txt").read_text(encoding="utf-8").splitlines():
            language, text = line.split(": ", 1)
            said.append(Said((topic,), language, "phrases", text))
    return said


def gathered() -> list[Said]:
    """Messages that other people wrote, for training."""
    return list(_table(GATHERED))


def whole_messages() -> list[Said]:
    """Whole messages with their causes, for training: of all tables beside `gathered.tsv`."""
    return [said for path in sorted(PHRASES.glob("*.tsv")) if path != GATHERED for said in _table_with_causes(path)]


def held_out() -> list[Said]:
    """Messages that other people wrote, from other sources, for evaluation only."""
    return list(_table(HELD_OUT))


def _table(path: Path) -> Iterator[Said]:
    for line in _lines(path):
        topics, language, source, text = line.split("\t")
        yield Said(_topics(topics), language, source, text)


def _table_with_causes(path: Path) -> Iterator[Said]:
    for line in _lines(path):
        topics, causes, language, source, text = line.split("\t")
        told = tuple(causes.split("|")) if causes else ()
        yield Said(_topics(topics), language, source, text.replace("\\n", "\n"), told, is_whole=True)


def _lines(path: Path) -> list[str]:
    # Not `splitlines`, which also ends a line at rarer characters that a message may contain.
    return path.read_text(encoding="utf-8").rstrip("\n").split("\n")


def _topics(names: str) -> tuple[Topic, ...]:
    return tuple(map(Topic, names.split("|")))


def part_of(said: Said, parts: int) -> int:
    """
    The part, from 0 to `parts` - 1, that a message belongs to. All messages of one source are in the same part.

    Messages that we wrote one by one have no source in this sense.
    """
    place = said.text if said.source.startswith(WRITTEN) else re.split(r"[/#]", said.source.lower())[0]
    return int(hashlib.sha256(place.encode()).hexdigest(), 16) % parts


def much_alike(texts: Collection[str], others: Collection[str], share: float = _ALIKE_FROM) -> set[str]:
    """
    The texts that are similar to one of the others: at least `share` of their character sequences occur in it.

    Texts of only a word or two are left out.
    """
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
    """The digest of the phrases and of the code that a model depends on. If it changes, the model must be retrained."""
    material = hashlib.sha256()
    for path in sorted([*PHRASES.glob("*.txt"), *PHRASES.glob("*.tsv"), *(ROOT / name for name in _DECISIVE)]):
        material.update(f"{path.relative_to(ROOT).as_posix()}\n".encode())
        material.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return material.hexdigest()
