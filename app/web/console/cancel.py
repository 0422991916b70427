"""Cancels one waiting job, or those of a batch, each after a page that names the number."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.ledger import queries
from app.metrics.http import CANCELLED_JOBS
from app.queue.cancel import cancel_batch, cancel_job
from app.web.auth import POLLING, AccessDenied, current_actor, pool
from app.web.console.auth import signed_in
from app.web.console.confirmation import CANCELLED_FOR_GOOD, Confirmation, confirmation_page, count_of, jobs_in_words
from app.web.console.permitted import may_change_jobs
from app.web.job_permissions import require_kind
from schemas.outcomes import JobState

blueprint = Blueprint("cancel", __name__)

EFFECT = "No worker begins it, and it gets the outcome Cancelled. Jobs that run now are finished."
NOTHING = "No job waits here any more, so there is nothing to cancel."


@blueprint.get("/jobs/<uuid:job_id>/cancel")
@signed_in(permission=POLLING)
def cancel_job_page(job_id: UUID) -> ResponseReturnValue:
    """Ask before a job is cancelled; 403 if the key may not run its kind."""
    with open_transaction(pool(), g.workspace_id) as tx:
        job = queries.read_job(tx, job_id=job_id)
        is_permitted = may_change_jobs(tx, [job])
    if not is_permitted:
        raise AccessDenied("Access Denied")
    page = url_for("console.jobs.job_page", job_id=job_id)
    trail = [("Jobs", url_for("console.jobs.job_list_page")), (str(job_id), page)]
    return _page(int(job.state is JobState.QUEUED), trail)


@blueprint.post("/jobs/<uuid:job_id>/cancel")
@signed_in(permission=POLLING)
def submit_cancel_job(job_id: UUID) -> ResponseReturnValue:
    """Cancel a job and redirect to it; 409 if it does not wait."""
    run_in_transaction(pool(), g.workspace_id, cancel_job, job_id=job_id, actor=current_actor(), authorize=require_kind)
    CANCELLED_JOBS.inc(1)
    return redirect(url_for("console.jobs.job_page", job_id=job_id), HTTPStatus.SEE_OTHER)


@blueprint.get("/batches/<uuid:batch_id>/cancel")
@signed_in(permission=POLLING)
def cancel_batch_page(batch_id: UUID) -> ResponseReturnValue:
    """Ask before the waiting jobs of a batch are cancelled; 403 if the key may not run one of its kinds."""
    with open_transaction(pool(), g.workspace_id) as tx:
        batch = queries.read_batch(tx, batch_id=batch_id)
        is_permitted = may_change_jobs(tx, batch.jobs)
    if not is_permitted:
        raise AccessDenied("Access Denied")
    page = url_for("console.batches.batch_page", batch_id=batch_id)
    trail = [("Batches", url_for("console.batches.batch_list_page")), (str(batch_id), page)]
    return _page(sum(job.state is JobState.QUEUED for job in batch.jobs), trail)


@blueprint.post("/batches/<uuid:batch_id>/cancel")
@signed_in(permission=POLLING)
def submit_cancel_batch(batch_id: UUID) -> ResponseReturnValue:
    """Cancel the waiting jobs of a batch and redirect to it; 409 if none waits."""
    cancelled = run_in_transaction(
        pool(), g.workspace_id, cancel_batch, batch_id=batch_id, actor=current_actor(), authorize=require_kind
    )
    CANCELLED_JOBS.inc(cancelled.cancelled)
    return redirect(url_for("console.batches.batch_page", batch_id=batch_id), HTTPStatus.SEE_OTHER)


def _page(waiting: int, trail: list[tuple[str, str]]) -> str:
    """Return the page that asks; the last page of *trail* is the one to go back to."""
    jobs = count_of(waiting, "waiting job")
    question = Confirmation(
        title=f"Cancel {jobs}?" if waiting else "No job to cancel",
        sentences=[EFFECT if waiting else NOTHING],
        lasting=CANCELLED_FOR_GOOD,
        button=f"Cancel {jobs_in_words(waiting)}" if waiting else None,
        back=trail[-1][1],
        trail=trail,
    )
    return confirmation_page(question)
