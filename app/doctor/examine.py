"""Owns `keydesk doctor`'s checks: each finds one thing well or not, in words that hold no secret."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import redis.asyncio
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from app.cli_errors import DATABASE_ERRORS, Failure, database_failure, database_place
from app.client_address import is_trusted
from app.demo.prepare import kept_server_keys
from app.mail.server import MailFailure
from app.observability.redis_check import counting_fault
from app.pages.console import BUILT, PAGE_NAME
from app.private_files import files_shown_to_others
from app.settings import Settings, read_with_warnings
from app.startup_checks import (
    foreign_server_key,
    limits_warning,
    missing_server_keys,
    missing_words,
    require_file,
    schema_fault,
    serving_warnings,
)
from keys.token import Secret
from models.engine.database import Database, database_now
from models.migrations import newest_revision
from models.usage.caller import lone_address
from resolvers.operator.sign_in import locked_addresses

SKEW_SECONDS = 2.0
"""How far the clocks of process and database may be apart without a word."""
REDIS_TIMEOUT_SECONDS = 2.0
REDIS_VERSION_AT_LEAST = 7
KEEPS_EVERYTHING = "noeviction"
NEEDS_DATABASE = ("schema", "clock", "server keys")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. A warning is no failure."""

    check: str
    is_ok: bool
    detail: str


async def examine(environment: Mapping[str, str], *, clock: Callable[[], datetime]) -> list[Finding]:
    """Every check, in the order in which to put things right."""
    settings, problems, warnings = read_with_warnings(environment)
    warned = [Finding("settings", True, f"warning: {warning}") for warning in warnings]
    if settings is None:
        names = ("database", *NEEDS_DATABASE, "redis", "proxies", "mail")
        return [
            *(Finding("settings", False, problem) for problem in problems),
            *warned,
            *(Finding(name, False, "not checked, since the settings can't be read") for name in names),
            _console(BUILT),
        ]
    return [
        _settings(settings),
        *warned,
        *(Finding("settings", True, f"warning: {warning}") for warning in serving_warnings(settings)),
        *await _checked("database", _of_database(settings, clock)),
        *await _checked("redis", _redis(settings.redis_url)),
        *await _checked("proxies", _proxies_of(settings)),
        *await _checked("mail", _mail(settings)),
        _console(BUILT),
    ]


async def _checked(check: str, finding: Awaitable[Finding | list[Finding]]) -> list[Finding]:
    """What a check found; one that fails in a way that nobody foresaw says so, and the others are made all the same."""
    try:
        found = await finding
    except Exception as error:
        return [
            Finding(check, False, f"could not be checked: a fault of Keydesk's ({type(error).__name__}); report it")
        ]
    return found if isinstance(found, list) else [found]


def _settings(settings: Settings) -> Finding:
    public_url = settings.public_url or "not set, so serving is for this machine alone"
    return Finding("settings", True, f"can be read; public address: {public_url}")


async def _of_database(settings: Settings, clock: Callable[[], datetime]) -> list[Finding]:
    database = Database(settings.database_url)
    try:
        require_file(database)
        async with database.reading() as session:
            await database_now(session)
        place = f"{database.backend} at {database_place(database.url)} answers"
        warning = limits_warning(settings, database)
        warnings = [] if warning is None else [warning]
        if shown := files_shown_to_others(database):
            warnings.append(f"every user of this machine can read {', '.join(map(str, shown))}; run chmod o= on them")
        return [
            Finding("database", True, "; warning: ".join([place, *warnings])),
            await _schema(database),
            await _clock(database, clock),
            await _server_keys(settings, database),
        ]
    except (Failure, *DATABASE_ERRORS) as error:
        failure = error if isinstance(error, Failure) else database_failure(database.url, error)
        return [
            Finding("database", False, str(failure)),
            *(Finding(name, False, "not checked, since the database can't be used") for name in NEEDS_DATABASE),
        ]
    finally:
        await database.close()


async def _schema(database: Database) -> Finding:
    fault = await schema_fault(database)
    return Finding("schema", fault is None, fault or f"current, at {newest_revision()}")


async def _clock(database: Database, clock: Callable[[], datetime]) -> Finding:
    async with database.reading() as session:
        before = clock()
        theirs = await database_now(session)
        after = clock()
    skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if skew <= SKEW_SECONDS:
        return Finding("clock", True, f"within {SKEW_SECONDS:g} s of the database's")
    return Finding(
        "clock", True, f"warning: {skew:.1f} s apart from the database's, by which overlaps end; synchronise both"
    )


async def _server_keys(settings: Settings, database: Database) -> Finding:
    server_keys = settings.server_keys or kept_server_keys(database)
    if server_keys is None:
        return Finding("server keys", False, "KEYDESK_SECRET_KEY is not set; make one with `openssl rand -hex 32`")
    kept = "" if settings.server_keys else " (the demo's, from the file beside the database)"
    try:
        missing = await missing_server_keys(database, server_keys.ids)
    except DATABASE_ERRORS:
        return Finding("server keys", False, "not checked, since the schema is not current")
    if missing:
        return Finding(
            "server keys", False, f"living API keys need {missing_words(missing)}; put it back into KEYDESK_SECRET_KEY"
        )
    found = f"{len(server_keys.ids)} set{kept}, {server_keys.signing_id} signs; none is missing"
    if (why := await foreign_server_key(database, server_keys)) is not None:
        found += f"; warning: {why}"
    return Finding("server keys", True, found)


async def _redis(url: Secret | None) -> Finding:
    if url is None:
        return Finding(
            "redis", True, "not set; limits are counted by each process for itself, which is right for one process"
        )
    try:
        client = redis.asyncio.from_url(url.reveal())
    except ValueError:
        return Finding("redis", False, "KEYDESK_REDIS_URL can't be read as an address such as redis://host:6379/0")
    try:
        async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
            found = await _redis_told(client)
        fault = await counting_fault(url, timeout_seconds=REDIS_TIMEOUT_SECONDS) if found.is_ok else None
        return found if fault is None else Finding("redis", False, fault)
    except (AuthenticationError, AuthenticationWrongNumberOfArgsError):
        return Finding("redis", False, "refuses the user or password in KEYDESK_REDIS_URL")
    except TimeoutError:
        return Finding("redis", False, _silent(url))
    except ResponseError as error:
        if "DB index" in str(error):
            return Finding("redis", False, "has no database of the number in KEYDESK_REDIS_URL; use 0")
        return Finding("redis", False, f"answers with an error ({type(error).__name__}); check KEYDESK_REDIS_URL")
    except (RedisError, OSError) as error:
        return Finding("redis", False, f"does not answer ({type(error).__name__}); check KEYDESK_REDIS_URL")
    finally:
        await client.aclose()


def _silent(url: Secret) -> str:
    words = f"does not answer within {REDIS_TIMEOUT_SECONDS:g} s; check KEYDESK_REDIS_URL"
    return words + (
        ", and that it speaks TLS: without it, write redis://" if url.reveal().startswith("rediss:") else ""
    )


async def _redis_told(client: redis.asyncio.Redis) -> Finding:
    try:
        return _redis_itself(await client.info())
    except NoPermissionError:
        return Finding(
            "redis", True, "answers; its user may not ask INFO, so its version and settings were not looked at"
        )


def _redis_itself(told: Mapping[str, Any]) -> Finding:
    """What its INFO says: that it is new enough, a primary, and keeps what it is told."""
    is_valkey = "valkey_version" in told
    name = f"Valkey {told['valkey_version']}" if is_valkey else f"Redis {told['redis_version']}"
    if not is_valkey and int(str(told["redis_version"]).partition(".")[0]) < REDIS_VERSION_AT_LEAST:
        return Finding("redis", False, f"{name} is too old; use Redis {REDIS_VERSION_AT_LEAST} or newer, or Valkey")
    if told.get("redis_mode") == "cluster" or told.get("cluster_enabled"):
        return Finding("redis", False, f"{name} is a cluster; use one primary without cluster mode")
    if told.get("role") != "master":
        return Finding("redis", False, f"{name} is a replica, which counts nothing; use its primary")
    policy = told.get("maxmemory_policy")
    if told.get("maxmemory") and policy != KEEPS_EVERYTHING:
        return Finding(
            "redis",
            True,
            f"{name} answers; warning: when its memory is full it forgets counts (maxmemory-policy {policy}), by which "
            f"limits let more pass; set maxmemory-policy to {KEEPS_EVERYTHING}",
        )
    return Finding("redis", True, f"{name} answers")


async def _callers(settings: Settings) -> tuple[str | None, list[str]]:
    """
    The address that every request seemed to come from, if there is one, where others than this machine call; and the
    addresses that are locked now after wrong passwords.
    """
    if settings.public_url is None:
        return None, []
    database = Database(settings.database_url)
    try:
        require_file(database)
        async with database.reading() as session:
            locked = await locked_addresses(session, now=await database_now(session))
            return await lone_address(session), locked
    except (Failure, *DATABASE_ERRORS):
        return None, []
    finally:
        await database.close()


async def _proxies_of(settings: Settings) -> Finding:
    lone_caller, locked = await _callers(settings)
    for address in locked:
        network = ip_network(address)
        if network.is_private and not is_trusted(str(network.network_address), settings.trusted_proxies):
            return Finding(
                "proxies",
                True,
                f"warning: {address} is locked after wrong passwords. If that is a proxy, everybody behind it is "
                "locked out together: add it to KEYDESK_TRUSTED_PROXIES, restart, and run "
                f"`keydesk sign-in unlock --address {address}`",
            )
    return _proxies(settings, lone_caller)


def _proxies(settings: Settings, lone_caller: str | None) -> Finding:
    trusted = settings.trusted_proxies
    believed = f"forwarding headers are believed from {', '.join(map(str, trusted)) or 'nobody'}"
    if lone_caller is not None and ip_address(lone_caller).is_private and not is_trusted(lone_caller, trusted):
        return Finding(
            "proxies",
            True,
            f"{believed}; warning: every caller so far seems to come from {lone_caller}: if that is a proxy, add it to "
            "KEYDESK_TRUSTED_PROXIES",
        )
    if not trusted and settings.public_url is not None and settings.public_url.startswith("https:"):
        return Finding(
            "proxies",
            True,
            "warning: the public address is https, so a proxy is in front, and KEYDESK_TRUSTED_PROXIES is not set: "
            "every caller seems to come from the proxy",
        )
    return Finding("proxies", True, believed)


def _console(folder: Path) -> Finding:
    """Without a console the server does everything else, so that is no failure."""
    try:
        built = (folder / PAGE_NAME).stat().st_mtime
    except FileNotFoundError:
        return Finding(
            "console", True, "warning: it was not built, so / says that; build it with make console, then restart"
        )
    return Finding("console", True, f"built on {datetime.fromtimestamp(built, UTC):%Y-%m-%d at %H:%M} UTC")


async def _mail(settings: Settings) -> Finding:
    """As far as to where a mail would be handed in; none is."""
    address, server = settings.support_email, settings.mail_server
    if server is None:
        waiting = "wait for KEYDESK_SMTP_URL" if address else "are for `keydesk ticket list` alone"
        return Finding("mail", True, f"no mail server is set; hand-overs {waiting}")
    try:
        how = await server.probe()
    except MailFailure as failure:
        return Finding("mail", False, f"{failure}; check KEYDESK_SMTP_URL")
    if address is None:
        return Finding("mail", True, f"{server.place} answers, {how}; warning: KEYDESK_SUPPORT_EMAIL is not set")
    return Finding("mail", True, f"{server.place} answers, {how}; hand-overs go to {address}")
