"""Owns identifiers: time-ordered UUIDs inside, `prefix_` and 32 hexadecimal digits outside."""

from enum import StrEnum
from uuid import UUID

from uuid_utils.compat import uuid7


class Prefix(StrEnum):
    """What an external id begins with: it tells the type."""

    ORGANIZATION = "org"
    AGENT = "agt"
    PERSON = "usr"
    API_KEY = "key"
    AUDIT_EVENT = "evt"
    REQUEST = "req"
    CONVERSATION = "cnv"
    MESSAGE = "msg"
    TICKET = "tkt"


AFTER_ALL = UUID(int=(1 << 128) - 1)
"""No id is greater: what is *before* it is everything."""


def new_id() -> UUID:
    """A new UUIDv7 (RFC 9562): rows sort and index in the order they were made."""
    return uuid7()


def external_id(prefix: Prefix, value: UUID) -> str:
    """The id as the outside sees it, such as `key_0192f3…`."""
    return f"{prefix}_{value.hex}"


def parse_external_id(prefix: Prefix, text: str) -> UUID | None:
    """The UUID in an external id, or None where the text is none of that type. Only the form written here is read."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != 32 or not digits.isascii() or not digits.isalnum() or digits != digits.lower():
        return None
    try:
        return UUID(hex=digits)
    except ValueError:
        return None
