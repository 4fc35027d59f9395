"""Owns what must hold before a database is worked with, and before the server starts."""

import ipaddress
import sqlite3
from collections.abc import Collection
from urllib.parse import urlsplit

from app.demo_story import ORGANIZATION_ID as DEMO_ORGANIZATION_ID
from app.failure import Failure
from app.settings import Settings
from keys.token import ServerKeys
from models.api_key import server_keys_in_use
from models.database import POSTGRESQL, Database, database_now
from models.migrations import current_revision, known_revisions, newest_revision
from models.organization import live_organization

HOW_TO_MAKE_A_SECRET = "Make one with `openssl rand -hex 32`, and keep it: API keys are only good together with it."  # noqa: S105


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach the host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_file(database: Database, *, may_be_new: bool = False) -> None:
    """Raises Failure where SQLite's file is not there, unless it may be made now, or is none."""
    path = database.path
    if path is None:
        return
    if not may_be_new and not path.exists():
        raise Failure(
            f"There is no database at {path}. Make one with `keydesk migrate`, or set KEYDESK_DATABASE_URL right."
        )
    # Asked first without the pool, whose threads complain by themselves when a file can't be opened.
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw{'c' * may_be_new}", uri=True)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise Failure(
            f"The database at {path} can't be used: {error}. Check its folder, permissions and KEYDESK_DATABASE_URL."
        ) from None


async def schema_fault(database: Database) -> str | None:
    """What is wrong with the schema's revision and how to go on, or None where it is this program's."""
    revision, wanted = await current_revision(database), newest_revision()
    if revision == wanted:
        return None
    if revision is None:
        return "The database has no Keydesk schema yet. Run `keydesk migrate`."
    if revision in known_revisions():
        return f"The database's schema is behind: at {revision}, and {wanted} is needed. Run `keydesk migrate`."
    return f"The database's schema ({revision}) is newer than this Keydesk ({wanted}). Update Keydesk."


async def require_schema(database: Database) -> None:
    """Raises Failure where the schema is not this program's."""
    if (fault := await schema_fault(database)) is not None:
        raise Failure(fault)


def require_servable(settings: Settings, *, host: str, workers: int) -> ServerKeys:
    """The server keys, where nothing in the settings speaks against serving so. Raises Failure."""
    if settings.server_keys is None:
        raise Failure(f"KEYDESK_SECRET_KEY is not set. {HOW_TO_MAKE_A_SECRET}")
    if workers > 1 and settings.redis_url is None:
        raise Failure(
            f"{workers} workers need Redis, since each would count rate limits and quotas for itself. "
            "Set KEYDESK_REDIS_URL, or serve with one worker."
        )
    if not is_loopback(host) and settings.public_url is None:
        raise Failure(
            f"To serve on {host}, set KEYDESK_PUBLIC_URL to the address that people use, such as https://keys.example."
        )
    return settings.server_keys


async def missing_server_keys(database: Database, ids: Collection[str]) -> dict[str, int]:
    """The ids of server keys that living API keys need and that are not there, with how many need each."""
    async with database.reading() as session:
        in_use = await server_keys_in_use(session, now=await database_now(session))
    return {server_key_id: count for server_key_id, count in in_use.items() if server_key_id not in ids}


def missing_words(missing: dict[str, int]) -> str:
    """Such as: the server key 0f3c… (3 API keys)."""
    named = [f"{key_id} ({count} API key{'' if count == 1 else 's'})" for key_id, count in sorted(missing.items())]
    return f"the server key{'' if len(named) == 1 else 's'} {', '.join(named)}"


def limits_warning(settings: Settings, database: Database) -> str | None:
    """What an operator should know about limits, if anything."""
    if database.backend == POSTGRESQL and settings.redis_url is None:
        return "Without KEYDESK_REDIS_URL, rate limits and quotas are counted by each process for itself."
    return None


async def require_no_demo(database: Database, host: str, public_url: str | None) -> None:
    """Raises Failure before the demo's people, whose passwords are known to everybody, can be reached from outside."""
    outside = host if public_url is None else urlsplit(public_url).hostname or ""
    if is_loopback(host) and is_loopback(outside):
        return
    async with database.reading() as session:
        if await live_organization(session, DEMO_ORGANIZATION_ID) is not None:
            raise Failure(
                "This database holds the demo, whose passwords are no secret: it is not served to others "
                f"({outside}). Set KEYDESK_DATABASE_URL to another, or delete the demo's organization."
            )
