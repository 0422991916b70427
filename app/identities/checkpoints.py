"""Where a pass of the numbering begins: pure functions over transaction ids and times.

A transaction writes the time of its change before it commits, so a change may become visible after changes with later
times. Transaction ids alone do not help, since no index finds a change by them. A checkpoint connects the two: a pass
read PostgreSQL's clock, and then got the transaction id `xid`. So every transaction with a later id wrote its changes
`at` this time or later. The end of a snapshot would not do: it is the id after the last transaction that ended, and
transactions with later ids may run for long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: The most checkpoints of a feed. While one transaction stays open, the others are thinned out.
MOST = 64
#: How far changes may be before the present when PostgreSQL's clock was set back since the last pass.
STEP_BACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Transactions with ids after *xid*, which is that of a pass, wrote their changes *at* this time or later."""

    xid: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a pass saw."""

    #: The clock before it had a transaction id.
    now: datetime
    #: Its transaction id.
    xid: int
    #: The end of its snapshot: no transaction from here on had ended.
    end: int
    #: The first other transaction that may still run.
    first_running: int


def advance_checkpoints(
    checkpoints: Sequence[Checkpoint], *, seen: Pass, end_before: int, checked_at: datetime | None
) -> list[Checkpoint]:
    """Return the checkpoints after a pass; the first of them bounds the age of all changes to come.

    *end_before* and *checked_at* are of the pass before; None if there was none.
    """
    kept = list(checkpoints)
    if seen.end < end_before:
        # The database was restored on another server: the ids mean nothing there, the oldest time bounds all.
        kept = [Checkpoint(0, kept[0].at)]
    if checked_at is not None and seen.now < checked_at:
        kept = [Checkpoint(each.xid, min(each.at, seen.now - STEP_BACK)) for each in kept]
    kept = [each for each in kept if each.xid < seen.xid] + [Checkpoint(seen.xid, seen.now)]
    ended = [place for place, each in enumerate(kept) if each.xid <= seen.first_running]
    kept = kept[ended[-1] if ended else 0 :]
    return kept if len(kept) <= MOST else [kept[0], *kept[1:-1:2], kept[-1]]
