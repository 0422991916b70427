"""How a workspace wants its duplicates to be merged, and when its daily run is due."""

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
class Policy:
    """The settings of a workspace; those of one that never set any are the defaults."""

    rule: KeepRule = field(default_factory=KeepRule)
    #: At what time of the day a run begins, where *time_zone* is; None for no daily run.
    daily_at: time | None = None
    time_zone: str = "UTC"
    next_daily_at: datetime | None = None


def read_policy(tx: Transaction) -> Policy:
    """Return the policy of a workspace."""
    row = tx.execute(QUERIES["read_policy"]).fetchone()
    return Policy() if row is None else policy_of(row)


def write_policy(tx: Transaction, policy: Policy) -> None:
    """Set the policy of a workspace."""
    parameters = {
        "identifier": policy.rule.identifier,
        "resolve_ties_by": policy.rule.resolve_ties_by,
        "prefer": policy.rule.prefer,
        "daily_at": policy.daily_at,
        "time_zone": policy.time_zone,
        "next_daily_at": policy.next_daily_at,
    }
    tx.execute(QUERIES["write_policy"], parameters)


def take_due_policy(tx: Transaction, *, now: datetime) -> Policy | None:
    """Return the policy of a workspace whose daily run is due, and note the next; None when none is due any more.

    After a time in which nothing ran, one run makes up for all that were missed.
    """
    row = tx.execute(QUERIES["hold_due_policy"], {"now": now}).fetchone()
    if row is None:
        return None
    policy = policy_of(row)
    following = policy.daily_at and next_daily(policy.daily_at, time_zone=policy.time_zone, after=now)
    tx.execute(QUERIES["set_next_daily"], {"next_daily_at": following})
    return policy


def next_daily(daily_at: time, *, time_zone: str, after: datetime) -> datetime:
    """Return when it is *daily_at* next *after* that moment, where *time_zone* is; in UTC.

    A time that the clocks skip in spring is the moment at which it would have been without the change; of one that
    comes twice in autumn, the first counts.
    """
    zone = ZoneInfo(time_zone)
    today = after.astimezone(zone).date()
    days = (today + timedelta(days=shift) for shift in (0, 1, 2))
    moments = (datetime.combine(day, daily_at, tzinfo=zone).astimezone(UTC) for day in days)
    return next(moment for moment in moments if moment > after)


def rule_of(row: Mapping[str, Any]) -> KeepRule:
    """Return the rule that *row* says."""
    return KeepRule(
        identifier=SharedAddress(row["identifier"]),
        resolve_ties_by=TiesBy(row["resolve_ties_by"]),
        prefer=Prefer(row["prefer"]),
    )


def policy_of(row: Mapping[str, Any]) -> Policy:
    """Return the policy that *row* says."""
    return Policy(
        rule=rule_of(row),
        daily_at=row["daily_at"],
        time_zone=row["time_zone"],
        next_daily_at=row["next_daily_at"],
    )
