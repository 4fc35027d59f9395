"""
Applications that verification is compared with.

They are a bare ASGI application, a route of the web framework, and verification without limits and usage.
"""

import os
import sys
from typing import Any

import uvicorn
from litestar import Litestar, get
from msgspec import Struct

from app.settings import read_settings
from app.verify.endpoint import VerifyEndpoint
from keys.hashing import KEY_PARAMETERS, HashingPool
from keys.verification.verifier import KeyVerifier
from models.engine.database import Database
from models.key_lookup import key_reader


class Greeting(Struct):
    """The answer of an ordinary route."""

    message: str


@get("/v1/verify")
async def greet() -> Greeting:
    """Answers hello through the web framework."""
    return Greeting("hello")


async def bare(scope: Any, _receive: Any, send: Any) -> None:
    """Answers hello to every request, as plain ASGI."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def uncounted() -> VerifyEndpoint:
    """Verification without rate limit, quota and usage, on the database of the settings."""
    settings = read_settings(os.environ)
    if settings.server_keys is None:
        raise ValueError("there is no server key")
    pool = HashingPool(KEY_PARAMETERS.hasher(), threads=1, queue_limit=100_000, name="cold-keys")
    verifier = KeyVerifier(
        server_keys=settings.server_keys,
        prefixes=settings.key_prefixes,
        reader=key_reader(Database(settings.database_url)),
        pool=pool,
        limiter=None,
    )
    return VerifyEndpoint(verifier, public_url="http://127.0.0.1")


def main() -> None:
    """Serves the application and port named on the command line, with the same server settings as Keydesk."""
    name, port = sys.argv[1:]
    application: Any
    if name == "uncounted":
        application = uncounted()
    else:
        application = bare if name == "bare" else Litestar([greet], openapi_config=None, logging_config=None)
    uvicorn.run(
        application,
        port=int(port),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
    )


if __name__ == "__main__":
    main()
