"""The page of dead jobs with their last errors, and the retry of one or all of them."""

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.errors import Conflict, Rejected
from app.ledger import queries
from app.ledger.retry import retry_job
from app.web.auth import POLLING
from app.web.console.auth import signed_in
from app.web.pagination import cursor_text, split_page
from app.web.resources import pool
from schemas.outcomes import JobState
from schemas.paging import DEFAULT_LIMIT, PageQuery, load_query

blueprint = Blueprint("dead_jobs", __name__)

QUERY = PageQuery()
#: Parameters of the URL after a retry: the number of jobs that were retried, and of the others.
RETRY_RESULT = ("retried", "left")
DEAD = queries.Wanted(state=JobState.DEAD)
NO_IDS = "The form has no job id or an invalid one; load the page again."


@blueprint.get("/dead")
@signed_in(permission=POLLING)
def dead_jobs_page() -> ResponseReturnValue:
    """Show a page of dead jobs, newest first."""
    arguments = request.args.to_dict()
    retry_result = {name: value for name in RETRY_RESULT if (value := arguments.pop(name, "")).isdecimal()}
    query = load_query(QUERY, arguments)
    with open_transaction(pool(), g.workspace_id) as tx:
        jobs = queries.list_jobs(tx, wanted=DEAD, limit=query["limit"] + 1, before=query.get("cursor"))
    listed, next_cursor = split_page(jobs, query["limit"])
    return render_template(
        "dead.html",
        jobs=listed,
        older=cursor_text(next_cursor),
        is_first_page="cursor" not in query,
        retry_result=retry_result,
    )


@blueprint.post("/jobs/<uuid:job_id>/retry")
@signed_in(permission="users.merge")
def submit_retry_job(job_id: UUID) -> ResponseReturnValue:
    """Put a dead job back in the queue and lead to it; 409 when it is not dead."""

    def work(tx: Transaction) -> None:
        retry_job(tx, job_id=job_id)

    run_in_transaction(pool(), g.workspace_id, work)
    return redirect(url_for("console.jobs.job_page", job_id=job_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/dead/retry")
@signed_in(permission="users.merge")
def submit_retry_listed() -> ResponseReturnValue:
    """Put all jobs that the page showed back in the queue, but for those that are not dead any more or were blanked."""
    job_ids = _job_ids(request.form.getlist("job_id"))

    def work(tx: Transaction) -> int:
        return sum(_retried(tx, job_id) for job_id in job_ids)

    retried = run_in_transaction(pool(), g.workspace_id, work)
    where = url_for("console.dead_jobs.dead_jobs_page", retried=retried, left=len(job_ids) - retried)
    return redirect(where, HTTPStatus.SEE_OTHER)


def _retried(tx: Transaction, job_id: UUID) -> bool:
    """Return whether the job is in the queue again; one that somebody else retried meanwhile is left as it is."""
    try:
        retry_job(tx, job_id=job_id)
    except Conflict:
        return False
    return True


def _job_ids(given: Sequence[str]) -> list[UUID]:
    """Return the job ids of a form, sorted, since jobs are locked in this order; raise Rejected if one is invalid."""
    try:
        job_ids = sorted(map(UUID, given))
    except ValueError:
        raise Rejected(NO_IDS) from None
    if not 0 < len(job_ids) <= DEFAULT_LIMIT:
        raise Rejected(NO_IDS)
    return job_ids
