"""Patience: how long a connection waits for PostgreSQL to say something, and how it finds out that nobody is there.

A server that was stopped in its tracks, or whose network swallows everything, is as silent as one that works on a long
statement: the kernel goes on acknowledging what is sent to it. So silence has a bound, and whoever must answer sooner
feels the pulse meanwhile: a second connection, which a server that works answers at once.
"""

import select
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, TypeVar, cast

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import Row
from psycopg.waiting import Ready

Result = TypeVar("Result")

#: Seconds between two looks at how long a connection has been silent.
LOOK_S = 0.1
#: Seconds that a connection may take to say that it is alive before it is lent, and a server to answer at all.
CHECK_S = 0.8
PULSE_S = 0.6
#: Seconds for which a pulse that was felt tells of the server.
FRESH_S = 1.0
#: Seconds for which a connection that was heard of is lent without asking whether it is alive: under load that would be
#: a round trip for each transaction.
RECENT_S = 0.5

SILENT = "PostgreSQL has not answered for {:.1f} seconds."


class Unanswered(psycopg.OperationalError):
    """PostgreSQL was silent for so long that it counts as away; whether the last statement took effect is unknown."""


class Pulse:
    """Whether a server answers at all. Those who ask at the same time share one answer."""

    def __init__(self, conninfo: str, *, clock: Callable[[], float] = monotonic) -> None:
        """Feel the pulse of the server at *conninfo*."""
        self._parameters = conninfo_to_dict(conninfo)
        self._clock = clock
        self._lock = Lock()
        self._felt_at = clock() - FRESH_S
        self._beats = True

    def beats(self, silent: pq.abc.PGconn) -> bool:
        """Return whether the server of the connection *silent* has answered somebody else just now."""
        with self._lock:
            if not self._fresh():
                self._note(beats=_answers(self._conninfo_of(silent), seconds=PULSE_S))
            return self._beats

    def is_gone(self) -> bool:
        """Return whether the server is known not to answer."""
        with self._lock:
            return self._fresh() and not self._beats

    def missed(self) -> None:
        """Note that the server did not answer somebody."""
        with self._lock:
            self._note(beats=False)

    def _fresh(self) -> bool:
        """Return whether what was felt last still tells."""
        return self._clock() - self._felt_at < FRESH_S

    def _note(self, *, beats: bool) -> None:
        """Note what was felt now."""
        self._beats, self._felt_at = beats, self._clock()

    def _conninfo_of(self, silent: pq.abc.PGconn) -> bytes:
        """Return how to reach the very server that *silent* is connected to, without asking for its address again."""
        place = {"host": silent.host.decode(), "port": silent.port.decode(), "hostaddr": silent.hostaddr.decode()}
        known = {name: value for name, value in place.items() if value}
        return make_conninfo(**cast("dict[str, Any]", {**self._parameters, **known})).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How much silence a connection bears."""

    #: Seconds of silence after which PostgreSQL is away, whatever it may be doing.
    longest_s: float
    #: Seconds of silence after which the pulse is felt, again and again.
    uneasy_s: float | None = None
    pulse: Pulse

    def is_out(self, silent: pq.abc.PGconn, silent_s: float, *, at_least_s: float = 0.0) -> bool:
        """Return whether the connection *silent* has said nothing for too long.

        *at_least_s* is the limit of a transaction that raised its statement timeout.
        """
        if silent_s >= max(self.longest_s, at_least_s):
            return True
        return self.uneasy_s is not None and silent_s >= self.uneasy_s and not self.pulse.beats(silent)


class PatientConnection(psycopg.Connection[Row]):
    """A connection that waits for its server for as long as its patience lasts, and is closed when that is out."""

    #: None waits for as long as it takes.
    patience: Patience | None = None
    #: Seconds of silence that the current transaction allows, when it raised its statement timeout.
    extended_s: float = 0.0
    #: When the server was last heard of, by the monotonic clock.
    heard_at: float = -RECENT_S

    def wait(self, gen: PQGen[Result], interval: float = LOOK_S, timeout: float | None = None) -> Result:
        """Return what *gen*, which speaks with the server, returns; raise Unanswered when patience is out."""
        result = super().wait(self._watched(gen), interval, timeout)
        self.heard_at = monotonic()
        return result

    def _watched(self, gen: PQGen[Result]) -> PQGen[Result]:
        """Do as *gen* does, and look at the clock whenever nothing has come for a while."""
        heard = monotonic()
        try:
            step = next(gen)
            while True:
                ready = yield step
                if ready != Ready.NONE:
                    heard = monotonic()
                elif self.patience is not None and self.patience.is_out(
                    self.pgconn, silent_s := monotonic() - heard, at_least_s=self.extended_s
                ):
                    self.pgconn.finish()
                    raise Unanswered(SILENT.format(silent_s))
                step = gen.send(ready)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def check(connection: PatientConnection[Any]) -> None:
    """Raise OperationalError unless the connection is alive; what is known to be gone is not waited for.

    What was heard of a moment ago is taken to be alive; if it is not, the first statement tells.
    """
    if monotonic() - connection.heard_at < RECENT_S:
        return
    patience = connection.patience
    if patience is None:
        connection.execute("")
        return
    if patience.pulse.is_gone():
        connection.close()
        raise Unanswered(SILENT.format(0))
    connection.patience = Patience(longest_s=CHECK_S, pulse=patience.pulse)
    try:
        connection.execute("")
    except Unanswered:
        patience.pulse.missed()
        raise
    finally:
        connection.patience = patience


def _answers(conninfo: bytes, *, seconds: float) -> bool:
    """Return whether the server at *conninfo* says anything within so many *seconds*, be it that it lets nobody in."""
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
    """Return whether *socket* can be read from, or written to, within so many *seconds*."""
    poller = select.poll()
    poller.register(socket, select.POLLIN if reading else select.POLLOUT)
    return bool(poller.poll(max(0.0, seconds) * 1000))
