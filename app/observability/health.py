"""Answers /healthz (the process is running) and /readyz (it can serve requests)."""

import asyncio
import logging

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from app.observability.paced_log import Paced, more_words
from app.serving.stopping import Stop
from keys.limits.limiter import Limiter
from keys.usage.recorder import UsageRecorder
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.engine.outage_log import named
from models.engine.server_state import ReadOnlyPrimary, UnsuitableServer
from models.migrations.state import SchemaState, schema_state

READY_TIMEOUT_SECONDS = 2.0
WARNINGS_A_MINUTE = 12
NO_STORE = {"Cache-Control": "no-store"}
logger = logging.getLogger("keydesk.health")


class Schema:
    """
    Reads the state of the database's schema, with one query for all requests that wait at the same time.

    Anybody may request /readyz as often as they like, so it must never take more than one connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asking: asyncio.Task[SchemaState] | None = None
        self._paced = Paced(of_a_kind=WARNINGS_A_MINUTE, in_all=WARNINGS_A_MINUTE)

    async def state(self) -> SchemaState:
        """Whether this program works with the schema. Raises TimeoutError, and any error of the database."""
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._answered)
        return await asyncio.shield(self._asking)

    async def _ask(self) -> SchemaState:
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                return await schema_state(self._database)
        except Exception as error:
            left_out = self._paced.admits()
            if left_out is not None:
                logger.warning("the database can't be read: %s%s", named(error), more_words(left_out))
            raise

    def _answered(self, asking: asyncio.Task[SchemaState]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # marks it as retrieved: asyncio would log it if all callers were cancelled


async def unready_cause(database: Database, schema: Schema, limiter: Limiter, stop: Stop) -> str | None:
    """
    Why the server can't serve, or None if it can.

    The words are `stopping`, `database`, `standby`, `pooler`, `schema` and `limiter`.
    """
    if stop.is_stopping:
        return "stopping"
    try:
        state = await schema.state()
    except UnsuitableServer as error:
        return error.cause
    except Exception:  # `Schema` has logged it, once for all callers
        return "database"
    if (cause := server_cause(database)) is not None:
        return cause
    if not state.is_served:
        return "schema"
    return None if limiter.lets_pass else "limiter"


def server_cause(database: Database) -> str | None:
    """
    Why PostgreSQL's servers can't be served from, as the last look at them has found; None if they can.

    A primary that refuses writes is none: keys are verified on it, and all servers would be unready at once.
    """
    fault = _fault(database)
    return fault.cause if isinstance(fault, UnsuitableServer) and not isinstance(fault, ReadOnlyPrimary) else None


def _fault(database: Database) -> Exception | None:
    return database.primary.fault if database.backend == POSTGRESQL else None


def degraded_parts(database: Database, limiter: Limiter, recorder: UsageRecorder) -> str:
    """The parts that are degraded at the moment, of `limiter`, `ledger` and `journal`: `limiter, ledger`, or empty."""
    parts = {
        "limiter": limiter.is_degraded,
        "ledger": recorder.is_degraded or isinstance(_fault(database), ReadOnlyPrimary),
        "journal": database.revocations is not None and database.revocations.is_failing,
    }
    return ", ".join(name for name, is_degraded in parts.items() if is_degraded)


def health(database: Database, limiter: Limiter, recorder: UsageRecorder, stop: Stop) -> list[HTTPRouteHandler]:
    """Returns the handlers of /healthz and /readyz."""
    schema = Schema(database)

    @get("/healthz", sync_to_thread=False)
    def healthz() -> Response[dict[str, str]]:
        return Response({"status": "alive"}, headers=NO_STORE)

    @get("/readyz")
    async def readyz() -> Response[dict[str, str]]:
        cause = await unready_cause(database, schema, limiter, stop)
        if cause is None:
            parts = degraded_parts(database, limiter, recorder)
            degraded = {"degraded": parts} if parts else {}
            return Response({"status": "ready", **degraded}, headers=NO_STORE)
        return Response({"status": "unavailable", "cause": cause}, status_code=503, headers=NO_STORE)

    return [healthz, readyz]
