"""Runs the server: opens the socket, starts one or several worker processes, and announces the address."""

import asyncio
import gc
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.supervisors import Multiprocess

from app import create_app
from app.cli_errors import Failure
from app.connections import Bounds, Places, raise_descriptor_limit
from app.http_protocol import BoundedHttp
from app.observability.logs import configure_logging
from app.settings import Settings, read_settings

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
"""
Longer than gateways keep an idle connection (nginx 60, Envoy and Caddy less), so that the gateway closes it first.

A gateway could otherwise send a request on a connection that this server is just closing.
"""
GRACE_SECONDS = 5
"""How long a stopping server waits for unfinished answers. Containers are killed 10 seconds after the signal."""
WORKER_SILENCE_SECONDS = 30
"""A worker that is silent for longer counts as stuck. Starting on a busy machine takes a while too."""
WORKER = "app.serve:worker_application"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class PortTaken(Exception):
    """The server can't listen at this address. The message says what to do."""


def serve(settings: Settings, *, host: str, port: int, workers: int, announce: Callable[[str], None]) -> None:
    """
    Serves until a signal stops it. Raises PortTaken, and Failure if the application can't start.

    `announce` is called with the server's URL once the socket listens. With port 0, the system chooses a port. Several
    workers run in processes of their own, which read the settings from the environment again.
    """
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    shown_host = f"[{host}]" if ":" in host else host
    address = f"http://{shown_host}:{port}"
    settings = replace(settings, public_url=settings.public_url or address)
    configure_logging(settings.log_level)
    raise_descriptor_limit()
    announce(address)
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _stopped)
    protocol = partial(BoundedHttp, bounds=Bounds(places=Places(exempt=settings.trusted_proxies)))
    if workers == 1:
        stop_well_when_hung_up()
        server = uvicorn.Server(_config(create_app(settings, when_started=leave_alone_what_stays), protocol))
        server.run(sockets=[listener])
        if not server.started:
            raise Failure("The server could not start. The log above says why.")
        return
    os.environ["KEYDESK_PUBLIC_URL"] = settings.public_url or address
    os.environ.pop("KEYDESK_PUBLIC_URL_FILE", None)  # a worker that finds both variables refuses to start
    config = _config(WORKER, protocol, factory=True, workers=workers)
    if settings.metrics:
        with _metrics_folder() as folder:
            MeasuredWorkers(config, [listener], folder).run()
    else:
        Workers(config, [listener]).run()


def worker_application() -> object:
    """Makes a worker's application, with the settings from the environment."""
    stop_well_when_hung_up()
    settings = read_settings(os.environ)
    configure_logging(settings.log_level)
    return create_app(settings, when_started=leave_alone_what_stays)


def leave_alone_what_stays() -> None:
    """
    Exempts all objects that exist now from garbage collection. Most of them live until the process ends.

    The collector would otherwise examine them again and again during requests, for tens of milliseconds each time.
    """
    gc.collect()
    gc.freeze()


def stop_well_when_hung_up() -> None:
    """
    Makes SIGHUP and SIGQUIT end this process like SIGTERM, so that usage is written to the database first.

    A signal that the parent process has set to be ignored, as nohup does, stays ignored.
    """
    for other in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(other) is not signal.SIG_IGN:
            signal.signal(other, lambda _signal, _frame: signal.raise_signal(signal.SIGTERM))


class Workers(Multiprocess):
    """Worker processes that share one listening socket."""

    def handle_quit(self) -> None:
        """Ends the workers on SIGQUIT in the same way as on SIGTERM."""
        self.handle_term()

    def terminate_all(self) -> None:
        """
        Stops listening, then the workers.

        The socket stays open until the last process has closed it. Without `shutdown`, new connections would be
        accepted but never answered; now they are refused, so that clients can try elsewhere at once.
        """
        for listener in self.sockets:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        super().terminate_all()


class MeasuredWorkers(Workers):
    """Workers that write metrics into a shared folder. When a worker ends, its gauges are removed."""

    def __init__(self, config: uvicorn.Config, sockets: Sequence[socket.socket], folder: Path) -> None:
        super().__init__(config, list(sockets))
        self._folder = folder
        self._seen: set[int] = set()

    def keep_subprocess_alive(self) -> None:
        """Replaces workers that have ended, and removes their gauges. uvicorn calls this twice a second."""
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - only with metrics

        self._seen |= self._living()
        super().keep_subprocess_alive()
        for pid in self._seen - self._living():
            mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]
        self._seen = self._living()

    def _living(self) -> set[int]:
        return {process.pid for process in self.processes if process.pid is not None}


@contextmanager
def _metrics_folder() -> Iterator[Path]:
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
        yield Path(path)


def _stopped(_signal: int, _frame: FrameType | None) -> None:
    """Exits with status 0: a signal to stop is no failure. The server has closed everything before this is called."""
    raise SystemExit(0)


def _config(
    app: object, protocol: Callable[..., asyncio.Protocol], *, factory: bool = False, workers: int = 1
) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI application, or where to import one
        factory=factory,
        workers=workers,
        loop="uvloop",
        http=protocol,  # type: ignore[arg-type]  # what makes one
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # app.client_address reads them, from the proxies that the operator trusts
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=WORKER_SILENCE_SECONDS,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (socket.gaierror, UnicodeError):
        listener.close()
        raise PortTaken(f"{host} is not an address of this machine. Choose another with --host.") from None
    except OSError as error:
        listener.close()
        raise PortTaken(f"{host}:{port} can't be used ({error.strerror}). Choose another with --port.") from None
    listener.listen(BACKLOG)
    return listener
