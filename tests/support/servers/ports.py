"""Ports for servers that a test stops and starts again on the same port."""

import random
import socket
from contextlib import suppress

PORTS = range(20_000, 32_000)
"""Below the ports of outgoing connections, so that no process takes the port while the server is down."""


def stable_port() -> int:
    """A port of loopback that is free now, and stays free while its server is down."""
    while True:
        port = random.choice(PORTS)
        with suppress(OSError), socket.socket() as tried:
            tried.bind(("127.0.0.1", port))
            return port
