"""
Parses the address of a Redis that sentinels watch:
`redis+sentinel://user:password@host1:26379,host2:26379/SERVICE/DATABASE`.

User and password are those of Redis. The sentinels' own are options: `?sentinel_username=…&sentinel_password=…`.
`rediss+sentinel://` uses TLS, to the sentinels as well as to Redis.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from keys.token import Secret
from models.engine.url_text import ESCAPES, is_host, is_port

PLAIN, TLS = SCHEMES = ("redis+sentinel", "rediss+sentinel")
DEFAULT_PORT = 26_379
DATABASE_AT_MOST = 99_999
OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname"})
EXAMPLE = "redis+sentinel://user:password@host1:26379,host2:26379/SERVICE/0"


class UnusableSentinelUrl(ValueError):
    """An address is not valid. The message says why and what to do, and repeats no part of the address."""


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """The parts of the address. `service` is the name of the primary in the sentinels' configuration."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: Secret | None
    sentinel_username: str | None
    sentinel_password: Secret | None
    tls: Mapping[str, str] | None = field(default=None)
    """The options that begin with `ssl_`; None without TLS."""


def is_sentinel_url(text: str) -> bool:
    """Whether the address names sentinels."""
    return text.partition(":")[0].lower() in SCHEMES


def parse_sentinel_url(text: str) -> SentinelUrl:
    """Returns the parts of the address. Raises UnusableSentinelUrl."""
    try:
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise UnusableSentinelUrl(f"use a URL such as {EXAMPLE}. {ESCAPES}.") from None
    if parts.scheme not in SCHEMES or not text.startswith(f"{parts.scheme}://"):
        raise UnusableSentinelUrl(f"use a URL such as {EXAMPLE}, or rediss+sentinel:// for TLS.")
    if parts.fragment or "@" in parts.path + parts.query:
        raise UnusableSentinelUrl(f"use a URL such as {EXAMPLE}. {ESCAPES}.")
    is_tls = parts.scheme == TLS
    if options.keys() - (OPTIONS | (TLS_OPTIONS if is_tls else frozenset())):
        raise UnusableSentinelUrl(
            "after the question mark, the allowed options are sentinel_username, sentinel_password and, with "
            "rediss+sentinel://, options that begin with ssl_."
        )
    account, at, hosts = parts.netloc.rpartition("@")
    username, _, password = account.partition(":")
    service, database = _service(parts.path)
    return SentinelUrl(
        sentinels=tuple(dict.fromkeys(_address(each) for each in hosts.split(","))),
        service=service,
        database=database,
        username=unquote(username) or None if at else None,
        password=_secret(unquote(password)),
        sentinel_username=options.get("sentinel_username") or None,
        sentinel_password=_secret(options.get("sentinel_password", "")),
        tls={name: value for name, value in options.items() if name in TLS_OPTIONS} if is_tls else None,
    )


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(DEFAULT_PORT)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1] if ":" in host else ""
    elif ":" in host:
        host = ""
    if not is_host(host) or not is_port(port):
        raise UnusableSentinelUrl(
            f"a sentinel's host or port is not valid. Separate sentinels by commas, as in {EXAMPLE}. {ESCAPES}."
        )
    return host, int(port)


def _service(path: str) -> tuple[str, int]:
    service, _, database = path.removeprefix("/").partition("/")
    service = unquote(service)
    if not service or not service.isprintable() or " " in service:
        raise UnusableSentinelUrl(
            "after the sentinels, write the name that they have for the primary (in their configuration: sentinel "
            f"monitor NAME), as in {EXAMPLE}."
        )
    if database and not (database.isascii() and database.isdigit() and int(database[:9]) <= DATABASE_AT_MOST):
        raise UnusableSentinelUrl(f"after the service's name, only a database number can follow, as in {EXAMPLE}.")
    return service, int(database[:9] or 0)
