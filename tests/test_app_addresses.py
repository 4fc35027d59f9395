"""Where a request came from, whoever says what about it."""

import ipaddress
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.addresses import Addresses, normalized

PROXY, INNER_PROXY, CLIENT, STRANGER = "10.0.0.1", "10.0.0.2", "203.0.113.7", "198.51.100.9"
TRUSTED = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:ffff::/48")]


def address_of(*headers: tuple[str, str], peer: str | None = PROXY, gateway: bool = False) -> str | None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Addresses(TRUSTED).of(encoded, peer, gateway=gateway)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}:4711", CLIENT),
        (f" {CLIENT} ", CLIENT),
        (f"{STRANGER}, {CLIENT}", CLIENT),
        (f"{CLIENT}, {INNER_PROXY}", CLIENT),
        (f"{STRANGER},{CLIENT},{INNER_PROXY}, 10.9.9.9", CLIENT),
        (f"{INNER_PROXY}, 10.0.0.3", INNER_PROXY),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.7", CLIENT),
        (f"{CLIENT}, 2001:db8:ffff::5", CLIENT),
        (f"{CLIENT}, ::ffff:10.0.0.2", CLIENT),
        ("", PROXY),
        ("unknown", PROXY),
        (f"{CLIENT}, nonsense", PROXY),
        (f"{CLIENT}, nonsense, {INNER_PROXY}", INNER_PROXY),
        (f"{CLIENT},, {INNER_PROXY}", INNER_PROXY),
        ("203.0.113.7.5", PROXY),
        ("203.0.113.07", PROXY),
        ("1" * 60_000, PROXY),
        ("\xff\x00", PROXY),
    ],
)
def test_x_forwarded_for_is_read_from_the_right_past_trusted_proxies(value: str, address: str) -> None:
    """To the first that is not trusted; where that is no address, what was before it is the last that is believed."""
    assert address_of(("x-forwarded-for", value)) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by={PROXY}", CLIENT),
        (f'proto=https;for="{CLIENT}:4711"', CLIENT),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ('for="[2001:db8::1]"', "2001:db8::1"),
        (f"for={STRANGER}, for={CLIENT};host=keys.example", CLIENT),
        (f"for={CLIENT} , for={INNER_PROXY}", CLIENT),
        (f'for={CLIENT};host="a, for={STRANGER}"', CLIENT),
        (f'for="\\{CLIENT}"', CLIENT),
        ("for=unknown", PROXY),
        ("for=_hidden", PROXY),
        (f"for={CLIENT}, proto=https", PROXY),
        (f"for={CLIENT}, for=_hidden, for={INNER_PROXY}", INNER_PROXY),
        (f"for={CLIENT};", PROXY),
        (f"for={CLIENT},", PROXY),
        (f'for="{CLIENT}', PROXY),
        (f'for={STRANGER};x=", for={CLIENT}', PROXY),
        (f'for={STRANGER}, for=", for="[2001:db8::1]:3"', PROXY),
        (f'x="\\, for="{CLIENT}"', PROXY),
        ("for=2001:db8::1", PROXY),
        (CLIENT, PROXY),
        ("", PROXY),
        ('"' * 60_000, PROXY),
    ],
)
def test_forwarded_is_read_the_same_way_and_only_where_it_is_well_formed(value: str, address: str) -> None:
    """RFC 7239 to the letter: an open quotation mark must not swallow what the proxy wrote."""
    assert address_of(("forwarded", value)) == address


def test_a_header_may_come_in_several_lines() -> None:
    """They are one list, in their order; a line of Forwarded that is malformed spoils no other."""
    assert address_of(("x-forwarded-for", STRANGER), ("x-forwarded-for", CLIENT)) == CLIENT
    assert address_of(("forwarded", f"for={CLIENT}"), ("forwarded", f"for={INNER_PROXY}")) == CLIENT
    assert address_of(("forwarded", 'for="'), ("forwarded", f"for={CLIENT}")) == CLIENT


def test_two_headers_that_differ_are_not_believed() -> None:
    """One of them is the proxy's and the other the client's, and nothing tells which."""
    assert address_of(("forwarded", f"for={STRANGER}"), ("x-forwarded-for", CLIENT)) == PROXY
    assert address_of(("forwarded", f"for={CLIENT}"), ("x-forwarded-for", CLIENT)) == CLIENT


@pytest.mark.parametrize("header", [("forwarded", f"for={CLIENT}"), ("x-forwarded-for", CLIENT)])
@pytest.mark.parametrize(
    ("peer", "address"),
    [(STRANGER, STRANGER), ("::ffff:198.51.100.9", STRANGER), ("fe80::1%eth0", "fe80::1"), (None, None)],
)
def test_whom_nobody_trusts_is_not_believed(header: tuple[str, str], peer: str | None, address: str | None) -> None:
    """Their own address counts, whatever they say."""
    assert address_of(header, peer=peer) == address


@pytest.mark.parametrize("peer", [STRANGER, None, "/run/gateway.sock"])
def test_the_gateway_is_believed_wherever_it_comes_from(peer: str | None) -> None:
    """Its token shows who it is; further hops are believed only from trusted proxies."""
    assert address_of(("x-forwarded-for", CLIENT), peer=peer, gateway=True) == CLIENT
    assert address_of(("x-forwarded-for", f"{CLIENT}, {INNER_PROXY}"), peer=peer, gateway=True) == CLIENT
    assert address_of(("x-forwarded-for", f"{STRANGER}, {CLIENT}"), peer=peer, gateway=True) == CLIENT


def test_headers_from_strangers_are_said_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    """With the peer's address and the setting to change, and nothing of what was sent."""
    addresses = Addresses(TRUSTED)

    with caplog.at_level(logging.WARNING, logger="keydesk.addresses"):
        addresses.of([(b"x-forwarded-for", CLIENT.encode())], PROXY)
        addresses.of([(b"x-forwarded-for", CLIENT.encode())], STRANGER, gateway=True)
        addresses.of([], STRANGER)
        assert caplog.messages == []
        for _ in range(3):
            addresses.of([(b"x-forwarded-for", CLIENT.encode())], STRANGER)

    [message] = caplog.messages
    assert STRANGER in message
    assert "KEYDESK_TRUSTED_PROXIES" in message
    assert CLIENT not in message


@given(st.lists(st.tuples(st.sampled_from([b"forwarded", b"x-forwarded-for"]), st.binary(max_size=60))), st.booleans())
def test_whatever_is_sent_the_answer_is_an_address(headers: list[tuple[bytes, bytes]], gateway: bool) -> None:
    """In its normal form, and never an exception."""
    address = Addresses(TRUSTED).of(headers, PROXY, gateway=gateway)

    assert address is not None
    assert normalized(address) == address
