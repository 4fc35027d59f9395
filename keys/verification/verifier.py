"""
Verifies presented keys: the hot path of /v1/verify.

The checks run in order of rising cost: the form, the tag, a read of the key's row (on PostgreSQL one query for all that
wait), argon2id (once for each key in each process), and the limiter, which is the only part that counts. The cache
remembers whether a presented text matched a certain stored hash. The stored hash is read again every time, so entries
never need to be invalidated and have no time to live.
"""

import secrets
from collections.abc import Collection, Sequence
from hashlib import blake2b

from keys.cache import TwoGenerationCache
from keys.hashing import HashingPool, HashingQueueFull
from keys.limits.limiter import Consumer, LimiterUnavailable
from keys.limits.sliding_window import Limits
from keys.outcomes import Outcome
from keys.token import PREFIX_LENGTH_AT_MOST, PUBLIC_ID_LENGTH, TAIL_LENGTH, ServerKeys, parse, verify_tag
from keys.turns import NOBODY, Party
from keys.verification.malformed import examine
from keys.verification.shared_runs import Runs, TooManyWaiting
from keys.verification.verdict import RequestedAgent, Verdict, judge_agent, judge_limits
from models.key_lookup import DatabaseUnavailable, KeyReader, KeyState

KEY_LENGTH_AT_MOST = PREFIX_LENGTH_AT_MOST + 1 + PUBLIC_ID_LENGTH + 1 + TAIL_LENGTH
MEMO_ENTRIES = 400_000
"""A key in use takes two entries, of about 150 bytes each."""
SECRETS_WAITING_AT_MOST = 32
"""How many different secrets of one key may wait for argon2 at the same time, in each of the lines below."""
CURRENT_BY_ITS_END, NOT_SEEN_YET, WRONG_BEFORE = LINES = range(3)
"""The lines in which secrets of one key wait for argon2. A line is served only while those before it are empty."""
NONE_MATCHES = -1


class KeyVerifier:
    """
    Verifies keys. A change in the database takes effect at the next verification.

    Without a limiter, nothing is counted and no limit applies: for callers that only want to know about the key.
    """

    def __init__(
        self,
        *,
        server_keys: ServerKeys,
        prefixes: Collection[str],
        reader: KeyReader,
        pool: HashingPool,
        limiter: Consumer | None,
        require_agent: bool = False,
        memo_entries: int = MEMO_ENTRIES,
    ) -> None:
        self._server_keys = server_keys
        self._prefixes = tuple(prefixes)
        self._reader = reader
        self._pool = pool
        self._limiter = limiter
        self._require_agent = require_agent
        self._memo = TwoGenerationCache[bytes, bool](memo_entries)
        self._digest_key = secrets.token_bytes(32)
        self._runs = Runs[int](SECRETS_WAITING_AT_MOST, lines=len(LINES))

    async def verify(self, key: str, wanted: RequestedAgent) -> Verdict:
        """Returns the verdict on one presented key for the requested agent. An outage gives a verdict, not an error."""
        if len(key) > KEY_LENGTH_AT_MOST:
            return self._malformed(key)
        text = self._digest(key)
        if self._memo.get(text) is None:
            if (refused := self._refused_by_itself(key)) is not None:
                return refused
            self._memo.put(text, True)
        public_id = key.split("_", 2)[1]
        try:
            state = await self._reader.read(public_id, wanted.agent_id)
            if state is None:
                # Takes as long as a wrong secret, so that response times don't reveal which public ids exist.
                await self._which(public_id, key, text, (None,), NOBODY, "")
                return Verdict(Outcome.INVALID_KEY, "the tag is valid, but no key has this public id")
            if state.is_deleted:
                return Verdict(Outcome.DELETED_KEY, "the key was deleted", state)
            previous = state.previous_secret_hash
            hashes = (state.secret_hash,) if previous is None else (state.secret_hash, previous)
            party = Party(state.organization_id, None)
            matched = await self._which(public_id, key, text, hashes, party, state.last_four)
            if matched == NONE_MATCHES:
                return _without_living_secret(state)
            by_previous = matched == 1
            verdict = judge_agent(state, wanted, require_agent=self._require_agent)
            if verdict.outcome is not Outcome.GOOD or self._limiter is None:
                return verdict
            decision = await self._limiter.consume(state.key_id, Limits(state.rate_limit, state.monthly_quota))
        except DatabaseUnavailable:
            return Verdict(Outcome.UNAVAILABLE, "the database can't be read")
        except HashingQueueFull:
            return Verdict(Outcome.UNAVAILABLE, "too many keys are waiting for their first check")
        except TooManyWaiting:
            return Verdict(
                Outcome.UNAVAILABLE, "too many different secrets of this key are waiting for their first check"
            )
        except LimiterUnavailable:
            return Verdict(Outcome.UNAVAILABLE, "the limiter is not available, and KEYDESK_LIMITER_FAILURE is closed")
        return judge_limits(verdict, decision, by_previous_secret=by_previous)

    def _refused_by_itself(self, key: str) -> Verdict | None:
        """
        The refusal that follows from the key's form or tag, or None.

        It depends on the text and the server keys only, so a text that passed once is not checked again.
        """
        token = parse(key, self._prefixes)
        if token is None:
            return self._malformed(key)
        if verify_tag(self._server_keys, token) is None:
            return Verdict(
                Outcome.INVALID_KEY, "the tag is not valid: the key is mistyped, made up, or from another installation"
            )
        return None

    def _malformed(self, key: str) -> Verdict:
        malformed = examine(key, self._prefixes)
        return Verdict(Outcome.MALFORMED_KEY, f"malformed: {malformed.error}", malformed=malformed)

    async def _which(
        self, public_id: str, key: str, text: bytes, hashes: tuple[str | None, ...], party: Party, last_four: str
    ) -> int:
        """
        Returns the index in `hashes` of the hash that the secret matches, or NONE_MATCHES.

        A hash of None matches no secret, but checking it takes as long. A secret that ends like the current one goes
        first, so that old secrets, however many wait, don't delay it.
        """
        pairs = [self._digest(hashed or "", text) for hashed in hashes]
        if (known := self._known(pairs)) is not None:
            return known
        found = await self._runs.result(
            public_id,
            b"".join(pairs),
            lambda: self._find_out(key, pairs, hashes, party),
            line=self._line(key, text, last_four),
        )
        if found == NONE_MATCHES:
            # A rotation changes the stored hashes, so that all old secrets are compared again. They then wait behind
            # secrets that were not seen before.
            self._memo.put(self._digest("wrong before", text), True)
        return found

    def _line(self, key: str, text: bytes, last_four: str) -> int:
        if key.endswith(last_four) and last_four:
            return CURRENT_BY_ITS_END
        return NOT_SEEN_YET if self._memo.get(self._digest("wrong before", text)) is None else WRONG_BEFORE

    def _known(self, pairs: Sequence[bytes]) -> int | None:
        """The result of `_which` from the cache, or None where the cache does not have all of it."""
        for place, pair in enumerate(pairs):
            found = self._memo.get(pair)
            if found is None:
                return None
            if found:
                return place
        return NONE_MATCHES

    async def _find_out(self, key: str, pairs: Sequence[bytes], hashes: Sequence[str | None], party: Party) -> int:
        """Runs argon2 for each pair that is not in the cache. `_runs` runs this once at a time for each key."""
        token = parse(key, self._prefixes)
        if token is None:
            raise ValueError("only what has a key's form is hashed")
        for place, (pair, hashed) in enumerate(zip(pairs, hashes, strict=True)):
            found = self._memo.get(pair)
            if found is None:
                if hashed is None:
                    await self._pool.hash(token.secret.reveal())
                found = hashed is not None and await self._pool.verify(hashed, token.secret.reveal(), party=party)
                self._memo.put(pair, found)
            if found:
                return place
        return NONE_MATCHES

    def _digest(self, text: str, context: bytes = b"") -> bytes:
        """A keyed digest (BLAKE2b): it does not reveal the secret, and strangers can't construct collisions."""
        return blake2b(context + text.encode(), digest_size=32, key=self._digest_key).digest()


def _without_living_secret(state: KeyState) -> Verdict:
    """
    The verdict on a secret with a valid tag that matches no stored hash.

    The tag proves that this installation issued the secret for this public id. If the key was rotated, the secret was
    replaced; otherwise it was never stored.
    """
    if state.was_rotated:
        return Verdict(Outcome.REPLACED_SECRET, "the secret was replaced by a rotation, and its overlap is over", state)
    return Verdict(Outcome.INVALID_KEY, "the tag is valid, but the key has another secret")
