"""What ends an event stream, what its client gets, and that the source is closed."""

import asyncio
import logging
import threading
from dataclasses import replace

import pytest

from tests.support.graphql.tiny_streams import OVER, PATIENT, TinyStreams
from tests.support.http.sse_listener import COMPLETE, GIVE_UP_SECONDS, Listener

SAID = "subscription { said { text } }"


@pytest.mark.parametrize("reads", [True, False])
async def test_a_client_that_hangs_up_closes_the_source(reads: bool) -> None:
    """The source's `finally` has run when the request ends, whether it waited for an event or for the client."""
    tiny = TinyStreams()
    listener = Listener(tiny, SAID)
    tiny.source.say("one")
    await listener.heard(1)
    if not reads:
        listener.stop_reading()
        tiny.source.say("two")
        await _quiet()

    listener.hang_up()
    heard = await listener.end()

    assert tiny.source.closed.is_set()
    assert COMPLETE not in heard


async def test_a_client_that_reads_slowly_waits_for_itself() -> None:
    """No further event is taken from the source while one can't be sent."""
    tiny = TinyStreams()
    listener = Listener(tiny, SAID)
    await listener.until(lambda heard: bool(heard.pieces))
    listener.stop_reading()

    tiny.source.say(*(str(number) for number in range(100)), OVER)
    await _quiet()
    taken = tiny.source.taken
    listener.read_on()
    heard = await listener.end()

    assert taken == 1
    assert [event.data["data"]["said"]["text"] for event in heard[:-1]] == [str(number) for number in range(100)]


async def test_a_client_that_reads_nothing_is_given_up() -> None:
    """After the time limit, the source is closed and its place is free."""
    tiny = TinyStreams(stream_limits=replace(PATIENT, unread_seconds=0.01, a_person=1))
    listener = Listener(tiny, SAID)
    await listener.until(lambda heard: bool(heard.pieces))
    listener.stop_reading()

    tiny.source.say("one")
    await _set(tiny.source.closed)
    listener.read_on()
    heard = await listener.end()

    assert heard == []
    assert [event.name for event in await Listener(tiny, "subscription { count(to: 1) }").end()] == ["next", "complete"]


async def test_nothing_is_sent_once_the_right_is_over() -> None:
    """The right is checked before each event. The client gets the refusal instead of the event."""
    tiny = TinyStreams()
    listener = Listener(tiny, SAID)
    tiny.source.say("before")
    await listener.heard(1)

    tiny.right.holds = False
    tiny.source.say("after")
    [first, refused, complete] = await listener.end()

    assert first.data == {"data": {"said": {"text": "before"}}}
    assert (refused.codes, complete) == (["UNAUTHENTICATED"], COMPLETE)
    assert "data" not in refused.data
    assert tiny.source.closed.is_set()


async def test_a_silent_stream_ends_with_the_right_to_it() -> None:
    """Without events, the right is checked at intervals."""
    tiny = TinyStreams(stream_limits=replace(PATIENT, recheck_seconds=0.001))
    listener = Listener(tiny, SAID)
    await listener.until(lambda heard: bool(heard.pieces))

    tiny.right.holds = False
    heard = await listener.end()

    assert [event.name for event in heard] == ["next", "complete"]
    assert heard[0].codes == ["UNAUTHENTICATED"]
    assert tiny.source.closed.is_set()


async def test_a_stream_that_is_told_looks_at_once() -> None:
    """When the right reports a change, it is checked at once, and the stream goes on if it still holds."""
    tiny = TinyStreams()
    listener = Listener(tiny, SAID)
    tiny.source.say("one")
    await listener.heard(1)

    tiny.right.tell()
    tiny.source.say("two")
    heard = await listener.heard(2)
    tiny.right.holds = False
    tiny.right.tell()
    [*_, refused, complete] = await listener.end()

    assert [event.data["data"]["said"]["text"] for event in heard] == ["one", "two"]
    assert (refused.codes, complete) == (["UNAUTHENTICATED"], COMPLETE)
    assert tiny.right.calls == []


async def test_a_right_that_can_not_be_looked_at_ends_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """If the right can't be checked, the stream ends with a masked error."""
    tiny = TinyStreams()
    listener = Listener(tiny, SAID)
    await _set(tiny.source.opened)

    tiny.right.failure = OSError("postgresql://keydesk:hunter2@db")
    tiny.source.say("one")
    [failed, complete] = await listener.end()

    assert (failed.codes, complete) == (["INTERNAL_SERVER_ERROR"], COMPLETE)
    assert tiny.source.closed.is_set()
    assert "hunter2" not in caplog.text


async def test_a_person_has_so_many_streams_at_the_same_time() -> None:
    """One more is refused with a wait. Other people's streams are not affected, and an ended stream frees its place."""
    tiny = TinyStreams(stream_limits=replace(PATIENT, a_person=2))
    open_ones = [Listener(tiny, SAID) for _ in range(2)]
    for each in open_ones:
        await each.until(lambda heard: bool(heard.pieces))

    [refused, complete] = await Listener(tiny, SAID).end()
    tiny.right = replace(tiny.right, owner="grace", calls=[])
    others = await Listener(tiny, "subscription { count(to: 1) }").end()
    open_ones[0].hang_up()
    await open_ones[0].end()
    tiny.right = replace(tiny.right, owner="ada")
    again = await Listener(tiny, "subscription { count(to: 1) }").end()

    assert refused.codes == ["RATE_LIMITED"]
    assert refused.data["errors"][0]["extensions"]["retryAfterSeconds"] > 0
    assert "2 streams" in refused.data["errors"][0]["message"]
    assert complete == COMPLETE
    assert [event.name for event in others] == [event.name for event in again] == ["next", "complete"]
    await _hung_up(open_ones[1])


async def test_a_process_has_so_many_streams_at_the_same_time() -> None:
    """The limit counts all people's streams."""
    tiny = TinyStreams(stream_limits=replace(PATIENT, in_all=1))
    listener = Listener(tiny, SAID)
    await listener.until(lambda heard: bool(heard.pieces))
    tiny.right = replace(tiny.right, owner="grace", calls=[])

    refused = await Listener(tiny, SAID).end()
    await _hung_up(listener)
    again = await Listener(tiny, "subscription { count(to: 1) }").end()

    assert refused[0].codes == ["RATE_LIMITED"]
    assert again[0].data == {"data": {"count": 1}}


async def test_a_server_that_stops_ends_a_stream_without_complete() -> None:
    """Without `complete`, the client knows that the stream was interrupted and can connect again."""
    tiny = TinyStreams()
    listener = Listener(tiny, SAID)
    tiny.source.say("one")
    await listener.heard(1)

    listener.server_stops.set()
    heard = await listener.end()

    assert [event.name for event in heard] == ["next"]
    assert listener.is_whole
    assert tiny.source.closed.is_set()


async def test_a_request_that_is_cancelled_closes_its_source() -> None:
    """A cancelled request, as at a forced stop of the server, closes its source."""
    tiny = TinyStreams()
    listener = Listener(tiny, SAID)
    await _set(tiny.source.opened)

    listener.answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener.end()

    assert tiny.source.closed.is_set()
    assert [event.name for event in await Listener(tiny, "subscription { count(to: 1) }").end()] == ["next", "complete"]


async def test_a_source_that_fails_when_it_is_closed_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The stream ends as it would have; the log has no message of the exception."""
    tiny = TinyStreams(failures={"end": ValueError("hunter2")})
    listener = Listener(tiny, 'subscription { unending(kind: "end") }')
    await listener.heard(1)

    with caplog.at_level(logging.ERROR):
        tiny.right.holds = False
        tiny.right.tell()
        heard = await listener.end()

    assert [event.name for event in heard] == ["next", "next", "complete"]
    assert heard[1].codes == ["UNAUTHENTICATED"]
    [record] = caplog.records
    assert "ValueError" in record.getMessage()
    assert "hunter2" not in caplog.text


async def _hung_up(listener: Listener) -> None:
    listener.hang_up()
    await listener.end()


async def _quiet() -> None:
    """Lets every task run until all of them wait for something outside."""
    for _ in range(200):
        await asyncio.sleep(0)


async def _set(event: threading.Event) -> None:
    """Waits for an event that another thread sets, without blocking the loop."""
    assert await asyncio.to_thread(event.wait, GIVE_UP_SECONDS)
