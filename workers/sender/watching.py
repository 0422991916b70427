"""Turns finished batches into deliveries for the webhooks of their workspace."""

import logging

from app.db.connections import Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.metrics.sender import FINISHED_BATCHES
from app.webhooks import deliveries, watching

log = logging.getLogger(__name__)

#: Batches of one workspace that one transaction checks.
CHUNK = 200


class BatchWatcher:
    """Checks the watched batches of every workspace."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        #: Whether the last round found a batch to check.
        self.has_due_batches = True

    def run_once(self) -> int:
        """Check the batches that are due in every workspace; return how many had finished."""
        with lend_connection(self._pool) as connection:
            due = [each.workspace_id for each in deliveries.find_due_work(connection) if each.watches]
        self.has_due_batches = bool(due)
        finished = sum(self._check(workspace_id) for workspace_id in due)
        if finished:
            FINISHED_BATCHES.inc(finished)
            log.debug("batches_finished", extra={"batches": finished})
        return finished

    def _check(self, workspace_id: int) -> int:
        """Return how many batches of one workspace had finished."""
        checked = run_in_transaction(self._pool, workspace_id, watching.check_watched_batches, limit=CHUNK)
        return checked.finished
