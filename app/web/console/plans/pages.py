"""Pages that show plans."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Blueprint, current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import NotFound
from app.ledger.runs import MergeRun, read_merge_run
from app.plans import store
from app.plans.store import MergePlan
from app.web.api.plans import APPLY, EITHER, WRITE, visible_updates
from app.web.console.auth import signed_in
from app.web.console.progress import poll_interval_since
from app.web.pagination import cursor_text, split_page
from app.web.resources import pool
from schemas.base import Word
from schemas.outcomes import JobState, Outcome, RunStatus
from schemas.paging import DEFAULT_LIMIT, LimitQuery, PageQuery, ProfileCursor, load_query
from schemas.plans import PlanState

blueprint = Blueprint("plans", __name__, url_prefix="/plans")

#: Pairs on a page, and changes that each of them shows there.
PAIRS, CHANGES = 25, 5
#: Changes on the page of one pair; the API returns the others.
MAX_CHANGES = 300
#: Fields of the summary that are listed.
MAX_FIELDS = 30
NO_PAIR = "The plan has no such pair, or a profile of it was erased."
RUN_PAGE = "console.runs.run_page"


class PairQuery(LimitQuery):
    """Which pairs of a plan a page shows."""

    cursor = ProfileCursor()
    outcome = Word(Outcome)


PAGE_QUERY = PageQuery()
PAIR_QUERY = PairQuery()


@blueprint.get("")
@signed_in(permission=EITHER)
def plan_list_page() -> ResponseReturnValue:
    """Show a page of plans, newest first, and the form that makes one."""
    return render_plan_list()


def render_plan_list(**form: Any) -> str:
    """Return the list of plans, with the *form* as it was sent and its faults."""
    query = load_query(PAGE_QUERY, request.args)
    with open_transaction(pool(), g.workspace_id) as tx:
        found = store.list_plans(tx, limit=DEFAULT_LIMIT + 1, before=query.get("cursor"))
    plans, next_cursor = split_page(found, DEFAULT_LIMIT)
    return render_template(
        "plans/list.html",
        plans=plans,
        older=cursor_text(next_cursor),
        is_first_page="cursor" not in query,
        may_write=g.may(WRITE),
        outcomes={each.value: each for each in Outcome},
        **{"faults": (), "text": "", "more_faults": 0, **form},
    )


@blueprint.get("/<uuid:plan_id>")
@signed_in(permission=EITHER)
def plan_page(plan_id: UUID) -> ResponseReturnValue:
    """Show a plan with its summary and a page of its pairs; the browser reloads it while it grows or is applied."""
    query = load_query(PAIR_QUERY, request.args)
    outcome = query.get("outcome")
    with open_transaction(pool(), g.workspace_id) as tx:
        plan = store.read_plan(tx, plan_id=plan_id)
        found = store.list_updates(
            tx, plan_id=plan_id, first=query.get("cursor", -1) + 1, limit=PAIRS + 1, outcome=outcome
        )
        run = None if plan.run_id is None else _read_run(tx, plan.run_id)
    chosen = {} if outcome is None else {"outcome": outcome.value}
    begun = _changing_since(plan, run)
    return render_template(
        "plans/plan_body.html" if "HX-Request" in request.headers else "plans/plan.html",
        plan=plan,
        pairs=visible_updates(found[:PAIRS]),
        following=_cursor(found[PAIRS - 1].index) if len(found) > PAIRS else None,
        is_first_page="cursor" not in query,
        outcome=outcome,
        counts=[(Outcome(name), number) for name, number in by_number(plan.counts)],
        fields=by_number(plan.fields),
        run=run,
        run_counts=[] if run is None else marked_counts(run.counts),
        run_url=None if plan.run_id is None else run_url(plan.run_id),
        again_after=None if begun is None else poll_interval_since(begun),
        source=f"{url_for('console.plans.plan_page', plan_id=plan_id)}?{urlencode(request.args)}",
        chosen=chosen,
        may_apply=g.may(APPLY),
        may_write=g.may(WRITE),
        **LIMITS,
    )


@blueprint.get("/<uuid:plan_id>/pairs/<int:index>")
@signed_in(permission=EITHER)
def planned_pair_page(plan_id: UUID, index: int) -> ResponseReturnValue:
    """Show what one pair of a plan would do, with all its changes."""
    with open_transaction(pool(), g.workspace_id) as tx:
        plan = store.read_plan(tx, plan_id=plan_id)
        found = store.list_updates(tx, plan_id=plan_id, first=min(index, plan.updates_count), limit=1)
    if not found or found[0].index != index:
        raise NotFound(NO_PAIR)
    (pair,) = visible_updates(found)
    return render_template("plans/pair.html", plan=plan, pair=pair, **LIMITS)


LIMITS = {"most_changes": MAX_CHANGES, "brief": CHANGES, "most_fields": MAX_FIELDS}


def by_number(counts: Any) -> list[tuple[str, int]]:
    """Return the items of *counts*, highest first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def marked_counts(counts: Any) -> list[tuple[JobState | Outcome | str, int]]:
    """Return the *counts* of a run by state or outcome, highest first."""
    return [(_mark(name), number) for name, number in by_number(counts)]


def run_url(run_id: UUID) -> str:
    """Return the URL of a run: its page, or its batches."""
    if RUN_PAGE in current_app.view_functions:
        return url_for(RUN_PAGE, run_id=run_id)
    return url_for("console.batches.batch_list_page", run_id=run_id)


def _cursor(index: int) -> str:
    text: str = PAIR_QUERY.fields["cursor"].serialize("cursor", {"cursor": index})
    return text


def _read_run(tx: Any, run_id: UUID) -> MergeRun | None:
    try:
        return read_merge_run(tx, run_id=run_id)
    except NotFound:
        return None


def _changing_since(plan: MergePlan, run: MergeRun | None) -> Any:
    """Return the time since which the plan grows or is applied; None if it does not change."""
    if plan.state is PlanState.OPEN and not plan.complete:
        return plan.created_at
    applied = run is not None and run.state in {RunStatus.OPEN, RunStatus.RUNNING}
    return plan.applied_at if applied else None


def _mark(name: str) -> JobState | Outcome | str:
    """Return the state or outcome of this *name*; a result that is neither stays as it is."""
    for kind in (Outcome, JobState):
        if name in set(kind):
            return kind(name)
    return name
