"""Keeps a document of the identity provider, so that neither sign-ins nor floods of them make many requests for it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from app.outbound.client import OutboundFailure

Document = TypeVar("Document")
FRESH = timedelta(hours=1)
USABLE = timedelta(days=1)
"""For so long, an old document is used if the provider can't be reached."""
RETRY = timedelta(seconds=10)
"""After a failure, the provider is not asked again for this time."""
RENEWAL = timedelta(minutes=1)
"""A document is fetched early at most this often, whoever asks for it."""


class Kept(Generic[Document]):
    """A document that is fetched once an hour, by one request at a time."""

    def __init__(self, fetch: Callable[[], Awaitable[Document]], clock: Callable[[], datetime]) -> None:
        """`fetch` raises OutboundFailure if the document can't be had, or can't be used."""
        self._fetch = fetch
        self._clock = clock
        self._turn = asyncio.Lock()
        self._document: Document | None = None
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._failure: OutboundFailure | None = None

    async def get(self) -> Document:
        """The document, at most an hour old while the provider can be reached. Raises OutboundFailure."""
        if self._document is not None and self._is_within(self._fetched_at, FRESH):
            return self._document
        async with self._turn:
            if self._document is not None and self._is_within(self._fetched_at, FRESH):
                return self._document
            if self._failure is None or not self._is_within(self._tried_at, RETRY):
                await self._try()
            return self._old()

    async def renewed(self) -> Document:
        """The document, fetched again unless that was tried less than a minute ago. Raises OutboundFailure."""
        async with self._turn:
            if not self._is_within(self._tried_at, RENEWAL):
                await self._try()
            return self._old()

    async def _try(self) -> None:
        self._tried_at = self._clock()
        try:
            self._document = await self._fetch()
        except OutboundFailure as failure:
            self._failure = failure
        else:
            self._failure, self._fetched_at = None, self._tried_at

    def _old(self) -> Document:
        """The newest document, if it is not too old."""
        if self._document is not None and self._is_within(self._fetched_at, USABLE):
            return self._document
        raise self._failure or OutboundFailure("it was not fetched")

    def _is_within(self, moment: datetime | None, time: timedelta) -> bool:
        """Whether the moment was less than this time ago. One in the future does not count: the clock was set back."""
        return moment is not None and moment <= self._clock() < moment + time
