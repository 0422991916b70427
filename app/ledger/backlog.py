"""Backlogs: while too many jobs of a workspace are pending, requests that would add jobs are refused.

Counting for each request would be too expensive. Each process counts from time to time, and adds the jobs that it has
accepted since. It does not see what other processes accept between two counts, so the limit may be exceeded by that.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from threading import Lock
from time import monotonic

from app.adaptive_cache import AdaptiveCache
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Overloaded
from app.metrics.http import SHED_REQUESTS

log = logging.getLogger(__name__)

QUERIES = load_queries("app.ledger", "backlog.sql")

#: Seconds between two counts of a workspace's jobs, at least and at most.
SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
#: The least Retry-After of a refused request, in seconds.
RETRY_AFTER_S = 10
REFUSED = "Too many jobs of this workspace wait: {bound:,} or more. Try again in {retry_after:,} seconds."


def count_waiting_jobs(tx: Transaction, *, bound: int) -> int:
    """Return how many jobs of the workspace are queued, counted up to *bound*."""
    (row,) = tx.execute(QUERIES["count_waiting_jobs"], {"bound": bound}).fetchall()
    jobs: int = row["waiting"]
    return jobs


@dataclass(frozen=True, slots=True)
class Estimate:
    """A count of a workspace's waiting jobs."""

    counted: int
    #: Jobs of the workspace that this process had accepted when the count started.
    accepted_before: int


class BacklogLimiter:
    """Refuses requests of workspaces with *bound* or more waiting jobs, by this process's estimates."""

    def __init__(self, bound: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._bound = bound
        self._lock = Lock()
        self._accepted: Counter[int] = Counter()
        self._estimates = AdaptiveCache[int, Estimate](
            shortest_s=SHORTEST_PAUSE_S, longest_s=LONGEST_PAUSE_S, clock=clock
        )

    def require_room(self, tx: Transaction) -> None:
        """Raise Overloaded while too many jobs of the workspace wait; a count that is due is made first."""
        workspace_id = tx.workspace_id
        if not self._is_full(workspace_id):
            return
        if self.claim_count(workspace_id):
            self.count(tx)
        if self._is_full(workspace_id):
            SHED_REQUESTS.inc()
            retry_after = max(RETRY_AFTER_S, ceil(self._estimates.seconds_until_due(workspace_id)))
            raise Overloaded(REFUSED.format(bound=self._bound, retry_after=retry_after), retry_after_s=retry_after)

    def add_accepted(self, *, workspace_id: int, jobs: int) -> None:
        """Add *jobs* that this process has accepted."""
        with self._lock:
            self._accepted[workspace_id] += jobs

    def claim_count(self, workspace_id: int) -> bool:
        """Return whether a count is due, to one caller only, which must make it."""
        return self._estimates.claim_refresh(workspace_id)

    def count(self, tx: Transaction) -> None:
        """Count the waiting jobs of the workspace."""
        before = self._estimates.peek(tx.workspace_id)
        # Jobs that are accepted during the count may or may not be part of it; they are added.
        accepted = self._accepted[tx.workspace_id]
        counted = 0

        def read() -> Estimate:
            nonlocal counted
            counted = count_waiting_jobs(tx, bound=self._bound)
            return Estimate(counted, accepted)

        self._estimates.refresh(tx.workspace_id, read)
        self._log_change(tx.workspace_id, before=0 if before is None else before.counted, after=counted)

    def _is_full(self, workspace_id: int) -> bool:
        estimate = self._estimates.peek(workspace_id) or Estimate(0, 0)
        return estimate.counted + self._accepted[workspace_id] - estimate.accepted_before >= self._bound

    def _log_change(self, workspace_id: int, *, before: int, after: int) -> None:
        full = after >= self._bound
        if full != (before >= self._bound):
            event = "backlog_full" if full else "backlog_has_room"
            log.warning(event, extra={"workspace_id": workspace_id, "waiting": after})
