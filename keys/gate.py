"""
Owns the hot path: what was presented -> Verdict.

By rising cost: the form, the tag, one shared read of the row, argon2id once a key and process, and the limiter, which
alone keeps count. What argon2 found
is remembered as *this text matched, or did not match, that stored hash*; the stored hash is read again every time, so
nothing is ever invalidated and there is no time to live.
"""

import asyncio
import secrets
from collections.abc import Collection
from hashlib import blake2b

from keys.form import examine
from keys.hashing import HashingPool, HashingQueueFull
from keys.limiter import LimiterUnavailable, Taking
from keys.limits import Limits
from keys.memo import Memo
from keys.token import PREFIX_LENGTH_AT_MOST, PUBLIC_ID_LENGTH, TAIL_LENGTH, ServerKeys, parse, verify_tag
from keys.verdict import Outcome, Verdict, Wanted, judge_agent, judge_limits
from models.verification import DatabaseUnavailable, KeyReader, KeyState

KEY_LENGTH_AT_MOST = PREFIX_LENGTH_AT_MOST + 1 + PUBLIC_ID_LENGTH + 1 + TAIL_LENGTH
MEMO_ENTRIES = 400_000
"""Two for a key that is used; an entry takes about 150 bytes."""


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
        self._running: dict[str, asyncio.Task[bool]] = {}

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
                await self._matches(public_id, key, text, None)
                return Verdict(Outcome.INVALID_KEY, "tagged by us, but no key has this public id")
            if state.is_deleted:
                return Verdict(Outcome.DELETED_KEY, "the key was deleted", state)
            by_previous = False
            if not await self._matches(public_id, key, text, state.secret_hash):
                previous = state.previous_secret_hash
                by_previous = previous is not None and await self._matches(public_id, key, text, previous)
                if not by_previous:
                    return _without_living_secret(state)
            verdict = judge_agent(state, wanted, require_agent=self._require_agent)
            if verdict.outcome is not Outcome.GOOD or self._limiter is None:
                return verdict
            decision = await self._limiter.take(state.key_id, Limits(state.rate_limit, state.monthly_quota))
        except DatabaseUnavailable:
            return Verdict(Outcome.UNAVAILABLE, "the database can't be asked")
        except HashingQueueFull:
            return Verdict(Outcome.UNAVAILABLE, "too many keys wait for their first hash")
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

    async def _matches(self, public_id: str, key: str, text: bytes, hashed: str | None) -> bool:
        """Whether the key's secret is the one that was hashed; None is a hash that no secret matches."""
        pair = self._digest(hashed or "", text)
        found = self._memo.get(pair)
        return await self._find_out(public_id, key, pair, hashed) if found is None else found

    async def _find_out(self, public_id: str, key: str, pair: bytes, hashed: str | None) -> bool:
        """Runs argon2, one run at a time for a key; who waited for another's run looks at the memo first."""
        while (running := self._running.get(public_id)) is not None:
            await asyncio.wait([running])
            if (found := self._memo.get(pair)) is not None:
                return found
        # A task of its own: when the caller hangs up, what was found is remembered all the same.
        task = asyncio.ensure_future(self._hash(key, pair, hashed))
        self._running[public_id] = task
        task.add_done_callback(lambda done: self._finished(public_id, done))
        return await asyncio.shield(task)

    async def _hash(self, key: str, pair: bytes, hashed: str | None) -> bool:
        token = parse(key, self._prefixes)
        if token is None:
            raise ValueError("only what has a key's form is hashed")
        if hashed is None:
            await self._pool.hash(token.secret.reveal())
            found = False
        else:
            found = await self._pool.verify(hashed, token.secret.reveal())
        self._memo.put(pair, found)
        return found

    def _finished(self, public_id: str, task: asyncio.Task[bool]) -> None:
        del self._running[public_id]
        if not task.cancelled():
            task.exception()  # asked for, so that a caller that hung up leaves no complaint

    def _digest(self, text: str, context: bytes = b"") -> bytes:
        """A keyed digest: what is remembered can't be read as a secret, nor chosen by a stranger to collide."""
        return blake2b(context + text.encode(), digest_size=32, key=self._digest_key).digest()


def _without_living_secret(state: KeyState) -> Verdict:
    """The tag proves that we issued it for this key: unless a rotation replaced it, it was never stored."""
    if state.was_rotated:
        return Verdict(Outcome.REPLACED_SECRET, "the secret was replaced by a rotation, and its overlap is over", state)
    return Verdict(Outcome.INVALID_KEY, "tagged by us, but the key has another secret")
