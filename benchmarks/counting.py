"""
Measures counting at scale: many keys in use, a flood of bad keys, memory, and a large table. Prints Markdown.

The keys have cheap hashes, because their first use is not measured.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.load import Load, Measured, ask_each
from benchmarks.site import (
    CHEAP,
    Server,
    analyze,
    fill,
    free_port,
    mint_keys,
    postgresql_database,
    start,
    start_keydesk,
)
from benchmarks.verification import pin_load, say
from models.engine.database_address import database_url
from models.engine.postgresql import connect

CONNECTIONS = 32
PAUSE_MS = 5
"""The pause between two requests of a caller, both in the flood and beside it."""
TABLES = (100, 10_000, 1_000_000)
IN_USE = 100


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Measures what counting costs at a size.")
    parser.add_argument("what", nargs="+", choices=("keys", "flood", "memory", "table"))
    parser.add_argument("--postgres", metavar="URL", required=True)
    parser.add_argument("--redis", metavar="URL", required=True, help="a Redis database of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    return parser.parse_args()


class Bench:
    """The servers and files of one measurement."""

    def __init__(self, stack: AsyncExitStack, folder: Path, arguments: argparse.Namespace) -> None:
        self.stack, self.folder, self.arguments = stack, folder, arguments

    async def keydesk(self, number: int, *, tombstones: int = 0) -> tuple[Server, list[str], str]:
        """
        Starts Keydesk with this many keys and uses each once.

        Returns the server, the keys and the database's URL.
        """
        keys = mint_keys(number, CHEAP)
        address = await self.stack.enter_async_context(postgresql_database(self.arguments.postgres))
        await fill(address, keys, tombstones=tombstones)
        await analyze(address)
        server = await start_keydesk(address, redis=self.arguments.redis)
        self.stack.callback(server.stop)
        tokens = [minted.token.reveal() for minted, _ in keys]
        seen = await ask_each(server.port, tokens, callers=16)
        if {status for _, status in seen} != {200}:
            raise RuntimeError("a key was not good")
        server.pin(0)
        return server, tokens, address

    async def bare(self) -> Server:
        """Starts the bare ASGI application."""
        port = free_port()
        server = await start([sys.executable, "-m", "benchmarks.applications", "bare", str(port)], port=port)
        self.stack.callback(server.stop)
        server.pin(0)
        return server

    def load(self, server: Server, keys: Sequence[str], **options: int) -> Load:
        """A load of CONNECTIONS callers on this server."""
        return Load(server.port, keys, CONNECTIONS, self.arguments.seconds, **options)


async def many_keys(bench: Bench) -> str:
    """Compares a thousand keys in use with a hundred thousand."""
    bare = await bench.bare()
    contenders = {1000: await bench.keydesk(1000), 100_000: await bench.keydesk(100_000)}
    seen: dict[int, list[tuple[Measured, Measured]]] = {number: [] for number in contenders}
    for _ in range(bench.arguments.rounds):
        for number, (server, tokens, _) in contenders.items():
            least = await bench.load(bare, tokens[:1]).run(bench.folder)
            seen[number].append((least, await bench.load(server, tokens).run(bench.folder)))
        say("a round of many keys")
    lines = ["| keys in use | requests/s | to bare ASGI | p50 ms | p99 ms |", "|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {number:,} | {median(ours.per_second for _, ours in rounds):,.0f} "
        f"| {median(ours.per_second / least.per_second for least, ours in rounds):.2f} "
        f"| {median(ours.p50_ms for _, ours in rounds):.2f} | {median(ours.p99_ms for _, ours in rounds):.2f} |"
        for number, rounds in seen.items()
    ]
    return "\n".join(lines)


async def flood(bench: Bench) -> str:
    """Measures good keys with and without a flood of well-formed keys that have a wrong tag."""
    server, tokens, address = await bench.keydesk(1000)
    bad = [token[:-1] + ("a" if token[-1] != "a" else "b") for token in tokens]
    good = bench.load(server, tokens, pause_ms=PAUSE_MS)
    rounds = []
    for number in range(bench.arguments.rounds):
        without = await good.run(bench.folder)
        apart = bench.folder / f"flood-{number}"
        apart.mkdir()
        beside, wrong = await asyncio.gather(
            good.run(bench.folder), replace(good, keys=bad, seconds=bench.arguments.seconds + 1).run(apart)
        )
        rounds.append((without, beside, wrong))
        say("a round of flood")
    rows = await _count(address, "refused_requests")
    return (
        f"Beside {median(wrong.per_second for *_, wrong in rounds):,.0f} bad keys a second, "
        f"{median(beside.per_second for _, beside, _ in rounds):,.0f} good ones a second had a p50 of "
        f"{median(beside.p50_ms for _, beside, _ in rounds):.2f} and a p99 of "
        f"{median(beside.p99_ms for _, beside, _ in rounds):.2f} ms; alone, "
        f"{median(without.per_second for without, *_ in rounds):,.0f} a second had "
        f"{median(without.p50_ms for without, *_ in rounds):.2f} and "
        f"{median(without.p99_ms for without, *_ in rounds):.2f} ms. Of "
        f"{sum(_all(wrong, bench) for *_, wrong in rounds):,.0f} bad ones {rows:,} were written down."
    )


def _all(seen: Measured, bench: Bench) -> float:
    return float(seen.per_second * (bench.arguments.seconds + 1))


async def _count(address: str, table: str) -> int:
    connection = await connect(database_url(address))
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()


async def memory(bench: Bench) -> str:
    """Measures the server's memory over a million verifications of ten thousand keys."""
    server, tokens, _ = await bench.keydesk(10_000)
    at_first = server.resident_mib()
    done, told = 0.0, [f"{at_first:.0f} MiB after each was used once"]
    for mark in (250_000, 1_000_000):
        while done < mark:
            seen = await bench.load(server, tokens).run(bench.folder)
            done += seen.per_second * bench.arguments.seconds
        told.append(f"{server.resident_mib():.0f} MiB after {done:,.0f} verifications")
    return "Ten thousand keys in use: " + ", ".join(told) + "."


async def table(bench: Bench) -> str:
    """Measures a hundred keys in use, in tables of several sizes."""
    contenders = {size: await bench.keydesk(IN_USE, tombstones=size - IN_USE) for size in TABLES}
    seen: dict[int, list[Measured]] = {size: [] for size in TABLES}
    for _ in range(bench.arguments.rounds):
        for size, (server, tokens, _) in contenders.items():
            seen[size].append(await bench.load(server, tokens).run(bench.folder))
        say("a round of tables")
    lines = ["| keys in the table | requests/s | to the smallest | p99 ms |", "|---:|---:|---:|---:|"]
    smallest = seen[TABLES[0]]
    lines += [
        f"| {size:,} | {median(each.per_second for each in rounds):,.0f} "
        f"| {median(ours.per_second / least.per_second for ours, least in zip(rounds, smallest, strict=True)):.2f} "
        f"| {median(each.p99_ms for each in rounds):.2f} |"
        for size, rounds in seen.items()
    ]
    return "\n".join(lines)


async def main() -> None:
    """Runs the measurements that the command line names, one after the other."""
    arguments = read_arguments()
    pin_load()
    measures = {"keys": many_keys, "flood": flood, "memory": memory, "table": table}
    for what in arguments.what:
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            say(what)
            print(f"**{what}**\n\n{await measures[what](Bench(stack, folder, arguments))}\n", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
