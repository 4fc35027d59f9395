"""
Measures verification, compares it with simpler applications, and prints Markdown: see README.md.

The servers are measured in turn, in rounds of a few seconds, so that other activity of the machine affects all of them
alike. Ratios compare results of the same round.
"""

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from sqlite3 import sqlite_version
from statistics import median

from benchmarks.load import HAS_WRK, Load, Measured, ask_each
from benchmarks.site import (
    ROOT,
    SECRET_KEY,
    Server,
    analyze,
    fill,
    free_port,
    mint_keys,
    postgresql_database,
    postgresql_version,
    start,
    start_keydesk,
)

KEYSHIELD = "2.0.1"
KEYSHIELD_CALLERS = 20
COLD_ALONE = 50
COLD_AT_ONCE = 100
PAUSE_MS = 10
"""The pause between two requests of a caller, for a load below the server's capacity beside the cold keys."""
BARE, UNCOUNTED = "bare ASGI", "Keydesk, PostgreSQL, nothing counted"
SQLITE, POSTGRESQL = "Keydesk, SQLite", "Keydesk, PostgreSQL, limits of the process"
REDIS, TWO_PROCESSES = "Keydesk, PostgreSQL and Redis", "the same, two processes on the core"


@dataclass
class Contender:
    """A server, the load that it gets, and the results of each round."""

    name: str
    server: Server
    keys: Sequence[str]
    connections: int
    seen: list[Measured] = field(default_factory=list)
    processor_us: list[float] = field(default_factory=list)
    """The server's processor time for one request, in microseconds, for each round."""


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Measures verification.")
    parser.add_argument(
        "--postgres",
        metavar="URL",
        help="a server where databases can be made, such as postgresql+asyncpg://postgres@127.0.0.1/postgres",
    )
    parser.add_argument("--redis", metavar="URL", help="a Redis database of its own, such as redis://127.0.0.1/9")
    parser.add_argument("--keyshield", action="store_true", help="also install and measure keyshield")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cold-rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=32)
    return parser.parse_args()


async def main() -> None:
    """Sets up databases and servers, measures, and prints the results."""
    arguments = read_arguments()
    pin_load()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        say(f"hashing {arguments.keys} keys, and those that stay cold")
        cold = COLD_ALONE + COLD_AT_ONCE * arguments.cold_rounds
        keys = mint_keys(arguments.keys + cold)
        addresses = {SQLITE: f"sqlite+aiosqlite:///{folder / 'keydesk.db'}"}
        await fill(addresses[SQLITE], keys, without_digest=cold)
        if arguments.postgres:
            address = await stack.enter_async_context(postgresql_database(arguments.postgres))
            await fill(address, keys, without_digest=cold)
            await analyze(address)
            addresses |= {UNCOUNTED: address, POSTGRESQL: address}
            if arguments.redis:
                addresses |= {REDIS: address, TWO_PROCESSES: address}
        tokens = [minted.token.reveal() for minted, _ in keys]
        warm, colder = tokens[: arguments.keys], tokens[arguments.keys :]
        contenders = await start_all(stack, folder, addresses, warm, arguments)
        print(await describe(arguments))
        await measure(contenders, folder, arguments)
        print(table(contenders))
        for contender in contenders:
            if contender.name in (SQLITE, REDIS if arguments.redis else POSTGRESQL):
                print(await measure_cold(contender, colder, folder, arguments))


async def start_all(
    stack: AsyncExitStack, folder: Path, addresses: dict[str, str], warm: list[str], arguments: argparse.Namespace
) -> list[Contender]:
    """Starts the servers, uses every key once in each, and moves them to the first core."""
    contenders = []

    def take(name: str, server: Server, keys: Sequence[str] = warm, connections: int = arguments.connections) -> None:
        stack.callback(server.stop)
        contenders.append(Contender(name, server, keys, connections))

    for name in ("bare", "litestar"):
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.applications", name, str(port)]
        take(BARE if name == "bare" else "Litestar route", await start(command, port=port))
    for name, address in addresses.items():
        if name == UNCOUNTED:
            port = free_port()
            settings = {"KEYDESK_DATABASE_URL": address, "KEYDESK_SECRET_KEY": SECRET_KEY}
            command = [sys.executable, "-m", "benchmarks.applications", "uncounted", str(port)]
            take(name, await start(command, settings, port=port))
        else:
            redis = arguments.redis if name in (REDIS, TWO_PROCESSES) else None
            take(name, await start_keydesk(address, redis=redis, workers=2 if name == TWO_PROCESSES else 1))
    if arguments.keyshield:
        server, keys = await start_keyshield(folder)
        take(f"keyshield {KEYSHIELD}", server, keys, KEYSHIELD_CALLERS)
    say("using every key once in each server")
    of_ours = [each for each in contenders if each.name in addresses]
    again = [each for each in of_ours if each.name == TWO_PROCESSES]  # twice, as either process may get the first use
    for seen in await asyncio.gather(*(ask_each(each.server.port, warm, callers=8) for each in (*of_ours, *again))):
        if {status for _, status in seen} != {200}:
            raise RuntimeError("a key was not good")
    for contender in contenders:
        contender.server.pin(0)
    return contenders


async def start_keyshield(folder: Path) -> tuple[Server, list[str]]:
    """
    Installs keyshield into a virtual environment and starts it as its README describes.

    Returns the server and its keys.
    """
    say(f"installing keyshield {KEYSHIELD}")
    environment = folder / "keyshield"
    wanted = [f"keyshield[core,fastapi]=={KEYSHIELD}", "greenlet", "uvicorn", "uvloop", "httptools"]
    for command in (
        [sys.executable, "-m", "venv", str(environment)],
        [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", *wanted],
    ):
        done = subprocess.run(command, capture_output=True, text=True)  # noqa: ASYNC221 - before anything is measured
        if done.returncode:
            raise RuntimeError(f"{command[-1]} failed: {done.stderr}")
    port = free_port()
    script = str(ROOT / "benchmarks" / "keyshield_application.py")
    command = [str(environment / "bin" / "python"), script, str(port), str(folder), str(KEYSHIELD_CALLERS)]
    server = await start(command, port=port)
    return server, (folder / "keyshield-tokens").read_text().split()


async def measure(contenders: Sequence[Contender], folder: Path, arguments: argparse.Namespace) -> None:
    """Measures each server in turn, round by round. The first round is not counted."""
    for number in range(arguments.rounds + 1):
        for each in contenders:
            load = Load(each.server.port, each.keys, each.connections, arguments.seconds if number else 2)
            used = each.server.processor_seconds()
            seen = await load.run(folder)
            if seen.failed:
                raise RuntimeError(f"{each.name}: {seen.failed} requests failed")
            if number:
                each.seen.append(seen)
            if number and used is not None:
                used = (each.server.processor_seconds() or used) - used
                each.processor_us.append(used / max(1, seen.per_second * load.seconds) * 1e6)
        say(f"round {number} of {arguments.rounds}")


async def measure_cold(contender: Contender, cold: Sequence[str], folder: Path, arguments: argparse.Namespace) -> str:
    """
    Measures keys that have no digest, and returns a paragraph of Markdown. They are hashed at their first use.

    They are used first one after another, then a hundred at once beside a load of keys in use.
    """
    server = contender.server
    server.pin(None)
    alone = [seconds for seconds, _ in await ask_each(server.port, cold[:COLD_ALONE], callers=1)]
    load = Load(server.port, contender.keys, contender.connections, arguments.seconds, pause_ms=PAUSE_MS)
    rounds = []
    for number in range(arguments.cold_rounds):
        first = COLD_ALONE + COLD_AT_ONCE * number
        without = await load.run(folder)
        beside = asyncio.create_task(load.run(folder))
        await asyncio.sleep(0.5)
        begun = asyncio.get_running_loop().time()
        answered = await ask_each(server.port, cold[first : first + COLD_AT_ONCE], callers=COLD_AT_ONCE)
        took = asyncio.get_running_loop().time() - begun
        if {status for _, status in answered} != {200}:
            raise RuntimeError("a cold key was not good")
        rounds.append((without, await beside, took))
        say(f"cold round {number + 1} of {arguments.cold_rounds}")

    def middle(of: Callable[[Measured, Measured, float], float]) -> float:
        return median(of(*each) for each in rounds)

    return (
        f"**Keys without a digest, {contender.name}.** The first use of one: {median(alone) * 1e3:.1f} ms (median of "
        f"{COLD_ALONE}). {COLD_AT_ONCE} of them at once were answered after "
        f"{middle(lambda without, beside, took: took):.1f} s; beside them, {contender.connections} callers with "
        f"{middle(lambda without, beside, took: beside.per_second):,.0f} requests/s of keys in use had a p99 of "
        f"{middle(lambda without, beside, took: beside.p99_ms):.2f} ms, and without them "
        f"{middle(lambda without, beside, took: without.p99_ms):.2f} ms: "
        f"{middle(lambda without, beside, took: beside.p99_ms / without.p99_ms):.1f} times.\n"
    )


def table(contenders: Sequence[Contender]) -> str:
    """The results as a Markdown table of medians. A ratio compares results of the same round."""
    bare = next(each for each in contenders if each.name == BARE)
    lines = [
        "| | requests/s | to bare ASGI | p50 ms | p99 ms | µs of processor a request | bare ASGI to it |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in contenders:
        ratio = median(ours.per_second / theirs.per_second for ours, theirs in zip(each.seen, bare.seen, strict=True))
        row = [
            each.name,
            f"{median(seen.per_second for seen in each.seen):,.0f}",
            f"{ratio:.2g}",
            f"{median(seen.p50_ms for seen in each.seen):.2f}",
            f"{median(seen.p99_ms for seen in each.seen):.2f}",
        ]
        if each.processor_us:
            costs = zip(each.processor_us, bare.processor_us, strict=True)
            row += [f"{median(each.processor_us):,.0f}", f"{median(theirs / ours for ours, theirs in costs):.2g}"]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


async def describe(arguments: argparse.Namespace) -> str:
    """A line with the machine, the versions and the options."""
    packages = ("uvicorn", "httptools", "uvloop", "litestar", "asyncpg", "argon2-cffi")
    parts = [
        f"{processor()}, {os.cpu_count()} cores",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in packages),
        f"SQLite {sqlite_version}",
    ]
    if arguments.postgres:
        parts.append(f"PostgreSQL {await postgresql_version(arguments.postgres)}")
    parts.append(f"load by {'wrk' if HAS_WRK else 'a client on asyncio'}")
    return (
        f"{'; '.join(parts)}. {arguments.connections} connections, {arguments.keys} keys, {arguments.rounds} rounds of "
        f"{arguments.seconds} s.\n"
    )


def processor() -> str:
    """The name of the processor, or only its architecture on systems other than Linux."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def pin_load() -> None:
    """Moves this process, and so the load, off the first core, which is for the servers."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, set(range(1, os.cpu_count() or 1)))


def say(what: str) -> None:
    """Prints progress to standard error."""
    print(f"… {what}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
