"""
Defines the errors that a caller is expected to handle. `schema.refusals` maps each to a GraphQL type or error code.

    Refusal
    ├── Unauthenticated             nobody is signed in
    ├── PasswordChangeRequired      the person signed in with a one-time password
    ├── Forbidden                   the person's role does not allow this
    ├── NotFound                    there is no such organization, or it is not the actor's
    ├── ApiKeyNotFound              there is no such key, it was deleted, or the actor may not see it
    ├── AgentNotFound               there is no such agent, it was deleted, or the actor may not manage it
    ├── MemberNotFound              there is no such person in the organization
    ├── InvitationNotFound          there is no such invitation, it was accepted or revoked, or it is another's
    ├── ServiceTokenNotFound        there is no such service token, or it is another organization's
    ├── LinkNotValid                a link was used, replaced or revoked, has expired, or never was
    ├── LastOrganizationAdmin       the organization would have no organization admin left
    ├── InvalidInput                one input field is wrong
    ├── UnusableArgument            an argument is out of range
    ├── KeyLimitReached             every slot is taken
    ├── ApiKeyAlreadyIssued         the request created its key before; the secret can't be shown again
    ├── TooManyRequests             the request may be repeated later
    └── SignInRefused               wrong address or password, or too many failures
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keys.expected_error import ExpectedError
from models.key_queries import ApiKeyRecord


class Refusal(ExpectedError):
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
class AgentNotFound(Refusal):
    """There is no such agent, it was deleted before, or the actor may not manage it."""

    message: str = "This agent does not exist. It may have been deleted, or you may not be allowed to manage it."


@dataclass(eq=False)
class MemberNotFound(Refusal):
    """There is no such person in the organization."""

    message: str = "This person is not in the organization. They may have left it."


@dataclass(eq=False)
class InvitationNotFound(Refusal):
    """There is no such invitation, it was accepted, revoked or replaced, or it is another organization's."""

    message: str = "This invitation does not exist. It may have been accepted, revoked or replaced."


@dataclass(eq=False)
class ServiceTokenNotFound(Refusal):
    """There is no such service token, or it is another organization's."""

    message: str = "This service token does not exist."


@dataclass(eq=False)
class LinkNotValid(Refusal):
    """The link was used, replaced or revoked, has expired, or never was: these can't be told apart."""

    message: str = "This link is not valid any more. It may have been used or replaced, or it has expired."


@dataclass(eq=False)
class LastOrganizationAdmin(Refusal):
    """The change would leave the organization without an organization admin."""

    message: str = (
        "This is the only organization admin, and an organization needs one. Make somebody else an organization admin "
        "first."
    )


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
class ApiKeyAlreadyIssued(Refusal):
    """A request that was sent again has created its key before. The key's secret was in the first answer."""

    key: ApiKeyRecord
    message: str = (
        "This request was carried out before, and its API key exists. The secret can't be shown again: if the answer "
        "with the secret was lost, rotate the key."
    )


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
