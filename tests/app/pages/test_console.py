"""Serving the console and GraphiQL: access, policies, compression and caching, and a server without them."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from graphql import build_schema, parse, validate
from litestar import Litestar
from litestar.types import Scope
from sqlalchemy import update

import app.application
import app.doctor.examine
from app.authentication import RequestIdentity
from app.pages.console import console_pages, read_console
from app.pages.layout import Layout
from app.request_id import route_of
from assistant.facts.documents import Documents
from models import Person
from tests.conftest import Clock
from tests.support.client import Site, open_site
from tests.support.command_line import Keydesk

ROOT = Path(__file__).parents[3]
PAGE = '<!doctype html><title>Keydesk</title><script type="module" src="/assets/console-1a2b.js"></script>'
GRAPHIQL = '<!doctype html><title>GraphiQL</title><script type="module" src="/assets/graphiql-3c4d.js"></script>'
SCRIPT = b"console.log('the console')\n" * 100
BROTLI = b"what a brotli of it would be"
PAGES = (
    "/",
    "/sign-in",
    "/sign-in?next=/organizations/org_1/audit-log",
    "/organizations/org_1/api-keys",
    "/organizations/org_1/api-keys?rotate=key_1",
    "/organizations/org_1/api-keys/key_1/usage",
    "/organizations/org_1/audit-log",
    "/organizations/org_1/people",
    "/invitation",
    "/reset-password",
)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A small build: pages, a script with its compressed forms, and a file that only the build uses."""
    folder = tmp_path / "dist"
    for name, body in {
        "index.html": PAGE.encode(),
        "graphiql/index.html": GRAPHIQL.encode(),
        "assets/console-1a2b.js": SCRIPT,
        "assets/console-1a2b.js.gz": gzip.compress(SCRIPT),
        "assets/console-1a2b.js.br": BROTLI,
        "assets/icon-5e6f.svg": b"<svg></svg>",
        "robots.txt": b"User-agent: *\nDisallow: /\n",
        ".vite/manifest.json": b"{}",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


@pytest.fixture
async def client(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that serves only the console. Nobody requests GraphiQL from it."""

    async def visit(_scope: Scope) -> RequestIdentity:
        raise AssertionError

    console = read_console(built)
    assert console is not None
    layout = Layout(Documents(ROOT / "docs").pages, "support@keys.example")
    served = Litestar(console_pages(console, layout, visit=visit), openapi_config=None, logging_config=None)
    transport = httpx.ASGITransport(cast(Any, served))
    async with httpx.AsyncClient(transport=transport, base_url="https://keys.example") as opened:
        del opened.headers["accept-encoding"]
        yield opened


@pytest.fixture
async def site(
    built: Path, monkeypatch: pytest.MonkeyPatch, database_address: str, clock: Clock
) -> AsyncIterator[Site]:
    """The whole application with this build."""
    monkeypatch.setattr(app.application, "BUILT", built)
    async with open_site(database_address, clock) as opened:
        yield opened


def policy(answer: httpx.Response) -> dict[str, str]:
    """The page's Content-Security-Policy, by directive."""
    directives = answer.headers["content-security-policy"].split("; ")
    return {name: value for name, _, value in (each.partition(" ") for each in directives)}


@pytest.mark.parametrize("address", PAGES)
async def test_every_address_of_the_console_is_its_one_page(client: httpx.AsyncClient, address: str) -> None:
    """Links to screens and dialogs get the one page, which is always revalidated."""
    answer = await client.get(address)

    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("address", [*PAGES, "/assets/console-1a2b.js", "/assets/none.js", "/robots.txt"])
async def test_every_answer_keeps_to_itself(client: httpx.AsyncClient, address: str) -> None:
    """Only our own scripts, no external resources, no framing, and no device permissions."""
    answer = await client.get(address)

    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert policy(answer).get("script-src", policy(answer)["default-src"]) in ("'self'", "'none'")
    assert policy(answer)["frame-ancestors"] == "'none'"
    assert policy(answer)["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in answer.headers["permissions-policy"]


async def test_the_console_starts_no_worker(client: httpx.AsyncClient) -> None:
    """The console's policy has no workers; only GraphiQL's has."""
    answer = await client.get("/")

    assert policy(answer)["worker-src"] == "'none'"
    assert policy(answer)["connect-src"] == "'self'"


async def test_a_file_named_after_its_content_is_kept_for_a_year(client: httpx.AsyncClient) -> None:
    """Files with a hash in their name are cached for a year; others are revalidated."""
    script = await client.get("/assets/console-1a2b.js")
    icon = await client.get("/assets/icon-5e6f.svg")
    robots = await client.get("/robots.txt")

    assert (script.content, icon.content) == (SCRIPT, b"<svg></svg>")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert icon.headers["content-type"] == "image/svg+xml"
    assert script.headers["cache-control"] == icon.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (robots.status_code, robots.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZip;q=0.5, identity", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("br; q=0.000, gzip; q=0", None),
        ("identity", None),
        ("*", None),
        ("gzipped", None),
        ("", None),
    ],
)
async def test_a_file_is_sent_as_the_browser_takes_it(
    client: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    """A precompressed form is sent if the browser accepts it, and caches are told with Vary."""
    answer = await client.get("/assets/console-1a2b.js", headers={"accept-encoding": accepted})

    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    lengths = {"br": len(BROTLI), "gzip": len(gzip.compress(SCRIPT)), None: len(SCRIPT)}
    assert int(answer.headers["content-length"]) == lengths[encoding]
    assert answer.content == (BROTLI if encoding == "br" else SCRIPT)


async def test_what_the_browser_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    """Each form of a file has its own ETag."""
    plain = await client.get("/assets/console-1a2b.js")
    packed = await client.get("/assets/console-1a2b.js", headers={"accept-encoding": "gzip"})
    page = await client.get("/")

    again = await client.get("/assets/console-1a2b.js", headers={"if-none-match": plain.headers["etag"]})
    other = await client.get("/assets/console-1a2b.js", headers={"if-none-match": packed.headers["etag"]})
    same_page = await client.get("/organizations/org_1/api-keys", headers={"if-none-match": page.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200
    assert (same_page.status_code, same_page.content) == (304, b"")


@pytest.mark.parametrize("address", ["/", "/assets/console-1a2b.js", "/assets/none.js"])
async def test_head_is_get_without_the_body(client: httpx.AsyncClient, address: str) -> None:
    """HEAD has the headers of GET."""
    got = await client.get(address)

    headed = await client.head(address)

    assert (headed.status_code, headed.content, headed.headers) == (got.status_code, b"", got.headers)


@pytest.mark.parametrize(
    "address",
    [
        "/assets/none.js",
        "/assets/console-1a2b.js.gz",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/assets/..%2f..%2fpyproject.toml",
        "/assets/graphiql/index.html",
        "/.vite/manifest.json",
        "/index.html",
        "/graphiql/index.html",
        "/robots.txt/x",
    ],
)
async def test_anything_else_is_not_found(client: httpx.AsyncClient, address: str) -> None:
    """A missing file is 404, not the console's page, which would be cached in its place."""
    answer = await client.get(address)

    assert answer.status_code == 404
    assert answer.text != PAGE
    assert "immutable" not in answer.headers.get("cache-control", "")


async def test_graphiql_is_for_organization_admins(site: Site) -> None:
    """Other roles get a page that says so. Signed-out people are sent to sign in and come back."""
    answers = {name: await (await site.person(name)).http.get("/graphiql") for name in ("ada", "grace", "mel", "eve")}
    signed_out = await (await site.person("nobody")).http.get("/graphiql")

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "ada": 200,
        "grace": 403,
        "mel": 403,
        "eve": 200,
    }
    assert answers["ada"].text == GRAPHIQL
    assert "<h1>GraphiQL is for organization admins</h1>" in answers["mel"].text
    assert (signed_out.status_code, signed_out.headers["location"]) == (302, "/sign-in?next=/graphiql")
    for answer in (*answers.values(), signed_out):
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Cookie"


async def test_graphiql_may_start_its_editors_workers(site: Site) -> None:
    """GraphiQL's policy also allows workers."""
    answer = await (await site.person("ada")).http.get("/graphiql")

    assert policy(answer)["worker-src"] == "'self' blob:"
    assert policy(answer)["script-src"] == "'self'"
    assert policy(answer)["connect-src"] == "'self'"


async def test_with_a_one_time_password_there_is_no_graphiql_yet(site: Site) -> None:
    """A one-time password must be changed first."""
    ada = await site.person("ada")
    async with site.database.transaction() as session:
        await session.execute(update(Person).values(password_is_one_time=True))

    answer = await ada.http.get("/graphiql")

    assert (answer.status_code, answer.headers["location"]) == (302, "/sign-in?next=/graphiql")


async def test_who_signed_out_has_no_graphiql_any_more(site: Site) -> None:
    """GraphiQL is always revalidated, and a matching ETag does not replace the session."""
    ada = await site.person("ada")
    first = await ada.http.get("/graphiql")
    await ada.graphql("mutation { signOut }")

    again = await ada.http.get("/graphiql", headers={"if-none-match": first.headers["etag"]})

    assert first.status_code == 200
    assert again.status_code == 302


async def test_without_a_build_the_server_says_so_and_does_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_address: str, clock: Clock
) -> None:
    """/ names the command that builds the console. The rest of the server works."""
    monkeypatch.setattr(app.application, "BUILT", tmp_path / "nowhere")

    async with open_site(database_address, clock) as site:
        browser = await site.browser()
        front = await browser.http.get("/")
        statuses = {path: (await browser.http.get(path)).status_code for path in ("/docs", "/sign-in", "/v1/verify")}
        asked = await browser.graphql("{ __typename }")

    assert front.status_code == 200
    assert "<code>make console</code>" in front.text
    assert statuses == {"/docs": 200, "/sign-in": 404, "/v1/verify": 401}
    assert asked.value == "Query"


def test_a_half_finished_build_is_none(built: Path) -> None:
    """A build without one of its pages counts as no build."""
    (built / "graphiql/index.html").unlink()

    assert read_console(built) is None


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/organizations/org_1/api-keys/key_1/usage", "/organizations"),
        ("/assets/console-1a2b.js", "/assets"),
        ("/sign-in", "/sign-in"),
        ("/graphiql", "/graphiql"),
        ("/", "/"),
    ],
)
def test_the_log_has_the_route_and_no_id(path: str, route: str) -> None:
    """Path segments with ids are not logged."""
    assert route_of(path, app.application.ROUTES) == route


def test_the_doctor_says_whether_there_is_a_console(
    keydesk: Keydesk, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding has the date of the build. A missing build is only a warning."""
    found = {}
    for name, folder in {"built": built, "missing": built / "nowhere"}.items():
        monkeypatch.setattr(app.doctor.examine, "BUILT", folder)
        run = keydesk("doctor", "--json")
        found[name] = next(each for each in run.value if each["check"] == "console")

    assert all(each["ok"] for each in found.values())
    assert found["built"]["detail"].startswith("built on 2")
    assert "warning: the console was not built" in found["missing"]["detail"]
    assert "make console" in found["missing"]["detail"]


STARTERS = sorted((ROOT / "console/graphiql/starters").glob("*.graphql"))


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: str(path.stem))
def test_every_starter_of_graphiql_fits_the_schema(path: Path) -> None:
    """Each starter begins with a comment, is valid, and begins with the operation of its name."""
    schema = build_schema((ROOT / "schema/schema.graphql").read_text())

    text = path.read_text()
    document = parse(text)

    assert text.startswith("# ")
    assert validate(schema, document) == []
    first: Any = document.definitions[0]
    assert first.name.value == path.stem
    assert f"starter('{path.stem}'" in (ROOT / "console/graphiql/starters.ts").read_text()
