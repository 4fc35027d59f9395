"""The tokens of programs: their form, and the digest by which they are found."""

import hashlib
import hmac
import re

import pytest

from keys.looks_like_a_key import is_like_a_key
from keys.program_token import Kind, ProgramTokens
from keys.token import PATTERN, ServerKeys, parse

OLD, NEW = b"the server key of last year, of 32 bytes", b"the server key of this year, of 32 bytes"
TOKENS = ProgramTokens(ServerKeys((NEW,)), ("kd", "old"))


@pytest.mark.parametrize(("kind", "prefix"), [(Kind.SERVICE, "kds"), (Kind.OPERATOR, "kdo")])
def test_a_token_has_the_form_of_a_key_with_a_prefix_of_its_own(kind: Kind, prefix: str) -> None:
    """It is no API key, is found by the patterns for keys, and its digest says nothing about it."""
    made = TOKENS.make(kind)
    token = made.token.reveal()

    assert re.fullmatch(rf"{prefix}_[0-9A-Za-z]{{16}}_[0-9A-Za-z]{{42}}", token)
    assert re.fullmatch(PATTERN, token)
    assert is_like_a_key(token)
    assert parse(token, ("kd", "old")) is None
    assert (made.prefix, made.public_id, made.last_four) == (prefix, token[4:20], token[-4:])
    assert re.fullmatch("[0-9a-f]{64}", made.digest)
    assert TOKENS.digest(token) == made.digest
    assert token not in repr(made)


def test_every_token_is_another_one() -> None:
    """Two tokens have nothing in common, and so have their digests."""
    made = [TOKENS.make(Kind.SERVICE) for _ in range(100)]

    for field in ("public_id", "digest"):
        assert len({getattr(each, field) for each in made}) == 100


def test_tokens_go_on_under_an_earlier_server_key_and_prefix() -> None:
    """As long as they are among the settings. Another installation's token has no digest here."""
    before = ProgramTokens(ServerKeys((OLD,)), ("old",)).make(Kind.OPERATOR)
    both = ProgramTokens(ServerKeys((NEW, OLD)), ("kd", "old"))

    assert both.digest(before.token.reveal()) == before.digest
    assert both.make(Kind.OPERATOR).server_key_id == ServerKeys((NEW,)).signing_id
    assert TOKENS.digest(before.token.reveal()) is None
    assert ProgramTokens(ServerKeys((OLD,)), ("kd",)).digest(before.token.reveal()) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"),
        lambda token: token[:3] + "_" + ("a" if token[4] != "a" else "b") + token[5:],
        lambda token: "kdo" + token[3:],
        lambda token: "kd" + token[3:],
        lambda token: "olds" + token[3:],
        lambda token: token[:-1],
        lambda token: token + "a",
        lambda token: f" {token}",
        lambda token: token.upper(),
        lambda token: "",
    ],
)
def test_what_was_altered_has_no_digest(change: object) -> None:
    """So it costs no look at the database. A service token can't be made an operator token."""
    token = TOKENS.make(Kind.SERVICE).token.reveal()

    assert TOKENS.digest(change(token)) is None  # type: ignore[operator]


def test_the_digest_is_not_that_of_anything_else() -> None:
    """Its key is derived for this purpose only."""
    token = TOKENS.make(Kind.SERVICE).token.reveal()
    others = [hashlib.sha256(token.encode()).hexdigest()]
    for purpose in ("link", "api key tag", "api key secret digest"):
        others += [hmac.digest(key, token.encode(), "sha256").hex() for key in ServerKeys((NEW,)).derive(purpose)]

    assert TOKENS.digest(token) not in others
