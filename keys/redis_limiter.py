"""
Owns the limiter of many processes: one atomic script in Redis or Valkey for all requests that wait at the same moment.

Redis counts a month from what the ledger has, which each process tells it with the first request of a key. When it was
out of reach or was emptied, its memory gets another name once what passed meanwhile is written down. It counts for
those who know the name alone: upon another one, every process tells it anew.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from hashlib import sha1
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from keys.limiter import Decision, Exceeded, LimiterUnavailable
from keys.limits import Balance, Limits, Month, month_of, to_ms
from keys.local_limiter import LocalLimiter, Totals
from keys.memo import Memo
from keys.token import Secret
from models.batches import Batches

logger = logging.getLogger("keydesk.limiter")

SCRIPT = (Path(__file__).parent / "limiter.lua").read_text(encoding="utf-8")
SCRIPT_DIGEST = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
PREFIX = "keydesk:limits"
LANES = 3
TIMEOUT_SECONDS = 2.0
TRY_AGAIN_SECONDS = 0.5
KEYS_REMEMBERED = 400_000
NAME_BYTES = 8
NAMELESS = bytes(NAME_BYTES)
NOT_KNOWN = 2**32 - 1
_REQUEST = Struct(">16sIIIB")
_HEAD = Struct(f">{NAME_BYTES}sII")
_ANSWER = Struct(">BIIII")
IS_NOT_KNOWN = 3
_EXCEEDED = {0: None, 1: Exceeded.RATE_LIMIT, 2: Exceeded.QUOTA}


class _Unreachable(Exception):
    """Redis did not answer."""


class _Emptied(Exception):
    """Redis has lost what it knew."""


class _Question(NamedTuple):
    key_id: str
    limits: Limits
    told: Memo[str]
    """The memo of the month that is asked for, and of the name that was known then."""
    written: int
    """What the ledger has of that month, or NOT_KNOWN."""
    looks: bool


class _Memory:
    """What all lanes know of Redis: its clock's month, the name of its memory, and the keys that it was told of."""

    def __init__(self, month: Month) -> None:
        self.month = month
        self.name = NAMELESS
        self.told = Memo[str](KEYS_REMEMBERED)

    def forget(self) -> None:
        """Has everything told anew."""
        self.told = Memo[str](KEYS_REMEMBERED)

    def seen(self, name: bytes, at: int) -> None:
        """Takes note of the name and the clock. With another name, or in another month, nothing was told yet."""
        is_same_month = self.month.start * 1000 <= at < self.month.end * 1000
        if name != self.name or not is_same_month:
            self.name = name
            self.month = self.month if is_same_month else month_of(at)
            self.told = Memo[str](KEYS_REMEMBERED)


class _Lane:
    """One connection."""

    def __init__(self, connection: AbstractConnection, memory: _Memory) -> None:
        self._connection = connection
        self._memory = memory

    async def answers(self, questions: Sequence[_Question]) -> list[Decision | None]:
        """
        A decision for each; None where it has to be asked again, as when the month's count has to be told first. Raises
        _Emptied.
        """
        is_from_before = self._connection.is_connected
        if not is_from_before:
            await self._connection.connect()  # type: ignore[no-untyped-call]  # it has no types
            # Redis may have been started again, from what it had on disk a while ago.
            self._memory.forget()
        month, told = self._memory.month, self._memory.told
        # What was asked of another month or memory is looked at alone: it has to be asked again.
        requests = b"".join(
            _REQUEST.pack(bytes.fromhex(each.key_id), *each.limits, each.written, each.looks)
            if each.told is told
            else _REQUEST.pack(bytes.fromhex(each.key_id), *each.limits, NOT_KNOWN, True)
            for each in questions
        )
        before = month_of(month.start * 1000 - 1)
        try:
            answer = await self._run(month.start, month.end, before.start, self._memory.name, requests)
        except (RedisConnectionError, OSError):
            if not is_from_before:
                raise
            # It may have been lost since it was used last.
            await self.close()
            return [None] * len(questions)
        name, seconds, milliseconds = _HEAD.unpack_from(answer)
        if name == NAMELESS:
            raise _Emptied
        at = seconds * 1000 + milliseconds
        self._memory.seen(name, at)
        if len(answer) == _HEAD.size:
            return [None] * len(questions)
        decisions = (_decision(each, month, at) for each in _ANSWER.iter_unpack(memoryview(answer)[_HEAD.size :]))
        return [decision if each.told is told else None for each, decision in zip(questions, decisions, strict=True)]

    async def ping(self) -> None:
        """Returns where Redis answers. Raises RedisError or OSError."""
        await self._command("PING")

    async def name(self) -> None:
        """Gives the memory a name where it has none yet. Raises RedisError or OSError."""
        await self._command("SET", f"{PREFIX}:memory", secrets.token_bytes(NAME_BYTES), "NX")

    async def rename(self) -> None:
        """Gives it another, so that every process tells it anew what the ledger has. Raises RedisError or OSError."""
        await self._command("SET", f"{PREFIX}:memory", secrets.token_bytes(NAME_BYTES))

    async def close(self) -> None:
        """Drops the connection; the next command opens it anew."""
        await self._connection.disconnect(nowait=True)

    async def _run(self, *values: int | bytes) -> bytes:
        """What the script answers."""
        try:
            return await self._command("EVALSHA", SCRIPT_DIGEST, 1, PREFIX, *values)
        except NoScriptError:
            return await self._command("EVAL", SCRIPT, 1, PREFIX, *values)

    async def _command(self, *words: str | int | bytes) -> bytes:
        await self._connection.send_command(*words, check_health=False)
        answer: bytes = await self._connection.read_response(disable_decoding=True)
        return answer


def _decision(answer: tuple[int, ...], month: Month, at: int) -> Decision | None:
    outcome, remaining, resets_in, wait, used = answer
    if outcome == IS_NOT_KNOWN:
        return None
    exceeded = _EXCEEDED[outcome]
    retry_in = month.end * 1000 - at if exceeded is Exceeded.QUOTA else wait
    return Decision(exceeded, Balance(remaining, resets_in, used, month, at), retry_in)


class RedisLimiter:
    """
    Counts in Redis. While that is out of reach, each process counts by itself or, `fails_closed`, nothing passes.

    `write_ledger` is called before Redis is used again, so that it can be told what passed meanwhile.
    """

    def __init__(
        self,
        url: Secret,
        totals: Totals,
        local: LocalLimiter,
        *,
        clock: Callable[[], datetime],
        write_ledger: Callable[[], Awaitable[None]],
        fails_closed: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._totals = totals
        self._local = local
        self._write_ledger = write_ledger
        self._fails_closed = fails_closed
        self._timeout_seconds = timeout_seconds
        self._memory = _Memory(month_of(to_ms(clock())))
        # One attempt a command: whether to try again is decided here.
        options = {"protocol": 2, "socket_timeout": None, "retry": Retry(NoBackoff(), 0)}
        pool = ConnectionPool.from_url(url.reveal(), **options)
        *lanes, self._spare = [
            _Lane(pool.connection_class(**pool.connection_kwargs), self._memory) for _ in range(LANES + 1)
        ]
        self._batches = Batches[_Question, Decision | None](
            lanes, timeout_seconds=timeout_seconds, failure=_Unreachable, watcher=self
        )
        self._is_without = False
        self._recovery: asyncio.Task[None] | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether Redis is out of reach, or has to be told anew."""
        return self._is_without

    @property
    def lets_pass(self) -> bool:
        """False while that is so and nothing passes without."""
        return not (self._is_without and self._fails_closed)

    @property
    def waiting(self) -> int:
        """Requests that wait for a batch to begin."""
        return len(self._batches)

    async def start(self) -> None:
        """Tries whether Redis is there; where not, goes on without."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._spare.name()
        except (RedisError, OSError) as error:
            await self._spare.close()
            self.failed(error)

    async def close(self) -> None:
        """Closes the connections."""
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        await self._batches.close()
        await self._spare.close()

    async def take(self, key_id: str, limits: Limits) -> Decision:
        """Counts one more where both limits allow it. Raises LimiterUnavailable and DatabaseUnavailable."""
        decision = await self._decided(key_id, limits, looks=False)
        return await self._local.take(key_id, limits) if decision is None else decision

    async def look(self, key_id: str, limits: Limits) -> Balance:
        """Where the key stands, nothing counted. Raises LimiterUnavailable and DatabaseUnavailable."""
        decision = await self._decided(key_id, limits, looks=True)
        return await self._local.look(key_id, limits) if decision is None else decision.balance

    def failed(self, error: BaseException) -> None:
        """A batch was not answered: without Redis from now on, until it answers again and was told what passed."""
        if self._is_without:
            return
        goes_on = "no key passes" if self._fails_closed else "each process allows a key its whole rate limit"
        if isinstance(error, _Emptied):
            logger.error("Redis was emptied: until it is filled from the ledger, %s", goes_on)
        else:
            # The name alone: the words may hold the address.
            logger.error("Redis is out of reach (%s): until it is back, %s", type(error).__name__, goes_on)
        self._go_without()
        if self._recovery is None:
            self._recovery = asyncio.ensure_future(self._recover())

    def worked(self) -> None:
        """A batch was answered."""

    async def _decided(self, key_id: str, limits: Limits, *, looks: bool) -> Decision | None:
        """What Redis says, None while it is out of reach."""
        try:
            while not self._is_without:
                month, told, written = self._memory.month, self._memory.told, NOT_KNOWN
                if told.get(key_id) is None:
                    written = await self._totals.used(key_id, month)
                decision = await self._batches.ask(_Question(key_id, limits, told, written, looks))
                if decision is not None:
                    if written != NOT_KNOWN:
                        told.put(key_id, True)
                    return decision
                told.forget(key_id)
        except _Unreachable:
            pass
        if self._fails_closed:
            raise LimiterUnavailable
        return None

    def _go_without(self) -> None:
        if not self._is_without:
            self._is_without = True
            self._local.forget()

    async def _recover(self) -> None:
        """Until Redis answers: tries, then writes down what passed meanwhile, and has every process tell it."""
        while True:
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            try:
                await self._tell_anew()
                self._is_without = False
                # What passed here since it was written down is so now, too, before others count on without it.
                await self._tell_anew()
            except Exception:  # whatever it is, the next attempt is the answer to it
                await self._spare.close()
                self._go_without()
            if not self._is_without:
                self._recovery = None
                logger.warning("Redis answers again: limits are counted across processes")
                return

    async def _tell_anew(self) -> None:
        async with asyncio.timeout(self._timeout_seconds):
            await self._spare.ping()
        await self._write_ledger()
        async with asyncio.timeout(self._timeout_seconds):
            await self._spare.rename()
