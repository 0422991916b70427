"""Run lanes as workers do, without a broker."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Pool
from app.lane.run import Lane, execute_lane
from tests.support.factories import Factory, Wire


def deliver(pool: Pool, factory: Factory, job_ids: Sequence[UUID], **settings: Any) -> UUID:
    """Run a lane of the jobs *job_ids*. Return the id of its task."""
    task_id = uuid7()
    execute_lane(pool, Settings(**settings), Lane(workspace_id=factory.workspace_id, job_ids=job_ids, task_id=task_id))
    return task_id


def merge_all(
    pool: Pool, factory: Factory, *updates: tuple[Wire, Wire], kind: str = "merge", **settings: Any
) -> list[dict[str, Any]]:
    """Run one lane of a batch of (orphan, survivor) *updates*. Return the rows of its jobs."""
    job_ids = factory.batch(updates, kind=kind)
    deliver(pool, factory, job_ids, **settings)
    return [factory.row(job_id) for job_id in job_ids]


def merge_one(pool: Pool, factory: Factory, orphan: Wire, survivor: Wire, **settings: Any) -> dict[str, Any]:
    """Run a lane of one update. Return the row of its job."""
    (row,) = merge_all(pool, factory, (orphan, survivor), **settings)
    return row


def outcomes_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return the outcomes of job rows."""
    return [row["outcome"] for row in rows]
