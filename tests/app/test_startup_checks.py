"""Checks before the server starts."""

import pytest

import app.cli.serving
from app.cli_errors import Failure
from app.client_address import is_loopback
from app.demo.story import ORGANIZATION_ID, PEOPLE
from app.settings import read_settings
from app.startup_checks import limits_warning, require_no_demo, require_servable, serving_warnings
from models import Organization, Person
from models.engine.database import Database
from tests.conftest import CHEAP
from tests.support.command_line import Keydesk
from tests.support.world import THEN

SECRET_KEY = "0123456789abcdef0123456789abcdef"
HASHER = CHEAP.hasher()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_this_machine_alone_is_loopback(host: str) -> None:
    """On loopback, no public URL is needed."""
    settings = read_settings({"KEYDESK_SECRET_KEY": SECRET_KEY})

    assert is_loopback(host)
    assert require_servable(settings, host=host, workers=1) is settings.server_keys


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "keys.example", "localhost.example", ""])
def test_what_others_reach_is_not_loopback(host: str) -> None:
    """For other hosts, a public URL is required."""
    environment = {"KEYDESK_SECRET_KEY": SECRET_KEY}
    public = read_settings({**environment, "KEYDESK_PUBLIC_URL": "https://keys.example"})

    assert not is_loopback(host)
    assert require_servable(public, host=host, workers=1) is public.server_keys
    with pytest.raises(Failure, match="KEYDESK_PUBLIC_URL"):
        require_servable(read_settings(environment), host=host, workers=1)


@pytest.mark.parametrize(
    ("address", "redis", "warns"),
    [
        ("sqlite:///keydesk.db", "", False),
        ("postgresql://127.0.0.1/keydesk", "", True),
        ("postgresql://127.0.0.1/keydesk", "redis://127.0.0.1", False),
    ],
)
def test_postgresql_without_redis_is_warned_of(address: str, redis: str, warns: bool) -> None:
    """On PostgreSQL without Redis, each process counts its own limits, and a warning says so."""
    settings = read_settings({"KEYDESK_SECRET_KEY": SECRET_KEY, "KEYDESK_REDIS_URL": redis})

    assert (limits_warning(settings, Database(address)) is not None) is warns
    if redis:
        assert require_servable(settings, host="127.0.0.1", workers=4) is settings.server_keys


async def test_the_demo_is_not_served_to_others(database: Database) -> None:
    """The demo's passwords are publicly known."""
    async with database.transaction() as session:
        session.add(Organization(id=ORGANIZATION_ID, name="Northwind Logistics", created_at=THEN))

    await require_no_demo(database, "127.0.0.1", None, password_hasher=HASHER)
    await require_no_demo(database, "127.0.0.1", "http://localhost:8000", password_hasher=HASHER)
    with pytest.raises(Failure, match="passwords are public"):
        await require_no_demo(database, "0.0.0.0", None, password_hasher=HASHER)
    with pytest.raises(Failure, match=r"keys\.example.*keydesk organization delete org_"):
        await require_no_demo(database, "127.0.0.1", "https://keys.example", password_hasher=HASHER)


async def test_the_demos_people_are_not_served_to_others_with_public_passwords(database: Database) -> None:
    """A person of the demo with the public password is refused, even without the demo's organization."""
    nora, amir, mia = PEOPLE
    async with database.transaction() as session:
        session.add_all(
            Person(email=email, name="Somebody", password_hash=hashed, created_at=THEN)
            for email, hashed in [
                (nora.email, HASHER.hash(nora.password)),
                (amir.email, HASHER.hash("a password of his own")),
                (mia.email, None),
                ("eve@example.com", HASHER.hash(nora.password)),
            ]
        )

    await require_no_demo(database, "127.0.0.1", None, password_hasher=HASHER)
    with pytest.raises(Failure, match=f"{nora.email}.*keydesk user password EMAIL") as refused:
        await require_no_demo(database, "127.0.0.1", "https://keys.example", password_hasher=HASHER)
    assert amir.email not in str(refused.value)
    assert mia.email not in str(refused.value)


HTTPS = {"KEYDESK_PUBLIC_URL": "https://keys.acme.example"}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"KEYDESK_PUBLIC_URL": "http://keys.acme.example"}, "KEYDESK_PUBLIC_URL is http"),
        ({"KEYDESK_PUBLIC_URL": "http://10.0.0.1"}, "KEYDESK_PUBLIC_URL is http"),
        ({"KEYDESK_PUBLIC_URL": "http://localhost:8000"}, None),
        (HTTPS, None),
        ({"KEYDESK_TRUSTED_PROXIES": "0.0.0.0/0"}, "KEYDESK_TRUSTED_PROXIES: 0.0.0.0/0"),
        ({"KEYDESK_TRUSTED_PROXIES": "10.0.0.0/8,::/0"}, "KEYDESK_TRUSTED_PROXIES: ::/0"),
        ({"KEYDESK_TRUSTED_PROXIES": "10.0.0.0/8,2001:db8::/32"}, None),
        ({"KEYDESK_METRICS_TOKEN": "a token"}, "KEYDESK_METRICS=true"),
        ({"KEYDESK_METRICS_TOKEN": "a token", "KEYDESK_METRICS": "true"}, None),
        ({**HTTPS, "KEYDESK_METRICS": "true"}, "KEYDESK_METRICS_TOKEN is not set"),
        ({"KEYDESK_METRICS": "true"}, None),
    ],
)
def test_what_can_hardly_be_meant_is_warned_of(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str | None
) -> None:
    """`serve` and `doctor` give the same warnings, and go on."""
    monkeypatch.setattr(app.cli.serving, "run_server", lambda _, **options: None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    warnings = serving_warnings(read_settings(environment))
    served = keydesk("serve")
    found = keydesk("doctor", "--json").value

    assert (served.status, served.err.count("Warning: ")) == (
        0,
        len(warnings) + ("each process counts" in served.err),
    )
    told = [each["detail"] for each in found if each["check"] == "settings" and "warning" in each["detail"]]
    assert told == [f"warning: {warning}" for warning in warnings]
    assert len(warnings) == (named is not None)
    assert named is None or named in warnings[0]


@pytest.mark.parametrize(
    ("public_url", "origins", "refused"),
    [
        ("https://keys.acme.example", "https://app.acme.example,https://acme.example:8443", None),
        (
            "https://keys.acme.example",
            "https://app.acme.example,https://app.other.example",
            "https://app.other.example",
        ),
        ("https://keys.acme.example", "http://app.acme.example", "http://app.acme.example"),
        ("https://keys.acme.example", "http://localhost:5173", "http://localhost:5173"),
        ("https://keys.acme.co.uk", "https://app.other.co.uk", "https://app.other.co.uk"),
        ("https://keys.acme.co.uk", "https://acme.co.uk", None),
        ("https://10.0.0.1", "https://10.0.0.2", "https://10.0.0.2"),
        ("http://127.0.0.1:8000", "http://localhost:5173,http://[::1]:3000", None),
        ("http://keydesk:8000", "http://frontend:3000", "http://frontend:3000"),
    ],
)
def test_pages_that_never_get_a_cookie_are_refused_at_the_start(
    keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, public_url: str, origins: str, refused: str | None
) -> None:
    """`serve` does not start, and `doctor` fails, both with the page that can't sign in and with what to do."""
    monkeypatch.setattr(app.cli.serving, "run_server", lambda _, **options: None)
    monkeypatch.setenv("KEYDESK_PUBLIC_URL", public_url)
    monkeypatch.setenv("KEYDESK_ALLOWED_ORIGINS", origins)

    served = keydesk("serve")
    failed = [each["detail"] for each in keydesk("doctor", "--json").value if not each["ok"]]

    assert served.status == (0 if refused is None else 1)
    assert (f"pages of {refused} can't sign in" in served.err) == (refused is not None)
    assert [each for each in failed if "KEYDESK_ALLOWED_ORIGINS" in each] == (
        [] if refused is None else [served.err.strip().removesuffix(".")]
    )
