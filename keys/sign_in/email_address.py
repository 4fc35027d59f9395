"""Owns what an e-mail address may be, where one is given to somebody."""

import unicodedata

from keys.refusals import InvalidInput
from models.person import EMAIL_LENGTH_AT_MOST, canonical_email

_NOT_IN_AN_ADDRESS = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
"""Unicode categories: what can't be seen, and white space."""
_NOT_TAKEN = frozenset('<>()[],;:\\"\ufffd')
"""What is written around an address, not in it; and what stands for text that was none."""


def valid_email(text: str, *, field: str = "email") -> str:
    """
    The address as it is kept, in its canonical form.

    Checked only as far as to catch what is no address: whether mail arrives there is not known here. Raises
    InvalidInput of the field.
    """
    email = canonical_email(text)
    if len(email) > EMAIL_LENGTH_AT_MOST:
        raise InvalidInput(field, f"The address is too long; use at most {EMAIL_LENGTH_AT_MOST} characters.")
    local, at, domain = email.rpartition("@")
    is_whole = at and local and "@" not in local and all(domain.split("."))
    if not is_whole or any(
        character in _NOT_TAKEN or unicodedata.category(character) in _NOT_IN_AN_ADDRESS for character in email
    ):
        raise InvalidInput(field, "Give one address such as ada@example.com.")
    return email
