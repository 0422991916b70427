"""Cancellation through the API: of one job, of a batch, and of the queue."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger.execution import begin_attempts
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.profiles import track
from tests.support.undos import merge_one
from tests.support.worker import Worker
from workers.relay.cancel import Canceller

Json = dict[str, Any]
ELSEWHERE = "01a202b7-0c65-769b-9741-1871039b8b20"

pytestmark = pytest.mark.usefixtures("no_cancellations")


def merge(caller: Caller, *pairs: tuple[str, str]) -> Json:
    updates = [{"identifier_to_merge": ext(orphan), "identifier_to_keep": ext(survivor)} for orphan, survivor in pairs]
    response = caller.post("/users/merge", {"merge_updates": updates})
    assert response.status_code == 202, response.text
    return batch_of(caller, (response.json or {})["batch_id"])


def batch_of(caller: Caller, batch_id: str) -> Json:
    found: Json = caller.get(f"/merge/batches/{batch_id}").json or {}
    return found


def cancel(caller: Caller, path: str, status: int = 200) -> Json:
    response = caller.post(f"/merge/{path}/cancel")
    assert response.status_code == status, response.text
    found: Json = response.json or {}
    return found


def begin(pool: Pool, caller: Caller, job_ids: list[str]) -> list[str]:
    begun = run_in_transaction(
        pool, caller.workspace_id, begin_attempts, job_ids=[UUID(each) for each in job_ids], task_id=uuid7()
    )
    return [str(job.id) for job in begun.result()]


def deliver(pool: Pool, caller: Caller, batch: Json) -> None:
    ids = [UUID(job["job_id"]) for job in batch["jobs"]]
    execute_lane(pool, Settings(), Lane(workspace_id=caller.workspace_id, job_ids=ids, task_id=uuid7()))


def exists(caller: Caller, external_id: str) -> bool:
    return bool((caller.post("/users/export/ids", {"external_ids": [external_id]}).json or {})["users"])


def settle(pool: Pool, *, chunk: int = 2) -> int:
    """Run the canceller of the relay until all cancellations are done, and return the number of cancelled jobs."""
    canceller, total = Canceller(pool, chunk=chunk), 0
    for _ in range(50):
        total += canceller.run_once()
    return total


def test_a_cancelled_job_has_its_outcome_and_no_effect(caller: Caller, worker: Worker) -> None:
    track(caller, attributes=[ext("a"), ext("b")])
    batch = merge(caller, ("a", "b"))
    job = cancel(caller, f"jobs/{batch['jobs'][0]['job_id']}")
    worker.work()

    assert (job["state"], job["outcome"]) == ("finished", "cancelled")
    assert "by the API key" in job["reason"]
    assert batch_of(caller, batch["batch_id"])["counts"] == {"cancelled": 1}
    assert exists(caller, "a")


def test_a_lane_runs_the_jobs_after_its_cancelled_ones(caller: Caller, worker: Worker) -> None:
    track(caller, attributes=[ext(each) for each in "abcd"])
    batch = merge(caller, ("a", "d"), ("b", "d"), ("c", "d"))
    for job in batch["jobs"][:2]:
        cancel(caller, f"jobs/{job['job_id']}")
    worker.work()

    assert batch_of(caller, batch["batch_id"])["counts"] == {"cancelled": 2, "merged": 1}
    assert [exists(caller, each) for each in "abc"] == [True, True, False]


def test_running_jobs_are_counted_separately_and_finish(caller: Caller, pool: Pool, worker: Worker) -> None:
    track(caller, attributes=[ext(each) for each in "abcdef"])
    batch = merge(caller, ("a", "b"), ("c", "d"), ("e", "f"))
    begin(pool, caller, [batch["jobs"][0]["job_id"]])
    cancelled = cancel(caller, f"batches/{batch['batch_id']}")
    deliver(pool, caller, batch)

    assert (cancelled["cancelled"], cancelled["running"]) == (2, 1)
    assert batch_of(caller, batch["batch_id"])["counts"] == {"merged": 1, "cancelled": 2}
    assert [exists(caller, each) for each in "ace"] == [False, True, True]


def test_cancelling_without_a_waiting_job_gets_409(caller: Caller, worker: Worker) -> None:
    batch = merge(caller, ("a", "b"))
    worker.work()

    assert "1 finished" in cancel(caller, f"batches/{batch['batch_id']}", 409)["message"]
    assert "finished" in cancel(caller, f"jobs/{batch['jobs'][0]['job_id']}", 409)["message"]
    assert "No job waits" in cancel(caller, "queue", 409)["message"]
    for path in (f"batches/{ELSEWHERE}", f"jobs/{ELSEWHERE}"):
        cancel(caller, path, 404)


def test_a_merge_whose_undo_was_cancelled_can_be_undone_later(caller: Caller, pool: Pool, worker: Worker) -> None:
    track(caller, attributes=[ext("a"), ext("b")])
    merged = merge_one(caller, pool, ext("a"), ext("b"))
    undo: Json = caller.post(f"/merge/jobs/{merged}/undo").json or {}
    cancel(caller, f"jobs/{undo['job_id']}")
    worker.work()
    before = exists(caller, "a")
    again = caller.post(f"/merge/jobs/{merged}/undo")
    worker.work()

    assert (before, again.status_code, exists(caller, "a")) == (False, 202, True)


def test_workers_refuse_jobs_of_a_cancelled_queue_before_the_relay_cancels_them(
    caller: Caller, pool: Pool, worker: Worker
) -> None:
    track(caller, attributes=[ext(each) for each in "abcdefgh"])
    old = merge(caller, ("a", "b"), ("c", "d"), ("e", "f"))
    cancelled = cancel(caller, "queue", 202)
    deliver(pool, caller, old)
    refused = batch_of(caller, old["batch_id"])
    new = merge(caller, ("g", "h"))
    deliver(pool, caller, new)
    total = settle(pool)

    assert cancelled["cancel_id"]
    assert refused["counts"] == {"queued": 3}
    assert {job["attempts"] for job in refused["jobs"]} == {0}
    assert batch_of(caller, new["batch_id"])["counts"] == {"merged": 1}
    assert total == 3
    assert batch_of(caller, old["batch_id"])["counts"] == {"cancelled": 3}
    assert all(exists(caller, each) for each in "ace")


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("kind=merge", [{"cancelled": 2}, {"orphan_not_found": 1}]),
        ("kind=identify", [{"merged": 2}, {"cancelled": 1}]),
        ("source=duplicates", [{"merged": 2}, {"orphan_not_found": 1}]),
        ("source=api", [{"cancelled": 2}, {"cancelled": 1}]),
        ("priority=3", [{"cancelled": 2}, {"cancelled": 1}]),
        ("priority=4", [{"merged": 2}, {"orphan_not_found": 1}]),
    ],
)
def test_a_filtered_part_of_the_queue_is_cancelled(
    caller: Caller, pool: Pool, worker: Worker, query: str, counts: list[Json]
) -> None:
    guest = {"user_alias": {"alias_label": "shop", "alias_name": "guest"}}
    track(caller, attributes=[ext(each) for each in "abcd"])
    merged = merge(caller, ("a", "b"), ("c", "d"))
    body = {"aliases_to_identify": [{**ext("known"), **guest}]}
    identified: Json = caller.post("/users/identify", body, headers={"Prefer": "respond-async"}).json or {}
    response = caller.post(f"/merge/queue/cancel?{query}")
    for batch in (merged, batch_of(caller, identified["batch_id"])):
        deliver(pool, caller, batch)
    settle(pool)
    worker.work()

    assert response.status_code == 202, response.text
    assert [batch_of(caller, each["batch_id"])["counts"] for each in (merged, identified)] == counts


@pytest.mark.parametrize("query", ["kind=x", "source=x", "priority=8", "priority=-1", "priority=x", "priority=1.5"])
def test_an_invalid_filter_of_the_queue_is_refused(caller: Caller, query: str) -> None:
    merge(caller, ("a", "b"))
    response = caller.post(f"/merge/queue/cancel?{query}")

    assert response.status_code == 400
    assert (response.json or {})["message"].startswith(f"'{query.partition('=')[0]}' must be ")


def test_a_job_locked_by_a_transaction_is_cancelled_by_a_later_pass(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    batch = merge(caller, ("a", "b"), ("c", "d"))
    cancel(caller, "queue", 202)
    with connection.transaction():
        connection.execute("SELECT FROM job WHERE id = %s FOR UPDATE", [batch["jobs"][0]["job_id"]])
        held = settle(pool)
    free = settle(pool)

    assert (held, free) == (1, 1)
    assert batch_of(caller, batch["batch_id"])["counts"] == {"cancelled": 2}


def test_a_key_cancels_only_jobs_that_it_may_create(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    batch = merge(caller, ("a", "b"))
    for permissions in (("users.identify",), ("queue.manage",), ("queue.manage", "users.identify")):
        weak = make_caller(workspace=caller.workspace, permissions=permissions)
        for path in (f"batches/{batch['batch_id']}", f"jobs/{batch['jobs'][0]['job_id']}", "queue"):
            cancel(weak, path, 403)
    cancel(make_caller(workspace=caller.workspace, permissions=("users.merge",)), "queue", 403)
    cancel(make_caller(workspace=caller.workspace, permissions=("users.merge",)), f"batches/{batch['batch_id']}")


def test_the_audit_has_the_key_and_the_target_of_each_cancellation(caller: Caller) -> None:
    one, other, third = (merge(caller, (each, "z")) for each in "abc")
    cancel(caller, f"jobs/{one['jobs'][0]['job_id']}")
    cancel(caller, f"batches/{other['batch_id']}")
    cancel(caller, "queue", 202)
    entries: list[Json] = (caller.get("/audit", action="cancel", include="images").json or {})["entries"]
    what = [entry["changes"][0]["after"] for entry in reversed(entries)]

    assert what[0] == {"job_id": one["jobs"][0]["job_id"], "cancelled": 1, "running": 0}
    assert what[1] == {"batch_id": other["batch_id"], "cancelled": 1, "running": 0}
    assert set(what[2]) == {"cancel_id", "kind", "source", "priority"}
    assert all(entry["key"] for entry in entries)
    assert third["counts"] == {"queued": 1}


def test_cancelling_while_workers_begin_gives_each_job_one_outcome(caller: Caller, pool: Pool, worker: Worker) -> None:
    names = [f"r{number}" for number in range(20)]
    track(caller, attributes=[ext(f"{each}{side}") for each in names for side in "os"])
    batches = [merge(caller, (f"{each}o", f"{each}s")) for each in names]

    def race(place: int) -> int:
        batch = batches[place // 2]
        if place % 2:
            return caller.post(f"/merge/batches/{batch['batch_id']}/cancel").status_code
        deliver(pool, caller, batch)
        return 0

    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(race, range(2 * len(batches))))[1::2]
    worker.work()

    for name, batch, status in zip(names, batches, statuses, strict=True):
        (outcome,) = batch_of(caller, batch["batch_id"])["counts"]
        assert outcome == ("cancelled" if status == 200 else "merged")
        assert exists(caller, f"{name}o") is (outcome == "cancelled")
