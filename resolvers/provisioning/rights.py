"""Checks the right of a program that provisions or signs people in, again in the transaction of what it does."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.policy import Action, Actor
from resolvers.services import with_current_roles


async def require_current_right(session: AsyncSession, actor: Actor, action: Action, *, now: datetime) -> None:
    """Raises Unauthenticated if the actor's token was revoked meanwhile, and Forbidden if it has no such right."""
    policy.require_right(await with_current_roles(session, actor, now), action)
