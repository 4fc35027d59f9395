"""Programs with tokens, which send GraphQL requests to a site."""

from datetime import UTC, datetime, timedelta
from typing import Any

from keys.program_token import Kind, ProgramTokens
from keys.token import ServerKeys
from models import Role
from models.tokens.program_token import ProgramToken, add_token
from tests.support.client import SERVER_KEY, Client, Site

SERVICE_TOKENS = ("admin token", "agent admin token", "globex token")
OPERATOR_TOKENS = ("provisioning token", "sign-in token", "operator token")
PROGRAMS = (*SERVICE_TOKENS, *OPERATOR_TOKENS)
"""Service tokens with the roles that Ada and Grace have in Acme and Eve in Globex, and operator tokens."""
ROLES = {
    "admin token": ("acme", Role.ORGANIZATION_ADMIN, ()),
    "agent admin token": ("acme", Role.AGENT_ADMIN, ("own", "retired")),
    "globex token": ("globex", Role.ORGANIZATION_ADMIN, ()),
}
RIGHTS = {
    "provisioning token": {"may_provision": True},
    "sign-in token": {"may_sign_in": True},
    "operator token": {"may_provision": True, "may_sign_in": True},
}


def program_tokens(server_key: str = SERVER_KEY, *prefixes: str) -> ProgramTokens:
    """What makes the tokens of a site."""
    return ProgramTokens(ServerKeys((server_key.encode(),)), prefixes or ("kd",))


async def stored_token(site: Site, which: str, /, **columns: Any) -> tuple[ProgramToken, str]:
    """
    Stores a token of PROGRAMS, which works for 90 days. Returns its row and the token.

    `server_key` is that of the site, if it is another one than usual.
    """
    server_key: str = columns.pop("server_key", SERVER_KEY)
    is_service = which in ROLES
    organization, role, agents = ROLES.get(which, (None, None, ()))
    made = program_tokens(server_key).make(Kind.SERVICE if is_service else Kind.OPERATOR)
    now = datetime.now(UTC)
    row = ProgramToken(
        kind=Kind.SERVICE if is_service else Kind.OPERATOR,
        organization_id=None if organization is None else getattr(site.world, organization).id,
        name=which,
        role=role,
        prefix=made.prefix,
        public_id=made.public_id,
        last_four=made.last_four,
        digest=made.digest,
        server_key_id=made.server_key_id,
        created_at=now,
        created_by_id=site.world.ada.id if is_service else None,
        expires_at=now + timedelta(days=36_500),
    )
    for column, value in {**RIGHTS.get(which, {}), **columns}.items():
        setattr(row, column, value)
    async with site.database.transaction() as session:
        await add_token(session, row, [getattr(site.world, agent).id for agent in agents])
    return row, made.token.reveal()


async def program(site: Site, which: str, /, **columns: Any) -> Client:
    """A program that sends a new token of PROGRAMS."""
    _, token = await stored_token(site, which, **columns)
    return await site.browser(authorization=f"Bearer {token}")
