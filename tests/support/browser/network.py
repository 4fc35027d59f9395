"""Delays, fails or replaces the answers to a GraphQL operation between a browser and the server."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page, Route, expect

GRAPHQL = "**/graphql"
NO_ANSWER = r"net::ERR_(FAILED|INTERNET_DISCONNECTED)|status of 502"
"""Messages on Chromium's console about requests that a test cut off."""


@dataclass(eq=False)
class HeldBack:
    """Requests that wait for the test."""

    page: Page
    routes: list[Route] = field(default_factory=list)
    seen: int = 0
    """The number of requests so far."""
    is_open: bool = False

    def __call__(self, route: Route) -> None:
        """Holds a request."""
        self.seen += 1
        if self.is_open:
            route.continue_()
        else:
            self.routes.append(route)

    def wait(self) -> None:
        """Waits until a request is held."""
        for _ in range(1500):
            if self.routes:
                return
            self.page.wait_for_timeout(20)
        raise AssertionError("nothing was sent")

    def let_go(self) -> None:
        """Sends the held requests, and lets later ones through at once."""
        self.is_open = True
        while self.routes:
            self.routes.pop(0).continue_()


def on(page: Page, operation: str, act: Callable[[Route], None]) -> None:
    """Handles the requests of one operation with `act`, and lets the others through."""

    def handle(route: Route) -> None:
        if (route.request.post_data_json or {}).get("operationName") == operation:
            act(route)
        else:
            route.fallback()

    page.route(GRAPHQL, handle)


def hold_back(page: Page, operation: str) -> HeldBack:
    """Holds the requests of an operation until the test releases them."""
    held = HeldBack(page)
    on(page, operation, held)
    return held


def lose_answer(route: Route) -> None:
    """The server executes the operation; its answer is lost on the way."""
    assert route.fetch().ok
    route.abort()


def answer_502(route: Route) -> None:
    """The server executes the operation; the browser gets a 502 of a proxy."""
    assert route.fetch().ok
    route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>")


def lose_request(route: Route) -> None:
    """The request never reaches the server."""
    route.abort()


def asks_before_unload(page: Page) -> bool:
    """Whether the page asks before it is reloaded or its tab is closed."""
    return not page.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")


def expect_stays(page: Page, path: str) -> None:
    """Asserts that Back and Forward change nothing."""
    page.evaluate("history.back()")
    page.wait_for_timeout(200)  # the browser leaves and returns
    expect(page).to_have_url(path)
