"""The GraphQL-over-HTTP audit against the whole application on a real server, with a signed-in person."""

import asyncio
import socket
import time
from collections.abc import Iterator
from threading import Thread
from typing import Any, cast

import httpx
import pytest
import uvicorn

from models.engine.database import Database
from tests.app.graphql.test_endpoint_http_audit import ABOUT_GET, CHECKS, audit
from tests.support.client import CHEAP, GRAPHQL, PASSWORD, application
from tests.support.graphql.documents import SIGN_IN
from tests.support.world import make_world


@pytest.fixture
def address(database_address: str) -> Iterator[str]:
    """The address of the running application."""
    asyncio.run(_fill(database_address))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = application(database_address, environment={"KEYDESK_PUBLIC_URL": address})
        server = uvicorn.Server(uvicorn.Config(cast(Any, app), log_config=None, lifespan="on", ws="none"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield address
        server.should_exit = True
        thread.join()


async def _fill(database_address: str) -> None:
    database = Database(database_address)
    await make_world(database, password_hash=CHEAP.hasher().hash(PASSWORD))
    await database.close()


def test_the_audit_finds_nothing_but_that_get_is_not_offered(address: str) -> None:
    """All checks pass, except those that need GET."""
    with httpx.Client(base_url=address, headers={"accept": GRAPHQL, "origin": address}) as browser:
        variables = {"email": "ada@example.com", "password": PASSWORD}
        signed_in = browser.post("/graphql", json={"query": SIGN_IN, "variables": variables})
        cookie = f"keydesk_session={browser.cookies['keydesk_session']}"

    results = audit(f"{address}/graphql", cookie=cookie)

    assert signed_in.json()["data"]["signIn"]["__typename"] == "Viewer"
    assert len(results) == CHECKS
    assert {result["id"] for result in results if result["status"] != "ok"} == ABOUT_GET
