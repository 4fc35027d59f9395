"""
Makes new secrets, their hashes and their digests.

Callers do this before they take any database lock, because argon2 is slow.
"""

from dataclasses import dataclass

from keys.hashing import HashingPool, HashingQueueFull, HashingShareFull
from keys.refusals import TooManyRequests
from keys.secret_digest import SecretDigests
from keys.token import Minted, ServerKeys, mint
from keys.turns import Party

OWN_SHARE_FULL = (
    "Your organization is creating or rotating too many API keys at once. Nothing was changed. "
    "Wait until some of them are done, then try again."
)
QUEUE_FULL = (
    "Too many API keys are being created or rotated on this server right now. Nothing was changed. "
    "Try again in a few seconds. A rotation without overlap does not wait for the others."
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A new secret that was not shown to anybody yet, and the hash and the keyed digest of it that are stored."""

    minted: Minted
    secret_hash: str
    secret_digest: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """Makes secrets with the given prefix. Each takes one argon2 run in the pool, whose queue is bounded."""

    server_keys: ServerKeys
    prefix: str
    pool: HashingPool

    async def prepare(
        self, *, party: Party | None = None, public_id: str | None = None, is_urgent: bool = False
    ) -> Prepared:
        """
        Makes a secret for a new key or, for a rotation, for the key with this `public_id`.

        Raises TooManyRequests if the party's organization, or the whole server, has too many waiting at once.
        """
        minted = mint(self.server_keys, self.prefix, public_id=public_id)
        try:
            secret_hash = await self.pool.hash(minted.secret.reveal(), party=party, is_urgent=is_urgent)
        except HashingShareFull:
            raise TooManyRequests(OWN_SHARE_FULL, retry_after_seconds=5) from None
        except HashingQueueFull:
            raise TooManyRequests(QUEUE_FULL, retry_after_seconds=5) from None
        digests = SecretDigests(self.server_keys)
        return Prepared(minted, secret_hash, digests.make(minted.server_key_id, secret_hash, minted.secret.reveal()))
