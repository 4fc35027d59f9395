"""
A FastAPI dependency: the endpoint gets the `Verified`, and runs only if the key is good.

    keydesk = AsyncKeydesk(URL, gateway_token=TOKEN)
    app = FastAPI(exception_handlers=exception_handlers)

    of_agent = VerifiedKey(keydesk, agent=lambda request: request.path_params["agent_id"])

    @app.get("/agents/{agent_id}/reports")
    async def reports(agent_id: str, key: Annotated[Verified, Depends(of_agent)]) -> ...:
"""

import json
from collections.abc import Callable
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from keydesk_client.answers import Refused, Unavailable, Verified
from keydesk_client.asgi import STATE, Scope, checked, peer_address, response_headers
from keydesk_client.headers import without_forged
from keydesk_client.verification import AsyncKeydesk


class KeyNotVerified(HTTPException):
    """
    The request's key is not good, or could not be checked.

    `exception_handlers` answers it as Keydesk does. Without them, FastAPI answers with the same status and headers, and
    puts the problem into `detail`.
    """

    def __init__(self, answer: Refused | Unavailable) -> None:
        super().__init__(answer.status, detail=json.loads(answer.body), headers=dict(response_headers(answer)))
        self.answer = answer


class VerifiedKey(SecurityBase):
    """The dependency. It appears in the OpenAPI document as a security scheme."""

    def __init__(
        self,
        keydesk: AsyncKeydesk,
        *,
        agent: str | Callable[[Request], str | None] | None = None,
        any_agent: bool = False,
        client_address: Callable[[Scope], str | None] = peer_address,
        keep_forwarded: bool = False,
    ) -> None:
        """
        `agent` is the agent that the requests are for, or finds it: `lambda request: request.path_params["agent_id"]`.
        Without it, or if it returns None, agent-level keys are refused. `any_agent=True` lets them pass: only for
        applications that compare `agent_id` themselves.

        `keep_forwarded=True` lets the endpoint see `Forwarded`, `X-Forwarded-*` and `X-Real-IP`: only behind a proxy
        that replaces them.
        """
        self.model = HTTPBearer(description="An API key of Keydesk. X-API-Key is accepted, too.")
        self.scheme_name = "Keydesk"
        self._keydesk = keydesk
        self._agent = agent
        self._any_agent = any_agent
        self._client_address = client_address
        self._keep_forwarded = keep_forwarded

    async def __call__(self, request: Request, response: Response) -> Verified:
        """The Verified of the request, also as `request.state.keydesk`. Raises KeyNotVerified."""
        headers = list(request.scope["headers"])
        # In the list itself, which `request.headers` reads.
        request.headers.raw  # noqa: B018  makes the list if nothing has read it yet
        request.scope["headers"][:] = without_forged(headers, keep_forwarded=self._keep_forwarded)
        agent = self._agent(request) if callable(self._agent) else self._agent
        address = self._client_address(request.scope)
        answer = await checked(self._keydesk, headers, agent, address, any_agent=self._any_agent)
        if not isinstance(answer, Verified):
            raise KeyNotVerified(answer)
        setattr(request.state, STATE, answer)
        for name, value in answer.headers:
            response.headers[name] = value
        return answer


async def answer_not_verified(_request: Request, error: Exception) -> Response:
    """Answers KeyNotVerified with Keydesk's own problem details."""
    if not isinstance(error, KeyNotVerified):
        raise TypeError("This handler is for KeyNotVerified only")
    return Response(error.answer.body, error.answer.status, headers=dict(response_headers(error.answer)))


exception_handlers: dict[int | type[Exception], Callable[[Request, Any], Any]] = {KeyNotVerified: answer_not_verified}
"""For `FastAPI(exception_handlers=…)`."""
