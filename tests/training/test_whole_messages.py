"""The whole messages for training: their five columns, and that none of them is near to what judges."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from assistant.intents.causes import Cause
from assistant.intents.topics import Topic
from training.corpus import GATHERED, LANGUAGES, PHRASES, held_out, much_alike

FILES = sorted(path for path in PHRASES.glob("*.tsv") if path != GATHERED)
OTHERS = PHRASES / "others.tsv"
HELD_OUT_2026 = Path(__file__).parent.parent / "data" / "held_out_2026.tsv"
OTHERS_AT_LEAST = 500
CHARACTERS_AT_MOST = 2000
LONG_FROM = 200
SECRET = re.compile(r"\bkd_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9]{16,}|\beyJ[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{20,}")


class Line(NamedTuple):
    """A line of a file: the text has its line breaks."""

    topics: tuple[str, ...]
    causes: tuple[str, ...]
    language: str
    source: str
    text: str


def lines_of(path: Path) -> list[Line]:
    """The lines. A line without exactly five columns fails here."""
    lines = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        columns = line.split("\t")
        assert len(columns) == 5, f"{path.name}:{number}"
        topics, causes, language, source, text = columns
        told = tuple(causes.split("|")) if causes else ()
        lines.append(Line(tuple(topics.split("|")), told, language, source, text.replace("\\n", "\n")))
    return lines


def judging() -> list[tuple[str, str]]:
    """The source and the text of each message that judges the assistant."""
    rows = [line.split("\t") for line in HELD_OUT_2026.read_text(encoding="utf-8").splitlines()]
    later = [(row[4], row[5].replace("\\n", "\n")) for row in rows]
    return [*((said.source, said.text) for said in held_out()), *later]


def owner(source: str) -> str:
    """The owner of a repository, or the host of a site."""
    return re.split(r"[/#]", source.lower())[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_says_what_it_is(path: Path) -> None:
    """Topics, causes and languages are known, none is there twice in a line, and each text has a source."""
    for line in lines_of(path):
        assert set(line.topics) <= set(Topic), line
        assert len(set(line.topics)) == len(line.topics), line
        assert set(line.causes) <= set(Cause), line
        assert len(set(line.causes)) == len(line.causes), line
        assert line.language in LANGUAGES, line
        assert line.source, line
        assert line.text.strip(), line
        assert len(line.text) <= CHARACTERS_AT_MOST, line


def test_no_message_is_there_twice() -> None:
    """Not in two files either."""
    counts = Counter(re.sub(r"\W+", " ", line.text.lower()).strip() for path in FILES for line in lines_of(path))

    assert [text for text, count in counts.items() if text and count > 1] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_secret_stands_in_a_message(path: Path) -> None:
    """What redaction leaves stands there instead."""
    assert [line.source for line in lines_of(path) if SECRET.search(line.text)] == []


def test_what_others_wrote_is_nowhere_near_to_what_judges() -> None:
    """Neither the text, in either direction, nor the owner of its source."""
    others = [line.text for line in lines_of(OTHERS)]
    held = [text for _, text in judging()]

    near = len(much_alike(others, held)) + len(much_alike(held, others))  # a number: a failure prints no held-out text

    assert {owner(line.source) for line in lines_of(OTHERS)} & {owner(source) for source, _ in judging()} == set()
    assert near == 0


def test_others_wrote_enough_and_much_of_it_is_long() -> None:
    """People write stories and paste logs: a third has several lines or over 200 letters."""
    others = lines_of(OTHERS)
    long = [line for line in others if "\n" in line.text or len(line.text) > LONG_FROM]

    assert len(others) >= OTHERS_AT_LEAST
    assert len(long) * 3 >= len(others)
    assert {line.language for line in others} == set(LANGUAGES)
