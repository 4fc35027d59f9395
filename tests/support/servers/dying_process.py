"""
A process that runs operations on keys and is killed before a chosen statement of each, as in a power cut.

It reads a JSON object for each line: the database, the operation, the id of its subject, and the number of the
statement, a commit being one, too. It forks for each, and answers with a line: `done`, `killed`, or `failed` for an
error.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy import event

from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.policy import OPERATOR, Scope
from keys.token import ServerKeys
from models.engine.database import Database
from resolvers.api_keys import delete_api_key, rename_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.agents import delete_agent
from resolvers.operator.organizations import delete_organization
from resolvers.services import KeyServices
from tests.support.servers.servers import SECRET_KEY


async def operate(database: Database, wanted: dict[str, Any]) -> None:
    """Runs the operation, as the operator."""
    pool = HashingPool(PasswordHasher(1, 8, 1), threads=1, queue_limit=1, name="dying")
    issuer = Issuer(ServerKeys((SECRET_KEY.encode(),)), "kd", pool)
    services = KeyServices(database, lambda: datetime.now(UTC), mutations_per_minute=1, issuer=issuer)
    subject = UUID(wanted["subject"])
    match wanted["operation"]:
        case "create":
            await create_api_key(
                services, OPERATOR, organization_id=subject, name="deploy", scope=Scope.ORGANIZATION, agent_id=None
            )
        case "rename":
            await rename_api_key(services, OPERATOR, key_id=subject, name="renamed")
        case "rotate":
            await rotate_api_key(services, OPERATOR, key_id=subject, overlap_seconds=60)
        case "delete":
            await delete_api_key(services, OPERATOR, key_id=subject)
        case "delete agent":
            async with database.transaction() as session:
                await delete_agent(session, agent_id=subject, now=datetime.now(UTC))
        case "delete organization":
            async with database.transaction() as session:
                await delete_organization(session, organization_id=subject, now=datetime.now(UTC))
        case unknown:
            raise ValueError(unknown)


def die_before_statement(database: Database, number: int) -> None:
    """Kills this process when it reaches the statement of this number, counted from 1."""
    left = number

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine.sync_engine, "before_cursor_execute", count)
    event.listen(database.engine.sync_engine, "commit", count)


def in_child(wanted: dict[str, Any]) -> None:
    """Runs one operation in a child, to its end or until the child is killed."""
    database = Database(wanted["database"])
    die_before_statement(database, wanted["statement"])
    asyncio.run(operate(database, wanted))


def main() -> None:
    """Reads lines until there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            in_child(json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            said = "killed"
        elif status == 0:
            said = "done"
        else:
            said = "failed"
        sys.stdout.write(said + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
