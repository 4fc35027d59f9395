"""`keydesk serve`, as an operator starts it."""

import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from app.serve import serve
from app.serving.listening import PortTaken
from app.settings import read_settings
from tests.support.servers.serve_command import KEY, running, until_ready

HALF_A_REQUEST = (
    b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)


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


@pytest.mark.parametrize(("workers", "stop"), [("1", signal.SIGQUIT), ("2", signal.SIGTERM)])
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
