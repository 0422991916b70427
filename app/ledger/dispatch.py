"""The ledger as the relay uses it: waiting lanes are claimed and marked published, lost jobs are put back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from app.db.connections import Connection
from app.db.transaction import Transaction
from app.ledger.execution import QUERIES
from schemas.outcomes import JobState

WORKER_GONE = "The worker that ran the last attempt is gone, and so were those before it; look at its log, then retry."
#: Strandings after which a job's lane is published in a message of its own: it may be what kills its workers.
APART_AFTER = 3


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


@dataclass(frozen=True, slots=True)
class Origin:
    """The request that made a job's batch, and where that one's trace goes on."""

    request_id: str | None
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Lanes, each as its job ids in order, the oldest lane first; and by job, which request it comes from."""

    lanes: list[tuple[UUID, ...]]
    origins: Mapping[UUID, Origin]


def claim(tx: Transaction, *, limit: int) -> Claimed:
    """Lock up to *limit* waiting lanes of a workspace, and return them."""
    parameters = {"limit": limit}
    rows = tx.execute(QUERIES["claim_lanes"], parameters).fetchall()
    rows.sort(key=lambda row: (row["batch_id"], row["lane"], row["id"]))
    lanes = groupby(rows, key=lambda row: (row["batch_id"], row["lane"]))
    return Claimed(
        lanes=sorted(tuple(row["id"] for row in members) for _, members in lanes),
        origins={row["id"]: Origin(row["request_id"], row["traceparent"]) for row in rows},
    )


def mark_published(tx: Transaction, *, tasks: Mapping[UUID, Sequence[UUID]]) -> None:
    """Note that jobs were published: *tasks* says which job ids went under which task id."""
    pairs = [(job_id, task_id) for task_id, job_ids in tasks.items() for job_id in job_ids]
    parameters = {
        "ids": [job_id for job_id, _ in pairs],
        "task_ids": [task_id for _, task_id in pairs],
    }
    tx.execute(QUERIES["mark_published"], parameters)


def to_publish_apart(tx: Transaction, *, job_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return those of the jobs that were stranded so often that their lane should share its message with no other."""
    parameters = {"ids": list(job_ids), "strandings": APART_AFTER}
    return frozenset(row["id"] for row in tx.execute(QUERIES["jobs_to_publish_apart"], parameters))


def consumed_to(tx: Transaction) -> UUID | None:
    """Return the latest publication among a workspace's running jobs: the broker's queue was consumed up to there."""
    row = tx.execute(QUERIES["how_far"]).fetchone()
    return None if row is None else row["task_id"]


def rescue_stranded(tx: Transaction, *, after_s: float, max_strandings: int, limit: int) -> Rescued:
    """Put back jobs whose attempt began more than *after_s* seconds ago and that no living worker holds.

    Nothing says that it was the job's own fault, so it is not counted as a failure; a job to which it happens
    *max_strandings* times is dead all the same, or it would kill workers for ever.
    """
    scope = {"max_strandings": max_strandings}
    found = tx.execute(QUERIES["stranded_jobs"], {**scope, "after_s": after_s, "limit": limit}).fetchall()
    if not found:
        return Rescued()
    parameters = {
        **scope,
        "ids": [row["id"] for row in found],
        "alone_after": (max_strandings + 1) // 2,
        "reason": WORKER_GONE,
    }
    states = [row["state"] for row in tx.execute(QUERIES["put_back_stranded"], parameters)]
    return Rescued(queued=states.count(JobState.QUEUED), dead=states.count(JobState.DEAD))


def rescue_lost(tx: Transaction, *, queue_consumed_to: UUID, after_s: float, limit: int) -> Rescued:
    """Put back jobs published more than *after_s* seconds ago, before the task *queue_consumed_to*, and never begun.

    A job that merely waits behind others in the broker was published after what runs now, and is left alone.
    """
    parameters = {
        "consumed_to": queue_consumed_to,
        "after_s": after_s,
        "limit": limit,
    }
    ids = [row["id"] for row in tx.execute(QUERIES["lost_jobs"], parameters)]
    if ids:
        tx.execute(QUERIES["put_back_lost"], {"ids": ids})
    return Rescued(queued=len(ids))
