"""The commands that run the server and check its installation: `serve`, `doctor`."""

import asyncio
import os
from typing import Annotated

import typer

from app import utc_now
from app.cli.terminal import (
    AsJson,
    note,
    settings_from_environment,
    show,
    table,
    with_database,
)
from app.cli_errors import Failure
from app.doctor.examine import examine
from app.revocations.start import require_dead_stay_dead
from app.serve import serve as run_server
from app.startup_checks import (
    ahead_words,
    keep_server_keys,
    limits_warning,
    missing_server_keys,
    missing_words,
    other_sites,
    require_no_demo,
    require_primary,
    require_servable,
    schema_words,
    serving_warnings,
)
from keys.hashing import PASSWORD_PARAMETERS
from keys.token import ServerKeys
from models.engine.database import Database
from models.engine.url_text import PORT_AT_MOST
from models.migrations.state import schema_state
from resolvers.operator.keys import drop_keys_tagged_otherwise

Port = Annotated[int, typer.Option(min=0, max=PORT_AT_MOST, metavar="PORT", help="With 0, the system chooses one.")]


def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, metavar="N", help="Processes; several need Redis.")] = 1,
    shares_port: Annotated[
        bool,
        typer.Option(
            "--share-port", help="Allow another server at the same address, so that it can take over without a gap."
        ),
    ] = False,
    drop_keys: Annotated[
        bool, typer.Option("--drop-keys", help="Delete the API keys whose server key was removed.")
    ] = False,
    accept_revived: Annotated[
        bool,
        typer.Option(
            "--accept-revived", help="Serve a restored database as it is: keys deleted since the backup work again."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve until stopped. With --json, first prints one line with the address."""
    settings = settings_from_environment()
    server_keys = require_servable(settings, host=host, workers=workers)

    async def check(database: Database) -> None:
        await require_primary(database)
        state = await schema_state(database)
        if (fault := schema_words(state)) is not None:
            raise Failure(fault)
        if (ahead := ahead_words(state)) is not None:
            note(f"Note: {ahead}.")
        hasher = PASSWORD_PARAMETERS.hasher()
        await require_no_demo(database, host, settings.public_url, password_hasher=hasher)
        for said in await require_dead_stay_dead(database, accept_revived_keys=accept_revived, now=utc_now()):
            note(f"Warning: {said}")
        await _settle_server_keys(database, server_keys, drop_keys=drop_keys)
        if (warning := limits_warning(settings, database)) is not None:
            note(f"Warning: {warning}")

    if (fault := other_sites(settings)) is not None:
        raise Failure(f"{fault}.")
    for warning in serving_warnings(settings):
        note(f"Warning: {warning}")
    with_database(settings, check)

    def announce(address: str) -> None:
        # Only after the port is bound: a failed start must not change the server keys that other commands compare with.
        with_database(settings, lambda database: keep_server_keys(database, server_keys, now=utc_now()))
        show({"address": address}, [f"Keydesk serves at {address}"], as_json=as_json)

    run_server(settings, host=host, port=port, workers=workers, announce=announce, shares_port=shares_port)


def doctor(as_json: AsJson = False) -> None:
    """
    Check the installation: settings, database, schema, clock, server keys, Redis, proxies, mail, single sign-on.

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
