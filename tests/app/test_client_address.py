"""The client's address, from the connection and from forwarding headers."""

import ipaddress
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.client_address import HOPS_AT_MOST, Addresses, ForwardedHeader, normalized

PROXY, INNER_PROXY, CLIENT, STRANGER = "10.0.0.1", "10.0.0.2", "203.0.113.7", "198.51.100.9"
TRUSTED = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:ffff::/48")]


def encoded(*headers: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


def address_of(
    *headers: tuple[str, str], peer: str | None = PROXY, gateway: bool = False, header: str | None = None
) -> str | None:
    addresses = Addresses(TRUSTED, None if header is None else ForwardedHeader(header))
    return addresses.of(encoded(*headers), peer, gateway=gateway)


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
    """The first untrusted address from the right counts. If it is invalid, the last trusted hop counts."""
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
        (f'for={STRANGER};x=", for={CLIENT}', CLIENT),
        (f'for={STRANGER}, for=", for="[2001:db8::1]:3"', "2001:db8::1"),
        (f'x="\\, for="{CLIENT}"', CLIENT),
        (f'for={STRANGER}", for={CLIENT};host="a\\", for={STRANGER};x=\\""', CLIENT),
        (f'for={CLIENT};host="a\\\\"', CLIENT),
        (f'for={CLIENT};host="a\\"', PROXY),
        (f'for={STRANGER}, for={CLIENT};host="{"x" * 5_000}"', CLIENT),
        (f'for={CLIENT};host="{"x" * 50_000}"', PROXY),
        (f"for={CLIENT}{';x=y' * 20}", PROXY),
        ("for=2001:db8::1", PROXY),
        (CLIENT, PROXY),
        ("", PROXY),
        ('"' * 60_000, PROXY),
    ],
)
def test_forwarded_is_read_the_same_way_and_only_where_it_is_well_formed(value: str, address: str) -> None:
    """Forwarded is parsed from the right by RFC 7239, so an open quotation mark of a client can't hide its address."""
    assert address_of(("forwarded", value)) == address


def test_a_header_may_come_in_several_lines() -> None:
    """Several headers of a name are one list. A malformed line of Forwarded does not affect the others."""
    assert address_of(("x-forwarded-for", STRANGER), ("x-forwarded-for", CLIENT)) == CLIENT
    assert address_of(("forwarded", f"for={CLIENT}"), ("forwarded", f"for={INNER_PROXY}")) == CLIENT
    assert address_of(("forwarded", 'for="'), ("forwarded", f"for={CLIENT}")) == CLIENT


XFF_FROM_PROXY = ("x-forwarded-for", f"{STRANGER}, {CLIENT}")
FORWARDED_FROM_PROXY = ("forwarded", f"for={STRANGER}, for={CLIENT}")
ADDED = {
    "forwarded": ["for=9.9.9.9", "for=unknown", 'for="', "nonsense", f"for={INNER_PROXY}", " "],
    "x-forwarded-for": ["9.9.9.9", "unknown", ",", "nonsense", INNER_PROXY, " "],
}


@pytest.mark.parametrize("added", ADDED["forwarded"])
def test_a_client_does_not_hide_by_adding_forwarded_to_what_most_proxies_write(added: str) -> None:
    """Most proxies write X-Forwarded-For, and pass on the client's Forwarded unchanged."""
    assert address_of(XFF_FROM_PROXY, ("forwarded", added)) == CLIENT
    assert address_of(XFF_FROM_PROXY, ("forwarded", added), header="x-forwarded-for") == CLIENT


@pytest.mark.parametrize("added", ADDED["x-forwarded-for"])
def test_where_proxies_write_forwarded_a_client_can_neither_forge_nor_hide(added: str) -> None:
    """With KEYDESK_FORWARDED_HEADER, X-Forwarded-For is ignored. Without it, headers that disagree are both ignored."""
    assert address_of(FORWARDED_FROM_PROXY, ("x-forwarded-for", added), header="forwarded") == CLIENT

    addresses = Addresses(TRUSTED)
    assert addresses.of(encoded(FORWARDED_FROM_PROXY), PROXY) == CLIENT
    assert addresses.of(encoded(FORWARDED_FROM_PROXY, ("x-forwarded-for", added)), PROXY) in {PROXY, CLIENT}


def test_two_headers_that_agree_are_believed_whoever_came_before() -> None:
    """If both headers have the same address, it is used."""
    addresses = Addresses(TRUSTED)

    addresses.of(encoded(FORWARDED_FROM_PROXY), PROXY)

    assert addresses.of(encoded(FORWARDED_FROM_PROXY, XFF_FROM_PROXY), PROXY) == CLIENT


def test_each_header_is_ignored_where_the_operator_names_the_other() -> None:
    """The header that the setting does not name is ignored, in case the proxy passes it on."""
    assert address_of(FORWARDED_FROM_PROXY, header="x-forwarded-for") == PROXY
    assert address_of(XFF_FROM_PROXY, header="forwarded") == PROXY


def test_forwarded_alone_is_said_in_the_log_once_with_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    """The warning names the setting. It is not written with the setting, or for untrusted peers."""
    addresses = Addresses(TRUSTED)

    with caplog.at_level(logging.WARNING, logger="keydesk.addresses"):
        Addresses(TRUSTED, ForwardedHeader.FORWARDED).of(encoded(FORWARDED_FROM_PROXY), PROXY)
        addresses.of(encoded(XFF_FROM_PROXY, FORWARDED_FROM_PROXY), PROXY)
        assert caplog.messages == []
        for _ in range(3):
            addresses.of(encoded(FORWARDED_FROM_PROXY), PROXY)

    [message] = caplog.messages
    assert "KEYDESK_FORWARDED_HEADER=forwarded" in message
    assert PROXY in message
    assert CLIENT not in message


@pytest.mark.parametrize("header", [("forwarded", f"for={CLIENT}"), ("x-forwarded-for", CLIENT)])
@pytest.mark.parametrize(
    ("peer", "address"),
    [(STRANGER, STRANGER), ("::ffff:198.51.100.9", STRANGER), ("fe80::1%eth0", "fe80::1"), (None, None)],
)
def test_whom_nobody_trusts_is_not_believed(header: tuple[str, str], peer: str | None, address: str | None) -> None:
    """The forwarding headers of an untrusted peer are ignored."""
    assert address_of(header, peer=peer) == address


@pytest.mark.parametrize("peer", [STRANGER, None, "/run/gateway.sock"])
def test_the_gateway_is_believed_wherever_it_comes_from(peer: str | None) -> None:
    """The gateway's token is enough for one hop. Further hops must be trusted proxies."""
    assert address_of(("x-forwarded-for", CLIENT), peer=peer, gateway=True) == CLIENT
    assert address_of(("x-forwarded-for", f"{CLIENT}, {INNER_PROXY}"), peer=peer, gateway=True) == CLIENT
    assert address_of(("x-forwarded-for", f"{STRANGER}, {CLIENT}"), peer=peer, gateway=True) == CLIENT


def test_headers_from_strangers_are_said_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    """The warning has the peer's address and the setting, and nothing of the headers."""
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
    """The result is a normalized address for any headers."""
    address = Addresses(TRUSTED).of(headers, PROXY, gateway=gateway)

    assert address is not None
    assert normalized(address) == address


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
@pytest.mark.parametrize(
    "value",
    [
        "," * 2_000_000,
        f"{CLIENT}," * 150_000,
        f"for={CLIENT}," * 120_000,
        f"{STRANGER}, " * 100_000 + CLIENT,
        f"for={STRANGER}, " * 100_000 + f"for={CLIENT}",
        f"{INNER_PROXY}, " * 150_000 + INNER_PROXY,
        f"for={INNER_PROXY}, " * 120_000 + f"for={INNER_PROXY}",
        "1" * 2_000_000,
        " " * 2_000_000,
        '"' * 2_000_000,
        '\\"' * 1_000_000,
        "\\" * 2_000_000 + '"',
        'for="' + ",a=b" * 500_000 + '"',
        "for=1;" * 300_000,
        "for=" + "a" * 2_000_000,
    ],
    ids=lambda value: f"{value[:24]}…{value[-12:]}",
)
def test_a_header_of_two_megabytes_costs_what_a_dozen_hops_cost(
    header: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of parsed addresses and of read bytes is limited. This counts instead of measuring time."""
    parsed: list[str | None] = []

    def seen(text: str) -> str | None:
        parsed.append(text)
        return normalized(text)

    monkeypatch.setattr("app.client_address.normalized", seen)
    line = Counted(value.encode())

    Addresses(TRUSTED).of([(header.encode(), line), (header.encode(), line)], PROXY)

    # The peer's address may be among them.
    assert len(parsed) <= HOPS_AT_MOST + 1
    assert line.copied_bytes <= HOPS_AT_MOST * 16 * 1024
    assert line.searches <= HOPS_AT_MOST * 2 * 64


class Counted(bytes):
    """Counts the bytes that are cut out of it, and the searches in it."""

    copied_bytes = 0
    searches = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.copied_bytes += len(found) if isinstance(found, bytes) else 1
        return found

    def rfind(self, *arguments: object) -> int:
        self.searches += 1
        return super().rfind(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("header", "prefix"), [("x-forwarded-for", ""), ("forwarded", "for=")])
@pytest.mark.parametrize("is_one_line", [True, False])
def test_no_more_than_a_dozen_trusted_hops_are_followed(header: str, prefix: str, is_one_line: bool) -> None:
    """After twelve trusted hops, the twelfth is the result."""
    hops = [f"{prefix}{CLIENT}", *(f"{prefix}10.0.1.{number}" for number in range(20, 0, -1))]
    headers = [(header, ", ".join(hops))] if is_one_line else [(header, hop) for hop in hops]

    assert address_of(*headers) == f"10.0.1.{HOPS_AT_MOST}"


HOPS = st.sampled_from(
    [CLIENT, STRANGER, INNER_PROXY, PROXY, "10.9.9.9", "2001:db8::1", "2001:db8:ffff::5", "::ffff:10.0.0.2", "unknown"]
)
WRITTEN = st.lists(st.lists(HOPS, min_size=1, max_size=6), min_size=1, max_size=4)
INVENTED = st.text(st.sampled_from('",;=\\ for1.:[]'), max_size=40)


def first_untrusted(hops: list[str]) -> str | None:
    """A simple reference: from the right, past at most a dozen trusted proxies."""
    here = PROXY
    for hop in reversed(hops[-HOPS_AT_MOST:]):
        address = normalized(hop)
        if address is None:
            return here
        here = address
        if not any(ipaddress.ip_address(address) in network for network in TRUSTED):
            return here
    return here


@given(WRITTEN)
def test_x_forwarded_for_is_read_as_a_simple_reference_reads_it(lines: list[list[str]]) -> None:
    """The result does not depend on how the hops are spread over headers."""
    headers = [("x-forwarded-for", ", ".join(line)) for line in lines]

    assert address_of(*headers) == first_untrusted([hop for line in lines for hop in line])


@given(WRITTEN, INVENTED, st.text(st.sampled_from('ab",;\\='), max_size=12))
def test_forwarded_is_read_as_a_simple_reference_reads_it(lines: list[list[str]], invented: str, host: str) -> None:
    """The result does not depend on what the client sent before, since proxies escape quoted values."""
    quoted = host.replace("\\", "\\\\").replace('"', '\\"')
    elements = [[f'for="{f"[{hop}]" if ":" in hop else hop}";host="{quoted}"' for hop in line] for line in lines]
    written = [", ".join(line) for line in elements]
    hops = [hop for line in lines for hop in line]
    told = first_untrusted(["unknown", *hops])

    assert address_of(*[("forwarded", line) for line in written]) == told
    if told is not None and not any(ipaddress.ip_address(told) in network for network in TRUSTED):
        # An untrusted client wrote what is further left.
        assert address_of(*[("forwarded", line) for line in [f"{invented},{written[0]}", *written[1:]]]) == told
