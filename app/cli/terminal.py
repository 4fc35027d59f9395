"""What all commands share: common options, output to the terminal or as JSON, and access to the database."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from app import utc_now
from app.cli_errors import DATABASE_ERRORS, Failure, database_failure
from app.demo.server_key import kept_server_keys
from app.private_files import hide_files_from_others
from app.revocations.journal import recording_database
from app.settings import Settings, SettingsError, read_with_warnings
from app.startup_checks import HOW_TO_MAKE_A_SECRET, require_file, require_schema
from keys.hashing import KEY_PARAMETERS, HashingPool
from keys.issuer import Issuer
from keys.key_limit import valid_name
from keys.refusals import InvalidInput
from keys.sign_in.email_address import valid_email
from keys.token import ServerKeys
from models.engine.database import Database
from resolvers.operator.lookup import LIMIT_AT_MOST
from resolvers.services import ChangeServices, KeyServices

Result = TypeVar("Result")


def _checked(check: Callable[[str], str]) -> Callable[[str | None], str | None]:
    """Makes a callback for Typer that reports as wrong usage what the rule refuses."""

    def callback(text: str | None) -> str | None:
        try:
            return None if text is None else check(text)
        except InvalidInput as refusal:
            raise typer.BadParameter(refusal.message) from None

    return callback


checked_name = _checked(valid_name)
checked_email = _checked(valid_email)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value, and nothing else, on standard output.")]
Name = Annotated[str, typer.Argument(callback=checked_name, metavar="NAME", help="1 to 64 characters.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
Email = Annotated[str, typer.Argument(callback=checked_email, metavar="EMAIL", help="The person's address.")]
OrganizationArgument = Annotated[str, typer.Argument(metavar="ORG", help="Its id, or its name if that is unique.")]
OrganizationOption = Annotated[
    str, typer.Option("--organization", metavar="ORG", help="The organization: its id, or its name if that is unique.")
]
AgentArgument = Annotated[str, typer.Argument(metavar="AGT", help="Its id, or its name if that is unique.")]


def limit_option(option: str, what: str) -> object:
    """Makes an option that takes a limit, from 1 to LIMIT_AT_MOST."""
    return typer.Option(option, min=1, max=LIMIT_AT_MOST, metavar="N", help=what)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a command works with: the settings, and a database whose schema is current."""

    settings: Settings
    database: Database

    def server_keys(self) -> ServerKeys:
        """
        The server keys of the settings, or else the demo's, if there are some beside this database.

        Raises Failure if there are none.
        """
        server_keys = self.settings.server_keys or kept_server_keys(self.database)
        if server_keys is None:
            raise Failure(f"KEYDESK_SECRET_KEY is not set. Set it to the server's value. {HOW_TO_MAKE_A_SECRET}")
        return server_keys

    def change_services(self) -> ChangeServices:
        """What renaming and deleting keys work with: in an emergency, nothing but the database is needed."""
        return ChangeServices(self.database, utc_now, self.settings.mutations_per_minute)


@contextmanager
def hashing() -> Iterator[HashingPool]:
    """A pool for the few hashes of one command."""
    pool = HashingPool(KEY_PARAMETERS.hasher(), threads=1, queue_limit=1, name="hashing")
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def key_services(settings: Settings, database: Database, server_keys: ServerKeys) -> Iterator[KeyServices]:
    """What operations on keys work with, for those that make a secret."""
    with hashing() as pool:
        issuer = Issuer(server_keys, settings.key_prefixes[0], pool)
        yield KeyServices(database, utc_now, settings.mutations_per_minute, issuer=issuer)


def settings_from_environment() -> Settings:
    """Reads the settings and prints warnings, such as of unknown names. Raises SettingsError."""
    settings, problems, warnings = read_with_warnings(os.environ)
    for warning in warnings:
        note(f"Warning: {warning}")
    if settings is None:
        raise SettingsError(*problems)
    return settings


def work(operation: Callable[[Workplace], Awaitable[Result]]) -> Result:
    """
    Runs an operation on the database of the settings, which must have the current schema.

    Raises Failure, SettingsError, and Refusals of the operation.
    """
    settings = settings_from_environment()

    async def operate(database: Database) -> Result:
        await require_schema(database)
        return await operation(Workplace(settings, database))

    return with_database(settings, operate)


def with_database(
    settings: Settings, operation: Callable[[Database], Awaitable[Result]], *, may_be_new: bool = False
) -> Result:
    """
    Runs an operation on the database, whatever its schema is. Errors of the database driver become a Failure.

    With `may_be_new`, a missing SQLite file is created.
    """

    async def operate() -> Result:
        database = recording_database(settings)
        require_file(database, may_be_new=may_be_new)
        hide_files_from_others(database)
        try:
            return await operation(database)
        except DATABASE_ERRORS as error:
            raise database_failure(database.url, error) from error
        finally:
            await _say_unrecorded(database)
            await database.close()

    return asyncio.run(operate())


async def _say_unrecorded(database: Database) -> None:
    """Tries once more to record what could not be recorded, because nobody can after the command has ended."""
    recorder = database.revocations
    if recorder is None or not recorder.waiting:
        return
    await recorder.retry()
    if recorder.waiting:
        note(
            f"Warning: {recorder.waiting} of the revocations are in effect, but not in the revocation journal, so a "
            "database that is restored could forget them. `keydesk doctor` says what is wrong with the journal. When "
            "it works, restart a server, which adds deletions. Replaced secrets are not added: rotate these keys again."
        )


def is_terminal() -> bool:
    """Whether standard input is a terminal, so that a person can be asked."""
    return sys.stdin.isatty()


def confirm(question: str) -> None:
    """Asks a question on standard error. Raises Failure unless the answer is yes."""
    # typer.confirm also writes to standard output, which must have only the result.
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Failure("Nothing was changed.")


def show(value: Any, lines: Iterable[str], *, as_json: bool) -> None:
    """Prints to standard output: `value` as JSON for scripts, or `lines` for people."""
    print(json.dumps(value) if as_json else "\n".join(lines), flush=True)


def note(sentence: str) -> None:
    """Prints a sentence to standard error, for the person at the terminal. It is not part of the result."""
    print(sentence, file=sys.stderr, flush=True)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> list[str]:
    """Formats rows as columns, two spaces apart. If there is no row, the only line is the sentence `empty`."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return [empty]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [list(titles), *cells]]
