"""
Guards an ASGI application: only requests with a good key reach it.

    app = KeydeskMiddleware(app, keydesk, agent=lambda scope: ...)
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from keydesk_client.answers import Answer, HeaderLines, Refused, Unavailable, Verified, for_no_agent
from keydesk_client.headers import without_forged
from keydesk_client.verification import AsyncKeydesk

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Agent: TypeAlias = str | Callable[[Scope], str | None] | None
"""The agent that a request is for: always the same one, found in the request's scope, or none."""

STATE = "keydesk"
"""The name under which an application finds the `Verified` of a request: `request.state.keydesk`."""
RESPONSE_TO_WEBSOCKET = "websocket.http.response"
POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013
NOT_STORED = ("cache-control", "no-store")


def peer_address(scope: Scope) -> str | None:
    """The caller's address as the server knows it; behind a proxy, let the server trust the proxy."""
    client = scope.get("client")
    return client[0] if client else None


class KeydeskMiddleware:
    """
    Refuses requests and websockets without a good key with Keydesk's own answer, or with 503 if it can't be asked.

    The application gets the `Verified` as `scope["state"]["keydesk"]`, which is `request.state.keydesk` in most
    frameworks, and none of the fields that callers could forge. Answers get the `RateLimit` fields.
    """

    def __init__(
        self,
        app: ASGIApp,
        keydesk: AsyncKeydesk,
        *,
        agent: Agent = None,
        any_agent: bool = False,
        is_open: Callable[[Scope], bool] = lambda scope: False,
        client_address: Callable[[Scope], str | None] = peer_address,
        keep_forwarded: bool = False,
    ) -> None:
        """
        Without an `agent`, or if it returns None, agent-level keys are refused. `any_agent=True` lets them pass:
        only for applications that compare `agent_id` themselves.

        `is_open` says which requests need no key, such as that for a health check.

        `keep_forwarded=True` lets the application see `Forwarded`, `X-Forwarded-*` and `X-Real-IP`: only behind a proxy
        that replaces them.
        """
        self._app = app
        self._keydesk = keydesk
        self._agent = agent
        self._any_agent = any_agent
        self._is_open = is_open
        self._client_address = client_address
        self._keep_forwarded = keep_forwarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = list(scope["headers"])
        clean = {**scope, "headers": without_forged(headers, keep_forwarded=self._keep_forwarded)}
        if self._is_open(clean):
            await self._app(clean, receive, send)
            return
        agent = self._agent(clean) if callable(self._agent) else self._agent
        address = self._client_address(scope)
        answer = await checked(self._keydesk, headers, agent, address, any_agent=self._any_agent)
        if isinstance(answer, Verified):
            clean["state"] = {**scope.get("state", {}), STATE: answer}
            await self._app(clean, receive, with_headers(send, answer.headers))
        elif scope["type"] == "http":
            await send_answer(send, answer, "http.response")
        else:
            await _refuse_websocket(scope, receive, send, answer)


async def checked(
    keydesk: AsyncKeydesk,
    headers: list[tuple[bytes, bytes]],
    agent: str | None,
    client_address: str | None,
    *,
    any_agent: bool,
) -> Answer:
    """What a guard makes of a request."""
    answer = await keydesk.verify_request(headers, agent, client_address=client_address)
    return for_no_agent(answer) if agent is None and not any_agent else answer


class DropForgedHeaders:
    """
    Removes from every request the header fields that only a gateway may set: `X-Keydesk-*`, `X-Agent-Id`,
    `X-Gateway-Token`, `Forwarded`, `X-Forwarded-*`, `X-Real-IP`.

    For applications that check keys in a dependency or a guard. KeydeskMiddleware contains it.
    """

    def __init__(self, app: ASGIApp, *, keep_forwarded: bool = False) -> None:
        self._app = app
        self._keep_forwarded = keep_forwarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "headers" in scope:
            scope = {**scope, "headers": without_forged(scope["headers"], keep_forwarded=self._keep_forwarded)}
        await self._app(scope, receive, send)


def response_headers(answer: Refused | Unavailable) -> HeaderLines:
    """All header fields of the response to a request that did not pass."""
    return (*answer.headers, NOT_STORED)


def raw_headers(lines: HeaderLines) -> list[tuple[bytes, bytes]]:
    """The fields as ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines]


async def send_answer(send: Send, answer: Refused | Unavailable, kind: str) -> None:
    """Sends the response; `kind` is the beginning of the messages' type."""
    headers = [*raw_headers(response_headers(answer)), (b"content-length", b"%d" % len(answer.body))]
    await send({"type": f"{kind}.start", "status": answer.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": answer.body})


def with_headers(send: Send, lines: HeaderLines) -> Send:
    """Adds fields to the response, unless the application has set them."""

    async def sending(message: Message) -> None:
        if message["type"] in {"http.response.start", f"{RESPONSE_TO_WEBSOCKET}.start"}:
            there = {name.lower() for name, _ in message.get("headers", ())}
            more = [line for line in raw_headers(lines) if line[0] not in there]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sending


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send, answer: Refused | Unavailable) -> None:
    await receive()  # websocket.connect
    if RESPONSE_TO_WEBSOCKET in scope.get("extensions", {}):
        await send_answer(send, answer, RESPONSE_TO_WEBSOCKET)
        return
    # Before a websocket is accepted, servers answer this with 403.
    code = TRY_AGAIN_LATER if isinstance(answer, Unavailable) else POLICY_VIOLATION
    await send({"type": "websocket.close", "code": code})
