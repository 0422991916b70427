"""Wake-ups: a connection on which PostgreSQL notifies a sleeping process of new work.

The file wakeups.sql of the migrations explains why no wake-up is lost. A wake-up needs a session of its own, which a
pooler such as pgbouncer in transaction mode does not give; then `begin_sleep` always returns False.
"""

import logging
import select
from collections.abc import Callable
from enum import StrEnum
from threading import Event
from time import monotonic

import psycopg
from psycopg import sql

from app.config import Settings
from app.db.connections import APP_ROLE, Connection, client_timeouts, connection_arguments
from app.db.queries import load_queries

QUERIES = load_queries(__package__, "wakeups.sql")
log = logging.getLogger(__name__)

#: Seconds between two checks whether the process should stop.
STOP_CHECK_S = 0.25
#: Seconds before another attempt to connect, after a failure or when a pooler is in between.
RECONNECT_S = 30.0

#: PostgreSQL notices within half a minute that the machine of a sleeper is gone; else it would notify it for hours.
SERVER_KEEPALIVES = " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"

POOLER = "DATABASE_URL leads to a pooler, so PostgreSQL cannot notify this process."


class SleepRole(StrEnum):
    """What `begin_sleep` returns: see wakeups.sql of the migrations."""

    HOLDER = "holder"
    FOLLOWER = "follower"
    AWAKE = "awake"


class WakeUpListener:
    """Sleeps until a transaction makes work in the table *queue*, whose triggers notify `mergelane_<queue>`."""

    def __init__(self, settings: Settings, *, name: str, queue: str, clock: Callable[[], float] = monotonic) -> None:
        """Connect at the first sleep; *name* becomes the application name."""
        self._settings = settings
        self._name = name
        self._queue = queue
        self._clock = clock
        self._connection: Connection | None = None
        self._role = SleepRole.AWAKE
        self._connect_at = clock()
        self._logged = ""

    def begin_sleep(self) -> bool:
        """Announce that this process sleeps; return False when it must stay awake.

        Work that existed before is not announced again: look for it once more before `wait`.
        """
        if self._settings.database_distributed:
            return False  # a notification would be sent on the node of the work, not on this one
        if self._role is SleepRole.HOLDER:
            return True
        try:
            connection = self._connected()
            if connection is None:
                return False
            list(connection.notifies(timeout=0))
            row = connection.execute(QUERIES["begin_sleep"], {"queue": self._queue}).fetchone()
            self._role = SleepRole(row["role"]) if row else SleepRole.AWAKE
        except (psycopg.Error, OSError) as error:
            self._give_up(f"The connection for wake-ups failed ({type(error).__name__}).")
        return self._role is not SleepRole.AWAKE

    def wait(self, stop: Event, *, longest_s: float, due_in_s: Callable[[Connection], float | None]) -> bool:
        """Sleep until a notification, a stop, the time *due_in_s* or *longest_s*; return whether there may be work.

        After the longest time the process still counts as asleep, so that the caller may look for work once.
        """
        connection = self._connection
        if connection is None:
            return True
        try:
            due_s = due_in_s(connection)
            until = self._clock() + min(longest_s, longest_s if due_s is None else max(0.0, due_s))
            while not self._is_notified(connection):
                left = until - self._clock()
                if left <= 0:
                    # A follower relies on the holder, which may have ended.
                    return self._role is SleepRole.FOLLOWER and not self.begin_sleep()
                _wait_for_input(connection, min(left, STOP_CHECK_S))
                if stop.is_set():
                    return True
        except (psycopg.Error, OSError) as error:
            self._give_up(f"The connection for wake-ups failed ({type(error).__name__}).")
        return True

    def end_sleep(self) -> None:
        """Announce that this process is awake. Does nothing when it is."""
        role, self._role = self._role, SleepRole.AWAKE
        if role is SleepRole.HOLDER and self._connection is not None:
            try:
                self._connection.execute(QUERIES["end_sleep"], {"queue": self._queue})
            except (psycopg.Error, OSError) as error:
                self._give_up(f"The connection for wake-ups failed ({type(error).__name__}).")

    def close(self) -> None:
        """Close the connection, which ends the sleep."""
        self._role = SleepRole.AWAKE
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_notified(self, connection: Connection) -> bool:
        return any(True for _ in connection.notifies(timeout=0))

    def _connected(self) -> Connection | None:
        """Return a session that listens, or None when PostgreSQL gives none."""
        if self._connection is None and self._clock() >= self._connect_at:
            arguments = connection_arguments(self._settings, name=self._name, role=APP_ROLE)
            arguments["options"] += SERVER_KEEPALIVES
            self._connection = connection = Connection.connect(self._settings.database_url, **arguments)
            client_timeouts(self._settings, probe_server=False)(connection)
            (row,) = connection.execute(QUERIES["read_backend_pid"], prepare=False).fetchall()
            if row["pid"] != connection.info.backend_pid:
                self._give_up(POOLER)
                return None
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(f"mergelane_{self._queue}")), prepare=False)
        return self._connection

    def _give_up(self, reason: str) -> None:
        """Close the connection, and log *reason* unless it was the last one."""
        self.close()
        self._connect_at = self._clock() + RECONNECT_S
        if reason != self._logged:
            log.info("wakeups_unavailable", extra={"reason": reason, "queue": self._queue})
        self._logged = reason


def _wait_for_input(connection: Connection, seconds: float) -> None:
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    poller.poll(seconds * 1000)
