"""Pages of jobs: the list by state, outcome or identifier, and one job with all its details."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from app.audit.recorded_changes import read_changes
from app.db.transaction import open_transaction
from app.errors import Rejected
from app.ledger import queries
from app.ledger.failures import read_failures
from app.ledger.job_lists import JobFilter, count_jobs
from app.ledger.search import plus_forms
from app.queue.bulk import filters_of_action
from app.undo.recorded_merges import RecordedComparison, compare_recorded_merge
from app.web.api.jobs import PAGE_QUERY, job_filter_from, list_requested_jobs
from app.web.api.list_exports import export_requested_jobs
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.console.field_rows import rows_of_page
from app.web.console.filters import read_filter, redirect_to_filter
from app.web.console.lists import CHOICES, COMMON, ListView, api_arguments, at_least, conditions_of, count_of_page
from app.web.console.permitted import may_cancel_jobs, permitted_filter, retryable_jobs
from app.web.console.progress import poll_interval_since
from app.web.reading import may_read_values, visible_changes, visible_names
from schemas.bulk import BulkAction
from schemas.outcomes import SETTLED
from schemas.paging import load_query

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")

#: Fields of the filter form; an empty one does not filter.
FILTERS = ("state", "outcome", "kind", "source", "run_id", "undone", "identifier", *COMMON)
LIST = "console.jobs.job_list_page"
FIXED = "This list has a filter of its own for {names}; open the list of jobs instead."
#: The actions on all jobs of a list.
BULK: Mapping[BulkAction, str] = MappingProxyType(
    {
        BulkAction.RETRY: "Retry all dead",
        BulkAction.CANCEL: "Cancel all waiting",
        BulkAction.UNDO: "Undo all merges",
    }
)
#: Changes of a job that is no merge, on a page; the API returns the others.
MAX_ROWS = 100


@blueprint.get("")
@signed_in(permission=POLLING)
def job_list_page() -> ResponseReturnValue:
    """Show a page of jobs with the filter in the URL."""
    return render_template("jobs.html", **job_list_context(read_filter(FILTERS), endpoint=LIST))


@blueprint.post("")
@signed_in(permission=POLLING)
def submit_job_filter() -> ResponseReturnValue:
    """Redirect to the list with the filter of the form."""
    return redirect_to_filter(LIST, FILTERS)


@blueprint.get("/export")
@signed_in(permission=POLLING)
def export_job_list() -> ResponseReturnValue:
    """Return the jobs of the filter in the URL as CSV."""
    return export_requested_jobs(api_arguments(conditions_of(read_filter(FILTERS))))


@blueprint.get("/<uuid:job_id>")
@signed_in(permission=POLLING)
def job_page(job_id: UUID) -> ResponseReturnValue:
    """Show a job with both profiles side by side; the browser reloads it until it is settled."""
    with open_transaction(pool(), g.workspace_id) as tx:
        job = queries.read_job(tx, job_id=job_id)
        comparison = (
            compare_recorded_merge(tx, job_id=job_id)
            if may_read_values()
            else RecordedComparison(changes=visible_changes(read_changes(tx, job_id=job_id)), rows=None)
        )
        retryable = retryable_jobs(tx, [job])
        may_cancel = may_cancel_jobs(tx, [job])
        failures = read_failures(tx, job_id=job_id)
    return render_template(
        "job_body.html" if "HX-Request" in request.headers else "job.html",
        job=job,
        failures=failures,
        comparison=comparison,
        retryable=retryable,
        may_cancel=may_cancel,
        fields=rows_of_page(comparison.rows) if comparison.rows else None,
        most_rows=MAX_ROWS,
        again_after=None if job.state in SETTLED else poll_interval_since(job.created_at),
    )


def job_list_context(
    filters: Mapping[str, str], *, endpoint: str, fixed: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the template context of the job list at *endpoint*; *fixed* is the part of its filter that no form has.

    Raises ValidationError for an invalid filter.
    """
    if twice := filters.keys() & fixed.keys():
        raise Rejected(FIXED.format(names=", ".join(sorted(twice))))
    arguments = api_arguments({**filters, **fixed})
    page = list_requested_jobs(arguments)
    matching = job_filter_from(load_query(PAGE_QUERY, arguments))
    count = count_of_page(
        len(page.jobs), next_cursor=page.next_cursor, is_cut=page.is_cut, is_first="cursor" not in filters
    )
    with open_transaction(pool(), g.workspace_id) as tx:
        if count is None:
            counted = page.count or count_jobs(tx, matching=matching)
            count = at_least(counted, len(page.jobs), next_cursor=page.next_cursor)
        names = visible_names(tx, page.jobs)
        retryable = retryable_jobs(tx, page.jobs)
    bulk_filter = permitted_filter(conditions_of({**filters, **fixed}))
    return {
        "jobs": page.jobs,
        "retryable": retryable,
        "names": names,
        "listed": ListView(
            endpoint=endpoint,
            filters=filters,
            values={},
            next_cursor=page.next_cursor,
            is_cut=page.is_cut,
            count=count,
        ),
        "choices": CHOICES,
        "bulk_filter": bulk_filter,
        "bulk_actions": [
            (action, title)
            for action, title in BULK.items()
            if bulk_filter is not None and _is_possible(action, matching)
        ],
    }


def _is_possible(action: BulkAction, matching: JobFilter) -> bool:
    """Return whether jobs of the list can have *action*, which a filter may rule out."""
    try:
        filters_of_action(action, matching)
    except Rejected:
        return False
    return True


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
