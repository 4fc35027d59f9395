"""
Defines the errors that a caller is expected to handle. `schema.refusals` maps each to a GraphQL type or error code.

    Refusal
    ├── Unauthenticated             nobody is signed in
    ├── PasswordChangeRequired      the person signed in with a one-time password
    ├── Forbidden                   the person's role does not allow this
    ├── NotFound                    there is no such organization, or it is not the actor's
    ├── ApiKeyNotFound              there is no such key, it was deleted, or the actor may not see it
    ├── InvalidInput                one input field is wrong
    ├── UnusableArgument            an argument is out of range
    ├── KeyLimitReached             every slot is taken
    ├── TooManyRequests             the request may be repeated later
    └── SignInRefused               wrong address or password, or too many failures
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.key_queries import ApiKeyRecord


class Refusal(Exception):
    """An error that a caller is expected to handle. `message` is a sentence for the person who made the request."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class Unauthenticated(Refusal):
    """Nobody is signed in, or the session has ended."""

    message: str = "Sign in first."


@dataclass(eq=False)
class PasswordChangeRequired(Refusal):
    """The person signed in with a one-time password and must choose a password before doing anything else."""

    message: str = "Choose your own password first: you signed in with a one-time password."


@dataclass(eq=False)
class Forbidden(Refusal):
    """The person's role does not allow this operation, whichever row it is about."""

    message: str


@dataclass(eq=False)
class NotFound(Refusal):
    """There is no such organization, or the actor does not belong to it."""

    message: str = "This organization does not exist, or you are not in it."


@dataclass(eq=False)
class ApiKeyNotFound(Refusal):
    """There is no such key, it was deleted before, or the actor may not see it."""

    message: str = "This API key does not exist. It may have been deleted, or you may not be allowed to see it."


@dataclass(eq=False)
class InvalidInput(Refusal):
    """The value of an input field is not valid. `field` is in camelCase; the message says what to do."""

    field: str
    message: str


@dataclass(eq=False)
class UnusableArgument(Refusal):
    """An argument of a query is out of range, or a cursor is not valid."""

    message: str


@dataclass(eq=False)
class KeyLimitReached(Refusal):
    """
    All slots of the organization are taken: `used` of `limit`.

    `candidates` are the keys that the actor may delete, the one to delete first comes first.
    """

    used: int
    limit: int
    candidates: Sequence[ApiKeyRecord] = ()

    @property
    def message(self) -> str:  # type: ignore[override]
        """Says how many slots are taken and what to do."""
        taken = f"All {self.limit} API keys of this organization are in use"
        if self.used > self.limit:
            taken = f"This organization has {self.used} API keys, and its limit is {self.limit}"
        return f"{taken}. Delete one that is no longer needed, then create the new one."


@dataclass(eq=False)
class TooManyRequests(Refusal):
    """The person made too many requests, or a queue is full. It may be tried again after `retry_after_seconds`."""

    message: str
    retry_after_seconds: int


@dataclass(eq=False)
class SignInRefused(Refusal):
    """
    A refused sign-in. An unknown address and a wrong password get the same message.

    `retry_after_seconds` is set after too many failures.
    """

    message: str = "The e-mail address or the password is wrong."
    retry_after_seconds: int | None = None
