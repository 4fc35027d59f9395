"""The context of a request, which every field gets: the person behind the request, and the services it needs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import strawberry

from keys.limits.limiter import Limiter
from keys.policy import Actor
from keys.refusals import PasswordChangeRequired, Unauthenticated
from models.engine.reader import Reader
from resolvers.assistant import Assistant
from resolvers.services import KeyServices
from resolvers.tickets import SupportChannel
from resolvers.viewer import SignedIn
from schema.support_loaders import SupportLoads
from schema.usage_loaders import UsageLoads


class RequestIdentity(Protocol):
    """The person behind a request, and how they sign in and out. `app.authentication` implements it with cookies."""

    @property
    def signed_in(self) -> SignedIn | None:
        """The person who is signed in, or None. Changes when the GraphQL document signs in or out."""

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Signs a person in and sets the cookies. Raises SignInRefused."""

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
    reader: Reader
    visit: RequestIdentity
    support_email: str | None
    limiter: Limiter
    assistant: Assistant
    support_channel: SupportChannel

    def require_signed_in(self) -> SignedIn:
        """The signed-in person. Raises Unauthenticated or PasswordChangeRequired."""
        signed_in = self.visit.signed_in
        if signed_in is None:
            raise Unauthenticated
        if signed_in.password_change_required:
            raise PasswordChangeRequired
        return signed_in

    @property
    def actor(self) -> Actor:
        """The signed-in person as an actor. Raises Unauthenticated or PasswordChangeRequired."""
        return self.require_signed_in().actor

    @cached_property
    def usage(self) -> UsageLoads:
        """Loaders of usage. Made at first use, because most requests don't need them."""
        return UsageLoads(self.reader, self.limiter)

    @cached_property
    def support(self) -> SupportLoads:
        """Loaders of conversations, made at first use."""
        return SupportLoads(self.reader, self.actor)


Info = strawberry.Info[Context, None]
