"""A standby that takes large queries off the primary: DATABASE_REPLICA_URL.

A query goes there only when the standby has everything that the primary had committed when the query began. So a client
reads its own writes, and no answer is older than its request. If the standby lags behind, does not answer, or is not a
standby of this installation, the primary answers, and the standby gets no query for a moment.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event, Lock
from time import monotonic
from typing import Any, TypeVar

from psycopg import errors as postgres

from app.config import Settings
from app.db.connections import Connection, Pool, ReplicaConnection, lend_connection, open_pool
from app.db.queries import load_queries
from app.errors import DatabaseUnavailable
from app.metrics.replica import READS
from app.process_group import ProcessGroup

LOG = logging.getLogger(__name__)
QUERIES = load_queries("app.db", "replica.sql")

#: Seconds for which the primary answers all queries after the standby could not.
ASIDE_S = 5.0
#: Seconds between two looks at the position of a standby that lags behind.
LOOK_EVERY_S = 0.005

#: Reasons why the primary has to answer.
BEHIND = "The standby lags behind the primary."
NO_STANDBY = "DATABASE_REPLICA_URL leads to a server that is no standby."
OTHER_INSTALLATION = "DATABASE_REPLICA_URL leads to a database of another installation."

Result = TypeVar("Result")


def read_position(primary: Connection) -> Mapping[str, Any]:
    """Return the place in the log up to which *primary* has committed, and the installation."""
    (position,) = primary.execute(QUERIES["read_position"]).fetchall()
    return position


def find_fault(standby: Connection, position: Mapping[str, Any]) -> str | None:
    """Return why *standby* cannot answer a query that began at *position* of the primary, or None."""
    (row,) = standby.execute(QUERIES["read_replayed"], position).fetchall()
    if row["installation"] != position["installation"]:
        return OTHER_INSTALLATION
    if not row["is_standby"]:
        return NO_STANDBY
    return None if row["caught_up"] else BEHIND


def wait_for_position(standby: Connection, position: Mapping[str, Any], *, seconds: float) -> str | None:
    """Wait up to *seconds* until *standby* has replayed the log up to *position*; return what find_fault returns."""
    pause, until = Event(), monotonic() + seconds
    while True:
        reason = find_fault(standby, position)
        if reason != BEHIND or monotonic() >= until:
            return reason
        pause.wait(LOOK_EVERY_S)


class Replica:
    """The standby, with a pool that opens on first use. Without DATABASE_REPLICA_URL the primary answers everything."""

    def __init__(
        self,
        settings: Settings,
        *,
        name: str,
        group: ProcessGroup | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._settings = replace(settings, database_url=settings.database_replica_url)
        self._name = name
        self._group = group
        self._clock = clock
        self._lock = Lock()
        self._pool: Pool | None = None
        self._aside_until = clock()
        self._logged_reason = ""

    def choose_pool(self, primary: Pool) -> Pool:
        """Return the pool of the standby if it has all that *primary* has committed, else *primary*.

        Raises DatabaseUnavailable when the primary does not answer.
        """
        standby = self.standby_pool(primary)
        return primary if standby is None else standby

    def standby_pool(self, primary: Pool) -> Pool | None:
        """Return the pool of the standby if it has all that *primary* has committed, else None.

        Raises DatabaseUnavailable when the primary does not answer.
        """
        if not self._settings.database_url or self._clock() < self._aside_until:
            return None
        with lend_connection(primary) as connection:
            position = read_position(connection)
        pool = self._open()
        try:
            with lend_connection(pool) as connection:
                reason = wait_for_position(connection, position, seconds=self._settings.replica_wait_s)
        except DatabaseUnavailable as error:
            reason = str(error)
        if reason is not None:
            self._set_aside(reason)
            return None
        self._logged_reason = ""
        READS.inc(1, "replica")
        return pool

    def read(self, primary: Pool, use: Callable[[Pool], Result]) -> Result:
        """Return what *use* returns for the pool of the standby; for *primary* if the standby cannot answer.

        *use* only reads, and may run twice. Raises what *use* raises.
        """
        pool = self.standby_pool(primary)
        if pool is None:
            return use(primary)
        try:
            return use(pool)
        except postgres.SerializationFailure:
            # The standby had to replay the removal of rows that the query still needed.
            READS.inc(1, "conflict")
        except DatabaseUnavailable as error:
            self._set_aside(str(error))
        return use(primary)

    def close(self) -> None:
        """Close the pool; the next query opens it again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _open(self) -> Pool:
        with self._lock:
            if self._pool is None:
                self._pool = open_pool(
                    self._settings,
                    name=self._name,
                    probe_server=True,
                    group=self._group,
                    connection_class=ReplicaConnection,
                )
            return self._pool

    def _set_aside(self, reason: str) -> None:
        """Let the primary answer for ASIDE_S seconds; log *reason* once."""
        READS.inc(1, "behind" if reason == BEHIND else "away")
        self._aside_until = self._clock() + ASIDE_S
        if reason != self._logged_reason:
            LOG.warning("replica_set_aside", extra={"reason": reason})
        self._logged_reason = reason
