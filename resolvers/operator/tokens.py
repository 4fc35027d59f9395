"""Creates, lists and revokes tokens of programs, for the operator."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.policy import OPERATOR, Right
from keys.program_token import Kind, ProgramTokens
from keys.refusals import InvalidInput
from keys.token import Secret
from models.engine.ids import Prefix, parse_external_id
from models.session import end_sessions_of_token
from models.sign_in_link import delete_links_of_token
from models.tokens.program_token import ProgramToken, add_token, mark_revoked, operator_tokens, token_for_update
from resolvers.operator.lookup import Declined
from resolvers.tokens.lifetime import checked_days
from resolvers.tokens.service_tokens import record_revocation

NO_RIGHT = "Choose what the token may do: --can provision, --can sign-in, or both."
LIST_THEM = "List all operator tokens: keydesk token list"


async def create_token(
    session: AsyncSession, tokens: ProgramTokens, *, name: str, rights: Collection[Right], days: int, now: datetime
) -> tuple[ProgramToken, Secret]:
    """Creates an operator token. Returns its row and the token, which is stored nowhere. Raises InvalidInput."""
    name, days = valid_name(name), checked_days(days, "days")
    if not rights:
        raise InvalidInput("can", NO_RIGHT)
    made = tokens.make(Kind.OPERATOR)
    row = ProgramToken(
        kind=Kind.OPERATOR,
        name=name,
        may_provision=Right.PROVISION in rights,
        may_sign_in=Right.SIGN_IN in rights,
        prefix=made.prefix,
        public_id=made.public_id,
        last_four=made.last_four,
        digest=made.digest,
        server_key_id=made.server_key_id,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    await add_token(session, row)
    return row, made.token


async def list_tokens(session: AsyncSession) -> list[ProgramToken]:
    """All operator tokens, newest first, with those that have expired or were revoked."""
    return await operator_tokens(session)


async def revoke_token(session: AsyncSession, text: str, *, now: datetime) -> ProgramToken:
    """
    Revokes the token with this id, or the only operator token with exactly this name that was not revoked yet.

    Requests that begin after this are refused. Links that an operator token made, and the sessions that they began, end
    with it. Revoking a token again changes nothing. Raises Declined.
    """
    row = await token_for_update(session, await _token_id(session, text))
    if row is None:
        raise Declined(f"There is no such token. {LIST_THEM}")
    if row.revoked_at is None:
        mark_revoked(session, row, at=now, by=None)
        await end_sign_ins(session, row)
        await record_revocation(session, OPERATOR, row, now=now)
    return row


async def end_sign_ins(session: AsyncSession, row: ProgramToken) -> None:
    """Deletes the links that the token made, and the sessions that they began. Its row must be locked and revoked."""
    await delete_links_of_token(session, row.id)
    await end_sessions_of_token(session, row.id)


async def _token_id(session: AsyncSession, text: str) -> UUID:
    token_id = parse_external_id(Prefix.TOKEN, text)
    if token_id is not None:
        return token_id
    named = [each for each in await operator_tokens(session) if each.name == text and each.revoked_at is None]
    if not named:
        # The text is not repeated: it may be a token.
        raise Declined(f"There is no operator token with this id or name. {LIST_THEM}")
    if len(named) > 1:
        raise Declined(f"There are {len(named)} operator tokens with this name. Use the id of one. {LIST_THEM}")
    return named[0].id
