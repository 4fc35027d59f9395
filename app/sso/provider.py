"""
The identity provider, as Keydesk uses it: the address that people are sent to, the exchange of a code, and the check of
its tokens.
"""

import base64
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

from app.observability.paced_log import Paced, more_words
from app.outbound.client import Outbound, OutboundFailure
from app.sso.configuration import OpenIdConnect
from app.sso.documents import Metadata, fetch_keys, fetch_metadata, object_in, parsed
from app.sso.kept import Kept
from keys.sso.claims import completed, groups_in
from keys.sso.signatures import SignedToken, SigningKeys, UnknownKey, UnusableToken, verified
from keys.sso.state import Begun
from keys.sso.tokens import Expected, LogoutToken, id_token_claims, logout_token

logger = logging.getLogger("keydesk.sso")
KNOWN_ERRORS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
)
"""The errors of the token endpoint (RFC 6749, 5.2). Others are not repeated in the log."""


class CodeRefused(Exception):
    """The provider does not accept the code: it was used, is too old, or is made up."""


class Provider:
    """One identity provider. Raises OutboundFailure wherever it can't be reached, or answers what can't be used."""

    def __init__(self, configured: OpenIdConnect, outbound: Outbound, *, clock: Callable[[], datetime]) -> None:
        self.configured = configured
        self._outbound = outbound
        self._clock = clock
        self._paced = Paced(of_a_kind=10, in_all=10)
        self._metadata = Kept(lambda: fetch_metadata(outbound, configured.issuer), clock)
        self._keys = Kept(self._fetch_keys, clock)

    async def metadata(self) -> Metadata:
        """The discovery document."""
        return await self._metadata.get()

    async def authorization_url(self, begun: Begun, *, redirect_uri: str, asks_again: bool = False) -> str:
        """
        Where the browser is sent to sign in (OpenID Connect Core 1.0, 3.1.2.1).

        With `asks_again`, the provider asks who it is also if somebody is signed in there.
        """
        endpoint = (await self.metadata()).authorization_endpoint
        parameters = {
            "response_type": "code",
            "client_id": self.configured.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.configured.scopes),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
            **({"prompt": "login"} if asks_again else {}),
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"

    async def claims(self, code: str, begun: Begun, *, redirect_uri: str) -> Mapping[str, Any]:
        """
        Exchanges the code for an ID token, and returns its claims, which are checked. If it lacks the address or the
        groups, what the userinfo endpoint says is added.

        Raises CodeRefused and UnusableToken.
        """
        answer = await self._exchange(code, begun, redirect_uri)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise UnusableToken("the token endpoint's answer has no ID token")
        claims = id_token_claims(await self._verified(token), self._expected(), nonce=begun.nonce)
        has_all = "email" in claims and groups_in(claims, self.configured.groups_claim) is not None
        endpoint = None if has_all else (await self.metadata()).userinfo_endpoint
        if endpoint is None:
            return claims
        try:
            return completed(claims, await self._userinfo(endpoint, answer, claims["sub"]))
        except OutboundFailure as failure:
            # People whom Keydesk knows need nothing from there, and missing groups change nothing.
            left_out = self._paced.admits()
            if left_out is not None:
                logger.warning("The userinfo endpoint can't be used: %s%s", failure, more_words(left_out))
            return claims

    async def logout_token(self, token: str) -> LogoutToken:
        """What a logout token says. Raises UnusableToken."""
        return logout_token(await self._verified(token), self._expected())

    async def close(self) -> None:
        """Closes the connections."""
        await self._outbound.close()

    async def _verified(self, token: str) -> SignedToken:
        try:
            return verified(token, await self._keys.get())
        except UnknownKey:
            return verified(token, await self._keys.renewed())

    async def _fetch_keys(self) -> SigningKeys:
        return await fetch_keys(self._outbound, (await self.metadata()).jwks_uri)

    def _expected(self) -> Expected:
        return Expected(self.configured.issuer, self.configured.client_id, self._clock())

    async def _userinfo(self, endpoint: str, answer: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        """What the userinfo endpoint says of the same person (OpenID Connect Core 1.0, 5.3)."""
        access_token = answer.get("access_token")
        if not isinstance(access_token, str):
            return {}
        reply = await self._outbound.get(endpoint, {"Authorization": f"Bearer {access_token}"})
        claims = object_in(reply)
        if claims.get("sub") != subject:
            raise UnusableToken("the userinfo endpoint speaks of somebody else than the ID token")
        return claims

    async def _exchange(self, code: str, begun: Begun, redirect_uri: str) -> Mapping[str, Any]:
        """The answer of the token endpoint for the code (RFC 6749, 4.1.3)."""
        metadata = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": begun.verifier.reveal(),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        client_id, secret = self.configured.client_id, self.configured.client_secret
        if secret is not None and metadata.authenticates_by_basic:
            # Both are encoded before they are joined (RFC 6749, 2.3.1).
            pair = f"{quote_plus(client_id)}:{quote_plus(secret.reveal())}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = client_id
            if secret is not None:
                form["client_secret"] = secret.reveal()
        reply = await self._outbound.post(metadata.token_endpoint, urlencode(form).encode(), headers)
        if reply.status in (400, 401):
            error = parsed(reply).get("error")
            if error == "invalid_grant":
                raise CodeRefused
            shown = error if isinstance(error, str) and error in KNOWN_ERRORS else "an error that is not in RFC 6749"
            raise OutboundFailure(f"the token endpoint answered {shown}")
        return object_in(reply)
