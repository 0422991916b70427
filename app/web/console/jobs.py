"""Pages of jobs: the list by state, outcome or identifier, and one job with all its details."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger import queries
from app.ledger.search import plus_forms
from app.undo.recorded_merges import RecordedComparison, compare_recorded_merge
from app.web.api.jobs import list_requested_jobs
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.console.field_rows import rows_of_page
from app.web.console.progress import poll_interval_since
from app.web.pagination import cursor_text
from app.web.reading import may_read_values, visible_changes
from schemas.outcomes import SETTLED, JobState, Outcome

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

#: Fields of the filter form; an empty one does not filter.
FILTERS = ("state", "outcome", "identifier", "cursor")
#: Changes of a job that is no merge, on a page; the API returns the others.
MAX_ROWS = 100


@blueprint.get("")
@signed_in(permission=POLLING)
def job_list_page() -> ResponseReturnValue:
    """Show a page of jobs, filtered by state and outcome."""
    return render_template("jobs.html", **job_list_context(request.args))


@blueprint.post("")
@signed_in(permission=POLLING)
def job_search_page() -> ResponseReturnValue:
    """Show a page of jobs by identifier, which is in the form so that it is in no URL and no access log."""
    filters = {name: value for name in FILTERS if (value := request.form.get(name, "").strip())}
    if "identifier" in filters:
        return render_template("jobs.html", **job_list_context(filters))
    return redirect(f"{url_for('console.jobs.job_list_page')}?{urlencode(filters)}", HTTPStatus.SEE_OTHER)


@blueprint.get("/<uuid:job_id>")
@signed_in(permission=POLLING)
def job_page(job_id: UUID) -> ResponseReturnValue:
    """Show a job with both profiles side by side; the browser reloads it until it is settled."""
    with open_transaction(pool(), g.workspace_id) as tx:
        job = queries.read_job(tx, job_id=job_id)
        comparison = (
            compare_recorded_merge(tx, job_id=job_id)
            if may_read_values()
            else RecordedComparison(changes=visible_changes(queries.read_changes(tx, job_id=job_id)), rows=None)
        )
    return render_template(
        "job_body.html" if "HX-Request" in request.headers else "job.html",
        job=job,
        comparison=comparison,
        fields=rows_of_page(comparison.rows) if comparison.rows else None,
        most_rows=MAX_ROWS,
        again_after=None if job.state in SETTLED else poll_interval_since(job.created_at),
    )


def job_list_context(arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return the template context of a job list, filtered by *arguments*.

    Raises ValidationError for invalid arguments.
    """
    given = {name: value for name, value in arguments.items() if value}
    jobs, next_cursor = list_requested_jobs(given)
    return {
        "jobs": jobs,
        "filters": given,
        "older": cursor_text(next_cursor),
        "states": list(JobState),
        "outcomes": list(Outcome),
    }


def filter_jobs(jobs: Sequence[queries.Job], filters: Mapping[str, str]) -> list[queries.Job]:
    """Return the *jobs* that match the state, the outcome and the part of an identifier in *filters*."""
    texts = [form.casefold() for form in plus_forms(filters.get("identifier", "").strip())]
    return [
        job
        for job in jobs
        if filters.get("state") in {None, "", job.state}
        and filters.get("outcome") in {None, "", job.outcome}
        and any(text in value.casefold() for value in _values(job) for text in texts)
    ]


def _values(job: queries.Job) -> list[str]:
    """Return all identifier values of *job*."""
    values = [""]
    for identifier in (job.orphan_identifier, job.survivor_identifier):
        values += [each for each in identifier.values() if isinstance(each, str)]
        values += identifier.get("user_alias", {}).values()
    for side in (job.orphan, job.survivor):
        values += [side.braze_id, side.external_id or ""] if side else []
    return values
