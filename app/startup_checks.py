"""Checks that must pass before a command uses the database, and before the server starts."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import datetime
from urllib.parse import urlsplit

from argon2 import PasswordHasher

from app.cli_errors import Failure
from app.client_address import is_loopback
from app.demo.people import people_with_public_passwords
from app.demo.story import ORGANIZATION_ID as DEMO_ORGANIZATION_ID
from app.graphql.same_site import is_same_site
from app.private_files import make_private_file
from app.settings import Settings
from keys.token import ServerKeys
from models.api_key import newest_server_key, server_keys_in_use
from models.engine.database import Database, database_now
from models.engine.database_address import POSTGRESQL
from models.engine.ids import Prefix, external_id
from models.engine.sqlite import connect
from models.migrations.revisions import newest_revision
from models.migrations.state import SchemaState, Standing, schema_state
from models.organization import live_organization
from models.served_server_key import replace_served_server_keys, served_server_keys

HOW_TO_MAKE_A_SECRET = "Create one with `openssl rand -hex 32`, and keep it: API keys only work with this server key."  # noqa: S105

BUSY_TIMEOUT_MS = 5000
NARROWEST_PREFIX_OF_MANY = {4: 8, 6: 16}
"""By IP version: a network with a shorter prefix is larger than any operator's own network."""


def require_file(database: Database, *, may_be_new: bool = False) -> None:
    """
    Raises Failure if the SQLite file does not exist or is not a database. Does nothing for PostgreSQL.

    With `may_be_new`, a missing file is created.
    """
    path = database.sqlite_path
    if path is None:
        return
    if not may_be_new and not path.exists():
        raise Failure(
            f"There is no database at {path}. Create one with `keydesk migrate`, or correct KEYDESK_DATABASE_URL."
        )
    if may_be_new and not path.exists():
        make_private_file(path)
    # Opened without the pool first, whose threads print errors of their own if a file can't be opened.
    try:
        with closing(connect(path, busy_timeout_ms=BUSY_TIMEOUT_MS)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        raise Failure(
            f"The database at {path} can't be used: {error}. Check its folder, permissions, the room on its disk, and "
            "KEYDESK_DATABASE_URL."
        ) from None


async def require_primary(database: Database) -> None:
    """Raises UnsuitableServer if PostgreSQL's servers can't be served from: standbys, for example."""
    if database.backend == POSTGRESQL:
        await database.primary.require_writable()


def schema_words(state: SchemaState) -> str | None:
    """Says why this program can't work with a schema in this state, and what to do; None if it can."""
    if state.is_served:
        return None
    wanted = newest_revision()
    if state.standing is Standing.EMPTY:
        return "The database has no Keydesk schema yet. Run `keydesk migrate`."
    if state.standing is Standing.BEHIND:
        return (
            f"The database's schema is too old: it is at {state.revision}, and {wanted} is needed. "
            "Run `keydesk migrate`."
        )
    needed = ""
    if state.compatibility is not None:
        needed = (
            f", and of major version {state.compatibility.major}: it works only with a Keydesk that has revision "
            f"{state.compatibility.serves_from}"
        )
    return f"The database's schema ({state.revision}) is newer than this Keydesk ({wanted}){needed}. Update Keydesk."


def ahead_words(state: SchemaState) -> str | None:
    """Says that the schema is ahead of this program; None if it isn't."""
    if state.standing is not Standing.AHEAD:
        return None
    return f"the schema is at {state.revision}, newer than this Keydesk's {newest_revision()}, and works with it"


async def require_schema(database: Database) -> None:
    """Raises Failure if this program can't work with the schema."""
    if (fault := schema_words(await schema_state(database))) is not None:
        raise Failure(fault)


def require_servable(settings: Settings, *, host: str, workers: int) -> ServerKeys:
    """Raises Failure if the settings don't allow serving on this host with these workers. Returns the server keys."""
    if faults := settings.faults():
        raise Failure(" ".join(faults))
    if settings.server_keys is None:
        raise Failure(f"KEYDESK_SECRET_KEY is not set. {HOW_TO_MAKE_A_SECRET}")
    if workers > 1 and settings.redis_url is None:
        raise Failure(
            f"{workers} workers need Redis, because each would count rate limits and quotas separately. "
            "Set KEYDESK_REDIS_URL, or serve with one worker."
        )
    if not is_loopback(host) and settings.public_url is None:
        raise Failure(
            f"To serve on {host}, set KEYDESK_PUBLIC_URL to the address that people use, such as https://keys.example."
        )
    return settings.server_keys


async def missing_server_keys(database: Database, ids: Collection[str]) -> dict[str, int]:
    """The ids of server keys that active API keys need but that are not in `ids`, with the number of these API keys."""
    async with database.reading() as session:
        in_use = await server_keys_in_use(session, now=await database_now(session))
    return {server_key_id: count for server_key_id, count in in_use.items() if server_key_id not in ids}


def missing_words(missing: dict[str, int]) -> str:
    """Names missing server keys, such as: the server key 0f3c… (3 API keys)."""
    named = [f"{key_id} ({count} API key{'' if count == 1 else 's'})" for key_id, count in sorted(missing.items())]
    return f"the server key{'' if len(named) == 1 else 's'} {', '.join(named)}"


def serving_warnings(settings: Settings) -> list[str]:
    """Warnings about settings that are probably, but not certainly, a mistake."""
    public_url = settings.public_url
    warnings = []
    if (
        public_url is not None
        and public_url.startswith("http:")
        and not is_loopback(urlsplit(public_url).hostname or "")
    ):
        warnings.append(
            "KEYDESK_PUBLIC_URL is http and not on this machine: passwords and cookies would cross the network "
            "unencrypted, and cookies are not Secure. Put a proxy with TLS in front, and write https."
        )
    warnings += [
        f"KEYDESK_TRUSTED_PROXIES: {network} covers far more than your own network, so almost anybody could choose "
        "the address in the audit log and in the throttle of sign-in. Name your proxies."
        for network in settings.trusted_proxies
        if network.prefixlen < NARROWEST_PREFIX_OF_MANY[network.version]
    ]
    if settings.metrics and settings.metrics_token is None and public_url is not None and not _is_for_here(public_url):
        warnings.append(
            "KEYDESK_METRICS_TOKEN is not set: a proxy on this machine can look like a local caller, and show "
            "/metrics to everybody. Set the token."
        )
    if settings.metrics_token is not None and not settings.metrics:
        warnings.append("KEYDESK_METRICS_TOKEN is set, but /metrics is off. To turn it on, set KEYDESK_METRICS=true.")
    return warnings


def other_sites(settings: Settings) -> str | None:
    """Says which pages of KEYDESK_ALLOWED_ORIGINS could never sign anybody in, and what to do; None if all could."""
    public_url = settings.public_url
    if public_url is None:
        return None
    elsewhere = [
        origin
        for origin in settings.allowed_origins
        if not (is_same_site(origin, public_url) or (_is_for_here(origin) and _is_for_here(public_url)))
    ]
    if not elsewhere:
        return None
    return (
        f"KEYDESK_ALLOWED_ORIGINS: pages of {', '.join(elsewhere)} can't sign in. Browsers send the session cookie "
        f"within one site only, which is the scheme and the registered domain, and KEYDESK_PUBLIC_URL is {public_url}. "
        "Serve these pages below the same domain, or leave them out and let your own server pass /graphql on"
    )


def _is_for_here(public_url: str) -> bool:
    return is_loopback(urlsplit(public_url).hostname or "")


async def foreign_server_key(database: Database, server_keys: ServerKeys) -> str | None:
    """
    Says why a secret that is made with these server keys would never verify; None if there is no sign of that.

    They are compared with the stored ids of the server that started last or, if no server has started yet, with the
    server key of the newest active API key.
    """
    signing = server_keys.signing_id
    async with database.reading() as session:
        served = await served_server_keys(session)
        newest = None if served else await newest_server_key(session)
    if served and signing not in served:
        return (
            f"The first server key in KEYDESK_SECRET_KEY ({signing}) is not one that the server was started with "
            f"({', '.join(served)})"
        )
    if newest is not None and newest not in server_keys.ids:
        return f"The newest API key was made with another server key ({newest}) than those in KEYDESK_SECRET_KEY"
    return None


async def require_own_server_key(database: Database, server_keys: ServerKeys) -> None:
    """Raises Failure if the server would not accept a secret that is made with these server keys."""
    if (why := await foreign_server_key(database, server_keys)) is not None:
        raise Failure(
            f"{why}. No secret was issued, because it would never verify. Set KEYDESK_SECRET_KEY to the server's "
            "value; if you have just replaced the server's, restart the server first."
        )


async def keep_server_keys(database: Database, server_keys: ServerKeys, *, now: datetime) -> None:
    """Stores the ids of the server keys that this server uses, so that commands can compare theirs."""
    async with database.transaction() as session:
        await replace_served_server_keys(session, server_keys.ids, now=now)


def limits_warning(settings: Settings, database: Database) -> str | None:
    """A warning if limits are counted by each process separately, else None."""
    if database.backend == POSTGRESQL and settings.redis_url is None:
        return "Without KEYDESK_REDIS_URL, each process counts rate limits and quotas separately."
    return None


async def require_no_demo(
    database: Database, host: str, public_url: str | None, *, password_hasher: PasswordHasher
) -> None:
    """Raises Failure if the server would be reachable from outside while people still have the demo's passwords."""
    outside = host if public_url is None else urlsplit(public_url).hostname or ""
    if is_loopback(host) and is_loopback(outside):
        return
    async with database.reading() as session:
        has_demo = await live_organization(session, DEMO_ORGANIZATION_ID) is not None
    if has_demo:
        demo = external_id(Prefix.ORGANIZATION, DEMO_ORGANIZATION_ID)
        raise Failure(
            f"This database holds the demo, whose passwords are public, so it is not served to others ({outside}). Set "
            f"KEYDESK_DATABASE_URL to another database, or delete the demo: keydesk organization delete {demo}"
        )
    if people := await people_with_public_passwords(database, password_hasher):
        emails = ", ".join(person.email for person in people)
        raise Failure(
            f"These people still have the demo's passwords, which are public: {emails}. So this database is not served "
            f"to others ({outside}). Give each of them a new one: keydesk user password EMAIL"
        )
