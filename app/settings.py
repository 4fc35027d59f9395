"""The settings: a table of all settings, and a frozen object with their values, read from the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.assistant_model import configuration as assistant_models
from app.assistant_model.configuration import ModelServer
from app.client_address import ForwardedHeader, Network
from app.environment import gathered
from app.mail.server import MailServer
from app.pages.brand import KEYDESK, Brand
from app.pages.logo import Logo
from app.setting_values import (
    AUDIT_DAYS_AT_MOST,
    DRAIN_SECONDS_AT_MOST,
    INVITATION_HOURS_AT_MOST,
    UnusableValue,
    boolean,
    brand,
    choice,
    color,
    database,
    email,
    items,
    logo,
    network,
    origin,
    path,
    prefixes,
    redis,
    return_origin,
    server_key_warning,
    server_keys,
    smtp,
    token,
    whole,
)
from app.sso import configuration as sso
from app.sso.configuration import OpenIdConnect
from keys.expected_error import ExpectedError
from keys.sign_in.passwords import PasswordUse
from keys.token import Secret, ServerKeys

SERVER_KEY = "KEYDESK_SECRET_KEY"
DEFAULT_DATABASE_URL = "sqlite+aiosqlite:///keydesk.db"
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(ExpectedError, ValueError):
    """
    Settings are missing or not valid.

    Each of `problems` names a setting and says what to do, and never contains its value.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can set. Printing it shows no secrets."""

    server_keys: ServerKeys | None
    """None if KEYDESK_SECRET_KEY is not set. Only the demo then makes one by itself."""
    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    redis_url: Secret | None = None
    public_url: str | None = None
    """The origin by which clients reach the server, without a slash at the end."""
    allowed_origins: tuple[str, ...] = ()
    return_origins: tuple[str, ...] = ()
    """Origins of host products that the console may link back to."""
    mutations_per_minute: int = 300
    key_prefixes: tuple[str, ...] = ("kd",)
    gateway_token: Secret | None = None
    require_agent: bool = False
    trusted_proxies: tuple[Network, ...] = ()
    forwarded_header: ForwardedHeader | None = None
    """The header that the trusted proxies write; None if the operator did not set it."""
    support_email: str | None = None
    mail_server: MailServer | None = None
    """The server that sends all mail: tickets to the support address, invitations and the like to people."""
    mail_from: str | None = None
    """The sender of mails to people. None for the support address."""
    invitation_hours: int = 72
    brand_name: str = KEYDESK
    """The name of the product, on pages and in mails."""
    brand_color: str | None = None
    """The accent color, as #rrggbb."""
    brand_logo: Logo | None = None
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: Secret | None = None
    oidc_name: str | None = None
    oidc_scopes: tuple[str, ...] = sso.DEFAULT_SCOPES
    oidc_groups_claim: str = sso.DEFAULT_GROUPS_CLAIM
    passwords: PasswordUse = PasswordUse.EVERYBODY
    assistant_model_url: str | None = None
    assistant_model: str | None = None
    assistant_model_key: Secret | None = None
    limiter_fails_closed: bool = False
    metrics: bool = False
    metrics_token: Secret | None = None
    metrics_folder: Path | None = None
    """Where several workers keep the numbers that they share."""
    tracing: bool = False
    audit_days: int = 400
    drain_seconds: int = 0
    """How long a stopping server goes on accepting connections, while /readyz says that it is not ready."""
    revocation_journal: str | None = None
    """The path of a file or folder. Without it, an embedded database has its journal beside it."""
    log_level: str = "info"

    @property
    def provider(self) -> OpenIdConnect | None:
        """The identity provider; None if people sign in with passwords only."""
        return sso.provider_of(
            issuer=self.oidc_issuer,
            client_id=self.oidc_client_id,
            client_secret=self.oidc_client_secret,
            name=self.oidc_name,
            scopes=self.oidc_scopes,
            groups_claim=self.oidc_groups_claim,
        )

    @property
    def model_server(self) -> ModelServer | None:
        """The server of the model that may help the assistant; None if there is none."""
        if self.assistant_model_url is None or self.assistant_model is None:
            return None
        return ModelServer(self.assistant_model_url, self.assistant_model, self.assistant_model_key)

    def faults(self) -> list[str]:
        """What prevents the start although each value can be read by itself."""
        others = any((self.oidc_client_secret, self.oidc_name))
        of_sign_in = sso.faults(
            issuer=self.oidc_issuer, client_id=self.oidc_client_id, others=others, passwords=self.passwords
        )
        of_model = assistant_models.faults(
            url=self.assistant_model_url, model=self.assistant_model, key=self.assistant_model_key
        )
        return [*of_sign_in, *of_model]

    @property
    def brand(self) -> Brand:
        """Name, color and logo of the product."""
        return Brand(self.brand_name, self.brand_color, self.brand_logo)

    @property
    def mail_sender(self) -> str | None:
        """The address that mails to people come from; None if they can't be sent."""
        return None if self.mail_server is None else self.mail_from or self.support_email


@dataclass(frozen=True, slots=True)
class Known:
    """
    A setting: its variable `name`, its `field` of `Settings`, and the function that reads its value.

    `default` is the text that the documentation shows.
    """

    name: str
    field: str
    read: Callable[[str], Any]
    default: str = "none"
    is_secret: bool = False


def _origins(text: str) -> tuple[str, ...]:
    return tuple(map(origin, items(text)))


def _return_origins(text: str) -> tuple[str, ...]:
    return tuple(map(return_origin, items(text)))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(network, items(text)))


def _forwarded_header(text: str) -> ForwardedHeader:
    return ForwardedHeader(choice(text, tuple(ForwardedHeader)))


def _fails_closed(text: str) -> bool:
    return choice(text, ("open", "closed")) == "closed"


def _passwords(text: str) -> PasswordUse:
    return PasswordUse(choice(text, tuple(PasswordUse)))


KNOWN = (
    Known(SERVER_KEY, "server_keys", server_keys, is_secret=True),
    Known("KEYDESK_DATABASE_URL", "database_url", database, DEFAULT_DATABASE_URL, is_secret=True),
    Known("KEYDESK_REDIS_URL", "redis_url", redis, is_secret=True),
    Known("KEYDESK_PUBLIC_URL", "public_url", origin, "http://HOST:PORT"),
    Known("KEYDESK_ALLOWED_ORIGINS", "allowed_origins", _origins),
    Known("KEYDESK_RETURN_ORIGINS", "return_origins", _return_origins),
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
    Known("KEYDESK_MAIL_FROM", "mail_from", email, "the support address"),
    Known("KEYDESK_INVITATION_HOURS", "invitation_hours", partial(whole, at_most=INVITATION_HOURS_AT_MOST), "72"),
    Known("KEYDESK_BRAND_NAME", "brand_name", brand, KEYDESK),
    Known("KEYDESK_BRAND_COLOR", "brand_color", color, "Keydesk's own"),
    Known("KEYDESK_BRAND_LOGO", "brand_logo", logo, "Keydesk's own"),
    Known("KEYDESK_OIDC_ISSUER", "oidc_issuer", sso.issuer),
    Known("KEYDESK_OIDC_CLIENT_ID", "oidc_client_id", sso.client_id),
    Known("KEYDESK_OIDC_CLIENT_SECRET", "oidc_client_secret", sso.client_secret, is_secret=True),
    Known("KEYDESK_OIDC_NAME", "oidc_name", sso.provider_name, "the issuer's host"),
    Known("KEYDESK_OIDC_SCOPES", "oidc_scopes", sso.scopes, "openid email profile"),
    Known("KEYDESK_OIDC_GROUPS_CLAIM", "oidc_groups_claim", sso.claim_path, sso.DEFAULT_GROUPS_CLAIM),
    Known("KEYDESK_PASSWORDS", "passwords", _passwords, "everybody"),
    Known("KEYDESK_ASSISTANT_MODEL_URL", "assistant_model_url", assistant_models.model_url),
    Known("KEYDESK_ASSISTANT_MODEL", "assistant_model", assistant_models.model_name),
    Known("KEYDESK_ASSISTANT_MODEL_KEY", "assistant_model_key", token, is_secret=True),
    Known("KEYDESK_AUDIT_DAYS", "audit_days", partial(whole, at_most=AUDIT_DAYS_AT_MOST), "400"),
    Known("KEYDESK_DRAIN_SECONDS", "drain_seconds", partial(whole, at_least=0, at_most=DRAIN_SECONDS_AT_MOST), "0"),
    Known("KEYDESK_REVOCATION_JOURNAL", "revocation_journal", path, "beside an embedded database"),
    Known("KEYDESK_LOG", "log_level", partial(choice, choices=LOG_LEVELS), "info"),
)
"""All settings, in the order of docs/guide/operating.md. Each can also come from a file, as described there."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Reads the KEYDESK_ variables. Empty ones count as absent. Raises SettingsError with every problem."""
    settings, problems, _ = read_with_warnings(environment)
    if settings is None:
        raise SettingsError(*problems)
    return settings


def read_with_warnings(environment: Mapping[str, str]) -> tuple[Settings | None, list[str], list[str]]:
    """
    Reads the KEYDESK_ variables without raising an error.

    Returns the settings, or None if there are problems; the problems, which prevent the start; and warnings.
    """
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
    """Whether OpenTelemetry's own variables enable traces. The library reads the rest of them itself."""
    is_off = given.get("OTEL_SDK_DISABLED", "").lower() == "true" or given.get("OTEL_TRACES_EXPORTER") == "none"
    return not is_off and ("OTEL_EXPORTER_OTLP_ENDPOINT" in given or "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in given)
