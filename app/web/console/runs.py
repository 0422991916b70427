"""Pages of runs: the list, and one run with its progress."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger import run_lists, runs
from app.ledger.batch_lists import BatchFilter, list_batches
from app.web.api import runs as api
from app.web.api.list_exports import export_requested_runs
from app.web.api.run_filters import PAGE_QUERY, list_requested_runs, run_filter_from
from app.web.auth import POLLING, pool
from app.web.console import batches, run_actions
from app.web.console.auth import signed_in
from app.web.console.filters import IDENTIFIER, read_filter, redirect_to_filter
from app.web.console.lists import COMMON, ListView, api_arguments, at_least, conditions_of, count_of_page
from app.web.console.progress import poll_interval_since
from app.web.console.run_views import permitted_actions, view_runs
from schemas.outcomes import BatchSource, Outcome, RunKind, RunStatus
from schemas.paging import load_query

blueprint = Blueprint("runs", __name__, url_prefix="/runs")
blueprint.register_blueprint(run_actions.blueprint)

LIST, PAGE = "console.runs.run_list_page", "console.runs.run_page"
#: Fields of the filter in sight, and folded; a run has the outcome and the identifier if one of its jobs has both.
NAMES = ("kind", "state", "outcome", IDENTIFIER)
MORE = ("source", "key", "from", "to")
FILTERS = (*NAMES, "source", *COMMON)
CHOICES: Mapping[str, type[StrEnum]] = MappingProxyType(
    {"kind": RunKind, "state": RunStatus, "outcome": Outcome, "source": BatchSource}
)
#: Batches on the page of a run.
LATEST = 10


@blueprint.get("")
@signed_in(permission=api.EITHER)
def run_list_page() -> ResponseReturnValue:
    """Show a page of runs with the filter in the URL."""
    filters = read_filter(FILTERS)
    arguments = api_arguments(filters)
    page = list_requested_runs(arguments)
    count = count_of_page(
        len(page.runs), next_cursor=page.next_cursor, is_cut=page.is_cut, is_first="cursor" not in filters
    )
    with open_transaction(pool(), g.workspace_id) as tx:
        if count is None:
            matching = run_filter_from(load_query(PAGE_QUERY, arguments))
            counted = run_lists.count_merge_runs(tx, matching=matching, few=page.few)
            count = at_least(counted, len(page.runs), next_cursor=page.next_cursor)
        views = view_runs(tx, page.runs)
    listed = ListView(
        endpoint=LIST, filters=filters, values={}, next_cursor=page.next_cursor, is_cut=page.is_cut, count=count
    )
    begun = [run.created_at for run in page.runs if run.state is RunStatus.RUNNING]
    may_read_jobs = any(map(g.may, POLLING))
    return render_template(
        "runs/list_body.html" if "HX-Request" in request.headers else "runs/list.html",
        runs=views,
        listed=listed,
        choices=CHOICES,
        names=[name for name in NAMES if name != IDENTIFIER or may_read_jobs],
        more=MORE,
        again_after=poll_interval_since(max(begun)) if begun else None,
    )


@blueprint.post("")
@signed_in(permission=api.EITHER)
def submit_run_filter() -> ResponseReturnValue:
    """Redirect to the list with the filter of the form."""
    return redirect_to_filter(LIST, FILTERS)


@blueprint.get("/export")
@signed_in(permission=api.EITHER)
def export_run_list() -> ResponseReturnValue:
    """Return the runs of the filter in the URL as CSV."""
    return export_requested_runs(api_arguments(conditions_of(read_filter(FILTERS))))


@blueprint.get("/<uuid:run_id>")
@signed_in(permission=api.EITHER)
def run_page(run_id: UUID) -> ResponseReturnValue:
    """Show a run and its latest batches; the browser reloads it until it has ended."""
    context: dict[str, Any] = {}
    with open_transaction(pool(), g.workspace_id) as tx:
        (view,) = view_runs(tx, [api.timed_run(runs.read_merge_run(tx, run_id=run_id))])
        actions = permitted_actions(tx, view)
        if any(map(g.may, POLLING)):
            page = list_batches(tx, matching=BatchFilter(run_id=run_id), limit=LATEST)
            listed = ListView(
                endpoint=batches.LIST,
                filters={"run_id": str(run_id)},
                values={},
                next_cursor=page.next_cursor,
                is_cut=False,
            )
            context = {"batches": page.batches, "listed": listed}
    return render_template(
        "runs/run_body.html" if "HX-Request" in request.headers else "runs/run.html",
        view=view,
        run_again_after=poll_interval_since(view.run.created_at) if view.is_unfinished else None,
        actions=actions,
        **context,
    )
