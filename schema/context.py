"""Owns what a request brings to every field: who is asking, and what the operations work with."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import strawberry

from keys.limits.limiter import Limiter
from keys.policy import Actor
from keys.refusals import PasswordChangeRequired, Unauthenticated
from models.engine.reader import Reader
from resolvers.assistant import Assistant
from resolvers.services import Desk
from resolvers.tickets import SupportLine
from resolvers.viewer import SignedIn
from schema.support_loaders import SupportLoads
from schema.usage_loaders import UsageLoads


class Visit(Protocol):
    """Who is signed in by this request, and the way in and out: `app` knows its cookies, address and device."""

    @property
    def signed_in(self) -> SignedIn | None:
        """Null for the signed-out. It follows what the document does."""

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Begins a session and gives the browser its cookies. Raises SignInRefused."""

    async def sign_out(self) -> None:
        """Ends the session, if there is one, and takes its cookie back."""

    async def change_password(self, signed_in: SignedIn, current_password: str, new_password: str) -> SignedIn:
        """Ends the person's other sessions. Raises InvalidInput and TooManyRequests."""


@dataclass(frozen=True)
class Context:
    """One request's."""

    desk: Desk
    reader: Reader
    visit: Visit
    support_email: str | None
    limiter: Limiter
    assistant: Assistant
    support_line: SupportLine

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
        """Who asks, in fields below a guard."""
        return self.require_signed_in().actor

    @cached_property
    def usage(self) -> UsageLoads:
        """Made for those who ask for it: most requests don't."""
        return UsageLoads(self.reader, self.limiter)

    @cached_property
    def support(self) -> SupportLoads:
        """Made for those who ask for it."""
        return SupportLoads(self.reader, self.actor)


Info = strawberry.Info[Context, None]
