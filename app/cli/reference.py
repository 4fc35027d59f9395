"""
Writes docs/cli.md from the commands themselves: `python -m app.cli.reference > docs/cli.md`.

The text is the same as in `--help`, so the two can't differ.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from app.cli import cli

_OPENING = """\
# The command line

Every command of `keydesk`, as in its `--help`. [Operating](guide/operating.md) says when to use which. In a
checkout, the command is `.venv/bin/keydesk`.

- `ORG` and `AGT` are an id (`org_…`, `agt_…`), or a name if only one has it. `KEY` is a key's id, never its secret.
- Every command takes `--json`, and then prints one JSON value on standard output, for programs.
- The exit status is 0 if the command did its work, 1 if it was refused or failed (a sentence on standard error says why
  and what to do), and 2 if the command line is not valid.
- [Settings](guide/operating.md#settings) come from the environment.
"""
_CLOSING = "*Last updated: {updated}*\n"


def reference(updated: str) -> str:
    """Returns the page as Markdown. `updated` is the date in its last line, such as 2026-11-30."""
    root = get_command(cli)
    if not isinstance(root, TyperGroup):
        raise TypeError("keydesk has no commands")
    return "\n".join([_OPENING, *_group(root, "keydesk"), _CLOSING.format(updated=updated)])


def _group(group: TyperGroup, name: str) -> Iterator[str]:
    """Yields the commands of a group, then the groups in it, each below a heading."""
    commands = {key: command for key, command in group.commands.items() if not isinstance(command, TyperGroup)}
    for key, command in commands.items():
        if isinstance(command, TyperCommand):
            yield from _command(command, f"{name} {key}")
    for key, inner in group.commands.items():
        if isinstance(inner, TyperGroup):
            yield f"## {name} {key}\n"
            yield f"{_one_line(inner.help)}\n"
            yield from _group(inner, f"{name} {key}")


def _command(command: TyperCommand, name: str) -> Iterator[str]:
    level = "##" if name.count(" ") == 1 else "###"
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    options = [each for each in command.params if isinstance(each, TyperOption) and "--json" not in each.opts]
    yield f"{level} {name}\n"
    yield f"    {' '.join([name, *map(_shown, arguments), '[options]'])}\n"
    yield f"{_one_line(command.help)}\n"
    if arguments or options:
        yield "| argument or option | what it is |"
        yield "|---|---|"
    for argument in arguments:
        yield f"| `{_name(argument)}` | {_cell(argument.help)} |"
    for option in options:
        yield f"| {_option(option)} | {_cell(option.help)}{_remarks(option)} |"
    if arguments or options:
        yield ""


def _name(argument: TyperArgument) -> str:
    return argument.metavar or str(argument.name).upper()


def _shown(argument: TyperArgument) -> str:
    return _name(argument) if argument.required else f"[{_name(argument)}]"


def _option(option: TyperOption) -> str:
    value = "" if option.is_flag else f" {option.metavar or _kind(option)}"
    names = [f"`{each}{value}`" for each in option.opts]
    return ", ".join([*names, *(f"`{each}`" for each in option.secondary_opts)])


def _kind(option: TyperOption) -> str:
    """The kind of value of an option without a metavar: the values of an enum, or the type's name."""
    kind = option.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "\\|".join(str(each.value) for each in kind)
    return str(getattr(kind, "__name__", "value")).upper()


def _remarks(option: TyperOption) -> str:
    """Says whether an option is required or may be repeated, and what its default is."""
    if option.required:
        return " Required."
    if option.multiple:
        return " May be given several times."
    if option.is_flag or option.default is None or callable(option.default):
        return ""
    return f" Default: `{option.default}`."


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str | None) -> str:
    """Formats a sentence for a table cell: bars are escaped, and it ends with a full stop."""
    words = _one_line(text).replace("|", "\\|")
    return words if words.endswith((".", "?")) or not words else f"{words}."


if __name__ == "__main__":
    sys.stdout.write(reference(f"{datetime.now(UTC):%Y-%m-%d}"))
