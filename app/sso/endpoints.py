"""
The addresses of single sign-on.

    GET  /sso/start                 sends the browser to the identity provider; `return` names a page of the console,
                                    and with `prompt=login` the provider asks who it is
    POST /sso/start                 the same for the page of an invitation: the link's token must not be in an address
    GET  /sso/callback              where the provider sends the browser back to
    POST /sso/backchannel-logout    where the provider says that a person, or a session, has signed out
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler, get, post
from litestar.response.base import ASGIResponse
from litestar.types import Scope

from app.authentication import Cookies, RequestIdentity, read_cookies
from app.graphql.origins import own_origins
from app.observability.paced_log import Paced, more_words
from app.outbound.client import OutboundFailure
from app.sso.callback import Callback
from app.sso.messages import invitation_in, json_answer, logout_token_in, page, parameters, redirect, single
from app.sso.pages import SignInPages
from app.sso.provider import Provider
from keys.sign_in.links import link_digest
from keys.sso.signatures import UnusableToken
from keys.sso.state import Begun, States, browser_cookie
from keys.token import Secret
from models.engine.database import Database
from resolvers.sso.logout import end_sessions_at_provider

START, CALLBACK, LOGOUT = "/sso/start", "/sso/callback", "/sso/backchannel-logout"
ROUTES = (START, CALLBACK, LOGOUT)
logger = logging.getLogger("keydesk.sso")
Visit = Callable[[Scope], Awaitable[RequestIdentity]]


class SingleSignOn:
    """Answers the requests to these addresses."""

    def __init__(
        self,
        provider: Provider,
        states: States,
        pages: SignInPages,
        *,
        database: Database,
        public_url: str,
        visit: Visit,
        clock: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._states = states
        self._pages = pages
        self._database = database
        self._own_origins = own_origins(public_url)
        self._redirect_uri = public_url + CALLBACK
        self._cookies = Cookies(public_url)
        self._visit = visit
        self._clock = clock
        self._paced = Paced(of_a_kind=10, in_all=30)
        self._callback = Callback(provider, states, pages, redirect_uri=self._redirect_uri, clock=clock)

    def handlers(self) -> list[HTTPRouteHandler]:
        """The handlers of the web framework."""

        @get(START, include_in_schema=False)
        async def start(request: Request[Any, Any, Any]) -> ASGIResponse:
            return await self._start(request)

        @post(START, include_in_schema=False, status_code=200)
        async def start_from_invitation(request: Request[Any, Any, Any]) -> ASGIResponse:
            return await self._start_from_invitation(request)

        @get(CALLBACK, include_in_schema=False)
        async def callback(request: Request[Any, Any, Any]) -> ASGIResponse:
            return await self._complete(request)

        @post(LOGOUT, include_in_schema=False, status_code=200)
        async def logout(request: Request[Any, Any, Any]) -> ASGIResponse:
            return await self._end_sessions(request)

        return [start, start_from_invitation, callback, logout]

    async def _start(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        begun, cookie = self._begin(request, back=single(request, "return"), invitation=None)
        try:
            url = await self._provider.authorization_url(
                begun, redirect_uri=self._redirect_uri, asks_again=single(request, "prompt") == "login"
            )
        except OutboundFailure as failure:
            self._warn("discovery", "The identity provider can't be used: %s", str(failure))
            return page(self._pages.unreachable(begun.back), 503)
        return redirect(302, url, [self._cookies.sso_header(cookie)])

    async def _start_from_invitation(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        """Answers with the address, because a page's script reads it and then leaves for it."""
        if request.headers.get("origin") not in self._own_origins:
            return json_answer({"message": "Only the console's pages can begin this."}, 403)
        token = await invitation_in(request)
        digest = None if token is None else link_digest(token)
        if digest is None:
            return json_answer({"message": "This is not the token of an invitation."}, 400)
        begun, cookie = self._begin(request, back=None, invitation=digest)
        try:
            url = await self._provider.authorization_url(begun, redirect_uri=self._redirect_uri)
        except OutboundFailure as failure:
            self._warn("discovery", "The identity provider can't be used: %s", str(failure))
            name = self._provider.configured.name
            return json_answer({"message": f"The sign-in service {name} can't be reached. Try again in a minute."}, 503)
        return json_answer({"url": url}, 200, [self._cookies.sso_header(cookie)])

    def _begin(
        self, request: Request[Any, Any, Any], *, back: str | None, invitation: str | None
    ) -> tuple[Begun, Secret]:
        cookie = browser_cookie(read_cookies(request.scope["headers"]).get(self._cookies.sso))
        return self._states.begin(cookie, back=back, invitation=invitation, now=self._clock()), cookie

    async def _complete(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        visit = await self._visit(request.scope)
        cookie = read_cookies(request.scope["headers"]).get(self._cookies.sso)
        outcome = await self._callback.complete(parameters(request), cookie, visit)
        if outcome.log is not None:
            self._warn(outcome.log, "A sign-in by the identity provider did not succeed: %s", outcome.log)
        if outcome.page is not None:
            return page(outcome.page, outcome.status)
        return redirect(303, outcome.back, visit.answer_headers())

    async def _end_sessions(self, request: Request[Any, Any, Any]) -> ASGIResponse:
        """Ends sessions. A token that can't be used gets 400 (OpenID Connect Back-Channel Logout 1.0, 2.8)."""
        try:
            said = await self._provider.logout_token(await logout_token_in(request))
        except UnusableToken as error:
            self._warn("logout token", "The identity provider's logout_token was refused: %s", str(error))
            return json_answer({"error": "invalid_request", "error_description": str(error)}, 400)
        except OutboundFailure as failure:
            self._warn(
                "logout", "A logout_token can't be checked, as the identity provider can't be used: %s", str(failure)
            )
            return json_answer({"error": "temporarily_unavailable"}, 503)
        issuer = self._provider.configured.issuer
        people = await end_sessions_at_provider(self._database, said, issuer=issuer, now=self._clock())
        if people is None:
            return json_answer({"error": "invalid_request", "error_description": "this token was used before"}, 400)
        visit = await self._visit(request.scope)
        for person_id in people:
            visit.standing_changed(person_id)
        return json_answer({}, 200)

    def _warn(self, kind: str, message: str, reason: str) -> None:
        """One of few lines a minute, so that nobody can fill the log."""
        left_out = self._paced.admits(kind)
        if left_out is not None:
            logger.warning(message + "%s", reason, more_words(left_out))
