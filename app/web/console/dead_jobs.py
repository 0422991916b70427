"""Dead jobs: what each died of, and another chance for one of them or for all that are shown."""

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
from app.web.pagination import split_page
from app.web.resources import pool
from schemas.outcomes import JobState
from schemas.paging import DEFAULT_LIMIT, Cursor, PageQuery, load_query

blueprint = Blueprint("dead_jobs", __name__)

QUERY = PageQuery()
CURSOR = Cursor()
DEAD = queries.Wanted(state=JobState.DEAD)
NO_IDS = "The form names no job, or what it names is no job's id; load the page again."


@blueprint.get("/dead")
@signed_in(permission=POLLING)
def dead_jobs_page() -> ResponseReturnValue:
    """Show a page of dead jobs, newest first."""
    told = {name: request.args[name] for name in ("retried", "left") if request.args.get(name, "").isdecimal()}
    query = load_query(QUERY, {name: value for name, value in request.args.items() if name not in {"retried", "left"}})
    with open_transaction(pool(), g.workspace_id) as tx:
        jobs = queries.list_jobs(tx, wanted=DEAD, limit=query["limit"] + 1, before=query.get("cursor"))
    shown, next_cursor = split_page(jobs, query["limit"])
    older = None if next_cursor is None else CURSOR.serialize("cursor", {"cursor": next_cursor})
    return render_template("dead.html", jobs=shown, older=older, is_first_page="cursor" not in query, told=told)


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
    """Return the ids that the form names, in the order in which jobs are locked; raise Rejected when they are none."""
    try:
        job_ids = sorted(map(UUID, given))
    except ValueError:
        raise Rejected(NO_IDS) from None
    if not 0 < len(job_ids) <= DEFAULT_LIMIT:
        raise Rejected(NO_IDS)
    return job_ids
