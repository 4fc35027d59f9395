"""The request to the operator's model, and what no answer of its server can do."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.assistant_model.breaker import Breaker
from app.assistant_model.client import AT_ONCE_AT_MOST, ModelClient
from app.assistant_model.configuration import ModelServer
from assistant.choice import NoAnswer, Outcome
from keys.token import Secret
from tests.support.assistant.model_server import Answer, Request, answering, chat, model_server, saying

IDS = ("human", "none")
WORDS = "the marmalade is in the cupboard"


@asynccontextmanager
async def client_of(
    url: str, *, seconds: float = 10, failures: int = 1000, key: Secret | None = None
) -> AsyncIterator[ModelClient]:
    made = ModelClient(ModelServer(url, "small", key), breaker=Breaker(failures=failures), seconds=seconds)
    try:
        yield made
    finally:
        await made.close()


async def outcome_of(answer: Answer, *, seconds: float = 10) -> Outcome:
    """Why there is no answer."""
    async with model_server(answer) as server, client_of(server.url, seconds=seconds) as client:
        with pytest.raises(NoAnswer) as missing:
            await client.answer("Choose.", WORDS, IDS)
    return missing.value.outcome


async def test_the_model_is_asked_as_openai_says() -> None:
    """One request without a stream, whose answer is a few tokens."""
    async with (
        model_server(saying("human")) as server,
        client_of(server.url, key=Secret("sesame")) as client,
    ):
        assert await client.answer("Choose.", WORDS, IDS) == "human"

    [request] = server.requests
    assert request.line == "POST /v1/chat/completions HTTP/1.1"
    assert request.headers["authorization"] == "Bearer sesame"
    assert request.headers.keys() == {
        *("host", "user-agent", "accept-encoding", "connection", "content-length", "content-type", "accept"),
        "authorization",
    }
    body = json.loads(request.body)
    form = body.pop("response_format")
    assert body == {
        "model": "small",
        "messages": [{"role": "system", "content": "Choose."}, {"role": "user", "content": WORDS}],
        "temperature": 0,
        "max_tokens": 24,
    }
    assert form["type"] == "json_schema"
    assert form["json_schema"]["schema"]["properties"] == {"id": {"type": "string", "enum": ["human", "none"]}}


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Content", "500 Internal Server Error"])
@pytest.mark.parametrize("known", [["json_object", None], [None]])
async def test_a_server_is_asked_in_a_way_that_it_knows(status: str, known: list[str | None]) -> None:
    """What it refuses is asked in another way, within the same question; after that, it is asked in that way."""

    def way(request: Request) -> str | None:
        form = json.loads(request.body).get("response_format")
        return None if form is None else form["type"]

    def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        answering(chat("human"), status="200 OK" if way(request) in known else status)(request, writer)

    async with model_server(answer) as server, client_of(server.url) as client:
        for _ in range(2):
            assert await client.answer("Choose.", WORDS, IDS) == "human"

    tried = ["json_schema", "json_object", None]
    first = tried[: tried.index(known[0]) + 1]
    assert [way(each) for each in server.requests] == [*first, known[0]]


async def test_without_a_key_there_is_no_header_for_it() -> None:
    async with model_server(saying("human")) as server, client_of(server.url) as client:
        await client.answer("Choose.", WORDS, IDS)

    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "answer",
    [
        answering(chat("human"), status="500 Internal Server Error"),
        answering(chat("human"), status="201 Created"),
        answering(b"", status="204 No Content"),
        answering(chat("human"), status="401 Unauthorized"),
        answering(chat("human"), kind="text/html"),
        answering(chat("human"), kind="text/event-stream"),
        answering(b"<html>human</html>", kind="text/html"),
        answering(b"<html>human</html>"),
        answering(b""),
        answering(b"[]"),
        answering(b"null"),
        answering(b'"human"'),
        answering(b'{"choices": []}'),
        answering(b'{"choices": {"0": 1}}'),
        answering(b'{"choices": [{"text": "human"}]}'),
        answering(b'{"choices": [{"message": "human"}]}'),
        answering(chat(None)),
        answering(chat(["human"])),
        answering(chat({"id": "human"})),
        answering(b"[" * 50_000),
        answering(b"\xff\xfe\x00"),
        answering(chat("human"), more="Content-Encoding: gzip\r\n"),
        answering(chat("x" * 70_000)),
        answering(b"", status="307 Temporary Redirect", more="Location: /v1/other\r\n"),
    ],
)
async def test_an_answer_that_is_not_one_of_a_chat_is_none(answer: Answer) -> None:
    """Whatever the server says, nothing else is read, and nothing is raised but NoAnswer."""
    assert await outcome_of(answer) is Outcome.FAILED


async def test_a_redirect_is_not_followed() -> None:
    """Its target would get the message and the key."""
    async with (
        model_server(saying("human")) as other,
        model_server(answering(b"", status="308 Permanent Redirect", more=f"Location: {other.url}\r\n")) as server,
        client_of(server.url, key=Secret("sesame")) as client,
    ):
        with pytest.raises(NoAnswer):
            await client.answer("Choose.", WORDS, IDS)

    assert (len(server.requests), other.requests) == (1, [])


async def test_a_server_that_hangs_up_gives_no_answer() -> None:
    def hang_up(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    def half(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")

    def nonsense(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2p1\r\n")

    assert await outcome_of(hang_up) is Outcome.FAILED
    assert await outcome_of(half) is Outcome.FAILED
    assert await outcome_of(nonsense) is Outcome.FAILED


async def test_nobody_listens_there() -> None:
    async with model_server(saying("human")) as server:
        gone = server.url
    async with client_of(gone) as client:
        with pytest.raises(NoAnswer) as missing:
            await client.answer("Choose.", WORDS, IDS)

    assert missing.value.outcome is Outcome.FAILED


async def test_a_stall_and_a_slow_drip_end_with_the_time() -> None:
    """Each byte that comes in time does not make the whole answer come in time."""

    async def stall(_request: Request, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def drip(_request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n")
        for _ in range(60_000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    assert await outcome_of(stall, seconds=0.2) is Outcome.LATE
    assert await outcome_of(drip, seconds=0.2) is Outcome.LATE


async def test_a_server_that_fails_again_and_again_is_left_alone() -> None:
    """Otherwise each question would wait for a server that is gone."""
    async with (
        model_server(answering(b"", status="503 Service Unavailable")) as server,
        client_of(server.url, failures=3) as client,
    ):
        outcomes = []
        for _ in range(6):
            with pytest.raises(NoAnswer) as missing:
                await client.answer("Choose.", WORDS, IDS)
            outcomes.append(missing.value.outcome)

    assert outcomes == [Outcome.FAILED] * 3 + [Outcome.SKIPPED] * 3
    assert len(server.requests) == 3


async def test_few_questions_wait_for_the_model_at_the_same_time() -> None:
    """A question more is answered without it at once."""
    all_wait, may_answer = asyncio.Event(), asyncio.Event()

    async def wait(request: Request, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) == AT_ONCE_AT_MOST:
            all_wait.set()
        await may_answer.wait()
        answering(chat("human"))(request, writer)

    async with model_server(wait) as server, client_of(server.url) as client:
        waiting = [asyncio.ensure_future(client.answer("Choose.", WORDS, IDS)) for _ in range(AT_ONCE_AT_MOST)]
        await asyncio.wait_for(all_wait.wait(), timeout=60)
        with pytest.raises(NoAnswer) as missing:
            await client.answer("Choose.", WORDS, IDS)
        may_answer.set()
        answers = await asyncio.gather(*waiting)

    assert missing.value.outcome is Outcome.SKIPPED
    assert answers == ["human"] * AT_ONCE_AT_MOST


async def test_the_log_says_why_and_no_word_of_the_message(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the message nor the answer nor the key is in a line, and an outage writes few lines."""
    lie = answering(b'{"error": "the marmalade server is broken"}', status="500 Internal Server Error")
    with caplog.at_level(logging.DEBUG, logger="app.assistant_model"):
        async with model_server(lie) as server, client_of(server.url, failures=3, key=Secret("sesame")) as client:
            for _ in range(20):
                with pytest.raises(NoAnswer):
                    await client.answer("Choose.", WORDS, IDS)

    assert [record.getMessage() for record in caplog.records] == [
        "The assistant's model gave no answer: its status is 500.",
        "The assistant's model gave no answer: its status is 500. It is not asked for a minute.",
    ]
    assert "marmalade" not in caplog.text
    assert "sesame" not in caplog.text
