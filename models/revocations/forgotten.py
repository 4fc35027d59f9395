"""Finds what the journal says is dead and the database has alive, and what ended that the journal does not hold."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.api_key import ApiKey
from models.revocations.line import Revoked, fingerprint
from models.tokens.program_token import ProgramToken

AT_A_TIME = 500
TOMBSTONES_AT_A_TIME = 5_000
SecretState = tuple[str | None, str | None, datetime | None]
"""The stored hash of a key's secret, that of its previous secret, and the instant until which that works."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """
    A key that the database has alive although it was deleted, or although one of its secrets was replaced; or, if
    `is_token`, a token of a program that works although it was revoked.

    `deleted_at` is when the key was deleted or the token revoked, if it was. `replaced` has the instant from which each
    dead secret of a key is refused, by fingerprint. An operator token has no organization.
    """

    key_id: UUID
    organization_id: UUID | None
    public_id: str
    deleted_at: datetime | None
    replaced: dict[str, datetime]
    is_token: bool = False

    def within(self, revoked: Revoked) -> "Forgotten | None":
        """What of this is still revoked; None if nothing is."""
        deleted_at = self.deleted_at if self.public_id in revoked.deleted else None
        dead = revoked.secrets.get(self.public_id, {})
        replaced = {name: at for name, at in self.replaced.items() if name in dead}
        return replace(self, deleted_at=deleted_at, replaced=replaced) if deleted_at or replaced else None


def dead_secrets(state: SecretState, dead: dict[str, datetime]) -> dict[str, datetime]:
    """Those secrets of a key that work, or work for longer, although they were replaced."""
    current, previous, works_until = state
    found = {}
    if current is not None and (name := fingerprint(current)) in dead:
        found[name] = dead[name]
    if previous is not None and works_until is not None:
        name = fingerprint(previous)
        if name in dead and works_until > dead[name]:
            found[name] = dead[name]
    return found


async def forgotten_revocations(session: AsyncSession, revoked: Revoked) -> list[Forgotten]:
    """What of these revocations is not in effect in the database. Asks for some hundred keys at a time."""
    found: list[Forgotten] = []
    public_ids = sorted(revoked.deleted.keys() | revoked.secrets.keys())
    for some in (public_ids[place : place + AT_A_TIME] for place in range(0, len(public_ids), AT_A_TIME)):
        rows = await session.execute(
            select(
                col(ApiKey.id),
                col(ApiKey.organization_id),
                col(ApiKey.public_id),
                col(ApiKey.secret_hash),
                col(ApiKey.previous_secret_hash),
                col(ApiKey.previous_works_until),
            ).where(col(ApiKey.public_id).in_(some), col(ApiKey.deleted_at).is_(None))
        )
        for key_id, organization_id, public_id, current, previous, works_until in rows:
            deleted_at = revoked.deleted.get(public_id)
            replaced = dead_secrets((current, previous, works_until), revoked.secrets.get(public_id, {}))
            if deleted_at is not None or replaced:
                found.append(Forgotten(key_id, organization_id, public_id, deleted_at, replaced))
        found += await _forgotten_tokens(session, some, revoked)
    return found


async def _forgotten_tokens(session: AsyncSession, public_ids: Sequence[str], revoked: Revoked) -> list[Forgotten]:
    """Those of these tokens that the database has not revoked. Keys and tokens have no public id in common."""
    rows = await session.execute(
        select(col(ProgramToken.id), col(ProgramToken.organization_id), col(ProgramToken.public_id)).where(
            col(ProgramToken.public_id).in_(public_ids), col(ProgramToken.revoked_at).is_(None)
        )
    )
    return [
        Forgotten(token_id, organization_id, public_id, revoked.deleted[public_id], {}, is_token=True)
        for token_id, organization_id, public_id in rows
        if public_id in revoked.deleted
    ]


async def unrecorded_deletions(session: AsyncSession, recorded: Collection[str]) -> Sequence[tuple[str, datetime]]:
    """The public ids of deleted keys and revoked tokens that are not among these, with the instant of that."""
    found: list[tuple[str, datetime]] = []
    for public_id, ended_at in (
        (col(ApiKey.public_id), col(ApiKey.deleted_at)),
        (col(ProgramToken.public_id), col(ProgramToken.revoked_at)),
    ):
        last: str | None = ""
        while last is not None:
            statement = (
                select(public_id, ended_at)
                .where(ended_at.is_not(None), public_id > last)
                .order_by(public_id)
                .limit(TOMBSTONES_AT_A_TIME)
            )
            rows = (await session.execute(statement)).all()
            found += [(each, at) for each, at in rows if at is not None and each not in recorded]
            last = rows[-1][0] if len(rows) == TOMBSTONES_AT_A_TIME else None
    return found
