"""
Measures the list of ten keys over GraphQL, beside a bare ASGI answer and a bare Litestar route, in interleaved rounds.

    python -m benchmarks.key_list [--postgres postgresql://user@host/an_empty_database] [--rounds 5] [--seconds 4]

Each server is one process on one core, the load (wrk) is on another. Prints a Markdown table of medians, and ratios to
the bare answer measured in the same rounds.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from keys.hashing import KEY_PARAMETERS, PASSWORD_PARAMETERS, HashingPool
from keys.issuer import Issuer
from keys.policy import Scope, operator
from keys.token import ServerKeys
from models import Membership, Organization, Person, Role
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.migrations import migrate
from resolvers.create_api_key import create_api_key
from resolvers.services import Desk

SERVER_KEY = "0123456789abcdef0123456789abcdef"
PASSWORD = "a password to measure with"
CONNECTIONS = 16
QUERY = """
query Keys($id: ID!) {
  organization(id: $id) { apiKeys { id name scope status hint createdAt previousSecretWorksUntil viewerCanManage } }
}
"""
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"


async def bare_answer(scope: dict, receive: object, send: object) -> None:
    """What any ASGI application costs at least."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@dataclass
class Subject:
    """A server under measurement, and the requests a second and milliseconds seen in each round."""

    name: str
    url: str
    script: Path | None
    rates: list[float]
    p99s: list[float]


async def fill(address: str) -> str:
    """Ten keys of one organization, and an admin of it; returns the organization's id."""
    database = Database(address)
    await migrate(database)
    now = datetime.now(UTC)
    pool = HashingPool(KEY_PARAMETERS.hasher(), threads=1, queue_limit=10, name="keys")
    desk = Desk(database, Issuer(ServerKeys((SERVER_KEY.encode(),)), "kd", pool), lambda: now, 300)
    organization = Organization(name="Measured", created_at=now)
    hashed = PASSWORD_PARAMETERS.hasher().hash(PASSWORD)
    person = Person(email="admin@example.com", name="Admin", password_hash=hashed, created_at=now)
    async with database.transaction() as session:
        session.add_all([organization, person])
        await session.flush()
        session.add(
            Membership(
                organization_id=organization.id, person_id=person.id, role=Role.ORGANIZATION_ADMIN, created_at=now
            )
        )
    for number in range(10):
        await create_api_key(
            desk,
            operator(),
            organization_id=organization.id,
            name=f"key {number}",
            scope=Scope.ORGANIZATION,
            agent_id=None,
        )
    pool.close()
    await database.close()
    return external_id(Prefix.ORGANIZATION, organization.id)


@contextmanager
def served(command: list[str], environment: dict[str, str], path: str) -> Iterator[str]:
    """The command, on the first core, with its port as the last argument; yields its address once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command, str(port)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}{path}").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def uvicorn(application: str) -> list[str]:
    """An application of this file under the same server as ours."""
    options = ["--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--no-access-log"]
    return [sys.executable, "-m", "uvicorn", f"benchmarks.{application}", *options, "--port"]


def lua(folder: Path, name: str, url: str, organization: str) -> Path:
    """wrk's script: the query, signed in."""
    signed_in = httpx.post(
        f"{url}/graphql",
        json={"query": SIGN_IN, "variables": {"input": {"email": "admin@example.com", "password": PASSWORD}}},
        timeout=30,
    )
    body = {"query": QUERY, "variables": {"id": organization}}
    answer = httpx.post(f"{url}/graphql", json=body, cookies=signed_in.cookies, timeout=30).json()
    assert len(answer["data"]["organization"]["apiKeys"]) == 10, answer
    script = folder / f"{name}.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.headers["Cookie"] = "keydesk_session={signed_in.cookies["keydesk_session"]}"\n'
        f"wrk.body = [==[{json.dumps(body)}]==]\n"
    )
    return script


def measure(subject: Subject, seconds: int) -> None:
    """One round of wrk, on the second core."""
    script = [] if subject.script is None else ["-s", str(subject.script)]
    said = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency", *script, subject.url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Non-2xx" not in said, said
    subject.rates.append(float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]))
    amount, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", said).groups()
    subject.p99s.append(float(amount) * {"us": 0.001, "ms": 1, "s": 1000}[unit])


def main() -> None:
    """Starts the servers, measures them in turn, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", help="the address of an empty database")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing. On Debian: apt-get install wrk")
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        hello = stack.enter_context(served(uvicorn("key_list:bare_answer"), {}, "/"))
        route = stack.enter_context(served(uvicorn("litestar_route:app"), {}, "/"))
        subjects = [
            Subject("bare ASGI answer", hello, None, [], []),
            Subject("bare Litestar route", route, None, [], []),
        ]
        addresses = {"SQLite": f"sqlite:///{folder}/measured.db", "PostgreSQL": options.postgres}
        for name, address in addresses.items():
            if address is None:
                continue
            organization = asyncio.run(fill(address))
            environment = {"KEYDESK_DATABASE_URL": address, "KEYDESK_SECRET_KEY": SERVER_KEY, "KEYDESK_LOG": "warning"}
            keydesk = [str(Path(sys.executable).with_name("keydesk")), "serve", "--port"]
            url = stack.enter_context(served(keydesk, environment, "/readyz"))
            script = lua(folder, name, url, organization)
            subjects.append(Subject(f"ten keys, {name}", f"{url}/graphql", script, [], []))
        for _ in range(options.rounds):
            for subject in subjects:
                measure(subject, options.seconds)
    print("| what | requests/s | ratio to the bare answer | p99 ms |\n|---|---:|---:|---:|")
    for subject in subjects:
        ratios = [rate / bare for rate, bare in zip(subject.rates, subjects[0].rates, strict=True)]
        print(
            f"| {subject.name} | {statistics.median(subject.rates):,.0f} | {statistics.median(ratios):.3f} "
            f"| {statistics.median(subject.p99s):.1f} |"
        )


if __name__ == "__main__":
    main()
