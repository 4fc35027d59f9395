"""Operations over GraphQL with a program's token: what is not carried out raises a ManagementError."""

import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx2

from keydesk_client.http import Calls, NoAnswer

PATIENCE_SECONDS = 10.0
ANSWER_BYTES_AT_MOST = 8 * 1024 * 1024
PATH = "/graphql"
FAILED = "INTERNAL_SERVER_ERROR"
NOT_KEYDESKS = "The answer is not Keydesk's"


class ManagementError(Exception):
    """An operation was not carried out, or it is unknown whether it was."""


class RequestRefused(ManagementError):
    """Keydesk refused the operation."""

    def __init__(
        self, code: str, message: str, *, field_name: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        """Such as KEY_LIMIT_REACHED, INVALID_INPUT, API_KEY_NOT_FOUND, UNAUTHENTICATED, FORBIDDEN."""
        self.message = message
        self.field_name = field_name
        """The field of the input that INVALID_INPUT is about."""
        self.retry_after_seconds: int | None = None
        """How long RATE_LIMITED asks you to wait."""
        self.request_id = request_id
        """What the server's log knows the request by, if the answer says it."""
        self.result: Mapping[str, Any] = {}
        """What else the refusal has."""


class KeydeskUnavailable(ManagementError):
    """
    There is no usable answer, or Keydesk itself has failed. The operation may have been carried out, unless Keydesk
    could not be reached.
    """


class GraphQL:
    """Sends documents to one server, with one token."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience_seconds: float,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        if not (token.isascii() and token.replace("_", "").isalnum()):
            raise ValueError("token: not a token of Keydesk. It begins with kds_ or kdo_.")
        self._token = token
        self._calls = Calls(
            url,
            patience_seconds=patience_seconds,
            answer_bytes_at_most=ANSWER_BYTES_AT_MOST,
            max_connections=10,
            ssl_context=ssl_context,
            transport=transport,
        )
        self.url = self._calls.url

    async def operation(self, document: str, name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a mutation with this input. A refusal in its place is raised."""
        result = member(await self.data(document, {"input": given}), name)
        if "code" in result:
            field_name = result.get("field")
            refusal = RequestRefused(str(result["code"]), str(result.get("message")), field_name=field_name)
            refusal.result = result
            raise refusal
        return result

    async def data(self, document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of the answer. An error beside it is raised."""
        headers = [
            (b"authorization", b"Bearer " + self._token.encode()),
            (b"content-type", b"application/json"),
            (b"accept", b"application/graphql-response+json, application/json"),
            (b"user-agent", b"keydesk-client"),
        ]
        body = json.dumps({"query": document, "variables": variables}).encode()
        answered = await self._calls.call("POST", PATH, headers, body)
        if isinstance(answered, NoAnswer):
            raise KeydeskUnavailable(f"Keydesk could not be asked: {answered.reason}")
        try:
            content = json.loads(answered.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise KeydeskUnavailable(f"An answer with status {answered.status} that is not Keydesk's")
        if errors := content.get("errors"):
            raise _error(errors, answered.status)
        data = content.get("data")
        if not isinstance(data, dict):
            raise KeydeskUnavailable(f"An answer with status {answered.status} that is not Keydesk's")
        return data

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._calls.aclose()


def member(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object in an answer. Raises KeydeskUnavailable if there is none."""
    found = content.get(name)
    if not isinstance(found, dict):
        raise KeydeskUnavailable(NOT_KEYDESKS)
    return found


def text(content: Mapping[str, Any], name: str) -> str:
    """A text in an answer. Raises KeydeskUnavailable if there is none."""
    found = content.get(name)
    if not isinstance(found, str):
        raise KeydeskUnavailable(NOT_KEYDESKS)
    return found


def _error(errors: object, status: int) -> ManagementError:
    """The first error of a GraphQL response. An error of the server refuses nothing: it is an outage."""
    first = errors[0] if isinstance(errors, list) and errors else None
    error = first if isinstance(first, dict) else {}
    extensions = error.get("extensions")
    more = extensions if isinstance(extensions, dict) else {}
    code, message, request_id = more.get("code"), error.get("message"), more.get("requestId")
    if not isinstance(code, str) or not isinstance(message, str):
        return KeydeskUnavailable(NOT_KEYDESKS)
    known_id = request_id if isinstance(request_id, str) else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code == FAILED:
        return KeydeskUnavailable(f"Keydesk has failed: {message}" + (f" ({known_id})" if known_id else ""))
    refused = RequestRefused(code, message, request_id=known_id)
    wait = more.get("retryAfterSeconds")
    refused.retry_after_seconds = wait if isinstance(wait, int) else None
    return refused
