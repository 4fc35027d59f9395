"""The server as an operator starts it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.serve import PortTaken, serve
from app.settings import read_settings

KEYDESK = Path(sys.executable).with_name("keydesk")
KEY = "0123456789abcdef0123456789abcdef"


@contextmanager
def running(database_address: str, tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`keydesk serve --json` and the address that it told."""
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
            process.stdout.close()


def until_ready(address: str) -> httpx.Response:
    """The first answer of /readyz that says so; connections wait in the socket's queue until a worker is there."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = httpx.get(f"{address}/readyz", timeout=60)
        if answer.status_code == 200:
            return answer
        time.sleep(0.2)
    raise TimeoutError(f"{address} did not get ready")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_tells_its_address_serves_and_stops_when_told(
    database_address: str, tmp_path: Path, workers: str
) -> None:
    """One JSON line with the address on standard output, then answers, without its Redis, too; SIGTERM ends it well."""
    with running(database_address, tmp_path, "--workers", workers) as (process, address):
        ready = until_ready(address)
        refused = httpx.get(f"{address}/v1/verify", timeout=60)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)

    assert (ready.json(), refused.status_code) == ({"status": "ready", "degraded": "limiter"}, 401)
    assert refused.json()["type"] == f"{address}/docs/errors#missing_key"
    assert (rest, process.returncode) == ("", 0)
    assert "died" not in (tmp_path / "log").read_text()


def test_a_port_that_is_taken_is_said_to_be(database_address: str) -> None:
    """The sentence names the address and the way on."""
    settings = read_settings({"KEYDESK_DATABASE_URL": database_address, "KEYDESK_SECRET_KEY": KEY})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} .*--port"):
            serve(settings, host="127.0.0.1", port=port, workers=1, announce=print)
