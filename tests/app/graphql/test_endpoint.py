"""GraphQL over HTTP: status codes, media types, refusals and introspection."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st

from app.graphql import requests as graphql_requests
from tests.support.graphql.tiny_schema import GRAPHQL, JSON, Query, Tiny, code_of

NOT_EXECUTED = [
    pytest.param({"query": "{"}, "GRAPHQL_PARSE_FAILED", id="syntax"),
    pytest.param({"query": ""}, "GRAPHQL_PARSE_FAILED", id="empty"),
    pytest.param({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED", id="unknown field"),
    pytest.param({"query": "subscription { person }"}, "GRAPHQL_VALIDATION_FAILED", id="no subscription root"),
    pytest.param({"query": "fragment F on Query { echo }"}, "GRAPHQL_VALIDATION_FAILED", id="no operation"),
    pytest.param({"query": "query A { echo } query B { echo }"}, "GRAPHQL_VALIDATION_FAILED", id="several"),
    pytest.param({"query": "{ echo }", "operationName": "A"}, "GRAPHQL_VALIDATION_FAILED", id="unknown operation"),
    pytest.param({"query": "query ($t: String!) { echo(text: $t) }"}, "BAD_USER_INPUT", id="missing variable"),
    pytest.param(
        {"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": 1}},
        "BAD_USER_INPUT",
        id="wrong variable",
    ),
    pytest.param({"query": r'{ echo(text: "\uD800") }'}, "BAD_USER_INPUT", id="surrogate in a literal"),
    pytest.param({"query": r'{ echo(text: "\u{dfff}") }'}, "BAD_USER_INPUT", id="surrogate in braces in a literal"),
    pytest.param({"query": '{ echo(text: "\ud800") }'}, "BAD_USER_INPUT", id="surrogate in the document"),
    pytest.param({"query": "{ echo }", "variables": {"t": ["\udfff"]}}, "BAD_USER_INPUT", id="surrogate in a variable"),
    pytest.param({"query": "{ echo }", "variables": {"\ud8ff": 1}}, "BAD_USER_INPUT", id="surrogate in a name"),
    pytest.param({"query": "{" + "a " * 5_000 + "}"}, "TOO_COMPLEX", id="limits"),
]

NO_REQUEST = [
    pytest.param(b"", id="nothing"),
    pytest.param(b'{"query": "{ echo', id="no JSON"),
    pytest.param(b'{"query": "{ echo }"} {}', id="two documents"),
    pytest.param(b'{"query": "\xff"}', id="no UTF-8"),
    pytest.param(b'{"query": "{ echo }", "variables": {"n": NaN}}', id="no JSON number"),
    pytest.param(b'[{"query": "{ echo }"}]', id="batch"),
    pytest.param(b'"{ echo }"', id="string"),
    pytest.param(b"null", id="null"),
    pytest.param(b"{}", id="query missing"),
    pytest.param(b'{"query": null}', id="query null"),
    pytest.param(b'{"query": 1}', id="query a number"),
    pytest.param(b'{"query": "{ echo }", "operationName": 1}', id="operationName a number"),
    pytest.param(b'{"query": "{ echo }", "variables": "{}"}', id="variables a string"),
    pytest.param(b'{"query": "{ echo }", "variables": []}', id="variables a list"),
    pytest.param(b'{"query": "{ echo }", "extensions": 1}', id="extensions a number"),
    pytest.param(b'{"query": "{ echo }", "variables": {"n": ' + b"[" * 9_000 + b"]" * 9_000 + b"}}", id="deep JSON"),
]

ACCEPTED = [
    (None, JSON),
    ("", JSON),
    ("*/*", JSON),
    ("application/*", JSON),
    (JSON, JSON),
    (GRAPHQL, GRAPHQL),
    ("APPLICATION/GRAPHQL-RESPONSE+JSON", GRAPHQL),
    (f"{GRAPHQL}, {JSON}", GRAPHQL),
    (f"{JSON}, {GRAPHQL}", GRAPHQL),
    (f"{GRAPHQL}; q=0.5, {JSON}", JSON),
    (f"{GRAPHQL};q=0.9, {JSON};q=0.5", GRAPHQL),
    (f"{GRAPHQL}, */*", GRAPHQL),
    (f"{JSON};q=0, */*;q=0.1", GRAPHQL),
    (f"{GRAPHQL};charset=utf-8", GRAPHQL),
    (f'{GRAPHQL};charset="UTF-8"', GRAPHQL),
    (f"{JSON};charset=utf-16, {GRAPHQL};q=0.1", GRAPHQL),
    (f"{GRAPHQL};q=high, {JSON}", JSON),
    (f'text/html;x="a,b", {GRAPHQL}', GRAPHQL),
    ("text/event-stream, application/json;q=0.5", JSON),
    ("text/html, */*;q=0.1", JSON),
]

UNACCEPTABLE = [
    "text/html",
    "text/event-stream",
    "text/*",
    f"{JSON};q=0",
    "application/jsonp",
    f"{JSON};charset=latin-1",
]


@pytest.mark.parametrize("form", [GRAPHQL, JSON])
async def test_an_executed_operation_is_200_in_the_form_asked_for(form: str) -> None:
    """The answer is UTF-8 in the requested media type, with the headers that the context adds."""
    response = await Tiny().ask('{ echo(text: "ä🏊") }', accept=form)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{form}; charset=utf-8"
    assert response.headers["x-signed-in"] == "True"
    assert json.loads(response.content.decode("utf-8")) == {"data": {"echo": "ä🏊"}}


@pytest.mark.parametrize(("body", "code"), NOT_EXECUTED)
@pytest.mark.parametrize(("form", "status"), [(GRAPHQL, 400), (JSON, 200)])
async def test_what_fails_before_execution_has_no_data(body: dict[str, Any], code: str, form: str, status: int) -> None:
    """The status is 400 with GraphQL's media type and 200 with application/json. The error has a code and no data."""
    response = await Tiny().send(content=json.dumps(body), headers={"accept": form})

    assert response.status_code == status
    assert response.headers["content-type"] == f"{form}; charset=utf-8"
    assert response.json().keys() == {"errors"}
    assert code_of(response) == code


@pytest.mark.parametrize(
    "document", ["{", "{ nothing }", "query A { echo } query B { echo }", "{" + "a " * 5_000 + "}"]
)
async def test_a_refused_document_costs_no_look_at_who_is_asking(document: str) -> None:
    """The context, which reads the database, is only asked for documents that can be executed."""
    tiny = Tiny()

    await tiny.ask(document)

    assert tiny.contexts == 0


@pytest.mark.parametrize("body", NO_REQUEST)
@pytest.mark.parametrize("form", [GRAPHQL, JSON])
async def test_a_body_that_is_no_request_is_400(body: bytes, form: str) -> None:
    """A body that is not JSON, or not a GraphQL request, is 400 BAD_REQUEST in every media type."""
    response = await Tiny().send(content=body, headers={"accept": form})

    assert response.status_code == 400
    assert response.json().keys() == {"errors"}
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("name", ["variables", "operationName", "extensions"])
async def test_null_stands_for_an_optional_member_that_is_missing(name: str) -> None:
    """Null is accepted for optional members; unknown members are ignored."""
    response = await Tiny().ask("{ echo }", **cast("dict[str, Any]", {name: None, "unknown": 1}))

    assert response.json() == {"data": {"echo": ""}}


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_asks(method: str) -> None:
    """Other methods are 405 with Allow: POST."""
    response = await Tiny().send(method, params={"query": "{ echo }"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": None},
        {"content-type": "text/plain"},
        {"content-type": "application/graphql"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json; charset=iso-8859-1"},
        {"content-type": "application/jsonp"},
        {"content-encoding": "gzip"},
    ],
)
async def test_another_content_type_is_415(headers: dict[str, str | None]) -> None:
    """Only plain JSON in UTF-8 is read, so forms of other sites can't send requests."""
    response = await Tiny().send(content=b'{"query": "{ echo }"}', headers=headers)

    assert response.status_code == 415
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=UTF-8", ';charset="utf-8"', "; profile=x"])
async def test_json_is_read_as_utf_8(charset: str) -> None:
    """JSON is UTF-8, with or without a charset."""
    body = json.dumps({"query": '{ echo(text: "🏃") }'}, ensure_ascii=False).encode()

    response = await Tiny().send(content=body, headers={"content-type": JSON + charset})

    assert response.json() == {"data": {"echo": "🏃"}}


@pytest.mark.parametrize(("accept", "form"), ACCEPTED)
async def test_the_answer_comes_in_the_form_liked_best(accept: str | None, form: str) -> None:
    """Weights, wildcards and parameters of Accept decide between the two media types."""
    response = await Tiny().ask("{ echo }", accept=accept)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{form}; charset=utf-8"


@pytest.mark.parametrize("accept", UNACCEPTABLE)
async def test_an_answer_that_nobody_would_accept_is_406(accept: str) -> None:
    """Without an acceptable media type, nothing is executed. A query as an event stream is refused, too."""
    tiny = Tiny()

    response = await tiny.ask('mutation { write(text: "x") }', accept=accept)

    assert response.status_code == 406
    assert code_of(response) == "BAD_REQUEST"
    assert tiny.contexts == 0


async def test_a_subscription_without_an_event_stream_is_406() -> None:
    """A subscription is not executed as a query."""

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def count(self) -> AsyncIterator[int]:
            """One number."""
            yield 1

    response = await Tiny(schema=strawberry.Schema(Query, subscription=Subscription)).ask("subscription { count }")

    assert response.status_code == 406
    assert code_of(response) == "BAD_REQUEST"


@pytest.mark.parametrize("path", ["/graphqlx", "/graphql/x", "/"])
async def test_the_paths_around_it_are_not_answered(path: str) -> None:
    """Only the exact path is served."""
    response = await Tiny().send(path=path, content=b'{"query": "{ echo }"}')

    assert response.status_code == 404


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { queryType { name } } }",
        'query { __type(name: "Query") { name } }',
        "{ ...F } fragment F on Query { echo ... { schema: __schema { types { name } } } }",
    ],
)
async def test_introspection_is_for_the_signed_in(document: str) -> None:
    """Signed-out people get UNAUTHENTICATED, also for a document that is cached from a signed-in person."""
    tiny = Tiny()
    allowed = await tiny.ask(document)
    tiny.signed_in = False

    refused = await tiny.ask(document)

    assert allowed.json().keys() == {"data"}
    assert refused.status_code == 400
    assert refused.json().keys() == {"errors"}
    assert code_of(refused) == "UNAUTHENTICATED"


async def test_typename_is_for_all() -> None:
    """`__typename` is open; it does not count as introspection."""
    response = await Tiny(signed_in=False).ask("{ __typename person { __typename } }")

    assert response.json() == {"data": {"__typename": "Query", "person": {"__typename": "Person"}}}


async def test_an_unknown_name_does_not_bring_out_the_known_ones() -> None:
    """Validation errors suggest no names of the schema, which is for signed-in people."""
    response = await Tiny().ask("{ persom { nam } }")

    assert "person" not in response.text


async def test_the_fields_come_in_the_order_asked() -> None:
    """Plain, resolved and awaited fields keep the document's order."""
    response = await Tiny().ask("{ person { badges { holder { name } label number friendly: holder { name } } name } }")

    badge = {
        "holder": {"name": "holder of first"},
        "label": "first",
        "number": 1,
        "friendly": {"name": "holder of first"},
    }
    person = response.json()["data"]["person"]
    assert person["badges"][0] == badge
    assert [list(found) for found in (person, *person["badges"])] == [["badges", "name"], list(badge), list(badge)]


def test_a_schema_with_extensions_is_not_mounted() -> None:
    """Schema extensions would never run, so building the application with one is refused."""
    schema = strawberry.Schema(Query, extensions=[strawberry.extensions.SchemaExtension])

    with pytest.raises(ValueError, match="extensions"):
        Tiny(schema=schema)


async def test_a_client_that_hangs_up_gets_no_answer() -> None:
    """A request whose body was never completed is neither executed nor answered."""
    tiny = Tiny()
    sent: list[Any] = []
    parts = iter([{"type": "http.request", "body": b'{"query":', "more_body": True}, {"type": "http.disconnect"}])
    scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": [(b"content-type", b"application/json")]}

    async def receive() -> Any:
        return next(parts)

    async def send(message: Any) -> None:
        sent.append(message)

    await tiny(scope | {"query_string": b"", "root_path": "", "state": {}}, receive, send)  # type: ignore[arg-type]

    assert (sent, tiny.contexts) == ([], 0)


async def test_a_websocket_is_turned_away() -> None:
    """There is no GraphQL over WebSocket; the connection is closed."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/graphql", "headers": [], "query_string": b"", "root_path": "", "state": {}}
    await Tiny()(scope, receive, send)  # type: ignore[arg-type]

    assert [message["type"] for message in sent] == ["websocket.close"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=6,
)
DOCUMENTS = st.text(alphabet='{}()[]:$!@.#"\\ \naAu0d', max_size=40) | st.sampled_from(
    ["{ echo }", "query ($t: String!) { echo(text: $t) }", "query ($w: Wish) { echo(wish: $w) }"]
)


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=60)
    | st.builds(lambda value: json.dumps(value).encode(), JSON_VALUES)
    | st.builds(
        lambda query, variables: json.dumps({"query": query, "variables": variables}).encode(),
        DOCUMENTS,
        st.dictionaries(st.sampled_from(["t", "w"]), JSON_VALUES),
    ),
    form=st.sampled_from([GRAPHQL, JSON]),
)
async def test_no_body_is_a_bug(body: bytes, form: str) -> None:
    """Any body gets a GraphQL response and no internal error."""
    response = await SHARED.send(content=body, headers={"accept": form})

    assert response.status_code in (200, 400)
    assert all(error["extensions"]["code"] != "INTERNAL_SERVER_ERROR" for error in response.json().get("errors", ()))


SHARED = Tiny()


@pytest.mark.parametrize("accept", [", " * 15_000, "text/html," * 3_000, '","' * 10_000, "a/b;q=0.1," * 3_000])
async def test_an_accept_header_is_read_no_further_than_any_client_writes_it(
    accept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first 64 media ranges of Accept are parsed. This counts calls instead of measuring time."""
    read: list[str] = []
    media_type = graphql_requests._media_type

    def seen(text: str) -> Any:
        read.append(text)
        return media_type(text)

    monkeypatch.setattr(graphql_requests, "_media_type", seen)

    response = await Tiny().ask("{ echo }", accept=f"{accept}{graphql_requests.AnswerForm.JSON.value}")
    within = await Tiny().ask("{ echo }", accept=f"{'text/html,' * 63}{graphql_requests.AnswerForm.JSON.value}")

    assert response.status_code in {200, 406}
    assert within.status_code == 200
    # Of each request once for the form of the answer and once for a stream, and the content type.
    assert len(read) <= 4 * graphql_requests.MEDIA_RANGES_AT_MOST + 2
