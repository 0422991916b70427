"""Rescue: jobs whose message or worker is gone are put back in the queue; those that merely wait are left alone."""

import logging
from uuid import UUID

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger.dispatch import Rescued, busy_workspaces, consumed_to, rescue_lost, rescue_stranded
from app.metrics import relay as metrics
from workers.broker import Broker, BrokerUnavailable

log = logging.getLogger(__name__)

#: Jobs that one sweep puts back for one workspace.
SWEEP = 1_000
#: Later than any task: an empty queue was consumed to its end.
TO_ITS_END = UUID(int=2**128 - 1)


class Rescuer:
    """Finds jobs that would otherwise wait for ever."""

    def __init__(self, pool: Pool, settings: Settings, broker: Broker) -> None:
        """Compare the ledger behind *pool* with *broker*."""
        self._pool = pool
        self._settings = settings
        self._broker = broker

    def run_once(self) -> int:
        """Sweep every workspace that has jobs on their way; return how many jobs were put back or declared dead.

        Two kinds of jobs are found. *Stranded*: an attempt began long ago and no transaction holds the job, so its
        worker died. *Lost*: published long ago and never begun, although the queue is empty, or jobs published later
        already run: queues keep order, so the message is gone. A backlog is neither, however old, and is not
        published again.
        """
        with lend_connection(self._pool) as connection:
            workspaces = busy_workspaces(connection)
        if not workspaces:
            return 0
        frontier = self._frontier(workspaces)
        return sum(self._sweep(workspace_id, frontier) for workspace_id in workspaces)

    def _frontier(self, workspaces: list[int]) -> UUID | None:
        """Return up to which publication the broker's queue was consumed, None when nothing tells."""
        try:
            if self._broker.waiting() == 0:
                return TO_ITS_END
        except BrokerUnavailable:
            # Without the broker nothing can be told lost from waiting, but stranded jobs still can be found.
            return None
        marks = map(self._mark, workspaces)
        return max((mark for mark in marks if mark is not None), default=None)

    def _mark(self, workspace_id: int) -> UUID | None:
        """Return up to which publication a workspace's running jobs say that the queue was consumed."""
        with open_transaction(self._pool, workspace_id) as tx:
            return consumed_to(tx)

    def _sweep(self, workspace_id: int, frontier: UUID | None) -> int:
        """Put back a workspace's stranded and lost jobs; return how many."""
        stranded = run_in_transaction(self._pool, workspace_id, self._stranded)
        lost = Rescued()
        if frontier is not None:
            lost = run_in_transaction(self._pool, workspace_id, self._lost, frontier)
        metrics.RESCUED.add(stranded.queued, "stranded")
        metrics.RESCUED.add(lost.queued, "lost")
        metrics.RESCUED_DEAD.add(stranded.dead)
        queued, dead = stranded.queued + lost.queued, stranded.dead
        if queued or dead:
            log.warning("rescued", extra={"workspace_id": workspace_id, "queued": queued, "dead": dead})
        return queued + dead

    def _stranded(self, tx: Transaction) -> Rescued:
        """Put back a workspace's stranded jobs."""
        return rescue_stranded(
            tx,
            after_s=self._patience_s,
            max_strandings=self._settings.max_strandings,
            limit=SWEEP,
        )

    def _lost(self, tx: Transaction, frontier: UUID) -> Rescued:
        """Put back a workspace's lost jobs."""
        return rescue_lost(
            tx,
            queue_consumed_to=frontier,
            after_s=self._patience_s,
            limit=SWEEP,
        )

    @property
    def _patience_s(self) -> float:
        """Seconds without progress after which a sweep acts, so that the next one is not too late for the setting."""
        after, every = self._settings.rescue_after_s, self._settings.rescue_every_s
        return max(after - every, after / 2)
