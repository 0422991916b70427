"""The undo of a run: a run of its own, whose batches the relay makes in short steps.

The merges are undone from the latest to the earliest, a window at a time. The batches of a window are made when all
jobs of the window before have ended, and merges of one window that share a profile share a lane. So the order of the
undos of one profile does not depend on the workers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.ids import FIRST_ID, new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, NotFound
from app.ledger.lanes import batches_of_lanes, take_lanes
from app.ledger.runs import IS_AN_IMPORT, NO_RUN, close_run, create_run, has_unfinished_jobs
from app.undo.accept import ALL_UNDONE, IS_AN_UNDO, NOTHING_MERGED, UNFINISHED, insert_undos
from app.undo.accept import QUERIES as UNDO_QUERIES
from schemas.merge import MAX_UPDATES
from schemas.outcomes import JobKind, JobState, RunKind, RunStatus
from schemas.urgency import DEFAULT_PRIORITY

QUERIES = load_queries("app.undo", "run_undo.sql")

UNDO_RUNNING = "The run {run_id} undoes this run already; read its state at /merge/runs/{run_id}."
#: Batches of the undone run that a step of the first phase reads.
BATCHES = 100
#: Merges of one window, and of one lane.
WINDOW = 1_000
MOST_IN_LANE = 50
#: The path of a request to undo many jobs.
BULK_PATH = "/merge/jobs/bulk"
COLLECT, UNDO = "collect", "undo"


def accept_run_undo(
    tx: Transaction,
    *,
    run_id: UUID,
    authorize: Callable[[set[JobKind]], None],
    priority: int = DEFAULT_PRIORITY,
    api_key_id: UUID | None,
    request_id: str | None,
) -> UUID:
    """Create the run that undoes the run *run_id*, and return its id. An open run is closed.

    *authorize* gets the kinds of the jobs, and raises when they may not be undone. Raises NotFound, or Conflict when
    the run has unfinished jobs or nothing to undo.
    """
    row = tx.execute(QUERIES["lock_run"], {"run_id": run_id}).fetchone()
    if row is None:
        raise NotFound(NO_RUN)
    if row["kind"] == RunKind.UNDO:
        raise Conflict(IS_AN_UNDO)
    if row["kind"] == RunKind.IMPORT:
        raise Conflict(IS_AN_IMPORT)
    # A plan makes its jobs step by step.
    makes_jobs = row["step"] is not None
    if makes_jobs or has_unfinished_jobs(tx, run_id=run_id):
        raise Conflict(UNFINISHED)
    uncounted = tx.execute(QUERIES["read_uncounted_kinds"], {"run_id": run_id})
    authorize({JobKind(kind) for kind in (*row["kinds"], *(each["kind"] for each in uncounted))})
    if row["undo_state"] == RunStatus.RUNNING:
        raise Conflict(UNDO_RUNNING.format(run_id=row["undone_by_run"]))
    (found,) = tx.execute(QUERIES["find_merge"], {"run_id": run_id})
    if found["undoable"] is None:
        raise Conflict(NOTHING_MERGED if found["merged"] is None else ALL_UNDONE.replace("batch", "run"))
    if row["state"] == RunStatus.OPEN:
        close_run(tx, run_id=run_id)
    undo_id = create_run(
        tx,
        kind=RunKind.UNDO,
        label=row["label"],
        state=RunStatus.RUNNING,
        priority=priority,
        api_key_id=api_key_id,
        request_id=request_id,
        undoes_run=run_id,
        step={"phase": COLLECT, "after": str(FIRST_ID), "left": 0},
    )
    tx.execute(QUERIES["set_undo"], {"run_id": run_id, "undo_id": undo_id})
    return undo_id


def advance_run_undos(tx: Transaction) -> bool:
    """Take a step of one undo of the workspace; return whether it made progress.

    An undo that waits for its jobs does not hold up the others.
    """
    nth = 0
    while (row := tx.execute(QUERIES["lock_unplanned_undo"], {"nth": nth}).fetchone()) is not None:
        if row["step"]["phase"] == COLLECT:
            _collect(tx, row)
            return True
        if _make_window(tx, row):
            return True
        nth += 1
    return False


def _collect(tx: Transaction, undo: Mapping[str, Any]) -> None:
    """Collect the merges of the next batches of the undone run."""
    step = undo["step"]
    page = {"run_id": undo["undoes_run"], "after": UUID(step["after"]), "limit": BATCHES}
    batch_ids = [row["id"] for row in tx.execute(QUERIES["list_batches_after"], page)]
    collected = tx.execute(QUERIES["collect_merges"], {"undo_id": undo["id"], "batch_ids": batch_ids}).fetchall()
    left = step["left"] + len(collected)
    if len(batch_ids) < BATCHES:
        _save(tx, undo, {"phase": UNDO, "since": str(FIRST_ID), "left": left})
    else:
        _save(tx, undo, {"phase": COLLECT, "after": str(batch_ids[-1]), "left": left})


def _make_window(tx: Transaction, undo: Mapping[str, Any]) -> bool:
    """Make the batches of the next merges, once all undos before have ended; return whether it made progress."""
    step = undo["step"]
    if has_unfinished_jobs(tx, run_id=undo["id"], since=UUID(step["since"])):
        return False
    page = {"undo_id": undo["id"], "limit": WINDOW}
    latest = [row["job_id"] for row in tx.execute(QUERIES["latest_merges"], page)]
    if not latest:
        tx.execute(QUERIES["end_steps"], {"undo_id": undo["id"]})
        return True
    merged = {row["id"]: row for row in tx.execute(UNDO_QUERIES["lock_merges"], {"ids": latest})}
    others = tx.execute(UNDO_QUERIES["find_unfinished_undos"], {"ids": latest}).fetchall()
    if any(row["state"] != JobState.DEAD for row in others):
        return False
    # What was undone or pruned since has nothing to undo; a dead undo stays, so that it can be retried.
    dead = {row["undoes"] for row in others}
    wanted = [job_id for job_id in latest if job_id in merged and merged[job_id]["undone_at"] is None]
    rows = tx.execute(UNDO_QUERIES["list_latest_first"], {"ids": [each for each in wanted if each not in dead]})
    window = take_lanes(rows.fetchall(), _profiles_of, most_in_lane=MOST_IN_LANE)
    since = FIRST_ID
    for lanes in batches_of_lanes(window, most=MAX_UPDATES):
        batch_id = _insert_batch(tx, undo, _jobs_of(lanes))
        since = since if since != FIRST_ID else batch_id
    # The merges after the window stay, and the ones without an undo go.
    taken = {row["id"] for lane in window for row in lane}
    left_out = [each for each in latest if each not in set(wanted) or each in dead]
    done = [*taken, *left_out]
    tx.execute(QUERIES["drop_merges"], {"undo_id": undo["id"], "ids": done})
    _save(tx, undo, {"phase": UNDO, "since": str(since), "left": max(0, step["left"] - len(done))})
    return True


def _profiles_of(merge: Mapping[str, Any]) -> tuple[int, int]:
    """Return what *merge* shares with the merges of its lane."""
    return merge["orphan_id"], merge["survivor_id"]


def _jobs_of(lanes: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the rows of the jobs of a batch with *lanes*."""
    jobs: list[dict[str, Any]] = []
    for lane in lanes:
        head = len(jobs)
        jobs += [
            {"id": str(new_id()), "index": head + nth, "lane": head, "undoes": str(row["id"])}
            for nth, row in enumerate(lane)
        ]
    return jobs


def _insert_batch(tx: Transaction, undo: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]]) -> UUID:
    batch_id = new_id()
    batch = {
        "batch_id": batch_id,
        "api_key_id": undo["api_key_id"],
        "path": BULK_PATH if undo["undoes_run"] is None else f"/merge/runs/{undo['undoes_run']}/undo",
        "run_id": undo["id"],
        "joins": False,
        # That of the run.
        "priority": None,
        "default_priority": DEFAULT_PRIORITY,
        "request_id": undo["request_id"],
        "traceparent": None,
        "jobs": Jsonb(jobs),
    }
    insert_undos(tx, batch)
    return batch_id


def _save(tx: Transaction, undo: Mapping[str, Any], step: Mapping[str, Any]) -> None:
    tx.execute(QUERIES["save_step"], {"undo_id": undo["id"], "step": Jsonb(step)})
