"""Gives the jobs of cancelled queues their outcome, a chunk in each transaction."""

from app.db.connections import Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.ledger.cancel import settle_cancellation, workspaces_with_cancellations
from app.metrics import relay as metrics

#: Jobs that one transaction cancels.
CHUNK = 2_000


class Canceller:
    """Takes each cancellation a step further."""

    def __init__(self, pool: Pool, *, chunk: int = CHUNK) -> None:
        self._pool = pool
        self._chunk = chunk

    def run_once(self) -> int:
        """Cancel a chunk of every workspace with a cancellation; return the number of jobs."""
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_with_cancellations(connection)
        return sum(self._settle(workspace_id) for workspace_id in workspaces)

    def _settle(self, workspace_id: int) -> int:
        cancelled = run_in_transaction(self._pool, workspace_id, settle_cancellation, limit=self._chunk)
        metrics.CANCELLED.inc(cancelled)
        return cancelled
