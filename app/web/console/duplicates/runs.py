"""Pages of runs over duplicates: the list with the policy, one run, and its start and end."""

from functools import partial
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.duplicates import runs
from app.duplicates.policy import read_policy
from app.duplicates.preview import count_duplicates
from app.errors import NotFound
from app.ledger.runs import read_merge_run
from app.web.api.duplicates import EITHER, PLAN, RUN, start_requested_run
from app.web.api.exclusions import READING
from app.web.console.auth import signed_in
from app.web.console.confirmation import Confirmation, confirmation_page, count_of
from app.web.console.duplicates import wording
from app.web.console.error_pages import error_page
from app.web.console.plans.pages import by_number, marked_counts, run_url
from app.web.console.progress import poll_interval_since
from app.web.pagination import cursor_text, split_page
from app.web.resources import pool, read_anywhere, settings
from app.web.workspace_shares import query_share
from schemas.keeping import RunState
from schemas.outcomes import JobState
from schemas.paging import PageQuery, load_query

QUERY = PageQuery()
LIST, PAGE = "console.duplicates.duplicates_page", "console.duplicates.duplicate_run_page"
#: Runs on a page.
RUNS = 20
NO_PLANS = "The API key lacks the permission plans.write, which a planned run needs."


def add_run_routes(blueprint: Blueprint) -> None:
    """Add these pages to *blueprint*."""
    blueprint.get("")(duplicates_page)
    blueprint.get("/runs/<uuid:run_id>")(duplicate_run_page)
    blueprint.get("/run")(start_run_page)
    blueprint.post("/run")(submit_start_run)
    blueprint.post("/plan")(submit_plan_run)
    blueprint.get("/runs/<uuid:run_id>/cancel")(cancel_run_page)
    blueprint.post("/runs/<uuid:run_id>/cancel")(submit_cancel_run)


@signed_in(permission=READING)
def duplicates_page() -> ResponseReturnValue:
    """Show the policy and a page of runs, newest first."""
    query = load_query(QUERY, request.args)
    may_read = any(map(g.may, EITHER))
    with open_transaction(pool(), g.workspace_id) as tx:
        policy = read_policy(tx) if may_read else None
        found = runs.list_runs(tx, limit=RUNS + 1, before=query.get("cursor")) if may_read else []
    listed, next_cursor = split_page(found, RUNS)
    return render_template(
        "duplicates/runs.html",
        policy=policy,
        runs=listed,
        older=cursor_text(next_cursor),
        is_first_page="cursor" not in query,
        running=next((run for run in listed if run.state is RunState.RUNNING), None),
        may_run=g.may(RUN),
        may_plan=g.may(RUN) and g.may(PLAN),
        words=wording,
    )


@signed_in(permission=EITHER)
def duplicate_run_page(run_id: UUID) -> ResponseReturnValue:
    """Show a run with its progress; the browser reloads it until the scan and the merges have ended."""
    with open_transaction(pool(), g.workspace_id) as tx:
        run = runs.read_run(tx, run_id=run_id)
        try:
            merges = read_merge_run(tx, run_id=run_id)
        except NotFound:  # the relay adds the run of an older version later
            merges = None
    unfinished = merges is not None and any(merges.counts.get(state) for state in (JobState.QUEUED, JobState.RUNNING))
    return render_template(
        "duplicates/run_body.html" if "HX-Request" in request.headers else "duplicates/run.html",
        run=run,
        merges=[] if merges is None else marked_counts(merges.counts),
        merges_per_minute=0 if merges is None else merges.merges_per_minute,
        estimated_finish_at=None if merges is None else merges.estimated_finish_at,
        run_url=run_url(run_id),
        again_after=poll_interval_since(run.created_at) if run.state is RunState.RUNNING or unfinished else None,
        may_run=g.may(RUN),
        may_plan=g.may(RUN) and g.may(PLAN),
        by_number=by_number,
        words=wording,
    )


@signed_in(permission=RUN)
def start_run_page() -> ResponseReturnValue:
    """Ask whether to start a run, with the number of profiles that it would merge now."""
    with open_transaction(pool(), g.workspace_id) as tx:
        rule = read_policy(tx).rule
    with query_share():
        counts, complete = read_anywhere(
            partial(count_duplicates, settings=settings(), workspace_id=g.workspace_id, rule=rule)
        )
    number = f"{'' if complete else 'more than '}{count_of(counts.to_merge, 'profile')}"
    among = "" if complete else " among those counted in ten seconds"
    page = url_for(LIST)
    question = Confirmation(
        title=f"Merge {number}?",
        sentences=[
            wording.describe_rule(rule),
            f"{count_of(counts.groups, 'group')} of profiles share an address{among}.",
            "The merges run in the background, after other merges.",
        ],
        lasting="The run can be cancelled, and its merges can be undone.",
        button=f"Merge {number}" if counts.to_merge or not complete else None,
        back=page,
        trail=[("Duplicates", page)],
    )
    return confirmation_page(question)


@signed_in(permission=RUN)
def submit_start_run() -> ResponseReturnValue:
    """Start a run and redirect to it; 409 while another one is running."""
    run_id, _ = run_in_transaction(pool(), g.workspace_id, start_requested_run, planned=False)
    return redirect(url_for(PAGE, run_id=run_id), HTTPStatus.SEE_OTHER)


@signed_in(permission=RUN)
def submit_plan_run() -> ResponseReturnValue:
    """Start a planned run and redirect to its plan; 409 while another one is running."""
    if not g.may(PLAN):
        return error_page(HTTPStatus.FORBIDDEN, NO_PLANS)
    _, plan_id = run_in_transaction(pool(), g.workspace_id, start_requested_run, planned=True)
    return redirect(url_for("console.plans.plan_page", plan_id=plan_id), HTTPStatus.SEE_OTHER)


@signed_in(permission=RUN)
def cancel_run_page(run_id: UUID) -> ResponseReturnValue:
    """Ask whether to cancel a run."""
    with open_transaction(pool(), g.workspace_id) as tx:
        run = runs.read_run(tx, run_id=run_id)
    page = url_for(PAGE, run_id=run_id)
    found = run.counts.to_merge
    planned = f"Its plan keeps the {count_of(found, 'pair')} found so far, and gets no more."
    merged = f"It has found {count_of(found, 'profile')} so far, whose merges continue. It looks for no more."
    question = Confirmation(
        title="Cancel 1 run?",
        sentences=[planned if run.plan_id else merged],
        lasting="A cancelled run cannot be resumed; start another one. Its merges can be undone.",
        button="Cancel 1 run",
        back=page,
        back_text="Let it continue",
        trail=[("Duplicates", url_for(LIST)), (f"Run {run_id}", page)],
    )
    return confirmation_page(question)


@signed_in(permission=RUN)
def submit_cancel_run(run_id: UUID) -> ResponseReturnValue:
    """Cancel a run and redirect to it; 409 if it has ended."""
    run_in_transaction(pool(), g.workspace_id, runs.cancel_run, run_id=run_id)
    return redirect(url_for(PAGE, run_id=run_id), HTTPStatus.SEE_OTHER)
