"""A key in pieces of one length is removed, whatever is between them."""

import re
from collections.abc import Callable

import pytest

from assistant.redaction.redact import redact
from tests.support.keys.disguises import PREFIXES, SECRET_IN_A_ROW, made_key
from tests.support.keys.pasted_forms import chunks

BETWEEN = [" then ", " STOP ", "[dot]", "<sep>", " ~@~ ", "<|>", "(!)", " -- and -- ", "::::"]
FORMS: dict[str, Callable[[str], str]] = {
    "query of eight": lambda key: "?" + "&".join(f"k{at}={part}" for at, part in enumerate(chunks(key, 8))),
    "query of six": lambda key: "/x?" + "&".join(f"p{at}={part}" for at, part in enumerate(chunks(key, 6))),
    "underscores of others": lambda key: "_".join(chunks(key.replace("_", ""), 4)),
    "numbered pieces": lambda key: "".join(f"{part} ({at}) " for at, part in enumerate(chunks(key, 6))),
    "last part wrapped": lambda key: "\n".join(chunks(key[-42:], 10)),
    "last part numbered": lambda key: "\n".join(f"{at}. {part}" for at, part in enumerate(chunks(key[-42:], 10), 1)),
    "last part in three": lambda key: "\n".join(f"{at}: {part}" for at, part in enumerate(chunks(key[-42:], 16), 1)),
    "xxd without spaces": lambda key: "".join(
        f"{at * 16:08x}:{part.encode().hex()}{part}\n" for at, part in enumerate(chunks(key, 16))
    ),
    "xxd on one line": lambda key: "".join(
        f"{at * 16:08x}:{part.encode().hex()}{part}" for at, part in enumerate(chunks(key, 16))
    ),
}


def left_of(key: str, text: str) -> list[str]:
    """Substrings of the secret, without the text between the pieces, and in digits."""
    secret, shown = key[20:], re.sub(r"\bthen\b|STOP|dot|sep|\band\b|\W|_|\b[kp]\d+=|\b\d\b", "", text)
    parts = [secret[at : at + SECRET_IN_A_ROW] for at in range(len(secret) - SECRET_IN_A_ROW + 1)]
    return [part for part in parts if part in shown or part.encode().hex() in shown]


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_left_of_a_key_in_pieces(name: str) -> None:
    """With names, numbers, or foreign marks."""
    for seed in range(20):
        key = made_key(seed)

        redacted = redact(f"it fails:\n{FORMS[name](key)}\nwhy is that?", PREFIXES).text

        assert left_of(key, redacted) == []
        assert redact(redacted, PREFIXES).text == redacted


@pytest.mark.parametrize("between", BETWEEN)
def test_any_separator_may_stand_between_the_pieces(between: str) -> None:
    """Also one that a person made up."""
    for seed in range(20):
        key = made_key(seed)

        redacted = redact(f"it fails:\n{between.join(chunks(key, 6))}\nwhy is that?", PREFIXES).text

        assert left_of(key, redacted) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("openssl enc -k hunter2secret", "hunter2secret"),
        ("openssl enc -aes-256-cbc -k hunter2secret -in a", "hunter2secret"),
        ("X-Gateway-Token: the-gateway-token-value-42", "the-gateway-token-value-42"),
        ('curl -H "X-Internal-Secret: behind-the-door-9"', "behind-the-door-9"),
    ],
)
def test_words_in_the_place_of_a_secret_go(text: str, secret: str) -> None:
    """An option of openssl, and a custom header with words in it."""
    assert secret not in redact(text, PREFIXES).text


@pytest.mark.parametrize(
    "text",
    [
        "X-Gateway-Token: your-token-here",
        "X-Gateway-Token: <token>",
        "X-API-Key: $KEY",
        "openssl enc -kfile /etc/keys/a",
        "ABCD-1234 EFGH-5678 IJKL-9012 MNOP-3456",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    """A placeholder for a token, and ids of one length."""
    assert redact(text, PREFIXES).text == text
