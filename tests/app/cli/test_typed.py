"""Secrets typed in a wrong place are not repeated in any command's output."""

from importlib.metadata import version

import pytest

from app.cli.typed import is_like_a_secret
from keys.token import mint
from models.engine.ids import Prefix, external_id, new_id
from models.migrations.revisions import newest_revision
from tests.app.cli.test_cli import commands
from tests.conftest import SERVER_KEYS
from tests.support.command_line import Keydesk
from tests.support.parameters import in_turn

KEY = mint(SERVER_KEYS, "kd").token.reveal()
PASSWORD = "correct horse"
SECRETS = [
    KEY,
    KEY[:40],
    "hunter2",
    PASSWORD,
    "postgresql://keydesk:hunter2@db/keydesk",
    "3f1c9a7be2d84056af1c9a7be2d84056",
]


def assert_silent(said: str, secret: str) -> None:
    """Checks that the output has neither the secret nor a long part of it."""
    assert secret not in said
    assert secret[19:40] not in said or len(secret) < 25


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_no_command_repeats_arguments_that_it_does_not_take(keydesk: Keydesk, command: tuple[str, ...]) -> None:
    """Too many arguments give exit status 2, without repeating them."""
    runs = [(secret, keydesk(*command, *["x"] * 3, secret)) for secret in SECRETS]

    for secret, run in runs:
        assert run.status == 2
        assert_silent(run.out + run.err, secret)


@pytest.mark.parametrize(
    ("arguments", "secret"),
    in_turn(
        [
            ["{}"],
            ["key", "{}"],
            ["key", "delete", "{}"],
            ["key", "rotate", "{}", "--overlap", "0"],
            ["key", "list", "--organization", "{}"],
            ["key", "create", "deploy", "--organization", "{}"],
            ["organization", "delete", "{}"],
            ["agent", "delete", "{}"],
            ["ticket", "show", "{}"],
            ["user", "password", "{}"],
            ["user", "create", "a@b.example", "--name", "A", "--organization", "x", "--role", "{}"],
            ["serve", "--port", "{}"],
            ["serve", "--port={}"],
            ["serve", "--{}"],
            ["migrate", "--to", "{}"],
            ["verify", "--agent", "{}"],
            ["verify", "{}"],
        ],
        [KEY, KEY[:40], *SECRETS[4:]],
    ),
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_no_command_repeats_a_secret_in_the_wrong_place(keydesk: Keydesk, arguments: list[str], secret: str) -> None:
    """The secret is not repeated in place of a command, an id, a name, a number, a choice or an option."""
    run = keydesk(*(each.format(secret) for each in arguments))

    assert run.status in (1, 2)
    assert run.err
    assert_silent(run.out + run.err, secret)


def test_a_key_for_verify_is_asked_for_on_standard_input(keydesk: Keydesk) -> None:
    """`verify` reads the key from standard input, where no shell history keeps it."""
    run = keydesk("verify", KEY)

    assert run.status == 2
    assert "on standard input" in run.err


@pytest.mark.parametrize(
    "text",
    [
        *(external_id(prefix, new_id()) for prefix in Prefix),
        *("Acme", "Northwind Logistics 2026 GmbH", "ada.lovelace.1815@example.com", "--organization", "0003", "8000"),
    ],
)
def test_what_people_look_for_in_a_message_stays(text: str) -> None:
    """Ids, names, addresses and numbers are not taken for secrets."""
    assert not is_like_a_secret(text)


def test_wrong_usage_still_says_what_is_wrong(keydesk: Keydesk) -> None:
    """The message and the usage are on standard error."""
    wrong = keydesk("serve", "--port", "http")
    unknown = keydesk("organisation")

    assert "Invalid value for '--port'" in wrong.err
    assert wrong.err.startswith("Usage: keydesk serve")
    assert "No such command 'organisation'" in unknown.err
    assert (wrong.status, wrong.out, unknown.status, unknown.out) == (2, "", 2, "")


def test_the_version_is_told(keydesk: Keydesk) -> None:
    """The version is printed with the schema revision that it needs."""
    run = keydesk("--version")

    assert (run.status, run.err) == (0, "")
    assert run.out == f"keydesk {version('keydesk')} (schema {newest_revision()})\n"
