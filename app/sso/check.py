"""Tries the identity provider for `keydesk sso check` and `keydesk doctor`: its documents, its keys, its clock."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app.doctor.finding import Finding
from app.outbound.client import Outbound, OutboundFailure
from app.settings import Settings
from app.sso.configuration import OpenIdConnect
from app.sso.documents import WELL_KNOWN, Metadata, fetch_keys, fetch_metadata
from keys.sign_in.passwords import PasswordUse
from keys.sso.tokens import LEEWAY

CHECK = "single sign-on"


async def provider_findings(settings: Settings, *, clock: Callable[[], datetime]) -> list[Finding]:
    """The findings, in the order in which problems should be solved; none if there is no provider."""
    if faults := settings.faults():
        return [Finding(CHECK, False, fault) for fault in faults]
    provider = settings.provider
    if provider is None:
        return []
    outbound = Outbound()
    try:
        return await _findings(provider, settings, outbound, clock)
    finally:
        await outbound.close()


async def _findings(
    provider: OpenIdConnect, settings: Settings, outbound: Outbound, clock: Callable[[], datetime]
) -> list[Finding]:
    try:
        metadata = await fetch_metadata(outbound, provider.issuer)
    except OutboundFailure as failure:
        return [Finding(CHECK, False, f"the discovery document of {provider.issuer} can't be used: {failure}")]
    found = [Finding(CHECK, True, f"{provider.name}: the discovery document of {provider.issuer} can be used")]
    try:
        keys = await fetch_keys(outbound, metadata.jwks_uri)
        found.append(Finding(CHECK, True, f"keys that can verify a signature: {len(keys.keys)}"))
    except OutboundFailure as failure:
        found.append(Finding(CHECK, False, f"the keys at {metadata.jwks_uri} can't be used: {failure}"))
    found.append(await _clock(provider, outbound, clock))
    found += [Finding(CHECK, True, f"warning: {warning}") for warning in _warnings(metadata, settings)]
    return found


async def _clock(provider: OpenIdConnect, outbound: Outbound, clock: Callable[[], datetime]) -> Finding:
    """Compares the clocks by the header Date (RFC 9110, 6.6.1), which has seconds."""
    try:
        reply = await outbound.get(provider.issuer.rstrip("/") + WELL_KNOWN)
        theirs = parsedate_to_datetime(reply.headers["date"]).astimezone(UTC)
    except (OutboundFailure, KeyError, ValueError):
        return Finding(CHECK, True, "the provider does not say what time it is, so the clocks were not compared")
    apart = abs((clock() - theirs).total_seconds())
    if apart <= LEEWAY.total_seconds() / 2:
        return Finding(CHECK, True, "the provider's clock agrees with this machine's")
    is_ok = apart < LEEWAY.total_seconds()
    limit = LEEWAY.total_seconds()
    said = f"the provider's clock is {apart:.0f} s apart from this machine's; sign-ins fail at {limit:g} s"
    return Finding(CHECK, is_ok, f"{'warning: ' if is_ok else ''}{said}. Synchronize this machine's clock.")


def _warnings(metadata: Metadata, settings: Settings) -> list[str]:
    found = []
    if metadata.supports_pkce is False:
        found.append("the provider does not name S256 among its methods of PKCE; it should support it")
    if not metadata.logs_out:
        found.append("the provider can't end sessions here when people sign out there (no back-channel support)")
    if settings.passwords is PasswordUse.NOBODY:
        found.append(
            "KEYDESK_PASSWORDS=nobody: if the provider can't be reached, nobody can sign in. With break-glass, the "
            "people whom you mark could."
        )
    return found
