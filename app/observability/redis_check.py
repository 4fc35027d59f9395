"""Checks whether Redis can do everything that the limiter needs, and says how to repair what does not work."""

import asyncio
import re
from datetime import UTC, datetime

from redis.exceptions import (
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from keys.limits.redis_connection import PREFIX, LimiterConnection, RedisEpoch
from keys.limits.redis_source import RedisSource
from keys.limits.sliding_window import month_of, to_ms

COMMANDS = ("eval", "evalsha", "set", "get", "hget", "hmget", "hset", "expireat", "time")
GRANT = " ".join(f"+{command}" for command in COMMANDS)
_KEYS = f"~{PREFIX}*"
_REMEDIES = {
    "MISCONF": "it can't save to its disk and so refuses to write; make room there, or turn saving off: "
    "counts need no persistence (CONFIG SET save '')",
    "NOREPLICAS": "it waits for replicas before it writes; set min-replicas-to-write to 0",
    "WRONGTYPE": f"another program wrote to a key that Keydesk uses; delete the keys that begin with {PREFIX}",
    "BUSY": "it is running another program's script; stop that script with SCRIPT KILL",
    "NOPERM": f"its user may not run all commands that counting needs; allow them with ACL SETUSER NAME {GRANT}",
    "OOM": "its memory is full; raise maxmemory, or remove other data from it",
    "READONLY": "it is read-only, probably because it is a replica; use the primary",
}


async def counting_fault(source: RedisSource, *, timeout_seconds: float) -> str | None:
    """
    Says what prevents this Redis from counting and how to repair it; None if it can count.

    Runs the limiter's own commands. Raises RedisError, OSError and TimeoutError.
    """
    connection = LimiterConnection(source, RedisEpoch(month_of(to_ms(datetime.now(UTC)))))
    try:
        async with asyncio.timeout(timeout_seconds):
            await connection.probe_all()
    except ResponseError as error:
        return _remedy(error)
    finally:
        await connection.close()
    return None


def _remedy(error: ResponseError) -> str:
    """
    The remedy for an error, found by the code at the start of Redis's answer.

    For codes that the client library knows, it removes the code from the message and raises an exception of its own.
    """
    words = str(error)
    code = next((code for code in _REMEDIES if re.match(rf"{code}\b", words)), None)
    for kind, known in ((NoPermissionError, "NOPERM"), (OutOfMemoryError, "OOM"), (ReadOnlyError, "READONLY")):
        if isinstance(error, kind):
            code = known
    if re.search(r"user executing the script can't|ACL failure in script", words):  # a code that Redis 7.0 leaves out
        code = "NOPERM"
    if code == "NOPERM" and "key" in words:
        return (
            "refuses to count: its user is not allowed to use the keys that counting needs; allow them with ACL "
            f"SETUSER NAME {_KEYS}"
        )
    if code is None:
        return f"refuses to count ({type(error).__name__}); look at its log"
    return f"refuses to count: {_REMEDIES[code]}"
