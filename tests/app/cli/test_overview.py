"""The list of commands: it says what the commands say, and needs none of what they work with."""

import subprocess
import sys

import pytest
from typer.main import get_command

from app.cli import cli
from app.cli.overview import COMMANDS
from tests.support.command_line import Keydesk
from tests.support.documentation import ROOT

NOT_FOR_A_COMMAND = {"alembic", "schema", "strawberry", "litestar", "uvicorn", "assistant.intents.understand"}


def test_the_overview_says_what_the_commands_say(keydesk: Keydesk) -> None:
    """Each command has the first sentence of its own help, and no other command is there."""
    commands = get_command(cli).commands  # type: ignore[attr-defined]

    shown = " ".join(keydesk("--help").out.split())

    assert {name: place.help for name, place in COMMANDS.items()} == {
        name: command.get_short_help_str(limit=1_000) for name, command in commands.items()
    }
    assert [name for name, place in COMMANDS.items() if f"{name} {place.help}" not in shown] == []


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["--help"], {"models", "sqlalchemy", "pydantic", "resolvers", "schema", "strawberry", "litestar", "asyncio"}),
        (
            ["agent", "list", "--help"],
            NOT_FOR_A_COMMAND,
        ),
        (
            ["key", "delete", "--help"],
            NOT_FOR_A_COMMAND,
        ),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], unused: set[str]) -> None:
    """The server and the assistant's model take more than a second to import."""
    program = (
        "import sys\n"
        "from app.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )

    imported = set(done.stderr.split())
    assert (done.returncode, "typer" in imported) == (0, True), done.stderr
    assert imported & unused == set()


def test_an_unknown_command_is_wrong_usage(keydesk: Keydesk) -> None:
    """Similar commands are suggested."""
    ended = keydesk("agnet", "list")

    assert ended.status == 2
    assert "No such command 'agnet'" in ended.err
    assert "agent" in ended.err
