"""Maps refusals to GraphQL: some to a type in a field's result union, the others to an error with a code."""

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.types.field import StrawberryField

from keys import refusals
from keys.key_limit import Allowance
from keys.refusals import Refusal
from schema import interfaces
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
class InvalidInput(interfaces.Refusal):
    code: str = "INVALID_INPUT"
    field: str = strawberry.field(description="The invalid input field, in camelCase.")


@strawberry.type(description="Every slot is taken.")
class KeyLimitReached(interfaces.Refusal):
    code: str = "KEY_LIMIT_REACHED"
    key_allowance: KeyAllowance
    candidates: list[ApiKey] = strawberry.field(
        description="The keys that the viewer can delete to free a slot, the likeliest first."
    )


@strawberry.type(
    description=(
        "The clientRequestId was used before: the key exists, and its secret can't be shown again. If the answer with "
        "the secret was lost, rotate the key."
    )
)
class ApiKeyAlreadyIssued(interfaces.Refusal):
    code: str = "API_KEY_ALREADY_ISSUED"
    api_key: ApiKey


@strawberry.type(
    description=(
        "The key does not exist, was deleted, or the viewer is not allowed to see it; these cases look the same."
    )
)
class ApiKeyNotFound(interfaces.Refusal):
    code: str = "API_KEY_NOT_FOUND"


@strawberry.type(
    description=("The agent does not exist, was deleted, or is another organization's; these cases look the same.")
)
class AgentNotFound(interfaces.Refusal):
    code: str = "AGENT_NOT_FOUND"


@strawberry.type(description="Sign-in failed. The answer is the same for an unknown address and a wrong password.")
class SignInRefused(interfaces.Refusal):
    code: str = "SIGN_IN_REFUSED"
    retry_after_seconds: int | None = strawberry.field(description="How long to wait, after too many failures.")


@strawberry.type(description="The link was used, replaced or revoked, has expired, or never was; these look the same.")
class LinkNotValid(interfaces.Refusal):
    code: str = "LINK_NOT_VALID"


@strawberry.type(description="Nobody with this id is in the organization.")
class MemberNotFound(interfaces.Refusal):
    code: str = "MEMBER_NOT_FOUND"


@strawberry.type(
    description="An organization always keeps one organization admin. The operator can remove the last one."
)
class LastOrganizationAdmin(interfaces.Refusal):
    code: str = "LAST_ORGANIZATION_ADMIN"


@strawberry.type(
    description=(
        "The invitation does not exist, was accepted or revoked, or is another organization's; these look the same."
    )
)
class InvitationNotFound(interfaces.Refusal):
    code: str = "INVITATION_NOT_FOUND"


@strawberry.type(description="There is no such service token, or it is another organization's; these look the same.")
class ServiceTokenNotFound(interfaces.Refusal):
    code: str = "SERVICE_TOKEN_NOT_FOUND"


class ShowLinkNotValid(strawberry.ExceptionHandler[refusals.LinkNotValid, LinkNotValid]):
    def handle(self, exception: refusals.LinkNotValid, *, field: StrawberryField, info: Info) -> LinkNotValid:
        return LinkNotValid(message=exception.message)


class ShowMemberNotFound(strawberry.ExceptionHandler[refusals.MemberNotFound, MemberNotFound]):
    def handle(self, exception: refusals.MemberNotFound, *, field: StrawberryField, info: Info) -> MemberNotFound:
        return MemberNotFound(message=exception.message)


class ShowLastOrganizationAdmin(strawberry.ExceptionHandler[refusals.LastOrganizationAdmin, LastOrganizationAdmin]):
    def handle(
        self, exception: refusals.LastOrganizationAdmin, *, field: StrawberryField, info: Info
    ) -> LastOrganizationAdmin:
        return LastOrganizationAdmin(message=exception.message)


class ShowInvitationNotFound(strawberry.ExceptionHandler[refusals.InvitationNotFound, InvitationNotFound]):
    def handle(
        self, exception: refusals.InvitationNotFound, *, field: StrawberryField, info: Info
    ) -> InvitationNotFound:
        return InvitationNotFound(message=exception.message)


class ShowServiceTokenNotFound(strawberry.ExceptionHandler[refusals.ServiceTokenNotFound, ServiceTokenNotFound]):
    def handle(
        self, exception: refusals.ServiceTokenNotFound, *, field: StrawberryField, info: Info
    ) -> ServiceTokenNotFound:
        return ServiceTokenNotFound(message=exception.message)


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


class ShowApiKeyAlreadyIssued(strawberry.ExceptionHandler[refusals.ApiKeyAlreadyIssued, ApiKeyAlreadyIssued]):
    def handle(
        self, exception: refusals.ApiKeyAlreadyIssued, *, field: StrawberryField, info: Info
    ) -> ApiKeyAlreadyIssued:
        context = info.context
        return ApiKeyAlreadyIssued(
            message=exception.message, api_key=to_api_key(exception.key, context.actor, context.services.clock())
        )


class ShowApiKeyNotFound(strawberry.ExceptionHandler[refusals.ApiKeyNotFound, ApiKeyNotFound]):
    def handle(self, exception: refusals.ApiKeyNotFound, *, field: StrawberryField, info: Info) -> ApiKeyNotFound:
        return ApiKeyNotFound(message=exception.message)


class ShowAgentNotFound(strawberry.ExceptionHandler[refusals.AgentNotFound, AgentNotFound]):
    def handle(self, exception: refusals.AgentNotFound, *, field: StrawberryField, info: Info) -> AgentNotFound:
        return AgentNotFound(message=exception.message)


class ShowSignInRefused(strawberry.ExceptionHandler[refusals.SignInRefused, SignInRefused]):
    def handle(self, exception: refusals.SignInRefused, *, field: StrawberryField, info: Info) -> SignInRefused:
        return SignInRefused(message=exception.message, retry_after_seconds=exception.retry_after_seconds)


HANDLERS = (
    ShowInvalidInput(),
    ShowKeyLimitReached(),
    ShowApiKeyAlreadyIssued(),
    ShowApiKeyNotFound(),
    ShowAgentNotFound(),
    ShowSignInRefused(),
    ShowLinkNotValid(),
    ShowMemberNotFound(),
    ShowLastOrganizationAdmin(),
    ShowInvitationNotFound(),
    ShowServiceTokenNotFound(),
)
