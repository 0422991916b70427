"""Throughput and backlog over time: sums of minutes that the relay has stored, and the jobs since then.

Without sums, all is counted from the jobs. The number of unfinished jobs at an earlier time is the present number,
minus the jobs accepted since, plus the jobs ended since.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from app.db.ids import earliest_id_at
from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.outcomes import Outcome

QUERIES = load_queries("app.ledger", "throughput.sql")

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
#: The clocks from which ids and rows get their times differ less.
SLACK = timedelta(minutes=1)
#: Unfinished jobs up to which they are counted beside sums.
COUNTED = 10_000


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSum:
    """The end of the last summed minute, and the jobs that were unfinished then."""

    ends_at: datetime
    unfinished: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCounts:
    """Jobs by the start of their bucket."""

    accepted: Counter[datetime]
    #: By outcome; None for dead ones.
    settled: Mapping[datetime, Counter[Outcome | None]]


def read_throughput(tx: Transaction, *, period: ChartPeriod, now: datetime) -> list[TimeBucket]:
    """Return the buckets of the *period* that ends *now*, oldest first; run it in a snapshot.

    The cost is a row for each summed minute of the period, and one for each job accepted or ended since the last one.
    """
    boundaries = period.boundaries(now)
    starts = boundaries[:-1]
    last = read_last_sum(tx)
    if last is None or last.ends_at <= starts[0]:
        live = count_live(tx, since=starts[0], origin=starts[0], bucket=period.bucket, last=starts[-1])
        return _buckets(starts, live, unfinished=count_unfinished(tx))
    live = count_live(tx, since=last.ends_at, origin=starts[0], bucket=period.bucket, last=starts[-1])
    summed = [start for start in starts if start + period.bucket <= last.ends_at]
    latest = _latest_buckets(tx, starts[len(summed) :], live, last)
    return _with_sums(tx, summed, latest, origin=starts[0], bucket=period.bucket)


def read_last_sum(tx: Transaction) -> LastSum | None:
    """Return the last summed minute of the workspace; None before the first."""
    row = tx.execute(QUERIES["read_last_sum"]).fetchone()
    return None if row is None else LastSum(**row)


def count_unfinished(tx: Transaction) -> int:
    """Return the number of queued and running jobs. The cost is a row for each."""
    (row,) = tx.execute(QUERIES["count_unfinished"]).fetchall()
    jobs: int = row["jobs"]
    return jobs


def count_live(
    tx: Transaction, *, since: datetime, origin: datetime, bucket: timedelta, last: datetime = LATEST
) -> LiveCounts:
    """Return the jobs accepted and ended from *since* on, in buckets that are counted from *origin*.

    Jobs after the *last* bucket are added to it. The cost is a row for each of the jobs.
    """
    scope = {"since": since, "origin": origin, "bucket": bucket}
    ids = {"first_id": earliest_id_at(since, less=SLACK)}
    accepted = _accepted(tx.execute(QUERIES["count_accepted_by_bucket"], {**scope, **ids}), last=last)
    settled = _settled(tx.execute(QUERIES["count_ended_by_bucket"], scope), last=last)
    return LiveCounts(accepted=accepted, settled=settled)


def _latest_buckets(tx: Transaction, starts: Sequence[datetime], live: LiveCounts, last: LastSum) -> list[TimeBucket]:
    """Return the buckets that end after the *last* sum, with the jobs since then alone.

    The unfinished jobs are counted where they are few. Otherwise they follow from the last sum.
    """
    (row,) = tx.execute(QUERIES["count_unfinished_to_bound"], {"bound": COUNTED + 1}).fetchall()
    unfinished: int = row["jobs"]
    if unfinished > COUNTED:
        ended = sum(counts.total() for counts in live.settled.values())
        unfinished = max(COUNTED, last.unfinished + live.accepted.total() - ended)
    return _buckets(starts, live, unfinished=unfinished)


def _read_sums(
    tx: Transaction, *, origin: datetime, bucket: timedelta, last: datetime
) -> tuple[dict[datetime, Mapping[str, Any]], dict[datetime, Counter[Outcome | None]]]:
    """Return the sums by bucket, and the ended jobs by bucket and outcome: of hours, and of the minutes after them."""
    sums: dict[datetime, Mapping[str, Any]] = {}
    settled: defaultdict[datetime, Counter[Outcome | None]] = defaultdict(Counter)
    parts = []
    minutes_since = origin
    if bucket >= timedelta(hours=1) and (row := tx.execute(QUERIES["read_end_of_hours"]).fetchone()) is not None:
        parts.append(("sum_hours_by_bucket", "sum_ended_hours_by_bucket", origin))
        minutes_since = max(origin, row["ends_at"])
    parts.append(("sum_minutes_by_bucket", "sum_ended_minutes_by_bucket", minutes_since))
    for query, ended_query, since in parts:
        scope = {"since": since, "origin": origin, "bucket": bucket}
        for row in tx.execute(QUERIES[query], scope):
            before = sums.get(row["starts_at"], {"accepted": 0})
            sums[row["starts_at"]] = {**row, "accepted": row["accepted"] + before["accepted"]}
        for start, counts in _settled(tx.execute(QUERIES[ended_query], scope), last=last).items():
            settled[start] += counts
    return sums, settled


def _with_sums(
    tx: Transaction,
    summed: Sequence[datetime],
    latest: Sequence[TimeBucket],
    *,
    origin: datetime,
    bucket: timedelta,
) -> list[TimeBucket]:
    """Return the *summed* buckets and the *latest* ones. Part of the first one of these may be summed too."""
    sums, settled = _read_sums(tx, origin=origin, bucket=bucket, last=latest[-1].begins_at)
    buckets = []
    for start in summed:
        row = sums.get(start)
        buckets.append(
            TimeBucket(
                begins_at=start,
                accepted=row["accepted"] if row else 0,
                settled=settled.get(start, {}),
                # A bucket whose last minute has no row had no unfinished jobs at its end.
                unfinished=row["unfinished"] if row and row["ends_at"] == start + bucket else 0,
            )
        )
    for each in latest:
        row = sums.get(each.begins_at)
        accepted = each.accepted + (row["accepted"] if row else 0)
        both = Counter(each.settled) + settled.get(each.begins_at, Counter())
        buckets.append(replace(each, accepted=accepted, settled=both))
    return buckets


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


def _buckets(starts: Sequence[datetime], live: LiveCounts, *, unfinished: int) -> list[TimeBucket]:
    """Return the buckets, computed backwards from the jobs that are *unfinished* now."""
    buckets: list[TimeBucket] = []
    for begins_at in reversed(starts):
        bucket = TimeBucket(
            begins_at=begins_at,
            accepted=live.accepted.get(begins_at, 0),
            settled=live.settled.get(begins_at, {}),
            unfinished=unfinished,
        )
        buckets.append(bucket)
        # At least 0: jobs of batches that were pruned meanwhile no longer count as accepted.
        unfinished = max(0, unfinished + bucket.ended - bucket.accepted)
    return buckets[::-1]
