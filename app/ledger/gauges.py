"""Gauges of the ledger for Prometheus: queued, running and dead jobs of each workspace, read at a scrape.

Several servers may scrape several processes, so each process keeps what it read for some seconds, longer when the read
took long.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any

import psycopg
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from app.adaptive_cache import AdaptiveCache
from app.db.citus.work import FINDERS
from app.db.connections import Connection, Pool, lend_connection
from app.db.errors import to_unavailable
from app.db.queries import load_queries
from app.db.readiness import require_writable
from app.errors import DatabaseUnavailable
from app.ledger.queue_control import list_paused_workspaces
from app.metrics.servers import waiting_family
from schemas.plans import PlanState

log = logging.getLogger(__name__)

QUERIES = load_queries("app.ledger", "gauges.sql")

#: The most workspaces with series of their own, four for each.
MAX_WORKSPACES = 100
#: Seconds between two reads of the ledger, at least and at most.
SHORTEST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0
STATES = ("queued", "running", "dead")

Rows = Sequence[dict[str, Any]]
#: The states of plans that are stored for more than a moment.
PLAN_STATES = (PlanState.OPEN, PlanState.APPLIED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCounts:
    """The jobs by workspace, the workspaces that have paused their queue, and the plans by state."""

    rows: Rows
    paused: Sequence[int]
    plans: Mapping[str, int]


#: What one read found, and why PostgreSQL refuses writes or does not answer, if it does.
Reading = tuple[LedgerCounts | None, DatabaseUnavailable | None]


def count_jobs_by_workspace(connection: Connection, *, bound: int, limit: int = MAX_WORKSPACES) -> list[dict[str, Any]]:
    """Return up to *limit* rows `{workspace_id, workspaces, oldest_s, queued, running, dead}`, the longest wait first.

    Jobs are counted up to *bound*; `workspaces` is the number of all workspaces with jobs.
    """
    return connection.execute(QUERIES["count_jobs_by_workspace"], {"limit": limit, "bound": bound}).fetchall()


class LedgerGauges:
    """The gauges of the ledger behind a pool, as a source of metrics."""

    def __init__(self, pool: Callable[[], Pool], *, bound: int, clock: Callable[[], float] = monotonic) -> None:
        """Count jobs up to *bound*."""
        self._pool = pool
        self._bound = bound
        self._lock = Lock()
        self._cache = AdaptiveCache[None, Reading](shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S, clock=clock)

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; while PostgreSQL does not answer, only `mergelane_ledger_readable` and the cause."""
        with self._lock:  # one scrape reads, the others wait for its rows
            counts, unavailable = self._cache.get(None, self._read)
        yield waiting_family(unavailable)
        yield GaugeMetricFamily(
            "mergelane_ledger_readable",
            "1 when these metrics could be read from the ledger, else 0.",
            counts is not None,
        )
        if counts is not None:
            yield from _families(counts.rows)
            yield from _paused_families(counts.paused)
            yield _plan_family(counts.plans)

    def _read(self) -> Reading:
        """Read the ledger and check whether PostgreSQL takes writes."""
        counts = None
        try:
            with lend_connection(self._pool()) as connection:
                counts = _count(connection, bound=self._bound)
                require_writable(connection)
        except (DatabaseUnavailable, psycopg.Error) as error:
            unavailable = to_unavailable(error) if isinstance(error, psycopg.Error) else error
            log.warning("ledger_not_readable", extra={"error": type(error).__name__, "reason": str(unavailable)})
            return counts, unavailable
        return counts, None


def _count(connection: Connection, *, bound: int) -> LedgerCounts:
    """Read the ledger; on Citus without the workspaces of nodes that do not answer."""
    finder = FINDERS.of(connection)
    if finder is None:
        rows = count_jobs_by_workspace(connection, bound=bound)
        plans = {row["state"]: row["plans"] for row in connection.execute(QUERIES["count_plans"])}
        return LedgerCounts(rows=rows, paused=list_paused_workspaces(connection), plans=plans)
    found = finder.counts(connection, bound=bound, limit=MAX_WORKSPACES)
    with_jobs = sum(any(row[state] for state in STATES) for row in found)
    return LedgerCounts(
        rows=sorted(
            ({**row, "workspaces": with_jobs} for row in found), key=lambda row: row["oldest_s"] or 0.0, reverse=True
        ),
        paused=[row["workspace_id"] for row in found if row["paused"]],
        plans={state: sum(row[state] for row in found) for state in PLAN_STATES},
    )


def _families(rows: Rows) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "mergelane_jobs",
        "Jobs that are queued, running and dead, by workspace.",
        labels=("workspace_id", "state"),
    )
    oldest = GaugeMetricFamily(
        "mergelane_oldest_waiting_job_age_seconds",
        "Seconds since the oldest queued job was accepted, by workspace.",
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
        f"Workspaces with queued, running or dead jobs; {MAX_WORKSPACES} have series of their own.",
        rows[0]["workspaces"] if rows else 0,
    )


def _paused_families(paused: Sequence[int]) -> Iterator[Metric]:
    queues = GaugeMetricFamily(
        "mergelane_queue_paused",
        f"1 for each workspace that has paused its queue; {MAX_WORKSPACES} have series of their own.",
        labels=("workspace_id",),
    )
    for workspace_id in paused[:MAX_WORKSPACES]:
        queues.add_metric((str(workspace_id),), 1)
    yield queues
    yield GaugeMetricFamily("mergelane_workspaces_paused", "Workspaces that have paused their queue.", len(paused))


def _plan_family(plans: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily("mergelane_plans", "Plans of merges that are open or applied.", labels=("state",))
    for state in PLAN_STATES:
        family.add_metric((state,), plans.get(state, 0))
    return family
