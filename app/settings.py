"""The settings: one table of what there is, and one frozen object that is read from the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.client_address import ForwardedHeader
from app.environment import gathered
from app.mail.server import MailServer
from app.setting_values import (
    AUDIT_DAYS_AT_MOST,
    Network,
    UnusableValue,
    boolean,
    choice,
    database,
    email,
    items,
    network,
    origin,
    prefixes,
    redis,
    server_key_warning,
    server_keys,
    smtp,
    token,
    whole,
)
from keys.token import Secret, ServerKeys

SERVER_KEY = "KEYDESK_SECRET_KEY"
DEFAULT_DATABASE_URL = "sqlite+aiosqlite:///keydesk.db"
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(ValueError):
    """Settings are missing or do not fit; each problem names one, says what to do, and never holds its value."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator can set. Secrets are kept in types that print nothing."""

    server_keys: ServerKeys | None
    """None where KEYDESK_SECRET_KEY is not set: only the demo may then make one."""
    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    redis_url: Secret | None = None
    public_url: str | None = None
    """Without a slash at the end."""
    allowed_origins: tuple[str, ...] = ()
    mutations_per_minute: int = 300
    key_prefixes: tuple[str, ...] = ("kd",)
    gateway_token: Secret | None = None
    require_agent: bool = False
    trusted_proxies: tuple[Network, ...] = ()
    forwarded_header: ForwardedHeader | None = None
    """Which of the two the trusted proxies write; None where the operator does not say."""
    support_email: str | None = None
    mail_server: MailServer | None = None
    """Where hand-overs to the support address are mailed."""
    limiter_fails_closed: bool = False
    metrics: bool = False
    metrics_token: Secret | None = None
    metrics_folder: Path | None = None
    """Where several workers keep the numbers that they share."""
    tracing: bool = False
    audit_days: int = 400
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class Known:
    """A setting that there is: its variable, its field of `Settings`, how its value is read, its documented default."""

    name: str
    field: str
    read: Callable[[str], Any]
    default: str = "none"
    is_secret: bool = False


def _origins(text: str) -> tuple[str, ...]:
    return tuple(map(origin, items(text)))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(network, items(text)))


def _forwarded_header(text: str) -> ForwardedHeader:
    return ForwardedHeader(choice(text, tuple(ForwardedHeader)))


def _fails_closed(text: str) -> bool:
    return choice(text, ("open", "closed")) == "closed"


KNOWN = (
    Known(SERVER_KEY, "server_keys", server_keys, is_secret=True),
    Known("KEYDESK_DATABASE_URL", "database_url", database, DEFAULT_DATABASE_URL, is_secret=True),
    Known("KEYDESK_REDIS_URL", "redis_url", redis, is_secret=True),
    Known("KEYDESK_PUBLIC_URL", "public_url", origin, "http://HOST:PORT"),
    Known("KEYDESK_ALLOWED_ORIGINS", "allowed_origins", _origins),
    Known("KEYDESK_MUTATIONS_PER_MINUTE", "mutations_per_minute", whole, "300"),
    Known("KEYDESK_KEY_PREFIX", "key_prefixes", prefixes, "kd"),
    Known("KEYDESK_GATEWAY_TOKEN", "gateway_token", token, is_secret=True),
    Known("KEYDESK_REQUIRE_AGENT", "require_agent", boolean, "false"),
    Known("KEYDESK_TRUSTED_PROXIES", "trusted_proxies", _networks),
    Known("KEYDESK_FORWARDED_HEADER", "forwarded_header", _forwarded_header, "both are read"),
    Known("KEYDESK_LIMITER_FAILURE", "limiter_fails_closed", _fails_closed, "open"),
    Known("KEYDESK_METRICS", "metrics", boolean, "false"),
    Known("KEYDESK_METRICS_TOKEN", "metrics_token", token, is_secret=True),
    Known("KEYDESK_SUPPORT_EMAIL", "support_email", email),
    Known("KEYDESK_SMTP_URL", "mail_server", smtp, is_secret=True),
    Known("KEYDESK_AUDIT_DAYS", "audit_days", partial(whole, at_most=AUDIT_DAYS_AT_MOST), "400"),
    Known("KEYDESK_LOG", "log_level", partial(choice, choices=LOG_LEVELS), "info"),
)
"""Every setting, in the order in which docs/guide/operating.md has them. Each may also come from a file, see there."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the KEYDESK_ variables; empty ones count as absent. Raises SettingsError with all that do not fit."""
    settings, problems, _ = read_with_warnings(environment)
    if settings is None:
        raise SettingsError(*problems)
    return settings


def read_with_warnings(environment: Mapping[str, str]) -> tuple[Settings | None, list[str], list[str]]:
    """The settings, or None where something stops the start; what does; and what the operator should know."""
    found = gathered(environment, [each.name for each in KNOWN], secret={each.name for each in KNOWN if each.is_secret})
    read: dict[str, Any] = {"server_keys": None}
    for each in KNOWN:
        if each.name in found.values:
            try:
                read[each.field] = each.read(found.values[each.name])
            except UnusableValue as error:
                found.problems.append(f"{found.sources[each.name]}: {error}")
    if found.problems:
        return None, found.problems, found.warnings
    if signing := found.values.get(SERVER_KEY):
        warning = server_key_warning(signing)
        found.warnings.extend([] if warning is None else [f"{found.sources[SERVER_KEY]}: {warning}"])
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    folder = given.get("PROMETHEUS_MULTIPROC_DIR")
    settings = Settings(metrics_folder=None if folder is None else Path(folder), tracing=_tracing(given), **read)
    return settings, [], found.warnings


def _tracing(given: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables want traces; the rest of them is the library's to read."""
    is_off = given.get("OTEL_SDK_DISABLED", "").lower() == "true" or given.get("OTEL_TRACES_EXPORTER") == "none"
    return not is_off and ("OTEL_EXPORTER_OTLP_ENDPOINT" in given or "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in given)
