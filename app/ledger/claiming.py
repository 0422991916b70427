"""The ledger as the relay uses it: waiting lanes are claimed and marked published, lost jobs are put back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from app.db import Connection
from app.ledger.work import QUERIES
from schemas.outcomes import JobState

WORKER_GONE = "The worker that ran the last attempt is gone, and so were those before it; look at its log, then retry."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescued:
    """What one sweep put back in the queue, and what it declared dead."""

    queued: int = 0
    dead: int = 0


def waiting_workspaces(connection: Connection) -> list[int]:
    """Return the workspaces that have a lane waiting to be published."""
    return [row["workspace_id"] for row in connection.execute(QUERIES["workspaces_with_pending_jobs"])]


def busy_workspaces(connection: Connection) -> list[int]:
    """Return the workspaces that have published, unfinished jobs."""
    return [row["workspace_id"] for row in connection.execute(QUERIES["workspaces_under_way"])]


def claim(connection: Connection, *, workspace_id: int, limit: int) -> list[tuple[UUID, ...]]:
    """Lock up to *limit* waiting lanes of a workspace; return each as its job ids in order, the oldest lane first."""
    parameters = {"workspace_id": workspace_id, "limit": limit}
    rows = connection.execute(QUERIES["claim_lanes"], parameters).fetchall()
    rows.sort(key=lambda row: (row["batch_id"], row["lane"], row["id"]))
    lanes = groupby(rows, key=lambda row: (row["batch_id"], row["lane"]))
    return sorted(tuple(row["id"] for row in members) for _, members in lanes)


def mark_published(connection: Connection, *, workspace_id: int, tasks: Mapping[UUID, Sequence[UUID]]) -> None:
    """Note that jobs were published: *tasks* says which job ids went under which task id."""
    pairs = [(job_id, task_id) for task_id, job_ids in tasks.items() for job_id in job_ids]
    parameters = {
        "workspace_id": workspace_id,
        "ids": [job_id for job_id, _ in pairs],
        "task_ids": [task_id for _, task_id in pairs],
    }
    connection.execute(QUERIES["mark_published"], parameters)


def consumed_to(connection: Connection, *, workspace_id: int) -> datetime | None:
    """Return the latest publication among a workspace's running jobs: the broker's queue was consumed up to there."""
    row = connection.execute(QUERIES["how_far"], {"workspace_id": workspace_id}).fetchone()
    return None if row is None else row["consumed_to"]


def rescue_stranded(
    connection: Connection, *, workspace_id: int, after_s: float, max_attempts: int, limit: int
) -> Rescued:
    """Put back jobs whose attempt began more than *after_s* seconds ago and that no living worker holds."""
    parameters = {"workspace_id": workspace_id, "after_s": after_s, "limit": limit}
    ids = [row["id"] for row in connection.execute(QUERIES["stranded_jobs"], parameters)]
    return _put_back(connection, workspace_id=workspace_id, ids=ids, max_attempts=max_attempts)


def rescue_lost(
    connection: Connection,
    *,
    workspace_id: int,
    queue_consumed_to: datetime,
    after_s: float,
    max_attempts: int,
    limit: int,
) -> Rescued:
    """Put back jobs published more than *after_s* seconds ago, before *queue_consumed_to*, that were never begun.

    A job that merely waits behind others in the broker was published after what runs now, and is left alone.
    """
    parameters = {
        "workspace_id": workspace_id,
        "consumed_to": queue_consumed_to,
        "after_s": after_s,
        "limit": limit,
    }
    ids = [row["id"] for row in connection.execute(QUERIES["lost_jobs"], parameters)]
    return _put_back(connection, workspace_id=workspace_id, ids=ids, max_attempts=max_attempts)


def _put_back(connection: Connection, *, workspace_id: int, ids: Sequence[UUID], max_attempts: int) -> Rescued:
    """Put the locked jobs *ids* back in the queue; those without attempts left are dead."""
    if not ids:
        return Rescued()
    parameters = {
        "workspace_id": workspace_id,
        "ids": list(ids),
        "max_attempts": max_attempts,
        "reason": WORKER_GONE,
    }
    states = [row["state"] for row in connection.execute(QUERIES["rescue_jobs"], parameters)]
    return Rescued(queued=states.count(JobState.QUEUED), dead=states.count(JobState.DEAD))
