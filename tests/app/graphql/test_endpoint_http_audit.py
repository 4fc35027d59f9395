"""The audit of the npm package graphql-http, against a real server."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import strawberry
import uvicorn
from litestar import Litestar, Request

from app.graphql.endpoint import graphql_route

AUDIT = Path(__file__).parents[2] / "graphql_http_audit"
CHECKS = 61
ABOUT_GET = {"5A70", "D6D5", "6A70"}
"""Checks of GET, which the specification makes optional. Keydesk answers 405."""


def audit(url: str, cookie: str | None = None) -> list[dict[str, str]]:
    """The result of each check of the audit, run against the address, with a session cookie if one is given."""
    node = shutil.which("node")
    if node is None or not (AUDIT / "node_modules" / "graphql-http").is_dir():
        missing = "The audit needs Node, and `npm ci` in tests/graphql_http_audit."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    command = [node, "audit.mjs", url, *([cookie] if cookie else [])]
    done = subprocess.run(command, cwd=AUDIT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@strawberry.type
class Query:
    greeting: str = "hello"


async def nothing(request: Request[Any, Any, Any]) -> None:
    """The context: none, since the schema does not use one."""


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server for a schema with one field, with everybody signed in."""
    route = graphql_route(strawberry.Schema(Query), context=nothing, introspection_refusal=lambda _: None)
    app = Litestar([route], openapi_config=None, logging_config=None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/graphql"
        server.should_exit = True
        thread.join()


def test_the_audit_finds_nothing_but_that_get_is_not_offered(address: str) -> None:
    """All checks pass, except those that need GET."""
    results = audit(address)

    assert len(results) == CHECKS
    assert {result["id"] for result in results if result["status"] != "ok"} == ABOUT_GET
