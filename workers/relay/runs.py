"""Counts the jobs of runs, makes the batches of undos and plans, and creates the notices of finished runs."""

import logging

from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.ledger.run_counting import CountingCursor, CountingStep, count_runs, workspaces_with_runs
from app.plans.applying import advance_plans
from app.queue.bulk import advance_bulk
from app.undo.run_undo import advance_run_undos
from app.webhooks.watching import create_run_deliveries

log = logging.getLogger(__name__)

#: Each takes a step of one run of a workspace and returns whether it made progress.
STEPS = (advance_run_undos, advance_plans, advance_bulk)


class RunCounter:
    """Takes a step of counting and of undoing in every workspace with runs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._cursors: dict[int, CountingCursor] = {}

    def run_once(self) -> int:
        """Count and undo runs in every workspace with an unfinished one; return in how many a next step is due."""
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_with_runs(connection)
        self._cursors = {each: self._cursors.get(each, CountingCursor()) for each in workspaces}
        return sum(map(self._advance, workspaces))

    def _advance(self, workspace_id: int) -> bool:
        made = [run_in_transaction(self._pool, workspace_id, advance) for advance in STEPS]
        step = run_in_transaction(self._pool, workspace_id, count_step, self._cursors[workspace_id])
        self._cursors[workspace_id] = step.cursor
        if step.finished:
            log.info("runs_finished", extra={"workspace_id": workspace_id, "runs": len(step.finished)})
        return any(made) or step.is_full


def count_step(tx: Transaction, cursor: CountingCursor) -> CountingStep:
    """Count runs, and create the notices of finished runs, in one transaction."""
    step = count_runs(tx, cursor)
    if step.finished:
        create_run_deliveries(tx, run_ids=step.finished)
    return step
