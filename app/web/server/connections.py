"""All connections of one web process: their number, their memory, and their time limits."""

import errno
import logging
import socket
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from waitress.server import TcpWSGIServer

from app.web.server.connection import ClientConnection, Phase

LOG = logging.getLogger(__name__)

#: Bytes that a client must read in each window of `ConnectionLimits.send_s`.
LEAST_SENT = 65_536
#: Seconds between two checks of the time limits.
CHECK_EVERY_S = 0.5
#: Seconds for a client to close a connection after its last response.
CLOSING_S = 5.0
#: Seconds that a connection is safe from being given up for another one.
SAFE_S = 0.25
#: The part of all connections that is given up at once.
GIVEN_UP = 1 / 20
#: File descriptors that are freed at least when there is none left: requests need some too.
FEWEST_FILES = 4
#: Connections that one process accepts before it serves the others.
ACCEPTED_AT_ONCE = 8
#: Bytes that may arrive between two checks of the memory.
CHECK_MEMORY_EVERY = 8 * 1024 * 1024
#: Seconds between two lines of the log about closed connections.
LOG_EVERY_S = 60.0
#: Bytes that the kernel holds for a client that does not read.
SEND_BUFFER = 262_144
#: Seconds without accepting after the process had no file descriptor left.
PAUSE_S = 0.05
NO_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Limits of the connections of one process; `*_s` are seconds."""

    head_s: float
    body_s: float
    send_s: float
    keep_alive_s: float
    connections: int
    buffered: int

    def of(self, phase: Phase) -> float:
        """Return how long a connection may be in *phase*."""
        limits = {
            Phase.CLOSING: CLOSING_S,
            Phase.SILENT: self.head_s,
            Phase.HEAD: self.head_s,
            Phase.BODY: self.body_s,
            Phase.IDLE: self.keep_alive_s,
        }
        return limits.get(phase, float("inf"))


class Connections:
    """The connections of one process. Only its loop uses them, except `stopping`."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        #: Whether the process stops: every response closes its connection.
        self.stopping = False
        self._all: set[ClientConnection] = set()
        self._closed: Counter[str] = Counter()
        #: Whether too many bytes are in memory: nothing more is read until requests have finished.
        self.memory_full = False
        self._received = 0
        self._paused_until = self._logged = self._checked = 0.0

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: ClientConnection) -> None:
        self._all.add(connection)

    def remove(self, connection: ClientConnection) -> None:
        self._all.discard(connection)

    @property
    def is_accepting(self) -> bool:
        return not self.memory_full and len(self._all) < self.limits.connections and monotonic() >= self._paused_until

    def have_room(self) -> bool:
        """Return whether another connection may be accepted; give up the least valuable ones if there are too many."""
        if len(self._all) >= self.limits.connections:
            self._give_up(max(1, int(self.limits.connections * GIVEN_UP)), "too_many")
        return self.is_accepting

    def pause_accepting(self) -> None:
        """Give up connections and accept none for a moment, since the process has no file descriptor left."""
        self._paused_until = monotonic() + PAUSE_S
        self._give_up(max(FEWEST_FILES, int(len(self._all) * GIVEN_UP)), "no_file_descriptor")

    def note_received(self, size: int) -> None:
        """Count received bytes, and give up connections when too many bytes are in memory."""
        self._received += size
        if self._received >= CHECK_MEMORY_EVERY:
            self._received = 0
            self._bound_memory()

    def check(self) -> None:
        """Close the connections whose clients are too slow, each CHECK_EVERY_S."""
        now = monotonic()
        if self.memory_full:
            self._bound_memory()
        if now - self._checked < CHECK_EVERY_S:
            return
        self._checked = now
        for connection in tuple(self._all):
            phase = connection.phase
            if phase is Phase.SENDING:
                if self._reads_too_slowly(connection, now):
                    self._close(connection, "slow_reader")
            elif now - connection.waiting_since > self.limits.of(phase):
                self._close(connection, phase.name.lower())
        self._bound_memory()
        self._log(now)

    def close_idle(self) -> None:
        """Close the connections without a request."""
        for connection in tuple(self._all):
            if connection.phase in {Phase.CLOSING, Phase.SILENT, Phase.IDLE}:
                connection.handle_close()

    def _reads_too_slowly(self, connection: ClientConnection, now: float) -> bool:
        began, sent = connection.send_window or (now, connection.bytes_sent)
        if now - began < self.limits.send_s:
            connection.send_window = began, sent
            return False
        connection.send_window = now, connection.bytes_sent
        return connection.bytes_sent - sent < LEAST_SENT

    def _bound_memory(self) -> None:
        """Give up the slowest bodies and readers while too many bytes are in memory."""
        excess = sum(each.buffered for each in self._all) - self.limits.buffered
        for connection in self._least_valuable({Phase.BODY, Phase.SENDING}) if excess > 0 else ():
            if excess <= 0:
                break
            excess -= connection.buffered
            self._close(connection, "memory")
        self.memory_full = excess > 0

    def _give_up(self, number: int, reason: str) -> None:
        for connection in self._least_valuable(set(Phase) - {Phase.WORKING})[:number]:
            self._close(connection, reason)

    def _least_valuable(self, phases: Iterable[Phase]) -> list[ClientConnection]:
        """Return the connections in *phases*, by phase and then the longest waiting first."""
        latest = monotonic() - SAFE_S
        found = [(each.phase, each.waiting_since, each) for each in self._all if each.waiting_since < latest]
        return [each for phase, _, each in sorted(found, key=lambda one: one[:2]) if phase in phases]

    def _close(self, connection: ClientConnection, reason: str) -> None:
        if reason not in {Phase.CLOSING.name.lower(), Phase.IDLE.name.lower()}:
            self._closed[reason] += 1
        if reason in {Phase.HEAD.name.lower(), Phase.BODY.name.lower()}:
            connection.time_out()
        else:
            connection.handle_close()

    def _log(self, now: float) -> None:
        """Log how many connections were closed and why, at most once a minute: their clients decide how many."""
        if self._closed and now - self._logged > LOG_EVERY_S:
            LOG.warning("connections_closed", extra={"reasons": dict(self._closed), "open": len(self._all)})
            self._closed.clear()
            self._logged = now


class Listener(TcpWSGIServer):
    """A listening socket that accepts connections within their limits."""

    channel_class = ClientConnection

    def __init__(self, *args: Any, connections: Connections, **options: Any) -> None:
        self.connections = connections
        super().__init__(*args, _start=False, bind_socket=False, **options)
        self.accepting = True  # gunicorn listens already

    def getsockname(self) -> Any:
        """Return host and port, of a Unix socket its path."""
        is_unix = self.family == socket.AF_UNIX
        return ("unix", self.socket.getsockname()) if is_unix else super().getsockname()

    def set_socket_options(self, sock: socket.socket) -> None:
        if self.family != socket.AF_UNIX:
            super().set_socket_options(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def fix_addr(self, address: Any) -> Any:
        """Return the address of the client, which has none on a Unix socket."""
        return ("", None) if self.family == socket.AF_UNIX else address

    def readable(self) -> bool:
        return self.accepting and self.connections.have_room()

    def handle_accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted = self.accept()
            except OSError as error:
                if error.errno in NO_FILES:
                    self.connections.pause_accepting()
                return
            if accepted is None or not self._open(*accepted) or not self.connections.have_room():
                return

    def _open(self, sock: Any, address: Any) -> bool:
        with suppress(OSError):  # the client may be gone already
            self.set_socket_options(sock)
            self.channel_class(self, sock, self.fix_addr(address), self.adj, map=self._map)
            return True
        sock.close()
        return False

    def handle_error(self) -> None:
        LOG.exception("listener_failed")  # noqa: LOG004  called by waitress from an except clause

    def stop_accepting(self) -> None:
        """Leave the listening socket to the other processes."""
        self.accepting = False
        self.del_channel()
