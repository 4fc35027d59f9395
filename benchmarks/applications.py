"""What verification is compared with: the least that the server below it, and the framework beside it, can do."""

import sys
from typing import Any

import uvicorn
from litestar import Litestar, get
from msgspec import Struct


class Greeting(Struct):
    """An answer as an ordinary route gives it."""

    message: str


@get("/v1/verify")
async def greet() -> Greeting:
    """Says hello."""
    return Greeting("hello")


async def bare(scope: Any, _receive: Any, send: Any) -> None:
    """Answers hello to whatever comes, as plain ASGI."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def main() -> None:
    """Serves the one that is named on the port that is named, as Keydesk is served."""
    name, port = sys.argv[1:]
    application: Any = bare if name == "bare" else Litestar([greet], openapi_config=None, logging_config=None)
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
