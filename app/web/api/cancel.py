"""Cancel jobs that no worker has begun: one, those of a batch, or all that wait in the queue."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, Wrapper, run_in_transaction
from app.ledger import queries
from app.ledger.cancel import CancelledJobs, QueueSelection
from app.metrics.http import CANCELLED_JOBS
from app.queue import cancel
from app.web.accepted import status_url
from app.web.api.queue import MANAGE
from app.web.auth import POLLING, current_actor, pool, requires
from app.web.idempotent import respond_once
from app.web.job_permissions import require_kind
from app.web.openapi.describe import KEY_IN_USE, REPEATABLE, Tag, describe
from schemas.jobs import JobSchema
from schemas.outcomes import JobKind
from schemas.paging import load_query
from schemas.queue import CancelledSchema, QueueCancelledSchema, QueueSelectionQuery

blueprint = Blueprint("cancel", __name__, url_prefix="/merge")

JOB = JobSchema()
CANCELLED = CancelledSchema()
QUEUE_CANCELLED = QueueCancelledSchema()
SELECTION = QueueSelectionQuery()


@describe(
    Tag.MERGES,
    "Cancel a waiting job",
    headers=REPEATABLE,
    replies={200: JobSchema, 409: f"A worker has begun the job, or it ended. {KEY_IN_USE}"},
)
@blueprint.post("/jobs/<uuid:job_id>/cancel")
@requires(permission=POLLING)
def cancel_job_view(job_id: UUID) -> ResponseReturnValue:
    """Cancel a job that no worker has begun, and return it. The reason names the key.

    The key needs the permission of the job's kind; for an undo, that of the job that it undoes.
    """

    def cancel_it(once: Wrapper) -> queries.Job:
        job = run_in_transaction(pool(), g.workspace_id, once(_cancel_job), job_id)
        CANCELLED_JOBS.inc(1)
        return job

    return respond_once(cancel_it, lambda job: jsonify(JOB.dump(job)))


@describe(
    Tag.MERGES,
    "Cancel the waiting jobs of a batch",
    headers=REPEATABLE,
    replies={200: CancelledSchema, 409: f"No job of the batch waits any more. {KEY_IN_USE}"},
)
@blueprint.post("/batches/<uuid:batch_id>/cancel")
@requires(permission=POLLING)
def cancel_batch_view(batch_id: UUID) -> ResponseReturnValue:
    """Cancel the jobs of a batch that no worker has begun. Jobs that run are counted and not cancelled.

    The key needs the permission of the jobs' kind; for undos, that of the jobs that they undo.
    """

    def cancel_it(once: Wrapper) -> CancelledJobs:
        cancelled = run_in_transaction(
            pool(),
            g.workspace_id,
            once(cancel.cancel_batch),
            batch_id=batch_id,
            actor=current_actor(),
            authorize=require_kind,
        )
        CANCELLED_JOBS.inc(cancelled.cancelled)
        return cancelled

    return respond_once(cancel_it, lambda cancelled: jsonify(_dump(cancelled)))


@describe(
    Tag.MERGES,
    "Cancel all waiting jobs",
    query=QueueSelectionQuery,
    headers=REPEATABLE,
    replies={202: QueueCancelledSchema, 409: f"No job waits in the queue. {KEY_IN_USE}"},
)
@blueprint.post("/queue/cancel")
@requires(permission=MANAGE)
def cancel_queue_view() -> ResponseReturnValue:
    """Cancel all jobs that wait in the queue now, or those of a kind, a source or an urgency.

    No worker begins one of them after the response. They get the outcome `cancelled` in the background. The key also
    needs the permission of the jobs: `users.merge` and `users.identify`, or the one of `kind`.
    """
    query = load_query(SELECTION, request.args)
    selection = permitted_selection(query)

    def answer(cancel_id: UUID) -> ResponseReturnValue:
        return jsonify(QUEUE_CANCELLED.dump({"message": "success", "cancel_id": cancel_id})), HTTPStatus.ACCEPTED

    return respond_once(
        lambda once: run_in_transaction(
            pool(), g.workspace_id, once(cancel.cancel_queue), selection, actor=current_actor()
        ),
        answer,
        body=query,
    )


def permitted_selection(query: Mapping[str, Any]) -> QueueSelection:
    """Return the selection of a loaded *query*; raise AccessDenied without the permissions of its jobs."""
    selection = QueueSelection(kind=query.get("kind"), source=query.get("source"), priority=query.get("priority"))
    kinds = (JobKind.MERGE, JobKind.IDENTIFY) if selection.kind in (None, JobKind.UNDO) else (selection.kind,)
    for kind in kinds:
        require_kind(kind)
    return selection


def _cancel_job(tx: Transaction, job_id: UUID) -> queries.Job:
    cancel.cancel_job(tx, job_id=job_id, actor=current_actor(), authorize=require_kind)
    return queries.read_job(tx, job_id=job_id)


def _dump(cancelled: CancelledJobs) -> dict[str, object]:
    members = {
        "message": "success",
        "batch_id": cancelled.batch_id,
        "status_url": status_url(cancelled.batch_id),
        "cancelled": cancelled.cancelled,
        "running": cancelled.running,
    }
    dumped: dict[str, object] = CANCELLED.dump(members)
    return dumped
