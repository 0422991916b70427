"""Pruning: what no longer need be remembered is deleted, a little at a time."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from app.config import Settings
from app.db.connections import Pool, lend_connection
from app.db.transaction import Deferred, Transaction, run_in_transaction
from app.keys import sign_ins
from app.ledger import pruning
from app.metrics import relay as metrics
from app.webhooks import deliveries

log = logging.getLogger(__name__)

#: Rows of a kind deleted in one transaction: short enough to hold nobody up.
CHUNK = 500


class Pruner:
    """Forgets, after their time, what `prunings` tells."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        """Prune what lies behind *pool*."""
        self._pool = pool
        self._settings = settings

    def run_once(self) -> int:
        """Prune a chunk of every kind in every workspace; return how many rows were deleted."""
        with lend_connection(self._pool) as connection:
            workspaces = pruning.workspaces(connection)
        pruned = sum(self._prune(workspace_id) for workspace_id in workspaces)
        if pruned:
            log.info("pruned", extra={"rows": pruned})
        return pruned

    def _prune(self, workspace_id: int) -> int:
        """Prune a chunk of every kind in one workspace, each kind in a transaction of its own."""
        pruned = 0
        for kind, prune in prunings(self._settings).items():
            count = run_in_transaction(self._pool, workspace_id, prune).result()
            metrics.PRUNED.add(count, kind)
            pruned += count
        return pruned


def prunings(settings: Settings) -> Mapping[str, Callable[[Transaction], Deferred[int]]]:
    """Return what prunes a workspace, by the kind of rows: finished batches, the audit, keys, notices, sign-ins."""
    # The ledger is the audit of merges, so that it is kept for as long as that.
    settled = _ago(max(settings.prune_after_days, settings.audit_days))
    told = pruning.earliest_id_at(_ago(settings.notice_days))
    return {
        "batch": partial(pruning.prune_batches, before=settled, limit=CHUNK),
        "audit_entry": partial(pruning.prune_audit, before=settled, limit=CHUNK),
        "idempotency_key": partial(pruning.prune_idempotency, hours=settings.idempotency_hours),
        "notice": partial(deliveries.prune, before=told, limit=CHUNK),
        "sign_in": sign_ins.prune,
    }


def _ago(days: float) -> datetime:
    """Return the time that was so many *days* ago."""
    return datetime.now(UTC) - timedelta(days=days)
