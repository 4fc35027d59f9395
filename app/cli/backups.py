"""The commands `keydesk backup` and `keydesk restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from app import utc_now
from app.cli.terminal import AsJson, Yes, confirm, is_terminal, settings_from_environment, show, with_database
from app.cli_errors import DATABASE_ERRORS, Failure, database_failure, database_place
from models.backups import BackupFailed, RestoreUnfinished
from models.engine.database import Database
from models.migrations.revisions import current_revision
from resolvers.operator.backups import Restored, back_up, has_data
from resolvers.operator.backups import restore as restore_database

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", dir_okay=False)]


def backup(file: File, yes: Yes = False, as_json: AsJson = False) -> None:
    """
    Copy the whole database into a file, while the server goes on working.

    SQLite is copied as it is, PostgreSQL by pg_dump. The file holds hashes, addresses and messages.
    """
    if file.exists() and not yes:
        if not is_terminal():
            raise Failure(f"{file} exists already, and was not changed. Name another file, or add --yes.")
        confirm(f"Replace {file}?")

    async def operation(database: Database) -> tuple[str, int]:
        if (revision := await current_revision(database)) is None:
            raise Failure("The database has no Keydesk schema, so there is nothing to back up.")
        return revision, await asyncio.to_thread(back_up, database, file, revision=revision)

    try:
        revision, size = with_database(settings_from_environment(), operation)
    except BackupFailed as error:
        raise Failure(_sentence(error)) from None
    show(
        {"file": str(file), "bytes": size, "revision": revision},
        [f"Backed up to {file}: {size} bytes, schema {revision}."],
        as_json=as_json,
    )


def restore(file: File, yes: Yes = False, as_json: AsJson = False) -> None:
    """
    Replace the whole database by a backup. Stop every server first.

    Keys that were deleted since the backup are alive in it. So it is not served until `keydesk revocations apply` was
    run, or with `keydesk serve --accept-revived`. All people have to sign in again.
    """
    settings = settings_from_environment()

    async def operate() -> tuple[str, Restored]:
        database = Database(settings.database_url)
        try:
            place = database_place(database.url)
            if await has_data(database) and not yes:
                _agree_to_lose(place)
            return place, await restore_database(database, file, now=utc_now())
        except BackupFailed as error:
            raise Failure(_sentence(error)) from None
        except RestoreUnfinished as error:
            raise Failure(_unfinished(database, error.__cause__)) from error
        except DATABASE_ERRORS as error:
            raise database_failure(database.url, error) from error
        finally:
            await database.close()

    place, restored = asyncio.run(operate())
    migrated = ""
    if restored.from_revision != restored.revision:
        migrated = f" Its schema was updated from {restored.from_revision} to {restored.revision}."
    show(
        {"file": str(file), "from": restored.from_revision, "to": restored.revision},
        [f"Restored {place} from {file}.{migrated}", "Now run: keydesk revocations apply"],
        as_json=as_json,
    )


def _agree_to_lose(place: str) -> None:
    """Raises Failure unless the operator agrees."""
    if not is_terminal():
        raise Failure(f"This replaces all data in {place}. Nothing was changed. To go on, add --yes.")
    confirm(f"Replace all data in {place}?")


def _sentence(error: BackupFailed) -> str:
    return f"{str(error).rstrip('.')}."


def _unfinished(database: Database, cause: BaseException | None) -> str:
    why = "Another program uses its tables, or migrates it."
    if isinstance(cause, DATABASE_ERRORS):
        why = str(database_failure(database.url, cause))
    return f"The backup is in place, but the restore is not finished: run `keydesk restore` again. {why}"
