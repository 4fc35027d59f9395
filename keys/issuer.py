"""Owns the making of secrets: mint one, and hash it off the loop, before any lock is taken."""

from dataclasses import dataclass

from keys.hashing import HashingPool, HashingQueueFull
from keys.refusals import TooManyRequests
from keys.token import Minted, ServerKeys, mint


@dataclass(frozen=True, slots=True)
class Prepared:
    """A secret that nobody has seen yet, with what is kept of it."""

    minted: Minted
    secret_hash: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """What new secrets are made with. One argon2 run each, in a pool with a bounded queue."""

    server_keys: ServerKeys
    prefix: str
    pool: HashingPool

    async def prepare(self, *, public_id: str | None = None) -> Prepared:
        """
        A new secret, of a new key or, for a rotation, of the key with this public id.

        Raises TooManyRequests where too many are being made at once.
        """
        minted = mint(self.server_keys, self.prefix, public_id=public_id)
        try:
            return Prepared(minted, await self.pool.hash(minted.secret.reveal()))
        except HashingQueueFull:
            raise TooManyRequests(
                "Too many API keys are being made at this moment. Try again in a few seconds.", retry_after_seconds=5
            ) from None
