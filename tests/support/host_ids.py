"""Gives the agents and the organization of the test world ids of a host product."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col

from models.agent import Agent
from models.engine.database import Database
from models.organization import Organization
from tests.support.world import World

HOST_ID = "support/bot 1, Ä"
ENCODED_HOST_ID = "support%2Fbot%201%2C%20%C3%84"


async def name_agents(database: Database, ids: Mapping[UUID, str | None]) -> None:
    """Stores the host product's ids of these agents."""
    async with database.transaction() as session:
        for agent_id, host_id in ids.items():
            await session.execute(update(Agent).where(col(Agent.id) == agent_id).values(external_id=host_id))


async def name_world(database: Database, world: World) -> None:
    """Acme is `none`, and its agents HOST_ID, `biller` and the deleted `retired`; Globex's agent is `theirs`."""
    await name_agents(
        database,
        {world.own.id: HOST_ID, world.other.id: "biller", world.retired.id: "retired", world.theirs.id: "theirs"},
    )
    async with database.transaction() as session:
        named = update(Organization).where(col(Organization.id) == world.acme.id).values(external_id="none")
        await session.execute(named)
