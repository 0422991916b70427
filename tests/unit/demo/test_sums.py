"""Sums over sent and exported profiles."""

from demo.people import Profile
from demo.sums import Sums, sums_exported, sums_sent

BOOTS = {"product_id": "boots", "price": 129.0, "quantity": 2, "currency": "USD"}
HAT = {"product_id": "hat", "price": 0.1, "quantity": 1, "currency": "USD"}


def test_a_quantity_of_two_is_two_purchases_with_twice_the_revenue() -> None:
    profile = Profile(identifier={"external_id": "a"}, attributes={}, purchases=(BOOTS, HAT))

    assert sums_sent([profile]) == Sums(events=0, purchases=3, revenue_cents=25_810, sessions=0)


def test_events_and_sessions_are_counted_over_all_profiles() -> None:
    profile = Profile(identifier={"external_id": "a"}, attributes={}, events=({}, {}), sessions=({},))

    assert sums_sent([profile, profile]) == Sums(events=4, purchases=0, revenue_cents=0, sessions=2)


def test_exported_summaries_with_missing_members_are_added_up() -> None:
    users = [
        {"custom_events": [{"name": "login", "count": 2}], "session_count": 3},
        {"purchases": [{"name": "hat", "count": 1}], "total_revenue": 24.5},
        {},
    ]

    assert sums_exported(users) == Sums(events=2, purchases=1, revenue_cents=2_450, sessions=3)
