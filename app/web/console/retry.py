"""Retries of one dead job: the page that asks, and the action."""

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.errors import Conflict
from app.ledger import queries
from app.ledger.retry import NOT_DEAD, retry_job
from app.web.auth import POLLING, AccessDenied, pool
from app.web.console.auth import signed_in
from app.web.console.confirmation import Confirmation, confirmation_page
from app.web.console.permitted import retryable_jobs
from app.web.job_permissions import require_kind
from schemas.outcomes import JobState

blueprint = Blueprint("retry", __name__, url_prefix="/jobs")


@blueprint.get("/<uuid:job_id>/retry")
@signed_in(permission=POLLING)
def retry_job_page(job_id: UUID) -> ResponseReturnValue:
    """Show what a retry would do; 409 if the job is not dead, 403 if the key may not run its kind."""
    with open_transaction(pool(), g.workspace_id) as tx:
        job = queries.read_job(tx, job_id=job_id)
        may_retry = job_id in retryable_jobs(tx, [job])
    if job.state is not JobState.DEAD:
        raise Conflict(NOT_DEAD.format(state=job.state))
    if not may_retry:
        raise AccessDenied("Access Denied")
    page = url_for("console.jobs.job_page", job_id=job_id)
    question = Confirmation(
        title="Retry 1 job?",
        sentences=[
            "The retry would queue 1 job again, with all attempts left.",
            "It keeps its place, its identifiers and its urgency.",
            "Correct the cause first: the same error would make it dead again.",
        ],
        lasting="The job can be cancelled while it waits, and its merge can be undone.",
        button="Retry 1 job",
        back=page,
        trail=[("Dead jobs", url_for("console.dead_jobs.dead_jobs_page")), (str(job_id), page)],
    )
    return confirmation_page(question, template="retry.html", job=job)


@blueprint.post("/<uuid:job_id>/retry")
@signed_in(permission=POLLING)
def submit_retry_job(job_id: UUID) -> ResponseReturnValue:
    """Queue a dead job again and redirect to it; 409 if it is not dead, 403 if the key may not run its kind."""
    run_in_transaction(pool(), g.workspace_id, retry_job, job_id=job_id, authorize=require_kind)
    return redirect(url_for("console.jobs.job_page", job_id=job_id), HTTPStatus.SEE_OTHER)
