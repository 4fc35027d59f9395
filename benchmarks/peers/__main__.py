"""
Measures verification beside better-auth's api-key plugin, djangorestframework-api-key and a plain FastAPI look-up.

All have a database of their own on the same PostgreSQL server, the same number of keys, one process on one core, and
the same callers. The peers are installed into .make/peers, from the lock files in this folder. Prints Markdown.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from benchmarks.load import ask_each
from benchmarks.site import ROOT, Server, analyze, fill, free_port, mint_keys, postgresql_database, start, start_keydesk
from benchmarks.verification import BARE, Contender, describe, measure, pin_load, say

FOLDER = Path(__file__).parent
INSTALLED = ROOT / ".make" / "peers"
PYTHON = INSTALLED / "python" / "bin" / "python"
KEYDESK = "Keydesk, PostgreSQL and Redis"
PEERS = ("better-auth", "djangorestframework-api-key", "FastAPI and SQLAlchemy")
THREADS = 4
"""Of gunicorn, so that it keeps connections open: its usual worker closes each after the answer."""


def read_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description="Measures verification beside peers."
    )
    parser.add_argument("--postgres", metavar="URL", required=True, help="a server where databases can be made")
    parser.add_argument("--redis", metavar="URL", required=True, help="a Redis database of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--connections", type=int, default=32)
    return parser.parse_args()


async def main() -> None:
    """Installs and starts everything, measures, and prints the results."""
    arguments = read_arguments()
    install()
    pin_load()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders: list[Contender] = []

        def take(name: str, server: Server, keys: Sequence[str]) -> None:
            stack.callback(server.stop)
            contenders.append(Contender(name, server, keys, arguments.connections))

        minted = mint_keys(arguments.keys)
        address = await stack.enter_async_context(postgresql_database(arguments.postgres))
        await fill(address, minted)
        await analyze(address)
        keys = [key.token.reveal() for key, _ in minted]
        port = free_port()
        take(BARE, await start([sys.executable, "-m", "benchmarks.applications", "bare", str(port)], port=port), keys)
        take(KEYDESK, await start_keydesk(address, redis=arguments.redis), keys)
        for name in PEERS:
            say(f"starting {name}")
            address = await stack.enter_async_context(postgresql_database(arguments.postgres))
            file = folder / name
            server = await start_peer(name, address, file, arguments.keys)
            take(f"{name}, {peer_version(name)}", server, file.read_text().split())
            await analyze(address)
        for each in contenders:
            if {status for _, status in await ask_each(each.server.port, each.keys, callers=8)} != {200}:
                raise RuntimeError(f"{each.name}: a key was not good")
            each.server.pin(0)
        print(await describe(arguments))
        await measure(contenders, folder, arguments)
    print(table(contenders))


async def start_peer(name: str, address: str, file: Path, number: int) -> Server:
    """Starts the peer on an empty database. It makes this number of keys, and writes them into the file."""
    port = free_port()
    plain = address.replace("+asyncpg", "")
    given = [str(port), address if name == PEERS[2] else plain, str(number), str(file)]
    if name == PEERS[0]:
        return await start([node(), str(INSTALLED / "node" / "better_auth.mjs"), *given], port=port)
    if name == PEERS[2]:
        return await start([str(PYTHON), str(FOLDER / "fastapi_application.py"), *given], port=port)
    environment = {"PEER_DATABASE": plain, "PYTHONPATH": str(FOLDER)}
    run([str(PYTHON), str(FOLDER / "django_application.py"), str(number), str(file)], environment)
    options = ["--workers", "1", "--threads", str(THREADS), "--keep-alive", "75", "--bind", f"127.0.0.1:{port}"]
    return await start(
        [str(PYTHON), "-m", "gunicorn", "django_application:application", *options], environment, port=port
    )


def install() -> None:
    """Installs the peers, unless the same versions are installed already."""
    wanted = "".join((FOLDER / name).read_text() for name in ("python.lock", "package-lock.json", "better_auth.mjs"))
    done = INSTALLED / "installed"
    if done.exists() and done.read_text() == wanted:
        return
    say(f"installing the peers into {INSTALLED}")
    shutil.rmtree(INSTALLED, ignore_errors=True)
    modules = INSTALLED / "node"
    modules.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", "better_auth.mjs"):
        shutil.copy(FOLDER / name, modules)
    run([sys.executable, "-m", "venv", str(INSTALLED / "python")])
    run([str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(FOLDER / "python.lock")])
    run(["npm", "ci", "--prefix", str(modules), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
    done.write_text(wanted)


def node() -> str:
    """The program of Node.js. Raises RuntimeError if there is none."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        raise RuntimeError("better-auth needs Node.js 20 or newer, with npm")
    return found


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Runs a program, which must succeed, and returns its output."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}, cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr or done.stdout}")
    return done.stdout


def peer_version(name: str) -> str:
    """The versions of a peer's packages."""
    if name == PEERS[0]:
        package = json.loads((INSTALLED / "node/node_modules/@better-auth/api-key/package.json").read_text())
        return f"{package['version']}, Node {run([node(), '--version']).strip()[1:]}"
    names = ("djangorestframework-api-key", "django", "gunicorn") if name == PEERS[1] else ("fastapi", "sqlalchemy")
    asked = (
        f"from importlib.metadata import version; print(*(each + ' ' + version(each) for each in {names!r}), sep=', ')"
    )
    versions = run([str(PYTHON), "-c", asked]).strip()
    return versions.removeprefix("djangorestframework-api-key ")


def table(contenders: Sequence[Contender]) -> str:
    """The results as a Markdown table of medians. The ratio compares results of the same round."""
    ours = next(each for each in contenders if each.name == KEYDESK)
    lines = ["| | requests/s | Keydesk answers | p50 ms | p99 ms |", "|---|---:|---:|---:|---:|"]
    for each in contenders:
        ratio = median(own.per_second / its.per_second for own, its in zip(ours.seen, each.seen, strict=True))
        row = [
            each.name,
            f"{median(seen.per_second for seen in each.seen):,.0f}",
            f"{ratio:.1f} times as many",
            f"{median(seen.p50_ms for seen in each.seen):.2f}",
            f"{median(seen.p99_ms for seen in each.seen):.2f}",
        ]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    asyncio.run(main())
