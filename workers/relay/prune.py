"""Pruning: what the ledger no longer needs to remember is deleted, a little at a time."""

import logging
from datetime import UTC, datetime, timedelta

from app.config import Settings
from app.db import Pool, borrow, in_transaction
from app.ledger import pruning
from app.metrics import relay as metrics
from app.webhooks import notices

log = logging.getLogger(__name__)

#: Batches deleted in one transaction: short enough to hold nobody up.
CHUNK = 500


class Pruner:
    """Forgets finished batches, run-out idempotency keys and notices that came to an end, after their time."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        """Prune the ledger behind *pool*."""
        self._pool = pool
        self._settings = settings

    def run_once(self) -> int:
        """Prune a chunk of every workspace; return how many batches, idempotency keys and notices were deleted."""
        with borrow(self._pool) as connection:
            workspaces = pruning.workspaces(connection)
        pruned = sum(self._prune(workspace_id) for workspace_id in workspaces)
        if pruned:
            log.info("pruned", extra={"rows": pruned})
        return pruned

    def _prune(self, workspace_id: int) -> int:
        """Prune a chunk of one workspace."""
        before = datetime.now(UTC) - timedelta(days=self._settings.prune_after_days)
        batches = in_transaction(
            self._pool,
            lambda connection: pruning.prune_batches(connection, workspace_id=workspace_id, before=before, limit=CHUNK),
            workspace_id=workspace_id,
        )
        keys = in_transaction(
            self._pool,
            lambda connection: pruning.prune_idempotency(
                connection, workspace_id=workspace_id, hours=self._settings.idempotency_hours
            ),
            workspace_id=workspace_id,
        )
        last = pruning.earliest_id_at(datetime.now(UTC) - timedelta(days=self._settings.notice_days))
        told = in_transaction(
            self._pool,
            lambda connection: notices.prune(connection, workspace_id=workspace_id, before=last, limit=CHUNK),
            workspace_id=workspace_id,
        )
        pruned = {"batch": batches(), "idempotency_key": keys(), "notice": told()}
        for kind, count in pruned.items():
            metrics.PRUNED.add(count, kind)
        return sum(pruned.values())
