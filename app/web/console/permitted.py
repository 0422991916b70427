"""What a key may do with jobs that it may see: pages offer an action only if its form would not be refused."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from app.db.transaction import Transaction
from app.ledger.queries import Batch, Job
from app.ledger.retry import kinds_of_jobs
from app.ledger.run_cancel import kinds_of_run
from app.ledger.undo_time import UNDOABLE
from app.web.job_permissions import PERMISSIONS, may_run
from schemas.outcomes import JobState

#: Kinds that the permissions name; an undo needs the permission of the job that it undoes.
KINDS = tuple(PERMISSIONS)


def retryable_jobs(tx: Transaction, jobs: Sequence[Job]) -> Collection[UUID]:
    """Return the ids of those of the *jobs* that are dead and that the key may retry."""
    dead = [job.id for job in jobs if job.state is JobState.DEAD]
    if not dead or all(map(may_run, KINDS)):
        return dead
    return {job_id for job_id, kind in kinds_of_jobs(tx, job_ids=dead).items() if may_run(kind)}


def may_change_jobs(tx: Transaction, jobs: Sequence[Job]) -> bool:
    """Return whether the key has the permission of all *jobs*."""
    if all(map(may_run, KINDS)):
        return True
    return all(map(may_run, kinds_of_jobs(tx, job_ids=[job.id for job in jobs]).values()))


def may_cancel_jobs(tx: Transaction, jobs: Sequence[Job]) -> bool:
    """Return whether one of the *jobs* waits, and the key has the permission of all of them."""
    return any(job.state is JobState.QUEUED for job in jobs) and may_change_jobs(tx, jobs)


def may_change_run(tx: Transaction, *, run_id: UUID) -> bool:
    """Return whether the key has the permission of all jobs of a run, which its cancel and its undo need."""
    return all(map(may_run, KINDS)) or all(map(may_run, kinds_of_run(tx, run_id=run_id)))


def may_undo_batch(batch: Batch) -> bool:
    """Return whether a job of *batch* can be undone, and the key has the permission of all of its jobs."""
    return any(map(is_undoable, batch.jobs)) and all(may_run(job.kind) for job in batch.jobs)


def is_undoable(job: Job) -> bool:
    """Return whether to offer an undo of *job*: it had an effect, was not undone, and the key may undo it."""
    return job.outcome in UNDOABLE and job.undone_at is None and job.kind in PERMISSIONS and may_run(job.kind)


def permitted_filter(filters: Mapping[str, str]) -> dict[str, str] | None:
    """Return *filters* for an action on all jobs that match, which needs the permission of each of them.

    A key that may run one kind only gets the jobs of that kind, and None for a filter of another kind.
    """
    permitted = [kind for kind in KINDS if may_run(kind)]
    if len(permitted) == len(KINDS):
        return dict(filters)
    if not permitted or filters.get("kind") not in {None, permitted[0]}:
        return None
    return {**filters, "kind": permitted[0].value}
