"""Rescue: requeues jobs whose message or worker is gone, but not jobs that only wait."""

import logging
from uuid import UUID

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.errors import BrokerUnavailable
from app.ledger.dispatch import (
    RescueCounts,
    consumed_until,
    hasten_delayed_jobs,
    rescue_lost_jobs,
    rescue_stranded_jobs,
    workspaces_to_rescue,
)
from app.metrics import relay as metrics
from workers.broker import Broker

log = logging.getLogger(__name__)

#: The most jobs of one workspace that one sweep requeues.
SWEEP = 1_000
#: Later than any task id: an empty queue has been consumed to its end.
END_OF_QUEUE = UUID(int=2**128 - 1)


class Rescuer:
    """Finds and requeues stranded and lost jobs."""

    def __init__(self, pool: Pool, settings: Settings, broker: Broker) -> None:
        self._pool = pool
        self._settings = settings
        self._broker = broker

    def run_once(self) -> int:
        """Sweep every workspace with published jobs; return how many jobs were requeued or declared dead.

        *Stranded* jobs: an attempt started long ago and no transaction has locked the job, so its worker died. *Lost*
        jobs: published long ago and never started, although the queue is empty or jobs published later already run.
        Queues keep order, so the message is gone. Jobs that wait behind others are neither, however long they wait.
        """
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_to_rescue(connection)
        if not workspaces:
            return 0
        frontier = self._frontier(workspaces)
        return sum(self._sweep(workspace_id, frontier) for workspace_id in workspaces)

    def _frontier(self, workspaces: list[int]) -> UUID | None:
        """Return the task id up to which the broker's queue has been consumed; None when that is unknown."""
        try:
            if self._broker.count_messages() == 0:
                return END_OF_QUEUE
        except BrokerUnavailable:
            # Without the broker, lost jobs cannot be distinguished from waiting ones; stranded jobs still can.
            return None
        marks = map(self._mark, workspaces)
        return max((mark for mark in marks if mark is not None), default=None)

    def _mark(self, workspace_id: int) -> UUID | None:
        with open_transaction(self._pool, workspace_id) as tx:
            return consumed_until(tx)

    def _sweep(self, workspace_id: int, frontier: UUID | None) -> int:
        """Requeue a workspace's stranded and lost jobs; return how many."""
        run_in_transaction(self._pool, workspace_id, hasten_delayed_jobs)
        stranded = run_in_transaction(self._pool, workspace_id, self._stranded)
        lost = RescueCounts()
        if frontier is not None:
            lost = run_in_transaction(self._pool, workspace_id, self._lost, frontier)
        metrics.RESCUED.inc(stranded.queued, "stranded")
        metrics.RESCUED.inc(lost.queued, "lost")
        metrics.RESCUED_DEAD.inc(stranded.dead)
        queued, dead = stranded.queued + lost.queued, stranded.dead
        if queued or dead:
            log.warning("jobs_rescued", extra={"workspace_id": workspace_id, "queued": queued, "dead": dead})
        return queued + dead

    def _stranded(self, tx: Transaction) -> RescueCounts:
        return rescue_stranded_jobs(
            tx,
            after_s=self._after_s,
            max_stalled_attempts=self._settings.max_strandings,
            limit=SWEEP,
        )

    def _lost(self, tx: Transaction, frontier: UUID) -> RescueCounts:
        return rescue_lost_jobs(
            tx,
            queue_consumed_to=frontier,
            after_s=self._after_s,
            limit=SWEEP,
        )

    @property
    def _after_s(self) -> float:
        """Seconds without progress after which a sweep requeues a job, so that the setting holds despite the pauses."""
        after, every = self._settings.rescue_after_s, self._settings.rescue_every_s
        return max(after - every, after / 2)
