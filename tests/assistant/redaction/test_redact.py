"""Redaction of our keys in a pasted text, in any form, and the facts about a redacted key."""

from random import Random

import pytest

from assistant.redaction.finding import Kind
from assistant.redaction.redact import LENGTH_AT_MOST, Piece, redact
from keys.token import hint, parse
from keys.verification.malformed import WRAPPER_WORDS
from keys.verification.malformed_rules import FormatError
from tests.support.keys.disguises import NOT_WHOLE, PREFIXES, SENTENCES, WHOLE, made_key, survivors

KEY = made_key(3)
PREFIX, PUBLIC_ID, TAIL = KEY.split("_")
HINT = hint(PREFIX, PUBLIC_ID, KEY[-4:])
MARKER = f"[key kd_{PUBLIC_ID[:4]}…]"
SEEDS = 7
REQUEST_ID = "req_" + "0199c0de" * 4


def only(text: str) -> Piece:
    """The only finding in the text."""
    [piece] = redact(text, PREFIXES).pieces
    return piece


def revealed(piece: Piece) -> str | None:
    """The key of a finding."""
    return None if piece.key is None else piece.key.reveal()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (KEY, MARKER),
        (f"my key {KEY} fails", f"my key {MARKER} fails"),
        (f"my key is {KEY}.", f"my key is {MARKER}."),
        (f'curl -H "X-API-Key: {KEY}" https://x.example', f'curl -H "X-API-Key: {MARKER}" https://x.example'),
        (f"Authorization: Bearer Bearer {KEY}", f"Authorization: Bearer Bearer {MARKER}"),
        (f"export KEY=“{KEY}”", f"export KEY=“{MARKER}”"),
        (f"curl -u {KEY}: https://x.example", f"curl -u {MARKER}: https://x.example"),
        (f"https://x.example/?a=1&key={KEY}&b=2", f"https://x.example/?a=1&key={MARKER}&b=2"),
        (f"> {KEY[:30]}\n> {KEY[30:]}\n> bye", f"> {MARKER}\n> bye"),
        (f"{KEY[:9]} {KEY[9:40]}\u00a0{KEY[40:]} is my key", f"{MARKER} is my key"),
        (f"key = '{KEY[:30]}' \\\n      '{KEY[30:]}'", f"key = '{MARKER}'"),
        (f"{KEY}, {made_key(4)}", f"{MARKER}, [key kd_{made_key(4)[3:7]}…]"),
        (f"{KEY}{KEY}", MARKER),
        (f"sk_{KEY[3:]}", f"[key sk_{PUBLIC_ID[:4]}…]"),
        (f"{KEY[:-4]} has been refused since 9:00", f"{MARKER} has been refused since 9:00"),
        (f"{KEY[:50]} 401 Unauthorized", f"{MARKER} 401 Unauthorized"),
        (f"{KEY[:40]} 4eb9ca5f", f"{MARKER} 4eb9ca5f"),
        (f"{KEY[:-13]} does not work", f"{MARKER} does not work"),
        (f"{KEY[:-9]} is my key", f"{MARKER} is my key"),
        (f"{KEY[10:]} is it", "[key] is it"),
        (f"{TAIL} is it", "[key] is it"),
        (f"begins {KEY[:41]}, ends {KEY[41:]}", f"begins {MARKER}, ends [key]"),
        (f"{REQUEST_ID} {KEY} {REQUEST_ID}", f"{REQUEST_ID} {MARKER} {REQUEST_ID}"),
        (f"[key {KEY}]", f"[key {MARKER}]"),
    ],
)
def test_a_key_alone_is_taken_out(text: str, left: str) -> None:
    """The text around it stays, so that a mistake in a header is still visible; no word after it is lost."""
    assert redact(text, PREFIXES).text == left


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_key_is_known_in_every_disguise(name: str) -> None:
    """The finding has the key once, as a secret, with its public id and hint; the text has nothing of it."""
    for seed in range(SEEDS):
        random = Random(seed)
        key = made_key(seed)
        text = f"{SENTENCES[seed % len(SENTENCES)]}{WHOLE[name](key, random)} {SENTENCES[-seed % len(SENTENCES)]}"

        redacted = redact(text, PREFIXES)

        [piece] = [piece for piece in redacted.pieces if revealed(piece) == key]
        assert (piece.kind, piece.public_id, piece.hint) == (Kind.KEY, key[3:19], hint("kd", key[3:19], key[-4:]))
        assert survivors(key, redacted.text) == []
        assert piece.marker in redacted.text


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_a_part_of_a_key_is_as_secret(name: str) -> None:
    """Cut short, changed, masked: nothing remains, neither in its original case or direction nor in another."""
    for seed in range(SEEDS):
        key = made_key(seed)
        pasted = NOT_WHOLE[name](key, Random(seed))

        left = redact(f"{SENTENCES[-seed % len(SENTENCES)]}{pasted} {SENTENCES[seed]}", PREFIXES).text

        assert survivors(key, left) == []
        assert survivors(key[::-1], left) == []
        assert survivors(key.upper(), left) == []
        assert survivors(key.lower(), left) == []


@pytest.mark.parametrize(
    ("text", "fault", "detail"),
    [
        (KEY, None, ""),
        (f"Bearer {KEY}", None, ""),
        (f"{KEY[:30]}\n  {KEY[30:]}", FormatError.WHITE_SPACE, "white space"),
        (f"> {KEY[:30]}\n> {KEY[30:]}", FormatError.WHITE_SPACE, "white space"),
        (f"{KEY[:30]}\u200b{KEY[30:]}", FormatError.INVISIBLE, "invisible"),
        (KEY.replace("_", "%5F"), FormatError.PERCENT_ENCODED, "percent"),
        (KEY + KEY, FormatError.DOUBLED, "more than once"),
        (f"{KEY},{KEY}", FormatError.DOUBLED, "more than once"),
        (KEY[:-1], FormatError.TOO_SHORT, "too short by 1 character."),
        (f"my key {KEY[:-4]} fails", FormatError.TOO_SHORT, "too short by 4 characters."),
        (f'"{KEY[:-20]}"', FormatError.TOO_SHORT, "too short by 20 characters."),
        (f"{KEY}ab", FormatError.TOO_LONG, "too long by 2 characters."),
        (KEY[5:], FormatError.BEGINNING_MISSING, "beginning"),
        (f"sk_{KEY[3:]}", FormatError.OTHER_PREFIX, "does not begin with kd_"),
        (KEY.replace("_", "-"), FormatError.UNDERSCORES, "underscores"),
        (KEY.upper(), FormatError.CAPITALS, "uppercase"),
        (f"kd_{PUBLIC_ID}", FormatError.PUBLIC_ID_ONLY, "public id"),
        (f"{KEY[:40]}…", FormatError.MASKED, "masked"),
        (f"kd_{PUBLIC_ID}_****", FormatError.MASKED, "masked"),
        (HINT, FormatError.HINT, "hint"),
        (f"kd_{PUBLIC_ID[:3]}****{KEY[-4:]}", FormatError.MASKED, "masked"),
        ("kd_xxxxxxxx", FormatError.MASKED, "masked"),
    ],
)
def test_the_verdict_is_that_of_a_refusal(text: str, fault: FormatError | None, detail: str) -> None:
    """The format error is the one that the caller gets; a well-formed key has none."""
    malformed = only(text).malformed

    assert (malformed and malformed.error) == fault
    assert detail in (malformed.detail if malformed else "")


@pytest.mark.parametrize("name", ["exported", "as a bearer", "by curl", "in JSON", "in a query", "in a traceback"])
def test_what_stands_around_a_key_is_not_its_fault(name: str) -> None:
    """A key that was copied from its usual place is well-formed."""
    assert only(WHOLE[name](KEY, Random(1))).malformed is None


@pytest.mark.parametrize("name", ["wrapped", "percent-encoded", "base64", "with spaces in it"])
def test_what_it_was_disguised_in_is_said(name: str) -> None:
    """The message is that of a whole key with extra characters."""
    malformed = only(WHOLE[name](KEY, Random(1))).malformed

    assert malformed is not None
    assert malformed.error in WRAPPER_WORDS


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (KEY, HINT),
        (HINT, HINT),
        (HINT.replace("…", "..."), HINT),
        (f"kd_{PUBLIC_ID}_************{KEY[-4:]}", HINT),
        (f"kd_{PUBLIC_ID[:4]}••••••••{KEY[-4:]}", f"kd_{PUBLIC_ID[:4]}…{KEY[-4:]}"),
        (KEY[:40], f"kd_{PUBLIC_ID[:6]}…"),
        (f"kd_{PUBLIC_ID}", f"kd_{PUBLIC_ID[:6]}…"),
        (f"{KEY[:30]}****", f"kd_{PUBLIC_ID[:6]}…"),
        (TAIL, f"…{KEY[-4:]}"),
    ],
)
def test_the_hint_is_known_as_far_as_the_text_has_it(text: str, known: str) -> None:
    """In the project's form of hints; a missing side is left open."""
    assert only(text).hint == known


@pytest.mark.parametrize("text", [HINT, HINT.replace("…", "..."), f"kd_{PUBLIC_ID[:4]}****{KEY[-4:]}", "kd_••••••"])
def test_a_hint_stays_and_is_told(text: str) -> None:
    """It is not a secret: it names the key that the person means."""
    redacted = redact(f"what about {text}?", PREFIXES)

    assert redacted.text == f"what about {text}?"
    assert [(piece.kind, piece.marker, piece.key) for piece in redacted.pieces] == [(Kind.KEY, text, None)]


def test_a_hint_does_not_speak_for_what_stands_with_it() -> None:
    """A password is removed even with a hint in it."""
    assert redact(f"password={HINT}!hunter2", PREFIXES).text == "password=[password]"


def test_a_mask_that_shows_more_than_a_hint_goes() -> None:
    """Part of the secret is still visible."""
    assert redact(f"{KEY[:40]}****{KEY[-4:]}", PREFIXES).text == MARKER
    assert redact(f"kd_****{KEY[-10:]}", PREFIXES).text == "[key kd_…]"


def test_a_key_in_two_parts_is_put_together() -> None:
    """The words between stay; the first placeholder has the key, the second nothing usable."""
    redacted = redact(f"the first half is {KEY[:41]} and the other {KEY[41:]}, see {REQUEST_ID}", PREFIXES)

    assert redacted.text == f"the first half is {MARKER} and the other [key], see {REQUEST_ID}"
    assert [(revealed(piece), piece.hint) for piece in redacted.pieces] == [(KEY, HINT), (None, None)]


def test_several_keys_are_told_apart() -> None:
    """In the order of the text."""
    keys = [made_key(seed) for seed in range(5)]

    redacted = redact("\n".join(f"{number}. {key}" for number, key in enumerate(keys)), PREFIXES)

    assert [revealed(piece) for piece in redacted.pieces] == keys
    assert redacted.text == "\n".join(f"{number}. [key kd_{key[3:7]}…]" for number, key in enumerate(keys))


@pytest.mark.parametrize("prefix", ["kd", "old"])
def test_each_prefix_of_ours_is_well_formed(prefix: str) -> None:
    """Also a prefix that new keys no longer get."""
    key = made_key(5, prefix)

    assert revealed(only(f"is {key} good?")) == key


@pytest.mark.parametrize("prefix", ["k", "acme", "staging2", "k2345678901z"])
def test_a_key_of_another_prefix_is_secret_and_not_ours(prefix: str) -> None:
    """It is redacted like ours, and never looked up."""
    key = made_key(5, prefix)

    piece = only(f"is {key} good?")

    assert (piece.marker, piece.key, piece.public_id) == (f"[key {prefix}_{key.split('_')[1][:4]}…]", None, None)


def test_nothing_that_is_printed_has_the_secret() -> None:
    """Neither the value nor its parts, if they reach a log or an error."""
    redacted = redact(f"{KEY} and {KEY[:44]} and {TAIL[::-1]} and hunter2: password=hunter2hunter2", PREFIXES)

    assert len(redacted.pieces) == 4
    assert survivors(KEY, repr(redacted)) == []
    assert survivors(KEY[::-1], repr(redacted)) == []
    assert "hunter2hunter2" not in repr(redacted)


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    """The rest is dropped; a key at the edge leaves no half of itself or of its placeholder."""
    for place in range(LENGTH_AT_MOST - 80, LENGTH_AT_MOST + 5):
        redacted = redact(f"{' ' * place}{KEY}", PREFIXES)

        assert len(redacted.text) <= LENGTH_AT_MOST
        assert survivors(KEY, redacted.text) == []
        assert redact(redacted.text, PREFIXES).text == redacted.text
        assert redacted.text.strip() in {"", MARKER, "[key kd_…]", KEY[: LENGTH_AT_MOST - place]}


def test_what_is_said_in_place_of_keys_does_not_make_a_text_longer_than_it_may_be() -> None:
    """Short secrets can have longer placeholders; the last of them is left out as a whole."""
    redacted = redact("-u a:b " * 500, PREFIXES, length_at_most=3500)

    assert 3400 < len(redacted.text) <= 3500
    assert redacted.text.count("[") == redacted.text.count("]") == redacted.text.count("[password]") > 100


def test_the_keys_of_the_tables_are_keys() -> None:
    """The keys in the tests' tables are well-formed."""
    assert parse(KEY, PREFIXES) is not None
    assert redact(KEY, PREFIXES).text != KEY
