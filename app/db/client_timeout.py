"""Client-side timeouts: a connection that hears nothing from PostgreSQL for too long is closed.

A server that is stopped, or behind a network that drops packets, looks like one that runs a long statement: the kernel
keeps acknowledging what is sent to it, and PostgreSQL's own timeouts need a server that runs. So each wait has a limit
on the client's side. A connection that needs to know sooner probes the server with a second connection meanwhile.
See docs/adr/0023-client-side-timeouts.md.
"""

import select
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, ClassVar, Self, TypeVar, cast

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import Row
from psycopg.waiting import Ready, Wait

from app.db import connect_failures

Result = TypeVar("Result")

#: Seconds between two checks of how long a connection has been silent.
POLL_S = 0.1
#: Seconds that a connection has to answer the check before the pool lends it.
CHECK_S = 0.8
#: Seconds that a server has to answer a probe.
PROBE_S = 0.6
#: Seconds for which the result of a probe is reused.
PROBE_VALID_S = 1.0
#: Seconds after its last response for which a connection is lent without a check, which costs a round trip.
RECENT_S = 0.5

SILENT = "PostgreSQL has not answered for {:.1f} seconds."


class NoResponse(psycopg.OperationalError):
    """PostgreSQL was silent for too long. Whether the last statement took effect is unknown."""


#: Host, port and address of the server of a connection.
Server = tuple[bytes, bytes, bytes]


def server_of(connection: pq.abc.PGconn) -> Server:
    """Return the server of *connection*, one of those in DATABASE_URL. Raises OperationalError when it is closed."""
    return connection.host, connection.port, connection.hostaddr


class ServerProbe:
    """Whether the servers answer new connections. Threads that ask at the same time share one probe."""

    def __init__(self, conninfo: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._parameters = conninfo_to_dict(conninfo)
        self._clock = clock
        self._lock = Lock()
        #: For each server, when it was probed last, and whether it was up.
        self._results: dict[Server, tuple[float, bool]] = {}

    def is_up(self, silent: pq.abc.PGconn) -> bool:
        """Return whether the server of the connection *silent* answers a new connection."""
        server = server_of(silent)
        with self._lock:
            up = self._recent_result(server)
            if up is None:
                up = _answers(self._conninfo_of(server), seconds=PROBE_S)
                self._results[server] = self._clock(), up
            return up

    def is_known_down(self, server: Server) -> bool:
        """Return whether a recent probe of *server* failed. Does not probe."""
        with self._lock:
            return self._recent_result(server) is False

    def record_failure(self, server: Server) -> None:
        """Record that *server* did not answer another connection."""
        with self._lock:
            self._results[server] = self._clock(), False

    def _recent_result(self, server: Server) -> bool | None:
        probed_at, up = self._results.get(server, (-PROBE_VALID_S, None))
        return up if self._clock() - probed_at < PROBE_VALID_S else None

    def _conninfo_of(self, server: Server) -> bytes:
        """Return the conninfo of *server* by its address, so that no name is resolved again."""
        place = zip(("host", "port", "hostaddr"), server, strict=True)
        known = {name: value.decode() for name, value in place if value}
        return make_conninfo(**cast("dict[str, Any]", {**self._parameters, **known})).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimeout:
    """How long a connection may hear nothing."""

    #: Seconds of silence after which the connection is closed, whatever the server is doing.
    limit_s: float
    #: Seconds of silence after which the server is probed repeatedly; None for no probes.
    probe_after_s: float | None = None
    probe: ServerProbe

    def has_expired(self, silent: pq.abc.PGconn, silent_s: float, *, at_least_s: float = 0.0) -> bool:
        """Return whether to close the connection *silent* after *silent_s* seconds of silence.

        *at_least_s* is the limit of a transaction that raised its statement timeout.
        """
        if silent_s >= max(self.limit_s, at_least_s):
            return True
        return self.probe_after_s is not None and silent_s >= self.probe_after_s and not self.probe.is_up(silent)


class TimeoutConnection(psycopg.Connection[Row]):
    """A connection that raises NoResponse and closes when its client timeout expires."""

    #: Whether its failures are reasons why the database does not answer.
    is_primary: ClassVar[bool] = True
    #: None waits without a limit.
    client_timeout: ClientTimeout | None = None
    #: Seconds of silence that the current transaction allows, if it raised its statement timeout.
    extended_s: float = 0.0
    #: The statements with which the current transaction began, if it only reads and may begin again: see
    #: app/db/repetition.py.
    reading: tuple[bytes, ...] | None = None
    #: Time of the last response, by the monotonic clock.
    heard_at: float = -RECENT_S

    @classmethod
    def connect(cls, conninfo: str = "", **arguments: Any) -> Self:
        """Open a connection as psycopg does, and record why the server refuses it."""
        try:
            connection = super().connect(conninfo, **arguments)
        except psycopg.OperationalError as error:
            if cls.is_primary:
                connect_failures.record_failure(error)
            raise
        if cls.is_primary:
            connect_failures.record_success()
        return connection

    def wait(self, gen: PQGen[Result], interval: float = POLL_S, timeout: float | None = None) -> Result:
        """Run psycopg's protocol generator *gen* to its end. Raises NoResponse."""
        result = super().wait(self._watched(gen), interval, timeout)
        if self.pgconn.pipeline_status != pq.PipelineStatus.OFF and self.pgconn.flush():
            super().wait(self._watched(_send_rest(self.pgconn)), interval, timeout)
        self.heard_at = monotonic()
        return result

    def _watched(self, gen: PQGen[Result]) -> PQGen[Result]:
        """Pass everything between *gen* and its caller, and check the timeout after each silent interval."""
        heard = monotonic()
        try:
            step = next(gen)
            while True:
                ready = yield step
                if ready != Ready.NONE:
                    heard = monotonic()
                elif self.client_timeout is not None and self.client_timeout.has_expired(
                    self.pgconn, silent_s := monotonic() - heard, at_least_s=self.extended_s
                ):
                    self.pgconn.finish()
                    raise NoResponse(SILENT.format(silent_s))
                step = gen.send(ready)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def _send_rest(pgconn: pq.abc.PGconn) -> PQGen[None]:
    """Send the rest of a large statement. In a pipeline psycopg would wait for the answer to a part of it."""
    while pgconn.flush():
        ready = yield Wait.RW
        if ready & Ready.R:
            pgconn.consume_input()


def check_alive(connection: TimeoutConnection[Any]) -> None:
    """Raise OperationalError unless the connection is alive. The pool calls it before it lends a connection.

    A connection that has answered recently passes without a round trip; if it has failed since, its first statement
    raises. A server that is known to be down is not waited for.
    """
    if monotonic() - connection.heard_at < RECENT_S:
        return
    client_timeout = connection.client_timeout
    if client_timeout is None:
        connection.execute("")
        return
    server = server_of(connection.pgconn)
    if client_timeout.probe.is_known_down(server):
        connection.close()
        raise NoResponse(SILENT.format(0))
    connection.client_timeout = ClientTimeout(limit_s=CHECK_S, probe=client_timeout.probe)
    try:
        connection.execute("")
    except NoResponse:
        client_timeout.probe.record_failure(server)
        raise
    finally:
        connection.client_timeout = client_timeout


def _answers(conninfo: bytes, *, seconds: float) -> bool:
    """Return whether the server at *conninfo* responds in *seconds*. A refusal of the connection is a response too."""
    deadline, heard = monotonic() + seconds, False
    pgconn = pq.PGconn.connect_start(conninfo)
    try:
        while (state := pgconn.connect_poll()) in {pq.PollingStatus.READING, pq.PollingStatus.WRITING}:
            reading = state == pq.PollingStatus.READING
            if not _is_ready(pgconn.socket, reading=reading, seconds=deadline - monotonic()):
                return heard
            heard |= reading
    finally:
        pgconn.finish()
    return True


def _is_ready(socket: int, *, reading: bool, seconds: float) -> bool:
    """Return whether *socket* becomes readable, or writable, in *seconds*."""
    poller = select.poll()
    poller.register(socket, select.POLLIN if reading else select.POLLOUT)
    return bool(poller.poll(max(0.0, seconds) * 1000))
