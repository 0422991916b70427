"""Actions on all jobs of a filter: accepted as a run of kind bulk, which the relay carries out in short steps.

The list of jobs is made when the action is accepted. A job that has changed since is left alone. The undo of many
merges takes the steps of the undo of a run.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.audit.log import Actor
from app.audit.runs import log_bulk_action
from app.db.ids import FIRST_ID
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound, Rejected
from app.ledger.cancel import QUERIES as CANCEL_QUERIES
from app.ledger.cancel import reason_of
from app.ledger.job_lists import JobFilter, list_job_ids
from app.ledger.retry import retry_job
from app.ledger.runs import create_run
from app.undo.run_undo import QUERIES as RUN_QUERIES
from app.undo.run_undo import UNDO
from schemas.bulk import BulkAction
from schemas.outcomes import JobKind, JobState, Outcome, RunKind, RunStatus

QUERIES = load_queries("app.queue", "bulk.sql")

#: Jobs of a run, and of a step.
MAX_JOBS = 10_000
STEP = 200
NO_JOB_MATCHES = "No job that matches can be {done}, so there is nothing to do."
DONE = {BulkAction.RETRY: "retried", BulkAction.CANCEL: "cancelled", BulkAction.UNDO: "undone"}
CONTRADICTION = {
    BulkAction.RETRY: "Only dead jobs can be retried: leave out 'outcome' and 'undone', and set 'state' to dead or"
    " leave it out.",
    BulkAction.CANCEL: "Only waiting jobs can be cancelled: leave out 'outcome' and 'undone', and set 'state' to queued"
    " or leave it out.",
    BulkAction.UNDO: "Only merges and identifications that are not undone can be undone: set 'outcome' to merged or"
    " identified, or leave it out.",
}
#: Results of the jobs of a run.
LEFT_ALONE = "left_alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRun:
    """An accepted action: its run, the number of its jobs, and whether more jobs match."""

    run_id: UUID
    jobs: int
    more: bool


def filters_of_action(action: BulkAction, matching: JobFilter) -> list[JobFilter]:
    """Return the filters for those jobs of *matching* to which *action* applies; raise Rejected if there are none."""
    state, outcome, undone = matching.state, matching.outcome, matching.undone
    if action is BulkAction.UNDO:
        outcomes = [each for each in (Outcome.MERGED, Outcome.IDENTIFIED) if outcome in (None, each)]
        if state not in {None, JobState.FINISHED} or undone is True or not outcomes:
            raise Rejected(CONTRADICTION[action])
        return [replace(matching, state=JobState.FINISHED, outcome=each, undone=False) for each in outcomes]
    needed = JobState.DEAD if action is BulkAction.RETRY else JobState.QUEUED
    if state not in {None, needed} or outcome is not None or undone is True:
        raise Rejected(CONTRADICTION[action])
    return [replace(matching, state=needed)]


def accept_bulk(
    tx: Transaction,
    *,
    action: BulkAction,
    matching: JobFilter,
    actor: Actor,
    authorize: Callable[[JobKind], None],
) -> BulkRun:
    """Create the run that does *action* to the jobs that match, at most MAX_JOBS, the newest first.

    *authorize* gets the kind of each job, or that of the job that it undoes, and raises when the key may not do it.
    Raises Rejected for a filter that contradicts the action, and Conflict when no job matches.
    """
    job_ids: list[UUID] = []
    more = False
    for each in filters_of_action(action, matching):
        found, has_more = list_job_ids(tx, matching=each, most=MAX_JOBS - len(job_ids))
        job_ids += found
        more = more or has_more
    if not job_ids:
        raise Conflict(NO_JOB_MATCHES.format(done=DONE[action]))
    for row in tx.execute(QUERIES["read_kinds"], {"ids": job_ids}):
        authorize(JobKind(row["kind"]))
    run_id = create_run(
        tx,
        kind=RunKind.BULK,
        label=f"{action.value.capitalize()} {len(job_ids):,} {'job' if len(job_ids) == 1 else 'jobs'}",
        state=RunStatus.RUNNING,
        api_key_id=actor.api_key_id,
        request_id=actor.request_id,
        undo_step=_first_step(action, len(job_ids)),
    )
    tx.execute(QUERIES["add_jobs"], {"run_id": run_id, "ids": job_ids})
    log_bulk_action(tx, run_id=run_id, action=action, filters=_named(matching), jobs=len(job_ids), actor=actor)
    return BulkRun(run_id=run_id, jobs=len(job_ids), more=more)


def advance_bulk(tx: Transaction) -> bool:
    """Take a step of one bulk run of the workspace; return whether it made progress."""
    nth = 0
    while (run := tx.execute(QUERIES["lock_unfinished_bulk"], {"nth": nth}).fetchone()) is not None:
        if _take_step(tx, run):
            return True
        nth += 1
    return False


def _take_step(tx: Transaction, run: Mapping[str, Any]) -> bool:
    page = {"undo_id": run["id"], "limit": STEP}
    job_ids = [row["job_id"] for row in tx.execute(RUN_QUERIES["latest_merges"], page)]
    if not job_ids:
        tx.execute(RUN_QUERIES["end_steps"], {"undo_id": run["id"]})
        return True
    retries = run["undo_step"]["phase"] == BulkAction.RETRY
    done, left = _retry(tx, job_ids) if retries else _cancel(tx, job_ids, reason=reason_of(run["api_key_id"]))
    settled = [each for each in job_ids if each not in left]
    if not settled:
        return False
    results = Counter(run["results"]) + Counter({DONE[BulkAction(run["undo_step"]["phase"])]: done})
    results += Counter({LEFT_ALONE: len(settled) - done})
    tx.execute(RUN_QUERIES["drop_merges"], {"undo_id": run["id"], "ids": settled})
    tx.execute(QUERIES["save_results"], {"run_id": run["id"], "results": Jsonb(results)})
    step = {**run["undo_step"], "left": max(0, run["undo_step"]["left"] - len(settled))}
    tx.execute(RUN_QUERIES["save_step"], {"undo_id": run["id"], "undo_step": Jsonb(step)})
    return True


def _retry(tx: Transaction, job_ids: Sequence[UUID]) -> tuple[int, set[UUID]]:
    """Retry those of the jobs that can be retried; return their number, and no job for a later step."""
    retried = 0
    # In one order, since jobs are locked in it.
    for job_id in sorted(job_ids):
        with suppress(Conflict, NotFound):
            retry_job(tx, job_id=job_id)
            retried += 1
    return retried, set()


def _cancel(tx: Transaction, job_ids: Sequence[UUID], *, reason: str) -> tuple[int, set[UUID]]:
    """Cancel those of the jobs that wait; return their number, and the jobs that another process has locked."""
    locked = [row["id"] for row in tx.execute(QUERIES["lock_waiting_jobs"], {"ids": job_ids})]
    if locked:
        tx.execute(CANCEL_QUERIES["cancel_jobs"], {"ids": locked, "reason": reason})
    return len(locked), {row["id"] for row in tx.execute(QUERIES["list_waiting_jobs"], {"ids": job_ids})}


def _first_step(action: BulkAction, jobs: int) -> dict[str, Any]:
    if action is BulkAction.UNDO:
        return {"phase": UNDO, "since": str(FIRST_ID), "left": jobs}
    return {"phase": action.value, "left": jobs}


def _named(matching: JobFilter) -> dict[str, str | bool]:
    """Return the filter for the audit. An identifier is not in it: the audit outlives the person."""
    values = {name: getattr(matching, name) for name in ("state", "outcome", "kind", "source", "key", "run_id")}
    moments = {"from": matching.since, "to": matching.until}
    named: dict[str, str | bool] = {name: str(value) for name, value in values.items() if value is not None}
    named |= {name: value.isoformat() for name, value in moments.items() if value is not None}
    return named if matching.identifier is None else {**named, "identifier": True}
