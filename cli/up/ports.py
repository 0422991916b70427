"""Ports that `mergelane up` is about to listen on."""

import contextlib
import socket

from app.errors import SetupError


def require_free(host: str, port: int, option: str) -> None:
    """Raise SetupError, naming the command line's *option*, when nobody can listen on *port* of *host*."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
            # As the servers do: what a former one left half-closed does not keep a new one from listening.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        message = f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with {option}."
        raise SetupError(message) from None
