"""A summary without events stays exact through merges and their undo."""

import json
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.imports import all_profiles, import_lines, import_one
from tests.support.profiles import the_profile, track
from tests.support.undos import merge_one, undo_one

Json = dict[str, Any]


def imported(name: str, year: int, count: int) -> Json:
    """Return a line with summaries of the *year*."""
    first, last = f"{year}-01-01T00:00:00.000Z", f"{4045 - year}-01-01T00:00:00.000Z"
    assert first < last
    span = {"first": first, "last": last, "count": count}
    used = {"app_id": "shop", "name": "Shop", "sessions": count, "first_used": first, "last_used": last}
    campaign = {"api_campaign_id": "c1", "name": "Hi", "last_received": last, "converted": True}
    return {
        "external_id": name,
        "custom_events": [{"name": "login", **span}],
        "purchases": [{"name": "hat", **span}],
        "total_revenue": count,
        "apps": [used],
        "campaigns_received": [campaign],
        "last_interactions": {"last_received_at": last},
    }


A, B, C = imported("a", 2022, 5), imported("b", 2021, 3), imported("c", 2020, 2)


def ext(name: str) -> Json:
    """Return the identifier of the profile *name*."""
    return {"external_id": name}


def summaries(caller: Caller, name: str) -> Json:
    """Return the profile *name* without the fields that an undo need not restore."""
    return {key: value for key, value in the_profile(caller, name).items() if key != "updated_at"}


def test_an_undo_gives_both_imported_summaries_back(caller: Caller, pool: Pool) -> None:
    import_lines(pool, caller, [A, B])
    before = all_profiles(caller)

    job = merge_one(caller, pool, ext("b"), ext("a"))
    both = the_profile(caller, "a")
    undo_one(caller, pool, job)

    assert both["custom_events"] == [
        {"name": "login", "count": 8, "first": "2021-01-01T00:00:00.000Z", "last": "2024-01-01T00:00:00.000Z"}
    ]
    assert all_profiles(caller) == before


def test_events_after_the_merge_stay_and_the_imported_ends_survive_its_undo(caller: Caller, pool: Pool) -> None:
    import_lines(pool, caller, [A, B])
    before = the_profile(caller, "a")
    job = merge_one(caller, pool, ext("b"), ext("a"))
    track(caller, events=[{"external_id": "a", "name": "login", "time": "2022-06-01T00:00:00Z"}])

    undo_one(caller, pool, job)

    (event,) = before["custom_events"]
    assert the_profile(caller, "a")["custom_events"] == [{**event, "count": event["count"] + 1}]
    assert the_profile(caller, "a")["purchases"] == before["purchases"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_merges_undone_in_any_order_leave_the_imported_summary(
    caller: Caller, pool: Pool, order: tuple[int, int]
) -> None:
    import_lines(pool, caller, [A, B, C])
    before = {name: summaries(caller, name) for name in "abc"}
    jobs = [merge_one(caller, pool, ext(name), ext("a")) for name in "bc"]

    for place in order:
        undo_one(caller, pool, jobs[place])

    after = {name: summaries(caller, name) for name in "abc"}
    for name, user in before.items():
        assert {key: after[name].get(key) for key in user if after[name].get(key) != user[key]} == {}
    assert after == before


def test_a_profile_imported_over_a_merge_keeps_its_line(caller: Caller, pool: Pool) -> None:
    import_lines(pool, caller, [A, B])
    job = merge_one(caller, pool, ext("b"), ext("a"))
    import_one(pool, caller, "replace", **json.loads(json.dumps(C | {"external_id": "a"})))
    replaced = the_profile(caller, "a")

    undo_one(caller, pool, job)

    left = the_profile(caller, "a")
    for name in ("first", "last"):
        assert left["custom_events"][0][name] == replaced["custom_events"][0][name]
