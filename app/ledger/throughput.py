"""Throughput and backlog over time, as the ledger itself tells them: nothing is sampled, nothing is kept beside it.

How much was unfinished at an earlier moment follows from what is unfinished now: less what was accepted since, more
what has ended since. A job that was dead and is tried again counts as unfinished from its first day on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import pairwise

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.pruning import earliest_id_at
from schemas.outcomes import Outcome

QUERIES = load_queries("app.ledger", "throughput.sql")

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Period(Enum):
    """How far back is looked, and in stretches of which length."""

    HOUR = timedelta(hours=1), timedelta(minutes=1)
    DAY = timedelta(days=1), timedelta(minutes=15)

    @property
    def stretch(self) -> timedelta:
        """The length of a stretch."""
        length: timedelta = self.value[1]
        return length

    def begins(self, now: datetime) -> list[datetime]:
        """Return when each stretch begins, oldest first, up to the one that *now* is in, and when that one ends."""
        whole, stretch = self.value
        end = now + stretch - (now - EPOCH) % stretch
        return [end - whole + nth * stretch for nth in range(whole // stretch + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What happened in a stretch of time."""

    begins_at: datetime
    accepted: int
    #: How many jobs ended, by outcome; None for those that died.
    settled: Mapping[Outcome | None, int]
    #: How many jobs were accepted and had not ended when the stretch ended.
    unfinished: int

    @property
    def ended(self) -> int:
        """How many jobs ended, in whatever way."""
        return sum(self.settled.values())


def read_throughput(tx: Transaction, *, period: Period, now: datetime) -> list[Stretch]:
    """Return the stretches of the *period* that ends *now*, oldest first, in the caller's snapshot.

    Costs an entry of an index for each job that was accepted or ended in the period, or is unfinished.
    """
    begins = period.begins(now)
    scope = {"since": begins[0], "stretch": period.stretch}
    accepted = _accepted(tx, begins)
    settled: dict[datetime, dict[Outcome | None, int]] = {}
    for row in tx.execute(QUERIES["settled_by_stretch"], scope, prepare=False):
        outcome = None if row["outcome"] is None else Outcome(row["outcome"])
        # The database's clock may be a little ahead of ours.
        settled.setdefault(min(row["begins_at"], begins[-2]), {})[outcome] = row["jobs"]
    (row,) = tx.execute(QUERIES["count_unfinished"], scope, prepare=False).fetchall()
    return _stretches(begins[:-1], accepted, settled, unfinished=row["jobs"])


def _accepted(tx: Transaction, begins: Sequence[datetime]) -> dict[datetime, int]:
    """Return how many jobs were accepted in each stretch, by when it begins."""
    ids = [earliest_id_at(moment) for moment in begins]
    stretches = {
        "begins": begins[:-1],
        "first_ids": [first for first, _ in pairwise(ids)],
        "next_ids": [next_id for _, next_id in pairwise(ids)],
    }
    rows = tx.execute(QUERIES["accepted_by_stretch"], stretches, prepare=False)
    return {row["begins_at"]: row["jobs"] for row in rows}


def _stretches(
    begins: Sequence[datetime],
    accepted: Mapping[datetime, int],
    settled: Mapping[datetime, Mapping[Outcome | None, int]],
    *,
    unfinished: int,
) -> list[Stretch]:
    """Return the stretches, told backwards from what is *unfinished* now."""
    told: list[Stretch] = []
    for begins_at in reversed(begins):
        stretch = Stretch(
            begins_at=begins_at,
            accepted=accepted.get(begins_at, 0),
            settled=settled.get(begins_at, {}),
            unfinished=unfinished,
        )
        told.append(stretch)
        # Never below nothing: jobs whose batch was pruned meanwhile are not counted as accepted any more.
        unfinished = max(0, unfinished + stretch.ended - stretch.accepted)
    return told[::-1]
