"""
A Litestar guard: handlers run only if the key is good.

    keydesk = AsyncKeydesk(URL, gateway_token=TOKEN)
    of_agent = KeyGuard(keydesk, agent=lambda request: request.path_params["agent_id"])
    app = Litestar([reports], guards=[of_agent], exception_handlers=exception_handlers)

A handler finds the `Verified` as `request.state.keydesk`.
"""

import json
from collections.abc import Callable
from typing import Any

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Empty
from litestar.utils.scope.state import ScopeState

from keydesk_client.answers import Refused, Unavailable, Verified
from keydesk_client.asgi import STATE, Scope, checked, peer_address, response_headers
from keydesk_client.headers import without_forged
from keydesk_client.verification import AsyncKeydesk

Connection = ASGIConnection[Any, Any, Any, Any]


class KeyNotVerified(HTTPException):
    """
    The request's key is not good, or could not be checked.

    `exception_handlers` answers it as Keydesk does. Without them, Litestar answers with the same status and headers,
    and puts the problem into `extra`.
    """

    def __init__(self, answer: Refused | Unavailable) -> None:
        problem = json.loads(answer.body)
        super().__init__(
            detail=problem["detail"],
            status_code=answer.status,
            headers=dict(response_headers(answer)),
            extra=problem,
        )
        self.answer = answer


class KeyGuard:
    """The guard."""

    def __init__(
        self,
        keydesk: AsyncKeydesk,
        *,
        agent: str | Callable[[Connection], str | None] | None = None,
        any_agent: bool = False,
        client_address: Callable[[Scope], str | None] = peer_address,
        keep_forwarded: bool = False,
    ) -> None:
        """
        `agent` is the agent that the requests are for, or finds it: `lambda request: request.path_params["agent_id"]`.
        Without it, or if it returns None, agent-level keys are refused. `any_agent=True` lets them pass: only for
        applications that compare `agent_id` themselves.

        `keep_forwarded=True` lets handlers see `Forwarded`, `X-Forwarded-*` and `X-Real-IP`: only behind a proxy that
        replaces them.
        """
        self._keydesk = keydesk
        self._agent = agent
        self._any_agent = any_agent
        self._client_address = client_address
        self._keep_forwarded = keep_forwarded

    async def __call__(self, connection: Connection, _handler: BaseRouteHandler) -> None:
        """Raises KeyNotVerified."""
        scope: Any = connection.scope
        headers = list(scope["headers"])
        scope["headers"] = without_forged(headers, keep_forwarded=self._keep_forwarded)
        # A middleware, another guard or the CORS of Litestar has read `connection.headers`, which Litestar remembers.
        ScopeState.from_scope(scope).headers = Empty
        agent = self._agent(connection) if callable(self._agent) else self._agent
        address = self._client_address(scope)
        answer = await checked(self._keydesk, headers, agent, address, any_agent=self._any_agent)
        if not isinstance(answer, Verified):
            raise KeyNotVerified(answer)
        connection.state[STATE] = answer


def answer_not_verified(_request: Request[Any, Any, Any], error: KeyNotVerified) -> Response[bytes]:
    """Answers KeyNotVerified with Keydesk's own problem details."""
    lines = dict(response_headers(error.answer))
    media_type = lines.pop("content-type")
    return Response(error.answer.body, status_code=error.answer.status, media_type=media_type, headers=lines)


exception_handlers: dict[int | type[Exception], Callable[..., Response[bytes]]] = {KeyNotVerified: answer_not_verified}
"""For `Litestar(exception_handlers=…)`."""
