"""Windows of days count only recorded events. Lifetime summaries also count imported ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.imports import import_one
from tests.support.profiles import track

Json = dict[str, Any]


def found(caller: Caller, **leaf: Json) -> list[str]:
    """Return the external_ids of the profiles that *leaf* finds."""
    answer = caller.post("/segments/query", {"filter": leaf, "limit": 100})
    assert answer.status_code == 200, answer.json
    return sorted(user["external_id"] for user in (answer.json or {})["profiles"])


def test_a_window_counts_recorded_events_only(caller: Caller, pool: Pool) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    span = {"count": 5, "first": "2026-01-01T00:00:00.000Z", "last": yesterday}
    import_one(pool, caller, external_id="imported", custom_events=[{"name": "login", **span}])
    track(caller, events=[{"external_id": "recorded", "name": "login", "time": yesterday}])

    window = {"name": "login", "comparison": "more_than", "count": 0, "days": 7}
    lifetime = {"name": "login", "field": "count", "comparison": "more_than", "value": 0}

    assert found(caller, custom_event=window) == ["recorded"]
    assert found(caller, custom_event_summary=lifetime) == ["imported", "recorded"]

    track(caller, events=[{"external_id": "imported", "name": "login", "time": yesterday}])

    assert found(caller, custom_event=window) == ["imported", "recorded"]
    assert found(caller, custom_event_summary={**lifetime, "value": 5}) == ["imported"]
