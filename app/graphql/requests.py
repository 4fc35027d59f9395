"""Reads a GraphQL request from HTTP: its body, its content type, and the media type that the client accepts."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

import msgspec
from graphql import GraphQLError
from litestar.types import HTTPScope, Receive

from app.graphql.errors import Code, ExecutionRefused, RequestRefused

LIST_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
"""A member of a list in a header. An unclosed quote extends to the end, so that the pattern never backtracks."""
MEDIA_RANGES_AT_MOST = 64
UTF_8 = ("utf-8", "utf8")
EVENT_STREAM = "text/event-stream"


class AnswerForm(Enum):
    """The media types in which a query or mutation is answered."""

    GRAPHQL_RESPONSE = "application/graphql-response+json"
    JSON = "application/json"


class ClientGone(Exception):
    """The client disconnected before its whole request was received."""


class Asked(msgspec.Struct):
    """The body of a request. Unknown members are ignored, as the GraphQL-over-HTTP specification requires."""

    query: str
    operation_name: str | None = msgspec.field(name="operationName", default=None)
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(Asked)


def header_values(scope: HTTPScope, name: bytes) -> list[str]:
    """All values of a header, in the order in which they were sent. `name` is in lower case."""
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


@lru_cache(maxsize=64)
def answer_form(accept: str) -> AnswerForm | None:
    """The media type that an Accept header prefers, or None if it accepts neither. Pass `*/*` for a missing header.

    If it prefers neither, the answer is application/graphql-response+json if the header names both, and
    application/json if only a wildcard matches them: the specification's audit tests this.
    """
    liked: dict[AnswerForm, tuple[float, int]] = {}
    for media_type, parameters in _media_ranges(accept):
        quality = _quality(parameters.get("q", "1"))
        if quality is None or parameters.get("charset", "utf-8") not in UTF_8:
            continue
        for form in AnswerForm:
            precision = {"*/*": 0, "application/*": 1, form.value: 2}.get(media_type, -1)
            if precision > liked.get(form, (0, -1))[1]:
                liked[form] = (quality, precision)
    acceptable = [(quality, precision, form) for form, (quality, precision) in liked.items() if quality > 0]
    if not acceptable:
        return None
    best_quality, best_precision, _ = max(acceptable, key=lambda found: found[:2])
    best = [form for quality, precision, form in acceptable if (quality, precision) == (best_quality, best_precision)]
    return (AnswerForm.GRAPHQL_RESPONSE if best_precision == 2 else AnswerForm.JSON) if len(best) > 1 else best[0]


@lru_cache(maxsize=64)
def accepts_events(accept: str) -> bool:
    """Whether an Accept header names text/event-stream. A wildcard does not count."""
    named = [parameters for media_type, parameters in _media_ranges(accept) if media_type == EVENT_STREAM]
    return any(_quality(each.get("q", "1")) and each.get("charset", "utf-8") in UTF_8 for each in named)


def check_content_type(scope: HTTPScope) -> None:
    """Raises RequestRefused unless the headers declare JSON in UTF-8 without a content coding."""
    types = header_values(scope, b"content-type")
    media_type, parameters = _media_type(types[0]) if len(types) == 1 else ("", {})
    if media_type != "application/json":
        raise RequestRefused(415, "The content type must be application/json.")
    if parameters.get("charset", "utf-8") not in UTF_8:
        raise RequestRefused(415, "The charset must be utf-8.")
    if any(coding.strip().lower() not in ("", "identity") for coding in header_values(scope, b"content-encoding")):
        raise RequestRefused(415, "The body must not have a content encoding.")


async def read_body(scope: HTTPScope, receive: Receive, most_bytes: int) -> bytes:
    """
    Reads the whole body, of at most `most_bytes` bytes.

    Raises RequestRefused as soon as it is known to be too long, and ClientGone if the client disconnects.
    """
    for declared in header_values(scope, b"content-length"):
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > most_bytes):
            raise _too_long(most_bytes)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > most_bytes:
            raise _too_long(most_bytes)
        if not message.get("more_body", False):
            return bytes(body)


def read_request(body: bytes) -> Asked:
    """
    Parses the body.

    Raises RequestRefused if it is not JSON or not a GraphQL request, and ExecutionRefused for half a surrogate pair.
    """
    try:
        return _decoder.decode(body)
    except RecursionError:
        raise RequestRefused(400, "The body is nested too deeply.") from None
    except msgspec.ValidationError as error:
        if body.lstrip()[:1] == b"[":
            raise RequestRefused(400, "Batches are not supported. Send one request at a time.") from None
        raise RequestRefused(400, f"The body is not a valid GraphQL request: {error}") from None
    except ValueError:
        _refuse_unreadable(body)


def _refuse_unreadable(body: bytes) -> NoReturn:
    """
    Raises the error for a body that msgspec could not decode.

    JSON allows an escaped half of a surrogate pair in a string and msgspec does not, so that case has its own error.
    """
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        sentence = "A string contains half of a surrogate pair, which is not a valid character."
        raise ExecutionRefused(Code.BAD_USER_INPUT, [GraphQLError(sentence)]) from None
    except (ValueError, RecursionError):
        pass
    raise RequestRefused(400, "The body is not valid JSON in UTF-8.")


def _too_long(most_bytes: int) -> RequestRefused:
    return RequestRefused(413, f"The body is longer than {most_bytes} bytes.", code=Code.TOO_COMPLEX)


def _media_ranges(accept: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The first 64 members of an Accept header, more than clients send. Without a limit, 30 KB of commas take 50 ms."""
    members = islice(LIST_MEMBER.finditer(accept), MEDIA_RANGES_AT_MOST)
    return (_media_type(member[0]) for member in members)


def _media_type(text: str) -> tuple[str, dict[str, str]]:
    """Splits a media type from its parameters. Both are returned in lower case and without quotes."""
    media_type, *parameters = text.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return media_type.strip(), {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _quality(text: str) -> float | None:
    """Parses a quality weight (RFC 9110, 12.4.2); None if it is not valid."""
    return float(text) if re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", text, re.ASCII) else None
