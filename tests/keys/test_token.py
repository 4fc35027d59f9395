"""Keys: their form, that only untouched ones pass, and that a secret never prints."""

import copy
import json
import logging
import math
import pickle
import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.token import (
    ALPHABET,
    HINT_BEGINNING,
    PATTERN,
    PUBLIC_ID_LENGTH,
    SECRET_LENGTH,
    Secret,
    ServerKeys,
    hint,
    mint,
    parse,
    valid_prefix,
    verify_tag,
)

OLD, NEW = b"an old server key of 32 bytes...", b"a new server key of 32 bytes...."
SERVER_KEYS = ServerKeys((NEW, OLD))
PREFIXES = ("kd", "old")


@given(st.integers(min_value=0), st.sampled_from(PREFIXES))
def test_what_was_minted_is_recognised(seed: int, prefix: str) -> None:
    """A minted key parses to its parts, and its tag names the server key that signed it."""
    minted = mint(SERVER_KEYS, prefix, choose=Random(seed).choice)

    token = parse(minted.token.reveal(), PREFIXES)

    assert token is not None
    assert (token.prefix, token.public_id, token.secret) == (prefix, minted.public_id, minted.secret)
    assert verify_tag(SERVER_KEYS, token) == minted.server_key_id == SERVER_KEYS.signing_id


def test_server_keys_rotate() -> None:
    """The first server key signs and all verify; a removed one no longer verifies."""
    before, between, after = ServerKeys((OLD,)), ServerKeys((NEW, OLD)), ServerKeys((NEW,))
    old = parse(mint(before, "kd").token.reveal(), PREFIXES)
    new = parse(mint(between, "kd").token.reveal(), PREFIXES)
    assert old is not None
    assert new is not None

    assert verify_tag(before, new) is None
    assert verify_tag(between, old) == before.signing_id == between.ids[1]
    assert verify_tag(between, new) == between.signing_id == after.signing_id
    assert verify_tag(after, new) == after.signing_id
    assert verify_tag(after, old) is None


@given(st.integers(min_value=0), st.integers(0, 61), st.sampled_from(ALPHABET + "_-é\ud800\x00"))
def test_any_changed_character_is_refused(seed: int, position: int, character: str) -> None:
    """A key with one changed character is malformed, or was not issued here."""
    text = mint(SERVER_KEYS, "kd", choose=Random(seed).choice).token.reveal()
    changed = text[:position] + character + text[position + 1 :]
    if changed == text:
        return

    token = parse(changed, PREFIXES)

    assert token is None or verify_tag(SERVER_KEYS, token) is None


def test_another_accepted_prefix_is_refused() -> None:
    """The tag covers the prefix, so that a key can't be passed off as one of an earlier prefix."""
    text = mint(SERVER_KEYS, "kd").token.reveal()

    token = parse("old" + text.removeprefix("kd"), PREFIXES)

    assert token is not None
    assert verify_tag(SERVER_KEYS, token) is None


def test_a_key_has_the_documented_form() -> None:
    """With any prefix, a key has the documented length and matches the documented expression; longer texts don't."""
    text = mint(SERVER_KEYS, "kd").token.reveal()

    assert len(text) == 62
    assert re.fullmatch(r"kd_[0-9A-Za-z]{16}_[0-9A-Za-z]{42}", text)
    assert re.fullmatch(PATTERN, text)
    assert not re.fullmatch(PATTERN, text + "a")
    assert not re.fullmatch(PATTERN, text[:-1])


def test_a_secret_has_190_bits() -> None:
    """The secret's characters are drawn from 62, and there are enough of them for 190 bits."""
    drawn_from = []

    def choose(alphabet: str) -> str:
        drawn_from.append(alphabet)
        return alphabet[0]

    minted = mint(SERVER_KEYS, "kd", choose=choose)

    assert sorted(ALPHABET) == sorted(string.ascii_letters + string.digits)
    assert drawn_from == [ALPHABET] * (PUBLIC_ID_LENGTH + SECRET_LENGTH)
    assert len(minted.secret.reveal()) * math.log2(len(ALPHABET)) >= 190


def test_minted_keys_differ() -> None:
    """Two minted keys differ in the public id and in the secret."""
    minted = [mint(SERVER_KEYS, "kd") for _ in range(200)]

    assert len({key.public_id for key in minted}) == 200
    assert len({key.secret for key in minted}) == 200


def test_a_new_secret_keeps_the_public_id() -> None:
    """Minting for a key that exists keeps its public id and changes the rest."""
    first = mint(SERVER_KEYS, "kd")

    second = mint(SERVER_KEYS, "kd", public_id=first.public_id)

    assert second.public_id == first.public_id
    assert second.token.reveal().startswith(f"kd_{first.public_id}_")
    assert second.secret != first.secret


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[1:],
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: text.replace("_", "-"),
        lambda text: text.replace("kd_", "sk_"),
        lambda text: text.replace("kd_", "_"),
        lambda text: text[:-1] + "é",
        lambda text: text[:-1] + "\u0661",
        lambda text: text[:-1] + "\ud800",
        lambda text: text * 20_000,
    ],
)
def test_another_form_is_not_parsed(change: Callable[[str], str]) -> None:
    """A text of any other length, prefix, separator or character is not a key, and parsing it raises nothing."""
    text = mint(SERVER_KEYS, "kd").token.reveal()

    assert parse(change(text), PREFIXES) is None


@dataclass(frozen=True)
class Holder:
    name: str
    secret: Secret


def test_a_secret_prints_as_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """However a secret is printed, itself or inside another value, its text does not appear."""
    text = "s3cretText"
    secret = Secret(text)

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r %s", secret, secret, [secret])
    written = [
        repr(secret),
        str(secret),
        f"{secret} {secret!r} {secret!s} {secret:>40}",
        "{:s}".format(secret),  # noqa: UP032
        "%s" % secret,  # noqa: UP031
        repr([secret, {secret: secret}]),
        repr(Holder("name", secret)),
        json.dumps({"secret": secret}, default=str),
        caplog.text,
    ]

    assert not [line for line in written if text in line]
    assert "Secret()" in caplog.text
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == text


def test_a_minted_key_and_a_parsed_one_print_without_secrets() -> None:
    """The results of minting and parsing print neither secret nor tag."""
    minted = mint(SERVER_KEYS, "kd")
    token = parse(minted.token.reveal(), PREFIXES)
    assert token is not None

    printed = repr(minted) + repr(token)

    assert minted.public_id in printed
    assert minted.secret.reveal() not in printed
    assert token.tag.reveal() not in printed


@pytest.mark.parametrize("kept", [Secret("s3cretText"), SERVER_KEYS, Holder("name", Secret("s3cretText"))])
def test_nothing_secret_is_pickled_or_copied(kept: object) -> None:
    """A secret and the server keys refuse to be serialized, also inside another value."""
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(kept)
    with pytest.raises(TypeError, match="not written anywhere"):
        copy.deepcopy(kept)


def test_secrets_compare_by_their_text() -> None:
    """Two secrets of one text are equal and have one hash; a plain text never equals a secret."""
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_server_keys_show_ids_alone() -> None:
    """Printed, server keys show only the ids that are stored with active secrets, and nothing that signs."""
    printed = repr(SERVER_KEYS)

    assert all(key_id in printed for key_id in SERVER_KEYS.ids)
    assert len(set(SERVER_KEYS.ids)) == 2
    for key in (NEW, OLD, *SERVER_KEYS.derive("api key tag")):
        assert key.decode("latin-1") not in printed
        assert key.hex() not in printed


@pytest.mark.parametrize("keys", [(), (b"x" * 31,), (NEW, b"")])
def test_a_short_server_key_is_refused(keys: tuple[bytes, ...]) -> None:
    """Fewer than 32 bytes, or no server key at all, is refused at once, and the message does not repeat it."""
    with pytest.raises(ValueError, match="at least 32 bytes"):
        ServerKeys(keys)


def test_each_purpose_has_its_own_key() -> None:
    """Derived keys differ by purpose and by server key, never equal a server key, and stay the same."""
    sessions, devices = SERVER_KEYS.derive("sessions"), SERVER_KEYS.derive("devices")

    assert len({*sessions, *devices, NEW, OLD}) == 6
    assert {len(key) for key in sessions} == {32}
    assert ServerKeys((OLD,)).derive("sessions") == sessions[1:]


@given(st.integers(min_value=0))
def test_the_hint_has_nothing_but_both_ends(seed: int) -> None:
    """The hint is six characters of the public id and the last four; the secret is not in it."""
    minted = mint(SERVER_KEYS, "kd", choose=Random(seed).choice)

    shown = hint(minted.prefix, minted.public_id, minted.last_four)

    assert shown == f"kd_{minted.public_id[:HINT_BEGINNING]}…{minted.token.reveal()[-4:]}"
    assert not [
        minted.secret.reveal()[start : start + 5]
        for start in range(28)
        if minted.secret.reveal()[start : start + 5] in shown
    ]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("kd", True),
        ("k", True),
        ("a1b2c3d4e5f6", True),
        ("", False),
        ("a1b2c3d4e5f6g", False),
        ("1kd", False),
        ("Kd", False),
        ("k_d", False),
        ("k-d", False),
        ("kд", False),
        ("k²", False),
    ],
)
def test_a_prefix_is_small_letters_and_digits(text: str, valid: bool) -> None:
    """A prefix has 1 to 12 lowercase letters and digits, a letter first, as the documented expression says."""
    assert valid_prefix(text) is valid
    assert (re.fullmatch(PATTERN, f"{text}_{'a' * 16}_{'b' * 42}") is not None) is valid
