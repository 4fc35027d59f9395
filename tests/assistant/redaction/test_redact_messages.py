"""Ordinary messages stay unchanged: measured on more than three hundred messages, once and repeated."""

from pathlib import Path

import pytest

from assistant.redaction.redact import LENGTH_AT_MOST, redact
from tests.support.keys.disguises import PREFIXES
from tests.support.thorough import IS_THOROUGH

MESSAGES = Path(__file__).parents[2] / "data" / "ordinary_messages.txt"
BETWEEN = "\n----\n"
STAYS_AT_LEAST = 0.99
REPEATED = 4 if IS_THOROUGH else 12
"""Each fourth message is repeated, usually each twelfth."""


@pytest.fixture(scope="module")
def messages() -> list[str]:
    """Prose, logs, tables, stack traces and programs in many languages, separated by lines of dashes."""
    return MESSAGES.read_text("utf-8").removesuffix("\n").split(BETWEEN)


def test_ordinary_messages_stay(messages: list[str]) -> None:
    """At least 99 of 100; the others have base64 without a word about what it is."""
    changed = [message for message in messages if redact(message, PREFIXES).text != message]

    assert len(messages) > 300
    assert len(changed) <= (1 - STAYS_AT_LEAST) * len(messages), changed


@pytest.mark.slow
@pytest.mark.parametrize("between", [" ", "\n", ", "])
def test_ordinary_messages_stay_when_they_are_repeated(messages: list[str], between: str) -> None:
    """As in a hundred pasted lines of one log: repetition does not make a text a secret."""
    some = [message for message in messages[::REPEATED] if redact(message, PREFIXES).text == message]
    repeated = [(each := message + between) * (LENGTH_AT_MOST // len(each)) for message in some]
    changed = [message[:60] for message in repeated if redact(message, PREFIXES).text != message]

    assert len(changed) <= (1 - STAYS_AT_LEAST) * len(repeated), changed


@pytest.mark.parametrize("words", ["why 401", "GET 401 PUT 403", "one 200 two 401 six 403", "a b 1 2", "x1 y2 z3"])
def test_words_and_numbers_of_one_length_are_no_pieces_of_a_secret(words: str) -> None:
    """Neither a few that recur nor many different ones."""
    text = f"{words} " * 100

    assert redact(text, PREFIXES).text == text


def test_a_secret_beside_something_public_goes() -> None:
    """Only the certificate itself is public."""
    certificate = "-----BEGIN CERTIFICATE-----\nMIIBhTCCASugAwIBAgIQIRi6zePL6mKjOipn\n"

    assert "hunter2" not in redact(f"{certificate}password: hunter2secret", PREFIXES).text
    assert "hunter2" not in redact(f"{certificate}-----END CERTIFICATE-----\npassword hunter2secret", PREFIXES).text
    assert "Xy4Zq9" not in redact(f"{certificate}and aB3dEf7hIjK1mN0pQr5tUvXy4Zq9w", PREFIXES).text
