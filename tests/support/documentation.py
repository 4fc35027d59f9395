"""Reads the documentation for tests: a file as one line, its sections, and the rows of a table."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def text_of(name: str) -> str:
    """A file of the checkout in one line, so that line breaks don't matter."""
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


def sections(name: str) -> dict[str, str]:
    """The second-level sections of a file, by heading."""
    parts = re.split(r"^## (.+)$", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(section: str) -> list[list[str]]:
    """The rows of the table in a section, without the header row."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
