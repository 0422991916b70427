"""The queue and the failures of a workspace at a glance, at a bounded cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.queue_control import QUERIES as QUEUE_QUERIES

QUERIES = load_queries("app.ledger", "overview.sql")

#: Jobs up to which one count goes.
COUNTED = 10_000
MINUTE_S = 60
#: Dead jobs that are read for their reasons, and reasons that are listed.
READ_FOR_REASONS = 1_000
MAX_REASONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number of jobs, counted up to a bound."""

    jobs: int
    bound: int = COUNTED

    @property
    def is_more(self) -> bool:
        """Whether there are more than the bound."""
        return self.jobs > self.bound

    @property
    def least(self) -> int:
        """The number of jobs, at most the bound."""
        return min(self.jobs, self.bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadReason:
    """A reason for which jobs died in the last hour."""

    reason: str
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOverview:
    """What waits, since when, how fast it goes, and what died."""

    waiting: Count
    running: Count
    dead: Count
    #: Seconds since the oldest waiting job was accepted; None without one.
    oldest_waiting_s: float | None
    #: None while the queue runs.
    paused_at: datetime | None
    merges_per_minute_limit: int | None
    dead_reasons: Sequence[DeadReason]

    def remaining_s(self, per_minute: float) -> float | None:
        """Return the seconds until the counted jobs have ended, if *per_minute* end; None when none waits or ends."""
        unfinished = self.waiting.least + self.running.least
        return MINUTE_S * unfinished / per_minute if unfinished and per_minute else None


def read_overview(tx: Transaction) -> QueueOverview:
    """Return the queue and the failures of the workspace. The cost is that of reading COUNTED jobs a few times."""
    (counts,) = tx.execute(QUERIES["count_unfinished_and_dead"], {"bound": COUNTED + 1}).fetchall()
    (control,) = tx.execute(QUEUE_QUERIES["read_queue"]).fetchall()
    oldest = tx.execute(QUEUE_QUERIES["find_oldest_waiting"]).fetchone()
    read = {"read": READ_FOR_REASONS, "limit": MAX_REASONS}
    return QueueOverview(
        waiting=Count(jobs=counts["waiting"]),
        running=Count(jobs=counts["running"]),
        dead=Count(jobs=counts["dead"]),
        oldest_waiting_s=None if oldest is None else oldest["seconds"],
        paused_at=control["paused_at"],
        merges_per_minute_limit=control["merges_per_minute_limit"],
        dead_reasons=[DeadReason(**row) for row in tx.execute(QUERIES["count_dead_reasons"], read)],
    )
