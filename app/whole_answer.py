"""
Sends an answer that is complete from the start, with one system call.

uvloop writes to the socket at once, so an answer that is sent as ASGI prescribes, head and body separately, costs two
system calls and mostly two packets: a third of the processor time of a verification. uvicorn also checks every header
with two regular expressions, which headers that this program makes don't need.
"""

from litestar.types import Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from app.gentle_transport import GentleTransport


async def send_whole(send: Send, status: int, lines: bytes, body: bytes, *, is_head: bool = False) -> None:
    """
    Sends the answer. `lines` are its headers: name, colon, space, value and line end of each. They must be valid, with
    names in lower case; `content-length` is added. HEAD gets no body.

    If `send` is not the server's own function, because the application wraps it, the answer goes through it.
    """
    lines = b"%bcontent-length: %d\r\n" % (lines, len(body))
    shown = b"" if is_head else body
    cycle = getattr(send, "__self__", None)
    if type(cycle) is RequestResponseCycle and not cycle.flow.write_paused:
        _write(cycle, status, lines, shown)
    else:
        pairs = [(name, value) for name, _, value in (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": shown, "more_body": False})


def _write(cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes) -> None:
    """Does what RequestResponseCycle.send does with the two messages of a complete answer."""
    if cycle.disconnected:
        return
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    ending = b"" if cycle.keep_alive else b"connection: close\r\n"
    always = b"".join([b"%b: %b\r\n" % header for header in cycle.default_headers])
    transport = cycle.transport
    write = transport.write_soon if isinstance(transport, GentleTransport) else transport.write
    write(b"%b%b%b%b\r\n%b" % (STATUS_LINE[status], always, lines, ending, body))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
