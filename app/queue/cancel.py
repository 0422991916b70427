"""Cancellations, which the audit records."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from app.audit.log import Actor, AuditEvent, log_events
from app.audit.runs import log_run_change
from app.db.transaction import Transaction
from app.ledger import cancel as ledger
from app.ledger import run_cancel
from app.ledger.cancel import CancelledJobs, QueueSelection
from schemas.audit import Action
from schemas.outcomes import JobKind, RunStatus


def cancel_batch(
    tx: Transaction, *, batch_id: UUID, actor: Actor, authorize: Callable[[JobKind], None]
) -> CancelledJobs:
    """Cancel the jobs of a batch that no worker has begun. Raises NotFound, and Conflict when no job waits."""
    cancelled = ledger.cancel_waiting_jobs(tx, batch_id=batch_id, api_key_id=actor.api_key_id, authorize=authorize)
    _log(tx, actor, {"batch_id": str(batch_id), "cancelled": cancelled.cancelled, "running": cancelled.running})
    return cancelled


def cancel_job(tx: Transaction, *, job_id: UUID, actor: Actor, authorize: Callable[[JobKind], None]) -> None:
    """Cancel a job that no worker has begun. Raises NotFound, and Conflict when it does not wait."""
    batch_id = ledger.batch_of_job(tx, job_id=job_id)
    ledger.cancel_waiting_jobs(tx, batch_id=batch_id, job_id=job_id, api_key_id=actor.api_key_id, authorize=authorize)
    _log(tx, actor, {"job_id": str(job_id), "cancelled": 1, "running": 0})


def cancel_merge_run(tx: Transaction, *, run_id: UUID, actor: Actor, authorize: Callable[[JobKind], None]) -> None:
    """Cancel a run with its waiting jobs. Raises NotFound, and Conflict when nothing of it is left to cancel."""
    before = run_cancel.cancel_jobs_of_run(tx, run_id=run_id, api_key_id=actor.api_key_id, authorize=authorize)
    log_run_change(tx, run_id=run_id, before=before, after=RunStatus.CANCELLED, actor=actor)


def cancel_queue(tx: Transaction, selection: QueueSelection, *, actor: Actor) -> UUID:
    """Cancel the jobs that wait now; return the id of the cancellation. Raises Conflict when no job waits."""
    cancel_id = ledger.add_cancellation(tx, selection, api_key_id=actor.api_key_id)
    selected = {"kind": selection.kind, "source": selection.source, "priority": selection.priority}
    _log(tx, actor, {"cancel_id": str(cancel_id), **selected})
    return cancel_id


def _log(tx: Transaction, actor: Actor, what: Mapping[str, Any]) -> None:
    change = {"field": "jobs", "before": None, "after": what, "rule": None}
    log_events(tx, action=Action.CANCEL, actor=actor, events=[AuditEvent(braze_id=None, changes=[change])])
