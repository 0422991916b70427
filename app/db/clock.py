"""PostgreSQL's clock, by which the product measures all ages and times, and the clock of this process beside it.

Processes run on several machines, whose clocks may be wrong. Rows get their times from PostgreSQL. Ids are made by the
process, and sort by time, so their time is PostgreSQL's too: each new connection reads its clock, and the monotonic
clock of the process counts on from there. See docs/adr/0029-one-clock.md.
"""

import logging
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from app.db.queries import load_queries

LOG = logging.getLogger(__name__)

QUERIES = load_queries(__package__, "transactions.sql")
#: Seconds that the clocks of a process and of PostgreSQL may differ.
TOLERANCE_S = 60.0


class ServerClock:
    """Estimates the present time of PostgreSQL's clock."""

    def __init__(self) -> None:
        #: The time of the server when the monotonic clock was 0; None before the first connection.
        self._offset: float | None = None

    def read(self, connection: psycopg.Connection[Any]) -> float:
        """Read the clock; return by how many seconds this process's clock differs at least.

        The time of the query itself does not count.
        """
        with connection.cursor(row_factory=tuple_row) as cursor:
            sent, began = time(), monotonic()
            row = cursor.execute(QUERIES["read_clock"]).fetchone()
            received, ended = time(), monotonic()
        if row is None:
            return 0.0
        server: float = row[0].timestamp()
        self._offset = server - (began + ended) / 2
        return max(sent - server, server - received, 0.0)

    def now(self) -> float:
        """Return the seconds since the epoch; by this process's clock before the first connection."""
        return time() if self._offset is None else self._offset + monotonic()

    def moment(self) -> datetime:
        """Return the present time."""
        return datetime.fromtimestamp(self.now(), UTC)


#: The clock of the server of DATABASE_URL.
SERVER_CLOCK = ServerClock()


class ClockWarning:
    """Logs that the clocks differ, once until they agree again."""

    def __init__(self) -> None:
        self._logged = False

    def differ(self, seconds: float) -> bool:
        """Return whether *seconds*, the measured difference, is more than TOLERANCE_S."""
        differ = seconds > TOLERANCE_S
        if differ and not self._logged:
            LOG.warning("clock_differs", extra={"seconds": round(seconds, 1)})
        self._logged = differ
        return differ
