"""
Asks the operator's model: one request of OpenAI's chat completions, of at most three seconds and 64 KB.

No line of the log, and no error, has a word of the message or of the answer in it.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from app.assistant_model.breaker import Breaker
from app.assistant_model.configuration import ModelServer, in_own_network
from app.observability.paced_log import Paced, more_words
from app.outbound.client import Outbound, OutboundFailure, OutboundTimeout, Reply
from assistant.choice import NoAnswer, Outcome

SECONDS = 3.0
BYTES_AT_MOST = 64 * 1024
AT_ONCE_AT_MOST = 4
"""Questions that wait for the model at the same time. More of them are answered without it."""
TOKENS_AT_MOST = 24
"""An object with an id has fewer tokens. What is longer is no choice."""
REFUSED = frozenset({400, 422, 500, 501})
"""Statuses with which servers refuse a way of asking for JSON that they don't know."""
_log = logging.getLogger(__name__)


class ModelClient:
    """Asks the model, unless it has failed again and again. `close` it at the end."""

    def __init__(self, server: ModelServer, *, breaker: Breaker | None = None, seconds: float = SECONDS) -> None:
        self._server = server
        self._outbound = Outbound(allows_without_tls=in_own_network, seconds=seconds, bytes_at_most=BYTES_AT_MOST)
        self._breaker = breaker or Breaker()
        self._places = asyncio.Semaphore(AT_ONCE_AT_MOST)
        self._seconds = seconds
        self._way: int | None = None
        """Which of the ways to ask for an id the server knows; None before its first answer."""
        self._paced = Paced(of_a_kind=1, in_all=3)

    async def answer(self, instruction: str, message: str, ids: Sequence[str]) -> str:
        """The text that the model answers. Raises NoAnswer."""
        if self._places.locked() or not self._breaker.lets_pass():
            raise NoAnswer(Outcome.SKIPPED)
        async with self._places:
            try:
                async with asyncio.timeout(self._seconds):
                    text = await self._text(instruction, message, ids)
            except (OutboundTimeout, TimeoutError):
                self._failed(f"there was no whole answer within {self._seconds:g} seconds")
                raise NoAnswer(Outcome.LATE) from None
            except OutboundFailure as error:
                self._failed(str(error))
                raise NoAnswer(Outcome.FAILED) from None
        self._breaker.succeeded()
        return text

    async def close(self) -> None:
        """Closes all connections."""
        await self._outbound.close()

    async def _text(self, instruction: str, message: str, ids: Sequence[str]) -> str:
        """
        The text of the answer. Before the first one, the ways to ask for an id are tried in order: servers refuse the
        ones that they don't know, or have no use for them.
        """
        ways = _ways(ids)
        tried = range(len(ways)) if self._way is None else [self._way]
        for way in tried:
            reply = await self._reply(instruction, message, ways[way])
            if reply.status not in REFUSED:
                break
        else:
            self._way = None  # another server may answer at this address now
        text = _text_in(reply)
        self._way = way
        return text

    async def _reply(self, instruction: str, message: str, more: Mapping[str, Any]) -> Reply:
        body = {
            "model": self._server.model,
            "messages": [{"role": "system", "content": instruction}, {"role": "user", "content": message}],
            "temperature": 0,
            "max_tokens": TOKENS_AT_MOST,
            **more,
        }
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._server.key is not None:
            headers["Authorization"] = f"Bearer {self._server.key.reveal()}"
        return await self._outbound.post(f"{self._server.url}/chat/completions", json.dumps(body).encode(), headers)

    def _failed(self, why: str) -> None:
        rests = self._breaker.failed()
        left_out = self._paced.admits("rest" if rests else "failure")
        if left_out is None:
            return
        more = " It is not asked for a minute." if rests else ""
        _log.warning("The assistant's model gave no answer: %s.%s%s", why, more, more_words(left_out))


def _ways(ids: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """
    The ways to ask for one of the ids: OpenAI's, the one of llama.cpp's Python server, and only by the instruction.

    With the first two, the server lets the model write nothing else, so that a small model can choose, too.
    """
    schema = {
        "type": "object",
        "properties": {"id": {"type": "string", "enum": list(ids)}},
        "required": ["id"],
        "additionalProperties": False,
    }
    named = {"name": "choice", "strict": True, "schema": schema}
    return (
        {"response_format": {"type": "json_schema", "json_schema": named}},
        {"response_format": {"type": "json_object", "schema": schema}},
        {},
    )


def _text_in(reply: Reply) -> str:
    """The text of the first choice. Raises OutboundFailure if there is none."""
    if reply.status != 200:
        raise OutboundFailure(f"its status is {reply.status}")
    if reply.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise OutboundFailure("its content type is not application/json")
    try:
        content: Any = json.loads(reply.body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise OutboundFailure("it is not the answer of a chat") from None
    if not isinstance(content, str):
        raise OutboundFailure("it is not the answer of a chat")
    return content
