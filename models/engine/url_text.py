"""Checks the host and port of an address that an operator wrote: of a database, Redis, a mail server or a web page."""

import ipaddress
import re

PORT_AT_MOST = 65_535
HOST_LENGTH_AT_MOST = 253
ESCAPES = "Write an @, :, /, ?, # or % in the user or password as %40, %3A, %2F, %3F, %23 or %25"
"""What to do about an address whose password ends it too early. The password itself is never repeated."""
_LABEL = re.compile(r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def is_host(text: str) -> bool:
    """
    Whether the text is an IP address, without brackets, or a name in ASCII that can be looked up.

    A name that ends in a number is one that browsers and resolvers read as an IPv4 address, each in its own way.
    """
    if ":" in text:
        return _is_ip_address(text.partition("%")[0])
    labels = text.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _is_ip_address(text)
    return len(text) <= HOST_LENGTH_AT_MOST and all(_LABEL.fullmatch(label) for label in labels)


def is_port(text: str) -> bool:
    """Whether the text is a port number, 1 to 65535."""
    return text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= PORT_AT_MOST


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
