"""Checks e-mail addresses: whether a text is one, and whether a mail can be sent to it."""

from email.errors import MessageError
from email.headerregistry import Address

from keys.refusals import InvalidInput
from keys.text import is_unprintable
from models.person import EMAIL_LENGTH_AT_MOST, ascii_domain, canonical_email

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
    is_whole = at and local and "@" not in local and all(domain.split(".")) and domain.isascii()
    if not is_whole or any(
        character in _NOT_TAKEN or character.isspace() or is_unprintable(character) for character in email
    ):
        raise InvalidInput(field, "Enter one address such as ada@example.com.")
    return email


def is_mailable(email: str) -> bool:
    """Whether the header of a mail can hold the address, which mail servers need."""
    return ascii_address(email) is not None


def ascii_address(text: str) -> Address | None:
    """The address with its domain in ASCII, or None if a header can't hold it."""
    local, _, domain = text.rpartition("@")
    return header_address(f"{local}@{ascii_domain(domain)}")


def header_address(text: str) -> Address | None:
    """
    Parses an e-mail address; None if it is not valid.

    For some texts, the standard library's parser raises errors other than ValueError.
    """
    try:
        return Address(addr_spec=text)
    except (ValueError, MessageError, IndexError, AttributeError):
        return None
