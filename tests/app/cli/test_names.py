"""A key pasted in place of a name is refused by every command, and not repeated."""

import pytest

from keys.token import mint
from tests.conftest import SERVER_KEYS
from tests.support.command_line import Keydesk
from tests.support.world import World

TOKEN = mint(SERVER_KEYS, "kd").token.reveal()


@pytest.mark.parametrize(
    "arguments",
    [
        ("organization", "create", TOKEN),
        ("organization", "update", "Acme", "--name", TOKEN),
        ("agent", "create", TOKEN, "--organization", "Acme"),
        ("agent", "rename", "Crawler", TOKEN),
        ("key", "create", TOKEN, "--organization", "Acme"),
        ("user", "create", "new@example.com", "--name", TOKEN, "--organization", "Acme", "--role", "member"),
        ("agent", "list", "--organization", TOKEN),
        ("agent", "delete", TOKEN),
        ("organization", "delete", TOKEN),
        ("key", "create", "deploy", "--organization", "Acme", "--agent", f"Bearer {TOKEN}"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_key_in_place_of_a_name_is_refused(keydesk: Keydesk, acme: World, arguments: tuple[str, ...]) -> None:
    """Nothing of the key is printed."""
    refused = keydesk(*arguments)

    shown = refused.out + refused.err
    assert refused.status in {1, 2}
    assert "API key" in " ".join(shown.split())
    assert TOKEN[3:19] not in shown
    assert TOKEN[-20:] not in shown
