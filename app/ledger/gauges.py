"""The ledger as operators measure it: what waits, runs and is dead in each workspace, looked up when Prometheus asks.

Several ask, and each may ask several processes. So what was found is told again for some seconds, longer when looking
took long: a process spends a fiftieth of one connection's time on it at most.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from time import monotonic
from typing import Any

import psycopg
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from app.db.connections import Connection, Pool, lend_connection
from app.db.queries import load_queries
from app.errors import DatabaseUnavailable

LOG = logging.getLogger(__name__)

QUERIES = load_queries("app.ledger", "gauges.sql")

#: Workspaces that are told by themselves, each with four series.
MOST = 100
#: Seconds for which an answer holds at least, and how many times as long as it took.
LEAST_PAUSE_S = 5.0
PAUSE_TO_LOOK = 50
LONGEST_PAUSE_S = 60.0
STATES = ("queued", "running", "dead")

Rows = Sequence[dict[str, Any]]


def measured(connection: Connection, *, bound: int, most: int = MOST) -> list[dict[str, Any]]:
    """Return what is in hand of each workspace: `{workspace_id, workspaces, oldest_s, queued, running, dead}`.

    Jobs are counted up to *bound*; *workspaces* says how many workspaces there are, of which *most* are told.
    """
    return connection.execute(QUERIES["measured_workspaces"], {"most": most, "bound": bound}).fetchall()


class LedgerGauges:
    """What the ledger has in hand, by workspace, as Prometheus is told it."""

    def __init__(self, pool: Callable[[], Pool], *, bound: int, clock: Callable[[], float] = monotonic) -> None:
        """Look behind what *pool* returns, and count jobs up to *bound*."""
        self._pool = pool
        self._bound = bound
        self._clock = clock
        self._lock = Lock()
        self._found: Rows | None = None
        self._next_at = float("-inf")

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; while PostgreSQL does not answer, none but the one that says so."""
        rows = self._rows()
        yield GaugeMetricFamily(
            "mergelane_ledger_readable", "1 when the ledger could be read for these metrics, else 0.", rows is not None
        )
        if rows is not None:
            yield from _families(rows)

    def _rows(self) -> Rows | None:
        """Return what was found, now or a moment ago; None when PostgreSQL did not answer."""
        with self._lock:
            began = self._clock()
            if began >= self._next_at:
                self._found = self._look()
                ended = self._clock()
                pause = min(max(LEAST_PAUSE_S, PAUSE_TO_LOOK * (ended - began)), LONGEST_PAUSE_S)
                self._next_at = ended + (LEAST_PAUSE_S if self._found is None else pause)
            return self._found

    def _look(self) -> Rows | None:
        """Look at the ledger; return None when it cannot be read now."""
        try:
            with lend_connection(self._pool()) as connection:
                return measured(connection, bound=self._bound)
        except (DatabaseUnavailable, psycopg.Error) as error:
            LOG.warning("The ledger could not be read for metrics", extra={"error": type(error).__name__})
            return None


def _families(rows: Rows) -> Iterator[Metric]:
    """Yield what *rows* say."""
    jobs = GaugeMetricFamily(
        "mergelane_jobs",
        "Jobs that nobody has begun (queued), that are being run, and that are dead, by workspace.",
        labels=("workspace_id", "state"),
    )
    oldest = GaugeMetricFamily(
        "mergelane_oldest_waiting_job_age_seconds",
        "Seconds since the oldest job that nobody has begun was accepted, by workspace.",
        labels=("workspace_id",),
    )
    for row in rows:
        workspace = str(row["workspace_id"])
        for state in STATES:
            jobs.add_metric((workspace, state), row[state])
        oldest.add_metric((workspace,), row["oldest_s"] or 0.0)
    yield jobs
    yield oldest
    yield GaugeMetricFamily(
        "mergelane_workspaces_with_jobs",
        f"Workspaces with jobs that wait, run or are dead; the {MOST} whose jobs have waited longest are told.",
        rows[0]["workspaces"] if rows else 0,
    )
