"""Creates organizations in a database that other tests use, too, and reads the state of their slots."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text

from keys.policy import OPERATOR, Scope
from keys.sign_in.sessions import new_token
from models import Membership, Person, Role
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.session import SignInSession
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.agents import create_agent
from resolvers.operator.organizations import create_organization
from resolvers.services import Issued, KeyServices
from tests.support.http.client import Answer, Connection, request_bytes

ISSUED = "ApiKeyIssued"
LIMIT_REACHED = "KeyLimitReached"

_REFUSALS = "... on InvalidInput { field message }"
CREATE_FIELD = f"""
    __typename ... on ApiKeyIssued {{ secret apiKey {{ id }} }}
    ... on KeyLimitReached {{ keyAllowance {{ used limit }} }} {_REFUSALS}
"""
CREATE = f"mutation ($input: CreateApiKeyInput!) {{ done: createApiKey(input: $input) {{ {CREATE_FIELD} }} }}"
ROTATE = f"""
mutation ($input: RotateApiKeyInput!) {{
  done: rotateApiKey(input: $input) {{
    __typename ... on ApiKeyIssued {{ secret apiKey {{ id previousSecretWorksUntil }} }}
    ... on ApiKeyNotFound {{ message }} {_REFUSALS}
  }}
}}
"""
DELETE = """
mutation ($input: DeleteApiKeyInput!) {
  done: deleteApiKey(input: $input) {
    __typename ... on ApiKeyDeleted { keyAllowance { used limit } } ... on ApiKeyNotFound { message }
  }
}
"""


NO_LIMIT = 2**31 - 1
"""Requests that a key may make: more than a test sends."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization, and its admin's sign-in session."""

    organization_id: UUID
    session_token: str
    agent_ids: Sequence[UUID]

    @property
    def id(self) -> str:
        """The organization's external id."""
        return external_id(Prefix.ORGANIZATION, self.organization_id)


async def make_tenant(database: Database, *, key_limit: int = 10, agents: int = 0) -> Tenant:
    """Creates the organization as the operator does; its admin's session is inserted without a sign-in."""
    now = datetime.now(UTC)
    token, digest = new_token()
    async with database.transaction() as session:
        organization = await create_organization(
            session, name="Acme", key_limit=key_limit, rate_limit=NO_LIMIT, monthly_quota=NO_LIMIT, now=now
        )
        person = Person(email=f"{uuid4().hex}@example.com", name="Ada", created_at=now)
        session.add(person)
        await session.flush()
        session.add(
            Membership(
                organization_id=organization.id, person_id=person.id, role=Role.ORGANIZATION_ADMIN, created_at=now
            )
        )
        session.add(SignInSession(token_digest=digest, person_id=person.id, created_at=now, last_seen_at=now))
        made = [
            await create_agent(session, organization_id=organization.id, name=f"Agent {number}", now=now)
            for number in range(agents)
        ]
    return Tenant(organization.id, token.reveal(), [agent.id for agent in made])


async def create_as_operator(services: KeyServices, tenant: Tenant, agent_id: UUID | None = None) -> Issued:
    """A new key, created in this process: faster than on a busy server."""
    return await create_api_key(
        services,
        OPERATOR,
        organization_id=tenant.organization_id,
        name="deploy",
        scope=Scope.ORGANIZATION if agent_id is None else Scope.AGENT,
        agent_id=agent_id,
    )


class MutationResult(NamedTuple):
    """The result of a mutation, and the answer that it came in."""

    value: dict[str, Any]
    answer: Answer

    @property
    def outcome(self) -> str:
        """The name of the result's type."""
        name: str = self.value["__typename"]
        return name

    @property
    def secret(self) -> str:
        """The secret of a new key."""
        secret: str = self.value["secret"]
        return secret

    @property
    def key_id(self) -> str:
        """The id of a new key."""
        key_id: str = self.value["apiKey"]["id"]
        return key_id

    @property
    def previous_works_until(self) -> datetime:
        """When the overlap of a rotated key ends, by the database's clock."""
        return datetime.fromisoformat(self.value["apiKey"]["previousSecretWorksUntil"])


class Console:
    """A tenant's admin on one connection."""

    def __init__(self, tenant: Tenant, connection: Connection) -> None:
        self.tenant = tenant
        self._connection = connection

    async def ask(self, document: str, **variables: Any) -> tuple[dict[str, Any], Answer]:
        """The data of an answer that must have no errors."""
        headers = {"Content-Type": "application/json", "Cookie": f"keydesk_session={self.tenant.session_token}"}
        body = json.dumps({"query": document, "variables": variables}).encode()
        answer = await self._connection.ask(request_bytes("POST", "/graphql", headers, body))
        read = answer.json
        assert answer.status == 200, answer.body
        assert "errors" not in read, answer.body
        return read["data"], answer

    async def create(self, name: str = "deploy", *, agent_id: UUID | None = None) -> MutationResult:
        """Requests an organization-level key, or one for the agent."""
        wanted = {"organizationId": self.tenant.id, "name": name, "scope": "ORGANIZATION"}
        if agent_id is not None:
            wanted |= {"scope": "AGENT", "agentId": external_id(Prefix.AGENT, agent_id)}
        return await self._tell(CREATE, wanted)

    async def create_many(self, count: int) -> list[MutationResult]:
        """Requests this many keys in one document, under aliases."""
        fields = " ".join(f"n{number}: createApiKey(input: $input) {{ {CREATE_FIELD} }}" for number in range(count))
        wanted = {"organizationId": self.tenant.id, "name": "aliased", "scope": "ORGANIZATION"}
        data, answer = await self.ask(f"mutation ($input: CreateApiKeyInput!) {{ {fields} }}", input=wanted)
        return [MutationResult(value, answer) for value in data.values()]

    async def rotate(self, key_id: str, *, overlap_seconds: int = 0) -> MutationResult:
        """Requests a new secret."""
        return await self._tell(ROTATE, {"id": key_id, "overlapSeconds": overlap_seconds})

    async def delete(self, key_id: str) -> MutationResult:
        """Requests the deletion of the key."""
        return await self._tell(DELETE, {"id": key_id})

    async def _tell(self, document: str, wanted: dict[str, Any]) -> MutationResult:
        data, answer = await self.ask(document, input=wanted)
        return MutationResult(data["done"], answer)


class Slots(NamedTuple):
    """An organization's slots in the database at one moment."""

    counted: int
    """The count in the organization's row."""
    alive: int
    """The number of active keys."""
    hashed: int
    """The number of active keys that have a hash of their secret."""
    key_limit: int

    @property
    def is_sound(self) -> bool:
        """Whether the count is right, every active key can be verified, and the limit is kept."""
        return self.counted == self.alive == self.hashed <= self.key_limit


_SLOTS = text(
    """
    SELECT o.live_key_count,
           (SELECT count(*) FROM api_keys k WHERE k.organization_id = o.id AND k.deleted_at IS NULL),
           (SELECT count(*) FROM api_keys k WHERE k.organization_id = o.id AND k.secret_hash IS NOT NULL),
           o.key_limit
    FROM organizations o WHERE o.id = :id
    """
)


async def slots(database: Database, tenant: Tenant) -> Slots:
    """Reads the slots in one statement, so that all numbers are of one moment."""
    organization_id = tenant.organization_id
    wanted = organization_id.hex if database.sqlite_path is not None else organization_id
    async with database.reading() as session:
        return Slots._make((await session.execute(_SLOTS, {"id": wanted})).one())
