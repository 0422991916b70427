"""`/merge/jobs/{job_id}/undo` and `/merge/batches/{batch_id}/undo`: jobs that undo merges."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import queries
from app.ledger.accept import AcceptedBatch, explain_run
from app.ledger.backlog import BacklogLimiter
from app.ledger.idempotency import IdempotencyKey
from app.metrics.http import ACCEPTED_JOBS
from app.undo import accept
from app.undo.accept import UndoRequest
from app.web.accepted import accepted_response
from app.web.auth import POLLING, pool, requires
from app.web.idempotent import idempotency_key
from app.web.job_permissions import require_permission
from app.web.joining import joined_run
from app.web.openapi.describe import BATCH_HEADERS, JOINING, Tag, describe, reply
from app.web.shedding import backlogs
from app.web.urgency import requested_priority
from schemas.jobs import JobUndoAcceptedSchema, UndoAcceptedSchema
from schemas.outcomes import JobKind

blueprint = Blueprint("undo", __name__, url_prefix="/merge")


@describe(
    Tag.MERGES,
    "Undo a merge",
    headers=JOINING,
    replies={
        202: reply(JobUndoAcceptedSchema, *BATCH_HEADERS),
        409: (
            "The job has nothing to undo, another undo of it is running, the run is not open, or the first request with"
            " the Idempotency-Key is still running."
        ),
    },
)
@blueprint.post("/jobs/<uuid:job_id>/undo")
@requires(permission=POLLING)
def undo_job_view(job_id: UUID) -> ResponseReturnValue:
    """Accept the undo of a job that merged or identified, as a new job; 409 if it cannot be undone now.

    The key needs the permission of the job that it undoes. The `Location` header has the URL of the outcome.
    """
    with joined_run() as run_id:
        with open_transaction(pool(), g.workspace_id) as tx:
            undo, kinds = accept.undo_request_of_job(tx, job_id=job_id)
        require_permission(kinds)
        accepted = accept_undo_request(undo, run_id=run_id)
    with open_transaction(pool(), g.workspace_id) as tx:
        batch = queries.read_batch(tx, batch_id=accepted.batch_id)
    return _response(accepted, job_id=str(batch.jobs[0].id))


@describe(
    Tag.MERGES,
    "Undo all merges of a batch",
    headers=JOINING,
    replies={
        202: reply(UndoAcceptedSchema, *BATCH_HEADERS),
        409: (
            "No job of the batch can be undone now, the run is not open, or the first request with the Idempotency-Key"
            " is still running."
        ),
    },
)
@blueprint.post("/batches/<uuid:batch_id>/undo")
@requires(permission=POLLING)
def undo_batch_view(batch_id: UUID) -> ResponseReturnValue:
    """Accept the undo of every job of a batch that merged or identified and is not undone, the latest merge first.

    Each undo is a new job; all are in one batch. The key needs the permission of the jobs that it undoes. 409 if no job
    can be undone now.
    """
    with joined_run() as run_id:
        with open_transaction(pool(), g.workspace_id) as tx:
            undo, kinds = accept.undo_request_of_batch(tx, batch_id=batch_id)
        require_permission(kinds)
        return _response(accept_undo_request(undo, run_id=run_id))


def accept_undo_request(undo: UndoRequest, *, key: str | None = None, run_id: UUID | None = None) -> AcceptedBatch:
    """Store the undo that *undo* describes as a batch. Raises Overloaded if too many jobs of the workspace wait.

    *key* is the Idempotency-Key of a form; *run_id* is the run that the batch joins.
    """
    limiter = backlogs()
    with explain_run(pool(), g.workspace_id, run_id):
        accepted = run_in_transaction(
            pool(), g.workspace_id, _accept_within_limit, undo, idempotency_key(None, given=key), limiter, run_id
        )
    if not accepted.replayed:
        limiter.add_accepted(workspace_id=g.workspace_id, jobs=accepted.jobs)
        ACCEPTED_JOBS.inc(accepted.jobs, JobKind.UNDO)
    return accepted


def _accept_within_limit(
    tx: Transaction,
    undo: UndoRequest,
    idempotency: IdempotencyKey | None,
    limiter: BacklogLimiter,
    run_id: UUID | None,
) -> AcceptedBatch:
    accepted = accept.accept_undo(
        tx,
        undo,
        api_key_id=g.api_key_id,
        path=request.path,
        priority=requested_priority(),
        idempotency=idempotency,
        run_id=run_id,
    )
    if not accepted.replayed:
        limiter.require_room(tx)
    return accepted


def _response(accepted: AcceptedBatch, **members: Any) -> ResponseReturnValue:
    return accepted_response(accepted, status=HTTPStatus.ACCEPTED, message="success", **members)
