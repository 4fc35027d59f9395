"""Traces: what a span has, that nothing else is sent, and that requests do not wait for them."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from app.observability.observers import trusts_trace_context
from app.observability.tracing import Tracing
from app.settings import read_settings
from resolvers.services import KeyServices
from tests.support.keys.issued_keys import issue, until
from tests.support.servers.servers import REAL, Servers
from tests.support.servers.small_servers import Asked, Given, SmallServer, free_port
from tests.support.world import World

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
FOR_TRACES, FOR_ALL = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
MADE_UP = "a-made-up-word"


class Collector:
    """An OTLP receiver."""

    def __init__(self) -> None:
        self.status = 200
        self._server = SmallServer(lambda _: Given(self.status))
        self.close = self._server.close

    @property
    def address(self) -> str:
        """The address for OTLP over HTTP."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def asked(self) -> list[Asked]:
        """The received HTTP requests."""
        return self._server.asked

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """The received trace requests."""
        return [ExportTraceServiceRequest.FromString(each.body) for each in self.asked]

    @property
    def spans(self) -> list[Span]:
        """All received spans, in the order in which they ended."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def services(self) -> set[str]:
        """The service names of all received spans."""
        return {
            str(attributes(resource.resource)["service.name"])
            for request in self.requests
            for resource in request.resource_spans
        }


def attributes(of: Any) -> dict[str, str | int]:
    """The attributes of a span or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Receives spans while the test runs."""
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture
def make_servers(database_address: str, tmp_path: Path) -> Iterator[Callable[..., Servers]]:
    """Starts servers with these variables, and stops them at the end."""
    made: list[Servers] = []

    def make(variables: Mapping[str, str]) -> Servers:
        made.append(Servers(database_address, tmp_path, program=REAL, settings=variables))
        return made[-1]

    yield make
    for servers in made:
        servers.close()


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "keys", "OTEL_TRACES_SAMPLER": "always_on"}, False),
        ({FOR_ALL: "http://collector:4318"}, True),
        ({FOR_TRACES: "http://collector:4318/v1/traces"}, True),
        ({FOR_ALL: " "}, False),
        ({FOR_ALL: "http://collector:4318", "OTEL_SDK_DISABLED": "false"}, True),
        ({FOR_ALL: "http://collector:4318", "OTEL_SDK_DISABLED": "True"}, False),
        ({FOR_ALL: "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318"}, False),
    ],
)
def test_the_standard_variables_say_whether_there_are_traces(variables: dict[str, str], wanted: bool) -> None:
    """An endpoint turns traces on, unless another variable turns them off."""
    assert read_settings(variables).tracing is wanted


async def test_a_span_knows_the_route_and_the_answer(
    collector: Collector, make_servers: Callable[..., Servers], services: KeyServices, world: World
) -> None:
    """Spans have method, route template, status, request id and outcome, and the caller's span as parent."""
    issued = await issue(services, world)
    [server] = make_servers({FOR_ALL: collector.address, "KEYDESK_TRUSTED_PROXIES": "127.0.0.1"}).start()
    key = {"x-api-key": issued.secret.reveal()}

    async with httpx.AsyncClient(base_url=server.address) as http:
        answers = [
            await http.get("/v1/verify/orders/17?x=1", headers={**key, "traceparent": TRACEPARENT}),
            await http.put("/v1/verify", headers={"x-api-key": "no key"}),
            await http.post("/graphql", json={"query": "{ __typename }"}),
            await http.get("/docs/guide/keys"),
            await http.get("/nothing/here"),
            await http.request("PURGE", "/"),
        ]
    server.stop()

    spans = {attributes(span)["keydesk.request_id"]: span for span in collector.spans}
    told = [spans[answer.headers["x-request-id"]] for answer in answers]
    assert [(span.name, span.kind) for span in told] == [
        (name, Span.SPAN_KIND_SERVER) for name in ("/v1/verify", "/v1/verify", "/graphql", "/docs", "unknown", "/")
    ]
    assert [{**attributes(span), "keydesk.request_id": None} for span in told] == [
        {**expected, "keydesk.request_id": None}
        for expected in (
            of_span("GET", "/v1/verify", 200, "good"),
            of_span("PUT", "/v1/verify", 401, "malformed_key"),
            of_span("POST", "/graphql", 200),
            of_span("GET", "/docs", 200),
            of_span("GET", None, 404),
            of_span("_OTHER", "/", 405),
        )
    ]
    assert (told[0].trace_id.hex(), told[0].parent_span_id.hex()) == (TRACE, PARENT)
    assert all(span.parent_span_id == b"" and span.trace_id.hex() != TRACE for span in told[1:])
    assert all(span.status.code == Status.STATUS_CODE_UNSET and not span.events for span in told)
    assert collector.services == {"keydesk"}
    assert server.process.returncode == 0


def of_span(method: str, route: str | None, status: int, outcome: str | None = None) -> dict[str, str | int]:
    """The expected attributes of a span, without the request id."""
    return {
        "http.request.method": method,
        **({} if route is None else {"http.route": route}),
        "http.response.status_code": status,
        **({} if outcome is None else {"keydesk.verification.outcome": outcome}),
    }


async def test_nothing_else_of_a_request_is_sent(collector: Collector, make_servers: Callable[..., Servers]) -> None:
    """Paths below the template, queries, headers, bodies and tracestate are not sent."""
    [server] = make_servers({FOR_ALL: collector.address, "OTEL_SERVICE_NAME": "keys"}).start()
    headers = {
        "traceparent": TRACEPARENT,
        "tracestate": f"made={MADE_UP}",
        "baggage": f"made={MADE_UP}",
        "authorization": f"Bearer {MADE_UP}",
        "user-agent": MADE_UP,
        "x-request-id": MADE_UP,
        "cookie": f"a={MADE_UP}",
        "host": f"{MADE_UP}.example",
        "x-forwarded-for": MADE_UP,
    }

    async with httpx.AsyncClient(base_url=server.address, headers=headers) as http:
        for path in ("/v1/verify", "/docs", "/nothing", "/graphql"):
            await http.get(f"{path}/{MADE_UP}?{MADE_UP}={MADE_UP}")
        await http.post("/graphql", json={"query": f"query {{ {MADE_UP} }}", "variables": {MADE_UP: MADE_UP}})
    server.stop()

    assert [span.name for span in collector.spans[-5:]] == ["/v1/verify", "/docs", "unknown", "/graphql", "/graphql"]
    assert [each for each in collector.asked if MADE_UP.encode() in each.body] == []
    assert collector.services == {"keys"}


@pytest.mark.parametrize(
    ("variables", "service"),
    [({}, "keydesk"), ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=desk,deployment=x"}, "desk")],
)
async def test_the_service_is_named_by_its_variables(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], service: str
) -> None:
    """The default name is keydesk."""
    async with traced(collector.address, monkeypatch, **cast("dict[str, Any]", variables)) as tracing:
        await answered(tracing, 200)

    assert collector.services == {service}


async def test_requests_are_answered_while_nobody_takes_spans(make_servers: Callable[..., Servers]) -> None:
    """The failure is logged once, without the receiver's address, and the server still stops cleanly."""
    port = free_port()
    variables = {FOR_TRACES: f"http://127.0.0.1:{port}/a-token-in-the-path", "OTEL_BSP_SCHEDULE_DELAY": "20"}
    [server] = make_servers({**variables, "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5", "KEYDESK_LOG": "debug"}).start()

    def complaints() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["logger"] == "keydesk.tracing"]

    async with httpx.AsyncClient(base_url=server.address) as http:
        answers = [await http.get("/v1/verify")]
        await until(lambda: bool(complaints()))
        answers += [await http.get("/healthz") for _ in range(3)]
    server.stop()

    assert [answer.status_code for answer in answers] == [401, 200, 200, 200]
    assert [line["level"] for line in complaints()] == ["warning"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in complaints()[0]["message"]
    assert "a-token-in-the-path" not in server.log.read_text()
    assert server.process.returncode == 0


@asynccontextmanager
async def traced(
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    believes: Callable[[Any], bool] = lambda _scope: True,
    **variables: str,
) -> AsyncIterator[Tracing]:
    """Tracing to the address, with these variables. By default every caller's trace context is trusted."""
    for name, value in {FOR_ALL: address, **variables}.items():
        monkeypatch.setenv(name, value)
    tracing = Tracing(("/docs", "/"), believes=believes)
    async with tracing.running():
        yield tracing


async def answered(
    tracing: Tracing, answer: int | Exception, *headers: tuple[bytes, bytes], path: str = "/docs/x"
) -> list[Any]:
    """What is sent through tracing by an application that gives this answer."""
    sent: list[Any] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        if isinstance(answer, Exception):
            raise answer
        await send({"type": "http.response.start", "status": answer, "headers": [(b"x-request-id", b"req_1")]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "GET", "path": path, "headers": list(headers)}
    await tracing.answer(application, scope, receive, send)
    return sent


@pytest.mark.parametrize("answer", [500, 503, ValueError(MADE_UP)])
async def test_a_failure_of_the_server_is_marked_without_its_words(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, answer: int | Exception
) -> None:
    """The span's status is an error, without the exception's message."""
    async with traced(collector.address, monkeypatch) as tracing:
        if isinstance(answer, Exception):
            with pytest.raises(type(answer)):
                await answered(tracing, answer)
        else:
            await answered(tracing, answer)

    [span] = collector.spans
    assert (span.status.code, span.status.message, list(span.events)) == (Status.STATUS_CODE_ERROR, "", [])
    assert attributes(span).get("http.response.status_code") == (answer if isinstance(answer, int) else None)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"traceparent", b"nonsense")],
        [(b"traceparent", b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01")],
        [(b"traceparent", TRACEPARENT.encode()), (b"traceparent", TRACEPARENT.encode())],
        [(b"traceparent", b"\xff" * 600)],
    ],
)
async def test_what_is_no_parent_begins_a_trace(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, headers: list[tuple[bytes, bytes]]
) -> None:
    """An invalid traceparent is ignored, and the request is answered."""
    async with traced(collector.address, monkeypatch) as tracing:
        sent = await answered(tracing, 200, *headers)

    [span] = collector.spans
    assert sent[0]["status"] == 200
    assert (span.parent_span_id, span.trace_id.hex() == TRACE) == (b"", False)


async def test_a_caller_that_is_not_sampled_is_not_traced(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sampling decision of a trusted caller is followed."""
    async with traced(collector.address, monkeypatch) as tracing:
        await answered(tracing, 200, (b"traceparent", TRACEPARENT.replace("-01", "-00").encode()))
        await answered(tracing, 200, path="/")

    assert [span.name for span in collector.spans] == ["/"]


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_stranger_decides_nothing_about_traces(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, flags: str
) -> None:
    """An untrusted caller's context becomes a link. Sampling is decided here."""
    named = (b"traceparent", TRACEPARENT.replace("-01", f"-{flags}").encode())

    async with traced(collector.address, monkeypatch, lambda _scope: False) as tracing:
        await answered(tracing, 200, named)
    never = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    async with traced(collector.address, monkeypatch, lambda _scope: False, **never) as tracing:
        await answered(tracing, 200, named)

    [span] = collector.spans
    assert (span.parent_span_id, span.trace_id.hex() == TRACE) == (b"", False)
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == [(TRACE, PARENT)]


@pytest.mark.parametrize(
    ("peer", "headers", "is_believed"),
    [
        ("10.0.0.7", [], True),
        ("::ffff:10.0.0.7", [], True),
        ("192.0.2.7", [], False),
        (None, [], False),
        ("192.0.2.7", [(b"x-gateway-token", b"a-gateway-token-of-24-or-more")], True),
        ("192.0.2.7", [(b"x-gateway-token", b"another")], False),
        ("192.0.2.7", [(b"x-gateway-token", b"a-gateway-token-of-24-or-more")] * 2, False),
    ],
)
def test_trusted_proxies_and_the_gateway_are_believed(
    peer: str | None, headers: list[tuple[bytes, bytes]], is_believed: bool
) -> None:
    """Trusted proxies and the gateway are those whose forwarding headers are trusted, too."""
    settings = read_settings(
        {
            "KEYDESK_TRUSTED_PROXIES": "10.0.0.0/8",
            "KEYDESK_GATEWAY_TOKEN": "a-gateway-token-of-24-or-more",
            "KEYDESK_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        }
    )
    scope: Any = {"type": "http", "client": None if peer is None else (peer, 4711), "headers": headers}

    assert trusts_trace_context(settings)(scope) is is_believed
    assert not trusts_trace_context(read_settings({}))(scope)


def was_asked(collector: Collector, times: int) -> bool:
    return len(collector.asked) >= times


async def test_it_is_said_when_spans_can_be_sent_again(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure and the recovery are logged once each."""
    caplog.set_level(logging.INFO, "keydesk.tracing")
    collector.status = 400

    async with traced(collector.address, monkeypatch, OTEL_BSP_SCHEDULE_DELAY="1") as tracing:
        for number in range(1, 4):
            await answered(tracing, 200)
            await until(partial(was_asked, collector, number))
        collector.status = 200
        await answered(tracing, 200)
        await until(lambda: len(caplog.messages) > 1)

    assert [message.partition(" and ")[0].partition(",")[0] for message in caplog.messages] == [
        "Traces can't be sent",
        "Traces can be sent again",
    ]


async def test_variables_that_do_not_fit_turn_traces_off_and_nothing_else(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names no values of the variables."""
    caplog.set_level(logging.INFO, "keydesk.tracing")

    async with traced(collector.address, monkeypatch, OTEL_BSP_MAX_QUEUE_SIZE="-1") as tracing:
        sent = await answered(tracing, 200)

    assert (sent[0]["status"], collector.asked) == (200, [])
    assert caplog.messages == ["Tracing is off, because an OTEL_… variable is invalid (ValueError)"]


async def test_a_receiver_that_answers_nothing_does_not_hold_the_end_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans that are not sent within the last seconds are dropped; otherwise stopping would take ten minutes."""
    monkeypatch.setattr("app.observability.tracing.LAST_ROUND_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"

        async with asyncio.timeout(60), traced(address, monkeypatch, OTEL_EXPORTER_OTLP_TIMEOUT="600") as tracing:
            sent = await answered(tracing, 200)

    assert sent[0]["status"] == 200
