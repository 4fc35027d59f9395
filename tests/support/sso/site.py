"""Keydesk with an identity provider, and browsers that sign in there."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import Clock
from tests.support.client import Client, Site, open_site
from tests.support.sso.provider import Provider, running_provider

VIEWER = "{ viewer { user { email name } passwordChangeRequired organizations { id viewerRole } } }"


@dataclass
class SsoSite:
    """The running application and its provider."""

    site: Site
    provider: Provider

    async def start(self, client: Client, path: str = "/sso/start", **parameters: str) -> str:
        """Begins a sign-in. Returns the address that the browser is sent to."""
        answer = await client.http.get(path, params=parameters)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def come_back(self, client: Client, parameters: dict[str, str]) -> httpx.Response:
        """The provider sends the browser back with these parameters."""
        return await client.http.get("/sso/callback", params=parameters)

    async def sign_in(self, claims: Mapping[str, Any], client: Client | None = None) -> tuple[Client, httpx.Response]:
        """Signs in with these claims. Returns the browser and the last answer."""
        client = client or await self.site.browser()
        back = self.provider.sign_in(await self.start(client), **claims)
        return client, await self.come_back(client, back)

    async def viewer(self, client: Client) -> dict[str, Any] | None:
        """Who is signed in."""
        found: dict[str, Any] | None = (await client.graphql(VIEWER)).value
        return found


def heading(answer: httpx.Response) -> str:
    """The heading of a page."""
    return answer.text.partition("<h1>")[2].partition("</h1>")[0].replace("&#x27;", "'")


def path_of(address: str) -> str:
    """The path and query of an address."""
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


@pytest.fixture
async def provider(clock: Clock) -> AsyncIterator[Provider]:
    """The provider."""
    async with running_provider(clock) as running:
        yield running


@pytest.fixture
async def sso(database_address: str, clock: Clock, provider: Provider) -> AsyncIterator[SsoSite]:
    """Keydesk with this provider, and Acme and Globex."""
    async with open_site(database_address, clock, provider.environment) as site:
        yield SsoSite(site, provider)
