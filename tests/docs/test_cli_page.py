"""docs/cli.md is generated from the commands' own help."""

import re
from collections.abc import Iterator

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from app.cli import cli
from app.cli.reference import reference
from tests.support.documentation import ROOT

PAGE = ROOT / "docs" / "cli.md"


def commands(group: object, name: str) -> Iterator[tuple[str, TyperCommand]]:
    """Each command of a group, by its full name."""
    assert isinstance(group, TyperGroup)
    for key, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{name} {key}")
        else:
            assert isinstance(command, TyperCommand)
            yield f"{name} {key}", command


def test_the_page_is_what_is_generated() -> None:
    """After a change of a command, run `.venv/bin/python -m app.cli.reference > docs/cli.md`."""
    kept = PAGE.read_text(encoding="utf-8")
    updated = re.search(r"Last updated: ([0-9-]{10})", kept)

    assert updated is not None
    assert kept == reference(updated[1])


def test_every_command_has_its_heading_and_takes_json() -> None:
    """The page has each command once, and each command takes --json, as the page says."""
    headings = re.findall(r"^#+ (keydesk .+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = dict(commands(get_command(cli), "keydesk"))

    assert len(found) > 25
    assert [name for name in found if headings.count(name) != 1] == []
    assert [name for name, command in found.items() if not any("--json" in each.opts for each in command.params)] == []
