"""Owns what a request brings to every field: who is asking, and what the operations work with."""

from dataclasses import dataclass
from typing import Protocol

from resolvers.viewer import SignedIn

from keys.policy import Actor
from keys.refusals import PasswordChangeRequired, Unauthenticated
from resolvers.desk import Desk


class Entrance(Protocol):
    """How somebody comes in and goes out by this request: `app` knows its cookies, address and device."""

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Begins a session and gives the browser its cookie. Raises SignInRefused."""

    async def sign_out(self) -> None:
        """Ends the session and takes the cookie back."""

    async def change_password(self, signed_in: SignedIn, current_password: str, new_password: str) -> SignedIn:
        """Raises InvalidInput."""


@dataclass(slots=True)
class Context:
    """One request's. `signed_in` is null for the signed-out, and follows a sign-in within the document."""

    desk: Desk
    entrance: Entrance
    signed_in: SignedIn | None
    support_email: str | None

    def require_signed_in(self) -> SignedIn:
        """The signed-in person. Raises Unauthenticated or PasswordChangeRequired."""
        if self.signed_in is None:
            raise Unauthenticated
        if self.signed_in.password_change_required:
            raise PasswordChangeRequired
        return self.signed_in

    @property
    def actor(self) -> Actor:
        """Who asks, in fields below a guard."""
        return self.require_signed_in().actor
