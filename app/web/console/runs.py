"""Pages of runs: the list, one run with its progress, and the confirmations of its actions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from uuid import UUID

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit.log import Actor
from app.db.clock import SERVER_CLOCK
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import runs
from app.ledger.batch_lists import BatchFilter, list_batches
from app.ledger.list_pages import MAX_COUNT, ListCount
from app.ledger.runs import MergeRun
from app.ledger.undo_time import UNDOABLE
from app.web.api import runs as api
from app.web.auth import POLLING, current_actor, pool
from app.web.console import batches, marks
from app.web.console.auth import signed_in
from app.web.console.filters import read_filter, redirect_to_filter
from app.web.console.lists import COMMON, ListView, api_arguments
from app.web.console.marks import Mark
from app.web.console.progress import BatchProgress, poll_interval_since
from schemas.outcomes import SETTLED, JobState, RunKind, RunStatus
from schemas.paging import load_query

blueprint = Blueprint("runs", __name__, url_prefix="/runs")

LIST, PAGE = "console.runs.run_list_page", "console.runs.run_page"
FILTERS = ("kind", "state", *COMMON)
CHOICES: Mapping[str, type[StrEnum]] = MappingProxyType({"kind": RunKind, "state": RunStatus})
#: Batches on the page of a run.
LATEST = 10
ACTIONS: Mapping[str, Callable[[Transaction, UUID, Actor], Any]] = MappingProxyType(
    {"close": api.close_requested_run, "cancel": api.cancel_requested_run, "undo": api.undo_requested_run}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as a page shows it."""

    run: MergeRun
    #: Its merges that were undone since.
    undone: int

    @property
    def name(self) -> str:
        return self.run.label or f"{self.run.kind.value.capitalize()} run"

    @property
    def mark(self) -> Mark:
        return marks.state_of_run(self.run, undone=self.undone)

    @property
    def marks(self) -> list[tuple[Mark, int]]:
        return marks.marks_of_run(self.run, undone=self.undone)

    @property
    def progress(self) -> BatchProgress:
        return marks.progress_of_run(self.run, undone=self.undone)

    @property
    def is_unfinished(self) -> bool:
        return self.run.state in {RunStatus.OPEN, RunStatus.RUNNING}

    @property
    def remaining_s(self) -> float | None:
        """The estimated time until its end, in seconds."""
        end = self.run.estimated_finish_at
        if end is None or not self.is_unfinished:
            return None
        return max(1.0, (end - SERVER_CLOCK.moment()).total_seconds())

    @property
    def waiting(self) -> int:
        """Jobs that no worker has begun."""
        return self.run.counts.get(JobState.QUEUED, 0)

    @property
    def undoable(self) -> int:
        """Merges that an undo would revert."""
        return max(0, sum(self.run.counts.get(outcome, 0) for outcome in UNDOABLE) - self.undone)

    @property
    def actions(self) -> list[str]:
        """The actions that the page offers."""
        offered = {
            "close": self.run.state is RunStatus.OPEN,
            "cancel": self.is_unfinished and self.run.cancelled_at is None and self.run.kind is not RunKind.IMPORT,
            "undo": self.run.kind is not RunKind.UNDO and self.undoable > 0 and not self._has_unfinished_jobs,
        }
        return [name for name, is_offered in offered.items() if is_offered]

    @property
    def _has_unfinished_jobs(self) -> bool:
        return any(self.run.counts.get(state) for state in JobState if state not in SETTLED)


@blueprint.get("")
@signed_in(permission=api.EITHER)
def run_list_page() -> ResponseReturnValue:
    """Show a page of runs with the filter in the URL."""
    filters = read_filter(FILTERS)
    arguments = api_arguments(filters)
    listed, next_cursor = api.list_requested_runs(arguments)
    matching = api.run_filter_from(load_query(api.PAGE_QUERY, arguments))
    with open_transaction(pool(), g.workspace_id) as tx:
        found = runs.count_merge_runs(tx, matching=matching, most=MAX_COUNT + 1)
        views = view_runs(tx, listed)
    count = ListCount(items=min(found, MAX_COUNT), is_exact=found <= MAX_COUNT)
    view = ListView(endpoint=LIST, filters=filters, values={}, next_cursor=next_cursor, is_cut=False, count=count)
    begun = [run.created_at for run in listed if run.state is RunStatus.RUNNING]
    return render_template(
        "runs/list_body.html" if "HX-Request" in request.headers else "runs/list.html",
        runs=views,
        listed=view,
        choices=CHOICES,
        again_after=poll_interval_since(max(begun)) if begun else None,
    )


@blueprint.post("")
@signed_in(permission=api.EITHER)
def submit_run_filter() -> ResponseReturnValue:
    """Redirect to the list with the filter of the form."""
    return redirect_to_filter(LIST, FILTERS)


@blueprint.get("/<uuid:run_id>")
@signed_in(permission=api.EITHER)
def run_page(run_id: UUID) -> ResponseReturnValue:
    """Show a run and its latest batches; the browser reloads it until it has ended."""
    context: dict[str, Any] = {}
    with open_transaction(pool(), g.workspace_id) as tx:
        (view,) = view_runs(tx, [api.timed_run(runs.read_merge_run(tx, run_id=run_id))])
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
        may_manage=g.may(api.MANAGE),
        **context,
    )


@blueprint.get("/<uuid:run_id>/close", defaults={"action": "close"})
@blueprint.get("/<uuid:run_id>/cancel", defaults={"action": "cancel"})
@blueprint.get("/<uuid:run_id>/undo", defaults={"action": "undo"})
@signed_in(permission=api.MANAGE)
def run_action_page(run_id: UUID, action: str) -> ResponseReturnValue:
    """Ask for confirmation and say how many jobs the action is for."""
    with open_transaction(pool(), g.workspace_id) as tx:
        (view,) = view_runs(tx, [runs.read_merge_run(tx, run_id=run_id)])
    return render_template("runs/action.html", view=view, action=action)


@blueprint.post("/<uuid:run_id>/close", defaults={"action": "close"})
@blueprint.post("/<uuid:run_id>/cancel", defaults={"action": "cancel"})
@blueprint.post("/<uuid:run_id>/undo", defaults={"action": "undo"})
@signed_in(permission=api.MANAGE)
def submit_run_action(run_id: UUID, action: str) -> ResponseReturnValue:
    """Close, cancel or undo a run and redirect to it, or to its undo; 409 with the reason if it cannot be."""
    done = run_in_transaction(pool(), g.workspace_id, ACTIONS[action], run_id, current_actor())
    shown = done if isinstance(done, UUID) else run_id
    return redirect(url_for(PAGE, run_id=shown), HTTPStatus.SEE_OTHER)


def view_runs(tx: Transaction, listed: Sequence[MergeRun]) -> list[RunView]:
    """Return *listed* as a page shows them, with the number of their undone merges."""
    undone = runs.count_undone(tx, listed=listed) if listed else {}
    return [RunView(run=run, undone=undone.get(run.id, 0)) for run in listed]
