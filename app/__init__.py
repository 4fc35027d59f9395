"""Makes the ASGI application from the settings. Importing this module has no side effects."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from argon2 import PasswordHasher
from litestar import Litestar, Request
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from app.assistant_setup import assistant_of
from app.authentication import Identity, RequestIdentity
from app.client_address import Addresses
from app.graphql.endpoint import PATH as GRAPHQL_PATH
from app.graphql.endpoint import graphql_route
from app.graphql.list_sizes import Lists
from app.graphql.origins import OriginGuard
from app.graphql.streams import StreamRight
from app.mail.outbox import Outbox
from app.metering import Metering
from app.observability.health import health
from app.observability.logs import AccessLog
from app.observability.observers import Observation
from app.pages.console import BUILT, console_pages, read_console
from app.pages.console import ROUTES as CONSOLE_ROUTES
from app.pages.docs import pages
from app.pages.layout import Layout
from app.problems import Problems
from app.request_id import CommonHeaders, exceeds_header_bytes
from app.retention import retention_running
from app.settings import Settings, SettingsError
from app.verify.endpoint import PATH as VERIFY_PATH
from app.verify.endpoint import VerifyEndpoint
from assistant.facts.documents import Documents
from keys.hashing import KEY_PARAMETERS, PASSWORD_PARAMETERS, HashingPool
from keys.issuer import Issuer
from keys.refusals import Refusal, Unauthenticated
from keys.token import ServerKeys
from keys.verification.verifier import KeyVerifier
from models.engine.database import Database
from models.engine.reader import Reader
from models.key_lookup import key_reader
from resolvers.services import KeyServices
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.tickets import SupportChannel
from schema import schema
from schema.context import Context

DOCS = Path(__file__).parent.parent / "docs"
ROUTES = (VERIFY_PATH, GRAPHQL_PATH, "/docs", "/healthz", "/readyz", *CONSOLE_ROUTES, "/")
HASHING_THREADS = max(1, (os.cpu_count() or 2) - 1)
"""One core is reserved for the event loop."""
COLD_KEYS_QUEUE = 500
NEW_KEYS_QUEUE = 1_000
PASSWORDS_QUEUE = 64


def utc_now() -> datetime:
    """The current time of the system's clock, in UTC."""
    return datetime.now(UTC)


class Pools(NamedTuple):
    """The threads that hash, a pool for each purpose, so that none of them waits for another."""

    cold_keys: HashingPool
    """Verifies keys that this process sees for the first time."""
    new_keys: HashingPool
    passwords: HashingPool

    @classmethod
    def of(cls, key_hasher: PasswordHasher, password_hasher: PasswordHasher) -> Self:
        """The pools of one process. Their threads begin with the first hash."""
        return cls(
            HashingPool(key_hasher, threads=HASHING_THREADS, queue_limit=COLD_KEYS_QUEUE, name="cold-keys"),
            HashingPool(key_hasher, threads=HASHING_THREADS, queue_limit=NEW_KEYS_QUEUE, name="new-keys"),
            HashingPool(password_hasher, threads=1, queue_limit=PASSWORDS_QUEUE, name="passwords"),
        )


class Keydesk:
    """
    The whole application: the verification endpoint, and the web framework for everything else.

    The ASGI lifespan opens what it works with, and closes it again.
    """

    def __init__(
        self,
        settings: Settings,
        server_keys: ServerKeys,
        public_url: str,
        clock: Callable[[], datetime],
        pools: Pools,
        when_started: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._server_keys = server_keys
        self._public_url = public_url
        self._clock = clock
        self._pools = pools
        self._when_started = when_started

        self.database = Database(settings.database_url)
        self._key_reader = key_reader(self.database)
        self._viewer_reader = Reader(self.database)

        self._metering = Metering(settings, self.database, clock=clock)
        self._observation = Observation(settings, self._metering, pools=pools, routes=ROUTES)
        self._problems = Problems(public_url)
        self._addresses = Addresses(settings.trusted_proxies, settings.forwarded_header)
        self._verify = self._verification()

        issuer = Issuer(server_keys, settings.key_prefixes[0], pools.new_keys)
        self._services = KeyServices(self.database, clock, settings.mutations_per_minute, issuer=issuer)
        self._documents = Documents(DOCS)
        self._assistant = assistant_of(
            settings,
            database=self.database,
            reader=self._viewer_reader,
            key_reader=self._key_reader,
            server_keys=server_keys,
            pool=pools.cold_keys,
            limiter=self._metering.limiter,
            documents=self._documents,
            clock=clock,
        )
        self._outbox = Outbox(self.database, settings.mail_server, clock=clock)
        self._support_channel = SupportChannel(settings.support_email, self._outbox.sends, self._outbox.wake)
        self._identity: Identity | None = None
        self._web = self._framework()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_verification = scope["type"] == ScopeType.HTTP and self._verify.answers(scope["path"])
        app: ASGIApp = self._verify if is_verification else self._web
        # Checked first, so that no other code reads headers that are larger than any request needs.
        if scope["type"] == ScopeType.HTTP and exceeds_header_bytes(scope["headers"]):
            app = self._problems.refuse_headers
        if self._observation.tracing is None:
            await app(scope, receive, send)
        else:
            await self._observation.tracing.answer(app, scope, receive, send)

    def _verification(self) -> VerifyEndpoint:
        verifier = KeyVerifier(
            server_keys=self._server_keys,
            prefixes=self._settings.key_prefixes,
            reader=self._key_reader,
            pool=self._pools.cold_keys,
            limiter=self._metering.limiter,
            require_agent=self._settings.require_agent,
        )
        return VerifyEndpoint(
            verifier,
            public_url=self._public_url,
            recorder=self._metering.recorder,
            addresses=self._addresses,
            gateway_token=self._settings.gateway_token,
            observer=self._observation.observer,
        )

    def _framework(self) -> CommonHeaders:
        console, support_email = read_console(BUILT), self._settings.support_email
        layout = Layout(self._documents.pages, support_email)
        litestar = Litestar(
            route_handlers=[
                graphql_route(
                    schema,
                    context=self._context,
                    introspection_refusal=_introspection_refusal,
                    lists=Lists(self._viewer_reader, self._clock),
                    answer_headers=_cookies,
                    behind=self._guarded,
                    stream_right=_stream_right,
                ),
                *health(self.database, self._metering.limiter, self._metering.recorder),
                *pages(self._documents, support_email=support_email, is_front_page=console is None),
                *([] if console is None else console_pages(console, layout, visit=self._visit)),
                *self._observation.handlers(),
            ],
            exception_handlers={Exception: self._problems.answer},
            lifespan=[self._lifespan],
            openapi_config=None,
            logging_config=None,
        )
        metrics, routes = self._observation.metrics, self._observation.routes
        count = None if metrics is None else metrics.count_request
        return CommonHeaders(AccessLog(litestar, routes, count=count), public_url=self._public_url)

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        return OriginGuard(app, public_url=self._public_url, allowed_origins=self._settings.allowed_origins)

    async def _context(self, request: Request[Any, Any, Any]) -> Context:
        return Context(
            self._services,
            self._viewer_reader,
            await self._visit(request.scope),
            self._settings.support_email,
            limiter=self._metering.limiter,
            assistant=self._assistant,
            support_channel=self._support_channel,
        )

    async def _visit(self, scope: Scope) -> RequestIdentity:
        if self._identity is None:
            raise RuntimeError("the application's lifespan has not begun")
        return await self._identity.visit(scope)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _litestar: Litestar) -> AsyncIterator[None]:
        """Opens every part. At the end, or where a later part fails to start, closes them in reverse order."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            for pool in self._pools:
                stack.callback(pool.close)
            stack.push_async_callback(self._viewer_reader.close)
            stack.push_async_callback(self._key_reader.close)
            await self._key_reader.start()
            self._identity = await self._open_identity()
            stack.push_async_callback(self._identity.close)
            for part in (
                self._observation.running(),
                self._metering.running(),
                self._outbox.running(),
                retention_running(self.database, clock=self._clock, audit_days=self._settings.audit_days),
            ):
                await stack.enter_async_context(part)
            self._when_started()
            yield

    async def _open_identity(self) -> Identity:
        checker = await PasswordChecker.open(
            self.database,
            self._viewer_reader,
            self._pools.passwords,
            self._server_keys,
            watch=self._observation.sign_in_log.tried,
        )
        return Identity(checker, addresses=self._addresses, public_url=self._public_url, clock=self._clock)


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    key_hasher: PasswordHasher | None = None,
    password_hasher: PasswordHasher | None = None,
    when_started: Callable[[], None] = lambda: None,
) -> Keydesk:
    """
    Makes the ASGI application for these settings. `when_started` is called once everything is open.

    Raises SettingsError if the server keys or the public URL are missing. `keydesk serve` fills in a missing URL.
    """
    if settings.server_keys is None:
        raise SettingsError("KEYDESK_SECRET_KEY is not set. Create one with: openssl rand -hex 32")
    if settings.public_url is None:
        raise SettingsError(
            "KEYDESK_PUBLIC_URL is not set. Set it to the address in people's browsers, such as https://keys.example."
        )
    return Keydesk(
        settings,
        settings.server_keys,
        settings.public_url,
        clock,
        Pools.of(key_hasher or KEY_PARAMETERS.hasher(), password_hasher or PASSWORD_PARAMETERS.hasher()),
        when_started,
    )


def _introspection_refusal(context: Context) -> Refusal | None:
    """Allows introspection only to people who are signed in: returns the refusal for anybody else."""
    try:
        context.require_signed_in()
    except Refusal as refusal:
        return refusal
    return None


def _stream_right(context: Context) -> StreamRight:
    """The right to a stream: it lasts as long as the session. Raises Unauthenticated and PasswordChangeRequired."""
    visit = context.visit
    if not isinstance(visit, RequestIdentity):
        raise Unauthenticated
    return visit.right()


def _cookies(context: Context) -> list[tuple[bytes, bytes]]:
    visit = context.visit
    return visit.answer_headers() if isinstance(visit, RequestIdentity) else []
