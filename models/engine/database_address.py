"""Reads the address of a database, and refuses one that a driver would misread or fail on later."""

import re
from collections.abc import Mapping

from sqlalchemy.engine import URL, make_url

from models.engine.url_text import ESCAPES, PORT_AT_MOST, is_host, is_port

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
DRIVERS = {SQLITE: "sqlite+aiosqlite", POSTGRESQL: "postgresql+asyncpg"}
OPTIONS = {SQLITE: frozenset[str](), POSTGRESQL: frozenset({"ssl", "host", "port"})}
"""The options that a database's URL may have: `ssl=require`, or `host=/var/run/postgresql` for a socket."""
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
UNREADABLE = f"it is not a valid URL such as postgresql+asyncpg://user:password@host/name. {ESCAPES}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_A_NAME = re.compile(r"[@/?#:]")
"""If the name of a PostgreSQL database has one of these characters, the URL was split in the wrong place."""


class UnsupportedDatabase(ValueError):
    """The address can't be used. The message holds nothing of it but the driver's or an option's name."""


def database_url(address: str) -> URL:
    """Reads a database's address, and adds the async driver's name if it was left out. Raises UnsupportedDatabase."""
    try:
        url = make_url(address)
    except Exception:
        raise UnsupportedDatabase(UNREADABLE) from None
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


def _options(url: URL, backend: str) -> Mapping[str, str]:
    """The options in the URL. `sslmode`, the name that libpq and many providers use, becomes the driver's `ssl`."""
    known, read = OPTIONS[backend], {}
    if any("@" in text for item in url.query.items() for part in item for text in part):
        raise UnsupportedDatabase(UNREADABLE)  # what looks like an option may be the rest of a password
    for name, value in url.query.items():
        key = "ssl" if name == "sslmode" else name
        if key not in known:
            names = ", ".join(sorted(known)) or "none"
            raise UnsupportedDatabase(f"{name[:40]!r} is not a known option (known: {names})")
        if not isinstance(value, str) or key in read:
            raise UnsupportedDatabase(f"the option {name} is there twice; remove one")
        read[key] = value
    return read


def _check_server(url: URL, options: Mapping[str, str]) -> None:
    if ("host" in options and url.host) or ("port" in options and url.port is not None):
        raise UnsupportedDatabase("the host or port is there twice: before and after the question mark")
    socket_or_host = options.get("host", "")
    if socket_or_host and not socket_or_host.startswith("/") and not is_host(socket_or_host):
        raise UnsupportedDatabase(
            "the option host must be one host name, or the folder of a socket such as /run/postgresql"
        )
    if url.host and "," in url.host:
        raise UnsupportedDatabase("it has several hosts. Use only the primary's")
    if url.host and not is_host(url.host):
        raise UnsupportedDatabase(f"the host is not a valid host name or IP address. {ESCAPES}")
    if not (url.port is None or 1 <= url.port <= PORT_AT_MOST) or not is_port(options.get("port", "1")):
        raise UnsupportedDatabase(f"its port is not a number from 1 to {PORT_AT_MOST}. {ESCAPES}")
    if _NOT_IN_A_NAME.search(url.database or ""):
        raise UnsupportedDatabase(f"the name of the database contains a character that is not allowed. {ESCAPES}")
    if not url.database:
        raise UnsupportedDatabase(
            "it has no database name. Add the name at the end, as in postgresql+asyncpg://host/name"
        )
    if options.get("ssl", "require") not in SSL_MODES:
        raise UnsupportedDatabase(f"sslmode must be one of {', '.join(SSL_MODES)}")
