"""Settings from the environment: valid values, and messages about invalid ones."""

import ipaddress

import pytest

from app.application import create_app
from app.client_address import ForwardedHeader
from app.settings import Settings, SettingsError, read_settings

KEY = "0123456789abcdef0123456789abcdef"


def test_nothing_set_gives_the_documented_defaults() -> None:
    """An empty environment gives the embedded database and the documented defaults."""
    settings = read_settings({})

    assert settings == Settings(server_keys=None)
    assert (settings.key_prefixes, settings.mutations_per_minute, settings.audit_days) == (("kd",), 300, 400)


def test_an_empty_variable_counts_as_absent() -> None:
    """Compose files set variables to nothing, which gives the default."""
    assert read_settings({"KEYDESK_SECRET_KEY": "", "KEYDESK_ALLOWED_ORIGINS": " "}) == read_settings({})


def test_everything_that_can_be_set_is_read() -> None:
    """Each variable is read into its setting, with its type."""
    settings = read_settings(
        {
            "KEYDESK_SECRET_KEY": f"{KEY},{KEY[::-1]}",
            "KEYDESK_DATABASE_URL": "postgres://keydesk@db/keydesk",
            "KEYDESK_REDIS_URL": "redis://cache",
            "KEYDESK_PUBLIC_URL": "HTTPS://Keys.Example:443/",
            "KEYDESK_ALLOWED_ORIGINS": "https://app.example, http://[::1]:3000",
            "KEYDESK_MUTATIONS_PER_MINUTE": "5",
            "KEYDESK_KEY_PREFIX": "acme,kd,acme",
            "KEYDESK_GATEWAY_TOKEN": "a token",
            "KEYDESK_REQUIRE_AGENT": "true",
            "KEYDESK_TRUSTED_PROXIES": "10.0.0.0/8,192.0.2.7",
            "KEYDESK_FORWARDED_HEADER": "Forwarded",
            "KEYDESK_SUPPORT_EMAIL": "support@example.com",
            "KEYDESK_AUDIT_DAYS": "30",
            "KEYDESK_METRICS": "yes",
            "KEYDESK_METRICS_TOKEN": "another token",
            "KEYDESK_DRAIN_SECONDS": "0",
            "KEYDESK_LOG": "WARNING",
        }
    )

    assert settings.server_keys is not None
    assert len(settings.server_keys.ids) == 2
    assert settings.database_url == "postgresql+asyncpg://keydesk@db/keydesk"
    assert settings.public_url == "https://keys.example"
    assert settings.allowed_origins == ("https://app.example", "http://[::1]:3000")
    assert settings.key_prefixes == ("acme", "kd")
    assert settings.trusted_proxies == (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("192.0.2.7/32"))
    assert settings.forwarded_header is ForwardedHeader.FORWARDED
    assert (settings.require_agent, settings.mutations_per_minute, settings.audit_days) == (True, 5, 30)
    assert settings.metrics_token is not None
    assert (settings.metrics, settings.metrics_token.reveal()) == (True, "another token")
    assert settings.drain_seconds == 0
    assert (settings.support_email, settings.log_level) == ("support@example.com", "warning")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEYDESK_SECRET_KEY", "too short"),
        ("KEYDESK_SECRET_KEY", f"{KEY},short"),
        ("KEYDESK_SECRET_KEY", f"{KEY},{KEY}"),
        ("KEYDESK_DATABASE_URL", "mysql://root:hunter2secret@db/x"),
        ("KEYDESK_PUBLIC_URL", "desk.acme.test"),
        ("KEYDESK_PUBLIC_URL", "https://desk.acme.test/below"),
        ("KEYDESK_PUBLIC_URL", "https://keys.example:99999"),
        ("KEYDESK_ALLOWED_ORIGINS", "https://fine.example,*"),
        ("KEYDESK_DATABASE_URL", "postgresql://h/d?timeout=3hunter2secret"),
        ("KEYDESK_REDIS_URL", "cache:6379"),
        ("KEYDESK_PUBLIC_URL", "https://bücher.test"),
        ("KEYDESK_PUBLIC_URL", "https://a b.test"),
        ("KEYDESK_AUDIT_DAYS", "36501"),
        ("KEYDESK_MUTATIONS_PER_MINUTE", "9" * 5000),
        ("KEYDESK_MUTATIONS_PER_MINUTE", "0"),
        ("KEYDESK_DRAIN_SECONDS", "601"),
        ("KEYDESK_MUTATIONS_PER_MINUTE", "many"),
        ("KEYDESK_KEY_PREFIX", "Kd"),
        ("KEYDESK_KEY_PREFIX", "kd_x"),
        ("KEYDESK_REQUIRE_AGENT", "perhaps"),
        ("KEYDESK_TRUSTED_PROXIES", "10.0.0.0/99"),
        ("KEYDESK_FORWARDED_HEADER", "x-real-ip"),
        ("KEYDESK_SUPPORT_EMAIL", "no address"),
        ("KEYDESK_LOG", "loud"),
    ],
)
def test_what_does_not_fit_is_named_and_never_repeated(name: str, value: str) -> None:
    """The message names the variable, and has nothing of its value, which may be a secret."""
    with pytest.raises(SettingsError) as refused:
        read_settings({name: value})

    assert str(refused.value).startswith(name)
    assert "hunter2secret" not in str(refused.value)
    assert value not in str(refused.value)


def test_printed_settings_show_no_secret() -> None:
    """The repr shows no server keys, tokens or passwords."""
    settings = read_settings(
        {
            "KEYDESK_SECRET_KEY": KEY,
            "KEYDESK_GATEWAY_TOKEN": "gateway-secret",
            "KEYDESK_REDIS_URL": "redis://:redis-secret@cache",
            "KEYDESK_DATABASE_URL": "postgresql://keydesk:database-secret@db/keydesk",
        }
    )

    assert not [
        secret for secret in (KEY, "gateway-secret", "redis-secret", "database-secret") if secret in f"{settings!r}"
    ]


@pytest.mark.parametrize("missing", ["KEYDESK_SECRET_KEY", "KEYDESK_PUBLIC_URL"])
def test_an_application_without_key_or_address_is_refused(missing: str) -> None:
    """A missing setting is reported by name before anything is opened."""
    given = {"KEYDESK_SECRET_KEY": KEY, "KEYDESK_PUBLIC_URL": "http://localhost:8000"}
    del given[missing]

    with pytest.raises(SettingsError, match=missing):
        create_app(read_settings(given))
