"""The commands that run the server and maintain its database: `serve`, `migrate`, `doctor`."""

import asyncio
import os
from typing import Annotated

import typer

from app import utc_now
from app.cli.terminal import (
    AsJson,
    Yes,
    confirm,
    is_terminal,
    note,
    settings_from_environment,
    show,
    table,
    with_database,
)
from app.cli_errors import Failure
from app.doctor.examine import examine
from app.serve import serve as run_server
from app.settings import Settings
from app.startup_checks import (
    keep_server_keys,
    limits_warning,
    missing_server_keys,
    missing_words,
    require_no_demo,
    require_schema,
    require_servable,
    schema_fault,
    serving_warnings,
)
from keys.hashing import PASSWORD_PARAMETERS
from keys.token import ServerKeys
from models.engine.database import Database
from models.engine.url_text import PORT_AT_MOST
from models.migrations import current_revision, goes_down, known_revisions
from models.migrations import migrate as migrate_database
from models.migrations.losses import is_used_by_others, losses
from resolvers.operator.keys import drop_keys_tagged_otherwise

BASE = "base"
HEAD = "head"
Port = Annotated[int, typer.Option(min=0, max=PORT_AT_MOST, metavar="PORT", help="With 0, the system chooses one.")]


def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Processes; several need Redis.")] = 1,
    drop_keys: Annotated[
        bool, typer.Option("--drop-keys", help="Delete the API keys whose server key was removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve until stopped. With --json, first prints one line with the address."""
    settings = settings_from_environment()
    server_keys = require_servable(settings, host=host, workers=workers)

    async def check(database: Database) -> None:
        await require_schema(database)
        hasher = PASSWORD_PARAMETERS.hasher()
        await require_no_demo(database, host, settings.public_url, password_hasher=hasher)
        await _settle_server_keys(database, server_keys, drop_keys=drop_keys)
        if (warning := limits_warning(settings, database)) is not None:
            note(f"Warning: {warning}")

    for warning in serving_warnings(settings):
        note(f"Warning: {warning}")
    with_database(settings, check)

    def announce(address: str) -> None:
        # Only after the port is bound: a failed start must not change the server keys that other commands compare with.
        with_database(settings, lambda database: keep_server_keys(database, server_keys, now=utc_now()))
        show({"address": address}, [f"Keydesk serves at {address}"], as_json=as_json)

    run_server(settings, host=host, port=port, workers=workers, announce=announce)


def migrate(
    to: Annotated[
        str, typer.Option("--to", metavar="REVISION", help="The revision to go to, if not the newest.")
    ] = HEAD,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """
    Update the database's schema.

    With --to, go to any revision, also an older one: if that deletes data, the command asks first. Stop the servers
    before you run it.
    """
    revisions = [BASE, *known_revisions()]
    if to != HEAD and to not in revisions:
        raise typer.BadParameter(f"--to: there is no revision {to}; there are {', '.join(revisions)}.")

    async def operation(database: Database) -> tuple[str | None, str | None]:
        before = await current_revision(database)
        if before is not None and before not in revisions:
            raise Failure(await schema_fault(database) or "")
        return await migrate_database(database, to)

    settings = settings_from_environment()
    if to != HEAD:
        _permit_going_down(settings, to, yes=yes)
    before, after = with_database(settings, operation, may_be_new=True)
    if before == after:
        said = f"The schema is already at {after or BASE}. Nothing was changed."
    else:
        said = f"The schema was changed from {before or 'nothing'} to {after or 'nothing'}."
    show({"from": before, "to": after}, [said], as_json=as_json)


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


def doctor(as_json: AsJson = False) -> None:
    """
    Check the installation: settings, database, schema, clock, server keys, Redis, proxies and mail.

    The exit status is 1 if a check fails.
    """
    findings = asyncio.run(examine(os.environ, clock=utc_now))
    form = [{"check": each.check, "ok": each.is_ok, "detail": each.detail} for each in findings]
    rows = [("ok" if each.is_ok else "FAILED", each.check, each.detail) for each in findings]
    show(form, table(("", "CHECK", "FOUND"), rows, empty=""), as_json=as_json)
    failed = [each.check for each in findings if not each.is_ok]
    if failed:
        note(f"Failed: {', '.join(failed)}. The findings above say what to do.")
        raise typer.Exit(1)


async def _settle_server_keys(database: Database, server_keys: ServerKeys, *, drop_keys: bool) -> None:
    """
    Raises Failure if active API keys need a server key that is missing.

    With `drop_keys`, deletes these API keys instead.
    """
    missing = await missing_server_keys(database, server_keys.ids)
    if missing and not drop_keys:
        raise Failure(
            f"Active API keys need {missing_words(missing)}, which KEYDESK_SECRET_KEY no longer contains. Add it "
            "again, after a comma, or delete those API keys with --drop-keys."
        )
    if drop_keys:
        dropped = await drop_keys_tagged_otherwise(database, server_keys.ids, now=utc_now())
        note(f"API keys deleted because their server key was removed: {len(dropped)}.")
