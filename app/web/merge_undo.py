"""`POST /merge/jobs/{job_id}/undo` and `/merge/batches/{batch_id}/undo`: merges taken back by jobs of their own."""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import queries
from app.ledger.accept import AcceptedBatch
from app.metrics.http import ACCEPTED_JOBS
from app.undo import accept
from app.undo.accept import UndoRequest
from app.web.accepted import accepted_response, idempotency_key
from app.web.auth import POLLING, pool, requires
from app.web.job_permissions import require_permission
from app.web.openapi.describe import BATCH_HEADERS, IDEMPOTENT, Tag, describe, reply
from app.web.shedding import backlogs
from schemas.jobs import JobUndoAcceptedSchema, UndoAcceptedSchema
from schemas.outcomes import JobKind

blueprint = Blueprint("merge_undo", __name__, url_prefix="/merge")


@describe(
    Tag.MERGES,
    "Undo a merge",
    headers=IDEMPOTENT,
    replies={
        202: reply(JobUndoAcceptedSchema, *BATCH_HEADERS),
        409: "The job has nothing to undo, another undo of it is running, or the Idempotency-Key conflicts.",
    },
)
@blueprint.post("/jobs/<uuid:job_id>/undo")
@requires(permission=POLLING)
def undo_job(job_id: UUID) -> ResponseReturnValue:
    """Accept the undo of a job that merged or identified, as a job of its own; 409 when it cannot be undone now.

    The key needs the permission that the job needed. What becomes of the undo is told where `Location` points.
    """
    with open_transaction(pool(), g.workspace_id) as tx:
        asked, kinds = accept.undo_request_of_job(tx, job_id=job_id)
    require_permission(kinds)
    accepted = take_in(asked)
    with open_transaction(pool(), g.workspace_id) as tx:
        batch = queries.read_batch(tx, batch_id=accepted.batch_id)
    return _answer(accepted, job_id=str(batch.jobs[0].id))


@describe(
    Tag.MERGES,
    "Undo all merges of a batch",
    headers=IDEMPOTENT,
    replies={
        202: reply(UndoAcceptedSchema, *BATCH_HEADERS),
        409: "No job of the batch can be undone now, or the Idempotency-Key conflicts.",
    },
)
@blueprint.post("/batches/<uuid:batch_id>/undo")
@requires(permission=POLLING)
def undo_batch(batch_id: UUID) -> ResponseReturnValue:
    """Accept the undo of every job of a batch that merged or identified and is not undone, the latest merge first.

    Each becomes a job of its own, in one batch. The key needs the permission that the batch needed. 409 when nothing
    of it can be undone now.
    """
    with open_transaction(pool(), g.workspace_id) as tx:
        asked, kinds = accept.undo_request_of_batch(tx, batch_id=batch_id)
    require_permission(kinds)
    return _answer(take_in(asked))


def take_in(asked: UndoRequest, *, key: str | None = None) -> AcceptedBatch:
    """Return the batch that *asked* became; it makes jobs as a merge does, and is refused when too many wait.

    *key* is the Idempotency-Key, where it is not a header.
    """
    idempotency, known = idempotency_key(None, given=key), backlogs()

    def work(tx: Transaction) -> AcceptedBatch:
        """Accept it in a transaction, which an error ends without effect."""
        accepted = accept.accept_undo(tx, asked, api_key_id=g.api_key_id, path=request.path, idempotency=idempotency)
        if not accepted.replayed:
            known.require_room(tx)
        return accepted

    accepted = run_in_transaction(pool(), g.workspace_id, work)
    if not accepted.replayed:
        known.add_accepted(workspace_id=g.workspace_id, jobs=accepted.jobs)
        ACCEPTED_JOBS.inc(accepted.jobs, JobKind.UNDO)
    return accepted


def _answer(accepted: AcceptedBatch, **members: Any) -> ResponseReturnValue:
    """Return the answer, with further *members*."""
    return accepted_response(accepted, status=HTTPStatus.ACCEPTED, message="success", **members)
