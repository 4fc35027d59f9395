"""Finds the token that a program presents, and what its program may do."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import Actor, Program, Right, RoleGrant
from keys.program_token import Kind, ProgramTokens
from keys.refusals import Unauthenticated
from models.engine.database import Database
from models.engine.reader import Reader
from models.person import MembershipRecord
from models.tokens.program_token import PresentedToken, mark_token_used, token_with_digest, token_with_id

USE_STORED_EVERY = timedelta(seconds=30)
"""A token's last use is stored at most this often, so that what is shown is at most a minute old."""
TOKEN_NOT_VALID = "This token is not valid. It may have expired or been revoked."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class AuthenticatedProgram:
    """
    A program whose token works, with its rights at the time of this request. They are read again for each request.

    `membership` is a service token's role in its organization; None for an operator token.
    """

    actor: Actor
    token_id: UUID
    last_used_at: datetime | None
    membership: MembershipRecord | None


async def authenticated(
    reader: Reader, tokens: ProgramTokens, text: str, *, now: datetime, address: str | None
) -> AuthenticatedProgram | None:
    """
    The program that presents this token; None if the token is unknown, has expired, or was revoked.

    Takes one query if the token was made here, else none.
    """
    digest = tokens.digest(text)
    found = None if digest is None else await token_with_digest(reader, digest)
    if found is None or not found.works(now):
        return None
    return AuthenticatedProgram(_actor(found, address), found.id, found.last_used_at, found.membership)


async def with_current_token(session: AsyncSession, actor: Actor, program: Program, *, now: datetime) -> Actor:
    """
    The actor with the current role or rights of their token.

    Raises Unauthenticated if the token has expired or was revoked since the request began.
    """
    found = await token_with_id(session, program.token_id)
    if found is None or not found.works(now):
        raise Unauthenticated(TOKEN_NOT_VALID)
    return _actor(found, actor.address)


def is_use_to_be_stored(last_used_at: datetime | None, now: datetime) -> bool:
    """Whether the token's last use should be stored again."""
    return last_used_at is None or now - last_used_at >= USE_STORED_EVERY


async def note_used(database: Database, token_id: UUID, *, now: datetime) -> None:
    """Stores that the token is in use. Don't await it in a request, because it waits for the database's writers."""
    async with database.transaction() as session:
        await mark_token_used(session, token_id, at=now, unless_since=now - USE_STORED_EVERY)


def _actor(token: PresentedToken, address: str | None) -> Actor:
    if token.kind == Kind.OPERATOR:
        held = {Right.PROVISION: token.may_provision, Right.SIGN_IN: token.may_sign_in}
        rights = frozenset(right for right, is_held in held.items() if is_held)
        return Actor(None, {}, address, Program(token.id, token.name, rights))
    actor = Actor(None, {}, address, Program(token.id, token.name))
    place = token.membership
    if place is None:
        return actor
    return replace(actor, roles={place.organization.id: RoleGrant(place.role, place.agent_ids)})
