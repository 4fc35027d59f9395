"""Creates, changes, lists and deletes organizations for a host product, which names them by its own ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.host_ids import valid_host_id, valid_host_id_or_none
from keys.policy import Action, Actor
from keys.refusals import InvalidInput, UnusableArgument
from models.audit import AuditAction
from models.engine.ids import Prefix, parse_external_id
from models.organization import (
    DEFAULT_KEY_LIMIT,
    DEFAULT_MONTHLY_QUOTA,
    DEFAULT_RATE_LIMIT,
    Organization,
    lock_organization,
    organization_by_external_id,
    organizations_after,
)
from resolvers.audit import record
from resolvers.operator.lookup import Declined
from resolvers.operator.organizations import (
    DeletedOrganization,
    create_organization,
    update_organization,
)
from resolvers.operator.organizations import delete_organization as delete_locked
from resolvers.provisioning.rights import require_current_right
from resolvers.services import ChangeServices
from resolvers.usage import page_size

ROUNDS = 5
"""How often a row is looked for again, after another request has inserted or deleted it at the same moment."""
NO_SUCH_ORGANIZATION = "This organization does not exist. It may have been deleted."


@dataclass(frozen=True, slots=True)
class EnsuredOrganization:
    """An organization, and whether it was created just now."""

    organization: Organization
    created: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of an organization. None leaves a limit as it is, or at the default for a new organization."""

    key_limit: int | None = None
    rate_limit: int | None = None
    monthly_quota: int | None = None


@dataclass(frozen=True, slots=True)
class OrganizationPage:
    """A page of organizations, and whether there are later and earlier ones."""

    organizations: Sequence[Organization]
    has_next: bool
    has_previous: bool


async def ensure_organization(
    services: ChangeServices, actor: Actor, *, external_id: str, name: str, limits: Limits
) -> EnsuredOrganization:
    """
    The organization with this id of the host product, with this name and these limits; created if there is none.

    Requests with the same id at the same time get the same organization. Raises Forbidden, InvalidInput.
    """
    policy.require_right(actor, Action.PROVISION)
    host_id = valid_host_id(external_id)
    for _ in range(ROUNDS):
        try:
            async with services.database.transaction() as session:
                await require_current_right(session, actor, Action.PROVISION, now=services.clock())
                found = await organization_by_external_id(session, host_id)
                if found is None:
                    made = await _created(services, session, actor, host_id, name, limits)
                    return EnsuredOrganization(made, created=True)
                locked = await lock_organization(session, found.id)
                if locked is not None:
                    changed = await _updated(services, session, actor, locked, name, limits)
                    return EnsuredOrganization(changed, created=False)
        except IntegrityError:
            continue  # inserted by another request since this one looked
    raise RuntimeError("an organization is inserted and deleted again and again")


async def delete_organization(services: ChangeServices, actor: Actor, *, organization_id: UUID) -> DeletedOrganization:
    """
    Deletes the organization with its agents and keys. When this returns, none of the keys works.

    Raises Forbidden, InvalidInput.
    """
    policy.require_right(actor, Action.PROVISION)
    try:
        async with services.database.transaction() as session:
            await require_current_right(session, actor, Action.PROVISION, now=services.clock())
            return await delete_locked(session, actor, organization_id=organization_id, now=services.clock())
    except Declined:
        raise InvalidInput("id", NO_SUCH_ORGANIZATION) from None


async def organizations(
    session: AsyncSession, actor: Actor, *, external_id: str | None, first: int, after: str | None
) -> OrganizationPage:
    """
    A page of all organizations, oldest first, or the one with this id of the host product. Without deleted ones.

    Raises Forbidden, UnusableArgument.
    """
    policy.require_right(actor, Action.PROVISION)
    page_size(first, more=" organizations, then go on with the page's endCursor")
    after_id = None if after is None else parse_external_id(Prefix.ORGANIZATION, after)
    if after is not None and after_id is None:
        raise UnusableArgument("after: this is not a cursor of organizations. Send the endCursor of an earlier page.")
    if external_id is not None and valid_host_id_or_none(external_id) is None:
        return OrganizationPage((), has_next=False, has_previous=after_id is not None)
    found = await organizations_after(session, after_id, external_id=external_id, limit=first + 1)
    return OrganizationPage(found[:first], has_next=len(found) > first, has_previous=after_id is not None)


async def _created(
    services: ChangeServices, session: AsyncSession, actor: Actor, host_id: str, name: str, limits: Limits
) -> Organization:
    organization = await create_organization(
        session,
        name=name,
        external_id=host_id,
        key_limit=DEFAULT_KEY_LIMIT if limits.key_limit is None else limits.key_limit,
        rate_limit=DEFAULT_RATE_LIMIT if limits.rate_limit is None else limits.rate_limit,
        monthly_quota=DEFAULT_MONTHLY_QUOTA if limits.monthly_quota is None else limits.monthly_quota,
        now=services.clock(),
    )
    summary = f"The organization “{organization.name}” was created."
    await _record(services, session, actor, AuditAction.ORGANIZATION_CREATED, organization, summary)
    return organization


async def _updated(
    services: ChangeServices, session: AsyncSession, actor: Actor, row: Organization, name: str, limits: Limits
) -> Organization:
    before = row.name
    organization = await update_organization(
        session,
        actor,
        organization_id=row.id,
        name=name,
        key_limit=limits.key_limit,
        rate_limit=limits.rate_limit,
        monthly_quota=limits.monthly_quota,
        now=services.clock(),
    )
    if organization.name != before:
        summary = f"The organization “{before}” was renamed to “{organization.name}”."
        await _record(services, session, actor, AuditAction.ORGANIZATION_RENAMED, organization, summary)
    return organization


async def _record(
    services: ChangeServices,
    session: AsyncSession,
    actor: Actor,
    action: AuditAction,
    organization: Organization,
    summary: str,
) -> None:
    await record(session, actor, action, summary, organization_id=organization.id, now=services.clock())
