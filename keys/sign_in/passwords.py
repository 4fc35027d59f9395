"""Checks new passwords, prepares presented ones for hashing, and makes one-time passwords for operators to hand out."""

import secrets
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from keys.refusals import InvalidInput
from keys.sign_in.weak_passwords import weakness
from keys.token import Secret

CHARACTERS_AT_LEAST = 12
BYTES_AT_MOST = 1024
ONE_TIME_LIFETIME = timedelta(days=7)

_ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Lower-case letters and digits without those that are easily confused, such as 1 and l, or 0 and o."""
_ONE_TIME_GROUPS, _ONE_TIME_GROUP_LENGTH = 4, 5
"""20 characters out of 31: 99 bits."""


class PasswordUse(StrEnum):
    """Who may sign in with a password. Everybody else signs in by the identity provider."""

    EVERYBODY = "everybody"
    BREAK_GLASS = "break-glass"
    """Only the people whom the operator has marked, for the day on which the provider can't be reached."""
    NOBODY = "nobody"

    def allows(self, *, is_break_glass: bool) -> bool:
        """Whether somebody may use a password. `is_break_glass` says whether the operator has marked them."""
        return self is PasswordUse.EVERYBODY or (self is PasswordUse.BREAK_GLASS and is_break_glass)


def presented_password(text: str) -> str | None:
    """
    Returns the password in the form that is hashed, or None if it can't be a password.

    It can't if it has more than 1,024 bytes, or has surrogates and so can't be encoded in UTF-8. The form is NFC (RFC
    8265), because systems encode the same typed password differently.
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
    """The person whose password is being chosen."""

    words: Sequence[str] = ()
    """Words that somebody who knows the person would try, from `keys.sign_in.weak_passwords.personal`."""
    current_hash: str | None = field(default=None, repr=False)
    """The hash of the person's current password, if there is one."""


def measured_password(text: str, *, field: str = "newPassword") -> str:
    """Returns the password in the form that is hashed. Raises InvalidInput for `field` if its length is not allowed."""
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
    """
    Returns the password in the form that is hashed.

    Raises InvalidInput for `field` if it is too short, too long or easy to guess. `words` are the person's own words,
    from `keys.sign_in.weak_passwords.personal`.
    """
    password = measured_password(text, field=field)
    if (why := weakness(password, words)) is not None:
        raise InvalidInput(field, why)
    return password


def new_one_time_password(*, choose: Callable[[str], str] = secrets.choice) -> Secret:
    """
    Makes a one-time password of four groups, such as k7mqp-x2hja-9wnte-bc4rs.

    `choose` picks a random character out of a text; tests replace it.
    """
    groups = (
        "".join(choose(_ONE_TIME_ALPHABET) for _ in range(_ONE_TIME_GROUP_LENGTH)) for _ in range(_ONE_TIME_GROUPS)
    )
    return Secret("-".join(groups))


def one_time_expires_at(now: datetime) -> datetime:
    """The moment at which a one-time password that is made now expires."""
    return now + ONE_TIME_LIFETIME


def password_is_over(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a password has expired. One without an expiry never does."""
    return expires_at is not None and expires_at <= now
