"""How the clients begin and end: all are context managers, are closed alike, and show nothing but their address."""

from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from keydesk_client.threads import LoopThread, PerProcess


class Connections(Protocol):
    """The connections of a client, which share a pool."""

    @property
    def url(self) -> str:
        """Keydesk's address."""

    async def aclose(self) -> None:
        """Closes them."""


class AsyncClient:
    """An asynchronous client. Close it at the end."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connections.url!r})"


Client = TypeVar("Client", bound=AsyncClient)


class ThreadClient(Generic[Client]):
    """A client whose calls run in a thread of its own, by an asynchronous client."""

    def __init__(self, make: Callable[[], Client], thread: Callable[[], LoopThread]) -> None:
        self._shown = repr(make()).removeprefix("Async")  # also checks the arguments
        self._running = PerProcess(lambda: (thread(), make()))

    def close(self) -> None:
        """Closes the connections and ends the thread."""
        running = self._running.take()
        if running is not None:
            thread, client = running
            thread.close(client.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return self._shown
