"""The page that confirms the retry of a dead job."""

from uuid import UUID

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import Conflict
from app.ledger import queries
from app.ledger.retry import NOT_DEAD
from app.web.auth import POLLING, AccessDenied, pool
from app.web.console.auth import signed_in
from app.web.console.layout import retryable
from schemas.outcomes import JobState

blueprint = Blueprint("retry", __name__, url_prefix="/jobs")


@blueprint.get("/<uuid:job_id>/retry")
@signed_in(permission=POLLING)
def retry_job_page(job_id: UUID) -> ResponseReturnValue:
    """Show what a retry would do; 409 if the job is not dead, 403 if the key may not run its kind."""
    with open_transaction(pool(), g.workspace_id) as tx:
        job = queries.read_job(tx, job_id=job_id)
    if job.state is not JobState.DEAD:
        raise Conflict(NOT_DEAD.format(state=job.state))
    if not retryable(job):
        raise AccessDenied("Access Denied")
    return render_template("retry.html", job=job)
