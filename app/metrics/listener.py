"""The HTTP server that Prometheus scrapes, on an address of its own. It requires no key and serves only numbers.

On an address of loopback it refuses requests that name another host: a page of another site whose name leads to this
machine (DNS rebinding) would send such requests.
"""

import logging
import socket
import sys
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from app.host_names import is_loopback

log = logging.getLogger(__name__)

#: Connections at the same time; further ones are closed, so that they take no files and threads of the process.
CONNECTIONS = 8
#: Seconds in which a client must send or read something.
TIMEOUT_S = 10.0
OTHER_HOST = b"The metrics are served under localhost and addresses of loopback alone, because they are on loopback.\n"
FAILED = b"The metrics cannot be read; the log line metrics_failed says why.\n"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class MetricsListener:
    """Serves a registry in a thread of its own until it is closed."""

    def __init__(self, address: str, registry: CollectorRegistry) -> None:
        """Listen on *address* (HOST:PORT); raise OSError or OverflowError if that is impossible."""
        host, _, port = address.rpartition(":")
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        # getaddrinfo takes a port modulo 65,536, bind refuses it.
        self._server = _Server(family, (place[0], int(port)))
        local = ip_address(str(self._server.server_address[0])).is_loopback
        self._server.set_app(_application(registry, local=local))
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(WSGIRequestHandler):
    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(TIMEOUT_S)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in the base class
        """Log no requests."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # A second process must notice that the port is in use.
    allow_reuse_port = False

    def __init__(self, family: socket.AddressFamily, place: Any) -> None:
        self.address_family = family
        self._slots = BoundedSemaphore(CONNECTIONS)
        super().__init__(place, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no further thread can start
            self._slots.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  named in the base class
        """Log the end of a connection: the client has left, or was too slow."""
        log.debug("metrics_connection_failed", extra={"error": type(sys.exception()).__name__})


def _application(registry: CollectorRegistry, *, local: bool) -> Application:
    """Return the application; a *local* one serves names of loopback alone."""
    prometheus: Application = make_wsgi_app(registry)

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if local and not is_loopback(environ.get("HTTP_HOST", "")):
            start_response("421 Misdirected Request", [("Content-Type", "text/plain; charset=utf-8")])
            return [OTHER_HOST]
        try:
            return prometheus(environ, start_response)
        except Exception:
            log.exception("metrics_failed")
            start_response("500 Internal Server Error", [("Content-Type", "text/plain; charset=utf-8")])
            return [FAILED]

    return serve
