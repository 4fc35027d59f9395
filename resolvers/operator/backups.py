"""Backs up the whole database, and restores it in one step, for the operator."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models import metadata
from models.backups import BackupFailed, RestoreUnfinished, postgresql, sqlite
from models.engine.database import Database
from models.engine.database_address import DRIVERS, SQLITE
from models.invitation import Invitation
from models.migrations.locks import Blocked
from models.migrations.losses import is_used_by_others
from models.migrations.migrate import migrate
from models.migrations.revisions import ALEMBICS_OWN, current_revision, known_revisions, newest_revision
from models.password_reset import PasswordReset
from models.revocations.restore_mark import mark_restored, unsettled_restore
from models.session import end_every_session

_AFTER_PG_RESTORE = """
CREATE TABLE IF NOT EXISTS restores (
  id uuid NOT NULL, restored_at timestamp with time zone NOT NULL, settled_at timestamp with time zone,
  settled_by character varying(16), CONSTRAINT pk_restores PRIMARY KEY (id)
);
INSERT INTO restores (id, restored_at) VALUES (gen_random_uuid(), clock_timestamp());
DELETE FROM sign_in_sessions;
DO $$ BEGIN
  IF to_regclass('public.password_resets') IS NOT NULL THEN
    DELETE FROM password_resets;
    UPDATE invitations SET expires_at = clock_timestamp() WHERE expires_at > clock_timestamp();
  END IF;
END $$;
"""
"""
Marks the database and ends every session and link in the transaction that replaces it, so that what fails later leaves
neither revived keys nor revived sessions. A backup from before revision 0006 gets the table as that revision makes it.
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """The revision of the backup's schema, and the revision that it was migrated to."""

    from_revision: str
    revision: str


def back_up(database: Database, target: Path, *, revision: str) -> int:
    """
    Writes a consistent copy of the database, whose schema has this revision, while it is in use.

    Returns its size in bytes. This blocks. Raises BackupFailed.
    """
    source = database.sqlite_path
    if source is None:
        # Only of its own revision does this program know for certain which tables are Keydesk's.
        postgresql.dump(database.url, target, only=_tables() if revision == newest_revision() else None)
    elif target.exists() and target.samefile(source):
        raise BackupFailed(f"{target} is the database itself. Name another file")
    else:
        sqlite.copy_database(source, target)
    return target.stat().st_size


async def has_data(database: Database) -> bool:
    """Whether a restore would replace something, as far as that can be seen: a damaged SQLite file counts as data."""
    path = database.sqlite_path
    if path is not None:
        return path.exists() and path.stat().st_size > 0
    return await current_revision(database) is not None


async def restore(database: Database, backup: Path, *, now: datetime) -> Restored:
    """
    Replaces the database by a backup, migrates it, marks it as restored, and ends every session.

    The backup is checked first. Raises BackupFailed, and nothing was replaced; or RestoreUnfinished, and another call
    finishes it. Call it before this process uses the database in another way: it refuses if anybody else does.
    """
    if database.sqlite_path is None:
        return await _restore_postgresql(database, backup, now)
    return await _restore_sqlite(database.sqlite_path, backup, now)


async def _restore_sqlite(target: Path, backup: Path, now: datetime) -> Restored:
    if (fault := await asyncio.to_thread(sqlite.fault_of_backup, backup)) is not None:
        raise BackupFailed(f"{fault} Nothing was changed.")
    try:
        with sqlite.new_file_beside(target) as made:
            await asyncio.to_thread(sqlite.copy_into, backup, made)
            restored = await _prepared(Database(f"{DRIVERS[SQLITE]}:///{made}"), now)
            await asyncio.to_thread(sqlite.fold_log, made)
            await asyncio.to_thread(sqlite.replace_database, made, target)
    except OSError as error:
        raise BackupFailed(f"{target} can't be replaced: {sqlite.words(error)}. Nothing was changed.") from None
    return restored


async def _restore_postgresql(database: Database, backup: Path, now: datetime) -> Restored:
    if (fault := await asyncio.to_thread(postgresql.fault_of_dump, backup)) is not None:
        raise BackupFailed(f"{fault} Nothing was changed.")
    _require_known(await asyncio.to_thread(postgresql.revision_of_dump, backup))
    if await is_used_by_others(database):
        raise BackupFailed("A server is connected to this database. Stop every server first; nothing was changed.")
    await database.close()
    await asyncio.to_thread(postgresql.replace_by_dump, database.url, backup, _tables(), then=_AFTER_PG_RESTORE)
    try:
        return await _prepared(database, now)
    except (Blocked, DBAPIError, OSError) as error:
        raise RestoreUnfinished from error


def _tables() -> list[str]:
    return [*metadata.tables, ALEMBICS_OWN]


async def _prepared(database: Database, now: datetime) -> Restored:
    """Makes a database that was just restored ready for the operator: the schema, the mark, no sessions."""
    try:
        before = _require_known(await current_revision(database))
        _, after = await migrate(database)
        async with database.transaction() as session:
            if await unsettled_restore(session) is None:
                await mark_restored(session, now=now)
            await end_every_session(session)
            await end_every_link(session, now=now)
        return Restored(before, after or before)
    finally:
        await database.close()


async def end_every_link(session: AsyncSession, *, now: datetime) -> None:
    """Links that were used or revoked since the backup would work again. Invitations can be sent again."""
    await session.execute(delete(PasswordReset))
    await session.execute(update(Invitation).where(col(Invitation.expires_at) > now).values(expires_at=now))


def _require_known(revision: str | None) -> str:
    if revision is None or revision not in known_revisions():
        raise BackupFailed(
            f"The backup's schema ({revision or 'none'}) is not one that this Keydesk knows. Update Keydesk. Nothing "
            "was changed."
        )
    return revision
