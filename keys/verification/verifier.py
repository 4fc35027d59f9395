"""
The hot path: what was presented -> Verdict.

By rising cost: the form, the tag, one shared read of the row, argon2id once a key and process, and the limiter, which
alone keeps count. What argon2 found is remembered as *this text matched, or did not match, that stored hash*; the
stored hash is read again every time, so nothing is ever invalidated and there is no time to live.
"""

import secrets
from collections.abc import Collection, Sequence
from hashlib import blake2b

from keys.cache import Memo
from keys.hashing import HashingPool, HashingQueueFull
from keys.limits.limiter import LimiterUnavailable, Taking
from keys.limits.sliding_window import Limits
from keys.token import PREFIX_LENGTH_AT_MOST, PUBLIC_ID_LENGTH, TAIL_LENGTH, ServerKeys, parse, verify_tag
from keys.turns import NOBODY, Party
from keys.verification.malformed import examine
from keys.verification.shared_runs import Runs, TooManyWaiting
from keys.verification.verdict import Outcome, Verdict, Wanted, judge_agent, judge_limits
from models.key_lookup import DatabaseUnavailable, KeyReader, KeyState

KEY_LENGTH_AT_MOST = PREFIX_LENGTH_AT_MOST + 1 + PUBLIC_ID_LENGTH + 1 + TAIL_LENGTH
MEMO_ENTRIES = 400_000
"""Two for a key that is used; an entry takes about 150 bytes."""
SECRETS_WAITING_AT_MOST = 32
"""Different secrets of one key that wait for argon2 in each of the lines below at the same time."""
CURRENT_BY_ITS_END, NOT_SEEN_YET, WRONG_BEFORE = LINES = range(3)
"""The lines in which secrets of one key wait for argon2. A line is served when those before it are empty."""
NONE_MATCHES = -1


class Gate:
    """
    Answers whether a key is good. Has no state that outlives a change in the database.

    Without a limiter nothing is counted and no limit holds: for who only wants to know about the key.
    """

    def __init__(
        self,
        *,
        server_keys: ServerKeys,
        prefixes: Collection[str],
        reader: KeyReader,
        pool: HashingPool,
        limiter: Taking | None,
        require_agent: bool = False,
        memo_entries: int = MEMO_ENTRIES,
    ) -> None:
        self._server_keys = server_keys
        self._prefixes = tuple(prefixes)
        self._reader = reader
        self._pool = pool
        self._limiter = limiter
        self._require_agent = require_agent
        self._memo = Memo[bytes](memo_entries)
        self._digest_key = secrets.token_bytes(32)
        self._runs = Runs[int](SECRETS_WAITING_AT_MOST, lines=len(LINES))

    async def check(self, key: str, wanted: Wanted) -> Verdict:
        """The verdict on one presented key, for the agent that the request is for."""
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
                # At the cost of a wrong secret, so that nobody learns from the time which ids there are.
                await self._which(public_id, key, text, (None,), NOBODY, "")
                return Verdict(Outcome.INVALID_KEY, "tagged by us, but no key has this public id")
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
            decision = await self._limiter.take(state.key_id, Limits(state.rate_limit, state.monthly_quota))
        except DatabaseUnavailable:
            return Verdict(Outcome.UNAVAILABLE, "the database can't be asked")
        except HashingQueueFull:
            return Verdict(Outcome.UNAVAILABLE, "too many keys wait for their first hash")
        except TooManyWaiting:
            return Verdict(Outcome.UNAVAILABLE, "too many different secrets of this key wait for their first hash")
        except LimiterUnavailable:
            return Verdict(Outcome.UNAVAILABLE, "the limiter can't be asked, and nothing passes without it here")
        return judge_limits(verdict, decision, by_previous_secret=by_previous)

    def _refused_by_itself(self, key: str) -> Verdict | None:
        """What form and tag alone say against a key: the same for as long as the process has its server keys."""
        token = parse(key, self._prefixes)
        if token is None:
            return self._malformed(key)
        if verify_tag(self._server_keys, token) is None:
            return Verdict(Outcome.INVALID_KEY, "the tag is not ours: mistyped, invented, or another installation's")
        return None

    def _malformed(self, key: str) -> Verdict:
        malformed = examine(key, self._prefixes)
        return Verdict(Outcome.MALFORMED_KEY, f"malformed: {malformed.fault}", malformed=malformed)

    async def _which(
        self, public_id: str, key: str, text: bytes, hashes: tuple[str | None, ...], party: Party, last_four: str
    ) -> int:
        """
        The place of the hash that the secret matches, or NONE_MATCHES; None is a hash that no secret matches.

        Old secrets do not end like the current one, so however many of them wait, the current one goes first.
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
            # After a rotation, all secrets before it have to be compared again. They let others go first then.
            self._memo.put(self._digest("wrong before", text), True)
        return found

    def _line(self, key: str, text: bytes, last_four: str) -> int:
        if key.endswith(last_four) and last_four:
            return CURRENT_BY_ITS_END
        return NOT_SEEN_YET if self._memo.get(self._digest("wrong before", text)) is None else WRONG_BEFORE

    def _known(self, pairs: Sequence[bytes]) -> int | None:
        """What the memo says, where it can be told from that."""
        for place, pair in enumerate(pairs):
            found = self._memo.get(pair)
            if found is None:
                return None
            if found:
                return place
        return NONE_MATCHES

    async def _find_out(self, key: str, pairs: Sequence[bytes], hashes: Sequence[str | None], party: Party) -> int:
        """Runs argon2 where the memo has nothing. Of a key, one such search is under way at a time."""
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
        """A keyed digest: what is remembered can't be read as a secret, nor chosen by a stranger to collide."""
        return blake2b(context + text.encode(), digest_size=32, key=self._digest_key).digest()


def _without_living_secret(state: KeyState) -> Verdict:
    """The tag proves that we issued it for this key: unless a rotation replaced it, it was never stored."""
    if state.was_rotated:
        return Verdict(Outcome.REPLACED_SECRET, "the secret was replaced by a rotation, and its overlap is over", state)
    return Verdict(Outcome.INVALID_KEY, "tagged by us, but the key has another secret")
