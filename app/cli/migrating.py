"""The command `keydesk migrate`."""

from typing import Annotated

import typer

from app.cli.terminal import AsJson, Yes, confirm, is_terminal, note, settings_from_environment, show, with_database
from app.cli_errors import Failure, blocked_failure
from app.settings import Settings
from app.startup_checks import ahead_words, require_primary, schema_words
from models.engine.database import Database
from models.migrations.locks import WAIT_SECONDS, Blocked
from models.migrations.losses import is_used_by_others, losses
from models.migrations.migrate import migrate as migrate_database
from models.migrations.revisions import BASE, HEAD, goes_down, known_revisions
from models.migrations.state import SchemaState, Standing, schema_state

WAIT_SECONDS_AT_MOST = 86_400


def migrate(
    to: Annotated[
        str, typer.Option("--to", metavar="REVISION", help="The revision to go to, if not the newest.")
    ] = HEAD,
    wait: Annotated[
        float,
        typer.Option(
            "--wait",
            min=0,
            max=WAIT_SECONDS_AT_MOST,
            metavar="SECONDS",
            help="How long to try while another migration runs, or while somebody uses a table that has to change.",
        ),
    ] = WAIT_SECONDS,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """
    Update the database's schema.

    Servers can go on running meanwhile. With --to, go to any revision, also an older one: if that deletes data, the
    command asks first, and every server must be stopped before.
    """
    revisions = [BASE, *known_revisions()]
    if to != HEAD and to not in revisions:
        raise typer.BadParameter(f"--to: there is no revision {to}; there are {', '.join(revisions)}.")

    async def operation(database: Database) -> tuple[SchemaState, str | None, str | None]:
        await require_primary(database)
        state = await schema_state(database)
        _permit(state, to)
        try:
            return state, *await migrate_database(database, to, wait_seconds=wait)
        except Blocked as blocked:
            raise blocked_failure(blocked) from None

    settings = settings_from_environment()
    if to != HEAD:
        _permit_going_down(settings, to, yes=yes)
    state, before, after = with_database(settings, operation, may_be_new=True)
    if (ahead := ahead_words(state)) is not None:
        said = f"Nothing was changed: {ahead}."
    elif before == after:
        said = f"The schema is already at {after or BASE}. Nothing was changed."
    else:
        said = f"The schema was changed from {before or 'nothing'} to {after or 'nothing'}."
    show({"from": before, "to": after}, [said], as_json=as_json)


def _permit(state: SchemaState, to: str) -> None:
    """Raises Failure if this program does not have the schema's revision, and so can't change it as it was asked to."""
    if state.standing is Standing.TOO_NEW:
        raise Failure(schema_words(state) or "")
    if state.standing is Standing.AHEAD and to != HEAD:
        raise Failure(
            f"The schema is at {state.revision}, which this Keydesk does not have, so it can't go to {to} from there. "
            "Run this command with the newer Keydesk."
        )


def _permit_going_down(settings: Settings, to: str, *, yes: bool) -> None:
    """Raises Failure if a running server would break, or if the operator does not agree to what would be deleted."""
    is_used = with_database(settings, is_used_by_others, may_be_new=True)
    if not with_database(settings, lambda database: goes_down(database, to)):
        return
    if is_used:
        raise Failure(
            "A server is still using this database, and would fail with an older schema. Stop every server first."
        )
    lost = with_database(settings, lambda database: losses(database, to))
    if not lost or yes:
        return
    note(f"Going to revision {to} deletes permanently:")
    for loss in lost:
        note(f"  {loss.table}{'' if loss.column is None else f', column {loss.column}'}: {loss.rows} rows")
    if not is_terminal():
        raise Failure("Nothing was changed. Back up the database, then add --yes to delete this data.")
    confirm("Delete this?")
