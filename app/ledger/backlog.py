"""Backlogs: when too many jobs of a workspace wait, its requests are refused instead of making it worse.

Counting is too dear to be done for each request. So each process looks now and then, and adds in between what it has
accepted itself. What it does not see is what other processes accept between two of its looks: by that much, at most,
more jobs may wait than the setting says.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from threading import Lock
from time import monotonic

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Overloaded
from app.metrics.http import SHED_REQUESTS

LOG = logging.getLogger(__name__)

QUERIES = load_queries("app.ledger", "backlog.sql")

#: Seconds between two looks, at least and at most; in between, so many times as long as the last one took.
LEAST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
#: A look may take one fiftieth of the time of one connection.
PAUSE_TO_LOOK = 50
#: Seconds after which a refused request is worth another try, at least.
RETRY_AFTER_S = 10
REFUSED = "Too many jobs of this workspace wait: {bound:,} or more. Try again in {retry_after:,} seconds."


def waiting(tx: Transaction, *, bound: int) -> int:
    """Return how many jobs of the workspace nobody has begun, *bound* for as many or more."""
    scope = {"bound": bound}
    (row,) = tx.execute(QUERIES["count_waiting"], scope).fetchall()
    jobs: int = row["waiting"]
    return jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a process knows of one workspace's backlog."""

    #: Jobs that waited when it was looked at last.
    counted: int = 0
    #: Jobs that this process has accepted since.
    accepted: int = 0
    #: When the next look is due.
    next_at: float = 0.0

    @property
    def waiting(self) -> int:
        """How many jobs wait at most, but for what other processes have accepted since the last look."""
        return self.counted + self.accepted


NOTHING = Known()


class Backlogs:
    """How many jobs of each workspace wait, as far as this process knows."""

    def __init__(self, bound: int, *, clock: Callable[[], float] = monotonic) -> None:
        """Refuse a workspace's requests while *bound* of its jobs wait, or more."""
        self._bound = bound
        self._clock = clock
        self._lock = Lock()
        self._known: dict[int, Known] = {}

    def require_room(self, tx: Transaction) -> None:
        """Raise Overloaded when too many jobs of the workspace wait; nobody is refused for what has changed since."""
        if not self._is_full(tx.workspace_id):
            return
        if self.is_due(tx.workspace_id):
            self.look(tx)
        if self._is_full(tx.workspace_id):
            SHED_REQUESTS.add()
            retry_after = max(RETRY_AFTER_S, ceil(self._of(tx.workspace_id).next_at - self._clock()))
            raise Overloaded(REFUSED.format(bound=self._bound, retry_after=retry_after), retry_after_s=retry_after)

    def accepted(self, *, workspace_id: int, jobs: int) -> None:
        """Note that this process has accepted so many *jobs* of the workspace."""
        with self._lock:
            known = self._of(workspace_id)
            self._known[workspace_id] = replace(known, accepted=known.accepted + jobs)

    def is_due(self, workspace_id: int) -> bool:
        """Return whether a look is due; whoever asks first is to take it."""
        now = self._clock()
        with self._lock:
            known = self._of(workspace_id)
            if now < known.next_at:
                return False
            self._known[workspace_id] = replace(known, next_at=now + LONGEST_PAUSE_S)
            return True

    def look(self, tx: Transaction) -> None:
        """Count the waiting jobs of the workspace."""
        began, before = self._clock(), self._of(tx.workspace_id)
        counted = waiting(tx, bound=self._bound)
        ended = self._clock()
        pause = min(max(LEAST_PAUSE_S, PAUSE_TO_LOOK * (ended - began)), LONGEST_PAUSE_S)
        with self._lock:
            # What was accepted during the look may or may not have been seen by it: it counts.
            since = self._of(tx.workspace_id).accepted - before.accepted
            known = Known(counted=counted, accepted=since, next_at=ended + pause)
            self._known[tx.workspace_id] = known
        self._tell(tx.workspace_id, before=before, after=known)

    def _of(self, workspace_id: int) -> Known:
        """Return what is known of the workspace's backlog."""
        return self._known.get(workspace_id, NOTHING)

    def _is_full(self, workspace_id: int) -> bool:
        """Return whether too many jobs of the workspace wait, as far as is known."""
        return self._of(workspace_id).waiting >= self._bound

    def _tell(self, workspace_id: int, *, before: Known, after: Known) -> None:
        """Log that a workspace's requests are refused from now on, or no longer."""
        full = after.counted >= self._bound
        if full != (before.counted >= self._bound):
            message = "Too many jobs wait: requests are refused" if full else "Requests are accepted again"
            LOG.warning(message, extra={"workspace_id": workspace_id, "waiting": after.counted})
