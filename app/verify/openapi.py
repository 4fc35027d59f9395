"""The OpenAPI document of /v1: what a program must know to ask /v1/verify, and to read every answer."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from app.problems import MEDIA_TYPE
from app.verify.endpoint import PATH
from app.verify.responses import NOT_PERMITTED, TITLES
from keys.outcomes import Outcome

OPENAPI_VERSION = "3.1.0"
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
HEADERS_TOO_LARGE = "headers_too_large"
Node = dict[str, Any]

_HEX = "[0-9a-f]{32}"
_ANY_METHOD = (
    "Checks the key in the header fields. Every method does the same, and so does every path below this one, so that a "
    "gateway can forward what it got. The body is not read."
)
_WHEN = {
    401: "No key, or a key that is not valid.",
    403: "A valid key that may not be used for this agent, or a request that did not come through the gateway.",
    429: "A valid key that is over its rate limit or its quota.",
    431: "The header fields are too large.",
    503: "The key can't be checked at the moment. It may be valid: never treat this as a 401.",
}


def openapi_document(public_url: str, *, has_gateway_token: bool) -> Node:
    """
    The document for a server at this URL, as JSON. With `has_gateway_token`, each request must carry the gateway's
    token, too.
    """
    gateway: Node = {"gatewayToken": []} if has_gateway_token else {}
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Keydesk",
            "version": version("keydesk"),
            "description": "Is this API key valid? Keys are managed over GraphQL, at /graphql.",
        },
        "servers": [{"url": public_url}],
        "externalDocs": {"url": f"{public_url}/docs/guide/verify"},
        "security": [{"bearer": [], **gateway}, {"apiKey": [], **gateway}],
        "paths": {PATH: {"parameters": _PARAMETERS, **{method: _operation(method) for method in METHODS}}},
        "components": {
            "securitySchemes": _SECURITY_SCHEMES,
            "headers": _HEADERS,
            "schemas": {"VerifiedKey": _VERIFIED_KEY, **{_name(status): _problem(status) for status in _WHEN}},
            "responses": {"Verified": _VERIFIED, **{_name(status): _refusal(status) for status in _WHEN}},
        },
    }


def _operation(method: str) -> Node:
    responses = {"200": "Verified", **{str(status): _name(status) for status in _WHEN}}
    return {
        "operationId": "verify" if method == "get" else f"verifyBy{method.capitalize()}",
        "summary": "Check a key" if method == "get" else f"Check a key, by {method.upper()}",
        "description": _ANY_METHOD,
        "responses": {
            status: {"$ref": f"#/components/responses/{name}"} if method != "head" else _without_body(name)
            for status, name in responses.items()
        },
    }


def _without_body(name: str) -> Node:
    response: Node = _VERIFIED if name == "Verified" else _refusal(next(each for each in _WHEN if _name(each) == name))
    return {part: value for part, value in response.items() if part != "content"}


def _name(status: int) -> str:
    return f"Refused{status}" if status != 503 else "Unavailable"


def _codes(status: int) -> list[str]:
    if status == 431:
        return [HEADERS_TOO_LARGE]
    return [outcome.code for outcome in Outcome if outcome.status == status]


def _titles(status: int) -> list[str]:
    if status == 431:
        return ["request header fields too large"]
    return sorted({TITLES.get(outcome, NOT_PERMITTED) for outcome in Outcome if outcome.status == status})


def _header(name: str) -> Node:
    return {"$ref": f"#/components/headers/{name}"}


def _headers(*names: str) -> Node:
    return {name: _header(name) for name in ("X-Request-Id", "Cache-Control", *names)}


def _refusal(status: int) -> Node:
    more = {401: ("WWW-Authenticate",), 429: ("Retry-After", "RateLimit-Policy", "RateLimit"), 503: ("Retry-After",)}
    return {
        "description": _WHEN[status],
        "headers": _headers("X-Problem-Details", *more.get(status, ())),
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{_name(status)}"}}},
    }


def _problem(status: int) -> Node:
    titles = _titles(status)
    return _object(
        {
            "type": {"type": "string", "format": "uri", "description": "The section of the documentation on the code."},
            "title": {"enum": titles},
            "status": {"const": status},
            "detail": {"type": "string", "description": "What is wrong, in a sentence for the caller."},
            "statusCode": {"const": status},
            "message": {"enum": titles},
            "code": {"enum": _codes(status), "description": "Stable. A later version may have more codes."},
            "requestId": {"$ref": "#/components/schemas/VerifiedKey/properties/requestId"},
        },
        description="Problem details (RFC 9457).",
    )


def _object(properties: Mapping[str, Node], *, description: str) -> Node:
    return {"type": "object", "description": description, "properties": properties, "required": list(properties)}


def _id(prefix: str) -> Node:
    return {"type": "string", "pattern": f"^{prefix}_{_HEX}$"}


def _id_or_null(prefix: str, description: str) -> Node:
    return {**_id(prefix), "type": ["string", "null"], "description": description}


def _text_header(description: str, pattern: str | None = None) -> Node:
    schema: Node = {"type": "string", **({} if pattern is None else {"pattern": pattern})}
    return {"description": description, "required": True, "schema": schema}


_PARAMETERS = [
    {
        "name": "X-Agent-Id",
        "in": "header",
        "required": False,
        "description": (
            "The agent that the request is for: its id, or ext: and its external id, percent-encoded. Without it, an "
            "agent-level key is checked for no agent, and the gateway must compare agentId. An empty field counts as "
            "absent."
        ),
        "schema": {"type": "string", "pattern": f"^(agt_{_HEX}|ext:([!-$&-~]|%[0-9A-Fa-f]{{2}})+)?$"},
        "example": "agt_01936f7a0d527c8890aabbccddeeff01",
    }
]
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The key as Authorization: Bearer KEY."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key as X-API-Key: KEY."},
    "gatewayToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Gateway-Token",
        "description": "The value of KEYDESK_GATEWAY_TOKEN, which only gateways have.",
    },
}
_HEADERS = {
    "X-Request-Id": _text_header("The requestId of the body.", f"^req_{_HEX}$"),
    "Cache-Control": _text_header("An answer holds for one request.", "^no-store$"),
    "X-Problem-Details": _text_header("The body, for gateways that can't pass bodies on."),
    "WWW-Authenticate": _text_header("The challenge (RFC 6750).", '^Bearer realm="keydesk"(, error="invalid_token")?$'),
    "Retry-After": _text_header("How many seconds to wait.", "^[1-9][0-9]*$"),
    "RateLimit-Policy": _text_header(
        "The limits (draft-ietf-httpapi-ratelimit-headers-11): key is the rate limit, quota the monthly quota.",
        '^"key";q=[0-9]+;w=[0-9]+, "quota";q=[0-9]+;w=[0-9]+$',
    ),
    "RateLimit": _text_header(
        "What is left (draft-ietf-httpapi-ratelimit-headers-11): r requests; more in t seconds.",
        '^"key";r=[0-9]+;t=[0-9]+, "quota";r=[0-9]+;t=[0-9]+$',
    ),
    "X-Keydesk-Key": _text_header("The keyId of the body.", f"^key_{_HEX}$"),
    "X-Keydesk-Organization": _text_header("The organizationId of the body.", f"^org_{_HEX}$"),
    "X-Keydesk-Agent": _text_header(
        "The agent that the request is for, else the key's, else none.", f"^(agt_{_HEX}|none)$"
    ),
    "X-Keydesk-Organization-External-Id": _text_header("organizationExternalId, percent-encoded, or none."),
    "X-Keydesk-Agent-External-Id": _text_header("agentExternalId, percent-encoded, or none."),
}
_VERIFIED_KEY = _object(
    {
        "keyId": _id("key"),
        "organizationId": _id("org"),
        "scope": {"enum": ["organization", "agent"]},
        "agentId": _id_or_null("agt", "The agent of an agent-level key; null for an organization-level key."),
        "organizationExternalId": {
            "type": ["string", "null"],
            "description": "The id that the host product gave the organization.",
        },
        "agentExternalId": {
            "type": ["string", "null"],
            "description": "The id that the host product gave the agent that the request is for, else the key's agent.",
        },
        "requestId": {**_id("req"), "description": "What the support chat and diagnoseRequest take."},
    },
    description="Whose key it is.",
)
_VERIFIED = {
    "description": "The key is valid. Only this answer counts toward the rate limit and the quota.",
    "headers": _headers(
        "X-Keydesk-Key",
        "X-Keydesk-Organization",
        "X-Keydesk-Agent",
        "X-Keydesk-Organization-External-Id",
        "X-Keydesk-Agent-External-Id",
        "RateLimit-Policy",
        "RateLimit",
    ),
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/VerifiedKey"}}},
}
