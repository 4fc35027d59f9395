"""Applications that are guarded by the client: plain ASGI, FastAPI, Litestar; Keydesk is the fake one."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, Header, WebSocket
from fastapi import Request as FastAPIRequest
from fastapi.testclient import TestClient
from litestar import Litestar, get
from litestar import Request as LitestarRequest
from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.middleware.logging import LoggingMiddlewareConfig
from litestar.params import HeaderParameter
from starlette.websockets import WebSocketDisconnect

from keydesk_client import AsyncKeydesk, Verified
from keydesk_client import fastapi as for_fastapi
from keydesk_client import litestar as for_litestar
from keydesk_client.asgi import DropForgedHeaders, KeydeskMiddleware, Message, Receive, Scope, Send
from keydesk_client.testing import FakeKey, FakeKeydesk

TOKEN = "the-gateway-token"
FORGED = {
    "X-Keydesk-Key": "key_forged",
    "X_Keydesk_Organization": "org_forged",
    "X-Agent-Id": "agt_forged",
    "X-Gateway-Token": "forged",
    "X-Forwarded-For": "203.0.113.99",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=203.0.113.99",
    "X-Real-IP": "203.0.113.99",
}
Application = Callable[[AsyncKeydesk, str], Any]


async def plain(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the key's id and all header fields that arrived."""
    verified = scope["state"]["keydesk"]
    names = [name.decode() for name, _ in scope["headers"]]
    body = json.dumps({"keyId": verified.key_id, "headers": names}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def plain_asgi(keydesk: AsyncKeydesk, agent: str) -> Any:
    return KeydeskMiddleware(plain, keydesk, agent=lambda scope: agent)


def fastapi(keydesk: AsyncKeydesk, agent: str | for_fastapi.VerifiedKey) -> Any:
    app = FastAPI(exception_handlers=for_fastapi.exception_handlers)
    verified_key = for_fastapi.VerifiedKey(keydesk, agent=lambda request: agent) if isinstance(agent, str) else agent

    @app.get("/reports")
    async def reports(request: FastAPIRequest, key: Annotated[Verified, Depends(verified_key)]) -> dict[str, Any]:
        assert request.state.keydesk is key
        return {"keyId": key.key_id, "headers": list(request.headers.keys())}

    return app


def litestar(keydesk: AsyncKeydesk, agent: str | for_litestar.KeyGuard) -> Any:
    @get("/reports")
    async def reports(request: LitestarRequest[Any, Any, Any]) -> dict[str, Any]:
        return {"keyId": request.state.keydesk.key_id, "headers": list(request.headers.keys())}

    guard = for_litestar.KeyGuard(keydesk, agent=lambda connection: agent) if isinstance(agent, str) else agent
    return Litestar([reports], guards=[guard], exception_handlers=for_litestar.exception_handlers, openapi_config=None)


FRAMEWORKS = {"ASGI": plain_asgi, "FastAPI": fastapi, "Litestar": litestar}


class Guarded:
    """A fake Keydesk with an agent and a key of it, and an application for that agent."""

    def __init__(self, application: Application, **options: Any) -> None:
        self.fake = FakeKeydesk(gateway_token=TOKEN)
        self.agent = self.fake.add_agent()
        self.key: FakeKey = self.fake.issue_key(self.agent)
        self.keydesk = AsyncKeydesk("https://keys.example", TOKEN, transport=self.fake.transport, **options)
        self.app = application(self.keydesk, self.agent)

    async def ask(self, headers: dict[str, str] | list[tuple[str, str]], path: str = "/reports") -> httpx2.Response:
        transport = httpx2.ASGITransport(self.app, client=("198.51.100.4", 4711))
        async with httpx2.AsyncClient(transport=transport, base_url="https://api.example") as browser:
            return await browser.get(path, headers=headers)

    async def ask_with_key(self) -> httpx2.Response:
        return await self.ask({"Authorization": f"Bearer {self.key.secret}"})


@pytest.fixture(params=FRAMEWORKS)
def guarded(request: pytest.FixtureRequest) -> Guarded:
    return Guarded(FRAMEWORKS[request.param])


async def test_a_good_key_reaches_the_application(guarded: Guarded) -> None:
    """Which learns whose key it is. Keydesk learns where the request came from."""
    answer = await guarded.ask({"X-API-Key": guarded.key.secret, "User-Agent": "curl/8.5"})

    assert (answer.status_code, answer.json()["keyId"]) == (200, guarded.key.id)
    (seen,) = guarded.fake.seen
    assert (seen.client_address, seen.user_agent, seen.agent) == ("198.51.100.4", "curl/8.5", guarded.agent)
    assert seen.gateway_token == TOKEN


@pytest.mark.parametrize("name", [name for name in FRAMEWORKS if name != "Litestar"])
async def test_callers_read_what_is_left_of_their_limits(name: str) -> None:
    """In the fields of Keydesk's answer. A guard of Litestar can't set fields; the middleware does it there, too."""
    answer = await Guarded(FRAMEWORKS[name]).ask_with_key()

    # asked of another object, since each has keys of its own
    assert answer.status_code == 200
    assert answer.headers["ratelimit"] == '"key";r=599;t=60, "quota";r=99999;t=604800'
    assert answer.headers["ratelimit-policy"].startswith('"key";q=600')


@pytest.mark.parametrize("code", ["deleted_key", "agent_not_in_scope", "rate_limited", "quota_exceeded"])
async def test_a_refusal_reaches_the_caller_as_keydesk_said_it(guarded: Guarded, code: str) -> None:
    """Status, challenge, limits and the problem's members."""
    guarded.key.refused_as = code

    answer = await guarded.ask_with_key()

    body = answer.json()
    assert (body["code"], body["status"], body["statusCode"]) == (code, answer.status_code, answer.status_code)
    assert body["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    assert ("ratelimit" in answer.headers) == ("retry-after" in answer.headers) == (answer.status_code == 429)


async def test_no_key_is_refused_with_a_challenge(guarded: Guarded) -> None:
    """RFC 6750: without an error code."""
    answer = await guarded.ask({})

    assert (answer.status_code, answer.json()["code"]) == (401, "missing_key")
    assert answer.headers["www-authenticate"] == 'Bearer realm="keydesk"'


async def test_both_fields_reach_keydesk(guarded: Guarded) -> None:
    """Two fields of the same name are refused by Keydesk, and not joined or chosen from."""
    right = f"Bearer {guarded.key.secret}"

    answer = await guarded.ask([("Authorization", right), ("Authorization", right)])

    assert (answer.status_code, answer.json()["code"]) == (401, "malformed_key")


async def test_an_outage_is_a_503(guarded: Guarded) -> None:
    """With a time to try again."""
    guarded.fake.go_down()

    answer = await guarded.ask_with_key()

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"

    guarded.fake.recover()
    assert (await guarded.ask_with_key()).status_code == 200


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_a_keydesk_that_never_answers_is_a_503(name: str) -> None:
    """After the client's patience."""
    guarded = Guarded(FRAMEWORKS[name], patience_seconds=0.05)
    guarded.fake.freeze()

    answer = await guarded.ask_with_key()

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_forged_fields_reach_nobody(guarded: Guarded) -> None:
    """Neither Keydesk nor the application."""
    answer = await guarded.ask({**FORGED, "Authorization": f"Bearer {guarded.key.secret}", "X-Trace": "kept"})

    assert answer.status_code == 200
    arrived = {name.lower() for name in answer.json()["headers"]}
    assert "x-trace" in arrived
    assert arrived & {name.lower() for name in FORGED} == set()
    (seen,) = guarded.fake.seen
    assert (seen.agent, seen.gateway_token, seen.client_address) == (guarded.agent, TOKEN, "198.51.100.4")


@pytest.mark.parametrize("asks_first", ["CORS", "logging", "another guard"])
async def test_forged_fields_reach_no_handler_of_litestar(asks_first: str) -> None:
    """Also if something has read the fields before, and Litestar remembers them."""

    async def read(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        assert connection.headers["x-keydesk-key"] == "key_forged"

    def application(keydesk: AsyncKeydesk, agent: str) -> Any:
        @get("/reports")
        async def reports(
            request: LitestarRequest[Any, Any, Any],
            parameter: Annotated[str | None, HeaderParameter(name="X-Keydesk-Key")] = None,
        ) -> dict[str, Any]:
            return {"headers": list(request.headers.keys()), "parameter": parameter}

        return Litestar(
            [reports],
            guards=[*([read] if asks_first == "another guard" else []), for_litestar.KeyGuard(keydesk, agent=agent)],
            cors_config=CORSConfig(allow_origins=["https://app.example"]) if asks_first == "CORS" else None,
            middleware=[LoggingMiddlewareConfig().middleware] if asks_first == "logging" else [],
            openapi_config=None,
        )

    guarded = Guarded(application)
    sent = {**FORGED, "X-API-Key": guarded.key.secret, "Origin": "https://app.example"}

    answer = await guarded.ask(sent)

    assert (answer.status_code, answer.json()["parameter"]) == (200, None)
    assert {name.lower() for name in answer.json()["headers"]} & {name.lower() for name in FORGED} == set()


AGENTLESS: dict[str, dict[str, Any]] = {"none": {}, "found none": {"agent": lambda _: None}}


def guarded_as(name: str, options: dict[str, Any]) -> Guarded:
    """An application whose guard has these options in place of an agent."""

    def application(keydesk: AsyncKeydesk, _: str) -> Any:
        if name == "ASGI":
            return KeydeskMiddleware(plain, keydesk, **options)
        if name == "Litestar":
            return litestar(keydesk, for_litestar.KeyGuard(keydesk, **options))
        return fastapi(keydesk, for_fastapi.VerifiedKey(keydesk, **options))

    return Guarded(application)


@pytest.mark.parametrize("agent", AGENTLESS)
@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_a_request_for_no_agent_takes_no_agents_key(name: str, agent: str) -> None:
    """A forgotten `agent` must not let the keys of all agents pass."""
    guarded = guarded_as(name, AGENTLESS[agent])
    whole = guarded.fake.issue_key()

    answer, other = await guarded.ask_with_key(), await guarded.ask({"X-API-Key": whole.secret})

    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (403, 403, "agent_not_in_scope")
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["requestId"] == answer.headers["x-request-id"]
    assert (other.status_code, other.json()["keyId"]) == (200, whole.id)


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_an_application_can_compare_the_agent_itself(name: str) -> None:
    """If it says so."""
    guarded = guarded_as(name, {"any_agent": True})

    assert (await guarded.ask_with_key()).json()["keyId"] == guarded.key.id


async def test_a_parameter_of_an_endpoint_does_not_get_a_forged_field() -> None:
    """FastAPI reads parameters from the same fields."""
    fake = FakeKeydesk()
    key = fake.issue_key()
    verified_key = for_fastapi.VerifiedKey(AsyncKeydesk("https://keys.example", transport=fake.transport))
    app = FastAPI()
    app.add_middleware(DropForgedHeaders)

    @app.get("/", dependencies=[Depends(verified_key)])
    async def show(x_keydesk_key: Annotated[str | None, Header()] = None) -> str | None:
        return x_keydesk_key

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://api.example") as browser:
        answer = await browser.get("/", headers={"X-API-Key": key.secret, "X-Keydesk-Key": "forged"})

    assert (answer.status_code, answer.json()) == (200, None)


async def test_forwarding_fields_can_be_kept() -> None:
    """Behind a proxy that replaces them."""
    guarded = Guarded(lambda keydesk, agent: KeydeskMiddleware(plain, keydesk, agent=agent, keep_forwarded=True))

    answer = await guarded.ask({**FORGED, "Authorization": f"Bearer {guarded.key.secret}"})

    arrived = set(answer.json()["headers"])
    assert {"x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip"} <= arrived
    assert arrived & {"x-keydesk-key", "x_keydesk_organization", "x-agent-id", "x-gateway-token"} == set()


async def test_open_paths_need_no_key() -> None:
    """And Keydesk is not asked."""

    async def healthy(scope: Scope, receive: Receive, send: Send) -> None:
        assert "keydesk" not in scope.get("state", {})
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    guarded = Guarded(
        lambda keydesk, agent: KeydeskMiddleware(healthy, keydesk, is_open=lambda scope: scope["path"] == "/healthz")
    )

    assert (await guarded.ask({}, "/healthz")).status_code == 204
    assert (await guarded.ask({}, "/healthz/more")).status_code == 401
    assert len(guarded.fake.seen) == 1


async def test_without_its_handlers_fastapi_still_answers_with_the_right_status() -> None:
    """Whoever forgets them gets a problem inside of `detail`."""

    def application(keydesk: AsyncKeydesk, agent: str) -> Any:
        app = FastAPI()

        @app.get("/reports", dependencies=[Depends(for_fastapi.VerifiedKey(keydesk, agent=agent))])
        async def reports() -> None: ...

        return app

    answer = await Guarded(application).ask({})

    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "missing_key")
    assert answer.headers["www-authenticate"] == 'Bearer realm="keydesk"'


def test_the_dependency_is_in_the_openapi_document() -> None:
    """As a bearer scheme, so that generated clients send the key."""
    document = Guarded(fastapi).app.openapi()

    assert document["components"]["securitySchemes"]["Keydesk"]["scheme"] == "bearer"
    assert document["paths"]["/reports"]["get"]["security"] == [{"Keydesk": []}]


def websocket_application(keydesk: AsyncKeydesk, agent: str) -> Any:
    app = FastAPI()
    app.add_middleware(KeydeskMiddleware, keydesk=keydesk, agent=agent)

    @app.websocket("/stream")
    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.state.keydesk.key_id)

    return app


def test_a_websocket_needs_a_key() -> None:
    """It is refused like a request, where the server can do that."""
    guarded = Guarded(websocket_application)
    browser = TestClient(guarded.app)

    with browser.websocket_connect("/stream", headers={"X-API-Key": guarded.key.secret}) as connection:
        assert connection.receive_text() == guarded.key.id
    with pytest.raises(WebSocketDisconnect) as refused, browser.websocket_connect("/stream"):
        pass
    assert getattr(refused.value, "status_code", None) == 401


async def test_a_websocket_is_closed_where_the_server_can_not_answer() -> None:
    """Servers answer a close before the beginning with 403."""
    guarded = Guarded(websocket_application)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/stream", "headers": [], "client": ("198.51.100.4", 4711)}
    await guarded.app({**scope}, receive, send)
    guarded.fake.go_down()
    await guarded.app({**scope}, receive, send)

    assert [(message["type"], message["code"]) for message in sent] == [
        ("websocket.close", 1008),
        ("websocket.close", 1013),
    ]
