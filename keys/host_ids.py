"""
Ids that a host product gave its organizations, agents and people: which are valid, and how they stand in headers.

They are compared character by character, without any normalization.
"""

import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from keys.looks_like_a_key import KEY_AS_ID, is_a_whole_key
from keys.refusals import InvalidInput
from keys.text import is_unprintable
from models.engine.columns import EXTERNAL_ID_LENGTH_AT_MOST

NO_ID = "none"
"""Stands in a header where there is no id. An id of these letters is encoded as `%6Eone`."""
_ENCODED = re.compile(rb"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+")
"""Visible ASCII, and percent signs only as escapes (RFC 3986, section 2.1)."""

_ENCODED_LENGTH_AT_MOST = 12 * EXTERNAL_ID_LENGTH_AT_MOST
"""In bytes: a character has up to four in UTF-8, and each takes three as an escape."""


def valid_host_id(text: str, *, field: str = "externalId") -> str:
    """
    Returns an id that a host product may give: 1 to 255 characters, none of them a control or format character.

    Raises InvalidInput for `field`.
    """
    if is_a_whole_key(text):
        raise InvalidInput(field, KEY_AS_ID)
    if not 1 <= len(text) <= EXTERNAL_ID_LENGTH_AT_MOST:
        raise InvalidInput(field, f"Use an id of 1 to {EXTERNAL_ID_LENGTH_AT_MOST} characters.")
    for character in text:
        if is_unprintable(character):
            raise InvalidInput(field, f"The id contains an invisible character (U+{ord(character):04X}). Remove it.")
    return text


def valid_host_id_or_none(text: str) -> str | None:
    """The text if it is an id that a host product may give; None if it is not, so that no object can have it."""
    try:
        return valid_host_id(text)
    except InvalidInput:
        return None


def decoded_host_id(encoded: bytes) -> str | None:
    """
    The id in its percent-encoded form, of UTF-8 (RFC 3986); None if this is not one.

    Anybody may send it, without a key: what is too long is not read, and what is not an id is not kept.
    """
    if len(encoded) > _ENCODED_LENGTH_AT_MOST:
        return None
    try:
        return _decoded(encoded)
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def _decoded(encoded: bytes) -> str:
    """Takes 4 MB at most. Raises ValueError, which is not cached."""
    if not _ENCODED.fullmatch(encoded):
        raise ValueError("not percent-encoded")
    text = unquote_to_bytes(encoded).decode()
    if len(text) > EXTERNAL_ID_LENGTH_AT_MOST or any(is_unprintable(character) for character in text):
        raise ValueError("not an id")
    return text


def encoded_host_id(host_id: str) -> str:
    """The id in percent-encoded form, for a header. It is never NO_ID."""
    encoded = quote(host_id, safe="")
    return f"%{ord(encoded[0]):02X}{encoded[1:]}" if encoded == NO_ID else encoded
