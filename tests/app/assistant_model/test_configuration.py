"""The settings of the operator's model."""

from ipaddress import ip_address

import pytest

from app.assistant_model.configuration import in_own_network
from app.settings import SettingsError, read_settings
from tests.conftest import Clock
from tests.support.client import application

URL, NAME, KEY = "KEYDESK_ASSISTANT_MODEL_URL", "KEYDESK_ASSISTANT_MODEL", "KEYDESK_ASSISTANT_MODEL_KEY"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://models.example/v1", "https://models.example/v1"),
        ("https://models.example/v1/", "https://models.example/v1"),
        ("https://203.0.113.9:8443", "https://203.0.113.9:8443"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://localhost:11434/v1", "http://localhost:11434/v1"),
        ("http://10.1.2.3/v1", "http://10.1.2.3/v1"),
        ("http://models:8080/v1", "http://models:8080/v1"),
    ],
)
def test_an_address_is_https_or_near(given: str, read: str) -> None:
    """A name for http is resolved when it is used: then the address must be of this machine or a private network."""
    server = read_settings({URL: given, NAME: "small", KEY: "sesame"}).model_server

    assert server is not None
    assert (server.url, server.model) == (read, "small")
    assert "sesame" not in repr(server)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("models.example/v1", "must begin with https://"),
        ("ftp://models.example", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://models.example:0/v1", "must begin with https://"),
        ("https://models.example:99999", "can't be read"),
        ("https://user:sesame@models.example", "remove users"),
        ("https://models.example/v1?api-version=1", "remove users"),
        ("https://models.example/v 1", "remove users"),
        ("https://models.example/v1/chat/completions", "Keydesk adds it"),
        ("http://203.0.113.9/v1", "use https"),
        ("http://169.254.169.254/latest", "use https"),
        (f"https://models.example/{'x' * 600}", "too long"),
    ],
)
def test_other_addresses_are_refused(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as refused:
        read_settings({URL: url, NAME: "small"})

    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({URL: "https://models.example"}, f"{NAME} is not set"),
        ({NAME: "small"}, f"{URL} is not set"),
        ({KEY: "sesame"}, f"{URL} is not set"),
    ],
)
def test_settings_that_miss_each_other_prevent_the_start(
    database_address: str, clock: Clock, given: dict[str, str], why: str
) -> None:
    with pytest.raises(SettingsError, match=why):
        application(database_address, clock, given)


@pytest.mark.parametrize(
    ("address", "is_own"),
    [
        *(
            (each, True)
            for each in ("127.0.0.1", "::1", "10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1")
        ),
        *((each, False) for each in ("169.254.169.254", "fe80::1", "203.0.113.9", "0.0.0.0", "8.8.8.8", "2001:db8::1")),
    ],
)
def test_without_tls_a_message_stays_in_networks_of_ones_own(address: str, is_own: bool) -> None:
    """A cloud's address for credentials is none of them."""
    assert in_own_network(ip_address(address)) is is_own
