"""Makes secrets: mints one, and hashes it off the loop, before any lock is taken."""

from dataclasses import dataclass

from keys.hashing import HashingPool, HashingQueueFull, HashingShareFull
from keys.refusals import TooManyRequests
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
    """A secret that nobody has seen yet, with what is kept of it."""

    minted: Minted
    secret_hash: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """What new secrets are made with. One argon2 run each, in a pool with a bounded queue."""

    server_keys: ServerKeys
    prefix: str
    pool: HashingPool

    async def prepare(
        self, *, party: Party | None = None, public_id: str | None = None, is_urgent: bool = False
    ) -> Prepared:
        """
        A new secret for this party, of a new key or, for a rotation, of the key with this public id.

        Raises TooManyRequests where too many are being made at once.
        """
        minted = mint(self.server_keys, self.prefix, public_id=public_id)
        try:
            return Prepared(minted, await self.pool.hash(minted.secret.reveal(), party=party, is_urgent=is_urgent))
        except HashingShareFull:
            raise TooManyRequests(OWN_SHARE_FULL, retry_after_seconds=5) from None
        except HashingQueueFull:
            raise TooManyRequests(QUEUE_FULL, retry_after_seconds=5) from None
