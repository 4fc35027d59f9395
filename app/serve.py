"""Runs the server: opens the socket, starts one or several worker processes, and announces the address."""

import gc
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any, cast

import uvicorn

from app.application import Keydesk, create_app
from app.cli_errors import Failure
from app.connections import Bounds, Places, raise_descriptor_limit
from app.http_protocol import BoundedHttp
from app.observability.logs import configure_logging
from app.serving.listening import BACKLOG, listen
from app.serving.server import Server
from app.serving.stopping import Stop, stop_on_signals
from app.serving.workers import MeasuredWorkers, Workers
from app.settings import Settings, read_settings

KEEP_ALIVE_SECONDS = 75
"""
Longer than gateways keep an idle connection (nginx 60, Envoy and Caddy less), so that the gateway closes it first.

A gateway could otherwise send a request on a connection that this server is just closing.
"""
NEW_OBJECTS_BEFORE_COLLECTION = 10_000
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
NOT_STARTED = "The server could not start. The log above says why."


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int,
    announce: Callable[[str], None],
    shares_port: bool = False,
) -> None:
    """
    Serves until a signal stops it. Raises PortTaken, and Failure if the application can't start.

    `announce` is called with the server's URL once the socket listens. With port 0, the system chooses a port. Several
    workers run in processes of their own, which read the settings from the environment again.
    """
    listener = listen(host, port, shares_port=shares_port)
    port = listener.getsockname()[1]
    shown_host = f"[{host}]" if ":" in host else host
    address = f"http://{shown_host}:{port}"
    settings = replace(settings, public_url=settings.public_url or address)
    configure_logging(settings.log_level)
    raise_descriptor_limit()
    if workers == 1:
        stop = Stop(drain_seconds=settings.drain_seconds)
        stop_on_signals(stop, is_last=True)
        announce(address)
        _serve_alone(settings, listener, stop)
    else:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, _stopped)
        announce(address)
        _serve_with_workers(settings, listener, workers)


def worker_server(stop: Stop) -> Server:
    """Makes a worker's server, with the settings from the environment."""
    settings = read_settings(os.environ)
    configure_logging(settings.log_level)
    stop.drain_seconds = settings.drain_seconds
    return _server(settings, stop)


def leave_alone_what_stays() -> None:
    """
    Exempts all objects that exist now from garbage collection. Most of them live until the process ends.

    The collector would otherwise examine them again and again during requests, for tens of milliseconds each time. It
    also looks less often than usual at what is new, because requests leave hardly any cycles behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_BEFORE_COLLECTION, *gc.get_threshold()[1:])


def _serve_alone(settings: Settings, listener: socket.socket, stop: Stop) -> None:
    server = _server(settings, stop)
    if stop.is_stopping:
        return
    try:
        server.run(sockets=[listener])
    except SystemExit:  # the way in which uvicorn says that the application did not start
        raise Failure(NOT_STARTED) from None


def _serve_with_workers(settings: Settings, listener: socket.socket, workers: int) -> None:
    os.environ["KEYDESK_PUBLIC_URL"] = settings.public_url or ""
    os.environ.pop("KEYDESK_PUBLIC_URL_FILE", None)  # a worker that finds both variables refuses to start
    config = uvicorn.Config("app.serve:worker_server", workers=workers, log_config=None)
    if not settings.metrics:
        Workers(config, [listener], worker_server, drain_seconds=settings.drain_seconds).run()
        return
    with _metrics_folder() as folder:
        supervisor = MeasuredWorkers(config, [listener], worker_server, drain_seconds=settings.drain_seconds)
        supervisor.folder = folder
        supervisor.run()


def _server(settings: Settings, stop: Stop) -> Server:
    return http_server(create_app(settings, when_started=leave_alone_what_stays, stop=stop), settings, stop)


def http_server(application: Keydesk, settings: Settings, stop: Stop) -> Server:
    """Makes the server for an application, with these limits and this stop for its connections."""
    bounds = Bounds(places=Places(exempt=settings.trusted_proxies), stop=stop)
    config = uvicorn.Config(
        cast(Any, application),
        loop="uvloop",
        http=partial(BoundedHttp, bounds=bounds),  # type: ignore[arg-type]  # what makes one
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # app.client_address reads them, from the proxies that the operator trusts
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    return Server(config, stop)


@contextmanager
def _metrics_folder() -> Iterator[str]:
    """Makes the folder for the workers' metrics, and sets the library's variable for it in the environment."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="keydesk-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        raise Failure(
            f"The metrics of several workers need a temporary folder, which can't be created ({error.strerror}). Set "
            "TMPDIR to a folder that can be written, or KEYDESK_METRICS=false."
        ) from None
    with folder as path:
        os.environ[METRICS_FOLDER] = path
        yield path


def _stopped(_signal: int, _frame: FrameType | None) -> None:
    """Exits with status 0: a signal to stop is no failure, and nothing has begun."""
    raise SystemExit(0)
