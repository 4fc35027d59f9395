"""Clients that share a proxy: people with a key and a session of their own, and strangers who send tricks."""

import asyncio
import json
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.support.http.client import request_bytes
from tests.support.http.tricks import OWN, Answered, Pause, Reset, Trick
from tests.support.tenant_setup import Tenant

GIVE_UP_SECONDS = 30.0
PAUSE_SECONDS = 0.002
SILENCE_SECONDS = 0.03
"""How long a stranger reads on after its answer. It bounds the number of tricks."""
SECRETS_OF_OTHERS = re.compile(rb"own_[0-9a-f]{32}|key_[0-9a-f]{32}|kd_[0-9A-Za-z]{8}|@example\.com")
"""Parts of every answer to a victim, and of no answer to a client without a key and a session."""
CREATE = """
mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
  __typename ... on ApiKeyIssued { secret apiKey { id name } } } }
"""
DELETED = b'{"data":{"deleteApiKey":{"__typename":"ApiKeyDeleted"}}}'
DELETE = "mutation ($input: DeleteApiKeyInput!) { deleteApiKey(input: $input) { __typename } }"


@dataclass(frozen=True, slots=True)
class Received:
    """An answer as read from the connection."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Found:
    """The findings of a race."""

    tricks: int = 0
    answers: int = 0
    """The number of answers to victims."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Requests of victims that a proxy got no answer for, by the proxy's own answer."""
    leaks: list[str] = field(default_factory=list)
    """Bytes that a client received and that belong to another."""


class Client:
    """A connection to the proxy that is opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._opened: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Received:
        """Sends one request. Raises ConnectionError or IncompleteReadError if no answer arrives."""
        if self._opened is None:
            self._opened = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._opened
        try:
            writer.write(request)
            received = await read_answer(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            raise
        if received.headers.get("connection", "").lower() == "close":
            self.close()
        return received

    def close(self) -> None:
        """Closes the connection."""
        if self._opened is not None:
            self._opened[1].transport.abort()
        self._opened = None


async def read_answer(reader: asyncio.StreamReader) -> Received:
    """The next final answer."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        status = int(first.split()[1])
        if status >= 200:
            break
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(status, headers, body)


@dataclass(frozen=True, slots=True)
class Person:
    """A person with a key and a session, and the answer of `/v1/verify` to their key."""

    tenant: Tenant
    agent_id: str
    secret: str
    verified: dict[str, str | None]
    email: str


class Victim:
    """Requests its own data again and again, and reports each answer that belongs to another client."""

    def __init__(self, person: Person, port: int, found: Found) -> None:
        self._person = person
        self._client = Client(port)
        self._found = found
        self._seen: set[str] = set()

    async def go_on_until(self, done: asyncio.Event, order: random.Random) -> None:
        """Sends one request after the other."""
        ways = [self._verify, self._verify, self._view, self._view, self.create]
        while not done.is_set():
            try:
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    await order.choice(ways)()
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                self._found.unanswered[type(error).__name__] += 1
            except (TimeoutError, ValueError) as error:
                self._client.close()
                self._found.leaks.append(f"no answer that can be read: {error!r}")
            await asyncio.sleep(order.random() * 0.004)
        self._client.close()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    async def _verify(self) -> None:
        person = self._person
        headers = {"Authorization": f"Bearer {person.secret}", "X-Agent-Id": person.agent_id}
        received = await self._ask(request_bytes("GET", "/v1/verify", headers))
        if received is None:
            return
        request_id = received.headers.get("x-request-id", "")
        expected = json.dumps({**person.verified, "requestId": request_id}, separators=(",", ":")).encode()
        fresh = request_id not in self._seen
        self._seen.add(request_id)
        if (received.status, received.body, fresh) != (200, expected, True):
            self._found.leaks.append(f"to a verification: {received}")

    async def _view(self) -> None:
        alias = f"own_{uuid4().hex}"
        received = await self._graphql(f"{{ {alias}: viewer {{ user {{ email }} }} }}", {})
        expected = json.dumps({"data": {alias: {"user": {"email": self._person.email}}}}, separators=(",", ":"))
        if received is not None and (received.status, received.body) != (200, expected.encode()):
            self._found.leaks.append(f"to a query with {alias}: {received}")

    async def create(self) -> None:
        """Creates a key, and deletes it."""
        name = f"own_{uuid4().hex}"
        wanted = {"organizationId": self._person.tenant.id, "name": name, "scope": "ORGANIZATION"}
        received = await self._graphql(CREATE, {"input": wanted})
        if received is None:
            return
        issued = _issued(received.body)
        if issued is None or issued["apiKey"]["name"] != name or issued["secret"] in self._seen:
            self._found.leaks.append(f"to a creation of {name}: {received}")
            return
        self._seen.add(issued["secret"])
        deleted = await self._graphql(DELETE, {"input": {"id": issued["apiKey"]["id"]}})
        if deleted is not None and deleted.body != DELETED:
            self._found.leaks.append(f"to a deletion: {deleted}")

    async def _graphql(self, query: str, variables: dict[str, object]) -> Received | None:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Cookie": f"keydesk_session={self._person.tenant.session_token}",
        }
        body = json.dumps({"query": query, "variables": variables}).encode()
        return await self._ask(request_bytes("POST", "/graphql", headers, body))

    async def _ask(self, request: bytes) -> Received | None:
        """Returns None if the proxy itself reports that it got no answer."""
        received = await self._client.ask(request)
        if received.status in {502, 503, 504} and "x-request-id" not in received.headers:
            self._found.unanswered[str(received.status)] += 1
            return None
        self._found.answers += 1
        return received


def _issued(body: bytes) -> dict[str, Any] | None:
    """The result of a creation; None if this is something else."""
    try:
        issued = json.loads(body)["data"]["createApiKey"]
    except (ValueError, KeyError, TypeError):
        return None
    return issued if isinstance(issued, dict) and "secret" in issued else None


class Stranger:
    """A client without a key or a session, which sends tricks."""

    def __init__(self, port: int, found: Found) -> None:
        self._port = port
        self._found = found

    async def try_all(self, tricks: Sequence[Trick], order: random.Random) -> None:
        """Sends each trick, followed by a request whose answer is known."""
        for trick in tricks:
            await asyncio.sleep(order.random() * 0.002)
            received = await self._try(trick)
            self._found.tricks += 1
            answers = len(re.findall(rb"HTTP/1\.[01] [2-5]\d\d ", received))
            if answers > trick.answers_at_most:
                self._found.leaks.append(f"{trick}: {answers} answers: {received!r}")
            if SECRETS_OF_OTHERS.search(received) or b"malformed_key" in received:
                self._found.leaks.append(f"{trick}: somebody else's answer: {received!r}")
            await self._ask(trick)

    async def _try(self, trick: Trick) -> bytes:
        received = bytearray()
        with suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                for step in trick.steps:
                    if isinstance(step, bytes):
                        writer.write(step)
                    elif step is Pause:
                        await asyncio.sleep(PAUSE_SECONDS)
                    elif step is Answered:
                        await _listen(reader, received, until=1)
                    elif step is Reset:
                        writer.get_extra_info("socket").setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )
                        writer.transport.abort()
                        return bytes(received)
                await _listen(reader, received, until=trick.answers_at_most + 1)
            finally:
                writer.transport.abort()
        return bytes(received)

    async def _ask(self, trick: Trick) -> None:
        """Sends an ordinary request, whose answer must not contain another client's data."""
        client = Client(self._port)
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                received = await client.ask(OWN)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            self._found.unanswered[type(error).__name__] += 1
        except (TimeoutError, ValueError) as error:
            self._found.leaks.append(f"after {trick}: no answer that can be read: {error!r}")
        else:
            if received.status in {502, 503, 504} and "x-request-id" not in received.headers:
                self._found.unanswered[str(received.status)] += 1
            elif received.status != 401 or b"missing_key" not in received.body:
                self._found.leaks.append(f"after {trick}: {received}")
        finally:
            client.close()


async def _listen(reader: asyncio.StreamReader, received: bytearray, *, until: int) -> None:
    """Reads until this many answers have begun, the connection ends, or nothing more arrives."""
    with suppress(TimeoutError, ConnectionError):
        while received.count(b"HTTP/1.") < until:
            async with asyncio.timeout(SILENCE_SECONDS):
                part = await reader.read(65536)
            if not part:
                return
            received += part


async def race(port: int, people: Sequence[Person], tricks: Sequence[Trick], *, strangers: int, seed: int) -> Found:
    """All clients at once through the proxy at this port, until each stranger has sent every trick."""
    found, done = Found(), asyncio.Event()
    victims = [
        asyncio.create_task(Victim(person, port, found).go_on_until(done, random.Random(f"{seed} {place}")))
        for place, person in enumerate(people)
    ]
    tried = []
    for number in range(strangers):
        order = random.Random(seed * 1000 + number)
        tried.append(Stranger(port, found).try_all(order.sample(tricks, len(tricks)), order))
    try:
        await asyncio.gather(*tried)
    finally:
        done.set()
        await asyncio.gather(*victims)
    return found


async def rounds(port: int, person: Person, trick: Trick, *, count: int) -> list[list[str]]:
    """The leaks of each round: a key is issued to a person while strangers send this trick and an ordinary request."""
    leaks = []
    for number in range(count):
        found, order = Found(), random.Random(number)
        victim, strangers = Victim(person, port, found), [Stranger(port, found) for _ in range(3)]
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await asyncio.gather(victim.create(), *(stranger.try_all([trick], order) for stranger in strangers))
        victim.close()
        leaks.append(found.leaks)
    return leaks
