"""Ordinary logs, ids, dumps, code and prose stay unchanged: measured on some two hundred lines."""

from pathlib import Path

import pytest

from assistant.redaction.redact import redact
from tests.support.keys.disguises import PREFIXES
from tests.support.thorough import IS_THOROUGH

ORDINARY = Path(__file__).parents[2] / "data" / "ordinary_lines.txt"
STAYS_AT_LEAST = 0.99
LINES_A_MESSAGE = 10
LINES_BETWEEN_BEGINNINGS = 1 if IS_THOROUGH else 5
"""So each line stands in ten messages, usually in two."""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """Lines without secrets, each of another kind; lines that begin with # are headings."""
    return [line for line in ORDINARY.read_text("utf-8").splitlines() if line and not line.startswith("# ")]


def test_ordinary_lines_stay(lines: list[str]) -> None:
    """At least 99 of 100; the others are base64, which nobody can read, either."""
    changed = [line for line in lines if redact(line, PREFIXES).text != line]

    assert len(lines) > 200
    assert len(changed) <= (1 - STAYS_AT_LEAST) * len(lines), changed


@pytest.mark.slow
def test_ordinary_lines_stay_together(lines: list[str]) -> None:
    """Other lines around a line do not make it a secret."""
    messages = [lines[start : start + LINES_A_MESSAGE] for start in range(0, len(lines), LINES_BETWEEN_BEGINNINGS)]
    kept = sum(
        line in redact("\n".join(message), PREFIXES).text.splitlines() for message in messages for line in message
    )

    assert kept >= STAYS_AT_LEAST * sum(map(len, messages))
