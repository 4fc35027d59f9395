"""Sets up everything that observes requests: refusal log, sign-in log and, if enabled, metrics and traces."""

import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from litestar.handlers import ASGIRouteHandler
from litestar.types import Scope

from app.client_address import is_trusted, normalized
from app.metering import Metering
from app.observability.metrics import Metrics
from app.observability.metrics_endpoint import PATH as METRICS_PATH
from app.observability.metrics_endpoint import metrics_route
from app.observability.refusal_log import RefusalLog
from app.observability.sign_in_log import SignInLog
from app.observability.tracing import Tracing
from app.settings import Settings
from app.verify.endpoint import GATEWAY_TOKEN, Observer
from keys.hashing import HashingPool
from keys.periodic import LAST_SECONDS
from models.key_lookup import KeyState
from models.revocations.recorder import RevocationRecorder


class Observers:
    """Passes each verification on to several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)

    def answered(self, code: str, key: KeyState | None, request_id: str, address: str | None, seconds: float) -> None:
        """Passes a verification on to each observer."""
        for observer in self._observers:
            observer.answered(code, key, request_id, address, seconds)


def trusts_trace_context(settings: Settings) -> Callable[[Scope], bool]:
    """
    Returns a function that says whether to accept a request's trace context.

    It is accepted from a trusted proxy, and from a caller with the gateway token.
    """
    expected = None if settings.gateway_token is None else settings.gateway_token.reveal().encode()

    def believes(scope: Scope) -> bool:
        peer = scope.get("client")
        if is_trusted(normalized(None if peer is None else peer[0]), settings.trusted_proxies):
            return True
        tokens = [value.strip() for name, value in scope["headers"] if name == GATEWAY_TOKEN]
        return expected is not None and len(tokens) == 1 and hmac.compare_digest(tokens[0], expected)

    return believes


class Observation:
    """The refusal log and the sign-in log, and metrics and traces if the settings enable them."""

    def __init__(
        self,
        settings: Settings,
        metering: Metering,
        *,
        pools: Sequence[HashingPool],
        routes: Sequence[str],
        revocations: RevocationRecorder | None = None,
    ) -> None:
        """`routes` are the application's routes. Raises SettingsError if the folder for metrics does not exist."""
        self._refusal_log = RefusalLog()
        self._token = settings.metrics_token
        self.routes = (*routes, METRICS_PATH) if settings.metrics else tuple(routes)
        """The application's routes, with /metrics if metrics are enabled."""
        self.metrics = (
            Metrics(
                pools=pools,
                limiter=metering.limiter,
                recorder=metering.recorder,
                folder=settings.metrics_folder,
                revocations=revocations,
            )
            if settings.metrics
            else None
        )
        self.sign_in_log = SignInLog(None if self.metrics is None else self.metrics.count_sign_in)
        self.tracing = Tracing(self.routes, believes=trusts_trace_context(settings)) if settings.tracing else None
        wanted = [each for each in (self._refusal_log, self.metrics, self.tracing) if each is not None]
        self.observer: Observer = wanted[0] if len(wanted) == 1 else Observers(wanted)

    def handlers(self) -> list[ASGIRouteHandler]:
        """The handler of /metrics, if metrics are enabled."""
        return [] if self.metrics is None else [metrics_route(self.metrics, self._token)]

    @asynccontextmanager
    async def running(self, last_seconds: Callable[[], float] = lambda: LAST_SECONDS) -> AsyncIterator[None]:
        """Watches while the block runs. `last_seconds` says at its end how long sending the last traces may take."""
        async with AsyncExitStack() as stack:
            for each in (self._refusal_log, self.sign_in_log, self.metrics):
                if each is not None:
                    await stack.enter_async_context(each.running())
            if self.tracing is not None:
                await stack.enter_async_context(self.tracing.running(last_seconds))
            yield
