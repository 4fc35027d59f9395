"""Sends files and pages from memory, with an ETag and in an encoding that the browser accepts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod

ENCODINGS = ("br", "gzip")
"""Content codings; the one with the smaller result comes first."""
NO_WEIGHT = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})


@dataclass(frozen=True, slots=True)
class Asset:
    """A file or page that is served: its body, media type and ETag."""

    body: bytes
    media_type: str
    etag: str
    encoded: Mapping[str, bytes] = field(default_factory=dict)
    """The body compressed in advance, by content coding."""


def asset(text: str, media_type: str = "text/html") -> Asset:
    """Makes an asset from a text."""
    body = text.encode()
    return Asset(body, media_type, fingerprint(body))


def fingerprint(body: bytes) -> str:
    """A strong ETag: a digest of the body, in quotes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def answer(
    request: Request[Any, Any, Any], sent: Asset, headers: Mapping[str, str], status: int = 200
) -> Response[bytes]:
    """Answers GET or HEAD. A browser that has this version already (If-None-Match) gets 304 without a body."""
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
    """The best coding that the asset has and the browser accepts (RFC 9110, 12.5.3), or None for no coding."""
    named = set()
    for each in accepted.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        if NO_WEIGHT.isdisjoint(parameters):
            named.add(name)
    return next((each for each in ENCODINGS if each in named and each in sent.encoded), None)
