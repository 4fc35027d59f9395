"""
Measures the first seconds after a start beside the same server when it is warm, and prints Markdown: see README.md.

In each round a server that has run for a while is measured, then it is stopped, and a new process gets the same load
from the moment at which it is ready. The keys were all issued with a digest, as every key of this version is.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from benchmarks.load import Caller, Load, Measured
from benchmarks.site import Server, analyze, fill, mint_keys, postgresql_database, start_keydesk
from benchmarks.verification import pin_load

SECONDS = 5
WARM_UP_SECONDS = 5


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Measures the first five seconds after a start.")
    parser.add_argument("--postgres", metavar="URL", help="a server where databases can be made; without it, SQLite")
    parser.add_argument("--redis", metavar="URL", help="a Redis database of its own, such as redis://127.0.0.1/9")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=3000)
    parser.add_argument("--connections", type=int, default=32)
    return parser.parse_args()


async def main() -> None:
    """Measures round by round, and prints the medians and ratios."""
    arguments = read_arguments()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print(f"… hashing {arguments.keys} keys", file=sys.stderr)
        keys = mint_keys(arguments.keys)  # with the real parameters: cheap ones would hide a first run of argon2
        pin_load()
        tokens = [minted.token.reveal() for minted, _ in keys]
        address = f"sqlite+aiosqlite:///{folder / 'keydesk.db'}"
        if arguments.postgres:
            address = await stack.enter_async_context(postgresql_database(arguments.postgres))
        await fill(address, keys)
        if arguments.postgres:
            await analyze(address)
        rounds: list[tuple[Measured, Measured]] = []
        server = await start_keydesk(address, redis=arguments.redis)
        try:
            for number in range(arguments.rounds):
                warm = await measure_warm(server, tokens, arguments.connections, folder)
                server.stop()
                server = await start_keydesk(address, redis=arguments.redis)
                await until_ready(server)
                fresh = await measure(server, tokens, arguments.connections, folder)
                rounds.append((warm, fresh))
                print(f"… round {number + 1} of {arguments.rounds}", file=sys.stderr)
        finally:
            server.stop()
        print(table(rounds))


async def until_ready(server: Server) -> None:
    """Waits until /readyz is 200. Before that, the port is open, but nothing is answered yet."""
    caller = Caller(server.port)
    status = 0
    while status != 200:
        _, status = await caller.ask(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.sleep(0.01)
    await caller.close()


async def measure_warm(server: Server, tokens: list[str], connections: int, folder: Path) -> Measured:
    """Measures the server after it has answered for a while."""
    await Load(server.port, tokens, connections, WARM_UP_SECONDS).run(folder)
    return await measure(server, tokens, connections, folder)


async def measure(server: Server, tokens: list[str], connections: int, folder: Path) -> Measured:
    """Measures the server now, on the first core."""
    server.pin(0)
    seen = await Load(server.port, tokens, connections, SECONDS).run(folder)
    if seen.failed:
        raise RuntimeError(f"{seen.failed} requests failed")
    return seen


def table(rounds: list[tuple[Measured, Measured]]) -> str:
    """The results as a Markdown table of medians; the ratios compare measurements of the same round."""
    throughput = median(fresh.per_second / warm.per_second for warm, fresh in rounds)
    p99 = median(fresh.p99_ms / warm.p99_ms for warm, fresh in rounds)
    lines = ["| | requests/s | p50 ms | p99 ms |", "|---|---:|---:|---:|"]
    for name, seen in (("warm", [each[0] for each in rounds]), ("first five seconds", [each[1] for each in rounds])):
        lines.append(
            f"| {name} | {median(each.per_second for each in seen):,.0f} | {median(each.p50_ms for each in seen):.2f} "
            f"| {median(each.p99_ms for each in seen):.2f} |"
        )
    lines.append(f"| ratio | {throughput:.2f} | | {p99:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main())
