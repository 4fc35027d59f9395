"""Fixtures for browser tests: the browser, a demo server on a database of its own, and tabs."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from app.pages.console import BUILT, read_console
from tests.support.browser.browser import GIVE_UP_MILLISECONDS, WIDE, Scheme, Tab, chromium, launched, opened, sign_in
from tests.support.browser.demo import DemoServer, OpenTab, put_keys_back, served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """
    The system's Chromium. Without it, or without a built console, the test is skipped; in CI it fails.

    It lives only as long as a module's tests: while Playwright runs, no other event loop can.
    """
    missing = "no Chromium was found" if chromium() is None else "the console was not built (make console)"
    if chromium() is None or read_console(BUILT) is None:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    expect.set_options(timeout=GIVE_UP_MILLISECONDS)
    with sync_playwright() as playwright:
        launched_browser = launched(playwright)
        yield launched_browser
        launched_browser.close()


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's database, filled once for the whole run."""
    folder = tmp_path_factory.mktemp("demo")
    with served(folder):
        pass
    return folder


@pytest.fixture(scope="module")
def looked_at(browser: Browser, demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """A demo for tests that change nothing."""
    folder = tmp_path_factory.mktemp("looked-at") / "demo"
    shutil.copytree(demo_folder, folder)
    with served(folder) as server:
        yield server


@pytest.fixture
def demo(browser: Browser, demo_folder: Path, tmp_path: Path) -> Iterator[DemoServer]:
    """A demo that only this test uses, and may change."""
    shutil.copytree(demo_folder, tmp_path / "demo")
    with served(tmp_path / "demo") as server:
        yield server


@pytest.fixture(scope="module")
def keys_in_order(looked_at: DemoServer) -> list[list[dict[str, Any]]]:
    """The keys that shared_demo restores before each test."""
    return [looked_at.api_keys()]


@pytest.fixture
def shared_demo(looked_at: DemoServer, keys_in_order: list[list[dict[str, Any]]]) -> DemoServer:
    """
    A module's demo, with its keys restored before each test: starting a server takes several seconds.

    Passwords and the audit log stay as earlier tests left them.
    """
    keys_in_order[0] = put_keys_back(looked_at, keys_in_order[0])
    return looked_at


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """
    Opens a tab on a server, in which a person of a role is signed in, or nobody.

    The test fails at its end if one of its pages did anything unexpected.
    """
    with ExitStack() as stack:

        def open_one(
            server: DemoServer,
            role: str | None = None,
            *,
            scheme: Scheme = "light",
            size: tuple[int, int] = WIDE,
            permissions: tuple[str, ...] = (),
        ) -> Tab:
            entered: AbstractContextManager[Tab] = opened(
                browser, server.address, scheme=scheme, size=size, permissions=permissions
            )
            tab = stack.enter_context(entered)
            if role is not None:
                person = server.person(role)
                sign_in(tab.page.context, server.address, person["email"], person["password"])
            return tab

        yield open_one
