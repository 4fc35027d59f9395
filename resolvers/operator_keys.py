"""Does what becomes of API keys when a server key is taken away from under them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from models.api_key import drop_secrets_tagged_otherwise, organizations_tagged_otherwise
from models.database import Database
from models.organization import lock_organization
from resolvers.operator import record_deleted_keys


async def drop_keys_tagged_otherwise(
    database: Database, server_key_ids: Collection[str], *, now: datetime
) -> list[UUID]:
    """
    Deletes the living keys that none of these server keys tagged, and ends overlaps of such secrets; returns the keys.

    An organization at a time, each under its lock.
    """
    async with database.reading() as session:
        organization_ids = await organizations_tagged_otherwise(session, server_key_ids)
    dropped: list[UUID] = []
    for organization_id in organization_ids:
        async with database.transaction() as session:
            if await lock_organization(session, organization_id) is None:
                continue
            key_ids = await drop_secrets_tagged_otherwise(
                session, server_key_ids, organization_id=organization_id, at=now
            )
            await record_deleted_keys(session, key_ids, "since the server key that tagged it was taken away", now=now)
        dropped += key_ids
    return dropped
