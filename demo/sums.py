"""Totals over all profiles, which merges must not change."""

from collections.abc import Iterable
from dataclasses import dataclass

from demo.people import Json, Profile

CENTS = 100


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Totals over a set of profiles."""

    events: int
    purchases: int
    revenue_cents: int
    sessions: int


def sums_sent(profiles: Iterable[Profile]) -> Sums:
    """Return the totals of the requests for *profiles*; a quantity of two is two purchases."""
    everyone = list(profiles)
    purchases = [purchase for profile in everyone for purchase in profile.purchases]
    return Sums(
        events=sum(len(profile.events) for profile in everyone),
        purchases=sum(purchase["quantity"] for purchase in purchases),
        revenue_cents=sum(round(purchase["price"] * CENTS) * purchase["quantity"] for purchase in purchases),
        sessions=sum(len(profile.sessions) for profile in everyone),
    )


def sums_exported(users: Iterable[Json]) -> Sums:
    """Return the totals of exported *users*; a missing field counts as zero."""
    everyone = list(users)
    return Sums(
        events=sum(event["count"] for user in everyone for event in user.get("custom_events", ())),
        purchases=sum(purchase["count"] for user in everyone for purchase in user.get("purchases", ())),
        revenue_cents=sum(round(user.get("total_revenue", 0) * CENTS) for user in everyone),
        sessions=sum(user.get("session_count", 0) for user in everyone),
    )
