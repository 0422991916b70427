"""The page of dead jobs with their last errors, and the retry of one or all of them."""

from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, run_in_transaction
from app.errors import Conflict, Rejected
from app.ledger.retry import retry_job
from app.web.auth import POLLING, AccessDenied
from app.web.console import jobs
from app.web.console.auth import signed_in
from app.web.console.filters import read_filter, redirect_to_filter
from app.web.console.jobs import job_list_context
from app.web.job_permissions import require_kind
from app.web.resources import pool
from schemas.outcomes import JobState
from schemas.paging import DEFAULT_LIMIT

blueprint = Blueprint("dead_jobs", __name__)

#: Parameters of the URL after a retry: the number of jobs that were retried, and of the others.
RETRY_RESULT = ("retried", "left")
DEAD = {"state": JobState.DEAD.value}
FILTERS = tuple(name for name in jobs.FILTERS if name not in {"state", "outcome", "undone"})
LIST = "console.dead_jobs.dead_jobs_page"
NO_IDS = "The form has no job id or an invalid one; load the page again."


@blueprint.get("/dead")
@signed_in(permission=POLLING)
def dead_jobs_page() -> ResponseReturnValue:
    """Show a page of dead jobs with the filter in the URL."""
    filters = read_filter((*FILTERS, *RETRY_RESULT))
    retry_result = {name: value for name in RETRY_RESULT if (value := filters.pop(name, "")).isdecimal()}
    context = job_list_context(filters, endpoint=LIST, fixed=DEAD)
    return render_template("dead.html", retry_result=retry_result, **context)


@blueprint.post("/dead")
@signed_in(permission=POLLING)
def submit_dead_job_filter() -> ResponseReturnValue:
    """Redirect to the list with the filter of the form."""
    return redirect_to_filter(LIST, FILTERS)


@blueprint.post("/jobs/<uuid:job_id>/retry")
@signed_in(permission=POLLING)
def submit_retry_job(job_id: UUID) -> ResponseReturnValue:
    """Queue a dead job again and redirect to it; 409 if it is not dead, 403 if the key may not run its kind."""
    run_in_transaction(pool(), g.workspace_id, retry_job, job_id=job_id, authorize=require_kind)
    return redirect(url_for("console.jobs.job_page", job_id=job_id), HTTPStatus.SEE_OTHER)


@blueprint.post("/dead/retry")
@signed_in(permission=POLLING)
def submit_retry_listed() -> ResponseReturnValue:
    """Queue all listed jobs again, except jobs that are not dead, that were erased, or that the key may not run."""
    job_ids = _job_ids(request.form.getlist("job_id"))
    retried = run_in_transaction(pool(), g.workspace_id, _retry_all, job_ids)
    where = url_for("console.dead_jobs.dead_jobs_page", retried=retried, left=len(job_ids) - retried)
    return redirect(where, HTTPStatus.SEE_OTHER)


def _retry_all(tx: Transaction, job_ids: Sequence[UUID]) -> int:
    """Retry the jobs that can be retried; return how many."""
    retried = 0
    for job_id in job_ids:
        with suppress(Conflict, AccessDenied):
            retry_job(tx, job_id=job_id, authorize=require_kind)
            retried += 1
    return retried


def _job_ids(given: Sequence[str]) -> list[UUID]:
    """Return the job ids of a form, sorted, since jobs are locked in this order; raise Rejected if one is invalid."""
    try:
        job_ids = sorted(map(UUID, given))
    except ValueError:
        raise Rejected(NO_IDS) from None
    if not 0 < len(job_ids) <= DEFAULT_LIMIT:
        raise Rejected(NO_IDS)
    return job_ids
