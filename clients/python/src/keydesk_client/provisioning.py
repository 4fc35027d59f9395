"""
Creates a host product's organizations, agents and people in Keydesk by its own ids, and signs people in, by an operator
token.

Each `ensure_…` may be called as often as you like: it creates, or changes what is different.
"""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2

from keydesk_client import documents
from keydesk_client.graphql import NOT_KEYDESKS, PATIENCE_SECONDS, GraphQL, KeydeskUnavailable, member, text
from keydesk_client.lifecycle import AsyncClient, ThreadClient
from keydesk_client.threads import LoopThread

Role = Literal["ORGANIZATION_ADMIN", "AGENT_ADMIN", "MEMBER"]


@dataclass(frozen=True, slots=True)
class Ensured:
    """What exists now, by Keydesk's id, and whether it was created by this call."""

    id: str
    created: bool


@dataclass(frozen=True, slots=True)
class SignInLink:
    """A link that signs a person in, once, within a minute: answer a click with a redirect to it (303)."""

    url: str = field(repr=False)
    expires_at: str
    """ISO 8601 in UTC."""


class AsyncProvisioning(AsyncClient):
    """For asynchronous programs. Close it at the end. Every method raises ManagementError."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """`url` is Keydesk's address, `token` an operator token that may provision, and sign people in for links."""
        self._graphql = GraphQL(
            url, token, patience_seconds=patience_seconds, ssl_context=ssl_context, transport=transport
        )
        super().__init__(self._graphql)

    async def ensure_organization(
        self,
        external_id: str,
        name: str,
        *,
        key_limit: int | None = None,
        rate_limit: int | None = None,
        monthly_quota: int | None = None,
    ) -> Ensured:
        """An organization. Limits that are left out have their defaults, or stay as they are."""
        limits = {"keyLimit": key_limit, "rateLimit": rate_limit, "monthlyQuota": monthly_quota}
        given = {
            "externalId": external_id,
            "name": name,
            **{key: each for key, each in limits.items() if each is not None},
        }
        done = await self._graphql.operation(documents.ENSURE_ORGANIZATION, "ensureOrganization", given)
        return _ensured(done, member(done, "organization"))

    async def ensure_agent(self, organization_id: str, external_id: str, name: str) -> Ensured:
        """An agent of the organization."""
        given = {"organizationId": organization_id, "externalId": external_id, "name": name}
        done = await self._graphql.operation(documents.ENSURE_AGENT, "ensureAgent", given)
        return _ensured(done, member(done, "agent"))

    async def ensure_member(
        self,
        organization_id: str,
        external_id: str,
        *,
        email: str,
        name: str,
        role: Role,
        agent_ids: Sequence[str] = (),
    ) -> Ensured:
        """
        A person in the organization, found by `external_id`. `agent_ids` are for an agent admin. The answer's `id` is
        the person's.
        """
        given = {
            "organizationId": organization_id,
            "externalId": external_id,
            "email": email,
            "name": name,
            "role": role,
            "agentIds": list(agent_ids),
        }
        done = await self._graphql.operation(documents.ENSURE_MEMBER, "ensureMember", given)
        return _ensured(done, member(member(done, "member"), "user"))

    async def create_sign_in_link(
        self, organization_id: str, external_id: str, *, path: str = "api-keys", return_url: str | None = None
    ) -> SignInLink:
        """
        A link that signs this member in. Check first who asks for it: Keydesk believes you.

        `path` is where the console opens. `return_url` gives it a link back to your product.
        """
        given = {"organizationId": organization_id, "externalId": external_id, "path": path, "returnUrl": return_url}
        done = await self._graphql.operation(documents.SIGN_IN_LINK, "createSignInLink", given)
        return SignInLink(text(done, "url"), text(done, "expiresAt"))

    async def remove_member(self, organization_id: str, user_id: str) -> None:
        """Ends the person's membership and sessions there at once. `user_id` is the id of `ensure_member`."""
        given = {"organizationId": organization_id, "userId": user_id}
        await self._graphql.operation(documents.REMOVE_MEMBER, "removeMember", given)

    async def delete_agent(self, agent_id: str) -> None:
        """Deletes the agent and its keys at once."""
        await self._graphql.operation(documents.DELETE_AGENT, "deleteAgent", {"id": agent_id})

    async def delete_organization(self, organization_id: str) -> None:
        """Deletes the organization and its keys at once."""
        await self._graphql.operation(documents.DELETE_ORGANIZATION, "deleteOrganization", {"id": organization_id})


class Provisioning(ThreadClient[AsyncProvisioning]):
    """For programs without an event loop. Any number of threads can use one at the same time."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """See AsyncProvisioning."""

        def make() -> AsyncProvisioning:
            return AsyncProvisioning(
                url, token, patience_seconds=patience_seconds, ssl_context=ssl_context, transport=transport
            )

        super().__init__(make, lambda: LoopThread("keydesk-provisioning", patience_seconds, KeydeskUnavailable))

    def ensure_organization(
        self,
        external_id: str,
        name: str,
        *,
        key_limit: int | None = None,
        rate_limit: int | None = None,
        monthly_quota: int | None = None,
    ) -> Ensured:
        """See AsyncProvisioning.ensure_organization."""
        thread, provisioning = self._running.get()
        return thread.run(
            provisioning.ensure_organization(
                external_id, name, key_limit=key_limit, rate_limit=rate_limit, monthly_quota=monthly_quota
            )
        )

    def ensure_agent(self, organization_id: str, external_id: str, name: str) -> Ensured:
        """See AsyncProvisioning.ensure_agent."""
        thread, provisioning = self._running.get()
        return thread.run(provisioning.ensure_agent(organization_id, external_id, name))

    def ensure_member(
        self,
        organization_id: str,
        external_id: str,
        *,
        email: str,
        name: str,
        role: Role,
        agent_ids: Sequence[str] = (),
    ) -> Ensured:
        """See AsyncProvisioning.ensure_member."""
        thread, provisioning = self._running.get()
        return thread.run(
            provisioning.ensure_member(
                organization_id, external_id, email=email, name=name, role=role, agent_ids=agent_ids
            )
        )

    def create_sign_in_link(
        self, organization_id: str, external_id: str, *, path: str = "api-keys", return_url: str | None = None
    ) -> SignInLink:
        """See AsyncProvisioning.create_sign_in_link."""
        thread, provisioning = self._running.get()
        return thread.run(
            provisioning.create_sign_in_link(organization_id, external_id, path=path, return_url=return_url)
        )

    def remove_member(self, organization_id: str, user_id: str) -> None:
        """See AsyncProvisioning.remove_member."""
        thread, provisioning = self._running.get()
        thread.run(provisioning.remove_member(organization_id, user_id))

    def delete_agent(self, agent_id: str) -> None:
        """See AsyncProvisioning.delete_agent."""
        thread, provisioning = self._running.get()
        thread.run(provisioning.delete_agent(agent_id))

    def delete_organization(self, organization_id: str) -> None:
        """See AsyncProvisioning.delete_organization."""
        thread, provisioning = self._running.get()
        thread.run(provisioning.delete_organization(organization_id))


def _ensured(done: Mapping[str, Any], made: Mapping[str, Any]) -> Ensured:
    created = done.get("created")
    if not isinstance(created, bool):
        raise KeydeskUnavailable(NOT_KEYDESKS)
    return Ensured(text(made, "id"), created)
