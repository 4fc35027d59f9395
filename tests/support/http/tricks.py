"""
Requests by which one client of a proxy may try to interfere with another's: their pieces, as they are sent.

A trick whose end is unambiguous hides SMUGGLED in its body. Nobody may read it as a request: the server would count a
malformed key. A trick that two servers may read in two ways hides OWN instead, which is only a request without a key:
if the proxy reads it as the next request of the same client, nobody is harmed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

SMUGGLED = b"GET /v1/verify/smuggled HTTP/1.1\r\nHost: x\r\nX-API-Key: smuggled\r\n\r\n"
SWALLOWING = b"GET /v1/verify/smuggled HTTP/1.1\r\nHost: x\r\nX-API-Key: smuggled\r\nX-Swallowed: "
"""The next bytes on the connection become its last header."""
HOLDING = b"POST /v1/verify/smuggled HTTP/1.1\r\nHost: x\r\nX-API-Key: smuggled\r\nContent-Length: 900\r\n\r\n"
"""The next bytes on the connection become its body."""
OWN = b"GET /v1/verify/own HTTP/1.1\r\nHost: x\r\n\r\n"
END = b"\r\n"
PADDING = END * 20_000
"""Empty lines before a request are skipped; these fill several packets, so that the request has one of its own."""
TOO_MUCH = b" " * 300_000
"""More than the GraphQL endpoint reads of a body."""
SETTINGS = "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"
"""As Java's HttpClient sends it."""


class Pause:
    """The client waits a moment, so that the previous piece arrives separately."""


class Reset:
    """The client resets the connection."""


class Answered:
    """The client waits for an answer."""


Step = bytes | type[Pause] | type[Reset] | type[Answered]


@dataclass(frozen=True, slots=True)
class Trick:
    """A name, the pieces, and the largest number of the client's own requests in them."""

    name: str
    steps: Sequence[Step]
    answers_at_most: int = 1

    def __str__(self) -> str:
        return self.name


def head(method: str, target: str, *lines: str, version: str = "HTTP/1.1") -> bytes:
    """The head of a request."""
    return "\r\n".join((f"{method} {target} {version}", "Host: keys.example", *lines, "", "")).encode("latin-1")


def post(*lines: str, length: int | None = None, target: str = "/v1/verify", method: str = "POST") -> bytes:
    """The head of a POST request with a body of this length."""
    return head(method, target, *lines, *([] if length is None else [f"Content-Length: {length}"]))


def chunks(*parts: bytes, trailers: bytes = b"", extension: bytes = b"") -> bytes:
    """A chunked body."""
    each = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    return each + b"0\r\n" + trailers + b"\r\n"


UPGRADES: Final = {
    "upgrade to foo": ("Connection: Upgrade", "Upgrade: foo"),
    "upgrade to websocket": (
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    "upgrade to h2c": ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", SETTINGS),
    "upgrade that Connection does not name": ("Upgrade: foo",),
    "upgrade and close": ("Connection: close, Upgrade", "Upgrade: foo"),
}


def with_body(
    name: str, *lines: str, body: bytes = SMUGGLED, target: str = "/v1/verify", method: str = "POST"
) -> Trick:
    """A body of known length, in a packet of its own."""
    return Trick(name, (post(*lines, length=len(body), target=target, method=method), Pause, body))


def upgrades() -> list[Trick]:
    """Upgrade requests, with and without a body."""
    found = []
    for name, lines in UPGRADES.items():
        found += [
            with_body(f"{name}, body", *lines),
            with_body(f"{name}, body padded", *lines, body=PADDING + SMUGGLED),
            with_body(f"{name}, body swallows", *lines, body=PADDING + SWALLOWING),
            with_body(f"{name}, body holds", *lines, body=PADDING + HOLDING),
            with_body(f"{name}, GraphQL", "Content-Type: application/json", *lines, target="/graphql"),
            with_body(f"{name}, GET with a body", *lines, method="GET"),
            Trick(f"{name}, one packet", (post(*lines, length=len(SMUGGLED)) + SMUGGLED,)),
            Trick(
                f"{name}, in chunks",
                (post(*lines, "Transfer-Encoding: chunked"), Pause, chunks(SMUGGLED, trailers=b"X-Trailer: a\r\n")),
            ),
            Trick(f"{name}, without a body", (post(*lines, method="GET"),)),
            Trick(f"{name}, then a request", (post(*lines, method="GET"), Pause, OWN), answers_at_most=2),
        ]
    return found


def connects() -> list[Trick]:
    """CONNECT: the bytes that follow belong to a tunnel, or to the next request."""
    return [
        Trick("CONNECT", (head("CONNECT", "keys.example:80"), Pause, OWN), answers_at_most=2),
        Trick("CONNECT with a path", (head("CONNECT", "/v1/verify"), Pause, OWN), answers_at_most=2),
        Trick(
            "CONNECT with a body",
            (post(length=len(OWN), target="keys.example:80", method="CONNECT"), Pause, OWN),
            answers_at_most=2,
        ),
    ]


EXPECT = "Expect: 100-continue"


def expectations() -> list[Trick]:
    """Requests with `Expect: 100-continue`."""
    whole = post(EXPECT, length=len(SMUGGLED))
    json = post(EXPECT, "Content-Type: application/json", length=len(SMUGGLED), target="/graphql")
    return [
        Trick("Expect, body at once", (whole + SMUGGLED,)),
        Trick("Expect, body later", (whole, Pause, SMUGGLED)),
        Trick("Expect, body after the answer", (whole, Answered, SMUGGLED)),
        Trick("Expect, no body", (whole, Answered)),
        Trick("Expect, no body, reset", (whole, Pause, Reset)),
        Trick("Expect, GraphQL", (json, Pause, SMUGGLED)),
        Trick("Expect, GraphQL, no body, reset", (json, Pause, Reset)),
        Trick("Expect in chunks", (post(EXPECT, "Transfer-Encoding: chunked"), Answered, chunks(SMUGGLED))),
        with_body("Expect of something else", "Expect: miracles"),
        with_body("Expect and upgrade", EXPECT, *UPGRADES["upgrade to foo"]),
    ]


CHUNKED = "Transfer-Encoding: chunked"


def bodies() -> list[Trick]:
    """Bodies whose end is unambiguous, most of them unread when the answer arrives."""
    trailer = b"X-API-Key: smuggled\r\nContent-Length: 5\r\n"
    return [
        with_body("401, body"),
        with_body("401, long body", body=PADDING + SMUGGLED),
        with_body("401, body swallows", body=SWALLOWING),
        with_body("405, body", method="PUT", target="/graphql"),
        with_body("405, GET with a body", method="GET", target="/graphql"),
        with_body("405, long body", method="PUT", target="/graphql", body=PADDING + SMUGGLED),
        with_body("413", "Content-Type: application/json", target="/graphql", body=TOO_MUCH + SMUGGLED),
        with_body("415", "Content-Type: text/plain", target="/graphql"),
        with_body("415, long body", "Content-Type: text/plain", target="/graphql", body=PADDING + SMUGGLED),
        with_body("400, no JSON", "Content-Type: application/json", target="/graphql", body=SMUGGLED),
        with_body("404, body", target="/nowhere"),
        with_body("HEAD with a body", method="HEAD"),
        with_body("DELETE with a body", method="DELETE"),
        with_body("OPTIONS with a body", method="OPTIONS"),
        Trick("chunked", (post(CHUNKED) + chunks(b"a" * 10, SMUGGLED),)),
        Trick("chunked, trailers", (post(CHUNKED), Pause, chunks(SMUGGLED, trailers=trailer))),
        Trick("chunked, extensions", (post(CHUNKED), Pause, chunks(SMUGGLED, extension=b';a="b"'))),
        Trick(
            "chunked, a pause in a chunk",
            (post(CHUNKED) + b"%x\r\n" % len(SMUGGLED), Pause, SMUGGLED, b"\r\n0\r\n\r\n"),
        ),
        Trick("a long body of GraphQL in chunks", (post(CHUNKED, target="/graphql") + chunks(TOO_MUCH, SMUGGLED),)),
        Trick("half a body, reset", (post(length=900), Pause, SMUGGLED, Pause, Reset)),
        Trick("half a body after the answer, reset", (post(length=900) + SMUGGLED, Answered, Reset)),
        Trick("half a body of GraphQL, reset", (post(length=900, target="/graphql"), SMUGGLED, Pause, Reset)),
        Trick("half a chunk, reset", (post(CHUNKED) + b"384\r\n" + SMUGGLED, Pause, Reset)),
        Trick("half a head, reset", (b"GET /v1/verify HTTP/1.1\r\nHost: x\r\nX-API", Pause, Reset)),
    ]


def connections() -> list[Trick]:
    """The Connection header, HTTP versions, and several requests at once."""
    old = head("POST", "/v1/verify", "Connection: keep-alive", f"Content-Length: {len(SMUGGLED)}", version="HTTP/1.0")
    drop_length = post("Connection: Content-Length", length=len(OWN))
    drop_chunked = post("Connection: Transfer-Encoding", CHUNKED)
    return [
        Trick("pipelined", (OWN * 4,), answers_at_most=4),
        Trick("pipelined after a body", (post(length=5) + b"hello" + OWN * 2,), answers_at_most=3),
        Trick("pipelined, reset", (OWN * 4, Pause, Reset), answers_at_most=4),
        Trick("HTTP/1.0 with keep-alive", (old, Pause, SMUGGLED)),
        Trick("HTTP/1.0 upgrade", (old.replace(b"keep-alive", b"Upgrade\r\nUpgrade: foo"), Pause, SMUGGLED)),
        Trick("Connection names Content-Length", (drop_length, Pause, OWN), answers_at_most=2),
        Trick("Connection names Transfer-Encoding", (drop_chunked, Pause, chunks(OWN)), answers_at_most=2),
        Trick("Connection names Upgrade alone", (post("Connection: Upgrade", length=len(SMUGGLED)), Pause, SMUGGLED)),
        Trick("close, then a request", (post("Connection: close", method="GET"), OWN), answers_at_most=2),
        Trick("HTTP/2 without asking", (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Pause, OWN), answers_at_most=2),
    ]


def targets() -> list[Trick]:
    """Forms of the request target."""
    return [
        with_body("absolute-form", target="http://keys.example/v1/verify"),
        with_body("absolute-form of another host", target="http://other.example/v1/verify"),
        with_body("absolute-form, upgrade", *UPGRADES["upgrade to foo"], target="http://keys.example/v1/verify"),
        with_body("authority-form", target="keys.example:80"),
        with_body("asterisk-form", target="*", method="OPTIONS"),
    ]


def ambiguous() -> list[Trick]:
    """Requests that two servers may read in two ways; most servers refuse them."""
    length = str(len(OWN))
    lengths: dict[str, tuple[str, ...]] = {
        "Content-Length twice": (f"Content-Length: {length}", f"Content-Length: {length}"),
        "Content-Length of two values": (f"Content-Length: {length}", "Content-Length: 0"),
        "Content-Length of two values, shorter first": ("Content-Length: 0", f"Content-Length: {length}"),
        "Content-Length joined by a comma": (f"Content-Length: {length}, {length}",),
        "Content-Length of two values, joined": (f"Content-Length: 0, {length}",),
        "Content-Length with a sign": (f"Content-Length: +{length}",),
        "Content-Length with an underscore": ("Content-Length: 0", f"Content_Length: {length}"),
        "Content-Length in hexadecimal": (f"Content-Length: 0x{len(OWN):x}",),
        "Content-Length empty": ("Content-Length:",),
        "Content-Length below zero": ("Content-Length: -1",),
        "Content-Length beyond 64 bits": ("Content-Length: 18446744073709551617",),
        "Content-Length folded": ("Content-Length:", f" {length}"),
        "Content-Length folded into another": ("X-Folded: a", f" Content-Length: {length}"),
        "Content-Length with a space before the colon": (f"Content-Length : {length}",),
        "Content-Length after a bare CR": (f"X-A: a\rContent-Length: {length}",),
        "Content-Length after NUL": (f"X-A: a\0Content-Length: {length}",),
    }
    codings: dict[str, tuple[str, ...]] = {
        "Transfer-Encoding and Content-Length": (CHUNKED, f"Content-Length: {length}"),
        "Content-Length and Transfer-Encoding": ("Content-Length: 4", CHUNKED),
        "Transfer-Encoding in another case": ("tRANSFER-eNCODING: ChUnKeD",),
        "Transfer-Encoding unknown": ("Transfer-Encoding: xchunked", f"Content-Length: {length}"),
        "Transfer-Encoding identity": ("Transfer-Encoding: identity", f"Content-Length: {length}"),
        "Transfer-Encoding gzip, chunked": ("Transfer-Encoding: gzip, chunked",),
        "Transfer-Encoding chunked, identity": ("Transfer-Encoding: chunked, identity", f"Content-Length: {length}"),
        "Transfer-Encoding chunked twice": (CHUNKED, CHUNKED),
        "Transfer-Encoding of two values": ("Transfer-Encoding: identity", CHUNKED),
        "Transfer-Encoding folded": ("Transfer-Encoding:", " chunked", f"Content-Length: {length}"),
        "Transfer-Encoding with a space before the colon": ("Transfer-Encoding : chunked", f"Content-Length: {length}"),
        "Transfer-Encoding with a tab": ("Transfer-Encoding:\tchunked", f"Content-Length: {length}"),
        "Transfer-Encoding with a vertical tab": ("Transfer-Encoding: \x0bchunked", f"Content-Length: {length}"),
        "Transfer-Encoding in quotes": ('Transfer-Encoding: "chunked"', f"Content-Length: {length}"),
    }
    sized: dict[str, bytes] = {
        "a chunk's size with many zeros": b"%032x\r\n%b\r\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk's size with 0x": b"0x%x\r\n%b\r\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk's size beyond 64 bits": b"1%016x\r\n%b\r\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk's size with a sign": b"+%x\r\n%b\r\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk's size before a bare LF": b"%x\n%b\r\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk's extension with a bare LF": b"%x;a\n%b\r\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk's extension with a bare CR": b"%x;a\rb\r\n%b\r\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk that ends in a bare LF": b"%x\r\n%b\n0\r\n\r\n" % (len(OWN), OWN),
        "a chunk with more than its size": b"2\r\nabc\r\n0\r\n\r\n" + OWN,
        "a last chunk with an extension": b"5\r\nhello\r\n0;a=b\r\n\r\n" + OWN,
        "no empty line after the last chunk": b"5\r\nhello\r\n0\r\n" + OWN,
    }
    found = [Trick(name, (post(*lines), Pause, OWN), answers_at_most=3) for name, lines in lengths.items()]
    found += [
        Trick(name, (post(*lines), Pause, chunks(OWN), OWN), answers_at_most=4) for name, lines in codings.items()
    ]
    found += [Trick(name, (post(CHUNKED), Pause, body), answers_at_most=3) for name, body in sized.items()]
    old = head("POST", "/v1/verify", CHUNKED, "Connection: keep-alive", version="HTTP/1.0")
    found.append(Trick("Transfer-Encoding in HTTP/1.0", (old, Pause, chunks(OWN), OWN), answers_at_most=3))
    bare = post(length=len(OWN)).replace(b"\r\n", b"\n")
    found += [
        Trick("bare LF", (bare, Pause, OWN), answers_at_most=2),
        Trick("bare CR", (bare.replace(b"\n", b"\r"), Pause, OWN), answers_at_most=2),
        Trick("empty lines first", (PADDING[:20] + OWN, Pause, END + OWN), answers_at_most=2),
        Trick("HTTP/0.9", (b"GET /v1/verify\r\n", Pause, OWN), answers_at_most=2),
        Trick(
            "HTTP/0.9 by its name", (head("GET", "/v1/verify", "Connection: keep-alive", version="HTTP/0.9"), OWN), 2
        ),
        Trick("a method in small letters", (post(length=len(OWN), method="post"), Pause, OWN), answers_at_most=2),
        Trick("no Host", (b"GET /v1/verify HTTP/1.1\r\n\r\n" + OWN,), answers_at_most=2),
        Trick("a space before the first header", (b"GET /v1/verify HTTP/1.1\r\n Host: x\r\n\r\n" + OWN,), 2),
    ]
    return found


_SIGN_IN = (
    b'{"query": "mutation { signIn(input: {email: \\"nobody@keys.example\\", password: \\"wrong\\"}) { __typename } }"}'
)
SLOW = post("Content-Type: application/json", length=len(_SIGN_IN), target="/graphql") + _SIGN_IN
"""A request that takes a password hash: the next client on the connection waits behind it."""
SLOW_UPGRADE: Final = with_body("upgrade, body takes long", *UPGRADES["upgrade to foo"], body=PADDING + SLOW)
CERTAIN: Final = list(chain(upgrades(), expectations(), bodies(), connections(), targets(), connects()))
AMBIGUOUS: Final = ambiguous()
TRICKS: Final = [*CERTAIN, *AMBIGUOUS]
