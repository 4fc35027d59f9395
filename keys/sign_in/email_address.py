"""Checks an e-mail address that is given to a new or existing person."""

from keys.refusals import InvalidInput
from keys.text import is_unprintable
from models.person import EMAIL_LENGTH_AT_MOST, canonical_email

_NOT_TAKEN = frozenset('<>()[],;:\\"\ufffd')
"""Characters that are written around or between addresses, and U+FFFD, which replaces undecodable bytes."""


def valid_email(text: str, *, field: str = "email") -> str:
    """
    Returns the address in the canonical form in which it is stored. Raises InvalidInput for `field`.

    The check only catches what can't be an address. Whether the address receives mail is not checked.
    """
    email = canonical_email(text)
    if len(email) > EMAIL_LENGTH_AT_MOST:
        raise InvalidInput(field, f"The address is too long; use at most {EMAIL_LENGTH_AT_MOST} characters.")
    local, at, domain = email.rpartition("@")
    is_whole = at and local and "@" not in local and all(domain.split("."))
    if not is_whole or any(
        character in _NOT_TAKEN or character.isspace() or is_unprintable(character) for character in email
    ):
        raise InvalidInput(field, "Enter one address such as ada@example.com.")
    return email
