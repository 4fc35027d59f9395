"""
Owns the expected noes: each carries its facts, and becomes a type or a code of the GraphQL schema.

    Refusal
    ├── Unauthenticated             nobody is signed in
    ├── PasswordChangeRequired      signed in with a one-time password
    ├── Forbidden                   this role can't, whatever the row
    ├── NotFound                    no such organization, or not the actor's
    ├── ApiKeyNotFound              no such key, deleted, or not to be seen
    ├── InvalidInput                one field is wrong
    ├── UnusableArgument            an argument that no answer can be given to
    ├── KeyLimitReached             every slot is taken
    ├── TooManyRequests             later
    └── SignInRefused               address or password, or too many failures
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.key_queries import ApiKeyRecord


class Refusal(Exception):
    """An expected no. `message` is a sentence for the person who asked."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class Unauthenticated(Refusal):
    """Nobody is signed in, or the session is over."""

    message: str = "Sign in first."


@dataclass(eq=False)
class PasswordChangeRequired(Refusal):
    """The person signed in with a one-time password and must choose one before anything else."""

    message: str = "Choose a password of your own first: the one that you signed in with is for one time only."


@dataclass(eq=False)
class Forbidden(Refusal):
    """The person's role does not allow this, whatever the row."""

    message: str


@dataclass(eq=False)
class NotFound(Refusal):
    """There is no such organization, or the actor is not in it."""

    message: str = "There is no such organization, or you are not in it."


@dataclass(eq=False)
class ApiKeyNotFound(Refusal):
    """There is no such key, it was deleted before, or the actor may not see it."""

    message: str = "There is no such API key. It may have been deleted, or you may not be allowed to see it."


@dataclass(eq=False)
class InvalidInput(Refusal):
    """The input's field (in camelCase) does not fit; the message says what to do."""

    field: str
    message: str


@dataclass(eq=False)
class UnusableArgument(Refusal):
    """An argument of a query is out of its range, or a cursor is none of ours."""

    message: str


@dataclass(eq=False)
class KeyLimitReached(Refusal):
    """Every slot of the organization is taken: `used` of `limit`. The candidates are those the actor may delete."""

    used: int
    limit: int
    candidates: Sequence[ApiKeyRecord] = ()

    @property
    def message(self) -> str:  # type: ignore[override]
        """What to do about it."""
        taken = f"All {self.limit} API keys of this organization are in use"
        if self.used > self.limit:
            taken = f"This organization has {self.used} API keys, and its limit is {self.limit}"
        return f"{taken}. Delete one that is no longer needed, then create the new one."


@dataclass(eq=False)
class TooManyRequests(Refusal):
    """The person asked too often, or a queue is full; `retry_after_seconds` says when to come back."""

    message: str
    retry_after_seconds: int


@dataclass(eq=False)
class SignInRefused(Refusal):
    """The same for an unknown address and a wrong password; with `retry_after_seconds` after too many failures."""

    message: str = "The e-mail address or the password is not right."
    retry_after_seconds: int | None = None
