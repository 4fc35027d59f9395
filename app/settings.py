"""Owns the settings: the only reader of the environment, one frozen object."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from pathlib import Path
from urllib.parse import urlsplit

from app.addresses import ForwardedHeader
from app.mail_server import MailServer, UnusableMailServer, mail_server
from keys.token import Secret, ServerKeys, valid_prefix
from models.database import UnsupportedDatabase, database_url
from models.person import EMAIL_LENGTH_AT_MOST

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DEFAULT_DATABASE_URL = "sqlite+aiosqlite:///keydesk.db"
SERVER_KEY_BYTES_AT_LEAST = 32
AUDIT_DAYS_AT_MOST = 36_500
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(ValueError):
    """A setting is missing or does not fit; the message names it, says what to do, and never holds its value."""


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


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the KEYDESK_ variables; empty ones count as absent. Raises SettingsError for one that does not fit."""
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    gateway_token, metrics_token = given.get("KEYDESK_GATEWAY_TOKEN"), given.get("KEYDESK_METRICS_TOKEN")
    return Settings(
        server_keys=_server_keys(given.get("KEYDESK_SECRET_KEY")),
        database_url=_database(given.get("KEYDESK_DATABASE_URL", DEFAULT_DATABASE_URL)),
        redis_url=_redis(given.get("KEYDESK_REDIS_URL")),
        public_url=None if (url := given.get("KEYDESK_PUBLIC_URL")) is None else _origin("KEYDESK_PUBLIC_URL", url),
        allowed_origins=tuple(
            _origin("KEYDESK_ALLOWED_ORIGINS", origin) for origin in _list(given, "KEYDESK_ALLOWED_ORIGINS")
        ),
        mutations_per_minute=_whole(given, "KEYDESK_MUTATIONS_PER_MINUTE", 300),
        key_prefixes=_prefixes(_list(given, "KEYDESK_KEY_PREFIX")),
        gateway_token=None if gateway_token is None else Secret(gateway_token),
        require_agent=_boolean(given, "KEYDESK_REQUIRE_AGENT"),
        trusted_proxies=tuple(_network(text) for text in _list(given, "KEYDESK_TRUSTED_PROXIES")),
        forwarded_header=_forwarded_header(given),
        support_email=_email(given.get("KEYDESK_SUPPORT_EMAIL")),
        mail_server=_mail_server(given.get("KEYDESK_SMTP_URL")),
        limiter_fails_closed=_choice(given, "KEYDESK_LIMITER_FAILURE", ("open", "closed"), "open") == "closed",
        metrics=_boolean(given, "KEYDESK_METRICS"),
        metrics_token=None if metrics_token is None else Secret(metrics_token),
        metrics_folder=None if (folder := given.get("PROMETHEUS_MULTIPROC_DIR")) is None else Path(folder),
        tracing=_tracing(given),
        audit_days=_whole(given, "KEYDESK_AUDIT_DAYS", 400, at_most=AUDIT_DAYS_AT_MOST),
        log_level=_choice(given, "KEYDESK_LOG", LOG_LEVELS, "info"),
    )


def _tracing(given: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's own variables want traces; the rest of them is the library's to read."""
    is_off = given.get("OTEL_SDK_DISABLED", "").lower() == "true" or given.get("OTEL_TRACES_EXPORTER") == "none"
    return not is_off and ("OTEL_EXPORTER_OTLP_ENDPOINT" in given or "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in given)


def parse_server_keys(text: str) -> ServerKeys:
    """The server keys in a comma-separated list, of at least 32 bytes each. Raises SettingsError."""
    keys = [part.strip().encode() for part in text.split(",") if part.strip()]
    if not keys or any(len(key) < SERVER_KEY_BYTES_AT_LEAST for key in keys):
        raise SettingsError(
            f"KEYDESK_SECRET_KEY: every key needs at least {SERVER_KEY_BYTES_AT_LEAST} bytes. "
            "Make one with: openssl rand -hex 32"
        )
    if len(set(keys)) != len(keys):
        raise SettingsError("KEYDESK_SECRET_KEY: the same key is there twice; leave one out.")
    return ServerKeys(tuple(keys))


def _server_keys(text: str | None) -> ServerKeys | None:
    return None if text is None else parse_server_keys(text)


def _database(text: str) -> str:
    try:
        return database_url(text).render_as_string(hide_password=False)
    except UnsupportedDatabase as error:
        raise SettingsError(f"KEYDESK_DATABASE_URL: {error}.") from None


def _redis(text: str | None) -> Secret | None:
    if text is None:
        return None
    if not text.startswith(REDIS_SCHEMES):
        raise SettingsError("KEYDESK_REDIS_URL: give an address such as redis://localhost:6379.")
    return Secret(text)


def _list(given: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in given.get(name, "").split(",") if part.strip()]


def _whole(given: Mapping[str, str], name: str, default: int, *, at_most: int = 2**31 - 1) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= at_most):
        raise SettingsError(f"{name}: give a whole number from 1 to {at_most}.")
    return int(text)


def _boolean(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false").lower()
    if text not in {"true", "false", "1", "0", "yes", "no"}:
        raise SettingsError(f"{name}: give true or false.")
    return text in {"true", "1", "yes"}


def _choice(given: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    text = given.get(name, default).lower()
    if text not in choices:
        raise SettingsError(f"{name}: give one of {', '.join(choices)}.")
    return text


def _origin(name: str, text: str) -> str:
    """Scheme, host and port, as browsers send it in Origin: without path, in lower case, without a default port."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise SettingsError(f"{name}: it can't be read as an address such as https://keys.example.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise SettingsError(f"{name}: give an address such as https://keys.example.")
    if not parts.netloc.isascii() or any(character.isspace() for character in parts.netloc):
        raise SettingsError(f"{name}: write the host in ASCII, without spaces; a name such as bücher.example is xn--….")
    if parts.path not in {"", "/"}:
        raise SettingsError(f"{name}: leave out the path; Keydesk is served at the root of its host.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default_port = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + ("" if port in {None, default_port} else f":{port}")


def _prefixes(prefixes: list[str]) -> tuple[str, ...]:
    for prefix in prefixes:
        if not valid_prefix(prefix):
            raise SettingsError("KEYDESK_KEY_PREFIX: use 1 to 12 small letters and digits, a letter first.")
    return tuple(dict.fromkeys(prefixes)) or ("kd",)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise SettingsError("KEYDESK_TRUSTED_PROXIES: give addresses or networks such as 10.0.0.0/8.") from None


def _forwarded_header(given: Mapping[str, str]) -> ForwardedHeader | None:
    name = "KEYDESK_FORWARDED_HEADER"
    return ForwardedHeader(_choice(given, name, tuple(ForwardedHeader), "")) if name in given else None


def _email(text: str | None) -> str | None:
    """An address that a mail's header can hold."""
    if text is None:
        return None
    try:
        address = Address(addr_spec=text)
    except (ValueError, MessageError):
        address = Address()
    if not address.username or not address.domain or not text.isascii() or len(text) > EMAIL_LENGTH_AT_MOST:
        raise SettingsError("KEYDESK_SUPPORT_EMAIL: give one address such as support@example.com, in ASCII.")
    return address.addr_spec


def _mail_server(text: str | None) -> MailServer | None:
    try:
        return None if text is None else mail_server(text)
    except UnusableMailServer as error:
        raise SettingsError(f"KEYDESK_SMTP_URL: {error}.") from None
