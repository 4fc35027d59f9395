"""
Bounds on connections, shared by all connections of one process: how many, how many from one address, and how long
each may take to send a request.
"""

import ipaddress
import logging
import resource
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.client_address import Network, is_trusted, normalized

logger = logging.getLogger("keydesk.connections")

FROM_ONE_ADDRESS = 500
"""Open at the same time. An IPv6 client usually has a /64 network for itself, which counts as one address."""
FEWEST_IN_ALL = 64
KEPT_FREE = 256
"""File descriptors that connections leave for the database, Redis, mail and files."""
NO_LIMIT = 65_536
"""Taken where the system sets no limit on file descriptors."""
LINE_SECONDS = 60.0
"""There is at most one log line of a kind in this time; it says how many there were since the one before."""
TOO_MANY_FROM_ONE = "too many from one address; if it is your proxy's, name it in KEYDESK_TRUSTED_PROXIES"
_IPV6_CLIENT = 64


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that a client may take. They bound what a slow or silent client costs; a healthy one never meets them."""

    head: float = 10
    """From a connection's beginning, or a request's first byte, until its head is complete."""
    body: float = 30
    """From the complete head until the complete body."""
    unread: float = 60
    """How long nothing of an answer may be taken off the socket."""
    last_words: float = 1
    """How long a connection that is closed goes on reading, so that the client gets to see the answer."""


class Places:
    """
    Counts open connections, in all and by address.

    `in_all` and `from_one` are the greatest numbers of each. Addresses in `exempt` count only in all: a trusted proxy
    carries many clients.
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
        """Counts one more connection. Returns None where there is a place, else why there is none."""
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
        """Counts one less. `host` is what was given to `take`."""
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


class PacedLog:
    """Writes what strangers can cause without end: one line a minute for each kind, with how many there were."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}
        self._left_out: Counter[str] = Counter()

    def note(self, kind: str) -> None:
        """One more of a kind. The kinds are ours: nothing that a client sent is ever one."""
        now = time.monotonic()
        if now < self._next.get(kind, 0.0):
            self._left_out[kind] += 1
            return
        self._next[kind] = now + LINE_SECONDS
        total = self._left_out.pop(kind, 0) + 1
        logger.warning("closed %d connection(s): %s", total, kind, extra={"facts": {"closed": total, "reason": kind}})


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process allows its clients."""

    places: Places = field(default_factory=Places)
    deadlines: Deadlines = field(default_factory=Deadlines)
    log: PacedLog = field(default_factory=PacedLog)


def raise_descriptor_limit() -> None:
    """Raises this process's limit on open files as far as it may: the usual 1,024 are few for a server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = NO_LIMIT if hard == resource.RLIM_INFINITY else min(hard, NO_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_in_all() -> int:
    """How many connections this process takes at the same time: what its limit on open files leaves room for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = NO_LIMIT if soft == resource.RLIM_INFINITY else soft
    return max(FEWEST_IN_ALL, files - KEPT_FREE, files // 2)
