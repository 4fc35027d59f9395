"""The listening socket as it is closed."""

import errno
import select
import socket
import sys

import pytest

from app.serving.listening import PortTaken, listen, turn_away, waiting_connections

GIVE_UP_SECONDS = 60


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
def test_new_connections_are_turned_away_while_the_old_ones_are_accepted() -> None:
    """A new one is neither accepted nor refused until the socket is closed. Then it is refused, not reset."""
    with listen("127.0.0.1", 0) as listener, socket.socket() as late:
        earlier = [socket.create_connection(listener.getsockname(), GIVE_UP_SECONDS) for _ in range(3)]
        address = listener.getsockname()

        turn_away(listener)
        late.setblocking(False)
        assert late.connect_ex(address) == errno.EINPROGRESS
        for connection in earlier:
            connection.sendall(b"?")
        accepted = list(waiting_connections(listener))

        assert {each.getpeername() for each in accepted} == {each.getsockname() for each in earlier}
        assert [each.recv(1) for each in accepted] == [b"?"] * 3
        listener.close()
        assert select.select([], [late], [], GIVE_UP_SECONDS)[1] == [late]
        assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
        for each in (*earlier, *accepted):
            each.close()


def test_a_port_is_shared_only_by_those_that_ask_for_it() -> None:
    """Both servers must. A socket that shares its port does not listen before its server is ready."""
    with listen("127.0.0.1", 0, shares_port=True) as first:
        address = first.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, GIVE_UP_SECONDS)
        first.listen()
        with pytest.raises(PortTaken, match="--port"):
            listen("127.0.0.1", address[1])
        listen("127.0.0.1", address[1], shares_port=True).close()
