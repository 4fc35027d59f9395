"""
Measures the list of ten keys over GraphQL beside a bare ASGI answer and a bare Litestar route, in interleaved rounds.

    python -m benchmarks.key_list [--postgres postgresql+asyncpg://user@host/postgres] [--rounds 5] [--seconds 4]

The list is measured twice on each database: with pages read through the database driver, as Keydesk does it, and
through SQLAlchemy Core. Each server is one process on the first core; the load (wrk) is on the second. Prints a
Markdown table of medians.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import httpx

from benchmarks.site import SERVER_KEYS, Server, free_port, postgresql_database, start, start_keydesk
from benchmarks.verification import pin_load
from keys.hashing import KEY_PARAMETERS, PASSWORD_PARAMETERS, HashingPool
from keys.issuer import Issuer
from keys.policy import OPERATOR, Scope
from models import Membership, Organization, Person, Role
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.migrations.migrate import migrate
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import KeyServices

PASSWORD = "a password to measure with"
CONNECTIONS = 16
QUERY = """
query Keys($id: ID!) {
  organization(id: $id) { apiKeys { id name scope status hint createdAt previousSecretWorksUntil viewerCanManage } }
}
"""
SIGN_IN = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"
_DONE = """
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"seconds": %f, "requests": %d, "p99_ms": %f, "failed": %d}\\n', summary.duration / 1e6, summary.requests,
        latency:percentile(99) / 1e3, errors.status + errors.connect + errors.read + errors.write + errors.timeout
    ))
end
"""


@dataclass
class Subject:
    """A server under measurement and the results of each round."""

    name: str
    server: Server
    path: str
    script: Path
    per_second: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    processor_us: list[float] = field(default_factory=list)
    """The server's processor time for one request."""


async def fill(address: str) -> str:
    """Stores an organization with ten keys and an admin; returns the organization's id."""
    database = Database(address)
    await migrate(database)
    now = datetime.now(UTC)
    pool = HashingPool(KEY_PARAMETERS.hasher(), threads=1, queue_limit=10, name="keys")
    services = KeyServices(database, lambda: now, 300, issuer=Issuer(SERVER_KEYS, "kd", pool))
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
            services,
            OPERATOR,
            organization_id=organization.id,
            name=f"key {number}",
            scope=Scope.ORGANIZATION,
            agent_id=None,
        )
    pool.close()
    await database.close()
    return external_id(Prefix.ORGANIZATION, organization.id)


def write_script(script: Path, server: Server, organization: str) -> Path:
    """Writes the wrk script that sends the query with a session cookie."""
    url = f"http://127.0.0.1:{server.port}/graphql"
    input_ = {"email": "admin@example.com", "password": PASSWORD}
    signed_in = httpx.post(url, json={"query": SIGN_IN, "variables": {"input": input_}}, timeout=30)
    body = {"query": QUERY, "variables": {"id": organization}}
    answer = httpx.post(url, json=body, cookies=signed_in.cookies, timeout=30).json()
    assert len(answer["data"]["organization"]["apiKeys"]) == 10, answer
    script.write_text(
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        f'wrk.headers["Cookie"] = "keydesk_session={signed_in.cookies["keydesk_session"]}"\n'
        f"wrk.body = [==[{json.dumps(body)}]==]\n{_DONE}"
    )
    return script


def measure(subject: Subject, seconds: int) -> None:
    """Runs one round of wrk."""
    url = f"http://127.0.0.1:{subject.server.port}{subject.path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--timeout", "10s", "-s", str(subject.script), url]
    used = subject.server.processor_seconds()
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seen = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    assert not seen["failed"], printed
    subject.per_second.append(seen["requests"] / seen["seconds"])
    subject.p99_ms.append(seen["p99_ms"])
    if used is not None:
        subject.processor_us.append(((subject.server.processor_seconds() or 0) - used) * 1e6 / seen["requests"])


async def main() -> None:
    """Starts the servers, measures them in turn, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", metavar="URL", help="a server where databases can be made")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing. On Debian: apt-get install wrk")
    pin_load()
    subjects: list[Subject] = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def take(name: str, server: Server, path: str, script: Path) -> None:
            stack.callback(server.stop)
            subjects.append(Subject(name, server, path, script))

        plain = folder / "plain.lua"
        plain.write_text(_DONE)
        for name, application in (("bare ASGI answer", "bare"), ("bare Litestar route", "litestar")):
            port = free_port()
            command = [sys.executable, "-m", "benchmarks.applications", application, str(port)]
            take(name, await start(command, port=port), "/v1/verify", plain)
        addresses = {"SQLite": f"sqlite:///{folder}/measured.db"}
        if options.postgres:
            addresses["PostgreSQL"] = await stack.enter_async_context(postgresql_database(options.postgres))
        for name, address in addresses.items():
            organization = await fill(address)
            keydesk = ("-c", "from app.cli import main; main()", "serve")
            through_core = ("-m", "benchmarks.core_reader", "serve")
            for way, program in (("the driver", keydesk), ("SQLAlchemy Core", through_core)):
                server = await start_keydesk(address, program=program)
                script = write_script(folder / f"{name} {way}.lua", server, organization)
                take(f"ten keys, {name}, {way}", server, "/graphql", script)
        for subject in subjects:
            subject.server.pin(0)
        for _ in range(options.rounds):
            for subject in subjects:
                measure(subject, options.seconds)
    print("| what | requests/s | to the bare answer | p99 ms | µs of processor |\n|---|---:|---:|---:|---:|")
    for subject in subjects:
        ratios = [rate / bare for rate, bare in zip(subject.per_second, subjects[0].per_second, strict=True)]
        used = f"{median(subject.processor_us):.0f}" if subject.processor_us else "unknown"
        print(
            f"| {subject.name} | {median(subject.per_second):,.0f} | {median(ratios):.3f} "
            f"| {median(subject.p99_ms):.1f} | {used} |"
        )


if __name__ == "__main__":
    asyncio.run(main())
