"""Parses the value of each kind of setting. Error messages say what is wrong, and never repeat the value."""

import ipaddress
import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from app.client_address import Network, is_loopback
from app.mail.server import MailServer, UnusableMailServer, mail_server
from app.pages.logo import Logo, UnusableLogo, read_logo
from keys.limits.sentinel_url import (
    DATABASE_AT_MOST,
    TLS_OPTIONS,
    UnusableSentinelUrl,
    is_sentinel_url,
    parse_sentinel_url,
)
from keys.sign_in.email_address import header_address
from keys.text import is_unprintable, visible
from keys.token import Secret, ServerKeys, valid_prefix
from models.engine.database_address import UnsupportedDatabase, database_url
from models.engine.url_text import ESCAPES, PORT_AT_MOST, is_host
from models.person import EMAIL_LENGTH_AT_MOST

SERVER_KEY_BYTES_AT_LEAST = 32
DIFFERENT_BYTES_AT_LEAST = 8
"""A random key of 32 bytes in hexadecimal digits has fewer different characters about once in a billion."""
REPEATED_BYTES_AT_LEAST = 16
"""A key that repeats a part shorter than this counts as a pattern that somebody typed."""
PLACEHOLDERS = (b"changeme", b"change-me", b"change_me", b"replaceme", b"replace-me", b"replace_me", b"placeholder")
WHOLE_AT_MOST = 2**31 - 1
AUDIT_DAYS_AT_MOST = 36_500
DRAIN_SECONDS_AT_MOST = 600
INVITATION_HOURS_AT_MOST = 24 * 90
BRAND_LENGTH_AT_MOST = 40
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
DEFAULT_PORTS = {"http": 80, "https": 443}
HOW_TO_MAKE_A_KEY = "Create one with: openssl rand -hex 32"


class UnusableValue(ValueError):
    """A value is not valid. The message says why and what to do, and repeats no part of the value."""


def server_keys(text: str) -> ServerKeys:
    """Parses server keys, separated by commas: each at least 32 bytes, none twice."""
    keys = [part.encode() for part in items(text)]
    if not keys or any(len(key) < SERVER_KEY_BYTES_AT_LEAST for key in keys):
        raise UnusableValue(f"every key needs at least {SERVER_KEY_BYTES_AT_LEAST} bytes. {HOW_TO_MAKE_A_KEY}")
    if len(set(keys)) != len(keys):
        raise UnusableValue("the same key is there twice; remove one.")
    return ServerKeys(tuple(keys))


def server_key_warning(text: str) -> str | None:
    """
    A warning if the server key that signs is a pattern or a placeholder, else None.

    It does not prevent the start, because an installation with such a key must go on working until the key is replaced.
    The other keys only verify and get no warning.
    """
    key = items(text)[0].encode()
    if not _is_guessable(key):
        return None
    return (
        "the first server key is a pattern or a placeholder, so it can be guessed. Put a new one in front, as NEW,OLD, "
        f"so that issued keys stay valid. {HOW_TO_MAKE_A_KEY}"
    )


def _is_guessable(key: bytes) -> bool:
    return (
        len(set(key)) < DIFFERENT_BYTES_AT_LEAST
        or any(word in key.lower() for word in PLACEHOLDERS)
        or any(key[length:] == key[:-length] for length in range(1, REPEATED_BYTES_AT_LEAST))
    )


def database(text: str) -> str:
    """Parses the URL of a database. Returns it with the name of the driver."""
    try:
        return database_url(text).render_as_string(hide_password=False)
    except UnsupportedDatabase as error:
        raise UnusableValue(f"{error}.") from None


def redis(text: str) -> Secret:
    """
    Parses the URL of a Redis server.

    Only known parts and options are accepted, because the client library ignores what it can't parse (`/five` becomes
    database 0) and takes any option as an argument of its own.
    """
    if is_sentinel_url(text):
        try:
            parse_sentinel_url(text)
        except UnusableSentinelUrl as error:
            raise UnusableValue(str(error)) from None
        return Secret(text)
    example = "use a URL such as redis://user:password@host:6379/0"
    try:
        parts = urlsplit(text)
        _ = parts.port
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise UnusableValue(f"{example}. {ESCAPES}.") from None
    if parts.scheme not in {"redis", "rediss", "unix"} or not text.startswith(f"{parts.scheme}://"):
        raise UnusableValue(
            f"{example}, or rediss:// for TLS, unix:///path for a socket, or redis+sentinel:// for sentinels."
        )
    if parts.fragment or "@" in parts.path + parts.query or parts.port == 0:
        raise UnusableValue(f"{example}. {ESCAPES}.")
    database = options.pop("db", None)
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise UnusableValue("after unix://, give the path of the socket, as in unix:///run/redis/redis.sock.")
    else:
        if not is_host(parts.hostname or ""):
            raise UnusableValue(f"the host is not a valid host name or IP address; {example}. {ESCAPES}.")
        if (in_path := unquote(parts.path).removeprefix("/")) and database is not None:
            raise UnusableValue("the database number is there twice: in the path, and in the option db.")
        database = in_path or database
    if database and not (database.isascii() and database.isdigit() and int(database[:9]) <= DATABASE_AT_MOST):
        raise UnusableValue("the path after the host must be a database number, such as 0.")
    if options.keys() - (TLS_OPTIONS if parts.scheme == "rediss" else set()):
        raise UnusableValue(
            "after the question mark, the allowed options are db and, with rediss://, options that begin with ssl_."
        )
    return Secret(text)


def token(text: str) -> Secret:
    """Parses a token that is sent in a header: printable ASCII."""
    if not text.isascii() or not text.isprintable():
        raise UnusableValue(f"it can't be sent in a header. Use letters and digits. {HOW_TO_MAKE_A_KEY}")
    return Secret(text)


def items(text: str) -> list[str]:
    """Splits a list at its commas; empty parts are left out."""
    return [part.strip() for part in text.split(",") if part.strip()]


def whole(text: str, *, at_least: int = 1, at_most: int = WHOLE_AT_MOST) -> int:
    """Parses a whole number from `at_least` to `at_most`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and at_least <= int(text) <= at_most):
        raise UnusableValue(f"use a whole number from {at_least} to {at_most}.")
    return int(text)


def boolean(text: str) -> bool:
    """Parses true or false; also yes or no, and 1 or 0."""
    if text.lower() not in {"true", "false", "1", "0", "yes", "no"}:
        raise UnusableValue("use true or false.")
    return text.lower() in {"true", "1", "yes"}


def choice(text: str, choices: tuple[str, ...]) -> str:
    """Parses one of several words, in any case. Returns it in lower case."""
    if text.lower() not in choices:
        raise UnusableValue(f"use one of {', '.join(choices)}.")
    return text.lower()


def origin(text: str) -> str:
    """
    Parses an http or https URL without a path.

    Returns it as browsers write it in the Origin header: in lower case, without a default port.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UnusableValue(f"its host or port can't be read (ports are 1 to {PORT_AT_MOST}). {_AN_ORIGIN}") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.netloc:
        raise UnusableValue(f"it must begin with https:// or http://. {_AN_ORIGIN}")
    if "@" in parts.netloc:
        raise UnusableValue(f"remove the user and password. {_AN_ORIGIN}")
    if not parts.netloc.isascii() or any(character.isspace() for character in parts.netloc):
        raise UnusableValue("write the host in ASCII, without spaces; a name such as bücher.example is xn--….")
    if "*" in parts.netloc:
        raise UnusableValue(f"* is not allowed: write each origin in full. {_AN_ORIGIN}")
    if port == 0 or not is_host(parts.hostname or ""):
        raise UnusableValue(f"its host is not a valid host name or IP address, or its port is 0. {_AN_ORIGIN}")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise UnusableValue("remove the path; Keydesk is served at the root of its host.")
    hostname = parts.hostname or ""
    host = f"[{hostname}]" if ":" in hostname else hostname
    return f"{parts.scheme}://{host}" + ("" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}")


def return_origin(text: str) -> str:
    """Parses an origin that people's browsers are sent to: https, or http on this machine."""
    parsed = origin(text)
    if parsed.startswith("http://") and not is_loopback(urlsplit(parsed).hostname or ""):
        raise UnusableValue(
            "use https://; http:// is for products on this machine only, such as http://127.0.0.1:3000."
        )
    return parsed


_AN_ORIGIN = "Use an address such as https://keys.example."


def prefixes(text: str) -> tuple[str, ...]:
    """Parses the prefixes of API keys, separated by commas. Duplicates are dropped."""
    found = tuple(dict.fromkeys(items(text)))
    if not found or not all(valid_prefix(prefix) for prefix in found):
        raise UnusableValue("use 1 to 12 lowercase letters and digits; the first must be a letter.")
    return found


def path(text: str) -> str:
    """Parses the path of a file or folder. A slash at the end, which makes it a folder, stays."""
    if "://" in text:
        raise UnusableValue("use the path of a file or folder, such as /var/lib/keydesk/revocations/.")
    return text


def network(text: str) -> Network:
    """Parses an IP address or a network."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UnusableValue("use addresses or networks such as 10.0.0.0/8.") from None


def email(text: str) -> str:
    """Parses an e-mail address, in ASCII, that a mail header can contain."""
    address = header_address(text)
    if (
        address is None
        or not address.username
        or not address.domain
        or not text.isascii()
        or len(text) > EMAIL_LENGTH_AT_MOST
    ):
        raise UnusableValue("use one address such as support@example.com, in ASCII.")
    return address.addr_spec


def brand(text: str) -> str:
    """Parses the name of the product, which is shown to people."""
    name = text.strip()
    if len(name) > BRAND_LENGTH_AT_MOST or any(map(is_unprintable, name)) or not visible(name).strip():
        raise UnusableValue(f"use a name of at most {BRAND_LENGTH_AT_MOST} visible characters.")
    return name


def color(text: str) -> str:
    """Parses a color. Returns it in lower case."""
    if not _COLOR.fullmatch(text):
        raise UnusableValue("use a color as #rrggbb, such as #0b57d0.")
    return text.lower()


def logo(text: str) -> Logo:
    """Reads the file of a logo."""
    try:
        return read_logo(Path(text))
    except UnusableLogo as error:
        raise UnusableValue(str(error)) from None


def smtp(text: str) -> MailServer:
    """Parses the URL of a mail server."""
    try:
        return mail_server(text)
    except UnusableMailServer as error:
        raise UnusableValue(f"{str(error).rstrip('.')}.") from None
