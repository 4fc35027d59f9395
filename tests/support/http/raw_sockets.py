"""A client on a bare socket: sends the steps of a trick, and reads every answer until the server closes."""

import re
import socket
import struct
import time
from contextlib import suppress
from typing import NamedTuple

from tests.support.http.tricks import Pause, Reset, Trick

GIVE_UP_SECONDS = 20.0
PAUSE_SECONDS = 0.02
LAST = b"GET /healthz HTTP/1.1\r\nHost: keys.example\r\n\r\n"
"""Follows a trick. If the connection is still open, its answer is the last."""
LAST_STATUS = 200
"""No trick is answered with this status."""


class Heard(NamedTuple):
    """The statuses of the final answers in order, whether the server closed before it answered LAST, and all bytes."""

    statuses: list[int]
    closed: bool
    received: bytes


def converse(address: tuple[str, int], trick: Trick) -> Heard:
    """Sends the trick on a connection of its own, and reads until LAST is answered or the server closes."""
    received = bytearray()
    with socket.create_connection(address, GIVE_UP_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):  # answered, and closed, before everything was sent
            for step in (*trick.steps, LAST):
                if isinstance(step, bytes):
                    connection.sendall(step)
                elif step is Pause:
                    time.sleep(PAUSE_SECONDS)
                elif step is Reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return Heard([], True, bytes(received))
                else:
                    while not statuses(received):
                        part = connection.recv(65536)
                        if not part:
                            break
                        received += part
        closed = False
        while not closed and LAST_STATUS not in statuses(received):
            part = b""
            with suppress(ConnectionError):
                part = connection.recv(65536)
            closed = not part
            received += part
    return Heard(statuses(received), closed, bytes(received))


def until_closed(address: tuple[str, int], *pieces: bytes) -> bytes:
    """Sends the pieces one after the other, and reads everything until the server closes."""
    received = b""
    with socket.create_connection(address, GIVE_UP_SECONDS) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(PAUSE_SECONDS)
        while part := connection.recv(65536):
            received += part
    return received


def statuses(received: bytes | bytearray) -> list[int]:
    """The statuses of the final answers."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] ([2-5]\d\d) ", received)]
