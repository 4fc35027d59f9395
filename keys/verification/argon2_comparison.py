"""
Compares a secret with argon2 hashes: for keys that have no digest, or one that no longer applies.

Usually that is a key's first verification since digests exist, or since its server key was replaced. Each key's secrets
are compared one at a time, and results are cached, so that a job that sends an old secret again and again, which never
gets a digest, does not fill the queue.
"""

from collections.abc import Callable, Sequence

from keys.cache import TwoGenerationCache
from keys.hashing import HashingPool
from keys.secret_digest import SecretDigests
from keys.turns import Party
from keys.verification.shared_runs import Runs

RESULTS_REMEMBERED = 100_000
SECRETS_WAITING_AT_MOST = 32
"""How many different secrets of one key may wait for argon2 at the same time, in each of the lines below."""
CURRENT_BY_ITS_END, NOT_SEEN_YET, WRONG_BEFORE = LINES = range(3)
"""The lines in which secrets of one key wait for argon2. A line is served only while those before it are empty."""
NONE_MATCHES = -1
OfferDigest = Callable[[str, str, str], None]
"""Takes the id of a key, one of its argon2 hashes, and the digest of the secret that matched this hash."""


class Argon2Comparison:
    """Compares secrets with hashes in the pool. A match is offered to `offer_digest`."""

    def __init__(
        self,
        pool: HashingPool,
        digests: SecretDigests,
        *,
        offer_digest: OfferDigest | None,
        results_remembered: int = RESULTS_REMEMBERED,
    ) -> None:
        self._pool = pool
        self._digests = digests
        self._offer_digest = offer_digest
        self._results = TwoGenerationCache[str, bool](results_remembered)
        self._runs = Runs[int](SECRETS_WAITING_AT_MOST, lines=len(LINES))

    async def which(
        self,
        key_id: str,
        secret: str,
        hashes: Sequence[str],
        *,
        server_key_id: str,
        party: Party,
        is_current_by_its_end: bool,
    ) -> int:
        """
        Returns the index in `hashes` of the hash that the secret matches, or NONE_MATCHES.

        `server_key_id` names the server key that tagged the secret, which also makes its digest. A secret that ends
        like the current one goes first, so that old secrets, however many wait, don't delay it. Raises HashingQueueFull
        and TooManyWaiting.
        """
        # A digest stands for the pair of a secret and a hash in the cache, too: strangers can't construct collisions.
        pairs = [self._digests.make(server_key_id, hashed, secret) for hashed in hashes]
        text = self._digests.make(server_key_id, "", secret)
        found = self._known(pairs)
        if found is None:
            found = await self._runs.result(
                key_id,
                "".join(pairs).encode(),
                lambda: self._find_out(secret, pairs, hashes, party),
                line=self._line(text, is_current_by_its_end=is_current_by_its_end),
            )
        if found == NONE_MATCHES:
            # A rotation changes the stored hashes, so that all old secrets are compared again. They then wait behind
            # secrets that were not seen before.
            self._results.put(text, True)
        elif self._offer_digest is not None:
            self._offer_digest(key_id, hashes[found], pairs[found])
        return found

    def _line(self, text: str, *, is_current_by_its_end: bool) -> int:
        if is_current_by_its_end:
            return CURRENT_BY_ITS_END
        return NOT_SEEN_YET if self._results.get(text) is None else WRONG_BEFORE

    def _known(self, pairs: Sequence[str]) -> int | None:
        """The result from the cache, or None where the cache does not have all of it."""
        for place, pair in enumerate(pairs):
            found = self._results.get(pair)
            if found is None:
                return None
            if found:
                return place
        return NONE_MATCHES

    async def _find_out(self, secret: str, pairs: Sequence[str], hashes: Sequence[str], party: Party) -> int:
        """Runs argon2 for each pair that is not in the cache. `_runs` runs this once at a time for each key."""
        for place, (pair, hashed) in enumerate(zip(pairs, hashes, strict=True)):
            found = self._results.get(pair)
            if found is None:
                found = await self._pool.verify(hashed, secret, party=party)
                self._results.put(pair, found)
            if found:
                return place
        return NONE_MATCHES
