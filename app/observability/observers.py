"""Owns what watches requests: refusal log, sign-in log, metrics and traces, as the settings want them."""

import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from litestar.handlers import ASGIRouteHandler
from litestar.types import Scope

from app.client_address import is_trusted, normalized
from app.metering import Counting
from app.observability.metrics import Metrics
from app.observability.metrics_endpoint import PATH as METRICS_PATH
from app.observability.metrics_endpoint import metrics_route
from app.observability.refusal_log import RefusalLog
from app.observability.sign_in_log import SignInLog
from app.observability.tracing import Tracing
from app.settings import Settings
from app.verify.endpoint import GATEWAY_TOKEN, Observer
from keys.hashing import HashingPool
from models.key_lookup import KeyState


class Observers:
    """Several that are told of each verification."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def answered(self, code: str, key: KeyState | None, request_id: str, address: str | None, seconds: float) -> None:
        """Tells each of them."""
        for observer in self._observers:
            observer.answered(code, key, request_id, address, seconds)


def believer(settings: Settings) -> Callable[[Scope], bool]:
    """Whether a request's trace is believed: it came from a trusted proxy, or has the gateway's token."""
    expected = None if settings.gateway_token is None else settings.gateway_token.reveal().encode()

    def believes(scope: Scope) -> bool:
        peer = scope.get("client")
        if is_trusted(normalized(None if peer is None else peer[0]), settings.trusted_proxies):
            return True
        tokens = [value.strip() for name, value in scope["headers"] if name == GATEWAY_TOKEN]
        return expected is not None and len(tokens) == 1 and hmac.compare_digest(tokens[0], expected)

    return believes


class Watching:
    """The two logs always; metrics and traces where they are wanted, and at no cost where not."""

    def __init__(
        self, settings: Settings, counting: Counting, *, pools: Sequence[HashingPool], routes: Sequence[str]
    ) -> None:
        """Raises SettingsError."""
        self._refusal_log = RefusalLog()
        self._token = settings.metrics_token
        self.routes = (*routes, METRICS_PATH) if settings.metrics else tuple(routes)
        """With that of the metrics, where they are wanted."""
        self.metrics = (
            Metrics(pools=pools, limiter=counting.limiter, ledger=counting.ledger, folder=settings.metrics_folder)
            if settings.metrics
            else None
        )
        self.sign_in_log = SignInLog(None if self.metrics is None else self.metrics.count_sign_in)
        self.tracing = Tracing(self.routes, believes=believer(settings)) if settings.tracing else None
        wanted = [each for each in (self._refusal_log, self.metrics, self.tracing) if each is not None]
        self.observer: Observer = wanted[0] if len(wanted) == 1 else Observers(wanted)

    def handlers(self) -> list[ASGIRouteHandler]:
        """For what is watched to be read."""
        return [] if self.metrics is None else [metrics_route(self.metrics, self._token)]

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Watches while the block runs."""
        async with AsyncExitStack() as stack:
            for each in (self._refusal_log, self.sign_in_log, self.metrics, self.tracing):
                if each is not None:
                    await stack.enter_async_context(each.kept())
            yield
