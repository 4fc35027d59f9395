"""
Finds the program behind a GraphQL request by its bearer token (RFC 6750): a service token or an operator token.

With such a token, the cookies of a request are not read. An `Authorization` of another scheme is ignored, because
browsers add one where a proxy asks for a password.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from app.client_address import Addresses, Headers
from app.graphql.errors import Code, RequestRefused
from app.tokens.last_seen import LastSeenWriter
from keys import policy
from keys.program_token import ProgramTokens
from keys.refusals import Forbidden
from keys.token import parse
from models.engine.database import Database
from models.engine.reader import Reader
from resolvers.provisioning.sign_in_links import Entered
from resolvers.services import PeopleServices
from resolvers.tokens.authentication import (
    TOKEN_NOT_VALID,
    AuthenticatedProgram,
    authenticated,
    is_use_to_be_stored,
    note_used,
)
from resolvers.viewer import SignedIn

CHALLENGE = [(b"www-authenticate", b'Bearer realm="keydesk", error="invalid_token"')]
API_KEY_SENT = (
    "This is an API key, which is for requests to agents. API keys can't manage API keys: send a service token or an "
    "operator token."
)


def bearer_token(headers: Headers) -> str | None:
    """
    The token in the request's `Authorization: Bearer …`, whose scheme may be in any case; None if there is none.

    Empty, which no token is, if there are several `Authorization` headers and one of them is such a header.
    """
    values = [value.decode("latin-1").strip() for name, value in headers if name == b"authorization"]
    found = [value[len("bearer") :].strip() for value in values if value.lower().split(" ", 1)[0] == "bearer"]
    if not found:
        return None
    return found[0] if len(values) == 1 else ""


class Programs:
    """Finds the programs behind requests."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        tokens: ProgramTokens,
        *,
        key_prefixes: tuple[str, ...],
        addresses: Addresses,
        clock: Callable[[], datetime],
        standing_changed: Callable[[UUID], None],
    ) -> None:
        """`standing_changed` is called with the person whose role a program has changed."""
        self._reader = reader
        self._tokens = tokens
        self._key_prefixes = key_prefixes
        self._addresses = addresses
        self._clock = clock
        self._standing_changed = standing_changed
        self._used = LastSeenWriter(partial(_note_used, database), "tokens")

    async def visit(self, scope: Mapping[str, Any], token: str) -> "ProgramIdentity":
        """The program that presents this token. Takes one query. Raises RequestRefused if the token does not work."""
        headers, peer, now = scope["headers"], scope.get("client"), self._clock()
        address = self._addresses.of(headers, None if peer is None else peer[0])
        program = await authenticated(self._reader, self._tokens, token, now=now, address=address)
        if program is None:
            is_api_key = parse(token, self._key_prefixes) is not None
            message = API_KEY_SENT if is_api_key else TOKEN_NOT_VALID
            raise RequestRefused(401, message, code=Code.UNAUTHENTICATED, headers=CHALLENGE)
        if is_use_to_be_stored(program.last_used_at, now):
            self._used.note(program.token_id, now)
        return ProgramIdentity(program, self._standing_changed)

    async def close(self) -> None:
        """Waits until the last uses of tokens are stored."""
        await self._used.close()


async def _note_used(database: Database, token_id: UUID, now: datetime) -> None:
    await note_used(database, token_id, now=now)


@dataclass(frozen=True, slots=True)
class ProgramIdentity:
    """
    The program behind one request (`schema.context.RequestIdentity`).

    Nobody is signed in, and nobody can: everything about accounts and sessions raises Forbidden.
    """

    program: AuthenticatedProgram
    _standing_changed: Callable[[UUID], None]

    @property
    def signed_in(self) -> SignedIn | None:
        """None: a program is nobody who signs in."""
        return None

    def standing_changed(self, person_id: UUID) -> None:
        """Ends the streams of a person whose role has changed, where they no longer hold."""
        self._standing_changed(person_id)

    async def sign_in(self, email: str, password: str) -> SignedIn:
        """Raises Forbidden."""
        self._refuse()

    async def accept_invitation(self, token: str, name: str | None, password: str | None) -> SignedIn:
        """Raises Forbidden."""
        self._refuse()

    async def request_password_reset(self, services: PeopleServices, email: str) -> None:
        """Raises Forbidden."""
        self._refuse()

    async def reset_password(self, token: str, new_password: str) -> SignedIn:
        """Raises Forbidden."""
        self._refuse()

    async def enter(self, token: str, *, replaces_session: bool) -> Entered:
        """Raises Forbidden."""
        self._refuse()

    async def sign_out(self) -> None:
        """Raises Forbidden."""
        self._refuse()

    async def change_password(self, signed_in: SignedIn, current_password: str, new_password: str) -> SignedIn:
        """Raises Forbidden."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise Forbidden(policy.denial_message(self.program.actor))
