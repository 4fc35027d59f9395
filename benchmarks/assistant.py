"""
Measures the assistant: twenty people who ask as often as they may, together with a steady load of verifications.

    python -m benchmarks.assistant [--postgres postgresql+asyncpg://user@host/postgres] [--rounds 3] [--seconds 20]

The server process runs on the first core, the people and the callers on the second. Each round measures verifications
without conversations, then with them. At the end, twenty questions are asked at the same moment. The list of ten keys,
requested at the same pace, is measured for comparison. Prints a Markdown table of medians.
"""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from assistant.intents.encoder import embedding
from assistant.intents.model import model
from assistant.intents.understand import understand
from benchmarks.load import Load, Measured
from benchmarks.site import Server, analyze, fill, mint_keys, postgresql_database, start_keydesk
from keys.hashing import PASSWORD_PARAMETERS
from models import Membership, Organization, Person, Role
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from training.corpus import whole_messages

PEOPLE = 20
PACE_SECONDS = 3.2
"""The time between a person's questions, a little more than the 3 seconds that 20 a minute allow."""
PASSWORD = "a password to measure with"
CALLERS, PAUSE_MS = 8, 4
"""They make about 1,500 verifications a second, which leaves the process a third of its core."""
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"
LIST = "query ($id: ID!) { organization(id: $id) { apiKeys { id name scope status hint createdAt viewerCanManage } } }"
ANSWER = """
  __typename
  ... on AssistantAnswer {
    conversation { id }
    message { text diagnosis { case summary evidence { label value at } steps } citations { title url } }
  }
"""
ASK = f"mutation ($input: AskAssistantInput!) {{ askAssistant(input: $input) {{ {ANSWER} }} }}"
LISTEN = f"""
subscription ($input: AskAssistantInput!) {{
  assistantAnswer(input: $input) {{ {ANSWER} ... on AssistantTextChunk {{ text }} }}
}}
"""
QUESTIONS = (
    "why does my call fail?",
    "I can't create a key",
    "who created the key “key 3”?",
    "Ich bekomme 401 mit dem Schlüssel key 4",
    "how do I rotate a key?",
    "how much is “key 5” used?",
    "curl -H 'Authorization: Bearer kd_Ab3dEf…x9Qz' https://keys.example/v1/verify gives 401",
    "my secret leaked to github, what now?",
)


class Site:
    """A server with ten keys and twenty people who are signed in."""

    def __init__(self, server: Server, keys: Sequence[str], organization: str, people: list[httpx.AsyncClient]) -> None:
        self.server, self.keys, self.organization, self.people = server, keys, organization, people

    async def ask(self, person: httpx.AsyncClient, question: str) -> float:
        """Asks a question. Returns the seconds until the answer."""
        variables = {"input": {"organizationId": self.organization, "message": question}}
        return await _seconds(person, ASK, variables, "askAssistant")

    async def listen(self, person: httpx.AsyncClient, question: str) -> float:
        """Asks a question by subscription. Returns the seconds until the first event."""
        variables = {"input": {"organizationId": self.organization, "message": question}}
        began, first = time.perf_counter(), 0.0
        body = {"query": LISTEN, "variables": variables}
        async with person.stream("POST", "/graphql", json=body, headers={"accept": "text/event-stream"}) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:") and "assistantAnswer" in line and not first:
                    first = time.perf_counter() - began
        assert first
        return first

    async def list_keys(self, person: httpx.AsyncClient, _question: str) -> float:
        """Lists the ten keys. Returns the seconds until the answer."""
        return await _seconds(person, LIST, {"id": self.organization}, "organization")


async def _seconds(person: httpx.AsyncClient, query: str, variables: dict[str, Any], field: str) -> float:
    began = time.perf_counter()
    answer = (await person.post("/graphql", json={"query": query, "variables": variables})).json()
    took = time.perf_counter() - began
    assert "errors" not in answer, answer
    assert answer["data"][field], answer
    return took


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Site]:
    """Fills this database, serves it, and signs the people in."""
    minted = mint_keys(10)
    await fill(address, minted)
    organization = await _people(address)
    if address.startswith("postgresql"):
        await analyze(address)
    server = await start_keydesk(address)
    try:
        async with AsyncExitStack() as stack:
            people = []
            for number in range(PEOPLE):
                base = f"http://127.0.0.1:{server.port}"
                person = await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=30))
                body = {"query": SIGN_IN, "variables": {"input": {"email": _email(number), "password": PASSWORD}}}
                (await person.post("/graphql", json=body)).raise_for_status()
                people.append(person)
            server.pin(0)
            yield Site(server, [key.token.reveal() for key, _ in minted], organization, people)
    finally:
        server.stop()


async def _people(address: str) -> str:
    """Adds twenty admins to the first organization. Returns its id."""
    database, now = Database(address), datetime.now(UTC)
    hashed = PASSWORD_PARAMETERS.hasher().hash(PASSWORD)
    async with database.transaction() as session:
        organization = (await session.execute(select(Organization).limit(1))).scalar_one()
        people = [
            Person(email=_email(number), name=f"Person {number}", password_hash=hashed, created_at=now)
            for number in range(PEOPLE)
        ]
        session.add_all(people)
        await session.flush()
        session.add_all(
            Membership(organization_id=organization.id, person_id=each.id, role=Role.ORGANIZATION_ADMIN, created_at=now)
            for each in people
        )
        organization_id = external_id(Prefix.ORGANIZATION, organization.id)
    await database.close()
    return organization_id


def _email(number: int) -> str:
    return f"person-{number}@example.com"


Act = Callable[[httpx.AsyncClient, str], Awaitable[float]]


async def converse(people: Sequence[httpx.AsyncClient], act: Act, seconds: float) -> list[float]:
    """
    Lets all people act at their pace for some seconds, each starting at a random moment.

    Returns the seconds that each answer took.
    """
    seen: list[float] = []

    async def one(person: httpx.AsyncClient, place: int) -> None:
        end = time.perf_counter() + seconds
        await asyncio.sleep(random.random() * PACE_SECONDS)
        while time.perf_counter() < end:
            seen.append(await act(person, QUESTIONS[(place + len(seen)) % len(QUESTIONS)]))
            await asyncio.sleep(PACE_SECONDS)

    await asyncio.gather(*(one(person, place) for place, person in enumerate(people)))
    return seen


def p95(seen: Sequence[float]) -> float:
    """The 95th percentile of these seconds, in milliseconds."""
    return statistics.quantiles(seen, n=20)[18] * 1e3


async def measure(name: str, address: str, rounds: int, seconds: float, folder: Path) -> None:
    """Measures with one database and prints its row of the table."""
    async with opened(address) as site:
        load = Load(site.server.port, site.keys, connections=CALLERS, seconds=seconds, pause_ms=PAUSE_MS)
        acts: dict[str, Act] = {"answer": site.ask, "first event": site.listen, "list": site.list_keys}
        alone: list[Measured] = []
        beside: list[Measured] = []
        seen: dict[str, list[list[float]]] = {what: [] for what in acts}
        before = site.server.resident_mib()
        # The sentence encoder is read for the first question.
        first = await site.ask(site.people[0], QUESTIONS[0])
        # A first round that is not measured, because the first use of each key and statement is slow.
        await asyncio.gather(load.run(folder), converse(site.people[:4], site.ask, seconds))
        for _ in range(rounds):
            alone.append(await load.run(folder))
            for what, act in acts.items():
                if what == "answer":
                    verified, answers = await asyncio.gather(load.run(folder), converse(site.people, act, seconds))
                    beside.append(verified)
                else:
                    answers = await converse(site.people, act, seconds)
                seen[what].append(answers)
        await asyncio.sleep(PACE_SECONDS)
        burst = [await asyncio.gather(*(site.ask(person, QUESTIONS[0]) for person in site.people))]
        medians = {what: statistics.median(p95(each) for each in answers) for what, answers in seen.items()}
        p50 = statistics.median(statistics.median(each) * 1e3 for each in seen["answer"])
        p99_alone = statistics.median(each.p99_ms for each in alone)
        p99_beside = statistics.median(each.p99_ms for each in beside)
        print(
            f"| {name} | {p50:.0f} / {medians['answer']:.0f} | {medians['first event']:.0f} | {medians['list']:.0f} "
            f"| {max(burst[0]) * 1e3:.0f} | {p99_alone:.1f} | {p99_beside:.1f} ({p99_beside / p99_alone:.2f}) "
            f"| {first * 1e3:.0f} | {before:.0f} | {site.server.resident_mib():.0f} |",
            flush=True,
        )


async def main() -> None:
    """Measures with SQLite and, if asked for, PostgreSQL, and prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgres")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {1})
    print(
        "| | answer, ms p50 / p95 | first event, p95 | list, p95 | 20 at once, last | verify p99 alone | beside "
        "| the very first answer, ms | MiB before it | MiB at the end |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        await measure("SQLite", f"sqlite+aiosqlite:///{folder / 'keydesk.db'}", options.rounds, options.seconds, folder)
        if options.postgres:
            async with postgresql_database(options.postgres) as address:
                await measure("PostgreSQL", address, options.rounds, options.seconds, folder)
    before = time.process_time()
    model()
    of_model = time.process_time() - before
    embedding("")
    of_encoder = time.process_time() - before - of_model
    print(f"\nThe model is read in {of_model * 1e3:.0f} ms of a core, the encoder in {of_encoder * 1e3:.0f} ms.")
    messages = [said.text for said in whole_messages()]
    took = []
    for message in messages:
        before = time.process_time()
        understand(message)
        took.append(time.process_time() - before)
    print(
        f"{len(messages)} whole messages are understood in {statistics.median(took) * 1e3:.1f} ms each (median), "
        f"{p95(took):.1f} ms (p95), {max(took) * 1e3:.0f} ms at most."
    )


if __name__ == "__main__":
    asyncio.run(main())
