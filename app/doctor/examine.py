"""Runs the checks of `keydesk doctor`: settings, database, Redis, proxies, mail and console."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

from app.cli_errors import DATABASE_ERRORS, Failure, database_failure, database_place
from app.client_address import is_trusted
from app.demo.server_key import kept_server_keys
from app.doctor.finding import Finding
from app.doctor.redis_findings import redis_finding
from app.doctor.revocation_findings import revocations_finding
from app.doctor.standby_findings import standby_warnings
from app.mail.server import MailFailure
from app.pages.console import BUILT, PAGE_NAME
from app.private_files import files_shown_to_others
from app.settings import Settings, read_with_warnings
from app.sso.check import provider_findings
from app.startup_checks import (
    ahead_words,
    foreign_server_key,
    limits_warning,
    missing_server_keys,
    missing_words,
    other_sites,
    require_file,
    require_primary,
    schema_words,
    serving_warnings,
)
from keys.sign_in.passwords import PasswordUse
from keys.token import ServerKeys
from models.engine.database import Database, database_now
from models.migrations.revisions import newest_revision
from models.migrations.state import schema_state
from models.person import count_break_glass_passwords
from models.tokens.program_token import tokens_by_server_key
from models.usage.caller import lone_address
from resolvers.operator.sign_in import locked_addresses

SKEW_SECONDS = 2.0
"""The clocks of the process and the database may differ by this much without a warning."""
NEEDS_DATABASE = ("schema", "clock", "server keys", "revocations")


async def examine(environment: Mapping[str, str], *, clock: Callable[[], datetime]) -> list[Finding]:
    """Runs every check. The findings come in the order in which problems should be solved."""
    settings, problems, warnings = read_with_warnings(environment)
    warned = [Finding("settings", True, f"warning: {warning}") for warning in warnings]
    if settings is None:
        names = ("database", *NEEDS_DATABASE, "redis", "proxies", "mail")
        return [
            *(Finding("settings", False, problem) for problem in problems),
            *warned,
            *(Finding(name, False, "not checked, because the settings can't be read") for name in names),
            _console(BUILT),
        ]
    return [
        _settings(settings),
        *warned,
        *([] if (fault := other_sites(settings)) is None else [Finding("settings", False, fault)]),
        *(Finding("settings", True, f"warning: {warning}") for warning in serving_warnings(settings)),
        *await _checked("database", _of_database(settings, clock)),
        *await _checked("redis", redis_finding(settings.redis_url)),
        *await _checked("proxies", _proxies_of(settings)),
        *await _checked("mail", _mail(settings)),
        *await _checked("single sign-on", provider_findings(settings, clock=clock)),
        _console(BUILT),
    ]


async def _checked(check: str, finding: Awaitable[Finding | list[Finding]]) -> list[Finding]:
    """Runs a check. An unexpected error becomes a finding too, so that the other checks still run."""
    try:
        found = await finding
    except Exception as error:
        return [
            Finding(
                check,
                False,
                f"could not be checked because of a bug in Keydesk ({type(error).__name__}); please report it",
            )
        ]
    return found if isinstance(found, list) else [found]


def _settings(settings: Settings) -> Finding:
    public_url = settings.public_url or "not set, so only this machine can use the server"
    return Finding("settings", True, f"can be read; public address: {public_url}")


async def _of_database(settings: Settings, clock: Callable[[], datetime]) -> list[Finding]:
    database = Database(settings.database_url)
    try:
        require_file(database)
        await require_primary(database)
        async with database.reading() as session:
            await database_now(session)
        place = f"{database.backend} at {database_place(database.url)} answers"
        warning = limits_warning(settings, database)
        warnings = [] if warning is None else [warning]
        warnings += await standby_warnings(database)
        if shown := files_shown_to_others(database):
            warnings.append(f"every user of this machine can read {', '.join(map(str, shown))}; run chmod o= on them")
        schema = await _schema(database)
        return [
            Finding("database", True, "; warning: ".join([place, *warnings])),
            schema,
            await _clock(database, clock),
            await _server_keys(settings, database, is_schema_current=schema.is_ok),
            await revocations_finding(settings, database, is_schema_current=schema.is_ok),
            *([await _break_glass(database)] if settings.passwords is PasswordUse.BREAK_GLASS and schema.is_ok else []),
        ]
    except (Failure, *DATABASE_ERRORS) as error:
        failure = error if isinstance(error, Failure) else database_failure(database.url, error)
        return [
            Finding("database", False, str(failure)),
            *(Finding(name, False, "not checked, because the database can't be used") for name in NEEDS_DATABASE),
        ]
    finally:
        await database.close()


async def _break_glass(database: Database) -> Finding:
    async with database.reading() as session:
        people = await count_break_glass_passwords(session)
    if people:
        return Finding("break-glass", True, f"people who can sign in while the identity provider is down: {people}")
    return Finding(
        "break-glass",
        False,
        "KEYDESK_PASSWORDS is break-glass, and nobody who is marked has a lasting password: if the identity provider "
        "is down, nobody can sign in. Mark somebody with `keydesk user update EMAIL --break-glass`, and set a password "
        "with `keydesk user password EMAIL --password-stdin`",
    )


async def _schema(database: Database) -> Finding:
    state = await schema_state(database)
    fault = schema_words(state)
    return Finding("schema", fault is None, fault or ahead_words(state) or f"current, at {newest_revision()}")


async def _clock(database: Database, clock: Callable[[], datetime]) -> Finding:
    async with database.reading() as session:
        before = clock()
        theirs = await database_now(session)
        after = clock()
    skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if skew <= SKEW_SECONDS:
        return Finding("clock", True, f"within {SKEW_SECONDS:g} s of the database's clock")
    return Finding(
        "clock",
        True,
        f"warning: {skew:.1f} s apart from the database's clock, which decides when overlaps end; synchronize both",
    )


async def _server_keys(settings: Settings, database: Database, *, is_schema_current: bool) -> Finding:
    server_keys = settings.server_keys or kept_server_keys(database)
    if server_keys is None:
        return Finding("server keys", False, "KEYDESK_SECRET_KEY is not set; create one with `openssl rand -hex 32`")
    if not is_schema_current:
        return Finding("server keys", False, "not checked, because the schema is not current")
    kept = "" if settings.server_keys else " (the demo's, from the file beside the database)"
    missing = await missing_server_keys(database, server_keys.ids)
    if missing:
        return Finding(
            "server keys", False, f"active API keys need {missing_words(missing)}; add it to KEYDESK_SECRET_KEY again"
        )
    found = f"{len(server_keys.ids)} set{kept}, {server_keys.signing_id} signs; none is missing"
    if (why := await foreign_server_key(database, server_keys)) is not None:
        found += f"; warning: {why}"
    if refused := await _tokens_without_server_key(database, server_keys):
        found += f"; warning: {refused} of the programs' tokens need a server key that is not set, and are refused"
    return Finding("server keys", True, found)


async def _tokens_without_server_key(database: Database, server_keys: ServerKeys) -> int:
    """The number of tokens that neither were revoked nor have expired, and are refused for want of a server key."""
    async with database.reading() as session:
        in_use = await tokens_by_server_key(session, now=await database_now(session))
    return sum(count for server_key_id, count in in_use.items() if server_key_id not in server_keys.ids)


async def _callers(settings: Settings) -> tuple[str | None, list[str]]:
    """
    Returns the single address that all callers so far seem to have, or None, and the addresses that are locked now
    after wrong passwords.

    Both are empty if only this machine can reach the server, or if the database can't be read.
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
    believed = f"forwarding headers are trusted from {', '.join(map(str, trusted)) or 'nobody'}"
    if lone_caller is not None and ip_address(lone_caller).is_private and not is_trusted(lone_caller, trusted):
        return Finding(
            "proxies",
            True,
            f"{believed}; warning: every caller so far seems to have the address {lone_caller}: if that is a proxy, "
            "add it to KEYDESK_TRUSTED_PROXIES",
        )
    if not trusted and settings.public_url is not None and settings.public_url.startswith("https:"):
        return Finding(
            "proxies",
            True,
            "warning: the public address is https, so a proxy is in front, and KEYDESK_TRUSTED_PROXIES is not set: "
            "every caller seems to have the proxy's address",
        )
    return Finding("proxies", True, believed)


def _console(folder: Path) -> Finding:
    """
    Checks whether the console was built.

    If not, that is only a warning, because everything else works without it.
    """
    try:
        built = (folder / PAGE_NAME).stat().st_mtime
    except FileNotFoundError:
        return Finding(
            "console", True, "warning: the console was not built; build it with make console, then restart the server"
        )
    return Finding("console", True, f"built on {datetime.fromtimestamp(built, UTC):%Y-%m-%d at %H:%M} UTC")


async def _mail(settings: Settings) -> Finding:
    """Connects and signs in to the mail server, but sends no mail."""
    address, server = settings.support_email, settings.mail_server
    if server is None:
        waiting = "wait for KEYDESK_SMTP_URL" if address else "can only be read with `keydesk ticket list`"
        return Finding("mail", True, f"no mail server is set; hand-overs {waiting}")
    try:
        how = await server.probe()
    except MailFailure as failure:
        return Finding("mail", False, f"{failure}; check KEYDESK_SMTP_URL")
    if settings.mail_sender is None:
        return Finding(
            "mail",
            True,
            f"{server.place} answers, {how}; warning: no mail is sent, because neither KEYDESK_MAIL_FROM nor "
            "KEYDESK_SUPPORT_EMAIL is set",
        )
    if address is None:
        return Finding("mail", True, f"{server.place} answers, {how}; warning: KEYDESK_SUPPORT_EMAIL is not set")
    return Finding("mail", True, f"{server.place} answers, {how}; hand-overs go to {address}")
