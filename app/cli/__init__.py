"""The `keydesk` command: runs the commands of `app/cli/overview.py`, and reports failures."""

import contextlib
import io
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from app.cli.overview import Commands, load
from keys.expected_error import ExpectedError

cli = typer.Typer(
    name="keydesk",
    cls=Commands,
    help="Self-service API keys: runs the server, and has the operator's commands.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(is_wanted: bool) -> None:
    """Prints the version and the schema's revision, and exits."""
    if is_wanted:
        print(f"keydesk {version('keydesk')} (schema {load('models.migrations.revisions', 'newest_revision')()})")
        raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Runs a command and exits with its status.

    The status is 0 if the command did its work, 1 if it was refused or failed (a sentence on standard error says why),
    and 2 for wrong usage.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names may have characters that the terminal can't show
    typed = sys.argv[1:] if arguments is None else arguments
    try:
        status = cli(arguments, prog_name="keydesk", standalone_mode=False)
    except ExpectedError as error:
        _note(_without_secrets(str(error), typed))
        sys.exit(1)
    except typer.Abort:
        _note("Aborted!")
        sys.exit(1)
    except TyperException as error:
        sys.exit(_wrong_usage(error, typed))
    except Exception as error:
        _note(f"This is a bug in Keydesk: {type(error).__name__} in {_place(error)}. Please report it.")
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _wrong_usage(error: TyperException, typed: Sequence[str]) -> int:
    """Prints Typer's message without anything that may be a secret. Returns the exit status."""
    said = io.StringIO()
    error.show(said)  # type: ignore[attr-defined]  # of every exception of Typer's that gets here
    _note(_without_secrets(said.getvalue().rstrip("\n"), typed))
    return int(getattr(error, "exit_code", 1))


def _without_secrets(text: str, typed: Sequence[str]) -> str:
    # Imported now, because a command that ends well does not need it.
    words: str = load("app.cli.typed", "without_secrets")(text, typed)
    return words


def _note(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _place(error: Exception) -> str:
    """
    The innermost line of Keydesk's code in the traceback.

    It is shown instead of a traceback, whose messages may contain secrets or personal data.
    """
    root = Path(__file__).parents[2]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        with contextlib.suppress(ValueError):
            path = Path(frame.filename).relative_to(root)
            if path.parts[0] in {"app", "schema", "resolvers", "assistant", "keys", "models"}:
                return f"{path}, line {frame.lineno}"
    return "a place unknown"
