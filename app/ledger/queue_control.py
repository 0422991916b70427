"""The control of a workspace's queue: pause, resume, limit, and what the queue contains."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.connections import Connection
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.cancel import QueueSelection
from schemas.queue import QueueChange, QueueState

QUERIES = load_queries("app.ledger", "queue.sql")
#: Waiting jobs that a count of a selection reads at most.
MOST_EXAMINED = 10_000

#: Jobs of the whole queue, and lanes of one urgency, that are counted: reading the queue takes a bounded time.
MOST_COUNTED = 5_000
MOST_LANES = 2_000
SECONDS_A_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """What a workspace has set for its queue, and what the queue contains."""

    paused_at: datetime | None
    #: The key that paused it, `{id, label}`; None while it runs, and for an operator.
    paused_by: Mapping[str, Any] | None
    merges_per_minute_limit: int | None
    #: Queued jobs by urgency; lower bounds unless *waiting_is_exact*.
    waiting: Mapping[str, int]
    waiting_is_exact: bool
    #: Running jobs, counted up to MOST_COUNTED.
    running: int
    oldest_waiting_seconds: float | None
    #: Jobs that ended in the last minute.
    merges_per_minute: int

    @property
    def state(self) -> QueueState:
        """Whether the queue runs."""
        return QueueState.RUNNING if self.paused_at is None else QueueState.PAUSED


def read_queue(tx: Transaction) -> QueueStatus:
    """Return the settings and the content of the queue."""
    (control,) = tx.execute(QUERIES["read_queue"]).fetchall()
    key_id = control["paused_by"]
    waiting = _count_waiting(tx)
    oldest = tx.execute(QUERIES["find_oldest_waiting"]).fetchone()
    return QueueStatus(
        paused_at=control["paused_at"],
        paused_by=None if key_id is None else {"id": key_id, "label": control["label"]},
        merges_per_minute_limit=control["merges_per_minute_limit"],
        waiting={str(priority): min(waiting[priority], MOST_COUNTED) for priority in sorted(waiting)},
        waiting_is_exact=waiting.total() <= MOST_COUNTED,
        running=_count_running(tx),
        oldest_waiting_seconds=None if oldest is None else oldest["seconds"],
        merges_per_minute=_count_ended_lately(tx),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedJobs:
    """The number of waiting jobs that a selection contains: at least that many, unless it is exact."""

    jobs: int
    is_exact: bool


def count_selected(tx: Transaction, selection: QueueSelection) -> SelectedJobs:
    """Count the waiting jobs of *selection* among the oldest MOST_EXAMINED."""
    scope = {"kind": selection.kind, "source": selection.source, "priority": selection.priority}
    (row,) = tx.execute(QUERIES["count_selected"], {**scope, "bound": MOST_EXAMINED}).fetchall()
    return SelectedJobs(jobs=row["jobs"], is_exact=row["examined"] < MOST_EXAMINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What a workspace has set for its queue."""

    state: QueueState
    merges_per_minute_limit: int | None


def save_queue_change(
    tx: Transaction, change: QueueChange, *, api_key_id: UUID | None
) -> tuple[QueueSettings, QueueSettings]:
    """Pause or resume the queue, or change its limit; return the settings before and after.

    Workers begin no job after the transaction has committed while the queue is paused.
    """
    tx.execute(QUERIES["add_queue"])
    (row,) = tx.execute(QUERIES["lock_queue"]).fetchall()
    limit = row["merges_per_minute_limit"]
    state = QueueState.RUNNING if row["paused_at"] is None else QueueState.PAUSED
    before = QueueSettings(state=state, merges_per_minute_limit=limit)
    after = QueueSettings(state=change.state or state, merges_per_minute_limit=change.limit_after(limit))
    if after == before:
        return before, after
    paused = {"paused_at": row["paused_at"], "paused_by": row["paused_by"]}
    if after.state is not state:
        is_paused = after.state is QueueState.PAUSED
        paused = {"paused_at": tx.now() if is_paused else None, "paused_by": api_key_id if is_paused else None}
    tx.execute(QUERIES["save_queue"], {**paused, "limit": after.merges_per_minute_limit})
    return before, after


def list_paused_workspaces(connection: Connection) -> list[int]:
    """List the workspaces that have paused their queue."""
    return [row["workspace_id"] for row in connection.execute(QUERIES["paused_workspaces"])]


def _count_waiting(tx: Transaction) -> Counter[int]:
    """Return queued jobs by urgency. More than MOST_COUNTED are not counted: then each number is a lower bound."""
    bound = {"bound": MOST_COUNTED + 1}
    waiting = Counter({row["priority"]: row["jobs"] for row in tx.execute(QUERIES["count_waiting"], bound)})
    if waiting.total() > MOST_COUNTED:
        # The counted jobs are the oldest. They may leave an urgency out.
        lanes = tx.execute(QUERIES["count_pending_lanes"], {"bound": MOST_LANES})
        waiting |= Counter({row["priority"]: row["jobs"] for row in lanes})
    return waiting


def _count_running(tx: Transaction) -> int:
    (row,) = tx.execute(QUERIES["count_running"], {"bound": MOST_COUNTED}).fetchall()
    jobs: int = row["jobs"]
    return jobs


def _count_ended_lately(tx: Transaction) -> int:
    """Return the jobs that ended in the last minute; of more than MOST_COUNTED the rate of the latest."""
    (row,) = tx.execute(QUERIES["count_ended_lately"], {"bound": MOST_COUNTED}).fetchall()
    jobs: int = row["jobs"]
    return jobs if jobs < MOST_COUNTED else round(jobs * SECONDS_A_MINUTE / max(row["seconds"], 1.0))
