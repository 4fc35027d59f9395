"""Holds back, cuts off or answers for a GraphQL operation between a browser and the server."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page, Route, expect

GRAPHQL = "**/graphql"
NO_ANSWER = r"net::ERR_(FAILED|INTERNET_DISCONNECTED)|status of 502"
"""What Chromium's console says of requests that a test cut off."""


@dataclass(eq=False)
class HeldBack:
    """Requests that wait for the test."""

    page: Page
    routes: list[Route] = field(default_factory=list)
    seen: int = 0
    """How many there were in all."""
    is_open: bool = False

    def __call__(self, route: Route) -> None:
        """Keeps a request."""
        self.seen += 1
        if self.is_open:
            route.continue_()
        else:
            self.routes.append(route)

    def wait(self) -> None:
        """Until a request is there."""
        for _ in range(1500):
            if self.routes:
                return
            self.page.wait_for_timeout(20)
        raise AssertionError("nothing was sent")

    def let_go(self) -> None:
        """Sends what was kept, and what comes from now on."""
        self.is_open = True
        while self.routes:
            self.routes.pop(0).continue_()


def on(page: Page, operation: str, act: Callable[[Route], None]) -> None:
    """Does something to the requests of one operation, and lets the others through."""

    def handle(route: Route) -> None:
        if (route.request.post_data_json or {}).get("operationName") == operation:
            act(route)
        else:
            route.fallback()

    page.route(GRAPHQL, handle)


def hold_back(page: Page, operation: str) -> HeldBack:
    """Keeps the requests of an operation until the test lets them go."""
    held = HeldBack(page)
    on(page, operation, held)
    return held


def lose_answer(route: Route) -> None:
    """The server does it, and its answer is lost on the way."""
    assert route.fetch().ok
    route.abort()


def answer_502(route: Route) -> None:
    """The server does it, and a proxy answers in its place."""
    assert route.fetch().ok
    route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>")


def lose_request(route: Route) -> None:
    """It never gets to the server."""
    route.abort()


def asks_before_unload(page: Page) -> bool:
    """Whether reloading or closing the tab is asked about first."""
    return not page.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")


def expect_stays(page: Page, path: str) -> None:
    """Back and Forward lead nowhere."""
    page.evaluate("history.back()")
    page.wait_for_timeout(200)  # the browser goes and comes back
    expect(page).to_have_url(path)
