"""Subscriptions as server-sent events: events, errors and refusals."""

import json
import logging
from dataclasses import replace
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request
from litestar.types import ASGIApp

from app.graphql.endpoint import graphql_route
from app.graphql.limits import Limits
from keys.refusals import Forbidden, PasswordChangeRequired, Unauthenticated
from tests.support.graphql.tiny_schema import GRAPHQL, JSON, REQUEST_ID
from tests.support.graphql.tiny_streams import OVER, PATIENT, SCHEMA, TinyStreams
from tests.support.http.sse_listener import COMPLETE, EVENTS, Event, Listener, events_of

COUNT = "subscription ($to: Int!) { count(to: $to) }"
SAID = "subscription { said { text } }"

REFUSED = [
    pytest.param({"query": "{"}, "GRAPHQL_PARSE_FAILED", id="syntax"),
    pytest.param({"query": "subscription { nothing }"}, "GRAPHQL_VALIDATION_FAILED", id="unknown field"),
    pytest.param(
        {"query": "subscription { __schema { __typename } }"}, "GRAPHQL_VALIDATION_FAILED", id="introspection"
    ),
    pytest.param(
        {"query": "subscription { a: count(to: 1) b: count(to: 1) }"}, "GRAPHQL_VALIDATION_FAILED", id="two fields"
    ),
    pytest.param({"query": COUNT, "operationName": "A"}, "GRAPHQL_VALIDATION_FAILED", id="unknown operation"),
    pytest.param({"query": COUNT}, "BAD_USER_INPUT", id="missing variable"),
    pytest.param({"query": COUNT, "variables": {"to": "x"}}, "BAD_USER_INPUT", id="wrong variable"),
    pytest.param({"query": COUNT, "variables": {"to": ["\udfff"]}}, "BAD_USER_INPUT", id="surrogate"),
    pytest.param(
        {"query": "subscription { said { by {" + " friend {" * 12 + " name " + "}" * 15}, "TOO_COMPLEX", id="too deep"
    ),
    pytest.param(
        {
            "query": "subscription ($n: Int!) { said { by { letters(first: $n) { edges { text } } } } }",
            "variables": {"n": 100},
        },
        "TOO_COMPLEX",
        id="too much for these variables",
    ),
]


async def ask(tiny: TinyStreams, body: Any, accept: str = EVENTS, **request: Any) -> httpx.Response:
    """Sends one request and reads its whole answer."""
    headers = {"content-type": JSON, "accept": accept}
    transport = httpx.ASGITransport(tiny)  # type: ignore[arg-type]  # it wants mere mappings
    async with httpx.AsyncClient(transport=transport, base_url="http://tiny") as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await client.request(request.pop("method", "POST"), "/graphql", content=content, headers=headers)


async def test_a_subscription_is_a_stream_of_events_and_then_complete() -> None:
    """A first comment is sent before any event. The headers prevent buffering and caching."""
    listener = Listener(TinyStreams(), COUNT, variables={"to": 2})

    await listener.end()

    assert (listener.status, listener.is_whole) == (200, True)
    assert listener.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "x-tiny": "yes",
    }
    assert listener.pieces == [
        b":\n\n",
        b'event: next\ndata: {"data":{"count":1}}\n\n',
        b'event: next\ndata: {"data":{"count":2}}\n\n',
        b"event: complete\ndata:\n\n",
    ]


async def test_an_event_is_sent_when_it_is_there() -> None:
    """Each event is sent as soon as the source yields it, with its nested fields and escaped line breaks."""
    tiny = TinyStreams()
    listener = Listener(tiny, "subscription { said { text shouted by { name } } }")

    for number in (1, 2, 3):
        tiny.source.say(f"line\n\n{number}\r\n")
        heard = await listener.heard(number)

        said = {"text": f"line\n\n{number}\r\n", "shouted": f"LINE\n\n{number}\r\n", "by": {"name": "Ada"}}
        assert heard[-1] == Event("next", {"data": {"said": said}})
    tiny.source.say(OVER)
    assert (await listener.end())[3:] == [COMPLETE]


@pytest.mark.parametrize(("body", "code"), REFUSED)
async def test_what_is_refused_before_execution_is_told_in_the_stream(body: dict[str, Any], code: str) -> None:
    """A client that accepts only events gets the errors as an event, then `complete`."""
    tiny = TinyStreams(limits=Limits(complexity_fields=150))

    response = await ask(tiny, body)

    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    [refused, complete] = events_of(response.content)
    assert refused.data.keys() == {"errors"}
    assert (refused.codes[0], complete) == (code, COMPLETE)
    assert not tiny.source.opened.is_set()


@pytest.mark.parametrize(("body", "code"), REFUSED)
@pytest.mark.parametrize(("form", "status"), [(GRAPHQL, 400), (JSON, 200)])
async def test_who_reads_other_answers_too_is_refused_in_one(
    body: dict[str, Any], code: str, form: str, status: int
) -> None:
    """A client that accepts another form, too, gets the refusal in that form with its status."""
    response = await ask(TinyStreams(limits=Limits(complexity_fields=150)), body, accept=f"{EVENTS}, {form};q=0.5")

    assert (response.status_code, response.headers["content-type"]) == (status, f"{form}; charset=utf-8")
    assert response.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("body", "method", "status"),
    [(b"{", "POST", 400), (b"{}", "POST", 400), (b" " * (256 * 1024 + 1), "POST", 413), (b"", "GET", 405)],
)
async def test_what_is_no_request_is_refused_with_a_status(body: bytes, method: str, status: int) -> None:
    """The refusal is JSON, whatever was accepted."""
    response = await ask(TinyStreams(), body, method=method)

    assert (response.status_code, response.headers["content-type"]) == (status, "application/json; charset=utf-8")
    assert response.json()["errors"][0]["extensions"]["code"] == ("TOO_COMPLEX" if status == 413 else "BAD_REQUEST")


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("{ echo }", EVENTS),
        ('mutation { write(text: "x") }', EVENTS),
        (SAID, GRAPHQL),
        (SAID, JSON),
        (SAID, "*/*"),
        (SAID, "text/*"),
        (SAID, f"{EVENTS};q=0, {JSON}"),
        (SAID, f"{EVENTS};charset=utf-16, {JSON}"),
        (SAID, "text/html"),
        (f"{SAID} query Q {{ echo }}".replace("subscription", "subscription S"), EVENTS),
    ],
)
async def test_only_subscriptions_are_streamed_and_never_otherwise(query: str, accept: str) -> None:
    """A query or mutation as an event stream, or a subscription as anything else, is 406 and not executed."""
    tiny = TinyStreams()

    response = await ask(tiny, {"query": query, "operationName": "Q" if "Q" in query else None}, accept=accept)

    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert tiny.contexts == 0


@pytest.mark.parametrize(
    "accept",
    [EVENTS.upper(), f"{EVENTS};charset=UTF-8", f"{GRAPHQL}, {JSON}, {EVENTS};q=0.1", f'x/y;z="a,b", {EVENTS}'],
)
async def test_a_stream_goes_to_whoever_names_it(accept: str) -> None:
    """A subscription is streamed if Accept names event streams, whatever their weight."""
    response = await ask(TinyStreams(), {"query": "subscription { count(to: 1) }"}, accept=accept)

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize("refusal", [Unauthenticated(), PasswordChangeRequired()])
async def test_a_stream_is_somebodys(refusal: Unauthenticated | PasswordChangeRequired) -> None:
    """A client without the right to streams gets the refusal, and the source is not opened."""
    tiny = TinyStreams(refusal=refusal)

    heard = await Listener(tiny, SAID).end()

    code = "UNAUTHENTICATED" if isinstance(refusal, Unauthenticated) else "PASSWORD_CHANGE_REQUIRED"
    error = {"message": refusal.message, "extensions": {"code": code}}
    assert heard == [Event("next", {"errors": [error]}), COMPLETE]
    assert not tiny.source.opened.is_set()


async def test_without_a_right_to_streams_there_are_none() -> None:
    """Without a configured right to streams, every subscription is FORBIDDEN."""
    route = graphql_route(SCHEMA, context=_nobody, introspection_refusal=lambda _: None)
    app: ASGIApp = Litestar([route], openapi_config=None, logging_config=None)

    heard = await Listener(app, "subscription { count(to: 1) }").end()

    assert [event.name for event in heard] == ["next", "complete"]
    assert heard[0].codes == ["FORBIDDEN"]


async def test_a_permission_is_asked_before_the_first_event() -> None:
    """A permission's refusal is the only event, with its code and path."""
    [refused, complete] = await Listener(TinyStreams(), "subscription { forbidden }").end()

    [error] = refused.data["errors"]
    assert (error["message"], error["path"], complete) == ("Nobody may.", ["forbidden"], COMPLETE)
    assert refused.codes == ["FORBIDDEN"]
    assert "data" not in refused.data


@pytest.mark.parametrize("after", [0, 2])
async def test_a_source_that_fails_is_masked_and_ends(after: int, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a masked error with a request id; the log has the rest, without the exception's message."""
    tiny = TinyStreams(failures={"secret": ValueError("the password is hunter2")})

    with caplog.at_level(logging.ERROR):
        heard = await Listener(tiny, f'subscription {{ fail(kind: "secret", after: {after}) }}').end()

    *events, failed, complete = heard
    assert [event.data for event in events] == [{"data": {"fail": number}} for number in range(after)]
    [error] = failed.data["errors"]
    assert error["message"] == "Something went wrong on our side."
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": REQUEST_ID}
    assert complete == COMPLETE
    [record] = caplog.records
    assert "field fail" in record.getMessage()
    assert REQUEST_ID in record.getMessage()
    assert "hunter2" not in caplog.text


async def test_a_source_that_says_no_is_told_as_it_says_it() -> None:
    """A refusal by the source keeps its message and code, also after the first event."""
    tiny = TinyStreams(failures={"no": Forbidden("Not any more.")})

    [_, failed, complete] = await Listener(tiny, 'subscription { fail(kind: "no", after: 1) }').end()

    assert (failed.codes, failed.data["errors"][0]["message"]) == (["FORBIDDEN"], "Not any more.")
    assert complete == COMPLETE


async def test_a_source_whose_work_somebody_else_cancels_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    """If the source's work is cancelled by something else than the stream, the client gets an error."""
    with caplog.at_level(logging.ERROR):
        [_, failed, complete] = await Listener(TinyStreams(), "subscription { abandoned }").end()

    assert (failed.codes, complete) == (["INTERNAL_SERVER_ERROR"], COMPLETE)
    assert "field abandoned" in caplog.text


async def test_a_field_that_fails_in_one_event_does_not_end_the_stream() -> None:
    """The event has the masked error beside its other fields, and the stream goes on."""
    tiny = TinyStreams(failures={"bad": ValueError("inside")})
    listener = Listener(tiny, "subscription { said { text faint } }")

    tiny.source.say("bad", "good", OVER)
    [first, second, complete] = await listener.end()

    assert first.codes == ["INTERNAL_SERVER_ERROR"]
    assert first.data["data"] == {"said": {"text": "bad", "faint": None}}
    assert second.data == {"data": {"said": {"text": "good", "faint": "good"}}}
    assert complete == COMPLETE


async def test_an_event_of_which_nothing_is_left_is_the_last() -> None:
    """The stream ends with that event's errors, and the source is closed."""
    tiny = TinyStreams(failures={"bad": ValueError("inside")})
    listener = Listener(tiny, "subscription { said { loud } }")

    tiny.source.say("bad", "good")
    [failed, complete] = await listener.end()

    assert (failed.codes, failed.data["data"], complete) == (["INTERNAL_SERVER_ERROR"], None, COMPLETE)
    assert tiny.source.closed.is_set()


async def test_a_silent_stream_shows_that_it_lives() -> None:
    """While there are no events, comments are sent, which clients ignore."""
    tiny = TinyStreams(stream_limits=replace(PATIENT, heartbeat_seconds=0.001))
    listener = Listener(tiny, SAID)

    await listener.until(lambda heard: heard.pieces.count(b":\n\n") >= 4)
    tiny.source.say("hello", OVER)

    assert [event.name for event in await listener.end()] == ["next", "complete"]


async def test_the_source_lives_in_one_task() -> None:
    """A source runs in one task, as generators with a timeout or a task group need."""
    heard = await Listener(TinyStreams(), "subscription { tasks(to: 3) }").end()

    assert [event.data["data"]["tasks"] for event in heard[:-1]] == [1, 1, 1]


async def _nobody(_request: Request[Any, Any, Any]) -> None:
    return None
