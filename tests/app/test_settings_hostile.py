"""Unusual and hostile values of settings: each gets a message, and no secret is shown."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis.asyncio
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from app.doctor.examine import examine
from app.metering import Metering
from app.setting_values import HOW_TO_MAKE_A_KEY
from app.settings import KNOWN, read_settings, read_with_warnings
from keys.limits.redis_source import redis_source
from models.engine.database import Database
from models.engine.database_address import UnsupportedDatabase, database_url
from models.key_lookup import PostgresKeyReader, key_reader
from tests.support.command_line import Keydesk

SECRET = "hunter2Ghp"
PASSWORD = "p@ss:5432/w"

DATABASES = [
    "postgresql://h/d?sslmode=require&sslmode=require",
    "postgresql://h/d?sslmode=require&ssl=require",
    "postgresql://h/d?sslmode=always",
    "postgresql://u@host:99999/d",
    "postgresql://u@host:0/d",
    "postgresql://h/d?port=abc",
    "postgresql://h/d?port=0",
    "postgresql://h:1/d?port=2",
    "postgresql://h/d?host=x",
    "postgresql:///d?host=a..b",
    "postgresql:///d?host=a,b..c",
    "postgresql://u@a..b/d",
    "postgresql://@a..b",
    f"postgresql://u@{'a' * 64}.example/d",
    "postgresql://u@h1,h2:99999/d",
    "postgresql://u@bücher/d",
    "postgresql://u@1.2.3/d",
    "postgresql://u@[::x]/d",
    "postgresql://h",
    "postgresql://",
    "sqlite:///a%00b",
    "postgresql://u%0a@h/d",
    "postgresql://u:hunter2Ghp@hunter2Ghp@h/d",
    "postgresql://u:x@hunter2Ghp/y@h/d",
    "postgresql://u:x@hunter2Ghp:5432/w@127.0.0.1/d",
    "postgresql://u:x@hunter2Ghp?hunter2Ghp=1@h/d",
    "postgresql://u:x@h?a=hunter2Ghp@h/d",
    "postgresql://u/hunter2Ghp@h/d",
    "postgresql://u:hunter2Ghp",
    "sqlite://data/x.db",
    "sqlite://u:hunter2Ghp@/x.db",
    "sqlite:///x.db?mode=ro",
    "sqlite://",
    "mysql://root:hunter2Ghp@h/d",
]
REDISES = [
    "redis://h/five",
    "redis://h/1/2",
    "redis://h/-1",
    "redis://h/٣",
    "redis://h/1?db=2",
    "redis://h?db=x",
    "redis://h:99999",
    "redis://h:0",
    "redis://h:x",
    "redis://",
    "redis:h",
    "redis:///0",
    "redis+sentinel://h",
    "redis+sentinel://u:hunter2Ghp@h,/s",
    "redis+sentinel://:x@hunter2Ghp/w@h/s",
    "redis+sentinel://h/s?sentinel_pass=hunter2Ghp",
    "redis://a..b",
    "redis://h?socket_timeout=1",
    "redis://h?hunter2Ghp=1",
    "redis://h?decode_responses=true",
    "redis://h?ssl_cert_reqs=none",
    "redis://:x@hunter2Ghp/w@h",
    "redis://:x/hunter2Ghp@h",
    "redis://:x?hunter2Ghp@h",
    "redis://:x#hunter2Ghp@h",
    "unix://",
    "unix:/run/redis.sock",
    "http://h",
    "h:6379",
]
ORIGINS = [
    "https://*",
    "https://*.example",
    "https://a..b",
    "https://-.",
    "https://h:0",
    "https://h:99999",
    "https://h:x",
    "https://1.2.3.999",
    "https://0x7f.1",
    "https://[::1",
    "https://[::x]",
    "https://u:hunter2Ghp@h",
    "https://",
    "https:h",
    "keys.example",
    "ftp://keys.example",
    "https://h/?x",
    "https://bücher.example",
    "https://h h",
]
MAILS = [
    "smtp://",
    "smtp://u:x@hunter2Ghp/y@h",
    "smtp://u:hunter2Ghp@a..b",
    "smtp://u:hunter2Ghp@",
    "smtp://:hunter2Ghp@h",
    "smtp://h:0",
    "smtp://h:x",
    "smtp://u:%00hunter2Ghp@h",
    "smtps://h?starttls=never",
    "smtp://h?hunter2Ghp=1",
    "mail.example",
]
PROXIES = ["0.0.0.0/33", "10.0.0.0/8/8", "nginx", "*", "1.2.3", "::g", "fe80::1%%", "10.0.0.1-10.0.0.9"]
KEYS = [
    '"0f2b8d1c9e4a7653b0f2b8d1c9e4a765"',
    "'0f2b8d1c9e4a7653b0f2b8d1c9e4a765'",
    '0f2b8d1c9e4a7653b0f2b8d1c9e4a765,"1f2b8d1c9e4a7653b0f2b8d1c9e4a765"',
    "“0f2b8d1c9e4a7653b0f2b8d1c9e4a765”",
]
GUESSABLE = [
    "a" * 32,
    "changemechangemechangemechangeme",
    "12345678901234567890123456789012",
    "secret-key-changeme-before-production",
    "abababababababababababababababababab",
]
TOKENS = ['"hunter2Ghp"', "'hunter2Ghp'", "hunter2Ghpü", "hunter2Ghp\tx", "hunter2Ghp\nx", "hunter2Ghp\udcff"]
WRONG = [
    *(("KEYDESK_DATABASE_URL", value) for value in DATABASES),
    *(("KEYDESK_REDIS_URL", value) for value in REDISES),
    *(("KEYDESK_PUBLIC_URL", value) for value in ORIGINS),
    *(("KEYDESK_ALLOWED_ORIGINS", value) for value in ORIGINS),
    *(("KEYDESK_SMTP_URL", value) for value in MAILS),
    *(("KEYDESK_TRUSTED_PROXIES", value) for value in PROXIES),
    *(("KEYDESK_SECRET_KEY", value) for value in KEYS),
    *(("KEYDESK_GATEWAY_TOKEN", value) for value in TOKENS),
    *(("KEYDESK_METRICS_TOKEN", value) for value in TOKENS),
    *((each.name, f'"{each.default}"') for each in KNOWN),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_that_would_be_something_else_is_refused(name: str, value: str) -> None:
    """The message names the setting, and has no part of a password."""
    read, problems, _ = read_with_warnings({name: value})

    assert read is None
    [problem] = problems
    assert problem.startswith(f"{name}: ")
    assert problem.endswith((".", HOW_TO_MAKE_A_KEY))
    assert "hunter2" not in problem
    assert "\n" not in problem


@pytest.mark.parametrize("old", GUESSABLE)
def test_a_server_key_that_can_be_guessed_is_warned_of(old: str) -> None:
    """A guessable server key still works, since API keys depend on it. Behind a good one it causes no warning."""
    new = "0f2b8d1c9e4a7653b0f2b8d1c9e4a765"

    settings, problems, [warning] = read_with_warnings({"KEYDESK_SECRET_KEY": f"{old},{new}"})
    assert settings is not None
    assert settings.server_keys is not None
    assert problems == []
    assert warning.startswith("KEYDESK_SECRET_KEY: ")
    assert "NEW,OLD" in warning
    assert old not in warning
    assert read_with_warnings({"KEYDESK_SECRET_KEY": f"{new},{old}"})[2] == []


@pytest.mark.parametrize("name", ["KEYDESK_SECRET_KEY", "KEYDESK_GATEWAY_TOKEN", "KEYDESK_DATABASE_URL"])
def test_quotes_are_named_as_the_cause(name: str) -> None:
    """Quotes come from env files, and the message names them."""
    assert "there are quotes around" in read_with_warnings({name: '"0f2b8d1c9e4a7653b0f2b8d1c9e4a765"'})[1][0]


@pytest.mark.parametrize("address", DATABASES[22:28])
def test_a_password_that_ends_too_early_is_explained(address: str) -> None:
    """The message says to percent-encode the characters that end the password early."""
    assert "%40" in read_with_warnings({"KEYDESK_DATABASE_URL": address})[1][0]


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:p%40ss%3A5432%2Fw@h/d",
        "postgresql://u:p/ss?x#y@h:5433/d",
        "postgresql:///d?host=/var/run/postgresql&port=5433",
        "postgresql://u@[::1]:5432/d?sslmode=verify-full",
        "postgresql+asyncpg://u@db_1.internal./a%20name",
        "sqlite:////data/a%20b%2525%3F.db",
    ],
)
def test_an_address_that_is_kept_is_read_back_as_the_same(address: str) -> None:
    """The stored text of an address is read back as the same address."""
    read = database_url(address)

    assert database_url(read.render_as_string(hide_password=False)) == read
    assert database_url(read_settings({"KEYDESK_DATABASE_URL": address}).database_url) == read


@pytest.mark.parametrize(
    ("value", "database"),
    [
        ("redis://h", None),
        ("redis://h/", None),
        ("redis://u:p%40%2F@h:6380/15", 15),
        ("rediss://h/1?ssl_cert_reqs=none", 1),
        ("unix:///run/redis.sock?db=2", 2),
        ("redis://[::1]:6379?db=3", 3),
    ],
)
def test_a_redis_that_is_read_is_the_one_that_is_used(value: str, database: int | None) -> None:
    """Redis's client reads the same database number."""
    read = read_settings({"KEYDESK_REDIS_URL": value}).redis_url
    assert read is not None

    client = redis.asyncio.from_url(read.reveal())

    assert client.connection_pool.connection_kwargs.get("db") == database


PIECES = st.sampled_from(
    (
        *"@:/?#%[]*.,&=-_ \\'\"",
        *("@@", "//", "..", "%4", "%00", "%0a", "%ff", "::1", "127.0.0.1", "a" * 64, "h", "d", "99999", "0", "5432"),
        *("host", "port", "sslmode", "ssl", "require", "db", "ü", "١", "\x7f", "\n", "\udcff", "starttls", "null"),
    )
)
SCHEMES = st.sampled_from(
    (
        *("postgresql", "postgres", "postgresql+asyncpg", "sqlite", "sqlite+aiosqlite", "redis", "rediss", "unix"),
        *("redis+sentinel", "rediss+sentinel"),
        *("smtp", "smtps", "http", "https", "x", ""),
    )
)
AROUND = st.lists(PIECES, max_size=8).map("".join)


@st.composite
def addresses(draw: Callable[..., Any]) -> str:
    """A random address with a password in it, cut into pieces."""
    user, between, rest = draw(AROUND), draw(AROUND), draw(AROUND)
    return f"{draw(SCHEMES)}{draw(st.sampled_from(['://', ':///', ':', '']))}{user}:{SECRET}{between}@{rest}"


ADDRESSED = [each.name for each in KNOWN if each.name.endswith(("_URL", "_ORIGINS", "_PROXIES", "_EMAIL", "_TOKEN"))]


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(ADDRESSED), value=st.one_of(addresses(), AROUND))
@example(name="KEYDESK_SUPPORT_EMAIL", value="/@[")
def test_any_address_is_read_or_refused_in_a_sentence(name: str, value: str) -> None:
    """Any value is accepted, or refused with the setting's name and without the password."""
    read, problems, warnings = read_with_warnings({name: value})

    said = " ".join([*problems, *warnings])
    assert SECRET not in said
    assert all(problem.startswith(f"{name}: ") for problem in problems)
    assert (read is None) == bool(problems)
    if read is not None:
        assert SECRET not in repr(read)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=addresses())
def test_an_address_that_is_taken_opens_everywhere(value: str) -> None:
    """Engines, readers, the usage store and Redis's client can read every accepted address."""
    assume(not any("\ud800" <= character <= "\udfff" for character in value))
    try:
        url = database_url(value)
    except UnsupportedDatabase:
        pass
    else:
        database = Database(url.render_as_string(hide_password=False))
        assert database.url == url
        reader = key_reader(database)
        assert isinstance(reader, PostgresKeyReader) == (database.sqlite_path is None)
        Metering(read_settings({}), database, clock=lambda: datetime.now(UTC))
    read, _, _ = read_with_warnings({"KEYDESK_REDIS_URL": value})
    if read is not None and read.redis_url is not None:
        redis_source(read.redis_url)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.dictionaries(st.sampled_from(ADDRESSED), addresses(), min_size=1, max_size=3))
def test_doctor_always_has_findings(values: dict[str, str]) -> None:
    """Any invalid settings give findings. Nothing is connected to, since each address is invalid."""
    refused = {name: value for name, value in values.items() if read_with_warnings({name: value})[0] is None}

    findings = asyncio.run(examine({**refused, "KEYDESK_LOG": "loud"}, clock=lambda: datetime.now(UTC)))

    told = json.dumps([(each.check, each.is_ok, each.detail) for each in findings])
    assert SECRET not in told
    assert {each.check for each in findings if not each.is_ok} >= {"settings", "database", "redis", "mail"}


@pytest.mark.parametrize("address", [DATABASES[0], DATABASES[3], DATABASES[5], DATABASES[11], DATABASES[29]])
@pytest.mark.parametrize(
    "command", [("serve", "--port", "0"), ("serve", "--port", "0", "--workers", "2"), ("migrate",), ("demo",)]
)
def test_a_bad_address_ends_every_command_with_a_sentence(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, address: str, command: tuple[str, ...]
) -> None:
    """Each command exits with 1 and the setting's name, with several workers before they start."""
    monkeypatch.setenv("KEYDESK_DATABASE_URL", address)
    monkeypatch.setenv("KEYDESK_REDIS_URL", "redis://127.0.0.1:1")

    run = keydesk(*command)
    doctor = keydesk("doctor", "--json")

    assert (run.status, run.out) == (1, "")
    assert run.err.startswith("KEYDESK_DATABASE_URL: ")
    assert "bug in Keydesk" not in run.err
    assert (doctor.status, doctor.value[0]["ok"]) == (1, False)
