"""Measures the size of a script as most browsers load it."""

from urllib.parse import urlsplit

from playwright.sync_api import Response

from app.pages.console import BUILT


def packed(response: Response) -> int:
    """The gzipped size of a script as built; files too small to be compressed count in full."""
    path = BUILT / urlsplit(response.url).path.lstrip("/")
    gzipped = path.with_name(path.name + ".gz")
    return (gzipped if gzipped.exists() else path).stat().st_size
