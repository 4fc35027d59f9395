"""Makes and parses ids: time-ordered UUIDs inside, `prefix_` and 32 hexadecimal digits outside."""

from enum import StrEnum
from uuid import UUID

from uuid_utils.compat import uuid7


class Prefix(StrEnum):
    """The prefix of an external id, which shows the type of the object."""

    ORGANIZATION = "org"
    AGENT = "agt"
    PERSON = "usr"
    API_KEY = "key"
    AUDIT_EVENT = "evt"
    REQUEST = "req"
    CONVERSATION = "cnv"
    MESSAGE = "msg"
    TICKET = "tkt"
    INVITATION = "inv"
    PASSWORD_RESET = "rst"  # noqa: S105 - a prefix
    KEY_REQUEST = "krq"
    TOKEN = "tok"  # noqa: S105 - a prefix
    WEBHOOK = "whk"
    DELIVERY = "dlv"
    NOTIFICATION = "ntf"


NO_SUCH_ID = UUID(int=0)
"""Replaces an id that can't be parsed, so that it gets the same refusal as an id that does not exist."""
AFTER_ALL = UUID(int=(1 << 128) - 1)
"""The greatest possible id. Every id is before it."""


def new_id() -> UUID:
    """Makes a UUIDv7 (RFC 9562), so that rows sort in the order in which they were made."""
    return uuid7()


def external_id(prefix: Prefix, value: UUID) -> str:
    """The id as clients see it, such as `key_0192f3…`."""
    return f"{prefix}_{value.hex}"


def parse_external_id(prefix: Prefix, text: str) -> UUID | None:
    """The UUID in an external id of this type, or None. Only the form that `external_id` writes is accepted."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != 32 or not digits.isascii() or not digits.isalnum() or digits != digits.lower():
        return None
    try:
        return UUID(hex=digits)
    except ValueError:
        return None
