"""A recorded time in the future is replaced by the current time, so merges do not copy it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.db.connections import Pool
from tests.support.filters import ago, leaf
from tests.support.flask_caller import Caller
from tests.support.profiles import Json, export, the_profile, track
from tests.support.undos import merge_one, undo_one

FUTURE = "2999-01-01T00:00:00.000Z"
ME, OTHER = {"external_id": "me"}, {"external_id": "other"}


def record_everything(caller: Caller) -> None:
    """Send one object of each kind for `me`, each with times in the future, and mark its last use of an app."""
    recorded = dict.fromkeys(("date_of_first_session", "date_of_last_session", "marked_email_as_spam_at"), FUTURE)
    message = {**ME, "id": "m1", "time": FUTURE}
    track(
        caller,
        attributes=[{**ME, "email": "me@x.org", "email_subscribe": "opted_in", **recorded}],
        events=[{**ME, "name": "login", "time": FUTURE}],
        purchases=[{**ME, "product_id": "hat", "currency": "USD", "price": 1, "time": FUTURE}],
        sessions=[{**ME, "app_id": "ios", "started_at": FUTURE, "ended_at": FUTURE}],
        engagements=[
            {**message, "kind": "campaign", "event": "received"},
            {**message, "kind": "canvas", "event": "received", "step_id": "s1"},
            {**message, "kind": "canvas", "event": "entered"},
            {**message, "kind": "canvas", "event": "opened"},
        ],
    )


def times_in(value: Any) -> list[str]:
    """Return all times in an export or a page of history."""
    if isinstance(value, dict):
        return [each for part in value.values() for each in times_in(part)]
    if isinstance(value, list):
        return [each for part in value for each in times_in(part)]
    return [value] if isinstance(value, str) and value[:2] in {"19", "20", "29"} and value.endswith("Z") else []


def history(caller: Caller, user: Json) -> Json:
    page: Json = caller.get(f"/profiles/{user['braze_id']}/history").json
    return page


def test_no_recorded_time_is_in_the_future(caller: Caller, pool: Pool) -> None:
    record_everything(caller)
    track(caller, attributes=[{**OTHER, "date_of_last_session": ago(days=1)}])
    sent = the_profile(caller)
    job_id = merge_one(caller, pool, ME, OTHER)
    merged = the_profile(caller, "other")
    found = {"sent": sent, "history": history(caller, merged), "merged": merged}
    undo_one(caller, pool, job_id)
    found |= {"undone": export(caller, external_ids=["me", "other"]), "audit": caller.get("/audit").json}
    times = {name: times_in(each) for name, each in found.items()}
    end = datetime.now(UTC) + timedelta(minutes=1)

    assert len(times["sent"]) > 20
    assert {name: [each for each in all_ if datetime.fromisoformat(each) > end] for name, all_ in times.items()} == {
        name: [] for name in times
    }
    assert sent["last_session"] == sent["last_interactions"]["last_received_at"]


def test_a_session_today_is_the_last_one(caller: Caller) -> None:
    track(caller, attributes=[{**ME, "date_of_last_session": FUTURE}])
    before = the_profile(caller)["last_session"]
    track(caller, sessions=[{**ME, "app_id": "ios", "started_at": datetime.now(UTC).isoformat()}])
    found = caller.post("/segments/query", {"filter": leaf("last_used_app", "after", FUTURE.replace("2999", "2998"))})

    assert the_profile(caller)["last_session"] > before
    assert found.json["count"] == 0


def test_the_mark_for_deletion_and_custom_attributes_keep_future_times(caller: Caller) -> None:
    custom = {"renewal": FUTURE, "card": {"expires": {"$time": FUTURE}}}
    track(caller, attributes=[{**ME, "marked_for_deletion_at": FUTURE, **custom}])
    user = the_profile(caller)

    assert user["marked_for_deletion_at"] == FUTURE
    assert user["custom_attributes"] == {"renewal": FUTURE, "card": {"expires": FUTURE}}
