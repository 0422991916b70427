"""Clients that block a server: they send part of a request, or do not read the response."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic

import requests

#: The receive buffer of a client that does not read, in bytes.
SMALL_WINDOW = 4_096


@contextmanager
def connections(
    port: int, number: int, *, saying: bytes = b"", reading: bool = True, host: str = "127.0.0.1"
) -> Iterator[list[socket.socket]]:
    """Open *number* connections that send *saying* and nothing more."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            client = stack.enter_context(socket.socket())
            if not reading:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
            client.settimeout(10)
            client.connect((host, port))
            if saying:
                client.sendall(saying)
            opened.append(client)
        yield opened


def is_cut(client: socket.socket) -> bool:
    """Return whether the server has closed the connection; read and discard all data before that."""
    client.settimeout(0)
    try:
        while client.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    return True


def seconds_to_answer(url: str, *, timeout: float = 10) -> float:
    """Return the duration of a request on a new connection, in seconds; fail unless its status is 200."""
    began = monotonic()
    response = requests.get(url, timeout=timeout)
    assert response.status_code == 200, response.text
    return monotonic() - began
