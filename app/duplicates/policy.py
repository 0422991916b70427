"""The duplicate policy of a workspace: the rule for merges, and the time of its daily run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.keeping import KeepRule, Prefer, SharedAddress, TiesBy

QUERIES = load_queries("app.duplicates", "policy.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatePolicy:
    """The policy of a workspace; the defaults apply until it sets one."""

    rule: KeepRule = field(default_factory=KeepRule)
    #: The time of the daily run in *time_zone*; None for no daily run.
    daily_at: time | None = None
    time_zone: str = "UTC"
    next_daily_at: datetime | None = None


def read_policy(tx: Transaction) -> DuplicatePolicy:
    """Return the policy of the workspace, or the defaults."""
    row = tx.execute(QUERIES["read_policy"]).fetchone()
    return DuplicatePolicy() if row is None else policy_from_row(row)


def set_policy(tx: Transaction, members: Mapping[str, Any]) -> DuplicatePolicy:
    """Store a policy with these members and the time of its next daily run; return it."""
    daily_at, zone = members["daily_at"], members["time_zone"]
    due = None if daily_at is None else next_daily(daily_at, time_zone=zone, after=tx.now())
    policy = DuplicatePolicy(**members, next_daily_at=due)
    write_policy(tx, policy)
    return policy


def write_policy(tx: Transaction, policy: DuplicatePolicy) -> None:
    parameters = {
        "identifier": policy.rule.identifier,
        "resolve_ties_by": policy.rule.resolve_ties_by,
        "prefer": policy.rule.prefer,
        "daily_at": policy.daily_at,
        "time_zone": policy.time_zone,
        "next_daily_at": policy.next_daily_at,
    }
    tx.execute(QUERIES["write_policy"], parameters)


def take_due_policy(tx: Transaction, *, now: datetime) -> DuplicatePolicy | None:
    """Return the policy when its daily run is due, and schedule the next run; None when no run is due.

    After a downtime, one run replaces all that were missed.
    """
    row = tx.execute(QUERIES["lock_due_policy"], {"now": now}).fetchone()
    if row is None:
        return None
    policy = policy_from_row(row)
    following = policy.daily_at and next_daily(policy.daily_at, time_zone=policy.time_zone, after=now)
    tx.execute(QUERIES["schedule_next_daily"], {"next_daily_at": following})
    return policy


def next_daily(daily_at: time, *, time_zone: str, after: datetime) -> datetime:
    """Return the next time *after* a moment at which it is *daily_at* in *time_zone*; in UTC.

    A time that the clocks skip in spring counts as if they had not changed; of a time that occurs twice in autumn, the
    first counts.
    """
    zone = ZoneInfo(time_zone)
    today = after.astimezone(zone).date()
    days = (today + timedelta(days=shift) for shift in (0, 1, 2))
    moments = (datetime.combine(day, daily_at, tzinfo=zone).astimezone(UTC) for day in days)
    return next(moment for moment in moments if moment > after)


def rule_from_row(row: Mapping[str, Any]) -> KeepRule:
    """Return the rule of a table row."""
    return KeepRule(
        identifier=SharedAddress(row["identifier"]),
        resolve_ties_by=TiesBy(row["resolve_ties_by"]),
        prefer=Prefer(row["prefer"]),
    )


def policy_from_row(row: Mapping[str, Any]) -> DuplicatePolicy:
    """Return the policy of a table row."""
    return DuplicatePolicy(
        rule=rule_from_row(row),
        daily_at=row["daily_at"],
        time_zone=row["time_zone"],
        next_daily_at=row["next_daily_at"],
    )
