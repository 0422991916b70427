"""`/merge/queue`: pause, resume, limit, and the counts of the queue."""

from typing import Any

import pytest

from tests.support.flask_caller import Caller

Json = dict[str, Any]

PATH = "/merge/queue"
PAIR = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}


def put(caller: Caller, body: Any, status: int = 200) -> Json:
    response = caller.put(PATH, body)
    assert response.status_code == status, response.text
    found: Json = response.json or {}
    return found


def read(caller: Caller) -> Json:
    response = caller.get(PATH)
    assert response.status_code == 200, response.text
    found: Json = response.json or {}
    return found


def test_a_queue_without_settings_runs_without_a_limit(caller: Caller) -> None:
    assert read(caller) == {
        "state": "running",
        "paused_at": None,
        "paused_by": None,
        "merges_per_minute_limit": None,
        "waiting": {},
        "waiting_is_exact": True,
        "running": 0,
        "oldest_waiting_seconds": None,
        "merges_per_minute": 0,
    }


def test_a_paused_queue_names_the_key_and_accepts_requests(caller: Caller) -> None:
    paused = put(caller, {"state": "paused"})
    accepted = caller.post("/users/merge", PAIR)
    again = put(caller, {"state": "paused"})

    assert accepted.status_code == 202
    assert paused["state"] == again["state"] == "paused"
    assert paused["paused_at"] == again["paused_at"] is not None
    assert paused["paused_by"]["label"]
    assert again["waiting"] == {"3": 1}
    assert again["oldest_waiting_seconds"] >= 0


def test_a_long_queue_is_counted_up_to_a_bound_with_a_flag(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    for priority, times in (("u=3", 4), ("u=0", 1), ("u=7", 1)):
        for _ in range(times):
            caller.post("/users/merge", PAIR, headers={"Priority": priority})
    exact = read(caller)
    monkeypatch.setattr("app.ledger.queue_control.MOST_COUNTED", 3)
    bounded = read(caller)
    monkeypatch.setattr("app.ledger.queue_control.MOST_LANES", 1)
    paused = put(caller, {"state": "paused"})

    assert (exact["waiting"], exact["waiting_is_exact"]) == ({"0": 1, "3": 4, "7": 1}, True)
    # The oldest three jobs have one urgency. The other jobs are counted by their lanes.
    assert (bounded["waiting"], bounded["waiting_is_exact"]) == ({"0": 1, "3": 3, "7": 1}, False)
    assert paused["waiting_is_exact"] is False


def test_a_missing_key_keeps_its_value_and_null_removes_the_limit(caller: Caller) -> None:
    put(caller, {"state": "paused", "merges_per_minute_limit": 60})
    resumed = put(caller, {"state": "running"})
    unchanged = put(caller, {})
    unlimited = put(caller, {"merges_per_minute_limit": None})

    assert (resumed["state"], resumed["paused_at"], resumed["paused_by"]) == ("running", None, None)
    assert resumed["merges_per_minute_limit"] == unchanged["merges_per_minute_limit"] == 60
    assert unlimited["merges_per_minute_limit"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"state": "stopped"},
        {"state": None},
        {"state": 1},
        {"merges_per_minute_limit": 0},
        {"merges_per_minute_limit": -1},
        {"merges_per_minute_limit": 1.5},
        {"merges_per_minute_limit": "60"},
        {"merges_per_minute_limit": True},
        {"merges_per_minute_limit": 2**63 - 1},
        {"pause": True},
    ],
)
def test_a_malformed_change_is_refused_and_changes_nothing(caller: Caller, body: Json) -> None:
    answer = put(caller, body | ({} if "merges_per_minute_limit" in body else {"merges_per_minute_limit": 7}), 400)

    assert answer["message"].startswith(f"'{next(iter(body))}' ")
    assert read(caller)["merges_per_minute_limit"] is None


def test_the_audit_has_the_key_of_each_change_of_the_queue(caller: Caller) -> None:
    for body in ({"state": "paused"}, {"state": "paused"}, {"merges_per_minute_limit": 60}, {"state": "running"}):
        put(caller, body)
    entries: list[Json] = (caller.get("/audit", include="images").json or {})["entries"]

    assert [entry["action"] for entry in entries] == ["resume", "limit", "pause"]
    assert all(entry["key"] and entry["path"] == PATH for entry in entries)
    assert entries[1]["changes"] == [{"field": "merges_per_minute_limit", "before": None, "after": 60, "rule": None}]
    assert entries[2]["changes"] == [{"field": "state", "before": "running", "after": "paused", "rule": None}]
