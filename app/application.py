"""Makes the ASGI application from the settings. Importing this module has no side effects."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import UUID

from argon2 import PasswordHasher
from litestar import Litestar, Request
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from app import utc_now
from app.assistant_model.client import ModelClient
from app.assistant_setup import assistant_of
from app.authentication import Identity, RequestIdentity
from app.client_address import Addresses
from app.graphql.endpoint import PATH as GRAPHQL_PATH
from app.graphql.endpoint import graphql_route
from app.graphql.list_sizes import Lists
from app.graphql.origins import OriginGuard
from app.graphql.streams import StreamRight
from app.mail.kinds import kinds_of_mail
from app.mail.outbox import Outbox
from app.metering import Metering
from app.observability.health import health
from app.observability.logs import AccessLog
from app.observability.metrics import Metrics
from app.observability.observers import Observation
from app.outbound.client import Outbound
from app.pages.console import BUILT, console_pages, read_console
from app.pages.console import ROUTES as CONSOLE_ROUTES
from app.pages.descriptions import OPENAPI_PATH, SCHEMA_PATH, descriptions
from app.pages.docs import pages
from app.pages.layout import Layout
from app.pages.logo_file import brand_files
from app.problems import Problems
from app.request_id import CommonHeaders, exceeds_header_bytes
from app.retention import retention_running
from app.revocations.journal import recording_database
from app.revocations.watch import revocations_watched
from app.serving.cancelled import CancelledAnswers
from app.serving.stopping import Stop
from app.settings import Settings, SettingsError
from app.sso.endpoints import ROUTES as SSO_ROUTES
from app.sso.endpoints import SingleSignOn
from app.sso.pages import SignInPages
from app.sso.provider import Provider
from app.together import together
from app.tokens.bearer import ProgramIdentity, Programs, bearer_token
from app.verify.endpoint import PATH as VERIFY_PATH
from app.verify.endpoint import VerifyEndpoint
from app.verify.openapi import openapi_document
from assistant.choice import Chooser
from assistant.facts.documents import documents_in
from keys.hashing import KEY_PARAMETERS, PASSWORD_PARAMETERS, HashingPool
from keys.issuer import Issuer
from keys.program_token import ProgramTokens
from keys.refusals import Refusal, Unauthenticated
from keys.sign_in.links import Links
from keys.sign_in.methods import sign_in_methods
from keys.sign_in.passwords import PasswordUse
from keys.sso.state import States
from keys.token import ServerKeys
from keys.verification.digest_writer import DigestWriter
from keys.verification.verifier import KeyVerifier
from models.engine.reader import Reader
from models.key_lookup import key_reader
from models.secret_digests import digest_store
from resolvers.services import KeyServices, PeopleServices
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.tickets import SupportChannel
from schema import schema
from schema.context import Context

DOCS = Path(__file__).parent.parent / "docs"
ROUTES = (
    *(VERIFY_PATH, OPENAPI_PATH, SCHEMA_PATH, GRAPHQL_PATH, "/docs", "/healthz", "/readyz"),
    *(*SSO_ROUTES, *CONSOLE_ROUTES, "/"),
)
HASHING_THREADS = max(1, (os.cpu_count() or 2) - 1)
"""One core is reserved for the event loop."""
COLD_KEYS_QUEUE = 500
NEW_KEYS_QUEUE = 1_000
PASSWORDS_QUEUE = 64


class Pools(NamedTuple):
    """The threads that hash, a pool for each purpose, so that none of them waits for another."""

    cold_keys: HashingPool
    """Verifies keys that have no digest yet."""
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
        stop: Stop,
    ) -> None:
        self._settings = settings
        self._server_keys = server_keys
        self._public_url = public_url
        self._clock = clock
        self._pools = pools
        self._when_started = when_started
        self._stop = stop

        self.database = recording_database(settings)
        self._key_reader = key_reader(self.database)
        self._viewer_reader = Reader(self.database)

        self._metering = Metering(settings, self.database, clock=clock, last_seconds=stop.seconds_to_close)
        self._observation = Observation(
            settings, self._metering, pools=pools, routes=ROUTES, revocations=self.database.revocations
        )
        self._problems = Problems(public_url)
        self._addresses = Addresses(settings.trusted_proxies, settings.forwarded_header)
        self._digest_writer = DigestWriter(digest_store(self.database))
        self._verify = self._verification()

        issuer = Issuer(server_keys, settings.key_prefixes[0], pools.new_keys)
        self._services = KeyServices(self.database, clock, settings.mutations_per_minute, issuer=issuer)
        self._documents = documents_in(DOCS)
        model_server, metrics = settings.model_server, self._observation.metrics
        self._model = None if model_server is None else ModelClient(model_server)
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
            chooser=None if self._model is None else _chooser(self._model, metrics),
        )
        links = Links(server_keys, public_url)
        self.outbox = Outbox(
            self.database,
            settings.mail_server,
            kinds_of_mail(settings, links, public_url, clock),
            clock=clock,
            last_seconds=stop.seconds_to_close,
        )
        self._people = PeopleServices(
            self.database,
            clock,
            links,
            sends_mail=settings.mail_sender is not None,
            wake_outbox=self.outbox.wake,
            invitation_lifetime=timedelta(hours=settings.invitation_hours),
            return_origins=settings.return_origins,
        )
        self._support_channel = SupportChannel(settings.support_email, self.outbox.sends, self.outbox.wake)
        self._identity: Identity | None = None
        self._program_tokens = ProgramTokens(server_keys, settings.key_prefixes)
        self._programs = Programs(
            self.database,
            self._viewer_reader,
            self._program_tokens,
            key_prefixes=settings.key_prefixes,
            addresses=self._addresses,
            clock=clock,
            standing_changed=self._standing_changed,
        )
        configured = settings.provider
        self._provider = None if configured is None else Provider(configured, Outbound(), clock=clock)
        name = None if configured is None else configured.name
        self._sign_in_methods = sign_in_methods(name, settings.passwords)
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
            offer_digest=self._digest_writer.offer,
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
        brand = self._settings.brand
        console = read_console(BUILT, brand)
        layout = Layout(self._documents.pages, self._settings.support_email, brand)
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
                *health(self.database, self._metering.limiter, self._metering.recorder, self._stop),
                *descriptions(
                    openapi_document(self._public_url, has_gateway_token=self._settings.gateway_token is not None),
                    schema.as_str(),
                ),
                *pages(self._documents, layout, is_front_page=console is None),
                *brand_files(brand),
                *([] if console is None else console_pages(console, layout, visit=self._visit)),
                *self._single_sign_on(layout),
                *self._observation.handlers(),
            ],
            exception_handlers={Exception: self._problems.answer},
            lifespan=[self._lifespan],
            openapi_config=None,
            logging_config=None,
        )
        metrics, routes = self._observation.metrics, self._observation.routes
        count = None if metrics is None else metrics.count_request
        web = CancelledAnswers(litestar, self._problems)
        return CommonHeaders(AccessLog(web, routes, count=count), public_url=self._public_url)

    def _single_sign_on(self, layout: Layout) -> list[HTTPRouteHandler]:
        if self._provider is None:
            return []
        has_passwords = self._settings.passwords is not PasswordUse.NOBODY
        return SingleSignOn(
            self._provider,
            States(self._server_keys),
            SignInPages(layout, self._provider.configured.name, has_passwords),
            database=self.database,
            public_url=self._public_url,
            visit=self._visit,
            clock=self._clock,
        ).handlers()

    def _guarded(self, app: ASGIApp) -> ASGIApp:
        return OriginGuard(app, public_url=self._public_url, allowed_origins=self._settings.allowed_origins)

    async def _context(self, request: Request[Any, Any, Any]) -> Context:
        return Context(
            self._services,
            self._people,
            self._viewer_reader,
            await self._visit_with_token(request.scope),
            self._settings.support_email,
            self._public_url,
            self._sign_in_methods,
            limiter=self._metering.limiter,
            assistant=self._assistant,
            support_channel=self._support_channel,
            program_tokens=self._program_tokens,
        )

    async def _visit_with_token(self, scope: Scope) -> RequestIdentity | ProgramIdentity:
        """The person behind the request or, if it has a bearer token, the program. Raises RequestRefused."""
        token = bearer_token(scope["headers"])
        return await self._visit(scope) if token is None else await self._programs.visit(scope, token)

    async def _visit(self, scope: Scope) -> RequestIdentity:
        if self._identity is None:
            raise RuntimeError("the application's lifespan has not begun")
        return await self._identity.visit(scope)

    def _standing_changed(self, person_id: UUID) -> None:
        if self._identity is not None:
            self._identity.standing_changed(person_id)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _litestar: Litestar) -> AsyncIterator[None]:
        """
        Opens every part. At the end, or where a later part fails to start, closes them in reverse order; at the same
        time those that may have to wait, for the database or others.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            for pool in self._pools:
                stack.callback(pool.close)
            stack.push_async_callback(self._viewer_reader.close)
            stack.push_async_callback(self._key_reader.close)
            await self._key_reader.start()
            self._identity = await self._open_identity()
            stack.push_async_callback(self._identity.close)
            stack.push_async_callback(self._programs.close)
            if self._provider is not None:
                stack.push_async_callback(self._provider.close)
            if self._model is not None:
                stack.push_async_callback(self._model.close)
            await stack.enter_async_context(self.database.watching())
            await stack.enter_async_context(self._observation.running(self._stop.seconds_to_close))
            retention = retention_running(
                self.database,
                clock=self._clock,
                audit_days=self._settings.audit_days,
                last_seconds=self._stop.seconds_to_close,
            )
            watch = revocations_watched(self.database, clock=self._clock)
            waiting = (self._metering, self._digest_writer, self.outbox)
            await stack.enter_async_context(together(*(each.running() for each in waiting), retention, watch))
            self._stop.say_if_forced(self._metering.recorder.loss)
            self._when_started()
            yield

    async def _open_identity(self) -> Identity:
        checker = await PasswordChecker.open(
            self.database,
            self._viewer_reader,
            self._pools.passwords,
            self._server_keys,
            watch=self._observation.sign_in_log.tried,
            passwords=self._settings.passwords,
        )
        return Identity(checker, addresses=self._addresses, public_url=self._public_url, clock=self._clock)


def create_app(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    key_hasher: PasswordHasher | None = None,
    password_hasher: PasswordHasher | None = None,
    when_started: Callable[[], None] = lambda: None,
    stop: Stop | None = None,
) -> Keydesk:
    """
    Makes the ASGI application for these settings. `when_started` is called once everything is open; `stop` says when
    the process begins to stop.

    Raises SettingsError if the server keys or the public URL are missing, or if settings don't fit together. `keydesk
    serve` fills in a missing URL.
    """
    if settings.server_keys is None:
        raise SettingsError("KEYDESK_SECRET_KEY is not set. Create one with: openssl rand -hex 32")
    if settings.public_url is None:
        raise SettingsError(
            "KEYDESK_PUBLIC_URL is not set. Set it to the address in people's browsers, such as https://keys.example."
        )
    if faults := settings.faults():
        raise SettingsError(*faults)
    return Keydesk(
        settings,
        settings.server_keys,
        settings.public_url,
        clock,
        Pools.of(key_hasher or KEY_PARAMETERS.hasher(), password_hasher or PASSWORD_PARAMETERS.hasher()),
        when_started,
        stop or Stop(),
    )


def _chooser(model: ModelClient, metrics: Metrics | None) -> Chooser:
    return Chooser(model) if metrics is None else Chooser(model, count=metrics.count_choice)


def _introspection_refusal(context: Context) -> Refusal | None:
    """Allows introspection only to the signed-in, and to programs with a token: returns the refusal for others."""
    try:
        context.actor  # noqa: B018 - raises the refusal
    except Refusal as refusal:
        return refusal
    return None


def _stream_right(context: Context) -> StreamRight:
    """
    The right to a stream: it lasts as long as the session.

    Raises Unauthenticated, PasswordChangeRequired, and Forbidden for programs: only the assistant's answers are
    streamed.
    """
    visit = context.visit
    if visit.program is not None:
        context.require_signed_in()
    if not isinstance(visit, RequestIdentity):
        raise Unauthenticated
    return visit.right()


def _cookies(context: Context) -> list[tuple[bytes, bytes]]:
    visit = context.visit
    return visit.answer_headers() if isinstance(visit, RequestIdentity) else []
