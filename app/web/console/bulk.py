"""The confirmation before an action on all jobs of a filter."""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from flask import Blueprint, g, redirect, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.errors import Rejected
from app.ledger.job_lists import count_jobs
from app.ledger.list_pages import MAX_COUNT, ListCount
from app.queue.bulk import DONE, filters_of_action
from app.web.api.bulk import accept_requested_bulk
from app.web.api.jobs import job_filter_from
from app.web.api.runs import EITHER
from app.web.auth import POLLING, AccessDenied, current_actor, pool
from app.web.console.auth import signed_in
from app.web.console.confirmation import (
    CANCELLED_FOR_GOOD,
    UNDONE_FOR_GOOD,
    Confirmation,
    confirmation_page,
    jobs_in_words,
)
from app.web.console.filters import filter_url, read_filter
from app.web.console.jobs import FILTERS, LIST
from app.web.console.lists import api_arguments, conditions_of
from app.web.console.permitted import permitted_filter
from app.web.console.progress import label_of
from schemas.bulk import BulkAction
from schemas.jobs import JobFilterQuery
from schemas.paging import load_query

blueprint = Blueprint("bulk", __name__, url_prefix="/jobs/bulk")

QUERY = JobFilterQuery()
#: What each action does to a job, whether it can be undone, and its participle.
EFFECTS: Mapping[BulkAction, str] = MappingProxyType(
    {
        BulkAction.RETRY: "Each dead job is queued again, with all attempts left. Correct the cause first.",
        BulkAction.CANCEL: "Jobs that no worker has begun get the outcome Cancelled. Jobs that run now are finished.",
        BulkAction.UNDO: (
            "Each orphan is restored with its identifiers and history, the latest merge first, and the survivor loses"
            " what the merge added. Later changes are kept."
        ),
    }
)
LASTING: Mapping[BulkAction, str] = MappingProxyType(
    {
        BulkAction.RETRY: "The jobs can be cancelled while they wait, and their merges can be undone.",
        BulkAction.CANCEL: CANCELLED_FOR_GOOD,
        BulkAction.UNDO: UNDONE_FOR_GOOD,
    }
)
BACKGROUND = "It is done in the background, as a run. A job that changes in the meantime is left alone."
MANY = "More than {jobs} match. This run takes the newest {jobs}; repeat the action for the others."
NOTHING = "No job of this list can be {done} now."
NO_FILTER = "There is no filter: the action is for all jobs of the workspace."
NO_ACTION = "The link has no action or an unknown one; open the list of jobs and choose one there."


@blueprint.get("")
@signed_in(permission=POLLING)
def bulk_page() -> ResponseReturnValue:
    """Ask for confirmation and say how many jobs the action is for."""
    action, filters = _requested()
    matching = job_filter_from(load_query(QUERY, api_arguments(filters)))
    with open_transaction(pool(), g.workspace_id) as tx:
        counts = [count_jobs(tx, matching=each) for each in filters_of_action(action, matching)]
    return confirmation_page(_question(action, _total(counts), filters), template="bulk.html", filters=filters)


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
    """Return the action and the filter in the URL; raise AccessDenied for jobs that the key may not run."""
    filters = conditions_of(read_filter((*FILTERS, "action")))
    try:
        action = BulkAction(filters.pop("action", ""))
    except ValueError:
        raise Rejected(NO_ACTION) from None
    permitted = permitted_filter(filters)
    if permitted is None:
        raise AccessDenied("Access Denied")
    return action, permitted


def _question(action: BulkAction, count: ListCount, filters: Mapping[str, str]) -> Confirmation:
    verb, jobs = label_of(action), jobs_in_words(count.items)
    least = "at least " if not count.is_exact and count.items < MAX_COUNT else ""
    sentences = [EFFECTS[action], *([] if filters else [NO_FILTER])]
    if not count.is_exact and count.items >= MAX_COUNT:
        sentences.append(MANY.format(jobs=jobs))
    there = filter_url(LIST, filters)
    return Confirmation(
        title=f"{verb} {least}{jobs}?" if count.items else f"No job to {action}",
        sentences=[*sentences, BACKGROUND] if count.items else [NOTHING.format(done=DONE[action])],
        lasting=LASTING[action],
        button=f"{verb} {jobs}" if count.items else None,
        back=there,
        back_text="Leave them as they are",
        action=filter_url("console.bulk.submit_bulk", {**filters, "action": action}),
        trail=[("Jobs", there)],
    )


def _total(counts: list[ListCount]) -> ListCount:
    jobs = sum(count.items for count in counts)
    return ListCount(items=min(jobs, MAX_COUNT), is_exact=jobs <= MAX_COUNT and all(count.is_exact for count in counts))
