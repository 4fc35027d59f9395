"""The listening socket: opening it, and closing it so that no connection that was accepted is lost."""

import ctypes
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

from keys.expected_error import ExpectedError

BACKLOG = 2048
HANDSHAKE_SECONDS = 0.05
"""How long connections that are just being made have to arrive, after `turn_away` and before the socket is closed."""
_SO_ATTACH_FILTER = 26  # linux/asm-generic/socket.h
_FLAGS_OFFSET, _SYN_AND_ACK, _SYN = 13, 0x12, 0x02
_FILTER = (
    (0x30, 0, 0, _FLAGS_OFFSET),  # load the byte with the segment's flags
    (0x54, 0, 0, _SYN_AND_ACK),  # keep SYN and ACK
    (0x15, 0, 1, _SYN),  # is it the first segment of a connection?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else take all of it
)
"""A classic BPF program (linux/filter.h): code, jump if true, jump if false, operand."""


class PortTaken(ExpectedError):
    """The server can't listen at this address. The message says what to do."""


def listen(host: str, port: int, *, shares_port: bool = False) -> socket.socket:
    """
    Returns the listening socket. With port 0, the system chooses one. Raises PortTaken.

    With `shares_port`, other servers of the same user that ask for it too may listen at the same address; the system
    divides new connections among them. The socket does not listen yet then: the server begins that when it is ready, so
    that no connection waits for it while another server could answer.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shares_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
        if not shares_port:
            listener.listen(BACKLOG)
    except (socket.gaierror, UnicodeError):
        listener.close()
        raise PortTaken(f"{host} is not an address of this machine. Choose another with --host.") from None
    except OSError as error:
        listener.close()
        raise PortTaken(f"{host}:{port} can't be used ({error.strerror}). Choose another with --port.") from None
    return listener


def turn_away(listener: socket.socket) -> None:
    """
    Makes the socket ignore new connections from now on, while those that are made already can still be accepted.

    Closing a socket resets the connections that wait to be accepted, and some always would, under load. A client that
    is ignored repeats its first segment a second later; it then reaches another server at this address, or is refused
    and tries the next address. This works on Linux only; elsewhere it does nothing.
    """
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _FILTER)
    memory = ctypes.create_string_buffer(program, len(program))
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_FILTER), ctypes.addressof(memory))
        )


def waiting_connections(listener: socket.socket) -> Iterator[socket.socket]:
    """Accepts the connections that wait at the socket, until there is none."""
    listener.setblocking(False)
    with suppress(OSError):  # BlockingIOError: none is left
        for _ in range(2 * BACKLOG):
            connection, _address = listener.accept()
            yield connection
