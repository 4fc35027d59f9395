"""Owns what a password may be, and the one-time passwords that an operator hands out."""

import secrets
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keys.refusals import InvalidInput
from keys.sign_in.weak_passwords import weakness
from keys.token import Secret

CHARACTERS_AT_LEAST = 12
BYTES_AT_MOST = 1024
ONE_TIME_LIFETIME = timedelta(days=7)

_ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Small letters and digits that are not taken for each other when they are read aloud or copied by hand."""
_ONE_TIME_GROUPS, _ONE_TIME_GROUP_LENGTH = 4, 5
"""20 characters of 31: 99 bits."""


def presented_password(text: str) -> str | None:
    """
    What is compared with a hash, or None for what can't be anybody's password: over 1,024 bytes, or no text.

    In NFC, as RFC 8265 has it: the same password is typed in different forms on different systems.
    """
    if len(text) > BYTES_AT_MOST:
        return None
    try:
        too_long = len(text.encode()) > BYTES_AT_MOST
    except UnicodeEncodeError:
        return None
    return None if too_long else unicodedata.normalize("NFC", text)


@dataclass(frozen=True, slots=True)
class PasswordOwner:
    """Whom a password is for: the words that somebody who knows them would try, and the hash that they have."""

    words: Sequence[str] = ()
    current_hash: str | None = field(default=None, repr=False)


def measured_password(text: str, *, field: str = "newPassword") -> str:
    """The password as it is hashed, where its length fits. Raises InvalidInput of the field."""
    password = presented_password(text)
    if password is None:
        raise InvalidInput(field, f"Choose a shorter password: at most {BYTES_AT_MOST} bytes of text.")
    if len(password) < CHARACTERS_AT_LEAST:
        raise InvalidInput(
            field,
            f"This password has {len(password)} characters. Choose a longer one, of at least {CHARACTERS_AT_LEAST} "
            "characters.",
        )
    return password


def valid_password(text: str, *, words: Sequence[str] = (), field: str = "newPassword") -> str:
    """The password as it is hashed. Raises InvalidInput of the field, saying what is wrong."""
    password = measured_password(text, field=field)
    if (why := weakness(password, words)) is not None:
        raise InvalidInput(field, why)
    return password


def new_one_time_password(*, choose: Callable[[str], str] = secrets.choice) -> Secret:
    """A password in four groups, such as k7mqp-x2hja-9wnte-bc4rs, to be handed to a person. `choose` is randomness."""
    groups = (
        "".join(choose(_ONE_TIME_ALPHABET) for _ in range(_ONE_TIME_GROUP_LENGTH)) for _ in range(_ONE_TIME_GROUPS)
    )
    return Secret("-".join(groups))


def one_time_expires_at(now: datetime) -> datetime:
    """Until when a one-time password made now can be signed in with."""
    return now + ONE_TIME_LIFETIME


def password_is_over(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a password can't be signed in with any more; one without an end always can."""
    return expires_at is not None and expires_at <= now
