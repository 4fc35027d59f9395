"""Answers that are written soon arrive in order, however the connection goes on."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from app.connections import Deadlines, Writes
from app.gentle_transport import GentleTransport


class Recorded:
    """A transport that records what is done to it."""

    def __init__(self, name: str, seen: list[Any]) -> None:
        self.name = name
        self.seen = seen

    def write(self, data: bytes) -> None:
        """Records a write with the name of the connection."""
        self.seen.append((self.name, data))

    def close(self) -> None:
        """Records that the connection is closed."""
        self.seen.append((self.name, "closed"))

    def abort(self) -> None:
        """Records that the connection is dropped."""
        self.seen.append((self.name, "aborted"))

    def is_closing(self) -> bool:
        """Never, so that each call is recorded."""
        return False

    def get_write_buffer_size(self) -> int:
        """Nothing is left to send."""
        return 0


def gentle(name: str, seen: list[Any], writes: Writes) -> GentleTransport:
    """A connection of this name."""
    transport = cast(asyncio.Transport, Recorded(name, seen))
    return GentleTransport(
        transport, Deadlines(), asyncio.get_running_loop(), may_send_more=lambda: False, writes=writes
    )


async def test_answers_of_one_turn_are_written_together() -> None:
    """The answers come in the order in which they were made, at the loop's next turn and before what follows them."""
    seen: list[Any] = []
    writes = Writes()
    first, second = gentle("first", seen, writes), gentle("second", seen, writes)

    first.write_soon(b"1")
    asyncio.get_running_loop().call_soon(seen.append, "what came after the first")
    second.write_soon(b"2")
    first.write_soon(b"3")
    assert seen == []
    await asyncio.sleep(0)

    assert seen == [("first", b"1"), ("first", b"3"), ("second", b"2"), "what came after the first"]
    first.write_soon(b"4")
    await asyncio.sleep(0)
    assert seen[4:] == [("first", b"4")]


@pytest.mark.parametrize(
    ("act", "then"),
    [
        (lambda connection: connection.write(b"2"), b"2"),
        (lambda connection: connection.close(), "closed"),
        (lambda connection: connection.abort(), "aborted"),
    ],
    ids=["write", "close", "abort"],
)
async def test_an_answer_is_written_before_what_happens_next(act: Callable[[GentleTransport], None], then: Any) -> None:
    """For example, the connection is closed before the loop turns. Nothing is written twice."""
    seen: list[Any] = []
    connection = gentle("a", seen, Writes())

    connection.write_soon(b"1")
    act(connection)
    await asyncio.sleep(0)

    assert seen == [("a", b"1"), ("a", then)]


async def test_a_connection_that_cannot_be_written_to_takes_no_other_answer() -> None:
    """The error is reported to the event loop, and the next connection gets its answer."""
    seen: list[Any] = []
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    writes, broken = Writes(), RuntimeError()

    def fail() -> None:
        raise broken

    writes.soon(fail, asyncio.get_running_loop())
    gentle("other", seen, writes).write_soon(b"1")
    await asyncio.sleep(0)

    assert seen == [("other", b"1")]
    assert reported == [broken]


async def test_nothing_is_written_to_a_lost_connection() -> None:
    """The client has gone; the connections of others get their answers."""
    seen: list[Any] = []
    writes = Writes()
    gone, other = gentle("gone", seen, writes), gentle("other", seen, writes)

    gone.write_soon(b"1")
    other.write_soon(b"2")
    gone.is_lost()
    await asyncio.sleep(0)

    assert seen == [("other", b"2")]
