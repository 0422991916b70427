"""Applies plans: a run of its own, whose batches the relay makes in short steps.

The updates become jobs in the order of the plan, a window at a time. The batches of a window are made when all jobs of
the window before have ended, and updates of one window that share a profile share a lane. So a merge finds the effects
of the earlier ones of its plan, whatever the order of the workers.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.audit.log import Actor
from app.db.ids import FIRST_ID
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import Conflict, Rejected
from app.ledger.accept import NewBatch, insert_batch
from app.ledger.lanes import batches_of_lanes, take_lanes
from app.ledger.runs import create_run, has_unfinished_jobs
from app.plans.audit import log_plan_change
from app.plans.pages import PlannedPair
from app.plans.store import QUERIES as PLAN_QUERIES
from app.plans.store import lock_open_plan
from schemas.identifiers import sharing_key
from schemas.merge import MAX_UPDATES
from schemas.outcomes import BatchSource, JobKind, RunKind, RunStatus
from schemas.plans import PlanState
from schemas.urgency import BACKGROUND_PRIORITY, DEFAULT_PRIORITY

QUERIES = load_queries("app.plans", "applying.sql")

UNKNOWN_UPDATE = "The plan has no update {index}; its updates have the indexes from 0 to {last}."
EMPTY = "The plan has no updates, so that there is nothing to apply."
INCOMPLETE = "The run over duplicates that makes this plan has not ended; wait for its end, or cancel it."
#: Updates of one window, and of one lane. Between two windows the workers wait for the relay.
WINDOW = 5_000
MOST_IN_LANE = 50


def apply_plan(
    tx: Transaction,
    *,
    plan_id: UUID,
    chosen: Sequence[int] | None,
    priority: int | None,
    actor: Actor,
    authorize: Callable[[UUID | None], None],
) -> UUID:
    """Apply an open plan as a run, and return the id of the run. The relay makes its jobs.

    *chosen* are the indexes of the updates to apply, None for all. Without a *priority*, the merges of duplicates get
    the one of the background, and others the default. *authorize* gets the id of the key that planned, and raises when
    this request may not apply its plans. Raises NotFound, Rejected for an unknown index, and Conflict when the plan was
    applied already or is not complete.
    """
    plan = lock_open_plan(tx, plan_id=plan_id)
    authorize(plan["api_key_id"])
    scan = tx.execute(PLAN_QUERIES["read_scan"], {"id": plan["scan_id"]}).fetchone()
    if scan is not None and scan["running"]:
        raise Conflict(INCOMPLETE)
    if priority is None:
        priority = DEFAULT_PRIORITY if plan["scan_id"] is None else BACKGROUND_PRIORITY
    indexes = None if chosen is None else sorted(set(chosen))
    if plan["updates"] == 0:
        raise Rejected(EMPTY)
    if indexes and indexes[-1] >= plan["updates"]:
        raise Rejected(UNKNOWN_UPDATE.format(index=indexes[-1], last=plan["updates"] - 1))
    run_id = create_run(
        tx,
        kind=RunKind.PLAN,
        state=RunStatus.RUNNING,
        priority=priority,
        api_key_id=actor.api_key_id,
        request_id=actor.request_id,
        step=_step(first=0, since=FIRST_ID, left=plan["updates"] if indexes is None else len(indexes)),
    )
    applied = {
        "id": plan_id,
        "api_key_id": actor.api_key_id,
        "run_id": run_id,
        "priority": priority,
        "chosen": indexes,
    }
    tx.execute(PLAN_QUERIES["set_applied"], applied)
    log_plan_change(tx, plan_id=plan_id, before=PlanState.OPEN, after=PlanState.APPLIED, actor=actor, run_id=run_id)
    return run_id


def advance_plans(tx: Transaction) -> bool:
    """Make the next batches of one applied plan of the workspace; return whether it made progress.

    A plan that waits for its jobs does not hold up the others.
    """
    nth = 0
    while (row := tx.execute(QUERIES["lock_unfinished_plan"], {"nth": nth}).fetchone()) is not None:
        if _make_window(tx, row):
            return True
        nth += 1
    return False


def _make_window(tx: Transaction, plan: Mapping[str, Any]) -> bool:
    """Make the batches of the next updates, once all jobs before have ended; return whether it made progress."""
    step = plan["step"]
    if has_unfinished_jobs(tx, run_id=plan["id"], since=UUID(step["since"])):
        return False
    query = "next_updates" if plan["whole"] else "next_chosen_updates"
    page = {"plan_id": plan["plan_id"], "first": step["first"], "limit": WINDOW}
    pairs = [PlannedPair.from_row(row) for row in tx.execute(QUERIES[query], page)]
    if not pairs:
        tx.execute(QUERIES["end_steps"], {"run_id": plan["id"]})
        return True
    lanes = take_lanes(pairs, _lane_keys, most_in_lane=MOST_IN_LANE)
    since = FIRST_ID
    for batch in batches_of_lanes(lanes, most=MAX_UPDATES):
        batch_id = _insert_batch(tx, plan, list(chain.from_iterable(batch)))
        since = since if since != FIRST_ID else batch_id
    taken = [pair.index for lane in lanes for pair in lane]
    # Updates that were deleted with their profiles count as made.
    left = max(0, step["left"] - len(taken)) if len(pairs) == WINDOW or len(taken) < len(pairs) else 0
    following = Jsonb(_step(first=max(taken) + 1, since=since, left=left))
    tx.execute(QUERIES["save_step"], {"run_id": plan["id"], "step": following})
    return True


def _lane_keys(pair: PlannedPair) -> list[Hashable]:
    """Return what *pair* shares with the pairs of its lane: identifiers, profiles and their identifiers."""
    return [sharing_key(pair.orphan), sharing_key(pair.survivor), *pair.profile_ids, *pair.names]


def _insert_batch(tx: Transaction, plan: Mapping[str, Any], pairs: Sequence[PlannedPair]) -> UUID:
    batch = NewBatch(
        api_key_id=plan["api_key_id"],
        path=f"/merge/plans/{plan['plan_id']}/apply",
        kind=JobKind.MERGE,
        updates=pairs,
        lane_keys=[_lane_keys(pair) for pair in pairs],
        source=BatchSource.PLAN,
        priority=plan["priority"],
        run_id=plan["id"],
    )
    job_ids = insert_batch(tx, batch)
    jobs = {"plan_id": plan["plan_id"], "job_ids": job_ids, "indexes": [pair.index for pair in pairs]}
    tx.execute(QUERIES["insert_plan_jobs"], jobs)
    return batch.id


def _step(*, first: int, since: UUID, left: int) -> dict[str, Any]:
    """Return where the next window begins, the first batch of the last one, and the updates without a job."""
    return {"first": first, "since": str(since), "left": left}
