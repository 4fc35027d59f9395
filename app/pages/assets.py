"""Owns what is sent from memory: a body with its fingerprint, in the encoding that the browser takes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod

ENCODINGS = ("br", "gzip")
"""The smaller one first."""
NO_WEIGHT = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})


@dataclass(frozen=True, slots=True)
class Asset:
    """Something with an address: what is sent, and its fingerprint."""

    body: bytes
    media_type: str
    etag: str
    encoded: Mapping[str, bytes] = field(default_factory=dict)
    """The body again, by the encodings that it was compressed with beforehand."""


def asset(text: str, media_type: str = "text/html") -> Asset:
    """A text, with the fingerprint of what it says."""
    body = text.encode()
    return Asset(body, media_type, fingerprint(body))


def fingerprint(body: bytes) -> str:
    """An ETag that changes with what is sent."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer(
    request: Request[Any, Any, Any], sent: Asset, headers: Mapping[str, str], status: int = 200
) -> Response[bytes]:
    """The answer to GET and HEAD: 304 without a body to a browser that has it already."""
    encoding = _encoding(sent, request.headers.get("accept-encoding", ""))
    body = sent.body if encoding is None else sent.encoded[encoding]
    etag = sent.etag if encoding is None else f'{sent.etag[:-1]}-{encoding}"'
    said = {**headers, "etag": etag}
    if sent.encoded:
        said["vary"] = "Accept-Encoding"
    if status == 200 and etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=said)
    if encoding is not None:
        said["content-encoding"] = encoding
    said["content-length"] = str(len(body))
    shown = b"" if request.method == HttpMethod.HEAD else body
    return Response(shown, status_code=status, headers=said, media_type=sent.media_type)


def _encoding(sent: Asset, accepted: str) -> str | None:
    """Of those there are, the smallest that the browser names and does not exclude (RFC 9110, 12.5.3)."""
    named = set()
    for each in accepted.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if NO_WEIGHT.isdisjoint(parameters):
            named.add(name)
    return next((each for each in ENCODINGS if each in named and each in sent.encoded), None)
