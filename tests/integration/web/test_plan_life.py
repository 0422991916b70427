"""Plans: permissions, the audit, expiry, and the run of a plan."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.plans import applying
from app.plans.applying import advance_plans
from app.plans.store import prune_plans
from app.web.resources import resources_of
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.plans import apply, finish_plan, plan_pairs, updates_of
from tests.support.profiles import track
from tests.support.runs import count_once, read_run
from workers.relay.prune import prune_functions

Json = dict[str, Any]
TABLES = ("plan", "plan_update", "plan_job")


def plan_of(caller: Caller, number: int) -> str:
    """Return the id of a plan of *number* pairs."""
    track(caller, attributes=[ext(f"{side}{n}") for n in range(number) for side in "os"])
    plan_id: str = plan_pairs(caller, *[(ext(f"o{n}"), ext(f"s{n}")) for n in range(number)])["plan_id"]
    return plan_id


def rows(connection: Connection, caller: Caller) -> list[int]:
    """Return the number of rows of the caller's workspace in each table of plans."""
    counts = ", ".join(f"(SELECT count(*) FROM {table} WHERE workspace_id = %(id)s) AS {table}" for table in TABLES)
    found = connection.execute(f"SELECT {counts}", {"id": caller.workspace_id}).fetchone() or {}
    return [found[table] for table in TABLES]


def prune_all(pool: Pool, caller: Caller) -> None:
    """Prune the plans of the caller's workspace until nothing is left to prune."""
    while run_in_transaction(pool, caller.workspace_id, prune_plans, limit=2).result():
        pass


def expire(connection: Connection, caller: Caller) -> None:
    connection.execute(
        "UPDATE plan SET expires_at = now() - interval '1 s' WHERE workspace_id = %s", [caller.workspace_id]
    )


def test_another_key_must_apply_a_plan_if_the_setting_requires_it(
    caller: Caller, make_caller: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = resources_of(caller.flask)
    monkeypatch.setattr(resources, "settings", replace(resources.settings, plan_two_keys=True))
    other = make_caller(workspace=caller.workspace, permissions=("plans.apply",))
    plan_id = plan_of(caller, 1)
    refused = caller.post(f"/merge/plans/{plan_id}/apply", {})

    assert (refused.status_code, "must not be the key that planned" in refused.json["message"]) == (403, True)
    assert other.post(f"/merge/plans/{plan_id}/apply").status_code == 202


def test_planning_and_applying_need_different_permissions(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    planner = make_caller(workspace=caller.workspace, permissions=("plans.write",))
    plan_id = plan_of(caller, 1)
    body = updates_of([(ext("o0"), ext("s0"))])

    assert planner.post("/merge/plans", body).status_code == 201
    assert planner.post(f"/merge/plans/{plan_id}/apply", {}).status_code == 403
    assert (
        make_caller(workspace=caller.workspace, permissions=("plans.apply",)).post("/merge/plans", body).status_code
        == 403
    )


def test_the_audit_has_the_key_that_applied_or_discarded_a_plan(caller: Caller) -> None:
    plan_id, other = plan_of(caller, 1), plan_of(caller, 1)
    run_id = apply(caller, plan_id)
    caller.delete(f"/merge/plans/{other}")
    page: Json = caller.get("/audit", action="plan", include="images").json
    found = {entry["path"].split("/")[3]: entry for entry in page["entries"]}

    assert {key: entry["changes"][0]["after"] for key, entry in found.items()} == {
        plan_id: "applied",
        other: "discarded",
    }
    assert found[plan_id]["changes"][1]["after"] == run_id
    assert {entry["key"]["id"] for entry in page["entries"]} == {str(caller.key_id)}


def test_an_expired_plan_gets_404_and_is_deleted(caller: Caller, pool: Pool, connection: Connection) -> None:
    plan_id = plan_of(caller, 3)
    expire(connection, caller)
    answers = [
        caller.get(f"/merge/plans/{plan_id}").status_code,
        caller.post(f"/merge/plans/{plan_id}/apply", {}).status_code,
        caller.post(f"/merge/plans/{plan_id}/updates", updates_of([(ext("o0"), ext("s0"))])).status_code,
    ]
    prune_all(pool, caller)

    assert answers == [404, 404, 404]
    assert rows(connection, caller) == [0, 0, 0]
    assert "plan" in prune_functions(Settings())


def test_an_applied_plan_stays_until_its_run_has_ended(caller: Caller, pool: Pool, connection: Connection) -> None:
    run_id = apply(caller, plan_of(caller, 3))
    expire(connection, caller)
    prune_all(pool, caller)
    during = rows(connection, caller)
    run = finish_plan(caller, pool, connection, run_id)
    prune_all(pool, caller)

    assert during == [1, 3, 0]
    assert run["counts"] == {"merged": 3}
    assert rows(connection, caller) == [0, 0, 0]


def test_a_deleted_profile_is_removed_from_plans(caller: Caller, connection: Connection) -> None:
    plan_of(caller, 2)
    caller.post("/users/delete", {"external_ids": ["o0"]})

    assert rows(connection, caller) == [1, 1, 0]


def test_the_run_counts_updates_without_a_job_as_queued(
    caller: Caller, pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "WINDOW", 2)
    run_id = apply(caller, plan_of(caller, 5))
    before = read_run(caller, run_id)
    run_in_transaction(pool, caller.workspace_id, advance_plans)
    count_once(pool, caller)

    assert (before["state"], before["kind"], before["counts"]) == ("running", "plan", {"queued": 5})
    assert read_run(caller, run_id)["counts"] == {"queued": 5}
    assert caller.post(f"/merge/runs/{run_id}/undo").status_code == 409
    assert finish_plan(caller, pool, connection, run_id)["counts"] == {"merged": 5}


def test_a_cancelled_plan_creates_no_more_jobs(
    caller: Caller, pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "WINDOW", 2)
    run_id = apply(caller, plan_of(caller, 5))
    cancelled = caller.post(f"/merge/runs/{run_id}/cancel")

    assert cancelled.status_code == 202
    assert not run_in_transaction(pool, caller.workspace_id, advance_plans)
    assert finish_plan(caller, pool, connection, run_id)["jobs"] == 0


def test_the_jobs_have_the_urgency_of_the_request(caller: Caller, pool: Pool, connection: Connection) -> None:
    plan_id = plan_of(caller, 1)
    caller.post(f"/merge/plans/{plan_id}/apply", {}, headers={"Priority": "u=6"})
    run_in_transaction(pool, caller.workspace_id, advance_plans)
    (job,) = connection.execute("SELECT priority FROM job WHERE workspace_id = %s", [caller.workspace_id])

    assert job["priority"] == 6


def test_the_request_that_applies_a_large_plan_creates_no_job(caller: Caller, connection: Connection) -> None:
    plan_id = plan_of(caller, 1)
    connection.execute(
        """
        INSERT INTO plan_update (
            workspace_id, plan_id, index, orphan_identifier, survivor_identifier, outcome, reason, excluded, changes,
            names
        )
        SELECT
            workspace_id, plan_id, number, orphan_identifier, survivor_identifier, outcome, reason, excluded, changes,
            names
        FROM plan_update, generate_series(1, 99999) AS number WHERE plan_id = %s AND index = 0
        """,
        [plan_id],
    )
    connection.execute("UPDATE plan SET updates = 100000 WHERE id = %s", [plan_id])
    run_id = apply(caller, plan_id, {"only": list(range(100_000))})
    jobs = connection.execute("SELECT count(*) AS jobs FROM job WHERE workspace_id = %s", [caller.workspace_id])

    # The request creates no job, so that its time does not grow with the plan.
    assert jobs.fetchall() == [{"jobs": 0}]
    assert read_run(caller, run_id)["counts"] == {"queued": 100_000}
