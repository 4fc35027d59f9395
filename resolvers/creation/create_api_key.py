"""Creates API keys. Everything is checked before the secret is hashed, and again afterwards under the lock."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.issuer import Prepared
from keys.key_limit import candidates_to_free, valid_name
from keys.policy import Action, Actor, Scope
from keys.refusals import Forbidden, InvalidInput, KeyLimitReached, NotFound
from keys.turns import Party
from models.agent import Agent, live_agent
from models.api_key import ApiKey, SlotUnavailable, insert_key
from models.audit import AuditAction
from models.key_queries import visible_keys
from models.organization import Organization, live_organization, lock_organization
from resolvers.audit import record, record_refused_creation
from resolvers.creation.client_requests import input_digest, keep_request, refuse_repetition, valid_request_id
from resolvers.creation.reservations import Creations
from resolvers.services import Issued, KeyServices, check_mutation_rate, record_of, with_current_roles

AGENT_NOT_USABLE = "This agent does not exist, or you do not administer it. Choose one of your agents."


async def create_api_key(
    services: KeyServices,
    actor: Actor,
    *,
    organization_id: UUID,
    name: str,
    scope: Scope,
    agent_id: UUID | None,
    client_request_id: str | None = None,
) -> Issued:
    """
    Takes a slot and issues a key.

    Everything is checked before the secret is hashed, and again afterwards under the organization's lock, so that
    nothing is locked while argon2 runs. With a `client_request_id`, sending the request again within 24 hours creates
    no second key. Raises NotFound, Forbidden, InvalidInput, KeyLimitReached, ApiKeyAlreadyIssued, TooManyRequests.
    """
    wanted = _Wanted(organization_id, name, scope, agent_id, valid_request_id(client_request_id))
    try:
        async with services.reservations.creation(organization_id) as creations:
            try:
                return await _create(services, actor, wanted, creations)
            finally:
                # Waiting creations check again, because this one's slot is now either free or taken permanently.
                creations.wake_next()
    except (Forbidden, KeyLimitReached) as refusal:
        await refused_creation(services, actor, refusal, organization_id=organization_id, agent_id=agent_id)
        raise


async def _create(services: KeyServices, actor: Actor, wanted: "_Wanted", creations: Creations) -> Issued:
    """Creates a key. No more secrets are hashed at once than there are free slots; other creations wait."""
    async with AsyncExitStack() as stack:
        while True:
            ended_before = creations.ended
            async with services.database.reading() as session:
                organization = await live_organization(session, wanted.organization_id)
                name = await _check_creation(session, actor, services, organization, wanted)
                free_slots = 0 if organization is None else organization.key_limit - organization.live_key_count
                if creations.ended != ended_before:
                    continue
                if creations.may_hash(free_slots):
                    # Before anything else is awaited, so that no other creation takes the free slot.
                    stack.enter_context(creations.hashing())
                    stack.enter_context(services.reservations.place(actor.counted_as, services.clock()))
                    break
            await creations.wait()
        prepared = await services.issuer.prepare(party=Party(wanted.organization_id, actor.counted_as))
        return await _take_slot(services, actor, replace(wanted, name=name), prepared)


async def refused_creation(
    services: KeyServices,
    actor: Actor,
    refusal: Forbidden | KeyLimitReached,
    *,
    organization_id: UUID,
    agent_id: UUID | None,
) -> None:
    """Records in the audit log that the role or the key limit refused a creation. The operator's are not recorded."""
    if actor.is_operator:
        return
    reason = "limit" if isinstance(refusal, KeyLimitReached) else "role"
    why = "every slot was taken" if reason == "limit" else "the role does not allow it"
    grant = actor.roles.get(organization_id)
    administered = grant is not None and agent_id in grant.agent_ids
    await record_refused_creation(
        services.database,
        actor,
        reason,
        f"Creating an API key was refused: {why}.",
        organization_id=organization_id,
        agent_id=agent_id if administered else None,
        now=services.clock(),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    organization_id: UUID
    name: str
    scope: Scope
    agent_id: UUID | None
    request_id: str | None

    @property
    def digest(self) -> str:
        """Tells this input from others. The name counts in its stored form."""
        return input_digest(self.organization_id, valid_name(self.name), self.scope, self.agent_id)


async def _check_creation(
    session: AsyncSession,
    actor: Actor,
    services: KeyServices,
    organization: Organization | None,
    wanted: _Wanted,
    *,
    is_reserved: bool = False,
) -> str:
    """Checks whether the key may be created now. Raises a Refusal if not. Returns the name in its stored form."""
    if organization is None or not (actor.is_operator or organization.id in actor.roles):
        raise NotFound
    if not policy.may_with_some_key(actor, Action.CREATE_KEY, organization.id, wanted.scope):
        raise Forbidden(policy.denial_message(actor, organization.id))
    if wanted.request_id is not None:
        await refuse_repetition(session, actor, wanted.request_id, wanted.digest, services.clock())
    agent = await _agent_of(session, actor, wanted)
    policy.require(
        actor, Action.CREATE_KEY, organization.id, scope=wanted.scope, agent_id=None if agent is None else agent.id
    )
    name = valid_name(wanted.name)
    if organization.live_key_count >= organization.key_limit:
        raise await _limit_reached(session, actor, organization)
    await check_mutation_rate(session, actor, services, is_reserved=is_reserved)
    return name


async def _agent_of(session: AsyncSession, actor: Actor, wanted: _Wanted) -> Agent | None:
    """
    The agent of an agent-level key. Raises a Refusal.

    An agent that the actor does not administer gets the same message as one that does not exist.
    """
    if wanted.scope is Scope.ORGANIZATION:
        if wanted.agent_id is not None:
            raise InvalidInput("agentId", "An organization-level key is for every agent: don't choose an agent.")
        return None
    if wanted.agent_id is None:
        raise InvalidInput("agentId", "An agent-level key is for one agent: choose the agent.")
    agent = await live_agent(session, wanted.organization_id, wanted.agent_id)
    if agent is None or not policy.may(
        actor, Action.CREATE_KEY, wanted.organization_id, scope=Scope.AGENT, agent_id=agent.id
    ):
        raise InvalidInput("agentId", AGENT_NOT_USABLE)
    return agent


async def _limit_reached(session: AsyncSession, actor: Actor, organization: Organization) -> KeyLimitReached:
    """The refusal for a full organization, with the keys that this actor could delete to free a slot."""
    deletable = policy.visible_agents(actor, Action.DELETE_KEY, organization.id)
    keys = (
        []
        if deletable is not None and not deletable
        else await visible_keys(session, organization.id, of_agents=deletable)
    )
    return KeyLimitReached(organization.live_key_count, organization.key_limit, candidates_to_free(keys))


async def _take_slot(services: KeyServices, actor: Actor, wanted: _Wanted, prepared: Prepared) -> Issued:
    """Stores the key, after checking everything again under the organization's lock."""
    try:
        async with services.database.transaction() as session:
            organization = await lock_organization(session, wanted.organization_id)
            actor = await with_current_roles(session, actor, services.clock())
            await _check_creation(session, actor, services, organization, wanted, is_reserved=True)
            return await _store(session, actor, wanted, prepared, services.clock())
    except SlotUnavailable:
        # The database's trigger refused the key. Because of the lock above that should not happen, but it is the
        # trigger that guarantees the limit.
        async with services.database.reading() as session:
            organization = await live_organization(session, wanted.organization_id)
            raise (NotFound() if organization is None else await _limit_reached(session, actor, organization)) from None


async def _store(session: AsyncSession, actor: Actor, wanted: _Wanted, prepared: Prepared, now: datetime) -> Issued:
    minted = prepared.minted
    row = ApiKey(
        organization_id=wanted.organization_id,
        agent_id=wanted.agent_id,
        name=wanted.name,
        prefix=minted.prefix,
        public_id=minted.public_id,
        last_four=minted.last_four,
        secret_hash=prepared.secret_hash,
        secret_digest=prepared.secret_digest,
        server_key_id=minted.server_key_id,
        created_at=now,
        created_by_id=actor.person_id,
        created_by_token_id=actor.token_id,
        secret_shown_to_id=actor.person_id,
        secret_shown_at=now,
    )
    await insert_key(session, row)
    if wanted.request_id is not None:
        await keep_request(session, actor, wanted.request_id, wanted.digest, row.id, now)
    await record(
        session,
        actor,
        AuditAction.API_KEY_CREATED,
        f"The {wanted.scope}-level API key “{wanted.name}” was created.",
        organization_id=wanted.organization_id,
        api_key_id=row.id,
        agent_id=wanted.agent_id,
        now=now,
    )
    return Issued(await record_of(session, row.id), minted.token)
