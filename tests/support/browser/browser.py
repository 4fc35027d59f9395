"""
Runs the browser for tests, and checks every page: nothing on its console, no violation of its content security
policy, and no request to another server.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

ROOT = Path(__file__).parents[3]
AXE = ROOT / "console/node_modules/axe-core/axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = (1280, 900), (390, 844)
GIVE_UP_MILLISECONDS = 30_000
TELLS_POLICY = """addEventListener('securitypolicyviolation', (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
NEXT_FRAME = "() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))"
"""Waits until a change is drawn."""


def chromium() -> str | None:
    """The system's Chromium; Playwright's own is a download that does not work everywhere."""
    return next((found for name in NAMES if (found := shutil.which(name)) is not None), None)


def launched(playwright: Playwright) -> Browser:
    """A headless browser."""
    return playwright.chromium.launch(executable_path=chromium(), args=FLAGS)


@dataclass(eq=False)
class Tab:
    """A page whose console, policy violations and requests are recorded."""

    page: Page
    address: str
    """The server's address."""
    troubles: list[str] = field(default_factory=list)
    """Everything that the page did and must not do."""
    expected: list[str] = field(default_factory=list)
    """Patterns of troubles that a test causes on purpose."""

    def __post_init__(self) -> None:
        self.page.set_default_timeout(GIVE_UP_MILLISECONDS)
        self.page.add_init_script(TELLS_POLICY)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.context.on("request", self._asked)

    def open(self, path: str) -> None:
        """Opens a path of the server, and waits until its first requests are answered."""
        self.page.goto(self.address + path, wait_until="networkidle")

    def path(self) -> str:
        """The current path, with the query."""
        parts = urlsplit(self.page.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def unexpected(self) -> list[str]:
        """Everything that the page did and no test expects."""
        return [each for each in self.troubles if not any(re.search(pattern, each) for pattern in self.expected)]

    def shoot(self, name: str) -> None:
        """Saves a screenshot in the folder that KEYDESK_SCREENSHOTS names, if any."""
        folder = os.environ.get("KEYDESK_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def violations(self, *left_out: str) -> list[str]:
        """The serious accessibility violations that axe finds; the listed selectors are excluded."""
        # Through the debugger, which is exempt from the page's content security policy.
        self.page.evaluate(AXE.read_text(encoding="utf-8") + "\n;0")
        context = {"include": [["html"]], "exclude": [[each] for each in left_out]}
        found: dict[str, Any] = self.page.evaluate(
            "(context) => axe.run(context, {resultTypes: ['violations']})", context
        )
        return [
            f"{each['id']}: {node['target']} {node['html'][:120]} ({node['failureSummary']})"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]

    def violations_everywhere(self, name: str) -> list[str]:
        """Violations in both color schemes, wide and narrow, and screens on which the page is wider than the window."""
        found = []
        for size in (WIDE, NARROW):
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                self.page.wait_for_selector(f"html[data-mantine-color-scheme={scheme}]")
                self.page.evaluate(NEXT_FRAME)
                self.shoot(f"{name}-{scheme}-{size[0]}")
                where = f"{name}, {scheme}, {size[0]} px"
                found += [f"{where}: {each}" for each in self.violations()]
                width = self.page.evaluate("document.documentElement.scrollWidth")
                found += [f"{where}: the page is {width} px wide"] if width > size[0] else []
        self.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        return found

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"error: {message.text} ({message.location.get('url', '')})")

    def _asked(self, request: Request) -> None:
        if request.url.startswith(("http:", "https:", "ws:", "wss:")) and not request.url.startswith(self.address):
            self.troubles.append(f"another host: {request.url}")


@contextmanager
def opened(
    browser: Browser,
    address: str,
    *,
    scheme: Scheme = "light",
    size: tuple[int, int] = WIDE,
    permissions: Sequence[str] = (),
) -> Iterator[Tab]:
    """A tab in a browser of its own, with nobody signed in; fails at the end if the page did anything unexpected."""
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": size[0], "height": size[1]},
        permissions=list(permissions),
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    try:
        tab = Tab(context.new_page(), address)
        yield tab
        assert not tab.unexpected(), tab.unexpected()
    finally:
        context.close()


def sign_in(context: BrowserContext, address: str, email: str, password: str) -> None:
    """Gives the browser a session without the form, for tests that are not about signing in."""
    document = """mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"""
    variables = {"input": {"email": email, "password": password}}
    answer = context.request.post(
        f"{address}/graphql", data={"query": document, "variables": variables}, headers={"accept": "application/json"}
    )
    assert answer.json() == {"data": {"signIn": {"__typename": "Viewer"}}}
