"""Maps refusals to GraphQL: some to a type in a field's result union, the others to an error with a code."""

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.types.field import StrawberryField

from keys import refusals
from keys.key_limit import Allowance
from keys.refusals import Refusal
from schema.api_key import ApiKey, to_api_key
from schema.context import Info
from schema.organization import KeyAllowance, to_allowance

CODES: dict[type[Refusal], str] = {
    refusals.Unauthenticated: "UNAUTHENTICATED",
    refusals.PasswordChangeRequired: "PASSWORD_CHANGE_REQUIRED",
    refusals.Forbidden: "FORBIDDEN",
    refusals.NotFound: "NOT_FOUND",
    refusals.UnusableArgument: "BAD_USER_INPUT",
    refusals.InvalidInput: "BAD_USER_INPUT",
    refusals.TooManyRequests: "RATE_LIMITED",
}


def as_error(refusal: Refusal) -> GraphQLError | None:
    """The GraphQL error for a refusal that has no type in the field's union; None if the refusal has no code."""
    # Base classes are searched too, so that a more specific refusal is not reported as an internal error.
    code = next((CODES[kind] for kind in type(refusal).__mro__ if kind in CODES), None)
    if code is None:
        return None
    extensions: dict[str, Any] = {"code": code}
    if isinstance(refusal, refusals.TooManyRequests):
        extensions["retryAfterSeconds"] = refusal.retry_after_seconds
    return GraphQLError(refusal.message, extensions=extensions)


@strawberry.type(description="A field of the input is invalid.")
class InvalidInput:
    field: str = strawberry.field(description="The invalid input field, in camelCase.")
    message: str


@strawberry.type(description="Every slot is taken.")
class KeyLimitReached:
    message: str
    key_allowance: KeyAllowance
    candidates: list[ApiKey] = strawberry.field(
        description="The keys that the viewer can delete to free a slot, the likeliest first."
    )


@strawberry.type(
    description=(
        "The key does not exist, was deleted, or the viewer is not allowed to see it; these cases look the same."
    )
)
class ApiKeyNotFound:
    message: str


@strawberry.type(description="Sign-in failed. The answer is the same for an unknown address and a wrong password.")
class SignInRefused:
    message: str
    retry_after_seconds: int | None = strawberry.field(description="How long to wait, after too many failures.")


class ShowInvalidInput(strawberry.ExceptionHandler[refusals.InvalidInput, InvalidInput]):
    def handle(self, exception: refusals.InvalidInput, *, field: StrawberryField, info: Info) -> InvalidInput:
        return InvalidInput(field=exception.field, message=exception.message)


class ShowKeyLimitReached(strawberry.ExceptionHandler[refusals.KeyLimitReached, KeyLimitReached]):
    def handle(self, exception: refusals.KeyLimitReached, *, field: StrawberryField, info: Info) -> KeyLimitReached:
        context = info.context
        now = context.services.clock()
        return KeyLimitReached(
            message=exception.message,
            key_allowance=to_allowance(Allowance(exception.used, exception.limit)),
            candidates=[to_api_key(record, context.actor, now) for record in exception.candidates],
        )


class ShowApiKeyNotFound(strawberry.ExceptionHandler[refusals.ApiKeyNotFound, ApiKeyNotFound]):
    def handle(self, exception: refusals.ApiKeyNotFound, *, field: StrawberryField, info: Info) -> ApiKeyNotFound:
        return ApiKeyNotFound(message=exception.message)


class ShowSignInRefused(strawberry.ExceptionHandler[refusals.SignInRefused, SignInRefused]):
    def handle(self, exception: refusals.SignInRefused, *, field: StrawberryField, info: Info) -> SignInRefused:
        return SignInRefused(message=exception.message, retry_after_seconds=exception.retry_after_seconds)


HANDLERS = (ShowInvalidInput(), ShowKeyLimitReached(), ShowApiKeyNotFound(), ShowSignInRefused())
