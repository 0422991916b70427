"""Actions on a whole run, each after a page that names the number of jobs: close, resume, cancel and undo."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from flask import Blueprint, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.audit.log import Actor
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.ledger import runs
from app.web.api import runs as api
from app.web.api.run_resume import resume_requested_run
from app.web.auth import AccessDenied, current_actor, pool
from app.web.console.auth import signed_in
from app.web.console.confirmation import (
    CANCELLED_FOR_GOOD,
    CANNOT_BE_UNDONE,
    UNDONE_FOR_GOOD,
    Confirmation,
    confirmation_page,
    count_of,
    jobs_in_words,
)
from app.web.console.run_views import ON_JOBS, RunView, permitted_actions, view_runs
from schemas.runs import load_resumed_run

blueprint = Blueprint("run_actions", __name__)

LIST, PAGE = "console.runs.run_list_page", "console.runs.run_page"
NOT_NOW = "The run is {state}, and the action {action} is not possible now."
#: The field of the form that resumes a run.
LIMIT = "max_failures"


class RunQuestion(NamedTuple):
    """The words of the page, as in Confirmation."""

    title: str
    sentences: list[str]
    lasting: str
    button: str


def _resume(tx: Transaction, run_id: UUID, actor: Actor) -> Any:
    """Resume a run with the limit of the form; without one, its limit stays."""
    text = request.form.get(LIMIT, "").strip()
    limit: object = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text  # noqa: PLR2004
    return resume_requested_run(tx, run_id, load_resumed_run({LIMIT: limit} if text else {}), actor)


ACTIONS: Mapping[str, Callable[[Transaction, UUID, Actor], Any]] = MappingProxyType(
    {
        "resume": _resume,
        "close": api.close_requested_run,
        "cancel": api.cancel_requested_run,
        "undo": api.undo_requested_run,
    }
)


@blueprint.get("/<uuid:run_id>/close", defaults={"action": "close"})
@blueprint.get("/<uuid:run_id>/resume", defaults={"action": "resume"})
@blueprint.get("/<uuid:run_id>/cancel", defaults={"action": "cancel"})
@blueprint.get("/<uuid:run_id>/undo", defaults={"action": "undo"})
@signed_in(permission=api.MANAGE)
def run_action_page(run_id: UUID, action: str) -> ResponseReturnValue:
    """Ask for confirmation and say how many jobs the action is for; 403 for a key that may not run the jobs."""
    with open_transaction(pool(), g.workspace_id) as tx:
        (view,) = view_runs(tx, [runs.read_merge_run(tx, run_id=run_id)])
        permitted = permitted_actions(tx, view)
    if action in ON_JOBS and action in view.actions and action not in permitted:
        raise AccessDenied("Access Denied")
    return confirmation_page(_question(view, action), template="runs/action.html", resumes=action == "resume")


@blueprint.post("/<uuid:run_id>/close", defaults={"action": "close"})
@blueprint.post("/<uuid:run_id>/resume", defaults={"action": "resume"})
@blueprint.post("/<uuid:run_id>/cancel", defaults={"action": "cancel"})
@blueprint.post("/<uuid:run_id>/undo", defaults={"action": "undo"})
@signed_in(permission=api.MANAGE)
def submit_run_action(run_id: UUID, action: str) -> ResponseReturnValue:
    """Do it and redirect to the run, or to its undo; 409 with the reason if it cannot be done."""
    done = run_in_transaction(pool(), g.workspace_id, ACTIONS[action], run_id, current_actor())
    shown = done if isinstance(done, UUID) else run_id
    return redirect(url_for(PAGE, run_id=shown), HTTPStatus.SEE_OTHER)


def _question(view: RunView, action: str) -> Confirmation:
    title, sentences, lasting, button = QUESTIONS[action](view)
    page = url_for(PAGE, run_id=view.run.id)
    return Confirmation(
        title=title,
        sentences=sentences,
        lasting=lasting,
        button=button,
        back=page,
        obstacle=None if action in view.actions else NOT_NOW.format(state=view.run.state, action=action),
        trail=[("Runs", url_for(LIST)), (view.name, page)],
    )


def _close(view: RunView) -> RunQuestion:
    continues = f"{jobs_in_words(view.run.jobs)} {'continues' if view.run.jobs == 1 else 'continue'}"
    sentences = [f"It gets no further request. Its {continues}, and it is finished when all have ended."]
    return RunQuestion("Close 1 run?", sentences, CANNOT_BE_UNDONE, "Close 1 run")


def _resume_question(view: RunView) -> RunQuestion:
    waiting = count_of(view.waiting, "waiting job")
    begins = "begins" if view.waiting == 1 else "begin"
    sentences = [
        *([f"It is paused: {view.run.paused_reason}"] if view.run.paused_reason else []),
        f"{waiting} {begins} again. Jobs that ended before do not count for the limit of failures any more.",
    ]
    lasting = "You can cancel the run at any time, and undo its merges."
    return RunQuestion(f"Resume {waiting}?", sentences, lasting, f"Resume {waiting}")


def _cancel(view: RunView) -> RunQuestion:
    waiting = count_of(view.waiting, "waiting job")
    sentences = [
        "No worker begins one of them any more, and the run gets no further jobs. Jobs that run now are finished.",
        "Merges that were made stay: undo the run to revert them.",
    ]
    return RunQuestion(f"Cancel {waiting}?", sentences, CANCELLED_FOR_GOOD, f"Cancel {jobs_in_words(view.waiting)}")


def _undo(view: RunView) -> RunQuestion:
    merges = count_of(view.undoable, "merge")
    sentences = [
        "The undo is a run of its own. It restores each orphan with its identifiers and history, the latest first.",
        "It removes from the survivor what the merge added. Later changes are kept.",
    ]
    return RunQuestion(f"Undo {merges}?", sentences, UNDONE_FOR_GOOD, f"Undo {merges}")


QUESTIONS: Mapping[str, Callable[[RunView], RunQuestion]] = MappingProxyType(
    {"close": _close, "resume": _resume_question, "cancel": _cancel, "undo": _undo}
)
