"""Redaction of sessions, one-time passwords, links and other vendors' tokens that were cut over lines."""

from random import Random

import pytest

from assistant.redaction.redact import redact
from keys.sign_in.passwords import new_one_time_password
from keys.sign_in.sessions import new_token
from tests.support.keys.disguises import PREFIXES
from tests.support.keys.pasted_forms import BYTE_LISTS, DUMPS, ENCODED, WRAPPED, readings

LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LINK_LENGTH = 40


def session(random: Random) -> str:
    return new_token(random_bytes=random.randbytes)[0].reveal()


def one_time(random: Random) -> str:
    return new_one_time_password(choose=random.choice).reveal()


def github(random: Random) -> str:
    return "ghp_" + "".join(random.choices(LETTERS, k=36))


def aws(random: Random) -> str:
    return "AKIA" + "".join(random.choices("ABCDEFGHIJKLMNPQRSTUVWXYZ234567", k=16))


def link_token(random: Random) -> str:
    return random.randbytes(LINK_LENGTH // 2).hex()


SECRETS = {"session": session, "one-time password": one_time, "GitHub token": github, "AWS key": aws}
IN_A_ROW = 10
"""So many characters of a secret do not stand in a message by chance."""
PLAIN_WRAPS = ("wrapped, 16 a line", "wrapped, 25 a line", "wrapped, 31 a line", "quoted, 25 a line")


def is_left(secret: str, text: str) -> bool:
    """Whether a part of the secret can still be read, also by decoding."""
    parts = {secret[at : at + IN_A_ROW] for at in range(len(secret) - IN_A_ROW + 1)}
    return any(part in read for read in (text, *readings(text)) for part in parts)


@pytest.mark.parametrize("form", WRAPPED)
@pytest.mark.parametrize("kind", SECRETS)
def test_nothing_is_left_of_a_secret_that_was_cut_over_lines(kind: str, form: str) -> None:
    """Wrapped, numbered, in lists and tables, and concatenated in many languages."""
    for seed in range(3):
        secret = SECRETS[kind](Random(seed))

        redacted = redact(f"I get a 401 with this:\n{WRAPPED[form](secret)}\nWhat is wrong?", PREFIXES)

        assert not is_left(secret, redacted.text)
        assert redact(redacted.text, PREFIXES).text == redacted.text


@pytest.mark.parametrize("page", ["invitation", "reset-password", "enter"])
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "the link {} does not work",
        "<{}>",
        '<a href="{}">Join</a>',
        "[Join]({})",
        "{}.",
        '{{"url": "{}"}}',
        "curl '{}'",
    ],
)
def test_a_link_goes_without_its_token(page: str, text: str) -> None:
    """It signs in, joins an organization, or sets a password. Where it leads stays, to be able to help."""
    token = link_token(Random(1))

    left = redact(text.format(f"https://keys.example.com/{page}#{token}"), PREFIXES).text

    assert left == text.format(f"https://keys.example.com/{page}#[token]")


# Known limit: of a dump that a mail program has broken within its text column, less than a third of the token stays.
@pytest.mark.parametrize(
    "form",
    [
        *(each for each in (DUMPS | ENCODED) if each != "xxd, broken by a mail program"),
        *(each for each in PLAIN_WRAPS if each in WRAPPED),
    ],
)
@pytest.mark.parametrize("page", ["invitation", "reset-password", "enter"])
def test_nothing_is_left_of_a_link_in_any_form(page: str, form: str) -> None:
    """In dumps, in encodings, and where a mail program has broken it."""
    forms = DUMPS | ENCODED | WRAPPED
    for seed in range(3):
        token = link_token(Random(seed))

        pasted = forms[form](f"https://keys.example.com/{page}#{token}")
        redacted = redact(f"I got this:\n{pasted}\nWhat is wrong?", PREFIXES)

        assert not is_left(token, redacted.text)


@pytest.mark.parametrize("form", [each for each in BYTE_LISTS if "characters" not in each])
def test_nothing_is_left_of_a_link_in_a_list_of_bytes(form: str) -> None:
    token = link_token(Random(1))

    assert not is_left(token, redact(BYTE_LISTS[form](f"https://keys.example.com/enter#{token}"), PREFIXES).text)


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("my invitation code is {}", False),
        ("Der Link aus der Einladung: {}", False),
        ("le lien de réinitialisation {}", False),
        ("邀请 {}", False),
        ("commit {}", True),
        ("linked commit {}", True),
        ("git reset --hard {}", True),
        ("{}", True),
        ("npm: git+https://github.com/example/lib.git#{}", True),
        ("ETag: {}", True),
        ("{}  keydesk.tar.gz", True),
    ],
)
def test_a_token_without_its_link_needs_a_word_before_it(text: str, stays: bool) -> None:
    """The id of a commit has the same form, and is what people paste every day."""
    token = link_token(Random(2))

    assert (token in redact(text.format(token), PREFIXES).text) is stays


@pytest.mark.parametrize(
    "text",
    [
        "d41d8cd98f00b204\ne9800998ecf8427e\n",
        "pick 3f9ac01b\npick 77de4512\npick aa90bc34\npick ef561278\n",
        "0123abcd first\n4567cdef second\n89ab0123 third\n",
        "9e107d9d372bb6826bd81d3542a419d6  a.yml\ne4d909c290d0fb1ca068ffaddf22cbd0  b.yml\n",
        "".join(f"{Random(line).randbytes(8).hex()}\n" for line in range(9)),
        "".join(f"{Random(line).randbytes(4).hex()} fixed\n" for line in range(20)),
        "alpha\nbravo\ndelta\nhotel\nindia\n",
        "one two\nsix ten\nfor all\n",
    ],
)
def test_columns_of_words_and_short_ids_stay(text: str) -> None:
    """Together they have not the length of a secret."""
    assert redact(text, PREFIXES).text == text
