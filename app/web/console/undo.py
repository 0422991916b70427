"""Pages that confirm the undo of a job or a batch."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from uuid_utils import uuid7

from app.audit.recorded_changes import read_changes
from app.db.transaction import Transaction, open_transaction
from app.ledger import queries
from app.undo import accept
from app.undo.accept import UndoRequest
from app.web.api.undo import accept_undo_request
from app.web.auth import POLLING
from app.web.console.auth import signed_in
from app.web.console.confirmation import Confirmation, confirmation_page, count_of
from app.web.console.jobs import MAX_ROWS
from app.web.console.merging import KEY
from app.web.job_permissions import require_permission
from app.web.reading import visible_changes
from app.web.resources import pool

blueprint = Blueprint("undo", __name__)


@blueprint.get("/jobs/<uuid:job_id>/undo")
@signed_in(permission=POLLING)
def undo_job_page(job_id: UUID) -> ResponseReturnValue:
    """Show what the undo of a job would revert; 409 with the reason if it cannot be undone now."""
    with open_transaction(pool(), g.workspace_id) as tx:
        accept.lock_undoable_merges(tx, _job(tx, job_id))
        job = queries.read_job(tx, job_id=job_id)
        changes = visible_changes(read_changes(tx, job_id=job_id))
    page = url_for("console.jobs.job_page", job_id=job_id)
    trail = [("Jobs", url_for("console.jobs.job_list_page")), (str(job_id), page)]
    return _question([job], trail=trail, changes=changes)


@blueprint.post("/jobs/<uuid:job_id>/undo")
@signed_in(permission=POLLING)
def submit_undo_job(job_id: UUID) -> ResponseReturnValue:
    """Accept the undo of a job and redirect to its batch."""
    with open_transaction(pool(), g.workspace_id) as tx:
        undo = _job(tx, job_id)
    return _accept(undo)


@blueprint.get("/batches/<uuid:batch_id>/undo")
@signed_in(permission=POLLING)
def undo_batch_page(batch_id: UUID) -> ResponseReturnValue:
    """Show what the undo of a batch would revert; 409 with the reason if nothing can be undone now."""
    with open_transaction(pool(), g.workspace_id) as tx:
        merges = set(accept.lock_undoable_merges(tx, _batch(tx, batch_id)))
        batch = queries.read_batch(tx, batch_id=batch_id)
    page = url_for("console.batches.batch_page", batch_id=batch_id)
    trail = [("Batches", url_for("console.batches.batch_list_page")), (str(batch_id), page)]
    return _question([job for job in batch.jobs if job.id in merges], trail=trail)


@blueprint.post("/batches/<uuid:batch_id>/undo")
@signed_in(permission=POLLING)
def submit_undo_batch(batch_id: UUID) -> ResponseReturnValue:
    """Accept the undo of a batch and redirect to the batch of the undos."""
    with open_transaction(pool(), g.workspace_id) as tx:
        undo = _batch(tx, batch_id)
    return _accept(undo)


def _question(
    jobs: Sequence[queries.Job], *, trail: Sequence[tuple[str, str]], changes: Sequence[Mapping[str, Any]] = ()
) -> ResponseReturnValue:
    """Return the page that asks for confirmation; *changes* are those of a single job."""
    merges = count_of(len(jobs), "merge")
    question = Confirmation(
        title=f"Undo {merges}?",
        sentences=[
            "The undo would restore the orphan with its identifiers and history.",
            "It would remove from the survivor what the merge added. Later changes stay.",
        ],
        lasting=accept.IS_AN_UNDO,
        button=f"Undo {merges}",
        back=trail[-1][1],
        fields={KEY: str(uuid7())},
        trail=trail,
    )
    return confirmation_page(question, template="undo.html", jobs=jobs, changes=changes, most_rows=MAX_ROWS)


def _job(tx: Transaction, job_id: UUID) -> UndoRequest:
    """Return the job to undo; raise AccessDenied without the permission of its kind."""
    undo, kinds = accept.undo_request_of_job(tx, job_id=job_id)
    require_permission(kinds)
    return undo


def _batch(tx: Transaction, batch_id: UUID) -> UndoRequest:
    """Return the batch to undo; raise AccessDenied without the permissions of its kinds."""
    undo, kinds = accept.undo_request_of_batch(tx, batch_id=batch_id)
    require_permission(kinds)
    return undo


def _accept(undo: UndoRequest) -> ResponseReturnValue:
    accepted = accept_undo_request(undo, key=request.form.get(KEY, ""))
    return redirect(url_for("console.batches.batch_page", batch_id=accepted.batch_id), HTTPStatus.SEE_OTHER)
