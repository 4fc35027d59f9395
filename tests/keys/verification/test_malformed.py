"""What is wrong with a text that is not a key, and the messages about it."""

import base64
import re
from collections.abc import Callable
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.token import ServerKeys, hint, mint, parse
from keys.verification.malformed import WORDS, WRAPPER_WORDS, Finding, describe, examine, recognize
from keys.verification.malformed_rules import IDS, LOOKED_AT, VENDORS, FormatError
from models.usage.refused_request import DETAIL_LENGTH_AT_MOST

PREFIXES = ("kd", "old")
SERVER_KEYS = ServerKeys((b"0123456789abcdef0123456789abcdef",))
MINTED = mint(SERVER_KEYS, "kd", choose=Random(3).choice)
KEY = MINTED.token.reveal()
OTHER_KEY = mint(SERVER_KEYS, "kd", choose=Random(4).choice).token.reveal()
PUBLIC_ID = MINTED.public_id
TAIL = KEY.rpartition("_")[2]
THIRTY_TWO = "0199c0de" * 4
SERVICE_TOKEN = mint(SERVER_KEYS, "kds", choose=Random(5).choice).token.reveal()
OPERATOR_TOKEN = mint(SERVER_KEYS, "kdo", choose=Random(6).choice).token.reveal()

WRAPPERS: list[tuple[FormatError, Callable[[str], str]]] = [
    (FormatError.QUOTED, lambda key: f'"{key}"'),
    (FormatError.QUOTED, lambda key: f"'{key}'"),
    (FormatError.QUOTED, lambda key: f'\\"{key}\\"'),
    (FormatError.QUOTED, lambda key: f"“{key}”"),
    (FormatError.QUOTED, lambda key: f"“{key}”".encode().decode("latin-1")),
    (FormatError.QUOTED, lambda key: f"`{key}`"),
    (FormatError.QUOTED, lambda key: f"<{key}>"),
    (FormatError.QUOTED, lambda key: f"{{{key}}}"),
    (FormatError.QUOTED, lambda key: f'"{key}'),
    (FormatError.QUOTED, lambda key: f'"Bearer {key}"'),
    (FormatError.BEARER, lambda key: f"Bearer {key}"),
    (FormatError.BEARER, lambda key: f"bearer Bearer  {key}"),
    (FormatError.BEARER, lambda key: f"Bearer: {key}"),
    (FormatError.WHITE_SPACE, lambda key: f"  {key}\n"),
    (FormatError.WHITE_SPACE, lambda key: f"{key[:30]}\n    {key[30:]}"),
    (FormatError.WHITE_SPACE, lambda key: f"{key[:30]}\\\n    {key[30:]}"),
    (FormatError.WHITE_SPACE, lambda key: f"{key[:9]} {key[9:40]}\u00a0{key[40:]}"),
    (FormatError.WHITE_SPACE, lambda key: f"\n\t'{key}'"),
    (FormatError.INVISIBLE, lambda key: f"\ufeff{key}"),
    (FormatError.INVISIBLE, lambda key: f"{key[:20]}\u200b{key[20:]}"),
    (FormatError.INVISIBLE, lambda key: f"{key[:20]}\u00ad{key[20:]}"),
    (FormatError.INVISIBLE, lambda key: f"{key}\x00"),
    (FormatError.INVISIBLE, lambda key: f"{key[:5]}\x1b{key[5:]}"),
    (FormatError.INVISIBLE, lambda key: f"{key}\ud800"),
    (FormatError.PUNCTUATION, lambda key: f"{key},"),
    (FormatError.PUNCTUATION, lambda key: f"{key};"),
    (FormatError.PUNCTUATION, lambda key: f"{key}\\n"),
    (FormatError.PUNCTUATION, lambda key: f"{key}\\r\\n"),
    (FormatError.PUNCTUATION, lambda key: f"{key}\\"),
    (FormatError.PUNCTUATION, lambda key: f": {key}"),
    (FormatError.ASSIGNMENT, lambda key: f"API_KEY={key}"),
    (FormatError.ASSIGNMENT, lambda key: f'export KEYDESK_KEY="{key}"'),
    (FormatError.ASSIGNMENT, lambda key: f"X-API-Key: {key}"),
    (FormatError.ASSIGNMENT, lambda key: f"Authorization: Bearer {key}"),
    (FormatError.ASSIGNMENT, lambda key: f"api_key: '{key}'"),
    (FormatError.STRUCTURED, lambda key: f'{{"api_key": "{key}"}}'),
    (FormatError.STRUCTURED, lambda key: f"['{key}']"),
    (FormatError.PERCENT_ENCODED, lambda key: quote(f'"{key}"')),
    (FormatError.PERCENT_ENCODED, lambda key: key.replace("_", "%5F")),
    (FormatError.PERCENT_ENCODED, lambda key: f"{key}%0A"),
    (FormatError.SURROUNDED, lambda key: f"my key is {key} thanks"),
    (FormatError.SURROUNDED, lambda key: f"Token {key}"),
    (FormatError.BASE64, lambda key: base64.b64encode(key.encode()).decode()),
    (FormatError.BASE64, lambda key: base64.b64encode(f"{key}\n".encode()).decode()),
]
"""Ways to send a whole key that is not found, each with the error that it comes first to."""

TEXTS: list[tuple[str, FormatError]] = [
    ("", FormatError.EMPTY),
    (" \n", FormatError.EMPTY),
    ("Bearer", FormatError.EMPTY),
    ('""', FormatError.EMPTY),
    ("undefined", FormatError.NO_VALUE),
    ("null", FormatError.NO_VALUE),
    ("None", FormatError.NO_VALUE),
    ("Bearer null", FormatError.NO_VALUE),
    ("[object Object]", FormatError.NO_VALUE),
    ("$KEYDESK_KEY", FormatError.VARIABLE),
    ("Bearer ${KEYDESK_KEY}", FormatError.VARIABLE),
    ("$(cat key.txt)", FormatError.VARIABLE),
    ("${{ secrets.KEY }}", FormatError.VARIABLE),
    ("%KEYDESK_KEY%", FormatError.VARIABLE),
    ("kd_$KEY", FormatError.VARIABLE),
    ("process.env.KEY", FormatError.VARIABLE),
    ("{{ api_key }}", FormatError.PLACEHOLDER),
    ("<YOUR_KEY>", FormatError.PLACEHOLDER),
    ("<your key>", FormatError.PLACEHOLDER),
    ("YOUR_API_KEY", FormatError.PLACEHOLDER),
    ('"your-api-key-here"', FormatError.PLACEHOLDER),
    ("changeme", FormatError.PLACEHOLDER),
    (f"key_{THIRTY_TWO}", FormatError.ID),
    (f"org_{THIRTY_TWO}", FormatError.ID),
    (f"agt_{THIRTY_TWO}", FormatError.ID),
    (f"usr_{THIRTY_TWO}", FormatError.ID),
    (f"evt_{THIRTY_TWO}", FormatError.ID),
    (f"tok_{THIRTY_TWO}", FormatError.ID),
    (f"Bearer req_{THIRTY_TWO}", FormatError.ID),
    ("0199c0de-0199-7c0d-8199-0199c0de0199", FormatError.UUID),
    (THIRTY_TWO, FormatError.UUID),
    ("https://keys.example/organizations", FormatError.ADDRESS),
    (f"https://api.example/?key={KEY}", FormatError.ADDRESS),
    ("www.example.com", FormatError.ADDRESS),
    ("AKIA" + "IOSFODNN7EXAMPLE"[4:], FormatError.VENDOR),
    ("ASIA" + "2" * 16, FormatError.VENDOR),
    *((f"{beginning}_" + "a1" * 18, FormatError.VENDOR) for beginning in ("ghp", "gho", "ghs", "github_pat")),
    *((f"{beginning}-" + "a1" * 18, FormatError.VENDOR) for beginning in ("sk", "sk-proj", "sk-ant-api03", "glpat")),
    *((f"xox{letter}-12345-abcde", FormatError.VENDOR) for letter in "bp"),
    *((f"{beginning}_" + "a1" * 12, FormatError.VENDOR) for beginning in ("sk_live", "sk_test", "rk_live", "pk_test")),
    ("'AIza" + "Sy" * 16 + "'", FormatError.VENDOR),
    ("Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln", FormatError.VENDOR),
    ("-----BEGIN " + "PRIVATE KEY-----\nabc", FormatError.VENDOR),
    ("Basic " + base64.b64encode(b"anna:open sesame").decode(), FormatError.BASIC_CREDENTIALS),
    (base64.b64encode(b"anna:open sesame!").decode(), FormatError.BASIC_CREDENTIALS),
    (base64.b64encode(f"{KEY}:".encode()).decode(), FormatError.BASIC_CREDENTIALS),
    (SERVICE_TOKEN, FormatError.SERVICE_TOKEN),
    (OPERATOR_TOKEN, FormatError.OPERATOR_TOKEN),
    (f'"Bearer {OPERATOR_TOKEN}"', FormatError.OPERATOR_TOKEN),
    (f"API_KEY={SERVICE_TOKEN}", FormatError.SERVICE_TOKEN),
    ("olds_" + KEY[3:], FormatError.SERVICE_TOKEN),
    ("kds_" + KEY[3:-5], FormatError.SERVICE_TOKEN),
    (f"kds_{PUBLIC_ID}", FormatError.SERVICE_TOKEN),
    ("kdx_" + KEY[3:], FormatError.OTHER_PREFIX),
    (hint("kd", PUBLIC_ID, KEY[-4:]), FormatError.HINT),
    (hint("kd", PUBLIC_ID, KEY[-4:]).encode().decode("latin-1"), FormatError.HINT),
    (hint("kd", PUBLIC_ID, KEY[-4:]).replace("…", "..."), FormatError.HINT),
    (f"kd_{PUBLIC_ID}_**********", FormatError.MASKED),
    ("***", FormatError.MASKED),
    ("kd_••••••••••••", FormatError.MASKED),
    (f"{KEY[:30]}…", FormatError.MASKED),
    (f"{KEY[:30]}...", FormatError.MASKED),
    ("kd_xxxx", FormatError.MASKED),
    (f"kd_{PUBLIC_ID}_XXXXXXXX", FormatError.MASKED),
    ("[REDACTED]", FormatError.MASKED),
    (KEY + KEY, FormatError.DOUBLED),
    (f"{KEY},{KEY}", FormatError.DOUBLED),
    (f"Bearer {KEY}, Bearer {KEY}", FormatError.DOUBLED),
    (f"{KEY}, {OTHER_KEY}", FormatError.SEVERAL),
    (KEY + OTHER_KEY, FormatError.SEVERAL),
    (KEY.upper(), FormatError.CAPITALS),
    (KEY[3:], FormatError.BEGINNING_MISSING),
    (KEY[1:], FormatError.BEGINNING_MISSING),
    (KEY[10:], FormatError.BEGINNING_MISSING),
    (TAIL, FormatError.BEGINNING_MISSING),
    (f"sk_{KEY[3:]}", FormatError.OTHER_PREFIX),
    (f"'sk_{KEY[3:]}'", FormatError.OTHER_PREFIX),
    (f"kd_{PUBLIC_ID}", FormatError.PUBLIC_ID_ONLY),
    (f"kd_{PUBLIC_ID}_", FormatError.PUBLIC_ID_ONLY),
    (PUBLIC_ID, FormatError.PUBLIC_ID_ONLY),
    (KEY.replace("_", ""), FormatError.UNDERSCORES),
    (KEY.replace("_", "__"), FormatError.UNDERSCORES),
    (KEY.replace("_", "-"), FormatError.UNDERSCORES),
    (KEY.replace("_", "\\_"), FormatError.UNDERSCORES),
    (f"kd_{PUBLIC_ID}{TAIL}", FormatError.UNDERSCORES),
    (f"kd_{PUBLIC_ID[1:]}_{TAIL}a", FormatError.UNDERSCORES),
    (f"{KEY[:20]}\u0430{KEY[21:]}", FormatError.CHARACTERS),
    (f"{KEY[:20]}@{KEY[21:]}", FormatError.CHARACTERS),
    (f"\u043ad_{KEY[3:]}", FormatError.CHARACTERS),
    (KEY[:-1], FormatError.TOO_SHORT),
    ("kd_", FormatError.TOO_SHORT),
    (f'"{KEY[:-1]}"', FormatError.TOO_SHORT),
    (f"API_KEY={KEY[:-1]}", FormatError.TOO_SHORT),
    (f"{KEY}a", FormatError.TOO_LONG),
    ("hello", FormatError.OTHER),
    ("what is this supposed to be", FormatError.OTHER),
    ("kd", FormatError.OTHER),
]


@pytest.mark.parametrize(("error", "wrapper"), WRAPPERS)
def test_a_whole_key_in_disguise_is_told_what_to_leave_out(error: FormatError, wrapper: Callable[[str], str]) -> None:
    """If removing something leaves a well-formed key, the message says what to remove."""
    text = wrapper(KEY)
    assert parse(text, PREFIXES) is None

    malformed = examine(text, PREFIXES)

    assert malformed.error is error
    assert malformed.detail.startswith(WRAPPER_WORDS[error][0])
    assert f"without {WRAPPER_WORDS[error][1]}" in malformed.detail


@pytest.mark.parametrize(("text", "error"), TEXTS)
def test_what_was_sent_instead_of_a_key_is_named(text: str, error: FormatError) -> None:
    """Each kind of mistake has its own error."""
    assert parse(text, PREFIXES) is None

    assert examine(text, PREFIXES).error is error


def test_every_error_has_an_example_and_a_message() -> None:
    """Every error has an example in these tables, and a message."""
    met = {error for _, error in TEXTS} | {error for error, _ in WRAPPERS}

    assert met == set(FormatError)
    assert WORDS.keys() | WRAPPER_WORDS.keys() == set(FormatError)


def test_each_vendor_and_kind_of_id_is_named() -> None:
    """The message names the vendor of a key or the kind of an id; each name of the tables has an example."""
    named = {recognize(text, PREFIXES).fact for text, error in TEXTS if error in {FormatError.VENDOR, FormatError.ID}}

    assert named == {*VENDORS, *IDS}
    assert recognize("sk-ant-api03-a1", PREFIXES).fact == "An Anthropic key"
    assert recognize("sk-proj-a1", PREFIXES).fact == "An OpenAI key"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (KEY[:-1], "The key is too short by 1 character."),
        (KEY[:-3], "The key is too short by 3 characters."),
        (f"old_{KEY[3:-3]}", "The key is too short by 3 characters."),
        (f"{KEY}ab", "The key is too long by 2 characters."),
        (f"'{KEY[:-3]}'", "created. Leave out quotes or brackets."),
        (f'"Bearer {KEY}"', "Send the key without quotes or brackets and the extra Bearer."),
        (f"Bearer {KEY}", "The word Bearer is there twice"),
        (
            "glpat-" + "a1" * 10,
            "A GitLab token was sent, which is not a key of this service. Send a key that begins with kd_",
        ),
        (f"agt_{THIRTY_TWO}", "The id of an agent was sent instead of a key."),
        (
            "kds_" + KEY[3:],
            "A service token was sent, with which programs manage API keys at /graphql. Send an API key",
        ),
        ("kdo_" + KEY[3:], "An operator token was sent, with which the operator's programs use /graphql."),
        ("hello", "A key is kd_, 16 letters and digits, an underscore, and 42 more: 62 characters in all."),
    ],
)
def test_the_sentence_says_what_and_how(text: str, said: str) -> None:
    """The message gives counts, vendors and the form of a key in words."""
    assert said in examine(text, PREFIXES).detail


def test_a_prefix_of_api_keys_may_end_as_one_of_a_token() -> None:
    """A key with the prefix kds is a key, where that is one of the prefixes of keys."""
    assert recognize("kds_" + KEY[3:-5], ("kds", "kd")).error is FormatError.TOO_SHORT


@given(st.integers(min_value=0), st.sampled_from([wrapper for _, wrapper in WRAPPERS]), st.integers(0, 20))
def test_no_sentence_repeats_a_secret(seed: int, wrapper: Callable[[str], str], missing: int) -> None:
    """However a key is written, whole or cut short, the message contains no six consecutive characters of it."""
    key = mint(SERVER_KEYS, "kd", choose=Random(seed).choice).token.reveal()
    sent = wrapper(key[: len(key) - missing])

    detail = examine(sent, PREFIXES).detail

    assert not [key[start : start + 6] for start in range(3, len(key) - 5) if key[start : start + 6] in detail]


@given(
    st.text(alphabet="kd_old0aZ xX\"'“<>{}$%=:,;.\\/*…\n\x00\u200b\ud800\u0430é", max_size=80) | st.text(max_size=80)
)
def test_any_text_has_an_error(text: str) -> None:
    """Any text has exactly one error with one to three sentences, the same each time."""
    malformed = examine(text, PREFIXES)

    assert malformed == examine(text, PREFIXES)
    assert 1 <= len(re.findall(r"\.(?: |\Z)", malformed.detail)) <= 3
    assert "{" not in malformed.detail


@given(st.text(alphabet="zqj9#", min_size=4, max_size=40))
def test_no_sentence_repeats_what_was_sent(text: str) -> None:
    """Not of a text that is not a key, either."""
    assert text not in examine(text, PREFIXES).detail
    assert text not in examine(f"kd_{text}", PREFIXES).detail


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (KEY + "a" * 1_000_000, FormatError.TOO_LONG),
        ("kd_" * 400_000, FormatError.TOO_LONG),
        (" " * 1_000_000, FormatError.EMPTY),
        (" " * 1_000_000 + KEY, FormatError.WHITE_SPACE),
        ("\x00" * 1_000_000, FormatError.OTHER),
        ("\ud800" * 1_000_000, FormatError.CHARACTERS),
        ("é" * 1_000_000, FormatError.CHARACTERS),
        ('"' * 1_000_000, FormatError.OTHER),
        ("[" * 1_000_000, FormatError.OTHER),
        ("a-" * 500_000, FormatError.OTHER),
        ("Bearer " * 150_000, FormatError.OTHER),
        ("ghp_" + "a" * 1_000_000, FormatError.VENDOR),
        (f"{KEY}," * 16_000, FormatError.DOUBLED),
    ],
)
def test_a_megabyte_is_judged_by_its_beginning(text: str, error: FormatError) -> None:
    """A huge text is judged by its first few hundred characters and its length."""
    assert recognize(text, PREFIXES).error is error


def test_a_long_texts_end_does_not_matter() -> None:
    """Beyond the bound, only the length counts."""
    beginning = KEY + "a" * LOOKED_AT

    assert examine(beginning + '"' * 50, PREFIXES) == examine(beginning + KEY[:50], PREFIXES)


LONGEST_PREFIX = "abcdefghijkl"
LONGEST_FACT = max([*IDS, *VENDORS, "2147483647 characters"], key=len)


@given(st.sampled_from(list(FormatError)), st.lists(st.sampled_from(list(WRAPPER_WORDS)), unique=True))
def test_no_description_is_longer_than_what_keeps_it(error: FormatError, wrappers: list[FormatError]) -> None:
    """With many wrappers, the message names the outermost ones, as many as fit."""
    if error in WRAPPER_WORDS:
        wrappers = [error, *(each for each in wrappers if each is not error)]
    finding = Finding(error, LONGEST_FACT, tuple(wrappers))

    sentence = describe(finding, LONGEST_PREFIX)

    assert len(sentence) <= DETAIL_LENGTH_AT_MOST
    if wrappers and (error in WRAPPER_WORDS or "{without}" in WORDS[error][1]):
        assert WRAPPER_WORDS[wrappers[0]][1] in sentence
