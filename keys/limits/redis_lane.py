"""
One connection to Redis or Valkey, on which the script `limiter.lua` counts, and what all connections know of it.

Redis holds an epoch id, the "name" of its memory. After an outage the recovering process writes its usage to the
database and sets a new name; a process that sees another name tells Redis anew what the database has.
"""

import secrets
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from keys.cache import Memo
from keys.limits.limiter import Decision, Exceeded
from keys.limits.sliding_window import Balance, Limits, Month, month_of
from keys.token import Secret

SCRIPT = (Path(__file__).parent / "limiter.lua").read_text(encoding="utf-8")
SCRIPT_DIGEST = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
PREFIX = "keydesk:limits"
KEYS_REMEMBERED = 400_000
NAME_BYTES = 8
NAMELESS = bytes(NAME_BYTES)
PROBING = b"\xff" * NAME_BYTES
"""In the place of a name: the script does all that it does for a new key, and counts nothing."""
NOT_KNOWN = 2**32 - 1
_REQUEST = Struct(">16sIIIB")
_HEAD = Struct(f">{NAME_BYTES}sII")
_ANSWER = Struct(">BIIII")
IS_NOT_KNOWN = 3
_EXCEEDED = {0: None, 1: Exceeded.RATE_LIMIT, 2: Exceeded.QUOTA}


class Emptied(Exception):
    """Redis has lost what it knew."""


class Question(NamedTuple):
    key_id: str
    limits: Limits
    told: Memo[str]
    """The memo of the month that is asked for, and of the name that was known then."""
    written: int
    """What the ledger has of that month, or NOT_KNOWN."""
    looks: bool


class Memory:
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


class Lane:
    """One connection."""

    def __init__(self, connection: AbstractConnection, memory: Memory) -> None:
        self._connection = connection
        self._memory = memory

    async def answers(self, questions: Sequence[Question]) -> list[Decision | None]:
        """
        A decision for each; None where it has to be asked again, as when the month's count has to be told first. Raises
        Emptied.
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
            raise Emptied
        at = seconds * 1000 + milliseconds
        self._memory.seen(name, at)
        if len(answer) == _HEAD.size:
            return [None] * len(questions)
        decisions = (_decision(each, month, at) for each in _ANSWER.iter_unpack(memoryview(answer)[_HEAD.size :]))
        return [decision if each.told is told else None for each, decision in zip(questions, decisions, strict=True)]

    async def probe(self) -> None:
        """
        Returns where Redis can count: the script itself is run as for a new key, and counts nothing.

        That Redis answers is no proof: its user may not be allowed to run scripts. Raises RedisError or OSError.
        """
        month = self._memory.month
        while True:
            before = month_of(month.start * 1000 - 1)
            request = _REQUEST.pack(bytes(16), 1, 1, 0, True)
            answer = await self._run(month.start, month.end, before.start, PROBING, request)
            if len(answer) > _HEAD.size:
                return
            month = month_of(_HEAD.unpack_from(answer)[1] * 1000)

    async def probe_all(self) -> None:
        """Returns where Redis also takes names, and the script where it does not have it yet. Raises the same."""
        await self._command("SET", f"{PREFIX}:probe", b"", "EX", 1)
        await self._command("EVAL", SCRIPT, 1, PREFIX, 0, 0, 0, PROBING, b"")
        await self.probe()

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


def make_lanes(url: Secret, memory: Memory, number: int) -> list[Lane]:
    """Connections that are opened when they are needed. Raises ValueError for what is not an address of a Redis."""
    # One attempt a command: whether to try again is decided by whoever asks.
    options = {"protocol": 2, "socket_timeout": None, "retry": Retry(NoBackoff(), 0)}
    pool = ConnectionPool.from_url(url.reveal(), **options)
    return [Lane(pool.connection_class(**pool.connection_kwargs), memory) for _ in range(number)]
