"""Reads the address of a database, and refuses one that a driver would misread or fail on later."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy.engine import URL, make_url

from models.engine.url_text import ESCAPES, PORT_AT_MOST, is_host, is_port

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
DRIVERS = {SQLITE: "sqlite+aiosqlite", POSTGRESQL: "postgresql+asyncpg"}
OPTIONS = {SQLITE: frozenset[str](), POSTGRESQL: frozenset({"ssl", "host", "port"})}
"""
The options that a database's URL may have: `ssl=require`, or `host=/var/run/postgresql` for a socket.

Several hosts are stored as an option, too, in the form that SQLAlchemy reads: `host=one:5432&host=two:5432`.
"""
HOSTS_AT_MOST = 8
PORT = 5432
"""The port of a host among several, if the URL names none."""
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
UNREADABLE = f"it is not a valid URL such as postgresql+asyncpg://user:password@host/name. {ESCAPES}"
TWICE = "the host or port is there twice: before and after the question mark"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEVERAL_HOSTS = re.compile(r"([\w+]*://(?:[^/?#]*@)?)([^/?#@]*,[^/?#@]*)((?:[/?#].*)?)", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(\[[^]]*\]|[^:\[\]]*)(?::([^:]*))?")
_NOT_IN_A_NAME = re.compile(r"[@/?#:]")
"""If the name of a PostgreSQL database has one of these characters, the URL was split in the wrong place."""


class UnsupportedDatabase(ValueError):
    """The address can't be used. The message holds nothing of it but the driver's or an option's name."""


class Host(NamedTuple):
    """Where a PostgreSQL server listens. `name` is a host, an address without brackets, or the folder of a socket."""

    name: str | None
    port: int | None

    def __str__(self) -> str:
        name = self.name or "localhost"
        return f"{f'[{name}]' if ':' in name else name}:{self.port or PORT}"


def hosts_of(url: URL) -> tuple[Host, ...]:
    """The servers in a URL that `database_url` has returned; a single one may have neither name nor port."""
    several = url.query.get("host")
    if isinstance(several, tuple):
        return tuple(map(_host, several))
    port = url.query.get("port")
    return (Host(several or url.host, int(port) if isinstance(port, str) else url.port),)


def database_url(address: str) -> URL:
    """Reads a database's address, and adds the async driver's name if it was left out. Raises UnsupportedDatabase."""
    several: tuple[str, ...] = ()
    if found := _SEVERAL_HOSTS.fullmatch(address):
        address, several = found[1] + found[3], tuple(found[2].split(","))
    try:
        url = make_url(address)
    except Exception:
        raise UnsupportedDatabase(UNREADABLE) from None
    if several:
        url = _with_hosts(url, several)
    if any(_CONTROL.search(part or "") for part in (address, url.username, url.password, url.database)):
        raise UnsupportedDatabase("it contains a line break or another control character")
    if url.drivername == "postgres":
        url = url.set(drivername=POSTGRESQL)
    if url.drivername in DRIVERS:
        url = url.set(drivername=DRIVERS[url.drivername])
    if url.drivername not in DRIVERS.values():
        raise UnsupportedDatabase(f"{url.drivername[:40]} is not one of {', '.join(DRIVERS.values())}")
    if url.drivername == DRIVERS[SQLITE]:
        _check_file(url)
        return url.set(query=_options(url, SQLITE))
    options = _options(url, POSTGRESQL)
    _check_server(url, options)
    return url.set(query=options)


def _check_file(url: URL) -> None:
    if url.host or url.username is not None or url.port is not None:
        raise UnsupportedDatabase(
            "write SQLite's file after three slashes, as in sqlite:///data/keydesk.db, or four for an absolute path"
        )
    if url.database in (None, "", ":memory:"):
        raise UnsupportedDatabase("SQLite needs a file: several connections share the database")


def _with_hosts(url: URL, several: tuple[str, ...]) -> URL:
    """The URL with these hosts, each with its port. Raises UnsupportedDatabase."""
    if url.host or url.port is not None or "host" in url.query or "port" in url.query:
        raise UnsupportedDatabase(TWICE)
    hosts = [_host(text) for text in several]
    if len(hosts) > HOSTS_AT_MOST or len(set(hosts)) < len(hosts):
        raise UnsupportedDatabase(f"it must have at most {HOSTS_AT_MOST} hosts, and each of them once")
    return url.update_query_dict({"host": [str(host) for host in hosts]})


def _with_listed_hosts(url: URL) -> URL:
    """Reads the form of libpq, `host=one,two&port=5432,5433`: one port for each host, one for all, or none."""
    host, port = url.query.get("host"), url.query.get("port")
    if isinstance(host, tuple):  # as this module writes several hosts
        return _with_hosts(url.difference_update_query(["host"]), host)
    if host is None or "," not in host or isinstance(port, tuple):
        return url
    names, ports = host.split(","), (port or str(PORT)).split(",")
    if len(ports) not in (1, len(names)):
        raise UnsupportedDatabase("the option port must have one port for each host, or one for all")
    each = zip(names, ports * len(names) if len(ports) == 1 else ports, strict=True)
    several = tuple(f"[{name}]:{port}" if ":" in name else f"{name}:{port or PORT}" for name, port in each)
    return _with_hosts(url.difference_update_query(["host", "port"]), several)


def _host(text: str) -> Host:
    """Reads one host of several. Raises UnsupportedDatabase."""
    parts = _HOST_AND_PORT.fullmatch(text)
    name = "" if parts is None else parts[1].removeprefix("[").removesuffix("]")
    if parts is None or not (name.startswith("/") or is_host(name)) or (":" in name) != parts[1].startswith("["):
        raise UnsupportedDatabase(f"one of its hosts is not a valid host name or IP address. {ESCAPES}")
    if parts[2] is not None and not is_port(parts[2]):
        raise UnsupportedDatabase(f"the port of one of its hosts is not a number from 1 to {PORT_AT_MOST}. {ESCAPES}")
    return Host(name, int(parts[2] or PORT))


def _options(url: URL, backend: str) -> Mapping[str, str | tuple[str, ...]]:
    """The options in the URL. `sslmode`, the name that libpq and many providers use, becomes the driver's `ssl`."""
    known = OPTIONS[backend]
    read: dict[str, str | tuple[str, ...]] = {}
    if any("@" in text for item in url.query.items() for part in item for text in part):
        raise UnsupportedDatabase(UNREADABLE)  # what looks like an option may be the rest of a password
    for name, value in _with_listed_hosts(url).query.items():
        key = "ssl" if name == "sslmode" else name
        if key not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UnsupportedDatabase(f"{name[:40]!r} is not a known option (known: {names})")
        if not (isinstance(value, str) or key == "host") or key in read:
            raise UnsupportedDatabase(f"the option {name} is there twice; remove one")
        read[key] = value
    return read


def _check_server(url: URL, options: Mapping[str, str | tuple[str, ...]]) -> None:
    if ("host" in options and url.host) or ("port" in options and url.port is not None):
        raise UnsupportedDatabase(TWICE)
    socket_or_host = options.get("host", "")
    if isinstance(socket_or_host, str) and not (socket_or_host.startswith("/") or is_host(socket_or_host or "h")):
        raise UnsupportedDatabase(
            "the option host must be host names, or the folder of a socket such as /run/postgresql"
        )
    if url.host and not is_host(url.host):
        raise UnsupportedDatabase(f"the host is not a valid host name or IP address. {ESCAPES}")
    if not (url.port is None or 1 <= url.port <= PORT_AT_MOST) or not is_port(str(options.get("port", "1"))):
        raise UnsupportedDatabase(f"its port is not a number from 1 to {PORT_AT_MOST}. {ESCAPES}")
    if _NOT_IN_A_NAME.search(url.database or ""):
        raise UnsupportedDatabase(f"the name of the database contains a character that is not allowed. {ESCAPES}")
    if not url.database:
        raise UnsupportedDatabase(
            "it has no database name. Add the name at the end, as in postgresql+asyncpg://host/name"
        )
    if options.get("ssl", "require") not in SSL_MODES:
        raise UnsupportedDatabase(f"sslmode must be one of {', '.join(SSL_MODES)}")
