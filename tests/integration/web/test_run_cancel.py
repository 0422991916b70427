"""A cancelled run is closed, its jobs are refused to workers at once, and the relay cancels them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7
from werkzeug.test import TestResponse

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger.execution import begin_attempts
from app.undo.run_undo import advance_run_undos
from app.webhooks.watching import check_watched_batches
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, run_jobs
from tests.support.profiles import track
from tests.support.runs import close, counted, create_run, in_run, merge_in, read_run
from tests.support.unguarded import unguarded
from workers.relay.cancel import Canceller

Json = dict[str, Any]
ELSEWHERE = "01a202b7-0c65-769b-9741-1871039b8b20"

pytestmark = pytest.mark.usefixtures("no_cancellations")


def cancel_run(caller: Caller, run_id: str, status: int = 202, **headers: str) -> Json:
    response = caller.post(f"/merge/runs/{run_id}/cancel", headers=headers)
    assert response.status_code == status, response.text
    return body_of(response)


def body_of(response: TestResponse) -> Json:
    found: Json = response.json or {}
    return found


def filled(caller: Caller, count: int, *, run_id: str | None = None) -> tuple[str, list[Json]]:
    """Return a run with *count* batches of two jobs, and the batches."""
    run_id = run_id or create_run(caller)
    accepted = [
        merge_in(caller, run_id, (ext(f"a{number}"), ext(f"b{number}")), (ext(f"c{number}"), ext(f"d{number}")))
        for number in range(count)
    ]
    return run_id, [body_of(caller.get(f"/merge/batches/{each['batch_id']}")) for each in accepted]


def ids_of(batch: Json) -> list[UUID]:
    return [UUID(job["job_id"]) for job in batch["jobs"]]


def work(caller: Caller, pool: Pool, batch: Json) -> None:
    run_jobs(caller, pool, {"status_url": f"/merge/batches/{batch['batch_id']}"})


def begin(pool: Pool, caller: Caller, job_ids: list[UUID]) -> list[UUID]:
    begun = run_in_transaction(pool, caller.workspace_id, begin_attempts, job_ids=job_ids, task_id=uuid7())
    return [job.id for job in begun.result()]


def settle(pool: Pool, *, chunk: int = 100) -> int:
    """Run the canceller of the relay repeatedly and return the number of cancelled jobs."""
    canceller = Canceller(pool, chunk=chunk)
    return sum(canceller.run_once() for _ in range(12))


def cancellations(connection: Connection, caller: Caller) -> int:
    query = "SELECT count(*) FROM queue_cancellation WHERE workspace_id = %s"
    with unguarded(connection):
        (row,) = connection.execute(query, [caller.workspace_id])
    found: int = row["count"]
    return found


def test_workers_refuse_jobs_of_a_cancelled_run_before_the_relay_cancels_them(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, attributes=[ext(f"{letter}{number}") for letter in "abcd" for number in range(4)])
    run_id, batches = filled(caller, 4)
    work(caller, pool, batches[0])
    other_id, (other,) = filled(caller, 1)
    cancelled = cancel_run(caller, run_id)
    begun = begin(pool, caller, ids_of(batches[1]))
    apart = begin(pool, caller, ids_of(other))
    # A chunk is one batch: each step continues where the previous step ended.
    settled = settle(pool, chunk=50)
    done = counted(caller, pool, run_id)

    assert (cancelled["state"], cancelled["closed_at"] is not None) == ("running", True)
    assert cancelled["cancelled_at"] is not None
    assert begun == []
    assert sorted(apart) == sorted(ids_of(other))
    assert settled == 6
    assert (done["state"], done["counts"]) == ("cancelled", {"cancelled": 6, "merged": 2})
    assert cancellations(connection, caller) == 0
    assert read_run(caller, other_id)["cancelled_at"] is None
    reasons = {job["reason"] for job in body_of(caller.get(f"/merge/batches/{batches[1]['batch_id']}"))["jobs"]}
    assert reasons == {f"Cancelled before a worker began it, by the API key {caller.key_id}."}


def test_running_jobs_are_counted_separately_and_finish(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("a0"), ext("b0")])
    run_id, (batch,) = filled(caller, 1)
    first, second = ids_of(batch)
    begin(pool, caller, [first])
    cancel_run(caller, run_id)
    settle(pool)
    waiting = counted(caller, pool, run_id)
    execute_lane(pool, Settings(), Lane(workspace_id=caller.workspace_id, job_ids=[first, second], task_id=uuid7()))
    done = counted(caller, pool, run_id)

    assert (waiting["state"], waiting["counts"]) == ("running", {"cancelled": 1, "running": 1})
    assert (done["state"], done["counts"]) == ("cancelled", {"cancelled": 1, "merged": 1})
    assert done["finished_at"] >= done["cancelled_at"]


def test_cancelling_an_open_run_without_jobs_closes_it(caller: Caller, pool: Pool) -> None:
    run_id = create_run(caller)
    cancel_run(caller, run_id)
    body = {"merge_updates": [{"identifier_to_merge": ext("a"), "identifier_to_keep": ext("b")}]}
    joined = caller.post("/users/merge", body, headers=in_run(run_id))
    settle(pool)

    assert joined.status_code == 409
    assert counted(caller, pool, run_id)["state"] == "cancelled"


def test_a_finished_or_cancelled_run_cannot_be_cancelled(caller: Caller, pool: Pool) -> None:
    run_id, (batch,) = filled(caller, 1)
    work(caller, pool, batch)
    close(caller, run_id)
    counted(caller, pool, run_id)
    busy_id, _ = filled(caller, 1)
    cancel_run(caller, busy_id)

    assert "It is finished" in cancel_run(caller, run_id, 409)["message"]
    assert "nothing to cancel" in cancel_run(caller, busy_id, 409)["message"]
    cancel_run(caller, ELSEWHERE, 404)
    assert read_run(caller, run_id)["state"] == "finished"


def test_a_repeated_cancel_gets_the_first_response(caller: Caller) -> None:
    run_id, _ = filled(caller, 1)
    once = {"Idempotency-Key": "stop"}

    assert cancel_run(caller, run_id, **once) == cancel_run(caller, run_id, **once)


def test_a_cancelled_undo_run_creates_no_further_undos(caller: Caller, pool: Pool, connection: Connection) -> None:
    track(caller, attributes=[ext("a0"), ext("b0")])
    run_id, (batch,) = filled(caller, 1)
    work(caller, pool, batch)
    undo_id = body_of(caller.post(f"/merge/runs/{run_id}/undo"))["run_id"]
    # The first step lists the merge. The next step would create the undo.
    run_in_transaction(pool, caller.workspace_id, advance_run_undos)
    cancel_run(caller, undo_id)
    settle(pool)

    assert run_in_transaction(pool, caller.workspace_id, advance_run_undos) is False
    assert (counted(caller, pool, undo_id)["state"], read_run(caller, undo_id)["counts"]) == ("cancelled", {})
    with unguarded(connection):
        (left,) = connection.execute("SELECT count(*) FROM run_undo_merge WHERE run_id = %s", [undo_id])
    assert left["count"] == 0
    assert caller.post(f"/merge/runs/{run_id}/undo").status_code == 202


def test_a_cancelled_duplicate_run_ends_its_scan(caller: Caller, pool: Pool) -> None:
    run_id = body_of(caller.post("/duplicates/runs"))["run_id"]
    cancel_run(caller, run_id)
    settle(pool)

    assert body_of(caller.get(f"/duplicates/runs/{run_id}"))["state"] == "cancelled"
    assert counted(caller, pool, run_id)["state"] == "cancelled"


def test_a_retried_job_of_a_cancelled_run_runs_again(caller: Caller, pool: Pool, connection: Connection) -> None:
    run_id, (batch,) = filled(caller, 1)
    dead = batch["jobs"][0]["job_id"]
    query = "UPDATE job SET state = 'dead', reason = 'It failed.', finished_at = now() WHERE id = %s"
    with unguarded(connection):
        connection.execute(query, [dead])
    cancel_run(caller, run_id)
    settle(pool)
    ended = counted(caller, pool, run_id)
    caller.post(f"/merge/jobs/{dead}/retry")

    assert (ended["state"], ended["counts"]) == ("cancelled", {"cancelled": 1, "dead": 1})
    assert counted(caller, pool, run_id)["state"] == "running"
    assert begin(pool, caller, [UUID(dead)]) == [UUID(dead)]


def test_cancelling_a_run_needs_the_permission_of_its_jobs(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    run_id, _ = filled(caller, 1)
    other = make_caller(workspace=caller.workspace, permissions=("runs.manage", "users.identify"))

    cancel_run(other, run_id, 403)
    assert read_run(caller, run_id)["state"] == "open"


def test_the_audit_has_the_cancellation_of_a_run(caller: Caller) -> None:
    run_id, _ = filled(caller, 1)
    cancel_run(caller, run_id)
    entry = body_of(caller.get("/audit", action="run", include="images"))["entries"][0]

    assert entry["path"] == f"/merge/runs/{run_id}/cancel"
    assert entry["changes"] == [{"field": "state", "before": "open", "after": "cancelled", "rule": None}]


def test_webhooks_are_notified_of_a_cancelled_run_and_of_its_batch(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)"
        " VALUES (%s, %s, 'https://x', '{merge.run.finished,merge.batch.finished}', '', true, '', '')",
        [caller.workspace_id, uuid7()],
    )
    run_id, (batch,) = filled(caller, 1)
    cancel_run(caller, run_id)
    settle(pool)
    counted(caller, pool, run_id)
    run_in_transaction(pool, caller.workspace_id, check_watched_batches, limit=100)
    rows = connection.execute(
        "SELECT body::jsonb AS body FROM webhook_delivery WHERE workspace_id = %s", [caller.workspace_id]
    ).fetchall()

    notices = {row["body"]["type"]: row["body"]["data"] for row in rows}
    run, of_batch = notices["merge.run.finished"], notices["merge.batch.finished"]
    assert (run["run_id"], run["state"], run["counts"]) == (run_id, "cancelled", {"cancelled": 2})
    assert (of_batch["batch_id"], of_batch["counts"]) == (batch["batch_id"], {"cancelled": 2})
