"""Request ids, HSTS, and the limit on headers."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest

from tests.support.client import application, running

REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")


@asynccontextmanager
async def browsing(database_address: str, public_url: str) -> AsyncIterator[httpx.AsyncClient]:
    app = application(database_address, environment={"KEYDESK_PUBLIC_URL": public_url})
    transport = httpx.ASGITransport(cast(Any, app))
    async with running(app), httpx.AsyncClient(transport=transport, base_url=public_url) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/readyz", "/graphql", "/v1/verify", "/v1/verifyx", "/no"])
async def test_every_answer_has_a_request_id_of_its_own(database_address: str, path: str) -> None:
    """The id is made by the server and never repeated, whatever the client sends."""
    async with browsing(database_address, "http://localhost:8000") as client:
        answers = [await client.get(path, headers={"X-Request-Id": "req_chosen"}) for _ in range(2)]

    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert all(REQUEST_ID.fullmatch(each) for each in ids)
    assert all(len(answer.headers.get_list("X-Request-Id")) == 1 for answer in answers)
    assert not [answer for answer in answers if "strict-transport-security" in answer.headers]


@pytest.mark.parametrize("path", ["/", "/healthz", "/graphql", "/v1/verify"])
async def test_over_https_browsers_are_told_to_stay_there(database_address: str, path: str) -> None:
    """HSTS is sent if the public URL is https."""
    async with browsing(database_address, "https://keys.example") as client:
        answer = await client.get(path)

    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")


async def test_the_path_below_verify_is_verified_and_beside_it_is_not_found(database_address: str) -> None:
    """A gateway forwards its own path, so paths below /v1/verify are verified. Paths beside it are not found."""
    async with browsing(database_address, "http://localhost:8000") as client:
        below = await client.put("/v1/verify/orders/17?x=1")
        beside = await client.get("/v1/verifyx")

    assert (below.status_code, below.json()["code"]) == (401, "missing_key")
    assert beside.status_code == 404


async def test_headers_beyond_a_bound_are_refused_unread(database_address: str) -> None:
    """Too large headers get 431 with a request id, before anything parses them."""
    async with browsing(database_address, "http://localhost:8000") as client:
        answers = [
            await client.post("/graphql", json={"query": "{ __typename }"}, headers={name: "a/b;x=y," * 8_000})
            for name in ("Accept", "X-Forwarded-For", "Cookie")
        ]
        fine = await client.post("/graphql", json={"query": "{ __typename }"}, headers={"Cookie": "a=" + "b" * 16_000})

    assert [answer.status_code for answer in answers] == [431, 431, 431]
    assert all(REQUEST_ID.fullmatch(answer.headers["X-Request-Id"]) for answer in answers)
    assert fine.json() == {"data": {"__typename": "Query"}}
