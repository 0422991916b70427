"""Cancels a run: it gets no more batches, and no worker begins its waiting jobs. The relay gives them their outcome."""

from collections.abc import Callable
from uuid import UUID

from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.cancel import QUERIES as CANCEL_QUERIES
from app.ledger.cancel import has_waiting_job, reason_of
from app.ledger.run_pause import end_pauses
from app.ledger.runs import IS_AN_IMPORT, NO_RUN
from schemas.outcomes import JobKind, RunKind, RunStatus

QUERIES = load_queries("app.ledger", "run_cancel.sql")

NOTHING_LEFT = (
    "No job of this run waits any more, and it gets no more jobs, so there is nothing to cancel. It is {state}."
)
#: Kinds whose permissions an undo may need.
UNDONE = (JobKind.MERGE, JobKind.IDENTIFY)


def cancel_jobs_of_run(
    tx: Transaction, *, run_id: UUID, api_key_id: UUID | None, authorize: Callable[[JobKind], None]
) -> RunStatus:
    """Close a run and cancel its waiting jobs, with one row; return its state before.

    A scan for duplicates and an undo that make batches are ended. *authorize* gets the kind of the jobs, or of the jobs
    that they undo, and raises when they may not be cancelled. Raises NotFound when the workspace has no such run, and
    Conflict when no job of it waits and it gets no more jobs.
    """
    # A request that joins the run, or a step of its undo, has committed its jobs afterwards.
    row = tx.execute(QUERIES["lock_run"], {"id": run_id}).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    if row["kind"] == RunKind.IMPORT:
        raise Conflict(IS_AN_IMPORT)
    for kind in kinds_of_run(tx, run_id=run_id):
        authorize(kind)
    state = RunStatus(row["state"])
    scan = tx.execute(QUERIES["end_scan"], {"id": run_id}).fetchone()
    makes_jobs = state is RunStatus.OPEN or row["step"] is not None or scan is not None
    is_cancelled = tx.execute(QUERIES["find_cancellation"], {"id": run_id}).fetchone() is not None
    waits = not is_cancelled and has_waiting_job(tx, run_id=run_id)
    if not (makes_jobs or waits):
        raise Conflict(NOTHING_LEFT.format(state=state))
    tx.execute(QUERIES["cancel_run"], {"id": run_id})
    tx.execute(QUERIES["drop_undo_merges"], {"id": run_id})
    # No worker begins one of its jobs, whether it is paused or not.
    end_pauses(tx, run_ids=[run_id])
    cancellation = {"id": new_id(), "run_id": run_id, "reason": reason_of(api_key_id)}
    tx.execute(CANCEL_QUERIES["add_cancellation_of_run"], cancellation)
    return state


def kinds_of_run(tx: Transaction, *, run_id: UUID) -> set[JobKind]:
    """Return the kinds of the jobs of a run; instead of undos, the kinds that they can undo."""
    kinds = {JobKind(row["kind"]) for row in tx.execute(QUERIES["read_kinds"], {"id": run_id})}
    return kinds if JobKind.UNDO not in kinds else {*kinds, *UNDONE} - {JobKind.UNDO}
