"""
A socket's transport that closes in a way that lets the client read the answer, and never waits for ever to do so.

Closing a socket while unread data is in it resets the connection, and the client may lose an answer that was already
sent. So where a request has not been read whole, the writing half is closed first, and the rest is read and dropped for
a moment (RFC 9112, 9.6).
"""

import asyncio
from collections.abc import Callable
from typing import Any

from app.connections import Deadlines

DROPPED_BYTES_AT_MOST = 16 * 1024 * 1024


class GentleTransport:
    """
    Stands before a real transport, to which it passes on what it does not do itself.

    `may_send_more` says whether the client may still be sending something.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        deadlines: Deadlines,
        loop: asyncio.AbstractEventLoop,
        *,
        may_send_more: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._deadlines = deadlines
        self._loop = loop
        self._may_send_more = may_send_more
        self.is_ending = False
        """Whether it was closed from this side: what still arrives is no request any more."""
        self._dropped = 0
        self._timer: asyncio.TimerHandle | None = None
        self.write = transport.write
        """Called for every request: as an attribute it costs nothing more than the transport's own."""

    def is_closing(self) -> bool:
        """Whether the connection is at its end."""
        return self.is_ending or self._transport.is_closing()

    def abort(self) -> None:
        """Drops the connection, with what was not sent yet."""
        self.is_ending = True
        self._transport.abort()

    def close(self) -> None:
        """Closes once all is sent: at once where the client sends nothing more, else after a moment."""
        if self.is_closing():
            return
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
        """Counts what arrived and is not read any more; there is an end to it, too."""
        self._dropped += size
        if self._dropped > DROPPED_BYTES_AT_MOST:
            self.abort()

    def watch_unread(self) -> None:
        """Drops the connection where the client takes nothing off the socket for too long."""
        self._stop_timer()
        if unread := self._transport.get_write_buffer_size():
            self._timer = self._loop.call_later(self._deadlines.unread, self._look_again, unread)

    def forget_unread(self) -> None:
        """The client has read."""
        if not self.is_ending:
            self._stop_timer()

    def is_lost(self) -> None:
        """The connection is gone."""
        self._stop_timer()

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
