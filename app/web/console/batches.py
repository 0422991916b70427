"""Pages of batches: the list, newest first, and one batch with its jobs."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger import queries
from app.ledger.batch_lists import count_batches
from app.web.api.batches import QUERY, batch_filter_from, read_batch_page
from app.web.api.list_exports import export_requested_batches
from app.web.auth import POLLING, pool
from app.web.console.auth import signed_in
from app.web.console.filters import filter_url, read_filter, redirect_to_filter
from app.web.console.jobs import filter_jobs
from app.web.console.lists import CHOICES, COMMON, ListView, api_arguments, at_least, conditions_of, count_of_page
from app.web.console.permitted import may_cancel_jobs
from app.web.console.progress import poll_interval_since
from app.web.reading import visible_names
from schemas.outcomes import JobState, Outcome
from schemas.paging import load_query

blueprint = Blueprint("batches", __name__, url_prefix="/batches")

LIST, PAGE = "console.batches.batch_list_page", "console.batches.batch_page"
#: Fields of the filter of the list, and of that of a batch's jobs.
FILTERS = ("source", "run_id", "state", "outcome", "kind", "identifier", *COMMON)
OF_JOBS = ("state", "outcome", "identifier")


@blueprint.get("")
@signed_in(permission=POLLING)
def batch_list_page() -> ResponseReturnValue:
    """Show a page of batches; the browser reloads the list while one of them is unfinished."""
    template = "batch_list.html" if "HX-Request" in request.headers else "batches.html"
    return render_template(template, **batch_list_context(read_filter(FILTERS)))


@blueprint.post("")
@signed_in(permission=POLLING)
def submit_batch_list_filter() -> ResponseReturnValue:
    """Redirect to the list with the filter of the form."""
    return redirect_to_filter(LIST, FILTERS)


@blueprint.get("/export")
@signed_in(permission=POLLING)
def export_batch_list() -> ResponseReturnValue:
    """Return the batches of the filter in the URL as CSV."""
    return export_requested_batches(api_arguments(conditions_of(read_filter(FILTERS))))


@blueprint.get("/<uuid:batch_id>")
@signed_in(permission=POLLING)
def batch_page(batch_id: UUID) -> ResponseReturnValue:
    """Show a batch and its jobs, filtered by state or outcome; the browser reloads it until all jobs are settled."""
    with open_transaction(pool(), g.workspace_id) as tx:
        batch = queries.read_batch(tx, batch_id=batch_id)
        names = visible_names(tx, batch.jobs)
        may_cancel = may_cancel_jobs(tx, batch.jobs)
    given = read_filter(OF_JOBS)
    filters = {name: given.get(name, "") for name in OF_JOBS}
    return render_template(
        "batch_body.html" if "HX-Request" in request.headers else "batch.html",
        batch=batch,
        jobs=filter_jobs(batch.jobs, filters),
        names=names,
        may_cancel=may_cancel,
        filters=filters,
        states=list(JobState),
        outcomes=sorted({job.outcome for job in batch.jobs if job.outcome}, key=list(Outcome).index),
        again_after=None if batch.state == JobState.FINISHED else poll_interval_since(batch.created_at),
        source=filter_url(PAGE, filters, batch_id=batch_id),
    )


@blueprint.post("/<uuid:batch_id>")
@signed_in(permission=POLLING)
def submit_batch_filter(batch_id: UUID) -> ResponseReturnValue:
    """Redirect to the batch with the filter of the form; 404 when there is no such batch."""
    with open_transaction(pool(), g.workspace_id) as tx:
        queries.read_batch(tx, batch_id=batch_id)
    return redirect_to_filter(PAGE, OF_JOBS, batch_id=batch_id)


def batch_list_context(filters: Mapping[str, str]) -> dict[str, Any]:
    """Return the template context of a batch list. Raises ValidationError for an invalid filter."""
    query = load_query(QUERY, api_arguments(filters))
    with open_transaction(pool(), g.workspace_id) as tx:
        page = read_batch_page(tx, query)
        count = count_of_page(
            len(page.batches), next_cursor=page.next_cursor, is_cut=page.is_cut, is_first="cursor" not in filters
        )
        if count is None:
            counted = count_batches(tx, matching=batch_filter_from(query), few=page.few)
            count = at_least(counted, len(page.batches), next_cursor=page.next_cursor)
    listed = ListView(
        endpoint=LIST, filters=filters, values={}, next_cursor=page.next_cursor, is_cut=page.is_cut, count=count
    )
    begun = [batch.created_at for batch in page.batches if batch.state != JobState.FINISHED]
    return {
        "batches": page.batches,
        "listed": listed,
        "choices": CHOICES,
        "again_after": poll_interval_since(max(begun)) if begun else None,
        "source": filter_url(LIST, filters),
    }
