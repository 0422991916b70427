"""Gunicorn's worker process with waitress's connections.

Gunicorn starts and replaces processes and passes them signals and listening sockets. In each process one loop accepts
connections, reads whole requests and sends responses, as waitress does; threads run the application.
"""

import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.task import ThreadedTaskDispatcher

from app.config import Settings
from app.metrics import listener as metrics_listener
from app.web.server.connections import CHECK_EVERY_S, ConnectionLimits, Connections, Listener
from app.web.server.http_parser import LARGEST_CHUNKED_BODY, LARGEST_HEAD
from app.web.server.http_responses import SERVER

#: Seconds for which a process that stops keeps connections without a request, since a client may be sending one.
LINGER_S = 2.0
#: Bytes of a streamed response that are in memory before the application has to wait for the client.
SEND_AHEAD = 1024 * 1024
RECEIVE_BLOCK = 65_536
#: File descriptors for anything but connections of clients, PostgreSQL and Redis.
SPARE_FILES = 16
FEWEST_CONNECTIONS = 4
OPEN_FILES = Path("/proc/self/fd")
MEGABYTE = 1024 * 1024


class MergelaneWorker(Worker):
    """Serves requests in one process."""

    _wake_up: Callable[[], None] | None = None
    #: When gunicorn's first process is to see again that this one works.
    _notify_at = 0.0

    def run(self) -> None:
        """Serve until SIGTERM or until gunicorn's first process is gone, then finish the requests that have begun."""
        settings = Settings.from_environ()
        self._connections = Connections(connection_limits(settings))
        self._map: dict[int, Any] = {}
        self._threads = ThreadedTaskDispatcher()
        self._threads.set_thread_count(self.cfg.threads)
        adjustments = _adjustments()
        listeners = [self._listener(each.sock, adjustments) for each in self.sockets]
        self._wake_up = listeners[0].pull_trigger
        while self.alive and self._has_parent():
            self._turn()
        for listener in listeners:
            listener.stop_accepting()
        self._finish_requests()

    def handle_exit(self, _: int, __: Any) -> None:
        self.alive = False
        if self._wake_up is not None:
            self._wake_up()

    def _listener(self, sock: socket.socket, adjustments: Adjustments) -> Listener:
        return Listener(
            self.wsgi,
            self._map,
            _sock=sock,
            dispatcher=self._threads,
            adj=adjustments,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
            connections=self._connections,
        )

    def _turn(self) -> None:
        """Serve whatever is ready, for at most CHECK_EVERY_S."""
        now = monotonic()
        if now >= self._notify_at:
            # A system call, and one that lets other threads run: not in each of the turns that a request takes.
            self._notify_at = now + CHECK_EVERY_S
            self.notify()
        timeout = CHECK_EVERY_S if self._connections.is_accepting else CHECK_EVERY_S / 10
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)
        self._connections.check()

    def _finish_requests(self) -> None:
        self._connections.stopping = True
        began = monotonic()
        while len(self._connections) and monotonic() - began < self.cfg.graceful_timeout:
            self._turn()
            if monotonic() - began > LINGER_S:
                self._connections.close_idle()
        self._threads.shutdown(timeout=1)

    def _has_parent(self) -> bool:
        if self.ppid == os.getppid():
            return True
        self.log.info("Parent changed, shutting down: %s", self)
        return False


def raise_open_files() -> None:
    """Raise the soft limit of open files to the hard one: the usual 1,024 is less than a server needs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits of this process; its connections leave room for other files below the limit of open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = len(list(OPEN_FILES.iterdir())) + settings.pool_size + settings.web_threads + SPARE_FILES
    others += metrics_listener.CONNECTIONS if settings.metrics_address else 0
    return ConnectionLimits(
        head_s=settings.web_head_s,
        body_s=settings.web_body_s,
        send_s=settings.web_send_s,
        keep_alive_s=settings.web_keep_alive_s,
        connections=max(FEWEST_CONNECTIONS, min(settings.web_connections, soft - others)),
        buffered=settings.web_buffer_mb * MEGABYTE,
    )


def _adjustments() -> Adjustments:
    """Return waitress's settings. Time limits and the number of connections are ours, not waitress's."""
    return Adjustments(
        sockets=[],
        ident=SERVER,
        log_socket_errors=False,
        # app.web.proxies decides about the headers of proxies.
        clear_untrusted_proxy_headers=False,
        recv_bytes=RECEIVE_BLOCK,
        max_request_header_size=LARGEST_HEAD,
        # The parser bounds the body itself.
        max_request_body_size=LARGEST_CHUNKED_BODY,
        # Nothing is written to temporary files: the body of a request may be personal data.
        inbuf_overflow=2**31,
        outbuf_overflow=2**31,
        outbuf_high_watermark=SEND_AHEAD,
    )
