"""Planned duplicate runs: their pairs are added to a plan, and are merged only when the plan is applied."""

from typing import Any

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import open_transaction
from app.duplicates import advance, planning
from app.duplicates.runs import QUERIES
from tests.support.flask_caller import Caller
from tests.support.plans import apply, finish_plan, jobs_of_plan, read_plan
from tests.support.profiles import track
from tests.support.runs import count_once

Json = dict[str, Any]
PRIORITIES = "SELECT DISTINCT priority FROM job WHERE workspace_id = %s"


def who(group: int, number: int) -> Json:
    if number == 0:
        return {"external_id": f"g{group}-0"}
    alias = {"alias_label": "shop", "alias_name": f"g{group}-{number}"}
    return {"user_alias": alias, "_update_existing_only": False}


def duplicates(caller: Caller, *sizes: int) -> None:
    """Store a group of profiles with one address for each of *sizes*. One profile of each group is identified."""
    for group, size in enumerate(sizes):
        for start in range(0, size, 25):
            numbers = range(start, min(start + 25, size))
            attributes = [
                {**who(group, number), "email": f"g{group}@x.org", f"colour{number}": "red"} for number in numbers
            ]
            track(caller, attributes=attributes)


def start(caller: Caller) -> Json:
    response = caller.post("/duplicates/runs", {"plan": True})
    started: Json = response.json

    assert response.status_code == 202, started
    return started


def take_steps(caller: Caller, pool: Pool) -> None:
    while advance.advance_run(pool, Settings(), workspace_id=caller.workspace_id):
        pass


def batches(caller: Caller) -> Any:
    return (caller.get("/merge/batches").json or {})["batches"]


def test_a_planned_run_merges_nothing_and_its_plan_applies_the_previewed_changes(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    duplicates(caller, 2, 70, 1, 3)
    started = start(caller)
    early = caller.post(f"/merge/plans/{started['plan_id']}/apply", {})
    before: Json = caller.get(f"/merge/plans/{started['plan_id']}").json
    take_steps(caller, pool)
    count_once(pool, caller)
    plan = read_plan(caller, started["plan_id"])
    run: Json = caller.get(started["status_url"]).json

    assert (early.status_code, before["complete"]) == (409, False)
    assert "has not ended" in early.text
    assert batches(caller) == []
    assert (run["state"], run["counts"]["to_merge"], run["plan_id"]) == ("finished", 72, plan["plan_id"])
    assert (plan["complete"], plan["duplicates_run_id"], plan["counts"]) == (True, started["run_id"], {"merged": 72})
    assert caller.get(f"/merge/runs/{started['run_id']}").json["state"] == "finished"  # type: ignore[index]

    applied = finish_plan(caller, pool, connection, apply(caller, plan["plan_id"]))
    jobs = jobs_of_plan(connection, plan["plan_id"])

    assert applied["counts"] == {"merged": 72}
    assert {index: job["changes"] for index, job in jobs.items()} == {
        update["index"]: update["changes"] for update in plan["updates"]
    }
    assert {job["priority"] for job in connection.execute(PRIORITIES, [caller.workspace_id])} == {6}
    again: Json = caller.get("/duplicates/preview").json
    assert again["counts"]["to_merge"] == 0


def test_a_pair_that_changed_since_planning_is_not_merged(caller: Caller, pool: Pool, connection: Connection) -> None:
    duplicates(caller, 2, 2)
    started = start(caller)
    take_steps(caller, pool)
    track(caller, attributes=[{"external_id": "g0-0", "colour": "green"}])
    run = finish_plan(caller, pool, connection, apply(caller, started["plan_id"]))

    assert run["counts"] == {"changed_since_plan": 1, "merged": 1}


@pytest.mark.parametrize("sizes", [(2,), (1, 1, 1, 2)], ids=["with pairs", "without pairs"])
def test_a_step_that_two_relays_execute_counts_once(
    caller: Caller, pool: Pool, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...]
) -> None:
    monkeypatch.setattr(planning, "ENTRIES", 3)
    duplicates(caller, *sizes)
    started = start(caller)
    plain = planning.preview_page

    def preview_while_another_relay_is_faster(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(planning, "preview_page", plain)
        assert planning.plan_step(pool, Settings(), workspace_id=caller.workspace_id)
        return plain(*arguments, **named)

    monkeypatch.setattr(planning, "preview_page", preview_while_another_relay_is_faster)
    took = planning.plan_step(pool, Settings(), workspace_id=caller.workspace_id)
    take_steps(caller, pool)

    assert not took
    assert read_plan(caller, started["plan_id"])["updates_count"] == 1
    assert (caller.get(started["status_url"]).json or {})["counts"]["examined"] == sum(sizes)


def test_a_discarded_plan_ends_its_run(caller: Caller, pool: Pool) -> None:
    duplicates(caller, 2)
    started = start(caller)
    caller.delete(f"/merge/plans/{started['plan_id']}")
    take_steps(caller, pool)

    assert (caller.get(started["status_url"]).json or {})["state"] == "cancelled"
    assert batches(caller) == []


def test_the_relay_of_an_older_version_cannot_read_the_cursor_of_a_planned_run(caller: Caller, pool: Pool) -> None:
    start(caller)
    with open_transaction(pool, caller.workspace_id) as tx:
        row = tx.execute(QUERIES["read_planned_run"]).fetchone()

    assert row is not None
    assert "address" not in row["cursor"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The request body must be a JSON object."),
        ({"plan": "yes"}, "'plan' must be true or false"),
        ({"plans": True}, "'plans' is no key of this request; its only key is 'plan'."),
    ],
)
def test_an_invalid_request_to_start_is_refused(caller: Caller, body: Any, sentence: str) -> None:
    response = caller.post("/duplicates/runs", body)

    assert (response.status_code, (response.json or {})["message"]) == (400, sentence)


def test_a_planned_run_also_needs_the_permission_plans_write(make_caller: Any) -> None:
    runner = make_caller(permissions=("duplicates.run",))
    both = make_caller(permissions=("duplicates.run", "plans.write"))

    assert runner.post("/duplicates/runs", {"plan": True}).status_code == 403
    assert both.post("/duplicates/runs", {"plan": True}).status_code == 202
