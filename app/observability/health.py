"""Answers /healthz (the process is running) and /readyz (it can serve requests)."""

import asyncio
import logging

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from app.observability.paced_log import Paced, more_words
from keys.limits.limiter import Limiter
from keys.usage.recorder import UsageRecorder
from models.engine.database import Database
from models.migrations import current_revision, newest_revision

READY_TIMEOUT_SECONDS = 2.0
WARNINGS_A_MINUTE = 12
NO_STORE = {"Cache-Control": "no-store"}
logger = logging.getLogger("keydesk.health")


class Revision:
    """
    Reads the revision of the database's schema, with one query for all requests that wait at the same time.

    Anybody may request /readyz as often as they like, so it must never take more than one connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asking: asyncio.Task[str | None] | None = None
        self._paced = Paced(of_a_kind=WARNINGS_A_MINUTE, in_all=WARNINGS_A_MINUTE)

    async def current(self) -> str | None:
        """The revision, or None in an empty database. Raises TimeoutError, and any error of the database."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._answered)
        return await asyncio.shield(self._asking)

    async def _ask(self) -> str | None:
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                return await current_revision(self._database)
        except Exception as error:
            left_out = self._paced.admits()
            if left_out is not None:
                logger.warning("the database can't be read: %s%s", type(error).__name__, more_words(left_out))
            raise

    def _answered(self, asking: asyncio.Task[str | None]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # marks it as retrieved: asyncio would log it if all callers were cancelled


async def unready_cause(revision: Revision, limiter: Limiter) -> str | None:
    """Why the server can't serve: `database`, `schema` or `limiter`, or None if it can."""
    try:
        current = await revision.current()
    except Exception:  # `Revision` has logged it, once for all callers
        return "database"
    if current != newest_revision():
        return "schema"
    return None if limiter.lets_pass else "limiter"


def degraded_parts(limiter: Limiter, recorder: UsageRecorder) -> str:
    """The parts that are degraded at the moment: an empty text, `limiter`, `ledger`, or `limiter, ledger`."""
    parts = {"limiter": limiter.is_degraded, "ledger": recorder.is_degraded}
    return ", ".join(name for name, is_degraded in parts.items() if is_degraded)


def health(database: Database, limiter: Limiter, recorder: UsageRecorder) -> list[HTTPRouteHandler]:
    """Returns the handlers of /healthz and /readyz."""
    revision = Revision(database)

    @get("/healthz", sync_to_thread=False)
    def healthz() -> Response[dict[str, str]]:
        return Response({"status": "alive"}, headers=NO_STORE)

    @get("/readyz")
    async def readyz() -> Response[dict[str, str]]:
        cause = await unready_cause(revision, limiter)
        if cause is None:
            parts = degraded_parts(limiter, recorder)
            degraded = {"degraded": parts} if parts else {}
            return Response({"status": "ready", **degraded}, headers=NO_STORE)
        return Response({"status": "unavailable", "cause": cause}, status_code=503, headers=NO_STORE)

    return [healthz, readyz]
