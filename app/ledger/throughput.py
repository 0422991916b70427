"""Throughput and backlog over time, computed from the ledger itself: nothing is sampled or stored for it.

The number of unfinished jobs at an earlier time is the present number, minus the jobs accepted since, plus the jobs
ended since. A dead job that is retried counts as unfinished from its acceptance on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.outcomes import Outcome

QUERIES = load_queries("app.ledger", "throughput.sql")

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class ChartPeriod(Enum):
    """The length of a chart, and the length of its buckets."""

    HOUR = timedelta(hours=1), timedelta(minutes=1)
    DAY = timedelta(days=1), timedelta(minutes=15)
    WEEK = timedelta(days=7), timedelta(hours=2)

    @property
    def bucket(self) -> timedelta:
        """The length of a bucket."""
        length: timedelta = self.value[1]
        return length

    def boundaries(self, now: datetime) -> list[datetime]:
        """Return the start of each bucket, oldest first, and the end of the last one, which contains *now*."""
        whole, bucket = self.value
        end = now + bucket - (now - EPOCH) % bucket
        return [end - whole + nth * bucket for nth in range(whole // bucket + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBucket:
    """The jobs accepted and ended in one interval."""

    begins_at: datetime
    accepted: int
    #: Ended jobs by outcome; None for dead ones.
    settled: Mapping[Outcome | None, int]
    #: Unfinished jobs at the end of the interval.
    unfinished: int

    @property
    def ended(self) -> int:
        """All ended jobs."""
        return sum(self.settled.values())


def read_throughput(tx: Transaction, *, period: ChartPeriod, now: datetime) -> list[TimeBucket]:
    """Return the buckets of the *period* that ends *now*, oldest first; run it in a snapshot.

    The cost is a row for each job accepted or ended in the period, and for each unfinished job.
    """
    boundaries = period.boundaries(now)
    scope = {"since": boundaries[0], "bucket": period.bucket}
    rows = tx.execute(QUERIES["count_accepted_by_bucket"], scope)
    accepted = _accepted(rows, last=boundaries[-2])
    rows = tx.execute(QUERIES["count_ended_by_bucket"], scope)
    settled = _settled(rows, last=boundaries[-2])
    (row,) = tx.execute(QUERIES["count_unfinished"], scope).fetchall()
    return _buckets(boundaries[:-1], accepted, settled, unfinished=row["jobs"])


def _accepted(rows: Iterable[Mapping[str, Any]], *, last: datetime) -> Counter[datetime]:
    """Return the accepted jobs by the start of the bucket; rows after the *last* bucket are added to it."""
    accepted: Counter[datetime] = Counter()
    for row in rows:
        accepted[min(row["starts_at"], last)] += row["jobs"]
    return accepted


def _settled(rows: Iterable[Mapping[str, Any]], *, last: datetime) -> dict[datetime, Counter[Outcome | None]]:
    """Return the ended jobs of *rows* by the start of the bucket and by outcome.

    PostgreSQL's clock may have been set back: rows after the *last* bucket are added to it.
    """
    settled: defaultdict[datetime, Counter[Outcome | None]] = defaultdict(Counter)
    for row in rows:
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        settled[min(row["starts_at"], last)][outcome] += row["jobs"]
    return settled


def _buckets(
    starts: Sequence[datetime],
    accepted: Mapping[datetime, int],
    settled: Mapping[datetime, Mapping[Outcome | None, int]],
    *,
    unfinished: int,
) -> list[TimeBucket]:
    """Return the buckets, computed backwards from the jobs that are *unfinished* now."""
    buckets: list[TimeBucket] = []
    for begins_at in reversed(starts):
        bucket = TimeBucket(
            begins_at=begins_at,
            accepted=accepted.get(begins_at, 0),
            settled=settled.get(begins_at, {}),
            unfinished=unfinished,
        )
        buckets.append(bucket)
        # At least 0: jobs of batches that were pruned meanwhile no longer count as accepted.
        unfinished = max(0, unfinished + bucket.ended - bucket.accepted)
    return buckets[::-1]
