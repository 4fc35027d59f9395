"""The settings of the operator's language model: its address, its name and its key."""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from app.client_address import is_loopback
from app.outbound.client import Address
from app.setting_values import UnusableValue
from keys.token import Secret
from models.engine.url_text import is_host

URL_LENGTH_AT_MOST = 500
NAME_LENGTH_AT_MOST = 200
OWN_NETWORKS: tuple[IPv4Network | IPv6Network, ...] = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
"""Private networks. Link-local addresses, where clouds keep credentials, are not among them."""
_EXAMPLE = "Use the address before /chat/completions, such as https://models.example/v1."


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A server with the chat completions of OpenAI's protocol. `url` is the address before `/chat/completions`."""

    url: str
    model: str
    key: Secret | None = None


def model_url(text: str) -> str:
    """Parses the address of the server. Returns it without a slash at the end."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UnusableValue(f"its host or port can't be read. {_EXAMPLE}") from None
    if parts.scheme not in {"https", "http"} or not is_host(parts.hostname or "") or port == 0:
        raise UnusableValue(f"it must begin with https:// or http:// and a host. {_EXAMPLE}")
    if "@" in parts.netloc or parts.query or parts.fragment or not text.isascii() or " " in text:
        raise UnusableValue(f"remove users, spaces, and everything after ? or #. {_EXAMPLE}")
    if len(text) > URL_LENGTH_AT_MOST:
        raise UnusableValue(f"it is too long; use at most {URL_LENGTH_AT_MOST} characters.")
    if text.rstrip("/").endswith("/chat/completions"):
        raise UnusableValue("remove /chat/completions from the end. Keydesk adds it.")
    if parts.scheme == "http" and _is_outside(parts.hostname or ""):
        raise UnusableValue("http is only for a server on this machine or in a private network; use https.")
    return text.rstrip("/")


def model_name(text: str) -> str:
    """Parses the name of the model, as its server knows it."""
    if not text.isprintable() or len(text) > NAME_LENGTH_AT_MOST:
        raise UnusableValue(f"use the name that the server knows, of at most {NAME_LENGTH_AT_MOST} characters.")
    return text


def in_own_network(address: Address) -> bool:
    """The rule for http without TLS: this machine, and private networks."""
    return address.is_loopback or any(address in network for network in OWN_NETWORKS)


def faults(*, url: str | None, model: str | None, key: Secret | None) -> list[str]:
    """What is missing, or is there without use, if these settings are taken together."""
    if url is None and (model is not None or key is not None):
        return [
            "KEYDESK_ASSISTANT_MODEL_URL is not set, so the other settings of the assistant's model have no effect."
        ]
    if url is not None and model is None:
        return ["KEYDESK_ASSISTANT_MODEL is not set. Set it to the name of a model that the server has."]
    return []


def _is_outside(host: str) -> bool:
    """Whether the host is an address that http may not be used for. A name is looked at when it is connected to."""
    try:
        return not in_own_network(ip_address(host)) and not is_loopback(host)
    except ValueError:
        return False
