"""`keydesk serve`, as an operator starts it."""

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
HALF_A_REQUEST = (
    b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)


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


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_tells_its_address_serves_and_stops_when_told(
    database_address: str, tmp_path: Path, workers: str
) -> None:
    """The address is printed as one JSON line. The server works without Redis, and SIGTERM ends it with status 0."""
    with running(database_address, tmp_path, "--workers", workers) as (process, address):
        ready = until_ready(address)
        refused = httpx.get(f"{address}/v1/verify", timeout=60)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)

    assert (ready.json(), refused.status_code) == ({"status": "ready", "degraded": "limiter"}, 401)
    assert refused.json()["type"] == f"{address}/docs/errors#missing_key"
    assert (rest, process.returncode) == ("", 0)
    assert "died" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGQUIT])
def test_half_a_request_does_not_hold_up_a_stop(
    database_address: str, tmp_path: Path, workers: str, stop: signal.Signals
) -> None:
    """The client gets 408, and the server stops without cancelling anything."""
    with running(database_address, tmp_path, "--workers", workers) as (process, address):
        until_ready(address)
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 60) as half:
            half.sendall(HALF_A_REQUEST)
            time.sleep(0.5)  # so that it has arrived
            process.send_signal(stop)
            answer = half.recv(65536)
            process.communicate(timeout=60)

    log = (tmp_path / "log").read_text()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert process.returncode == 0
    assert log.count("Finished server process") == int(workers)
    assert "timeout graceful shutdown exceeded" not in log


def test_a_terminal_that_hangs_up_stops_one_process_well(database_address: str, tmp_path: Path) -> None:
    """SIGHUP stops a single process cleanly, so that counts are written."""
    with running(database_address, tmp_path) as (process, address):
        until_ready(address)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)

    assert process.returncode == 0
    assert "Finished server process" in (tmp_path / "log").read_text()


def test_workers_that_stop_refuse_new_connections(database_address: str, tmp_path: Path) -> None:
    """No connection waits in the socket's queue for a worker that is gone."""
    with running(database_address, tmp_path, "--workers", "2") as (process, address):
        until_ready(address)
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 60) as half:  # so that a worker is still there for a moment
            half.sendall(HALF_A_REQUEST)
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            half.recv(65536)

            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 60)
        process.communicate(timeout=60)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a..b"])
def test_a_host_that_is_none_is_said_to_be(database_address: str, host: str) -> None:
    """The message names the host, since another port would not help."""
    settings = read_settings({"KEYDESK_DATABASE_URL": database_address, "KEYDESK_SECRET_KEY": KEY})

    with pytest.raises(PortTaken, match=r"not an address of this machine.*--host"):
        serve(settings, host=host, port=0, workers=1, announce=print)


def test_a_port_that_is_taken_is_said_to_be(database_address: str) -> None:
    """The message names the address and the option for another port."""
    settings = read_settings({"KEYDESK_DATABASE_URL": database_address, "KEYDESK_SECRET_KEY": KEY})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} .*--port"):
            serve(settings, host="127.0.0.1", port=port, workers=1, announce=print)
