"""Cancelled jobs: queued ones of a batch at once, and all that wait in the queue in the background."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.citus.work import WorkKind, find_workspaces_with
from app.db.connections import Connection
from app.db.ids import FIRST_ID, new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.queries import NO_BATCH, NO_JOB
from schemas.outcomes import BatchSource, JobKind, JobState

QUERIES = load_queries("app.ledger", "cancel.sql")

NOTHING_WAITS = "No job of this batch waits any more, so there is nothing to cancel: {counts}."
JOB_DOES_NOT_WAIT = "This job is {state}; only a job that no worker has begun can be cancelled."
EMPTY_QUEUE = "No job waits in the queue, so there is nothing to cancel."
BY_KEY = "Cancelled before a worker began it, by the API key {key_id}."
BY_OPERATOR = "Cancelled before a worker began it, by an operator."
#: Jobs of most batches of a run.
JOBS_OF_BATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledJobs:
    """The result of a cancellation: how many jobs it cancelled, and how many run, which it left alone."""

    batch_id: UUID
    cancelled: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSelection:
    """Selects jobs of the queue; None matches all."""

    kind: JobKind | None = None
    source: BatchSource | None = None
    priority: int | None = None


def batch_of_job(tx: Transaction, *, job_id: UUID) -> UUID:
    """Return the batch of a job; raise NotFound when the workspace has no such job."""
    row = tx.execute(QUERIES["find_job"], {"job_id": job_id}).fetchone()
    if row is None:
        raise NotFound(NO_JOB)
    batch_id: UUID = row["batch_id"]
    return batch_id


def cancel_waiting_jobs(
    tx: Transaction,
    *,
    batch_id: UUID,
    job_id: UUID | None = None,
    api_key_id: UUID | None,
    authorize: Callable[[JobKind], None],
) -> CancelledJobs:
    """Cancel the jobs of a batch that no worker has begun, or the one *job_id*.

    *authorize* gets the kind of each job, or that of the job that it undoes, and raises when it may not be cancelled.
    Raises NotFound when the workspace has no such batch, and Conflict when no job of it waits.
    """
    if tx.execute(QUERIES["lock_batch"], {"batch_id": batch_id}).fetchone() is None:
        raise NotFound(NO_BATCH)
    scope = {"batch_id": batch_id, "job_id": job_id}
    for kind in {JobKind(row["kind"]) for row in tx.execute(QUERIES["read_jobs"], scope)}:
        authorize(kind)
    locked = [row["id"] for row in tx.execute(QUERIES["lock_waiting_jobs"], scope)]
    waiting = [each for each in locked if job_id in (None, each)]
    # Read under the locks: the other jobs have been begun or have ended.
    states = [row["state"] for row in tx.execute(QUERIES["read_jobs"], scope)]
    if not waiting:
        raise Conflict(_nothing_waits(states, one=job_id is not None))
    tx.execute(QUERIES["cancel_jobs"], {"ids": waiting, "reason": reason_of(api_key_id)})
    return CancelledJobs(batch_id=batch_id, cancelled=len(waiting), running=states.count(JobState.RUNNING))


def add_cancellation(tx: Transaction, selection: QueueSelection, *, api_key_id: UUID | None) -> UUID:
    """Cancel the jobs of *selection* that wait now, with one row; return its id.

    Workers begin none of them after the transaction has committed. Raises Conflict when no job waits.
    """
    if tx.execute(QUERIES["has_waiting_job"]).fetchone() is None:
        raise Conflict(EMPTY_QUEUE)
    cancellation_id = new_id()
    parameters = {
        "id": cancellation_id,
        "kind": selection.kind,
        "source": selection.source,
        "priority": selection.priority,
        "reason": reason_of(api_key_id),
    }
    tx.execute(QUERIES["add_cancellation"], parameters)
    return cancellation_id


def workspaces_with_cancellations(connection: Connection) -> list[int]:
    """List the workspaces with jobs to cancel in the background."""
    return find_workspaces_with(connection, WorkKind.CANCELLATIONS, QUERIES["workspaces_with_cancellations"])


def settle_cancellation(tx: Transaction, *, limit: int) -> int:
    """Give up to *limit* jobs of the oldest cancellation their outcome; return their number.

    When none is left, the cancellation is deleted.
    """
    row = tx.execute(QUERIES["lock_cancellation"]).fetchone()
    if row is None:
        return 0
    if row["run_id"] is not None:
        return _settle_run(tx, row, limit=limit)
    scope = {name: row[name] for name in ("cancelled_at", "kind", "source", "priority")}
    parameters = {**scope, "after": row["last_job_id"] or FIRST_ID, "limit": limit}
    ids = [found["id"] for found in tx.execute(QUERIES["lock_cancelled_jobs"], parameters)]
    if ids:
        tx.execute(QUERIES["cancel_jobs"], {"ids": ids, "reason": row["reason"]})
        tx.execute(QUERIES["save_cancellation"], {"id": row["id"], "last_job_id": ids[-1]})
    elif row["last_job_id"] is None and tx.execute(QUERIES["find_cancelled_job"], scope).fetchone() is None:
        tx.execute(QUERIES["end_cancellation"], {"id": row["id"]})
    else:
        # Jobs that were locked, or that returned to the queue, are behind: another pass finds them.
        tx.execute(QUERIES["save_cancellation"], {"id": row["id"], "last_job_id": None})
    return len(ids)


def _settle_run(tx: Transaction, cancellation: Mapping[str, Any], *, limit: int) -> int:
    """Cancel the waiting jobs of the next batches of a run; return the number of these jobs."""
    run_id = cancellation["run_id"]
    batches = max(1, limit // JOBS_OF_BATCH)
    page = {"run_id": run_id, "after": cancellation["last_job_id"] or FIRST_ID, "limit": batches}
    batch_ids = [found["id"] for found in tx.execute(QUERIES["list_batches_of_run"], page)]
    locked = tx.execute(QUERIES["lock_waiting_jobs_of_batches"], {"batch_ids": batch_ids})
    ids = [found["id"] for found in locked]
    if ids:
        tx.execute(QUERIES["cancel_jobs"], {"ids": ids, "reason": cancellation["reason"]})
    if len(batch_ids) == batches:
        tx.execute(QUERIES["save_cancellation"], {"id": cancellation["id"], "last_job_id": batch_ids[-1]})
    elif not has_waiting_job(tx, run_id=run_id):
        tx.execute(QUERIES["end_cancellation"], {"id": cancellation["id"]})
    else:
        tx.execute(QUERIES["save_cancellation"], {"id": cancellation["id"], "last_job_id": None})
    return len(ids)


def has_waiting_job(tx: Transaction, *, run_id: UUID) -> bool:
    """Return whether a job of the run is queued, locked or not."""
    return tx.execute(QUERIES["find_waiting_job_of_run"], {"run_id": run_id}).fetchone() is not None


def reason_of(api_key_id: UUID | None) -> str:
    """Return the reason of jobs that a key cancels."""
    return BY_OPERATOR if api_key_id is None else BY_KEY.format(key_id=api_key_id)


def _nothing_waits(states: Sequence[str], *, one: bool) -> str:
    if one:
        return JOB_DOES_NOT_WAIT.format(state=states[0] if states else JobState.FINISHED)
    counts = ", ".join(f"{states.count(state)} {state}" for state in JobState if state in states)
    return NOTHING_WAITS.format(counts=counts or "it has no job")
