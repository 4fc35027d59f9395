"""The least that the web framework costs: one route, one struct."""

import msgspec
from litestar import Litestar, get


class Answer(msgspec.Struct):
    """Something to encode."""

    said: str


@get("/", sync_to_thread=False)
def hello() -> Answer:
    """Says hello."""
    return Answer("hello")


app = Litestar([hello], openapi_config=None, logging_config=None)
