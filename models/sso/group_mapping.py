"""What the groups of the identity provider mean: a role in an organization, perhaps with agents to administer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKey, UniqueConstraint, Uuid, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.agent import Agent
from models.engine.columns import instant, reference
from models.engine.ids import new_id
from models.organization import Organization
from models.person import Role

GROUP_LENGTH_AT_MOST = 255


class GroupMapping(SQLModel, table=True):
    """People whom the provider lists in this group have this role in the organization."""

    __tablename__ = "group_mappings"
    __table_args__ = (
        UniqueConstraint("organization_id", "group_name", name="uq_group_mappings_organization_id_group_name"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id")
    group_name: str = Field(max_length=GROUP_LENGTH_AT_MOST)
    role: str = Field(max_length=32)
    created_at: datetime = instant()


class MappedAgent(SQLModel, table=True):
    """An agent that the people of a group administer. The row stays after the agent was deleted."""

    __tablename__ = "mapped_agents"

    mapping_id: UUID = Field(
        sa_column=Column(Uuid(), ForeignKey("group_mappings.id", ondelete="CASCADE"), primary_key=True)
    )
    agent_id: UUID = reference("agents.id", primary_key=True)


@dataclass(frozen=True, slots=True)
class MappedGroup:
    """A mapping as it is shown, with its agents that are not deleted, by name."""

    organization_id: UUID
    organization_name: str
    group: str
    role: Role
    agents: Sequence[Agent]


async def mapped_groups(session: AsyncSession, organization_id: UUID | None = None) -> list[MappedGroup]:
    """The mappings of one organization, or of all that are not deleted; by organization and group."""
    statement = (
        select(GroupMapping, Organization.name)
        .join(Organization, col(Organization.id) == col(GroupMapping.organization_id))
        .where(col(Organization.deleted_at).is_(None))
        .order_by(col(GroupMapping.organization_id), col(GroupMapping.group_name))
    )
    agents = (
        select(MappedAgent.mapping_id, Agent)
        .join(Agent, col(Agent.id) == col(MappedAgent.agent_id))
        .where(col(Agent.deleted_at).is_(None))
        .order_by(col(Agent.name), col(Agent.id))
    )
    if organization_id is not None:
        statement = statement.where(GroupMapping.organization_id == organization_id)
        agents = agents.where(Agent.organization_id == organization_id)
    found: dict[UUID, list[Agent]] = {}
    for mapping_id, agent in (await session.execute(agents)).all():
        found.setdefault(mapping_id, []).append(agent)
    return [
        MappedGroup(row.organization_id, name, row.group_name, Role(row.role), found.get(row.id, []))
        for row, name in (await session.execute(statement)).all()
    ]


async def set_mapping(
    session: AsyncSession, organization_id: UUID, group: str, role: Role, agent_ids: Collection[UUID], *, now: datetime
) -> None:
    """Gives the group this role and these agents, instead of those that it had. The organization must be locked."""
    await remove_mapping(session, organization_id, group)
    mapping = GroupMapping(organization_id=organization_id, group_name=group, role=role.value, created_at=now)
    session.add(mapping)
    await session.flush()
    session.add_all(MappedAgent(mapping_id=mapping.id, agent_id=agent_id) for agent_id in agent_ids)
    await session.flush()


async def remove_mapping(session: AsyncSession, organization_id: UUID, group: str) -> bool:
    """Deletes the mapping of a group. False if there was none."""
    statement = select(GroupMapping).where(
        GroupMapping.organization_id == organization_id, GroupMapping.group_name == group
    )
    found = (await session.execute(statement)).scalar_one_or_none()
    if found is None:
        return False
    await session.execute(delete(MappedAgent).where(col(MappedAgent.mapping_id) == found.id))
    await session.delete(found)
    await session.flush()
    return True
