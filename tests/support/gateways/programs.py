"""Starts, waits for and ends third-party programs (gateways, proxies) as processes of the tests."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.support.servers.small_servers import ask, free_port

PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""nginx and HAProxy are in a folder that is not on every user's PATH."""
FROM_DEBIAN = {"nginx", "caddy", "haproxy"}
GIVE_UP_SECONDS = 60.0
ATTEMPTS = 3


class Program:
    """A process that listens on a port of its own with its routes ready, until it is closed."""

    def __init__(
        self,
        name: str,
        configure: Callable[[int, Path], Sequence[str]],
        folder: Path,
        *,
        route: str,
        environment: dict[str, str] | None = None,
    ) -> None:
        """
        `configure` writes the configuration for a port into the folder and returns the program's arguments.
        `route` is a path that is not answered with 404. Skips the test if the program is not installed; in CI the
        test fails.
        """
        self.name = name
        self._path = found(name)
        self._folder = folder
        self._log = folder / "log"
        self._route = route
        self._environment = {"PATH": PATH, "HOME": str(folder), **(environment or {})}
        for _ in range(ATTEMPTS):
            self.port = free_port()
            self._process = self._launch(configure(self.port, folder))
            if self._is_there():
                return
        raise RuntimeError(f"{name} did not start: {self._log.read_text(errors='replace')}")

    @property
    def said(self) -> str:
        """Everything in its logs so far."""
        logs = [path for path in self._folder.rglob("*log") if path.is_file()]
        return "".join(path.read_text(errors="replace") for path in logs)

    @property
    def is_alive(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    def close(self) -> None:
        """Asks the process to end, and waits until it has."""
        self._process.terminate()
        try:
            self._process.wait(GIVE_UP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()

    def _launch(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as said:
            return subprocess.Popen(
                [self._path, *arguments],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def _is_there(self) -> bool:
        """Whether its routes are ready; False if it ended, as it does when another process took the port."""
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while self.is_alive:
            # Traefik listens before its routes are ready.
            with suppress(OSError, HTTPException):
                if ask(self.port, self._route).status != 404:
                    return self.is_alive
            if time.monotonic() > give_up_at:
                self.close()
                raise RuntimeError(f"{self.name} does not answer: {self._log.read_text(errors='replace')}")
            time.sleep(0.02)
        return False


def found(name: str) -> str:
    """The path of the program. Skips the test if it is not installed; in CI the test fails."""
    path = shutil.which(name, path=PATH)
    if path is None:
        how = f"apt-get install {name}" if name in FROM_DEBIAN else "pip install -r tests/gateways.lock"
        missing = f"This test needs {name}: {how}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
