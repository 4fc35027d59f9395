"""Lists, renames, rotates and deletes API keys, and ends the overlap of a rotation."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.issuer import Prepared
from keys.key_limit import Allowance, valid_name
from keys.policy import Action, Actor, may_on
from keys.refusals import ApiKeyNotFound, Forbidden, InvalidInput
from keys.token import hint_of
from keys.turns import Party
from models.api_key import ApiKey, delete_living_keys, end_previous_secret, living_key_for_update, note_replaced
from models.audit import AuditAction
from models.engine.database import database_now
from models.engine.reader import Source
from models.key_queries import ApiKeyRecord, key_record, visible_keys
from models.organization import live_organization, lock_organization
from resolvers.audit import record
from resolvers.services import ChangeServices, Issued, KeyServices, check_mutation_rate, record_of, with_current_roles

OVERLAP_SECONDS_AT_MOST = 86_400


@dataclass(frozen=True, slots=True)
class Deleted:
    """The tombstone of a deleted key, and the organization's slots after the deletion."""

    record: ApiKeyRecord
    allowance: Allowance


async def api_keys(
    source: Source,
    actor: Actor,
    *,
    organization_id: UUID,
    include_deleted: bool = False,
    agent_id: UUID | None = None,
    search: str | None = None,
) -> list[ApiKeyRecord]:
    """
    The organization's keys that the actor may see, newest first.

    With `search`, only keys that have this text in their name or hint, in any case.
    """
    of_agents = policy.visible_agents(actor, Action.SEE_KEY, organization_id)
    if agent_id is not None:
        of_agents = frozenset({agent_id}) if of_agents is None else of_agents & {agent_id}
    if of_agents is not None and not of_agents:
        return []
    records = await visible_keys(source, organization_id, of_agents=of_agents, include_deleted=include_deleted)
    wanted = (search or "").strip().casefold()
    return [each for each in records if wanted in each.name.casefold() or wanted in hint_of(each).casefold()]


async def api_key(source: Source, actor: Actor, *, key_id: UUID) -> ApiKeyRecord | None:
    """The key or tombstone with this id; None if it does not exist or the actor may not see it."""
    found = await key_record(source, key_id)
    return found if found is not None and may_on(actor, Action.SEE_KEY, found) else None


async def rename_api_key(services: ChangeServices, actor: Actor, *, key_id: UUID, name: str) -> ApiKeyRecord:
    """Renames the key. Raises ApiKeyNotFound, Forbidden, InvalidInput, TooManyRequests."""
    found = await _key_that_may(services, actor, Action.RENAME_KEY, key_id)
    name = valid_name(name)
    async with services.database.transaction() as session:
        actor, row = await _locked_key(session, actor, Action.RENAME_KEY, found, services)
        before, row.name = row.name, name
        await record(
            session,
            actor,
            AuditAction.API_KEY_RENAMED,
            f"The API key “{before}” was renamed to “{row.name}”.",
            organization_id=row.organization_id,
            api_key_id=row.id,
            agent_id=row.agent_id,
            now=services.clock(),
        )
        return await record_of(session, row.id)


async def rotate_api_key(services: KeyServices, actor: Actor, *, key_id: UUID, overlap_seconds: int = 0) -> Issued:
    """
    Gives the key a new secret; it keeps its slot. The previous secret works until the overlap ends, by the database's
    clock; older ones end at once. A rotation without overlap is an emergency stop, so its hash goes before others.

    Raises ApiKeyNotFound, Forbidden, InvalidInput, TooManyRequests.
    """
    if not policy.manages_keys_somewhere(actor, Action.ROTATE_KEY):
        raise Forbidden(policy.denial_message(actor))
    if not 0 <= overlap_seconds <= OVERLAP_SECONDS_AT_MOST:
        raise InvalidInput("overlapSeconds", f"Choose an overlap of 0 to {OVERLAP_SECONDS_AT_MOST} seconds (a day).")
    found = await _key_that_may(services, actor, Action.ROTATE_KEY, key_id)
    async with AsyncExitStack() as stack:
        async with services.database.reading() as session:
            await check_mutation_rate(session, actor, services)
            # Before anything else is awaited, so that nobody else takes the place that was found free.
            stack.enter_context(services.reservations.place(actor.counted_as, services.clock()))
        prepared = await services.issuer.prepare(
            party=Party(found.organization_id, actor.counted_as),
            public_id=found.public_id,
            is_urgent=overlap_seconds == 0,
        )
        return await _store_rotation(services, actor, found, prepared, overlap_seconds)


async def _store_rotation(
    services: KeyServices, actor: Actor, found: ApiKeyRecord, prepared: Prepared, overlap_seconds: int
) -> Issued:
    async with services.database.transaction() as session:
        actor, row = await _locked_key(session, actor, Action.ROTATE_KEY, found, services, is_reserved=True)
        works_until = await database_now(session) + timedelta(seconds=overlap_seconds) if overlap_seconds else None
        now = services.clock()
        note_replaced(session, row, at=now, works_until=works_until)
        row.previous_secret_hash = row.secret_hash if overlap_seconds else None
        row.previous_secret_digest = row.secret_digest if overlap_seconds else None
        row.previous_server_key_id = row.server_key_id if overlap_seconds else None
        row.previous_works_until = works_until
        row.previous_secret_shown_to_id = _shown_to(row) if overlap_seconds else None
        row.secret_shown_to_id, row.secret_shown_at = actor.person_id, now
        row.secret_hash, row.secret_digest = prepared.secret_hash, prepared.secret_digest
        row.server_key_id = prepared.minted.server_key_id
        row.prefix, row.last_four, row.rotated_at = prepared.minted.prefix, prepared.minted.last_four, now
        until = f" The secret before works for {overlap_seconds} more seconds." if overlap_seconds else ""
        await record(
            session,
            actor,
            AuditAction.API_KEY_ROTATED,
            f"The API key “{row.name}” was given a new secret.{until}",
            organization_id=row.organization_id,
            api_key_id=row.id,
            agent_id=row.agent_id,
            now=now,
        )
        issued = Issued(await record_of(session, row.id), prepared.minted.token)
    return issued


async def end_overlap(services: ChangeServices, actor: Actor, *, key_id: UUID) -> ApiKeyRecord:
    """
    Ends the overlap of the key's last rotation. When this returns, the previous secret no longer works.

    Without an overlap, it changes nothing. Raises ApiKeyNotFound, Forbidden, TooManyRequests.
    """
    found = await _key_that_may(services, actor, Action.ROTATE_KEY, key_id)
    async with services.database.transaction() as session:
        actor, row = await _locked_key(session, actor, Action.ROTATE_KEY, found, services)
        if row.previous_works_until is not None and row.previous_works_until > await database_now(session):
            end_previous_secret(session, row, at=services.clock())
            await record(
                session,
                actor,
                AuditAction.API_KEY_OVERLAP_ENDED,
                f"The previous secret of the API key “{row.name}” was ended before its overlap was over.",
                organization_id=row.organization_id,
                api_key_id=row.id,
                agent_id=row.agent_id,
                now=services.clock(),
            )
        return await record_of(session, row.id)


def _shown_to(row: ApiKey) -> UUID | None:
    """Who was shown the secret that a rotation replaces, where that is stored."""
    if row.secret_shown_at == (row.rotated_at or row.created_at):
        return row.secret_shown_to_id
    return row.created_by_id if row.rotated_at is None else None


async def delete_api_key(services: ChangeServices, actor: Actor, *, key_id: UUID) -> Deleted:
    """Deletes the key. When this returns, it no longer works. Raises ApiKeyNotFound, Forbidden, TooManyRequests."""
    found = await _key_that_may(services, actor, Action.DELETE_KEY, key_id)
    async with services.database.transaction() as session:
        actor, row = await _locked_key(session, actor, Action.DELETE_KEY, found, services)
        now = services.clock()
        await delete_living_keys(session, at=now, by=actor.person_id, by_token=actor.token_id, key_id=row.id)
        await record(
            session,
            actor,
            AuditAction.API_KEY_DELETED,
            f"The API key “{row.name}” was deleted.",
            organization_id=row.organization_id,
            api_key_id=row.id,
            agent_id=row.agent_id,
            now=now,
        )
        organization = await live_organization(session, row.organization_id)
        if organization is None:
            raise ApiKeyNotFound
        await session.refresh(organization)
        deleted = Deleted(
            await record_of(session, row.id), Allowance(organization.live_key_count, organization.key_limit)
        )
    return deleted


async def _key_that_may(services: ChangeServices, actor: Actor, action: Action, key_id: UUID) -> ApiKeyRecord:
    """
    The active key, if the actor may do this to it, with the roles at the beginning of the request.

    Runs one query without a transaction or lock, so that another organization's key takes the same steps as one that
    does not exist. Raises Forbidden, ApiKeyNotFound.
    """
    if not policy.manages_keys_somewhere(actor, action):
        raise Forbidden(policy.denial_message(actor))
    async with services.database.reading() as session:
        found = await key_record(session, key_id)
    if found is None or found.deleted_at is not None or not may_on(actor, action, found):
        raise ApiKeyNotFound
    return found


async def _locked_key(
    session: AsyncSession,
    actor: Actor,
    action: Action,
    found: ApiKeyRecord,
    services: ChangeServices,
    *,
    is_reserved: bool = False,
) -> tuple[Actor, ApiKey]:
    """
    Locks the organization. Returns the actor with their current roles, and the active key.

    Raises a Refusal if the action is not allowed.
    """
    if await lock_organization(session, found.organization_id) is None:
        raise ApiKeyNotFound
    actor = await with_current_roles(session, actor, services.clock())
    row = await living_key_for_update(session, found.id)
    if row is None or not may_on(actor, action, found):
        raise ApiKeyNotFound
    await check_mutation_rate(session, actor, services, is_reserved=is_reserved)
    return actor, row
