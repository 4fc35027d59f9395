"""Opens connections to the Redis that counts: at a fixed address, or at the one that sentinels name."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from keys.limits.sentinel_url import SentinelUrl, is_sentinel_url, parse_sentinel_url
from keys.token import Secret

SENTINEL_TIMEOUT_SECONDS = 0.5
LOOK_EVERY_SECONDS = 2.0
"""How often the sentinels are asked whether there is another primary, while requests are counted."""


class NoPrimary(RedisConnectionError):
    """No sentinel names a primary that works. The message has no addresses."""


class PrimaryMoved(RedisConnectionError):
    """The sentinels name another primary than the one that this process counts in."""


class NotAPrimary(RedisConnectionError):
    """The server that was reached is a replica."""


class RedisSource(Protocol):
    """Opens connections to Redis, one attempt each."""

    @property
    def era(self) -> int:
        """Connections from an earlier era must be closed: another server may have become the primary since."""

    def begin_era(self) -> None:
        """Begins a new era."""

    async def open(self) -> AbstractConnection:
        """Returns a new connection. Raises RedisError and OSError."""

    def check(self) -> None:
        """Called before each batch. Raises PrimaryMoved."""

    async def close(self) -> None:
        """Ends what runs in the background."""


def _options() -> dict[str, Any]:
    """One attempt for each command: the callers decide whether to try again."""
    return {"protocol": 2, "socket_timeout": None, "retry": Retry(NoBackoff(), 0)}


class FixedRedis:
    """A Redis at one address. Raises ValueError if `url` is not a valid Redis URL."""

    def __init__(self, url: Secret) -> None:
        self._pool = ConnectionPool.from_url(url.reveal(), **_options())
        self.era = 0

    def begin_era(self) -> None:
        """Begins a new era."""
        self.era += 1

    async def open(self) -> AbstractConnection:
        """Returns a new connection. Raises RedisError and OSError."""
        connection: AbstractConnection = self._pool.connection_class(**self._pool.connection_kwargs)
        await connection.connect()
        return connection

    def check(self) -> None:
        """Does nothing: there is no other server."""

    async def close(self) -> None:
        """Does nothing."""


class SentinelAnswer(NamedTuple):
    """What one sentinel knows of the primary. The answer with the highest `epoch` is the newest."""

    epoch: int
    host: str
    port: int
    is_down: bool
    """Whether the sentinels agree that it does not answer."""


class SentinelRedis:
    """
    The primary that the sentinels name, which may change at any time.

    All sentinels are asked at the same moment, and the answer of the newest epoch counts, so that a sentinel that was
    cut off from the others does not name a primary that they have replaced.
    """

    def __init__(self, url: SentinelUrl) -> None:
        self._url = url
        self.primary_now: tuple[str, int] | None = None
        """Host and port of the server that all connections of this era are to."""
        self._finding: asyncio.Task[tuple[str, int]] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self._has_moved = False
        self.era = 0

    def begin_era(self) -> None:
        """Begins a new era: each connection asks the sentinels again."""
        self.era += 1
        self._has_moved = False
        self.primary_now = None

    async def open(self) -> AbstractConnection:
        """
        Returns a new connection to the primary, which has said that it is one. Raises RedisError and OSError.

        Raises PrimaryMoved if connections of this era are to another server: they must not count in two.
        """
        era = self.era
        host, port = await self.primary()
        connection = self._connection(host=host, port=port, **self.account())
        try:
            await connection.connect()
            await _require_primary(connection)
            self._require_same(era, (host, port))
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self.primary_now = host, port
        return connection

    @property
    def is_tls(self) -> bool:
        """Whether the connections to the sentinels and to the primary use TLS."""
        return self._url.tls is not None

    def account(self) -> dict[str, Any]:
        """Arguments for a connection to the primary, without host and port."""
        password = None if self._url.password is None else self._url.password.reveal()
        return {"db": self._url.database, "username": self._url.username, "password": password, **self._tls()}

    def check(self) -> None:
        """Raises PrimaryMoved if the sentinels name another primary. Asks them again now and then, without waiting."""
        if self._has_moved:
            raise PrimaryMoved("the sentinels name another primary")
        loop = asyncio.get_running_loop()
        if self._looking is None and loop.time() - self._looked_at >= LOOK_EVERY_SECONDS:
            self._looking = asyncio.ensure_future(self._look())

    async def primary(self) -> tuple[str, int]:
        """Host and port of the primary. Connections that open at the same moment share the question."""
        if self._finding is None:
            self._finding = asyncio.ensure_future(self._find())
            self._finding.add_done_callback(self._found)
        return await asyncio.shield(self._finding)

    async def ask_all(self) -> list[SentinelAnswer | BaseException]:
        """The answer or error of each sentinel, in the order of the address."""
        return await asyncio.gather(*(self._ask(*each) for each in self._url.sentinels), return_exceptions=True)

    async def close(self) -> None:
        """Ends the questions to the sentinels."""
        tasks = [task for task in (self._finding, self._looking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._finding = self._looking = None

    def _require_same(self, era: int, opened: tuple[str, int]) -> None:
        """Raises PrimaryMoved unless this connection may be used beside the others of the era."""
        if era != self.era:
            raise PrimaryMoved("a new era has begun while a connection was opened")
        if self.primary_now not in {None, opened}:
            self._has_moved = True
            raise PrimaryMoved("the sentinels name another primary")

    async def _look(self) -> None:
        try:
            found = await self.primary()
            self._has_moved = self.primary_now not in {None, found}
        except (RedisError, OSError):
            pass  # sentinels that are away are no reason to leave a primary that answers
        finally:
            self._looked_at = asyncio.get_running_loop().time()
            self._looking = None

    async def _find(self) -> tuple[str, int]:
        answers = newest(await self._enough_answers())
        if answers is None:
            raise NoPrimary("no sentinel names a primary")
        if answers.is_down:
            raise NoPrimary("the sentinels say that the primary is down")
        return answers.host, answers.port

    def _found(self, finding: asyncio.Task[tuple[str, int]]) -> None:
        self._finding = None
        if not finding.cancelled():
            finding.exception()  # marks it as retrieved: asyncio would log it if all callers were cancelled

    async def _enough_answers(self) -> list[SentinelAnswer]:
        """Answers of the sentinels: of more than half of them, or of all that answer in time."""
        answers: list[SentinelAnswer] = []
        asking = [asyncio.ensure_future(self._ask(*each)) for each in self._url.sentinels]
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    answers.append(await answer)
                except (RedisError, OSError):
                    continue
                if len(answers) > len(asking) // 2:
                    break
        finally:
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        return answers

    async def _ask(self, host: str, port: int) -> SentinelAnswer:
        password = self._url.sentinel_password
        connection = self._connection(
            host=host,
            port=port,
            username=self._url.sentinel_username,
            password=None if password is None else password.reveal(),
            **self._tls(),
        )
        # No client of redis-py: this task may be cancelled at any moment, also while a client closes its connections,
        # and then they would stay open.
        try:
            async with asyncio.timeout(SENTINEL_TIMEOUT_SECONDS):
                await connection.connect()
                await connection.send_command("SENTINEL", "MASTER", self._url.service, check_health=False)
                return _answer(await connection.read_response(disable_decoding=True))
        finally:
            await connection.disconnect(nowait=True)

    def _connection(self, **options: Any) -> AbstractConnection:
        kind = Connection if self._url.tls is None else SSLConnection
        return kind(**options, **_options())

    def _tls(self) -> dict[str, Any]:
        return {} if self._url.tls is None else dict(self._url.tls)


async def _require_primary(connection: AbstractConnection) -> None:
    """Raises NotAPrimary if the server is a replica, as a primary becomes that the sentinels have replaced."""
    await connection.send_command("ROLE", check_health=False)
    role = await connection.read_response(disable_decoding=True)
    if role[0] != b"master":
        raise NotAPrimary("the server that the sentinels name is a replica")


def _answer(words: Sequence[bytes]) -> SentinelAnswer:
    """What a sentinel says of the primary: names and values in turn."""
    state = {name.decode(): value.decode() for name, value in zip(words[::2], words[1::2], strict=True)}
    is_down = "o_down" in state["flags"].split(",")
    return SentinelAnswer(int(state["config-epoch"]), state["ip"], int(state["port"]), is_down)


def newest(answers: list[SentinelAnswer]) -> SentinelAnswer | None:
    """The answer of the highest epoch, or None if there is none."""
    return max(answers, key=lambda answer: answer.epoch, default=None)


def redis_source(url: Secret) -> RedisSource:
    """The source of connections for this address. Raises ValueError if it is not valid."""
    text = url.reveal()
    return SentinelRedis(parse_sentinel_url(text)) if is_sentinel_url(text) else FixedRedis(url)
