"""Ends sessions when the identity provider says so (OpenID Connect Back-Channel Logout 1.0)."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from keys.sso.tokens import LEEWAY, LOGOUT_TOKEN_AGE, LogoutToken
from models.engine.database import Database
from models.person import person_for_update
from models.session import end_provider_sessions, people_with_provider_session
from models.sso.identity import identity_of
from models.sso.used_once import use_once
from resolvers.sso.sign_in import session_digest

KEPT = LOGOUT_TOKEN_AGE + 2 * LEEWAY + timedelta(minutes=1)
"""After this time, a logout token is refused because of its age."""


async def end_sessions_at_provider(
    database: Database, token: LogoutToken, *, issuer: str, now: datetime
) -> list[UUID] | None:
    """
    Ends the sessions that the provider began: of one of its own sessions, if the token names it, else of the person.

    Returns the people; None if the token was used before. Sessions that a password began go on.
    """
    used = hashlib.sha256(f"logout_token {issuer} {token.id}".encode("utf-8", "replace")).hexdigest()
    digest = session_digest(token.session)
    async with database.transaction() as session:
        if not await use_once(session, used, expires_at=now + KEPT):
            return None
        linked = None if token.subject is None else await identity_of(session, issuer, token.subject)
        if token.subject is not None:
            found = [] if linked is None else [(linked.person.id, linked.identity.id)]
        else:
            found = await people_with_provider_session(session, digest or "")
        for person_id, identity_id in sorted(found):
            await person_for_update(session, person_id)
            await end_provider_sessions(session, identity_id, provider_session_digest=digest)
    return [person_id for person_id, _ in found]
