"""Prunes rows after their retention time, a chunk at a time."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from app.config import Settings
from app.db.clock import SERVER_CLOCK, ClockWarning
from app.db.connections import Connection, Pool, lend_connection
from app.db.transaction import Deferred, Transaction, run_in_transaction
from app.identities.numbering import prune_changes
from app.keys import sign_ins
from app.ledger import pruning
from app.ledger.sums import prune_sums
from app.metrics import relay as metrics
from app.plans.store import prune_plans
from app.profiles import recomputation
from app.webhooks import deliveries
from workers.relay.identities import IdentityNumberer

log = logging.getLogger(__name__)

#: Rows of a kind that one transaction deletes; short enough to block no request.
CHUNK = 500
#: A hundred years: PostgreSQL cannot subtract arbitrary ages from the present.
LONGEST_DAYS = 36_500.0


class Pruner:
    """Deletes the rows that `prune_functions` selects."""

    def __init__(
        self, pool: Pool, settings: Settings, *, measure_clock: Callable[[Connection], float] = SERVER_CLOCK.read
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._measure_clock = measure_clock
        self._clocks = ClockWarning()
        self._identities = IdentityNumberer(pool)

    def run_once(self) -> int:
        """Prune a chunk of every kind in every workspace; return the number of deleted rows.

        Ages are by PostgreSQL's clock. While this process's clock differs from it, one of the two is wrong, perhaps
        PostgreSQL's, so nothing is deleted.
        """
        with lend_connection(self._pool) as connection:
            if self._clocks.differ(self._measure_clock(connection)):
                return 0
            workspaces = pruning.list_workspaces(connection)
        pruned = sum(self._prune(workspace_id) for workspace_id in workspaces)
        if pruned:
            log.info("rows_pruned", extra={"rows": pruned})
        return pruned

    def _prune(self, workspace_id: int) -> int:
        """Prune a chunk of every kind in one workspace, each kind in a transaction of its own.

        The ledger loses no change before the identity feed has it.
        """
        pruned = 0
        if not self._identities.number_all(workspace_id):
            return pruned
        for kind, prune in prune_functions(self._settings).items():
            count = run_in_transaction(self._pool, workspace_id, prune).result()
            metrics.PRUNED.inc(count, kind)
            pruned += count
        return pruned


def prune_functions(settings: Settings) -> Mapping[str, Callable[[Transaction], Deferred[int]]]:
    """Return the functions that prune a chunk of one workspace, by the kind of rows."""
    # The ledger is the audit of merges, so it is kept as long as the audit.
    age = _age(max(settings.prune_after_days, settings.audit_days))
    return {
        "batch": partial(pruning.prune_batches, age=age, limit=CHUNK),
        "plan": partial(prune_plans, limit=CHUNK),
        "run": partial(pruning.prune_runs, age=age, limit=CHUNK),
        "audit_entry": partial(pruning.prune_audit_events, age=age, limit=CHUNK),
        "idempotency_key": partial(pruning.prune_idempotency_keys, hours=settings.idempotency_hours),
        "notice": partial(deliveries.prune_deliveries, age=_age(settings.notice_days), limit=CHUNK),
        "sign_in": sign_ins.prune_sign_ins,
        "identity_change": partial(prune_changes, age=max(age, _age(settings.identity_days)), limit=CHUNK),
        "job_minute": prune_sums,
        "key_change": partial(recomputation.prune_key_changes, age=age, limit=CHUNK),
    }


def _age(days: float) -> timedelta:
    return timedelta(days=min(days, LONGEST_DAYS))
