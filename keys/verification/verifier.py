"""
Verifies presented keys: the hot path of /v1/verify.

The checks run in order of rising cost: the form, the tag, a read of the key's row (on PostgreSQL one query for all that
wait), the keyed digest of the secret, and the limiter, which is the only part that counts. Nothing is cached, so a
process that has just started answers as fast as any other. argon2id runs only where the row has no digest that applies:
docs/decisions/tag-digest-argon2.md.
"""

from collections.abc import Collection

from keys.hashing import HashingPool, HashingQueueFull
from keys.limits.limiter import Consumer, LimiterUnavailable
from keys.limits.sliding_window import Limits
from keys.outcomes import Outcome
from keys.secret_digest import SecretDigests
from keys.token import PREFIX_LENGTH_AT_MOST, PUBLIC_ID_LENGTH, TAIL_LENGTH, ServerKeys, Token, parse, verify_tag
from keys.turns import Party
from keys.verification.argon2_comparison import (
    NONE_MATCHES,
    RESULTS_REMEMBERED,
    Argon2Comparison,
    OfferDigest,
)
from keys.verification.malformed import examine
from keys.verification.shared_runs import TooManyWaiting
from keys.verification.verdict import RequestedAgent, Verdict, judge_agent, judge_limits
from models.key_lookup import DatabaseUnavailable, KeyReader, KeyState

KEY_LENGTH_AT_MOST = PREFIX_LENGTH_AT_MOST + 1 + PUBLIC_ID_LENGTH + 1 + TAIL_LENGTH
CURRENT, PREVIOUS = 0, 1
_NO_HASH = "$argon2id$v=19$m=19456,t=2,p=1$" + "0" * 66
"""As long as a stored hash."""


class KeyVerifier:
    """
    Verifies keys. A change in the database takes effect at the next verification.

    Without a limiter, nothing is counted and no limit applies: for callers that only want to know about the key.
    `offer_digest` is called for each good secret that has no digest yet.
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
        offer_digest: OfferDigest | None = None,
        results_remembered: int = RESULTS_REMEMBERED,
    ) -> None:
        self._server_keys = server_keys
        self._prefixes = tuple(prefixes)
        self._reader = reader
        self._limiter = limiter
        self._require_agent = require_agent
        self._digests = SecretDigests(server_keys)
        self._argon2 = Argon2Comparison(
            pool, self._digests, offer_digest=offer_digest, results_remembered=results_remembered
        )

    async def verify(self, key: str, wanted: RequestedAgent) -> Verdict:
        """Returns the verdict on one presented key for the requested agent. An outage gives a verdict, not an error."""
        token = parse(key, self._prefixes) if len(key) <= KEY_LENGTH_AT_MOST else None
        if token is None:
            return self._malformed(key)
        server_key_id = verify_tag(self._server_keys, token)
        if server_key_id is None:
            return Verdict(
                Outcome.INVALID_KEY, "the tag is not valid: the key is mistyped, made up, or from another installation"
            )
        try:
            state = await self._reader.read(token.public_id, wanted.agent_id, wanted.external_id)
            if state is None:
                # As much work as for a wrong secret, so that response times don't reveal which public ids exist.
                self._digests.make(server_key_id, _NO_HASH, token.secret.reveal())
                return Verdict(Outcome.INVALID_KEY, "the tag is valid, but no key has this public id")
            if state.is_deleted:
                return Verdict(Outcome.DELETED_KEY, "the key was deleted", state)
            matched = self._by_digest(state, token)
            if matched is None:
                matched = await self._by_argon2(state, token, server_key_id)
            if matched == NONE_MATCHES:
                return _without_living_secret(state)
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
        return judge_limits(verdict, decision, by_previous_secret=matched == PREVIOUS)

    def _malformed(self, key: str) -> Verdict:
        malformed = examine(key, self._prefixes)
        return Verdict(Outcome.MALFORMED_KEY, f"malformed: {malformed.error}", malformed=malformed)

    def _by_digest(self, state: KeyState, token: Token) -> int | None:
        """Returns CURRENT, PREVIOUS or NONE_MATCHES; None if the digests of the row can't tell."""
        secret = token.secret.reveal()
        is_current = self._digests.matches(state.secret_digest, state.secret_hash, secret)
        if is_current:
            return CURRENT
        if state.previous_secret_hash is None:
            return None if is_current is None else NONE_MATCHES
        is_previous = self._digests.matches(state.previous_secret_digest, state.previous_secret_hash, secret)
        if is_previous:
            return PREVIOUS
        return None if is_current is None or is_previous is None else NONE_MATCHES

    async def _by_argon2(self, state: KeyState, token: Token, server_key_id: str) -> int:
        """Returns CURRENT, PREVIOUS or NONE_MATCHES. Compares only with hashes whose digest does not apply."""
        secret = token.secret.reveal()
        stored = ((state.secret_hash, state.secret_digest), (state.previous_secret_hash, state.previous_secret_digest))
        hashes = {
            place: hashed
            for place, (hashed, digest) in enumerate(stored)
            if hashed is not None and self._digests.matches(digest, hashed, secret) is None
        }
        found = await self._argon2.which(
            state.key_id,
            secret,
            tuple(hashes.values()),
            server_key_id=server_key_id,
            party=Party(state.organization_id, None),
            is_current_by_its_end=bool(state.last_four) and token.tag.reveal().endswith(state.last_four),
        )
        return found if found == NONE_MATCHES else tuple(hashes)[found]


def _without_living_secret(state: KeyState) -> Verdict:
    """
    The verdict on a secret with a valid tag that matches no stored hash.

    The tag proves that this installation issued the secret for this public id. If the key was rotated, the secret was
    replaced; otherwise it was never stored.
    """
    if state.was_rotated:
        return Verdict(Outcome.REPLACED_SECRET, "the secret was replaced by a rotation, and its overlap is over", state)
    return Verdict(Outcome.INVALID_KEY, "the tag is valid, but the key has another secret")
