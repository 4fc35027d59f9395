"""What every answer carries."""

import re

import httpx
import pytest

from app import create_app
from app.settings import read_settings
from tests.conftest import CountingHasher

REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")


def application(database_address: str, public_url: str) -> httpx.AsyncClient:
    settings = read_settings(
        {
            "KEYDESK_DATABASE_URL": database_address,
            "KEYDESK_SECRET_KEY": "0123456789abcdef0123456789abcdef",
            "KEYDESK_PUBLIC_URL": public_url,
        }
    )
    app = create_app(settings, key_hasher=CountingHasher(), password_hasher=CountingHasher())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=public_url)


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/readyz", "/graphql", "/v1/verify", "/v1/verifyx", "/no"])
async def test_every_answer_has_a_request_id_of_its_own(database_address: str, path: str) -> None:
    """Made here, whatever the client sends, and never the same twice."""
    async with application(database_address, "http://localhost:8000") as client:
        answers = [await client.get(path, headers={"X-Request-Id": "req_chosen"}) for _ in range(2)]

    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert all(REQUEST_ID.fullmatch(each) for each in ids)
    assert all(len(answer.headers.get_list("X-Request-Id")) == 1 for answer in answers)
    assert not [answer for answer in answers if "strict-transport-security" in answer.headers]


@pytest.mark.parametrize("path", ["/", "/healthz", "/graphql"])
async def test_over_https_browsers_are_told_to_stay_there(database_address: str, path: str) -> None:
    """HSTS is sent where the address from outside is https, and content is what it says it is."""
    async with application(database_address, "https://keys.example") as client:
        answer = await client.get(path)

    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_path_below_verify_is_verified_and_beside_it_is_not_found(database_address: str) -> None:
    """A gateway forwards the path it got; what only begins like it is none of the door's."""
    async with application(database_address, "http://localhost:8000") as client:
        below = await client.put("/v1/verify/orders/17?x=1")
        beside = await client.get("/v1/verifyx")

    assert (below.status_code, below.json()["code"]) == (401, "missing_key")
    assert beside.status_code == 404
