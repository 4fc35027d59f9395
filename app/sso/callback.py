"""Completes a sign-in: checks what the provider sent back with the browser, exchanges the code, begins a session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.authentication import RequestIdentity
from app.outbound.client import OutboundFailure
from app.sso import pages
from app.sso.pages import SignInPages
from app.sso.provider import CodeRefused, Provider
from keys.refusals import LinkNotValid, TooManyRequests
from keys.sign_in.throttle import counted_address
from keys.sso.claims import profile_of
from keys.sso.signatures import UnusableToken
from keys.sso.state import Begun, States
from keys.windows import PersonalLimit
from resolvers.sso.sign_in import AlreadyCompleted, Arrival, NotAdmitted

CODE_CHARACTERS_AT_MOST = 4_000
ATTEMPTS_A_MINUTE = 120
"""From one address, which may be a whole office's. Each costs the provider a request."""
KNOWN_ERRORS = frozenset(
    {
        "access_denied",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    }
)
"""Errors that the provider sends with the browser (RFC 6749, 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6)."""
FAILED = "You are not signed in"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the browser goes, or the page that it gets; and what the operator's log should say, if anything."""

    back: str = "/"
    page: str | None = None
    status: int = 303
    log: str | None = None


class Callback:
    """Completes sign-ins at one provider."""

    def __init__(
        self,
        provider: Provider,
        states: States,
        sign_in_pages: SignInPages,
        *,
        redirect_uri: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._provider = provider
        self._states = states
        self._pages = sign_in_pages
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._attempts = PersonalLimit(ATTEMPTS_A_MINUTE, "Your address has come back from signing in too often")

    async def complete(self, query: Mapping[str, str] | None, cookie: str | None, visit: RequestIdentity) -> Outcome:
        """
        Signs in with the parameters that the provider has sent with the browser, and with the browser's cookie.

        Nothing but the state and the cookie is looked at before these are known to be ours.
        """
        try:
            self._attempts.use(counted_address(visit.address), self._clock())
        except TooManyRequests as refusal:
            return self._page(refusal.message, 429)
        state = "" if query is None else query.get("state", "")
        begun = self._states.find(state, cookie, now=self._clock())
        if query is None or begun is None:
            return self._page(pages.OVER, 400)
        try:
            if not await self._is_from_provider(query):
                return self._page(pages.MIXED_UP, 400, log="the answer names another issuer, or none (RFC 9207)")
            if "error" in query:
                error = query["error"] if query["error"] in KNOWN_ERRORS else "an unknown error"
                return self._page(pages.NOT_SIGNED_IN, 403, begun, log=f"the provider answered {error}")
            code = query.get("code", "")
            if not 0 < len(code) <= CODE_CHARACTERS_AT_MOST:
                return self._page(pages.OVER, 400)
            return await self._sign_in(code, begun, visit)
        except OutboundFailure as failure:
            return Outcome(page=self._pages.unreachable(begun.back), status=503, log=str(failure))
        except CodeRefused:
            return self._page(pages.CODE_REFUSED, 400, begun)
        except UnusableToken as error:
            return self._page(pages.NOT_TRUSTED, 502, begun, log=str(error))

    async def _is_from_provider(self, query: Mapping[str, str]) -> bool:
        """Whether the answer is of our provider, and not of another that the person was lured to (RFC 9207)."""
        if "iss" in query:
            return query["iss"] == self._provider.configured.issuer
        return not (await self._provider.metadata()).names_issuer

    async def _sign_in(self, code: str, begun: Begun, visit: RequestIdentity) -> Outcome:
        configured = self._provider.configured
        claims = await self._provider.claims(code, begun, redirect_uri=self._redirect_uri)
        arrival = Arrival(
            issuer=configured.issuer,
            provider=configured.name,
            profile=profile_of(claims, issuer=configured.issuer, groups_claim=configured.groups_claim),
            digest=begun.digest,
            expires_at=begun.expires_at,
            invitation=begun.invitation,
        )
        try:
            await visit.sign_in_from_provider(arrival)
        except AlreadyCompleted:
            return self._page(pages.OVER, 400)
        except LinkNotValid:
            return self._page(pages.LINK_NOT_VALID, 403, None)
        except NotAdmitted as refusal:
            page = self._pages.not_admitted(refusal.message, ask_operator=refusal.is_for_operator)
            return Outcome(page=page, status=403)
        return Outcome(back=begun.back)

    def _page(self, sentence: str, status: int, begun: Begun | None = None, *, log: str | None = None) -> Outcome:
        back = "/" if begun is None else begun.back
        page = self._pages.failure(FAILED, sentence, back=back, ask_operator=log is not None)
        return Outcome(page=page, status=status, log=log)
