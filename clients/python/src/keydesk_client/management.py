"""
Manages an organization's keys by a service token: create, list, rotate and delete them.

Unlike a verification, whose outcome is a value, an operation that is not carried out raises a ManagementError.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import httpx2

from keydesk_client import documents
from keydesk_client.graphql import (
    NOT_KEYDESKS,
    PATIENCE_SECONDS,
    GraphQL,
    KeydeskUnavailable,
    RequestRefused,
    member,
    text,
)
from keydesk_client.lifecycle import AsyncClient, ThreadClient
from keydesk_client.threads import LoopThread

ALREADY_ISSUED = "API_KEY_ALREADY_ISSUED"
CALLS_AT_MOST = 3
"""Of one operation: a creation, the same again, and a rotation."""


class Secret:
    """A text that is shown only when asked for: printing it, or an object that contains it, does not show it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("A secret is not pickled")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its managers see it."""

    id: str
    name: str
    scope: Literal["ORGANIZATION", "AGENT"]
    agent_id: str | None
    """The agent of an agent-level key."""
    hint: str
    """Enough of the key to recognize it by."""
    status: Literal["ACTIVE", "DELETED"]
    created_at: str
    """ISO 8601 in UTC, as are the other times."""
    last_used_at: str | None
    previous_secret_works_until: str | None
    """After a rotation with overlap: until when the secret before works."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key and its secret, which Keydesk shows only this once."""

    api_key: ApiKey
    secret: Secret = field(repr=False)


class KeyAlreadyIssued(RequestRefused):
    """
    The `client_request_id` was used before. The key is there, and its secret can't be shown again: if it was lost,
    rotate the key.
    """

    def __init__(self, refused: RequestRefused, api_key: ApiKey) -> None:
        super().__init__(refused.code, refused.message)
        self.api_key = api_key


class AsyncKeyManagement(AsyncClient):
    """Manages keys, for asynchronous programs. Close it at the end."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """`url` is Keydesk's address, `token` a service token of the organization."""
        self._graphql = GraphQL(
            url, token, patience_seconds=patience_seconds, ssl_context=ssl_context, transport=transport
        )
        super().__init__(self._graphql)

    async def create_api_key(
        self, organization_id: str, name: str, *, agent_id: str | None = None, client_request_id: str | None = None
    ) -> IssuedKey:
        """
        Creates an organization-level key, or an agent-level key for the agent.

        If the answer is lost, the request is sent once more, and takes no second slot: if the key is there already, it
        gets a new secret, which is returned. With a `client_request_id` of your own, 1 to 64 characters, you can go on
        in another process within 24 hours; KeyAlreadyIssued is raised if it was used before.

        Raises ManagementError.
        """
        given: dict[str, Any] = {
            "organizationId": organization_id,
            "name": name,
            "scope": "ORGANIZATION" if agent_id is None else "AGENT",
            "agentId": agent_id,
            "clientRequestId": uuid4().hex if client_request_id is None else client_request_id,
        }
        try:
            return await self._create(given)
        except KeydeskUnavailable:
            try:
                return await self._create(given)
            except KeyAlreadyIssued as issued:
                if client_request_id is not None:
                    raise  # it may be in use: another process may have used the id
                return await self.rotate_api_key(issued.api_key.id)

    async def _create(self, given: Mapping[str, Any]) -> IssuedKey:
        try:
            return _issued(await self._graphql.operation(documents.CREATE, "createApiKey", given))
        except RequestRefused as refused:
            if refused.code == ALREADY_ISSUED:
                raise KeyAlreadyIssued(refused, _api_key(member(refused.result, "apiKey"))) from None
            raise

    async def rotate_api_key(self, key_id: str, *, overlap_seconds: int = 0) -> IssuedKey:
        """
        Gives the key a new secret. The secret before works for `overlap_seconds` more, 0 to 86,400.

        Raises ManagementError.
        """
        given = {"id": key_id, "overlapSeconds": overlap_seconds}
        return _issued(await self._graphql.operation(documents.ROTATE, "rotateApiKey", given))

    async def delete_api_key(self, key_id: str) -> ApiKey:
        """Deletes the key: from then on, no verification succeeds with it. Raises ManagementError."""
        done = await self._graphql.operation(documents.DELETE, "deleteApiKey", {"id": key_id})
        return _api_key(member(done, "apiKey"))

    async def api_keys(
        self,
        organization_id: str,
        *,
        agent_id: str | None = None,
        search: str | None = None,
        include_deleted: bool = False,
    ) -> list[ApiKey]:
        """
        The keys that the token may see, newest first: those of an agent, or with a text in the name or the hint.

        Raises ManagementError.
        """
        variables = {
            "organizationId": organization_id,
            "agentId": agent_id,
            "search": search,
            "includeDeleted": include_deleted,
        }
        data = await self._graphql.data(documents.LIST, variables)
        organization = data.get("organization")
        if organization is None:
            raise RequestRefused("NOT_FOUND", "There is no such organization, or the token is not one of it.")
        keys = organization.get("apiKeys") if isinstance(organization, dict) else None
        if not isinstance(keys, list):
            raise KeydeskUnavailable(NOT_KEYDESKS)
        return [_api_key(key) for key in keys]


class KeyManagement(ThreadClient[AsyncKeyManagement]):
    """Manages keys, for programs without an event loop. Any number of threads can use one at the same time."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """See AsyncKeyManagement."""

        def make() -> AsyncKeyManagement:
            return AsyncKeyManagement(
                url, token, patience_seconds=patience_seconds, ssl_context=ssl_context, transport=transport
            )

        def thread() -> LoopThread:
            return LoopThread("keydesk-management", CALLS_AT_MOST * patience_seconds, KeydeskUnavailable)

        super().__init__(make, thread)

    def create_api_key(
        self, organization_id: str, name: str, *, agent_id: str | None = None, client_request_id: str | None = None
    ) -> IssuedKey:
        """See AsyncKeyManagement.create_api_key."""
        thread, management = self._running.get()
        return thread.run(
            management.create_api_key(organization_id, name, agent_id=agent_id, client_request_id=client_request_id)
        )

    def rotate_api_key(self, key_id: str, *, overlap_seconds: int = 0) -> IssuedKey:
        """See AsyncKeyManagement.rotate_api_key."""
        thread, management = self._running.get()
        return thread.run(management.rotate_api_key(key_id, overlap_seconds=overlap_seconds))

    def delete_api_key(self, key_id: str) -> ApiKey:
        """See AsyncKeyManagement.delete_api_key."""
        thread, management = self._running.get()
        return thread.run(management.delete_api_key(key_id))

    def api_keys(
        self,
        organization_id: str,
        *,
        agent_id: str | None = None,
        search: str | None = None,
        include_deleted: bool = False,
    ) -> list[ApiKey]:
        """See AsyncKeyManagement.api_keys."""
        thread, management = self._running.get()
        return thread.run(
            management.api_keys(organization_id, agent_id=agent_id, search=search, include_deleted=include_deleted)
        )


def _issued(result: Mapping[str, Any]) -> IssuedKey:
    return IssuedKey(_api_key(member(result, "apiKey")), Secret(text(result, "secret")))


def _api_key(content: Mapping[str, Any]) -> ApiKey:
    agent = content.get("agent")
    try:
        return ApiKey(
            content["id"],
            content["name"],
            content["scope"],
            agent["id"] if isinstance(agent, dict) else None,
            content["hint"],
            content["status"],
            content["createdAt"],
            content["lastUsedAt"],
            content["previousSecretWorksUntil"],
        )
    except KeyError as missing:
        raise KeydeskUnavailable(NOT_KEYDESKS) from missing
