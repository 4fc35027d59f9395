"""
The commands of `keydesk`, by name, and where each is defined. A module is imported when its command is used.

Importing the whole program takes more than a second; the list of commands needs none of it.
"""

import gc
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

Command = TyperCommand | TyperGroup


class Place(NamedTuple):
    """The module and name of a command's function, or of a group of commands, and the sentence for the overview."""

    module: str
    name: str
    help: str


COMMANDS = {
    "demo": Place("app.cli.demonstration", "demo", "Serve a small demo organization that only this machine can reach."),
    "serve": Place("app.cli.serving", "serve", "Serve until stopped."),
    "migrate": Place("app.cli.migrating", "migrate", "Update the database's schema."),
    "backup": Place(
        "app.cli.backups", "backup", "Copy the whole database into a file, while the server goes on working."
    ),
    "restore": Place("app.cli.backups", "restore", "Replace the whole database by a backup."),
    "doctor": Place(
        "app.cli.serving",
        "doctor",
        "Check the installation: settings, database, schema, clock, server keys, Redis, proxies, mail, single sign-on.",
    ),
    "verify": Place("app.cli.verification", "verify", "Check whether an API key is valid."),
    "organization": Place("app.cli.organizations", "commands", "Organizations, and their limits."),
    "agent": Place("app.cli.agents", "commands", "Agents, which agent-level API keys are for."),
    "user": Place("app.cli.invitations", "commands", "People who sign in, and their roles."),
    "sso": Place("app.cli.sso", "commands", "Single sign-on: what the identity provider's groups mean."),
    "sign-in": Place("app.cli.sign_in", "commands", "Accounts and addresses that are locked after wrong passwords."),
    "key": Place("app.cli.keys", "commands", "API keys: create, limit, rotate and delete them."),
    "token": Place("app.cli.tokens", "commands", "Operator tokens, with which programs provision or sign people in."),
    "revocations": Place(
        "app.cli.revocations",
        "commands",
        "The revocation journal: see it, and revoke again what a restored database has forgotten.",
    ),
    "ticket": Place("app.cli.tickets", "commands", "Tickets: conversations that were handed over to support."),
    "assistant": Place("app.cli.assistant", "commands", "Reports on the assistant."),
}
"""In the order of the overview. Each sentence is the first of the command's own help."""


def load(module: str, name: str) -> Any:
    """What a module defines by this name. The module is imported now."""
    # What is imported stays, so looking for garbage in it meanwhile is in vain: it takes a tenth of a command's time.
    gc.disable()
    try:
        return getattr(import_module(module), name)
    finally:
        gc.enable()


class Commands(TyperGroup):
    """The group of all commands. Its overview is written without importing them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded()

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the overview."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the overview."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in COMMANDS.items()])


class _Loaded(MutableMapping[str, Any]):
    """The commands by name, each of which is imported when it is looked up."""

    def __init__(self) -> None:
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            self._loaded[name] = _loaded(name, COMMANDS[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("commands are not removed")

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _loaded(name: str, place: Place) -> Command:
    holder = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    found = load(place.module, place.name)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    command = get_group(holder).commands[name]
    if not isinstance(command, TyperCommand | TyperGroup):
        raise TypeError(f"{name} is not a command")
    return command
