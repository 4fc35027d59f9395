"""The GraphQL mutations that sign in and out, and change and reset passwords."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.refusals import InvalidInput, LinkNotValid, SignInRefused
from schema.viewer import Viewer, to_viewer


@strawberry.input
class SignInInput:
    email: str
    password: str


@strawberry.input
class ChangePasswordInput:
    current_password: str
    new_password: str = strawberry.field(description="At least 12 characters.")


@strawberry.input
class ResetPasswordInput:
    token: str = strawberry.field(description="What follows # in the link.")
    new_password: str = strawberry.field(description="At least 12 characters.")


SignInResult = Annotated[Viewer | SignInRefused, strawberry.union("SignInResult")]
ChangePasswordResult = Annotated[Viewer | InvalidInput, strawberry.union("ChangePasswordResult")]
ResetPasswordResult = Annotated[Viewer | LinkNotValid | InvalidInput, strawberry.union("ResetPasswordResult")]


@strawberry.type
class SignInMutations:
    @strawberry.mutation(description="Starts a new session and sets its cookie.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInResult | None:
        return to_viewer(await info.context.visit.sign_in(input.email, input.password))

    @strawberry.mutation(description="Ends the session, if there is one.")
    async def sign_out(self, info: Info) -> bool | None:
        await info.context.visit.sign_out()
        return True

    @strawberry.mutation(description="Ends the person's other sessions.")
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordResult | None:
        visit, signed_in = info.context.visit, info.context.require_session()
        return to_viewer(await visit.change_password(signed_in, input.current_password, input.new_password))

    @strawberry.mutation(
        description=(
            "Mails a link to the address if it has an account. Always true, in the same time. Available without "
            "signing in."
        )
    )
    async def request_password_reset(self, info: Info, email: str) -> bool | None:
        await info.context.visit.request_password_reset(info.context.people, email)
        return True

    @strawberry.mutation(description="Signs in. Ends all other sessions of the person. Available without signing in.")
    async def reset_password(self, info: Info, input: ResetPasswordInput) -> ResetPasswordResult | None:
        return to_viewer(await info.context.visit.reset_password(input.token, input.new_password))
