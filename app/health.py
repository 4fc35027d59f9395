"""Owns /healthz and /readyz: whether the process lives, and whether it can serve."""

import asyncio
import logging

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from models.database import Database
from models.migrations import current_revision, newest_revision

READY_TIMEOUT_SECONDS = 2.0
NO_STORE = {"Cache-Control": "no-store"}
logger = logging.getLogger("keydesk.health")


async def unready_cause(database: Database) -> str | None:
    """One fixed word for why the server can't serve, or None: `database` or `schema`."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS):
            revision = await current_revision(database)
    except Exception as error:
        logger.warning("the database can't be asked: %s", type(error).__name__)
        return "database"
    return None if revision == newest_revision() else "schema"


def health(database: Database) -> list[HTTPRouteHandler]:
    """The handlers."""

    @get("/healthz", sync_to_thread=False)
    def healthz() -> Response[dict[str, str]]:
        return Response({"status": "alive"}, headers=NO_STORE)

    @get("/readyz")
    async def readyz() -> Response[dict[str, str]]:
        cause = await unready_cause(database)
        if cause is None:
            return Response({"status": "ready"}, headers=NO_STORE)
        return Response({"status": "unavailable", "cause": cause}, status_code=503, headers=NO_STORE)

    return [healthz, readyz]
