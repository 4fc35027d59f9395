"""A server of OpenAI's chat completions, of which a test writes every answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.http.small_server import small_server

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the model: its first line, its headers in lower case, and its body."""

    line: str
    headers: dict[str, str]
    body: str

    @property
    def message(self) -> str:
        """What the model was told after the instruction."""
        content: str = json.loads(self.body)["messages"][-1]["content"]
        return content

    @property
    def offered(self) -> list[str]:
        """The ids that the model may choose."""
        lines = self.message.partition("Ids:\n")[2].partition("\n\n")[0]
        return [line.partition(" = ")[0] for line in lines.splitlines()]


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None] | None]


@dataclass(slots=True)
class ModelServer:
    """The address of the server, and what it was asked."""

    url: str
    requests: list[Request] = field(default_factory=list)


@asynccontextmanager
async def model_server(answer: Answer) -> AsyncIterator[ModelServer]:
    """Calls `answer` for each request. Yields the server."""
    server = ModelServer("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        request = Request(first, headers, body)
        server.requests.append(request)
        result = answer(request, writer)
        if result is not None:
            await result

    async with small_server(serve) as port:
        server.url = f"http://127.0.0.1:{port}/v1"
        yield server


def chat(content: Any) -> bytes:
    """The body of an answer with this content."""
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def answering(body: bytes, *, status: str = "200 OK", kind: str = JSON, more: str = "") -> Answer:
    """Answers each request with this body."""

    def answer(_request: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        writer.write(head.encode() + body)

    return answer


def saying(content: Any) -> Answer:
    """Answers each request with this content."""
    return answering(chat(content))
