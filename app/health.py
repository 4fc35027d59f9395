"""Owns /healthz and /readyz: whether the process lives, and whether it can serve."""

import asyncio
import logging

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from keys.limiter import Limiter
from models.database import Database
from models.migrations import current_revision, newest_revision

READY_TIMEOUT_SECONDS = 2.0
NO_STORE = {"Cache-Control": "no-store"}
logger = logging.getLogger("keydesk.health")


async def unready_cause(database: Database, limiter: Limiter) -> str | None:
    """One fixed word for why the server can't serve, or None: `database`, `schema` or `limiter`."""
    try:
        async with asyncio.timeout(READY_TIMEOUT_SECONDS):
            revision = await current_revision(database)
    except Exception as error:
        logger.warning("the database can't be asked: %s", type(error).__name__)
        return "database"
    if revision != newest_revision():
        return "schema"
    return None if limiter.lets_pass else "limiter"


def health(database: Database, limiter: Limiter) -> list[HTTPRouteHandler]:
    """The handlers."""

    @get("/healthz", sync_to_thread=False)
    def healthz() -> Response[dict[str, str]]:
        return Response({"status": "alive"}, headers=NO_STORE)

    @get("/readyz")
    async def readyz() -> Response[dict[str, str]]:
        cause = await unready_cause(database, limiter)
        if cause is None:
            degraded = {"degraded": "limiter"} if limiter.is_degraded else {}
            return Response({"status": "ready", **degraded}, headers=NO_STORE)
        return Response({"status": "unavailable", "cause": cause}, status_code=503, headers=NO_STORE)

    return [healthz, readyz]
