"""
Limits that all connections of a process share: how many are open, in all and from one address, and how long each may
take to send a request.
"""

import asyncio
import ipaddress
import logging
import resource
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.client_address import Network, is_trusted, normalized
from app.observability.paced_log import Paced
from app.serving.stopping import Stop

logger = logging.getLogger("keydesk.connections")

FROM_ONE_ADDRESS = 500
"""Connections from one address at the same time. An IPv6 /64 counts as one address: one client usually has it all."""
FEWEST_IN_ALL = 64
KEPT_FREE = 256
"""File descriptors that are reserved for the database, Redis, mail and files."""
NO_LIMIT = 65_536
"""The number that is used if the system sets no limit on file descriptors."""
REASONS_AT_MOST = 100
"""More reasons for closing a connection than there are, so that each has its own line in the log."""
TOO_MANY_FROM_ONE = "too many from one address; if the address is your proxy's, add it to KEYDESK_TRUSTED_PROXIES"
_IPV6_CLIENT = 64


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that a client may take. They limit the cost of slow or silent clients, and never affect healthy ones."""

    head: float = 10
    """From the opening of the connection, or the first byte of a request, to the end of the request's head."""
    body: float = 30
    """From the end of the head to the end of the body."""
    unread: float = 60
    """How long a client may read nothing of an answer."""
    last_words: float = 1
    """
    How long a connection that is closed goes on reading, so that the client can receive the answer. While the server
    stops: how long a request that has begun to arrive may take to arrive.
    """
    last_idle: float = 1.5
    """
    How long an idle connection stays open while the server stops.

    A request that comes meanwhile is answered and closes the connection. Closed at once, an idle connection would often
    meet a request that is on its way.
    """


class Places:
    """
    Counts open connections, in all and by address.

    `in_all` and `from_one` are the limits. Addresses in `exempt` count only in all, because a trusted proxy carries the
    connections of many clients.
    """

    def __init__(
        self, *, in_all: int | None = None, from_one: int = FROM_ONE_ADDRESS, exempt: Sequence[Network] = ()
    ) -> None:
        self._in_all = connections_in_all() if in_all is None else in_all
        self._from_one = from_one
        self._exempt = tuple(exempt)
        self._open = 0
        self._by_address: Counter[str] = Counter()

    def take(self, host: str | None) -> str | None:
        """Counts a new connection. Returns None if it is allowed, else the reason why it is not."""
        if self._open >= self._in_all:
            return "too many connections in all"
        address = self._counted(host)
        if address is not None:
            if self._by_address[address] >= self._from_one:
                return TOO_MANY_FROM_ONE
            self._by_address[address] += 1
        self._open += 1
        return None

    def give_back(self, host: str | None) -> None:
        """Counts a closed connection. `host` is the one that was given to `take`."""
        self._open -= 1
        address = self._counted(host)
        if address is not None:
            self._by_address[address] -= 1
            if self._by_address[address] <= 0:
                del self._by_address[address]

    def _counted(self, host: str | None) -> str | None:
        address = normalized(host)
        if address is None or is_trusted(address, self._exempt):
            return None
        if ":" in address:
            return str(ipaddress.ip_network((address, _IPV6_CLIENT), strict=False))
        return address


class ClosedLog:
    """Logs why connections were closed: one line a minute for each reason, with the number of connections."""

    def __init__(self) -> None:
        self._paced = Paced(of_a_kind=1, in_all=REASONS_AT_MOST)

    def note(self, reason: str) -> None:
        """Counts one more connection. A reason is one of this program's sentences, never a text that a client sent."""
        left_out = self._paced.admits(reason)
        if left_out is not None:
            total = left_out + 1
            facts = {"closed": total, "reason": reason}
            logger.warning("closed %d connection(s): %s", total, reason, extra={"facts": facts})


class Writes:
    """
    Writes complete answers one after the other, when the event loop turns next.

    Each write can wake the client. If answers were written as they are made, a client such as a gateway would be woken
    for each of them; this takes a tenth of the processor time of a verification.
    """

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def soon(self, write: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Calls `write` before anything that is scheduled after this."""
        if not self._waiting:
            loop.call_soon(self._write)
        self._waiting.append(write)

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for write in waiting:
            try:
                write()
            except Exception as error:  # the other connections still get their answers
                said = {"message": "An answer could not be written", "exception": error}
                asyncio.get_running_loop().call_exception_handler(said)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits, deadlines, log and stop that all connections of a process share."""

    places: Places = field(default_factory=Places)
    deadlines: Deadlines = field(default_factory=Deadlines)
    log: ClosedLog = field(default_factory=ClosedLog)
    stop: Stop = field(default_factory=Stop)
    writes: Writes = field(default_factory=Writes)


def raise_descriptor_limit() -> None:
    """Raises this process's limit on open files as far as it may, because the usual 1,024 are few for a server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = NO_LIMIT if hard == resource.RLIM_INFINITY else min(hard, NO_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_in_all() -> int:
    """The number of connections that this process accepts at the same time, from its limit on open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = NO_LIMIT if soft == resource.RLIM_INFINITY else soft
    return max(FEWEST_IN_ALL, files - KEPT_FREE, files // 2)
