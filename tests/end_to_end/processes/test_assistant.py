"""Several processes on one database: one question of a person at a time, and one answer to each."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.engine.database import Database
from models.engine.ids import Prefix, external_id, new_id
from tests.support.assistant.client import ASK, CONVERSATION, LISTEN
from tests.support.assistant.on_database import answering, time_is_up
from tests.support.http.sse_listener import COMPLETE, Event, events_of
from tests.support.servers.servers import Server, Servers
from tests.support.tenant_setup import Tenant, make_tenant

WHY = "Why do I get a 401?"
NEVER = external_id(Prefix.REQUEST, new_id())
"""A question about this id keeps a process busy: the request could still be waiting to be written."""


@pytest.fixture
def servers(database_address: str, tmp_path: Path) -> Iterator[Servers]:
    """Starts them on the test's database."""
    started = Servers(database_address, tmp_path)
    yield started
    started.close()


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    """An organization and its admin."""
    return await make_tenant(database)


class Browser:
    """The admin, at one server."""

    def __init__(self, tenant: Tenant, server: Server) -> None:
        self._tenant = tenant
        self._http = httpx.AsyncClient(
            base_url=server.address, timeout=60, headers={"cookie": f"keydesk_session={tenant.session_token}"}
        )

    async def ask(self, message: str = WHY, **more: Any) -> dict[str, Any]:
        """The whole GraphQL response."""
        return await self._post(ASK, input={"organizationId": self._tenant.id, "message": message, **more})

    async def told(self, message: str = WHY, **more: Any) -> dict[str, Any]:
        """The answer."""
        answer: dict[str, Any] = (await self.ask(message, **more))["data"]["askAssistant"]
        return answer

    async def history(self, conversation_id: str) -> list[dict[str, Any]]:
        """The messages."""
        messages: list[dict[str, Any]] = (await self._post(CONVERSATION, id=conversation_id))["data"]["conversation"][
            "messages"
        ]
        return messages

    async def listen(self, message: str = WHY, **more: Any) -> list[Event]:
        """The events of a stream."""
        asked = {"organizationId": self._tenant.id, "message": message, **more}
        body = {"query": LISTEN, "variables": {"input": asked}}
        answer = await self._http.post("/graphql", json=body, headers={"accept": "text/event-stream"})
        return events_of(answer.content)

    async def _post(self, document: str, **variables: Any) -> dict[str, Any]:
        answer = await self._http.post("/graphql", json={"query": document, "variables": variables})
        body: dict[str, Any] = json.loads(answer.content)
        return body

    async def close(self) -> None:
        """Closes the connection."""
        await self._http.aclose()


@pytest.fixture
async def two(servers: Servers, tenant: Tenant) -> AsyncIterator[tuple[list[Server], list[Browser]]]:
    """Two servers, and a browser at each."""
    started = servers.start(2)
    browsers = [Browser(tenant, server) for server in started]
    yield started, browsers
    for browser in browsers:
        await browser.close()


async def until_answering(database: Database) -> None:
    """Waits until a question is being answered."""
    async with asyncio.timeout(30):
        while not await answering(database):  # noqa: ASYNC110 - another process begins it
            await asyncio.sleep(0.01)


async def test_one_question_at_a_time_wherever(two: tuple[list[Server], list[Browser]], database: Database) -> None:
    """While one process answers, the other refuses the person's next question; afterwards it answers it."""
    _, [here, there] = two
    busy = asyncio.ensure_future(here.told(requestId=NEVER))
    await until_answering(database)

    refused = await there.ask("Do keys expire?")
    await busy
    told = await there.told("Do keys expire?")

    assert [error["extensions"] for error in refused["errors"]] == [{"code": "RATE_LIMITED", "retryAfterSeconds": 1}]
    assert told["message"]["text"]


async def test_the_same_at_both_has_one_answer(two: tuple[list[Server], list[Browser]]) -> None:
    """With one id of the client, at the same moment, as a mutation and as a stream: one question, one answer."""
    _, [here, there] = two
    asking = {"clientMessageId": "one", "requestId": NEVER}

    told, also, events = await asyncio.gather(here.told(**asking), there.told(**asking), there.listen(**asking))
    *chunks, given, complete = events

    assert complete == COMPLETE
    assert told["message"] == also["message"] == given.data["data"]["assistantAnswer"]["message"]
    assert "".join(each.data["data"]["assistantAnswer"]["text"] for each in chunks) == told["message"]["text"]
    assert len(await here.history(told["conversation"]["id"])) == 2


async def test_both_count_for_the_minute(two: tuple[list[Server], list[Browser]]) -> None:
    """Twenty a minute in total, and not one more in a race."""
    _, browsers = two
    for number in range(18):
        assert (await browsers[number % 2].told(f"Do keys expire? {number}"))["message"]["text"]

    answers = []
    for number in range(4):
        racing = [browser.ask(f"Do keys expire? {number}, {place}") for place, browser in enumerate(browsers)]
        answers += await asyncio.gather(*racing)

    given = [answer for answer in answers if not answer.get("errors")]
    refused = [error["extensions"]["code"] for answer in answers for error in answer.get("errors", ())]
    assert len(given) == 2
    assert set(refused) == {"RATE_LIMITED"}


async def test_a_killed_process_leaves_its_question_to_another(
    two: tuple[list[Server], list[Browser]], database: Database
) -> None:
    """
    A process is killed in the middle of an answer: the person waits until its lease ends. Then the next question is
    answered, and so is the first one when it is sent again, once.
    """
    [first, _], [here, there] = two
    asking = {"clientMessageId": "one", "requestId": NEVER}
    cut_off = asyncio.ensure_future(here.ask(**asking))
    await until_answering(database)
    first.kill()
    with pytest.raises(httpx.TransportError):
        await cut_off

    too_early = await there.ask("Do keys expire?")
    again = asyncio.ensure_future(there.told(**asking))
    await time_is_up(database)
    told = await again
    after = await there.told("Do keys expire?")

    assert too_early["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert [message["author"] for message in await there.history(told["conversation"]["id"])] == [
        "PERSON",
        "ASSISTANT",
    ]
    assert after["message"]["text"]
    assert await answering(database) == 0
