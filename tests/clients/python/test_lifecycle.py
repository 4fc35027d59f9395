"""Whoever uses a client that is closed meanwhile, was forked, or is in another event loop, gets an answer."""

import asyncio
import gc
import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import anyio
import httpx2
import pytest

from keydesk_client import (
    Answer,
    AsyncKeydesk,
    Keydesk,
    KeydeskUnavailable,
    KeyManagement,
    Provisioning,
    Unavailable,
    Verified,
    threads,
)
from keydesk_client.threads import LoopThread, PerProcess, Stopped
from tests.support.servers.small_servers import Given, SmallServer

URL = "https://keys.example"
KEY = "kd_0123456789abcdef_thesecretpartofit"
GOOD = {
    "keyId": "key_01936f7ab2c07d3e9a41c5d2e8f60b17",
    "organizationId": "org_01936f79c4e17a20b1d3f4a5968778a9",
    "scope": "organization",
    "agentId": None,
    "requestId": "req_0f8d2c6b5e914a77b3d1a4c09e5f6a21",
}
FOR_EVER_SECONDS = 10_000.0
GIVE_UP_SECONDS = 60.0
CALLERS = 3


class Frozen(httpx2.AsyncBaseTransport):
    """Never answers. `asked` is released once for each request."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.release()
        await anyio.sleep_forever()
        raise AssertionError


def keydesk(transport: Frozen) -> tuple[Keydesk, Callable[[], object]]:
    made = Keydesk(URL, transport=transport, patience_seconds=FOR_EVER_SECONDS)
    return made, lambda: made.verify(KEY)


def management(transport: Frozen) -> tuple[KeyManagement, Callable[[], object]]:
    made = KeyManagement(URL, "kds_1", transport=transport, patience_seconds=FOR_EVER_SECONDS)
    return made, lambda: made.delete_api_key("key_1")


def provisioning(transport: Frozen) -> tuple[Provisioning, Callable[[], object]]:
    made = Provisioning(URL, "kdo_1", transport=transport, patience_seconds=FOR_EVER_SECONDS)
    return made, lambda: made.delete_agent("agt_1")


@pytest.mark.parametrize("make", [keydesk, management, provisioning])
def test_whoever_waits_while_a_client_is_closed_is_told(
    make: Callable[[Frozen], tuple[Any, Callable[[], object]]],
) -> None:
    """That there is no answer. The threads must be able to end."""
    transport = Frozen()
    client, ask = make(transport)
    outcomes: list[object] = []

    def call() -> None:
        try:
            outcomes.append(ask())
        except Exception as error:
            outcomes.append(error)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(CALLERS)]
    for each in callers:
        each.start()
    for _ in callers:
        assert transport.asked.acquire(timeout=GIVE_UP_SECONDS)

    client.close()

    for each in callers:
        each.join(GIVE_UP_SECONDS)
    assert [type(each) for each in outcomes] == [Unavailable if make is keydesk else KeydeskUnavailable] * CALLERS
    assert {getattr(each, "reason", str(each)) for each in outcomes} == {"the client was closed"}


def test_a_thread_that_was_closed_takes_no_more_work() -> None:
    """Whoever got the object just before it was closed is told, too."""
    thread = LoopThread("closed", GIVE_UP_SECONDS)
    thread.close(asyncio.sleep(0))

    with pytest.raises(Stopped, match="closed"):
        thread.run(asyncio.sleep(0))


def test_a_loop_that_is_stuck_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as by a transport of one's own that blocks."""
    monkeypatch.setattr(threads, "SPARE_SECONDS", 0.05)
    thread, released = LoopThread("stuck", 0), threading.Event()

    async def block() -> None:
        released.wait(GIVE_UP_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(thread.run, block())
        error = waiting.exception(GIVE_UP_SECONDS)
        released.set()
    monkeypatch.undo()
    thread.close(asyncio.sleep(0))

    assert isinstance(error, Stopped)


async def test_a_client_that_was_closed_gives_an_answer() -> None:
    """A server that stops closes it while the last requests are still running."""
    transport = Frozen()
    client = AsyncKeydesk(URL, transport=transport)
    await client.aclose()

    answer = await client.verify(KEY)

    assert isinstance(answer, Unavailable)
    assert answer.reason == "the client was closed"


async def test_a_client_that_is_closed_meanwhile_gives_an_answer() -> None:
    """With real connections: one waits for its answer, the others for a connection."""
    asked, released = threading.Semaphore(0), threading.Event()

    def never(_: object) -> Given:
        asked.release()
        released.wait(GIVE_UP_SECONDS)
        return Given(200)

    with closing(SmallServer(never)) as server:
        client = AsyncKeydesk(f"http://127.0.0.1:{server.port}", max_connections=1, patience_seconds=1)
        running = [asyncio.create_task(client.verify(KEY)) for _ in range(CALLERS)]
        await asyncio.to_thread(asked.acquire, timeout=GIVE_UP_SECONDS)
        await client.aclose()
        answers = await asyncio.gather(*running)
        released.set()

    assert {type(answer) for answer in answers} == {Unavailable}


def test_a_client_has_connections_of_its_own_in_each_event_loop() -> None:
    """As in a program with two threads that each have a loop. Each closes its own."""
    headers = [("X-Keydesk-Agent", "none")]
    with (
        closing(SmallServer(lambda _: Given(200, headers, json.dumps(GOOD).encode()))) as server,
        asyncio.Runner() as one,
        asyncio.Runner() as other,
    ):
        client = AsyncKeydesk(f"http://127.0.0.1:{server.port}")
        answers: list[Answer] = [loop.run(client.verify(KEY)) for loop in (one, other, one, other)]
        for loop in (one, other):
            loop.run(client.aclose())
        del client
        gc.collect()  # what was not closed gives a warning, which fails the test

    assert [type(answer) for answer in answers] == [Verified] * 4


def made_in_child(objects: PerProcess[int], outcome: Any) -> None:
    outcome.put(objects.get() == os.getpid())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_is_forked_while_a_thread_makes_the_client_makes_its_own() -> None:
    """The thread, which held the lock, is not copied."""
    parent, begun, released = os.getpid(), threading.Event(), threading.Event()

    def make() -> int:
        if os.getpid() == parent:
            begun.set()
            released.wait(GIVE_UP_SECONDS)
        return os.getpid()

    objects = PerProcess(make)
    context = multiprocessing.get_context("fork")
    outcome = context.Queue()
    making = threading.Thread(target=objects.get)
    making.start()
    assert begun.wait(GIVE_UP_SECONDS)
    child = context.Process(target=made_in_child, args=(objects, outcome), daemon=True)
    child.start()
    try:
        said = outcome.get(timeout=GIVE_UP_SECONDS)
    finally:
        released.set()
        making.join()
        child.kill()
        child.join()

    assert said is True
