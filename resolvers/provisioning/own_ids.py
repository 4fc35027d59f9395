"""Finds what a host product's program names by the host product's own id: `ext:` and the id, in place of Keydesk's."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.host_ids import valid_host_id_or_none
from keys.policy import Action, Actor
from keys.refusals import UnusableArgument
from models.agent import agent_by_external_id
from models.engine.database import Database
from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from models.organization import organization_by_external_id
from models.person import person_by_external_id

MARK = "ext:"
ORGANIZATION_NEEDED = "organizationId: an agent's own id is unique in its organization only. Say in which it is."
ORGANIZATION_NOT_NEEDED = "organizationId: leave it out, because this id finds the agent without it."


async def named_id(
    database: Database, actor: Actor, prefix: Prefix, text: str, *, organization_id: UUID | None = None
) -> UUID:
    """
    The id of what the text names, which may be deleted or out of the actor's reach; NO_SUCH_ID if it names nothing.

    Only operator tokens that may provision name something by the host product's id: an agent, in this organization, a
    person or an organization. For all others, such a text names nothing.
    """
    if not (text.startswith(MARK) and policy.has_right(actor, Action.PROVISION)):
        return parse_external_id(prefix, text) or NO_SUCH_ID
    host_id = valid_host_id_or_none(text.removeprefix(MARK))
    if host_id is None:
        return NO_SUCH_ID
    async with database.reading() as session:
        return await _by_host_id(session, prefix, host_id, organization_id) or NO_SUCH_ID


def require_fitting_organization(text: str, organization_id: object) -> None:
    """Raises UnusableArgument unless an agent's own id, and only that, comes with its organization."""
    if text.startswith(MARK) == (organization_id is None):
        raise UnusableArgument(ORGANIZATION_NEEDED if organization_id is None else ORGANIZATION_NOT_NEEDED)


async def _by_host_id(session: AsyncSession, prefix: Prefix, host_id: str, organization_id: UUID | None) -> UUID | None:
    if prefix is Prefix.PERSON:
        person = await person_by_external_id(session, host_id)
        return None if person is None else person.id
    if prefix is Prefix.AGENT:
        if organization_id is None:
            return None
        agent = await agent_by_external_id(session, organization_id, host_id)
        return None if agent is None else agent.id
    organization = await organization_by_external_id(session, host_id)
    return None if organization is None else organization.id
