"""The limit of merges per minute of a workspace, which the relay keeps when it publishes.

The published jobs use up the limit: each moves the time up to which it is used by its share of a minute. Unused time
counts up to UNUSED_S, and published jobs that no worker has begun up to AHEAD_S. So jobs may begin at once for 1.5
seconds of the limit, and in any 10 seconds at most 15 percent more than it allows.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor

from app.db.queries import load_queries
from app.db.transaction import Transaction

QUERIES = load_queries("app.ledger", "queue.sql")

#: Seconds of the limit that may be used later than they passed.
UNUSED_S = 0.5
#: Seconds of the limit that may be published and not begun.
AHEAD_S = 1.0
SECONDS_A_MINUTE = 60.0
#: Jobs of the longest lane: relays that do not cut lanes, of an older version, use more of them in advance.
LONGEST_LANE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a workspace with a limit may publish now."""

    #: Jobs; at most 0 when none may be published.
    jobs: int
    #: Jobs in a second.
    rate: float
    #: The time from which the published jobs use the limit.
    used_until: datetime


def lock_budget(tx: Transaction) -> Budget | None:
    """Lock the limit of the workspace and return what it allows; None without a limit."""
    row = tx.execute(QUERIES["lock_limit"]).fetchone()
    if row is None:
        return None
    rate = row["merges_per_minute"] / SECONDS_A_MINUTE
    unused_s = usable_seconds(row["unused_s"], rate=rate)
    ahead = ceil(rate * AHEAD_S)
    published = tx.execute(QUERIES["count_published"], {"bound": ahead}).fetchone()
    room = ahead - (published["jobs"] if published else 0)
    return Budget(
        # A job that is due at this moment is not late for a rounding error.
        jobs=min(floor(unused_s * rate + 1e-6), room),
        rate=rate,
        used_until=row["now"] - timedelta(seconds=unused_s),
    )


def use_budget(tx: Transaction, budget: Budget, *, jobs: int) -> None:
    """Record that *jobs* were published."""
    tx.execute(QUERIES["save_pace"], {"paced_at": budget.used_until + timedelta(seconds=jobs / budget.rate)})


def usable_seconds(unused_s: float | None, *, rate: float) -> float:
    """Return the seconds of the limit that may be used, of *unused_s* seconds since it was used last.

    One job may always be saved for. Jobs that seem to use the limit for longer than a lane can were published before
    PostgreSQL's clock was set back.
    """
    most = max(UNUSED_S, 1.0 / rate)
    if unused_s is None or unused_s < -LONGEST_LANE / rate - UNUSED_S:
        return most
    return min(unused_s, most)
