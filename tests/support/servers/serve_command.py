"""`keydesk serve` in a process of its own, as an operator starts it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

KEYDESK = Path(sys.executable).with_name("keydesk")
KEY = "0123456789abcdef0123456789abcdef"


@contextmanager
def running(database_address: str, tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process of `keydesk serve --json`, and the address that it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "KEYDESK_DATABASE_URL": database_address,
        "KEYDESK_SECRET_KEY": KEY,
        "KEYDESK_REDIS_URL": "redis://127.0.0.1:1",
    }
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [str(KEYDESK), "serve", "--port", "0", "--json", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["address"]
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def until_ready(address: str) -> httpx.Response:
    """The first answer of /readyz with 200. Until a worker is ready, connections wait in the socket's queue."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = httpx.get(f"{address}/readyz", timeout=60)
        if answer.status_code == 200:
            return answer
        time.sleep(0.2)
    raise TimeoutError(f"{address} did not get ready")
