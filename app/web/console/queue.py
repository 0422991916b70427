"""Pages of the queue: its state and content; pause, resume, limit and cancel, each after a confirmation."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction, run_in_transaction
from app.ledger.cancel import QueueSelection
from app.ledger.queue_control import QueueStatus, SelectedJobs, count_selected, read_queue
from app.queue.cancel import cancel_queue
from app.queue.control import change_queue
from app.web.api.cancel import SELECTION, permitted_selection
from app.web.api.queue import MANAGE, READING
from app.web.auth import AccessDenied, current_actor
from app.web.console.auth import signed_in
from app.web.console.confirmation import CANCELLED_FOR_GOOD, Confirmation, confirmation_page, jobs_in_words
from app.web.console.durations import format_duration
from app.web.console.progress import label_of
from app.web.job_permissions import may_run
from app.web.resources import pool
from schemas.outcomes import BatchSource, JobKind
from schemas.paging import load_query
from schemas.queue import MAX_LIMIT, QueueState, load_queue_change
from schemas.urgency import LEAST_URGENT, MOST_URGENT

blueprint = Blueprint("queue", __name__, url_prefix="/queue")

#: Seconds between two refreshes of the figures.
POLL_S = 5
#: What the page says after an action, by the parameter of its URL.
RESULTS = {
    "paused": "The queue is paused. Jobs that run are finished, and no other job begins.",
    "resumed": "The queue runs again.",
    "limited": "The limit is changed. It takes effect within a second.",
    "cancelled": "No worker begins one of these jobs any more. They get the outcome Cancelled in the background.",
}
PAUSE = (
    "No further job of this workspace begins. {running}",
    "{waiting} wait. They keep their place, and requests are accepted as before.",
)
NOT_PERMITTED = (
    "The API key may not cancel these jobs: merges need users.merge, identifications users.identify, and a selection"
    " of all kinds both."
)
RESUME = ("{waiting} wait and begin again, the most urgent first.",)
#: Whether and how each action can be undone.
LASTING = {
    "pause": "You can resume it at any time.",
    "resume": "You can pause it again at any time. Merges that were made can be undone.",
    "limit": "You can change it again at any time.",
    "cancel": CANCELLED_FOR_GOOD,
}


@blueprint.get("")
@signed_in(permission=READING)
def queue_page() -> ResponseReturnValue:
    """Show the state and the content of the queue; the browser reloads the figures."""
    queue = _read()
    waiting = _total(queue)
    pace = queue.merges_per_minute
    kinds = [kind for kind in JobKind if kind is not JobKind.UNDO and may_run(kind)]
    return render_template(
        "queue/figures.html" if "HX-Request" in request.headers else "queue/page.html",
        queue=queue,
        paused=queue.state is QueueState.PAUSED,
        total=waiting,
        urgencies=[(level, queue.waiting.get(str(level), 0)) for level in range(MOST_URGENT, LEAST_URGENT + 1)],
        oldest=None if queue.oldest_waiting_seconds is None else format_duration(queue.oldest_waiting_seconds),
        remaining=format_duration(60 * waiting / pace) if waiting and pace else None,
        kinds=[*kinds, JobKind.UNDO] if len(kinds) > 1 else kinds,
        may_cancel_all=len(kinds) > 1,
        sources=list(BatchSource),
        most_limit=MAX_LIMIT,
        again_after=POLL_S,
        result=RESULTS.get(request.args.get("done", "")),
    )


@blueprint.get("/pause")
@signed_in(permission=MANAGE)
def pause_page() -> ResponseReturnValue:
    """Ask before the queue is paused."""
    return _question("Pause the queue?", PAUSE, "pause", button="Pause the queue")


@blueprint.post("/pause")
@signed_in(permission=MANAGE)
def submit_pause() -> ResponseReturnValue:
    """Pause the queue."""
    return _change({"state": QueueState.PAUSED.value}, "paused")


@blueprint.get("/resume")
@signed_in(permission=MANAGE)
def resume_page() -> ResponseReturnValue:
    """Ask before the queue is resumed."""
    return _question("Resume the queue?", RESUME, "resume", button="Resume the queue")


@blueprint.post("/resume")
@signed_in(permission=MANAGE)
def submit_resume() -> ResponseReturnValue:
    """Resume the queue."""
    return _change({"state": QueueState.RUNNING.value}, "resumed")


@blueprint.get("/limit")
@signed_in(permission=MANAGE)
def limit_page() -> ResponseReturnValue:
    """Ask before the limit of the queue is changed; 400 for an invalid limit."""
    text = request.args.get("limit", "").strip()
    limit = load_queue_change(_limit(text)).limit
    queue = _read()
    total = _total(queue)
    before = queue.merges_per_minute_limit
    now = "no limit" if before is None else f"at most {before:,} in a minute"
    sentences = [f"Now it has {now}, and {jobs_in_words(total)} {_verb(total)}."]
    if limit is None:
        return _confirm("Remove the limit?", sentences, "limit", button="Remove the limit", limit="")
    if total:
        sentences.append(f"With the new limit they take {format_duration(60 * total / limit)} or longer.")
    title = f"Begin at most {limit:,} {'job' if limit == 1 else 'jobs'} in a minute?"
    return _confirm(title, sentences, "limit", button="Set the limit", limit=text)


@blueprint.post("/limit")
@signed_in(permission=MANAGE)
def submit_limit() -> ResponseReturnValue:
    """Change or remove the limit of the queue."""
    return _change(_limit(request.form.get("limit", "").strip()), "limited")


@blueprint.get("/cancel")
@signed_in(permission=MANAGE)
def cancel_page() -> ResponseReturnValue:
    """Ask before waiting jobs are cancelled, with their number."""
    given = _given(request.args)
    selection = _selection(given)
    with open_transaction(pool(), g.workspace_id) as tx:
        queue = read_queue(tx)
        found = _count(queue, selection) or count_selected(tx, selection)
    if not found.jobs and found.is_exact:
        sentences = [f"No job that waits {_selected(selection)}. {jobs_in_words(_total(queue))} wait in the queue."]
        return _confirm("Nothing to cancel", sentences, "cancel", button=None)
    number = f"{'' if found.is_exact else 'at least '}{jobs_in_words(found.jobs)}"
    sentences = [
        f"{number[:1].upper()}{number[1:]} of {_total(queue):,} in the queue {_selected(selection, jobs=found.jobs)}.",
        f"They get the outcome Cancelled and do nothing. {_running_sentence(queue.running)}",
    ]
    return _confirm(f"Cancel {number}?", sentences, "cancel", button=f"Cancel {number}", **given)


@blueprint.post("/cancel")
@signed_in(permission=MANAGE)
def submit_cancel() -> ResponseReturnValue:
    """Cancel the waiting jobs of the selection; 409 if no job waits."""
    selection = _selection(_given(request.form))
    run_in_transaction(pool(), g.workspace_id, cancel_queue, selection, actor=current_actor())
    return _done("cancelled")


def _read() -> QueueStatus:
    with open_transaction(pool(), g.workspace_id) as tx:
        return read_queue(tx)


def _question(title: str, sentences: tuple[str, ...], action: str, *, button: str) -> ResponseReturnValue:
    queue = _read()
    numbers = {"running": _running_sentence(queue.running), "waiting": jobs_in_words(_total(queue))}
    return _confirm(title, [each.format(**numbers) for each in sentences], action, button=button)


def _confirm(title: str, sentences: list[str], action: str, *, button: str | None, **fields: str) -> str:
    page = url_for("console.queue.queue_page")
    question = Confirmation(
        title=title,
        sentences=sentences,
        lasting=LASTING[action],
        button=button,
        back=page,
        fields=fields,
        trail=[("Queue", page)],
    )
    return confirmation_page(question)


def _change(body: Mapping[str, Any], done: str) -> ResponseReturnValue:
    run_in_transaction(pool(), g.workspace_id, change_queue, load_queue_change(body), actor=current_actor())
    return _done(done)


def _done(done: str) -> ResponseReturnValue:
    return redirect(url_for("console.queue.queue_page", done=done), HTTPStatus.SEE_OTHER)


def _limit(text: str) -> Mapping[str, Any]:
    """Return the change of the API for the *text* of the form; an empty one removes the limit."""
    limit: object = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(MAX_LIMIT)) + 1 else text
    return {"merges_per_minute_limit": limit or None}


def _selection(given: Mapping[str, str]) -> QueueSelection:
    """Return the selection of the filled fields; raise AccessDenied with a sentence that names the permissions."""
    try:
        return permitted_selection(load_query(SELECTION, given))
    except AccessDenied:
        raise AccessDenied(NOT_PERMITTED) from None


def _given(form: Mapping[str, str]) -> dict[str, str]:
    """Return the filled fields of the form that selects jobs."""
    return {name: form[name] for name in SELECTION.fields if form.get(name)}


def _total(queue: QueueStatus) -> int:
    return sum(queue.waiting.values())


def _count(queue: QueueStatus, selection: QueueSelection) -> SelectedJobs | None:
    """Return the number of jobs of a selection without kind and source; None for another."""
    if selection.kind or selection.source:
        return None
    priority = selection.priority
    jobs = _total(queue) if priority is None else queue.waiting.get(str(priority), 0)
    return SelectedJobs(jobs=jobs, is_exact=True)


def _selected(selection: QueueSelection, *, jobs: int = 1) -> str:
    """Return what *jobs* have in common: `has the kind Merge and the urgency 6`."""
    parts = [("kind", selection.kind), ("source", selection.source), ("urgency", selection.priority)]
    named = " and ".join(
        f"the {name} {label_of(each) if isinstance(each, str) else each}" for name, each in parts if each is not None
    )
    if not named:
        return "waits" if jobs == 1 else "wait"
    return f"{'has' if jobs == 1 else 'have'} {named}"


def _verb(jobs: int) -> str:
    return "waits" if jobs == 1 else "wait"


def _running_sentence(jobs: int) -> str:
    """Return what happens to the jobs that run now."""
    if jobs == 0:
        return "No job runs now."
    return f"The {jobs_in_words(jobs)} that {'runs now is' if jobs == 1 else 'run now are'} finished."
