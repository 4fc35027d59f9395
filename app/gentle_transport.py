"""
Wraps a socket's transport so that closing it lets the client read the answer, within a limited time, and so that the
answers of several connections are written together.

Closing a socket that has unread data resets the connection, and the client may lose an answer that was already sent. So
if a request was not read completely, the writing half is closed first, and the rest is read and dropped for a moment
(RFC 9112, 9.6).
"""

import asyncio
from collections.abc import Callable
from typing import Any

from app.connections import Deadlines, Writes

DROPPED_BYTES_AT_MOST = 16 * 1024 * 1024


class GentleTransport:
    """
    Wraps a transport and passes everything else on to it.

    `may_send_more` returns whether the client may still be sending something.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        deadlines: Deadlines,
        loop: asyncio.AbstractEventLoop,
        *,
        may_send_more: Callable[[], bool],
        writes: Writes,
    ) -> None:
        self._transport = transport
        self._deadlines = deadlines
        self._loop = loop
        self._may_send_more = may_send_more
        self.is_ending = False
        """Whether the server has closed the connection, so that received bytes are not read as requests any more."""
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writes = writes
        self._unwritten: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Writes at once, after what `write_soon` was given."""
        if self._unwritten:
            self._write_rest()
        self._transport.write(data)

    def write_soon(self, data: bytes) -> None:
        """Writes when the event loop turns next, together with other connections: see `Writes`."""
        if self.is_ending:
            self.write(data)
            return
        self._unwritten.append(data)
        self._writes.soon(self._write_rest, self._loop)

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self.is_ending or self._transport.is_closing()

    def abort(self) -> None:
        """Drops the connection, including bytes that were not sent yet."""
        self._write_rest()
        self.is_ending = True
        self._transport.abort()

    def close(self) -> None:
        """
        Closes the connection after everything is sent.

        If the client may still be sending, it closes only the writing half, and the rest after `Deadlines.last_words`.
        """
        if self.is_closing():
            return
        self._write_rest()
        self.is_ending = True
        if not self._may_send_more() or not self._transport.can_write_eof():
            self._transport.close()
            self.watch_unread()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self._stop_timer()
        self._timer = self._loop.call_later(self._deadlines.last_words, self._finish)

    def drop(self, size: int) -> None:
        """Counts received bytes that are dropped. Aborts the connection after DROPPED_BYTES_AT_MOST."""
        self._dropped += size
        if self._dropped > DROPPED_BYTES_AT_MOST:
            self.abort()

    def watch_unread(self) -> None:
        """Starts to watch unsent bytes: drops the connection if the client reads nothing for `Deadlines.unread`."""
        self._stop_timer()
        if unread := self._transport.get_write_buffer_size():
            self._timer = self._loop.call_later(self._deadlines.unread, self._look_again, unread)

    def forget_unread(self) -> None:
        """Called when the client has read: stops watching, unless the connection is being closed."""
        if not self.is_ending:
            self._stop_timer()

    def is_lost(self) -> None:
        """Called when the connection is lost: stops the timer, and drops what was not written."""
        self._unwritten.clear()
        self._stop_timer()

    def _write_rest(self) -> None:
        unwritten, self._unwritten = self._unwritten, []
        for data in unwritten:
            self.write(data)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self, unread_before: int) -> None:
        self._timer = None
        if self._transport.get_write_buffer_size() >= unread_before:
            self._transport.abort()
        else:
            self.watch_unread()

    def _finish(self) -> None:
        self._timer = None
        self._transport.close()
        self.watch_unread()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
