"""Creates, applies and finishes plans without a relay or workers."""

import random
from collections.abc import Sequence
from typing import Any

from uuid_utils.compat import uuid7

from app.audit.recorded_changes import changes_of_record
from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.lane.run import Lane, execute_lane
from app.plans.applying import advance_plans
from tests.support.flask_caller import Caller
from tests.support.runs import count_once, read_run

Json = dict[str, Any]
Pair = tuple[Json, Json]
WAITING = """
    SELECT array_agg(id ORDER BY index) AS job_ids FROM job
    WHERE workspace_id = %s AND state = 'queued' GROUP BY batch_id, lane ORDER BY batch_id, lane
"""


def updates_of(pairs: Sequence[Pair]) -> Json:
    """Return the body of a request for pairs of (orphan, survivor)."""
    return {
        "merge_updates": [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]
    }


def plan_pairs(caller: Caller, *pairs: Pair, page: int = 50) -> Json:
    """Create a plan of *pairs*, sent in pages of *page* pairs, and return it."""
    response = caller.post("/merge/plans", updates_of(pairs[:page]))
    plan: Json = response.json

    assert response.status_code == 201, plan
    for start in range(page, len(pairs), page):
        response = caller.post(f"{plan['status_url']}/updates", updates_of(pairs[start : start + page]))
        assert response.status_code == 200, response.json
    return read_plan(caller, plan["plan_id"])


def read_plan(caller: Caller, plan_id: str) -> Json:
    """Return a plan with all its updates."""
    plan: Json = caller.get(f"/merge/plans/{plan_id}", limit=100).json
    updates = plan["updates"]
    cursor = plan["next_cursor"]
    while cursor is not None:
        page: Json = caller.get(f"/merge/plans/{plan_id}", limit=100, cursor=cursor).json
        updates += page["updates"]
        cursor = page["next_cursor"]
    return {**plan, "updates": updates}


def apply(caller: Caller, plan_id: str, body: Json | None = None) -> str:
    """Apply a plan and return the id of its run."""
    response = caller.post(f"/merge/plans/{plan_id}/apply", body or {})
    applied: Json = response.json

    assert response.status_code == 202, applied
    run_id: str = applied["run_id"]
    return run_id


def finish_plan(caller: Caller, pool: Pool, connection: Connection, run_id: str, *, seed: int = 0) -> Json:
    """Run the lanes of a plan's run in random order, as the relay and the workers would; return the run."""
    chance = random.Random(seed)
    for _ in range(1_000):
        made = run_in_transaction(pool, caller.workspace_id, advance_plans)
        lanes = [row["job_ids"] for row in connection.execute(WAITING, [caller.workspace_id])]
        chance.shuffle(lanes)
        for job_ids in lanes:
            execute_lane(pool, Settings(), Lane(workspace_id=caller.workspace_id, job_ids=job_ids, task_id=uuid7()))
        count_once(pool, caller)
        if not made and not lanes:
            break
    return read_run(caller, run_id)


def jobs_of_plan(connection: Connection, plan_id: str) -> dict[int, Json]:
    """Return id, outcome, reason and changes of the jobs of a plan, by the index of the update."""
    rows = connection.execute(
        """
        SELECT
            plan_job.index, job.id, job.outcome, job.reason, record.changes, record.rules, record.merged_at,
            record.orphan_before, record.survivor_before
        FROM plan_job
        JOIN job ON job.workspace_id = plan_job.workspace_id AND job.id = plan_job.job_id
        LEFT JOIN merge_record AS record ON record.workspace_id = job.workspace_id AND record.job_id = job.id
        WHERE plan_job.plan_id = %s
        ORDER BY plan_job.index
        """,
        [plan_id],
    )
    return {
        row["index"]: {
            **{name: row[name] for name in ("id", "outcome", "reason")},
            "changes": [] if row["merged_at"] is None else list(changes_of_record(row)),
        }
        for row in rows
    }
