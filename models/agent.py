"""The agents table and its queries. The row of a deleted agent stays, for the keys that had it."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Index, Select, UniqueConstraint, Uuid, bindparam, text
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import EXTERNAL_ID_LENGTH_AT_MOST, instant, optional_instant, reference
from models.engine.ids import new_id
from models.engine.in_clause import padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch


class Agent(SQLModel, table=True):
    """
    A software worker that others call.

    The pair of ids is unique so that a foreign key can keep an API key from having another organization's agent.
    """

    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("id", "organization_id"),
        Index(
            "uq_agents_organization_id_external_id",
            "organization_id",
            "external_id",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id", index=True)
    name: str = Field(max_length=64)
    created_at: datetime = instant()
    deleted_at: datetime | None = optional_instant()
    external_id: str | None = Field(default=None, max_length=EXTERNAL_ID_LENGTH_AT_MOST)
    """The host product's id of it, unique among the organization's agents that are not deleted."""


SHOWN: list[Any] = [Agent.id, Agent.name, Agent.deleted_at, Agent.external_id]
"""The columns of a `NamedAgent`."""
_NAMED: list[Any] = [Agent.organization_id, *SHOWN]


class NamedAgent(NamedTuple):
    """The parts of an agent that are shown with a key or a request."""

    id: UUID
    name: str
    deleted_at: datetime | None
    external_id: str | None = None


@cache
def _named(room: int) -> Select[Any]:
    return columns(*_NAMED).where(col(Agent.id).in_(placeholders(room)))


async def named_agents(source: Source, agent_ids: Collection[UUID]) -> dict[tuple[UUID, UUID], NamedAgent]:
    """Loads agents, deleted ones too, by organization and id. Unknown ids are left out."""
    rows = await fetch(source, _named(padded_size(agent_ids)), padded_values(agent_ids))
    return {(row[0], row[1]): NamedAgent(*row[1:]) for row in rows}


@cache
def _living(room: int | None) -> Select[Any]:
    statement: Select[Any] = columns(*SHOWN).where(
        col(Agent.organization_id) == bindparam("organization_id", type_=Uuid()), col(Agent.deleted_at).is_(None)
    )
    if room is not None:
        statement = statement.where(col(Agent.id).in_(placeholders(room)))
    return statement.order_by(col(Agent.name), col(Agent.id))


async def living_agents(source: Source, organization_id: UUID, *, only: Collection[UUID] | None) -> list[NamedAgent]:
    """The organization's agents that are not deleted, sorted by name. With `only`, just those of these ids."""
    if only is not None and not only:
        return []
    parameters = {"organization_id": organization_id, **(padded_values(only) if only else {})}
    rows = await fetch(source, _living(None if only is None else padded_size(only)), parameters)
    return [NamedAgent._make(row) for row in rows]


async def live_agents(
    session: AsyncSession, organization_id: UUID, *, only: Collection[UUID] | None = None
) -> list[Agent]:
    """The rows of the organization's agents that are not deleted, sorted by name. With `only`, just these ids."""
    statement = select(Agent).where(Agent.organization_id == organization_id, col(Agent.deleted_at).is_(None))
    if only is not None:
        statement = statement.where(col(Agent.id).in_(only))
    return list((await session.execute(statement.order_by(col(Agent.name), col(Agent.id)))).scalars())


async def live_agent(session: AsyncSession, organization_id: UUID, agent_id: UUID) -> Agent | None:
    """The organization's agent with this id; None if it does not exist or was deleted."""
    statement = select(Agent).where(
        Agent.id == agent_id, Agent.organization_id == organization_id, col(Agent.deleted_at).is_(None)
    )
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def agent_by_external_id(session: AsyncSession, organization_id: UUID, external_id: str) -> Agent | None:
    """The organization's agent with this id of the host product; None if there is none, or if it was deleted."""
    statement = select(Agent).where(
        Agent.organization_id == organization_id, Agent.external_id == external_id, col(Agent.deleted_at).is_(None)
    )
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def agent_by_id(session: AsyncSession, agent_id: UUID) -> Agent | None:
    """The agent with this id in any organization, for the operator; None if it does not exist or was deleted."""
    statement = select(Agent).where(Agent.id == agent_id, col(Agent.deleted_at).is_(None))
    return (await session.execute(statement)).scalar_one_or_none()


async def agents_named(session: AsyncSession, name: str) -> list[Agent]:
    """The agents with exactly this name in all organizations, for the operator. Without deleted ones."""
    statement = select(Agent).where(Agent.name == name, col(Agent.deleted_at).is_(None))
    return list((await session.execute(statement)).scalars())
