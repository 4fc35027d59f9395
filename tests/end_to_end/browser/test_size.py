"""The size of the console: what a browser loads before the first screen, and what it must not load."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Response, expect

from app.pages.console import BUILT
from tests.support.browser.demo import DemoServer, OpenTab
from tests.support.browser.first_screen import packed

pytest_plugins = ("tests.support.browser.fixtures",)

GZIPPED_BYTES_AT_MOST = 300_000
LATER = ("RequestsChart-", "editor.api-", "graphiql-", "monaco-editor-")
"""Scripts that only their own screens load."""


@pytest.mark.parametrize("path", ["/sign-in", "/"])
def test_the_first_screen_is_small(looked_at: DemoServer, open_tab: OpenTab, path: str) -> None:
    """All its gzipped scripts are below the limit; charts and GraphiQL's editor are not among them."""
    scripts: dict[str, int] = {}
    tab = open_tab(looked_at, None if path == "/sign-in" else "organization-admin")

    def loaded(response: Response) -> None:
        if response.request.resource_type == "script":
            scripts[Path(urlsplit(response.url).path).name] = packed(response)

    tab.page.on("response", loaded)
    tab.open(path)
    expect(tab.page.get_by_role("heading", level=1)).to_be_visible()

    assert scripts
    assert sum(scripts.values()) < GZIPPED_BYTES_AT_MOST, scripts
    built = [path.name for path in (BUILT / "assets").iterdir()]
    assert all(any(name.startswith(each) for name in built) for each in LATER)
    assert [name for name in scripts if name.startswith(LATER)] == []
