"""Header fields: what is sent to Keydesk, and what is removed from the requests of callers."""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import quote

HeaderLine = tuple[bytes, bytes]

CREDENTIALS = (b"authorization", b"x-api-key")
"""All values that a caller sent are passed on, so that Keydesk judges repeated and conflicting ones."""
USER_AGENT = b"user-agent"
USER_AGENT_BYTES_AT_MOST = 1024
"""As much as Keydesk reads."""
OURS = frozenset({b"x-agent-id", b"x-gateway-token"})
OURS_BEGIN = b"x-keydesk-"
FORWARDED = frozenset({b"forwarded", b"x-real-ip"})
FORWARDED_BEGIN = b"x-forwarded-"
EXTERNAL = "ext:"
NOT_SENDABLE = ord("?")
"""Stands for a byte that a header field cannot contain. No key and no id contains it."""


def without_forged(headers: Iterable[HeaderLine], *, keep_forwarded: bool = False) -> list[HeaderLine]:
    """The header fields of a caller without those that only a gateway may set."""
    return [line for line in headers if not _is_forged(line[0].lower(), keep_forwarded)]


def _is_forged(name: bytes, keep_forwarded: bool) -> bool:
    # Some servers treat an underscore like a hyphen.
    name = name.replace(b"_", b"-")
    if name in OURS or name.startswith(OURS_BEGIN):
        return True
    return not keep_forwarded and (name in FORWARDED or name.startswith(FORWARDED_BEGIN))


def credentials_of_key(key: str | None) -> list[HeaderLine]:
    """The field that carries a key. None for a blank key, as a caller without a key sends none."""
    return [(b"authorization", b"Bearer " + sendable(key))] if key and key.strip(" \t") else []


def credentials_of_request(headers: Iterable[HeaderLine]) -> list[HeaderLine]:
    """
    The fields of a request that may carry a key.

    The values of a repeated field become one (RFC 9110, section 5.3): Keydesk refuses both forms as malformed, but
    nginx, which may be in front of it, refuses a repeated Authorization with a 400 that says nothing to the caller.
    A Bearer comes first, so that Keydesk does not take the whole for another scheme, which is not its business.
    """
    lines = list(headers)
    found = []
    for field in CREDENTIALS:
        values = [cleaned for name, value in lines if name.lower() == field and (cleaned := _cleaned(value))]
        values.sort(key=lambda value: not value.lower().startswith(b"bearer"))
        if values:
            found.append((field, b", ".join(values)))
    return found


def user_agent_of_request(headers: Iterable[HeaderLine]) -> bytes:
    """The caller's user agent; empty if it sent none."""
    return next((_cleaned(value) for name, value in headers if name.lower() == USER_AGENT), b"")


def sent(
    credentials: Iterable[HeaderLine],
    *,
    agent: str | None,
    gateway_token: str | None,
    client_address: str | None,
    user_agent: bytes,
) -> list[HeaderLine]:
    """All fields of a verification."""
    lines = [*credentials, (USER_AGENT, user_agent[:USER_AGENT_BYTES_AT_MOST])]
    if agent is not None:
        lines.append((b"x-agent-id", sendable(agent)))
    if gateway_token is not None:
        lines.append((b"x-gateway-token", gateway_token.encode("latin-1")))
    return lines + ([] if client_address is None else _forwarding(client_address))


def _forwarding(client_address: str) -> list[HeaderLine]:
    """
    The caller's address in both fields, because Keydesk reads the one that its operator's proxies write.

    None if it is not an address, such as the path of a Unix socket.
    """
    try:
        address = ip_address(client_address.partition("%")[0])
    except ValueError:
        return []
    node = f'"[{address}]"' if address.version == 6 else str(address)  # RFC 7239, section 6
    return [(b"x-forwarded-for", str(address).encode()), (b"forwarded", f"for={node}".encode())]


def agent_field(agent: str) -> str:
    """
    The value of X-Agent-Id as it is sent: an id without spaces around it, an external id percent-encoded.

    An empty field counts as absent and would let every agent's key pass, so an empty id is sent as one that no agent
    has.
    """
    if agent.startswith(EXTERNAL):
        return EXTERNAL + quote(agent.removeprefix(EXTERNAL), safe="", errors="replace")
    return sendable(agent).decode("latin-1") or chr(NOT_SENDABLE)


def sendable(text: str) -> bytes:
    """The text as the value of a field, with `?` in place of what a field cannot contain."""
    return _cleaned(text.encode("latin-1", "replace"))


def _cleaned(value: bytes) -> bytes:
    return bytes(byte if byte >= 0x20 and byte != 0x7F else NOT_SENDABLE for byte in value.strip(b" \t"))
