"""A minimal load balancer: it passes new connections in turn to the servers that report ready."""

import selectors
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress

import requests

from tests.support.processes import free_port

#: Seconds between two readiness checks of a server.
ASK_S = 0.05


class Balancer:
    """Listens on `port` and forwards TCP connections. It uses HTTP only for the readiness checks."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self.ready: list[int] = []
        self._ports = ports
        self._turn = 0
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=self._accept), *(self._asker(port) for port in ports)]

    def start(self) -> None:
        """Start the readiness checks and accept connections."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and close every connection."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _asker(self, port: int) -> threading.Thread:
        return threading.Thread(target=self._ask, args=[port])

    def _ask(self, port: int) -> None:
        """Check until the end whether the server on *port* is ready."""
        while not self._over.wait(ASK_S):
            try:
                ready = requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=2).ok
            except requests.RequestException:
                ready = False
            if ready != (port in self.ready):
                self.ready = sorted({*self.ready, port} if ready else {*self.ready} - {port})

    def _accept(self) -> None:
        """Forward each connection in its own thread."""
        with suppress(OSError):
            while not self._over.is_set():
                near, _ = self._listener.accept()
                thread = threading.Thread(target=self._join, args=[near])
                thread.start()
                self._threads.append(thread)

    def _join(self, near: socket.socket) -> None:
        """Forward one connection in both directions until either side closes it."""
        ready = self.ready
        self._turn += 1
        with (
            near,
            suppress(OSError, IndexError),
            socket.create_connection(("127.0.0.1", ready[self._turn % max(1, len(ready))])) as far,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while not self._over.is_set():
                for key, _ in selector.select(0.5):
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)
