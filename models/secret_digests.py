"""
Stores the digests of secrets that are older than digests, after the secret was compared with its argon2 hash.

A digest is stored only while the key still has the hash that it was made with. A key that another transaction has
locked is left out: it is being rotated or deleted, or another process stores the same digest.
"""

import asyncio
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple, Protocol

from sqlalchemy import text

from models.engine.database import Database
from models.engine.sqlite import SqliteFile, connect

BUSY_TIMEOUT_MS = 1000
"""How long writing on SQLite waits for other writers. What was not written is tried again."""

_POSTGRESQL = text(
    """
    WITH made AS (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS text[]), CAST(:digests AS text[]))
            AS made(id, hash, digest)
    ), free AS (
        SELECT id FROM api_keys WHERE id = ANY(CAST(:ids AS uuid[])) FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE api_keys k SET
        secret_digest = CASE k.secret_hash WHEN made.hash THEN made.digest ELSE k.secret_digest END,
        previous_secret_digest =
            CASE k.previous_secret_hash WHEN made.hash THEN made.digest ELSE k.previous_secret_digest END
    FROM made JOIN free ON free.id = made.id
    WHERE k.id = made.id AND (k.secret_hash = made.hash OR k.previous_secret_hash = made.hash)
    """
)
_SQLITE = """
    UPDATE api_keys SET
        secret_digest = CASE secret_hash WHEN ?2 THEN ?3 ELSE secret_digest END,
        previous_secret_digest = CASE previous_secret_hash WHEN ?2 THEN ?3 ELSE previous_secret_digest END
    WHERE id = ?1 AND (secret_hash = ?2 OR previous_secret_hash = ?2)
"""


class MadeDigest(NamedTuple):
    """A digest, and the argon2 hash that it was made with."""

    secret_hash: str
    digest: str


class DigestStore(Protocol):
    """Stores digests."""

    async def store(self, made: Mapping[str, MadeDigest]) -> None:
        """Stores one digest for each key, by the key's id (32 hexadecimal digits). Raises the driver's exceptions."""


class PostgresDigestStore:
    """Stores all digests with one statement, which waits for no lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, made: Mapping[str, MadeDigest]) -> None:
        """Stores the digests of keys that nobody has locked."""
        columns = {
            "ids": list(made),
            "hashes": [each.secret_hash for each in made.values()],
            "digests": [each.digest for each in made.values()],
        }
        async with self._database.transaction() as session:
            await session.execute(_POSTGRESQL, columns)


class SqliteDigestStore:
    """Stores the digests in one transaction, in a thread, on a connection that does not wait long."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def store(self, made: Mapping[str, MadeDigest]) -> None:
        """Stores the digests. Raises sqlite3.Error, also if another writer takes too long."""
        await asyncio.to_thread(self._store, [(key_id, *each) for key_id, each in made.items()])

    def _store(self, rows: list[tuple[str, str, str]]) -> None:
        self._file.check()
        with closing(connect(self._file.path, busy_timeout_ms=BUSY_TIMEOUT_MS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_SQLITE, rows)
            connection.execute("COMMIT")


def digest_store(database: Database) -> DigestStore:
    """The store of digests that fits the database."""
    if database.sqlite_file is None:
        return PostgresDigestStore(database)
    return SqliteDigestStore(database.sqlite_file)
