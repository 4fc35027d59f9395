"""The context of a request, which every field gets: the person or program behind it, and the services it needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol
from uuid import UUID

import strawberry

from keys.limits.limiter import Limiter
from keys.policy import Actor, denial_message
from keys.program_token import ProgramTokens
from keys.refusals import Forbidden, PasswordChangeRequired, Unauthenticated
from keys.sign_in.methods import SignInMethod
from models.engine.reader import Reader
from models.person import MembershipRecord
from resolvers.assistant import Assistant
from resolvers.provisioning.sign_in_links import Entered
from resolvers.services import KeyServices, PeopleServices
from resolvers.tickets import SupportChannel
from resolvers.tokens.authentication import AuthenticatedProgram
from resolvers.viewer import SignedIn
from schema.agent_loaders import AgentLoads
from schema.people_loaders import PeopleLoads
from schema.support_loaders import SupportLoads
from schema.tokens.loaders import TokenLoads
from schema.usage_loaders import UsageLoads


class RequestIdentity(Protocol):
    """
    The person or program behind a request, and how people sign in and out.

    `app.authentication` implements it with cookies, `app.tokens.bearer` for programs, which can't sign in.
    """

    @property
    def signed_in(self) -> SignedIn | None:
        """The person who is signed in, or None. Changes when the GraphQL document signs in or out."""

    @property
    def program(self) -> AuthenticatedProgram | None:
        """The program that sent the request with a token, or None. Nobody is signed in if it is not None."""

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Signs a person in and sets the cookies. Raises SignInRefused."""

    async def accept_invitation(self, token: str, name: str | None, password: str | None) -> SignedIn:
        """
        Joins the organization of an invitation, signs in and sets the cookies.

        Raises LinkNotValid, InvalidInput, SignInRefused and TooManyRequests.
        """

    async def request_password_reset(self, services: PeopleServices, email: str) -> None:
        """Mails a link to this address if it has an account."""

    async def reset_password(self, token: str, new_password: str) -> SignedIn:
        """
        Sets the password by a link, signs in and sets the cookies.

        Raises LinkNotValid, InvalidInput and TooManyRequests.
        """

    async def enter(self, token: str, *, replaces_session: bool) -> Entered:
        """
        Signs a member in by a host product's link, and sets the cookies.

        Raises LinkNotValid, and OtherPersonSignedIn unless the session of somebody else may be replaced.
        """

    def standing_changed(self, person_id: UUID) -> None:
        """Call it after the role or the sessions of a person have changed, so that their streams end at once."""

    async def sign_out(self) -> None:
        """Ends the session, if there is one, and deletes its cookie."""

    async def change_password(self, signed_in: SignedIn, current_password: str, new_password: str) -> SignedIn:
        """
        Changes the person's password, and ends their other sessions.

        Raises InvalidInput, Unauthenticated and TooManyRequests.
        """


@dataclass(frozen=True)
class Context:
    """Everything that the fields of one request share."""

    services: KeyServices
    people: PeopleServices
    reader: Reader
    visit: RequestIdentity
    support_email: str | None
    public_url: str
    sign_in_methods: Sequence[SignInMethod]
    limiter: Limiter
    assistant: Assistant
    support_channel: SupportChannel
    program_tokens: ProgramTokens

    def require_session(self) -> SignedIn:
        """
        The signed-in person, also before they have replaced a one-time password.

        Raises Unauthenticated, and Forbidden for a program.
        """
        if self.visit.program is not None:
            raise Forbidden(denial_message(self.visit.program.actor))
        if self.visit.signed_in is None:
            raise Unauthenticated
        return self.visit.signed_in

    def require_signed_in(self) -> SignedIn:
        """The signed-in person. Raises Unauthenticated, PasswordChangeRequired, and Forbidden for a program."""
        signed_in = self.require_session()
        if signed_in.password_change_required:
            raise PasswordChangeRequired
        return signed_in

    @property
    def actor(self) -> Actor:
        """The signed-in person or the program as an actor. Raises Unauthenticated or PasswordChangeRequired."""
        program = self.visit.program
        return self.require_signed_in().actor if program is None else program.actor

    @property
    def memberships(self) -> Sequence[MembershipRecord]:
        """
        The organizations in which the signed-in person, or the program's service token, has a role.

        Raises Unauthenticated or PasswordChangeRequired.
        """
        program = self.visit.program
        if program is None:
            return self.require_signed_in().memberships
        return () if program.membership is None else (program.membership,)

    @cached_property
    def usage(self) -> UsageLoads:
        """Loaders of usage. Made at first use, because most requests don't need them."""
        return UsageLoads(self.reader, self.limiter)

    @cached_property
    def support(self) -> SupportLoads:
        """Loaders of conversations, made at first use."""
        return SupportLoads(self.reader, self.actor)

    @cached_property
    def agents(self) -> AgentLoads:
        """Loaders of what is shown with agents, made at first use."""
        return AgentLoads(self.reader, lambda: self.actor, self.services.clock)

    @cached_property
    def tokens(self) -> TokenLoads:
        """Loaders of service tokens, made at first use."""
        return TokenLoads(self.reader, lambda: self.actor, self.services.clock)

    @cached_property
    def members(self) -> PeopleLoads:
        """Loaders of what is shown with people, made at first use."""
        return PeopleLoads(self.reader, lambda: self.actor, self.services.clock)


Info = strawberry.Info[Context, None]
