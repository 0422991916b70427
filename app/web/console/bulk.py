"""The confirmation before an action on all jobs of a filter."""

from http import HTTPStatus

from flask import Blueprint, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.errors import Rejected
from app.ledger.job_lists import count_jobs
from app.ledger.list_pages import MAX_COUNT, ListCount
from app.queue.bulk import filters_of_action
from app.web.api.bulk import accept_requested_bulk
from app.web.api.jobs import job_filter_from
from app.web.api.runs import EITHER
from app.web.auth import POLLING, current_actor, pool
from app.web.console.auth import signed_in
from app.web.console.filters import filter_url, read_filter
from app.web.console.jobs import FILTERS, LIST
from app.web.console.lists import PLACE, api_arguments
from schemas.bulk import BulkAction
from schemas.jobs import JobFilterQuery
from schemas.paging import load_query

blueprint = Blueprint("bulk", __name__, url_prefix="/jobs/bulk")

QUERY = JobFilterQuery()
NO_ACTION = "The link has no action or an unknown one; open the list of jobs and choose one there."


@blueprint.get("")
@signed_in(permission=POLLING)
def bulk_page() -> ResponseReturnValue:
    """Ask for confirmation and say how many jobs the action is for."""
    action, filters = _requested()
    matching = job_filter_from(load_query(QUERY, api_arguments(filters)))
    with open_transaction(pool(), g.workspace_id) as tx:
        counts = [count_jobs(tx, matching=each) for each in filters_of_action(action, matching)]
    return render_template(
        "bulk.html",
        action=action.value,
        count=_total(counts),
        most=MAX_COUNT,
        filters=filters,
        back=filter_url(LIST, filters),
    )


@blueprint.post("")
@signed_in(permission=POLLING)
def submit_bulk() -> ResponseReturnValue:
    """Accept the action and redirect to its run, or to the list for a key that may not read runs."""
    action, filters = _requested()
    given = {"action": action, "filter": load_query(QUERY, api_arguments(filters))}
    accepted = run_in_transaction(pool(), g.workspace_id, accept_requested_bulk, given, current_actor())
    may_read = any(map(g.may, EITHER))
    where = url_for("console.runs.run_page", run_id=accepted.run_id) if may_read else filter_url(LIST, filters)
    return redirect(where, HTTPStatus.SEE_OTHER)


def _requested() -> tuple[BulkAction, dict[str, str]]:
    """Return the action and the filter in the URL."""
    filters = {name: value for name, value in read_filter((*FILTERS, "action")).items() if name not in PLACE}
    try:
        return BulkAction(filters.pop("action", "")), filters
    except ValueError:
        raise Rejected(NO_ACTION) from None


def _total(counts: list[ListCount]) -> ListCount:
    jobs = sum(count.items for count in counts)
    return ListCount(items=min(jobs, MAX_COUNT), is_exact=jobs <= MAX_COUNT and all(count.is_exact for count in counts))
