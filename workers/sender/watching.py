"""Watching: batches that finished become notices."""

import logging

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.webhooks import deliveries, watching

log = logging.getLogger(__name__)

#: Batches of one workspace that are looked at in one transaction.
CHUNK = 200


class Watcher:
    """Looks at the batches whose end somebody wants to be told of."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        """Look at the ledger behind *pool*."""
        del settings
        self._pool = pool

    def run_once(self) -> int:
        """Look at what is due in every workspace; return how many batches had finished."""
        with lend_connection(self._pool) as connection:
            due = [each.workspace_id for each in deliveries.work(connection) if each.watches]
        finished = sum(self._look(workspace_id) for workspace_id in due)
        if finished:
            log.debug("batches_told", extra={"batches": finished})
        return finished

    def _look(self, workspace_id: int) -> int:
        """Look at what is due in one workspace; return how many batches had finished."""

        def work(tx: Transaction) -> int:
            _, finished = watching.look(tx, limit=CHUNK)
            return finished

        return run_in_transaction(self._pool, workspace_id, work)
