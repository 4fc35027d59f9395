"""A small schema behind /graphql, and functions that send requests to it, for tests of the GraphQL transport."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, cast

import httpx
import strawberry
from graphql import GraphQLError
from litestar import Litestar, Request
from litestar.types import ASGIApp, Receive, Scope, Send

from app.graphql.endpoint import graphql_route
from app.graphql.limits import Limits
from keys.refusals import Unauthenticated

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
REQUEST_ID = "req_tiny"


@strawberry.enum
class Span(Enum):
    HOUR = "hour"
    DAY = "day"


@strawberry.type
class Badge:
    label: str
    number: int | None = None

    @strawberry.field
    async def holder(self) -> "Person":
        """Asynchronous, unlike the fields around it."""
        return Person(name=f"holder of {self.label}")


@strawberry.type
class Person:
    name: str = "Ada"

    @strawberry.field
    def friend(self) -> "Person":
        """A person again, so that documents can nest without end."""
        return Person()

    @strawberry.field
    def badges(self) -> list[Badge]:
        """A list without a stated size."""
        return [Badge(label="first", number=1), Badge(label="second")]

    @strawberry.field
    def visits(
        self,
        since: Annotated[datetime, strawberry.argument(name="from")],
        until: Annotated[datetime, strawberry.argument(name="to")],
        interval: Span = Span.HOUR,
    ) -> list[Badge]:
        """A list with an item for each interval of a period."""
        return []

    @strawberry.field
    def letters(self, first: int = 50) -> "Letters":
        """A connection."""
        return Letters(edges=[OutgoingTicket(text="dear")][:first])


@strawberry.type
class OutgoingTicket:
    text: str

    @strawberry.field
    def sender(self) -> Person:
        """The author of the letter."""
        return Person()


@strawberry.type
class Letters:
    edges: list[OutgoingTicket]


@strawberry.input
class Wish:
    text: str = ""
    after: "Wish | None" = None


@strawberry.type
class Query:
    @strawberry.field
    def person(self) -> Person:
        """Always the same person."""
        return Person()

    @strawberry.field
    def echo(self, text: str = "", words: list[str] | None = None, wish: Wish | None = None) -> str:
        """Returns its argument."""
        return text

    @strawberry.field
    def fail(self, kind: str = "") -> str | None:
        """Raises the failure that a test registered under that name."""
        raise FAILURES[kind]

    @strawberry.field
    def unnamed(self) -> Person | None:
        """A person whose name is null, although the schema forbids it."""
        return Person(name=None)  # type: ignore[arg-type]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def write(self, text: str) -> str:
        """Returns the text."""
        return text


FAILURES: dict[str, Exception] = {"coded": GraphQLError("No.", extensions={"code": "FORBIDDEN"})}


@dataclass
class Asker:
    """The context of a request."""

    signed_in: bool


@dataclass
class Tiny:
    """The schema behind /graphql; `contexts` counts how many contexts were created."""

    limits: Limits = field(default_factory=Limits)
    schema: strawberry.Schema = field(default_factory=lambda: strawberry.Schema(Query, Mutation))
    signed_in: bool = True
    request_id: str | None = REQUEST_ID
    context: Callable[[Request[Any, Any, Any]], Awaitable[Asker]] | None = None
    contexts: int = 0

    def __post_init__(self) -> None:
        route = graphql_route(
            self.schema,
            context=self.context or self._context,
            introspection_refusal=lambda asker: None if asker.signed_in else Unauthenticated(),
            limits=self.limits,
            answer_headers=lambda asker: [(b"x-signed-in", str(asker.signed_in).encode())],
        )
        self.app: ASGIApp = Litestar([route], openapi_config=None, logging_config=None)

    async def _context(self, request: Request[Any, Any, Any]) -> Asker:
        self.contexts += 1
        return Asker(self.signed_in)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.request_id is not None:
            scope["keydesk.request_id"] = self.request_id  # type: ignore[typeddict-unknown-key]
        await self.app(scope, receive, send)

    async def send(self, method: str = "POST", path: str = "/graphql", **request: Any) -> httpx.Response:
        """Sends one HTTP request; a header that is None is left out."""
        headers = {"content-type": JSON, "accept": GRAPHQL, **request.pop("headers", {})}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, self)), base_url="http://tiny") as client:
            client.headers.clear()
            client.headers.update({name: value for name, value in headers.items() if value is not None})
            return await client.request(method, path, **request)

    async def ask(self, query: str, accept: str | None = GRAPHQL, **members: Any) -> httpx.Response:
        """Sends a GraphQL request with this document and, by name, further members of its body."""
        return await self.send(headers={"accept": accept}, json={"query": query, **members})


def code_of(response: httpx.Response) -> str:
    """The code of the first error."""
    code: str = response.json()["errors"][0]["extensions"]["code"]
    return code
