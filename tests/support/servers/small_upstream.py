"""A server of a few lines behind a proxy: one thread for each connection."""

import socket
import threading
from abc import ABC, abstractmethod


class SmallUpstream(ABC):
    """Listens on a free port of loopback as soon as it is created."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Stops accepting connections."""
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    @abstractmethod
    def _answer(self, connection: socket.socket) -> None:
        """Handles one connection, and closes it."""
