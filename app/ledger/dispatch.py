"""The queue of the ledger, for the relay: lanes are claimed and published, lost and stranded jobs are requeued."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from uuid import UUID

from psycopg.types.json import Jsonb

from app.db.citus.work import FINDERS, WorkKind, find_workspaces_with
from app.db.connections import Connection
from app.db.transaction import Transaction
from app.ledger.due_floors import NO_FLOORS, Floors, floors_of
from app.ledger.execution import LONGEST_DELAY_S, QUERIES
from app.ledger.failures import add_attempts_without_end
from schemas.outcomes import JobState
from schemas.urgency import MOST_URGENT

WORKER_GONE = "The workers of the last attempts died; look for the cause in their logs, then retry the job."
#: Stalled attempts after which the lane of a job is published in a message of its own: the job may kill its workers.
ISOLATE_AFTER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueCounts:
    """How many jobs one sweep requeued, and how many it declared dead."""

    queued: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class PublishableWorkspace:
    """A workspace with a lane to publish now, and whether it has a limit of merges per minute."""

    id: int
    has_limit: bool
    #: Whether its first job is more urgent than by default.
    has_urgent: bool


def workspaces_with_pending_lanes(
    connection: Connection, floors: Mapping[int, Floors] = MappingProxyType({})
) -> list[PublishableWorkspace]:
    """List the workspaces with a lane to publish now, except paused ones and those beyond their limit.

    Lanes behind the *floors* of their workspace are not seen. On Citus the workspaces of nodes that do not answer are
    left out, and floors are not used.
    """
    finder = FINDERS.of(connection)
    if finder is not None:
        return [PublishableWorkspace(*found) for found in finder.due_lanes(connection)]
    rows = connection.execute(
        QUERIES["publishable_workspaces"], {"floors": Jsonb({str(each): own for each, own in floors.items()})}
    )
    return [PublishableWorkspace(row["workspace_id"], row["has_limit"], row["has_urgent"]) for row in rows]


def seconds_until_due_lane(connection: Connection) -> float | None:
    """Return the seconds until the next lane may be published, or None without one; negative when it may be now."""
    row = connection.execute(QUERIES["seconds_until_due_lane"]).fetchone()
    return None if row is None else row["seconds"]


def workspaces_to_rescue(connection: Connection) -> list[int]:
    """List the workspaces with published, unfinished jobs, or with jobs that wait for a later time."""
    return find_workspaces_with(connection, WorkKind.JOBS, QUERIES["workspaces_to_rescue"])


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """The id and the trace of the request that created a job's batch."""

    request_id: str | None
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedLanes:
    """Lanes as job ids, and the request of each job.

    Lanes that have waited too long are first, then the most urgent; of equal ones identifications and the oldest.
    """

    lanes: list[tuple[UUID, ...]]
    #: The urgency of each lane, by its first job; that of lanes that have waited too long is the highest.
    priorities: Mapping[UUID, int]
    origins: Mapping[UUID, RequestOrigin]
    #: The jobs that are the rest of a lane that a limit has cut.
    rests: frozenset[UUID]
    #: Pending jobs that must wait because their run is paused, and the runs.
    paused: Mapping[UUID, UUID]
    #: From where the next claim may look; None when it must look from the beginning.
    floors: Floors | None


def claim_lanes(
    tx: Transaction,
    *,
    limit: int,
    aged_limit: int = 0,
    aged_after_s: float = LONGEST_DELAY_S,
    floors: Floors = NO_FLOORS,
) -> ClaimedLanes:
    """Lock pending lanes of identifications and others, and return them.

    Of each, up to *limit* are due at once, and up to *limit* wait for their next attempt.
    Up to *aged_limit* more have waited for *aged_after_s* seconds behind more urgent ones.
    Lanes of paused runs are apart.
    A lane with a job that names an identifier of an earlier, unfinished identification of another batch stays pending.
    Lanes behind the *floors* are not seen.
    """
    parameters = {
        "limit": limit,
        "aged_limit": aged_limit,
        "aged_after_s": aged_after_s,
        "floors": list(floors),
    }
    found = tx.execute(QUERIES["claim_lanes"], parameters).fetchall()
    first = {row["id"] for row in found if not row["aged"]}
    # An aged lane that is among the first ones anyway is published as one of them.
    rows = [row for row in found if not row["aged"] or row["id"] not in first]
    aged = {row["id"] for row in rows if row["aged"]}
    paused = {row["id"]: row["paused_run"] for row in rows if row["paused_run"] is not None}
    rows = [row for row in rows if row["id"] not in paused]
    rows.sort(key=lambda row: (row["batch_id"], row["lane"], row["id"]))
    urgent = {row["id"] for row in rows if row["urgent"]}
    priorities = {row["id"]: MOST_URGENT if row["id"] in aged else row["priority"] for row in rows}
    grouped = groupby(rows, key=lambda row: (row["batch_id"], row["lane"]))
    lanes = [tuple(row["id"] for row in members) for _, members in grouped]
    return ClaimedLanes(
        lanes=sorted(lanes, key=lambda lane: (lane[0] not in aged, priorities[lane[0]], lane[0] not in urgent, lane)),
        priorities=priorities,
        origins={row["id"]: RequestOrigin(row["request_id"], row["traceparent"]) for row in rows},
        rests=frozenset(row["id"] for row in found if row["is_rest"]),
        paused=paused,
        floors=floors_of(found, limit=limit, before=floors),
    )


def mark_jobs_published(tx: Transaction, *, tasks: Mapping[UUID, Sequence[UUID]]) -> None:
    """Record that the jobs of *tasks*, job ids by task id, were published."""
    pairs = [(job_id, task_id) for task_id, job_ids in tasks.items() for job_id in job_ids]
    parameters = {
        "ids": [job_id for job_id, _ in pairs],
        "task_ids": [task_id for _, task_id in pairs],
    }
    tx.execute(QUERIES["mark_published"], parameters)


def jobs_to_isolate(tx: Transaction, *, job_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return the jobs that have ISOLATE_AFTER stalled attempts or more, whose lanes get messages of their own."""
    parameters = {"ids": list(job_ids), "stalled_attempts": ISOLATE_AFTER}
    return frozenset(row["id"] for row in tx.execute(QUERIES["jobs_to_isolate"], parameters))


def consumed_until(tx: Transaction) -> UUID | None:
    """Return the latest task id among the running jobs: the broker's queue has been consumed up to it."""
    row = tx.execute(QUERIES["latest_running_task"]).fetchone()
    return None if row is None else row["task_id"]


def rescue_stranded_jobs(tx: Transaction, *, after_s: float, max_stalled_attempts: int, limit: int) -> RescueCounts:
    """Requeue jobs whose attempt started more than *after_s* seconds ago and that no transaction of a worker locks.

    The job may not be the cause, so this does not count as a failed attempt. After *max_stalled_attempts* of them a job
    is dead, or it could kill workers without end.
    """
    scope = {"max_stalled_attempts": max_stalled_attempts}
    found = tx.execute(QUERIES["lock_stranded_jobs"], {**scope, "after_s": after_s, "limit": limit}).fetchall()
    if not found:
        return RescueCounts()
    parameters = {
        **scope,
        "ids": [row["id"] for row in found],
        "isolate_after": (max_stalled_attempts + 1) // 2,
        "reason": WORKER_GONE,
    }
    rescued = tx.execute(QUERIES["requeue_stranded_jobs"], parameters).fetchall()
    add_attempts_without_end(tx, attempts={row["id"]: row["attempts"] for row in rescued})
    states = [row["state"] for row in rescued]
    return RescueCounts(queued=states.count(JobState.QUEUED), dead=states.count(JobState.DEAD))


def hasten_delayed_jobs(tx: Transaction) -> None:
    """Let jobs be due at once whose time was set before PostgreSQL's clock stepped back."""
    tx.execute(QUERIES["hasten_delayed_jobs"], {"longest_s": LONGEST_DELAY_S})


def rescue_lost_jobs(tx: Transaction, *, queue_consumed_to: UUID, after_s: float, limit: int) -> RescueCounts:
    """Requeue jobs published more than *after_s* seconds ago, before the task *queue_consumed_to*, that never started.

    A job that only waits in the broker was published after the jobs that run now, and is not requeued.
    """
    parameters = {
        "consumed_to": queue_consumed_to,
        "after_s": after_s,
        "limit": limit,
    }
    ids = [row["id"] for row in tx.execute(QUERIES["lock_lost_jobs"], parameters)]
    if ids:
        tx.execute(QUERIES["requeue_lost_jobs"], {"ids": ids})
    return RescueCounts(queued=len(ids))
