"""A run with a limit of failures is paused when more of its jobs fail, and a client resumes or cancels it."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.db.connections import Connection, Pool
from app.db.transaction import run_in_transaction
from app.ledger.execution import begin_attempts
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, run_jobs
from tests.support.profiles import track
from tests.support.runs import close, count_all, counted, create_run, in_run, merge_in, read_run

Json = dict[str, Any]
#: A pair with the outcome survivor_ambiguous: two profiles have this email.
AMBIGUOUS = (ext("a"), {"email": "two@example.com", "prioritization": ["identified"]})
FAILED = "of {} ended jobs are dead, refused or ambiguous, and the limit is {}."


def two_with_one_email(caller: Caller) -> None:
    shared = [{**ext(name), "email": "two@example.com"} for name in ("b", "c")]
    track(caller, attributes=[ext("a"), *shared])


def fail(caller: Caller, pool: Pool, run_id: str) -> Json:
    """Run an ambiguous job of a run, and return the run after the relay has counted the job."""
    run_jobs(caller, pool, merge_in(caller, run_id, AMBIGUOUS))
    return counted(caller, pool, run_id)


def begins(caller: Caller, pool: Pool, accepted: Json) -> int:
    """Begin the jobs of a batch like a worker, and return the number of jobs that began."""
    job_ids = [UUID(each["job_id"]) for each in (caller.get(accepted["status_url"]).json or {})["jobs"]]
    begun = run_in_transaction(pool, caller.workspace_id, begin_attempts, job_ids=job_ids, task_id=uuid7())
    return len(begun.result())


def resume(caller: Caller, run_id: str, status: int = 200, **body: Any) -> Json:
    response = caller.post(f"/merge/runs/{run_id}/resume", body)
    assert response.status_code == status, response.text
    found: Json = response.json
    return found


def test_a_run_is_paused_above_its_limit_of_failures_and_resumed_with_another_limit(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    connection.execute(
        "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)"
        " VALUES (%s, %s, 'https://x', '{merge.run.paused}', '', true, '', '')",
        [caller.workspace_id, uuid7()],
    )
    two_with_one_email(caller)
    run_id, other = create_run(caller, max_failures=1), create_run(caller)
    below = fail(caller, pool, run_id)
    paused = fail(caller, pool, run_id)
    waiting = merge_in(caller, run_id, (ext("x"), ext("y")))
    apart = merge_in(caller, other, (ext("x"), ext("y")))
    refused = begins(caller, pool, waiting), begins(caller, pool, apart)
    listed = (caller.get("/merge/runs").json or {})["runs"]
    resumed = resume(caller, run_id, max_failures="5%")
    begun = begins(caller, pool, waiting)
    again = resume(caller, run_id, status=409)
    audit = (caller.get("/audit", include="images").json or {})["entries"]
    (notice,) = connection.execute(
        "SELECT body::jsonb AS body FROM webhook_delivery WHERE workspace_id = %s", [caller.workspace_id]
    ).fetchall()

    assert (below["paused_at"], below["max_failures"]) == (None, 1)
    reason = "2 " + FAILED.format(2, 1)
    assert (paused["state"], paused["paused_reason"]) == ("open", reason)
    assert [each["paused_reason"] for each in listed] == [None, reason]
    assert refused == (0, 1)
    assert (resumed["paused_at"], resumed["paused_reason"], resumed["max_failures"]) == (None, None, "5%")
    assert begun == 1
    assert again["message"] == "This run is open and not paused; only a paused run can be resumed."
    steps = [(each["action"], each["key"] is None, each["changes"][0]["after"]) for each in audit[:2]]
    assert steps == [("resume", False, None), ("pause", True, reason)]
    data = notice["body"]["data"]
    assert (data["run_id"], data["paused_reason"], data["finished_at"]) == (run_id, reason, None)


def test_a_percentage_applies_from_100_ended_jobs_and_is_reset_by_a_resume(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    run_id = create_run(caller, max_failures="2%")
    pairs = [(ext(f"o{number}"), ext(f"s{number}")) for number in range(33)]
    fill = [merge_in(caller, run_id, *pairs) for _ in range(3)]
    for each in fill[:2]:
        run_jobs(caller, pool, each)
    die(connection, caller, fill[0], 3)
    few = counted(caller, pool, run_id)
    run_jobs(caller, pool, fill[2])
    die(connection, caller, fill[2], 1)
    before = counted(caller, pool, run_id)
    run_jobs(caller, pool, merge_in(caller, run_id, (ext("x"), ext("y"))))
    die(connection, caller, fill[2], 2)
    paused = counted(caller, pool, run_id)
    resume(caller, run_id)
    die(connection, caller, fill[1], 1)
    after_resume = counted(caller, pool, run_id)

    assert (few["counts"]["dead"], few["paused_at"]) == (3, None)
    assert (before["jobs"], before["counts"]["dead"], before["paused_at"]) == (99, 4, None)
    assert paused["paused_reason"] == "5 " + FAILED.format(100, "2%")
    assert (after_resume["paused_at"], after_resume["max_failures"]) == (None, "2%")


def die(connection: Connection, caller: Caller, accepted: Json, jobs: int) -> None:
    """Set the first *jobs* of a batch to dead, so that its run counts the batch again."""
    batch = caller.get(accepted["status_url"]).json or {}
    ids = [each["job_id"] for each in batch["jobs"][:jobs]]
    connection.execute("UPDATE job SET state = 'dead', outcome = NULL WHERE id = ANY(%s::uuid[])", [ids])
    connection.execute("UPDATE batch SET run_state = NULL WHERE id = %s", [batch["batch_id"]])


def test_a_paused_run_can_be_cancelled_and_a_retry_in_a_finished_run_is_not_paused(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    two_with_one_email(caller)
    first, second = create_run(caller, max_failures=0), create_run(caller, max_failures=0)
    fail(caller, pool, first)
    merge_in(caller, first, (ext("x"), ext("y")))
    cancelled = caller.post(f"/merge/runs/{first}/cancel").json or {}
    accepted = merge_in(caller, second, AMBIGUOUS, AMBIGUOUS)
    run_jobs(caller, pool, accepted)
    die(connection, caller, accepted, 2)
    paused = counted(caller, pool, second)
    close(caller, second)
    finished = counted(caller, pool, second)
    (job, _) = (caller.get(accepted["status_url"]).json or {})["jobs"]
    retried = caller.post(f"/merge/jobs/{job['job_id']}/retry")
    count_all(pool)
    again = read_run(caller, second)

    assert cancelled["paused_at"] is None
    assert paused["paused_at"] is not None
    assert (finished["state"], finished["paused_at"]) == ("finished", None)
    assert retried.status_code == 202
    assert (again["state"], again["counts"], again["paused_at"]) == ("running", {"dead": 1, "queued": 1}, None)


def test_a_batch_without_an_urgency_inherits_that_of_its_run(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("orphan"), ext("survivor")])
    run_id = create_run(caller, priority=1)
    by_header = caller.post("/merge/runs", {}, headers={"Priority": "u=5"}).json or {}
    inherited = merge_in(caller, run_id, (ext("orphan"), ext("survivor")))
    own = merge_in(caller, run_id, (ext("x"), ext("y")), Priority="u=6")
    ignored = merge_in(caller, run_id, (ext("x"), ext("y")), Priority="high")
    alone = caller.post(
        "/users/merge", {"merge_updates": [{"identifier_to_merge": ext("x"), "identifier_to_keep": ext("y")}]}
    )
    batches = [caller.get(each["status_url"]).json or {} for each in (inherited, own, ignored, alone.json or {})]
    run_jobs(caller, pool, inherited)
    joined = caller.post(f"/merge/batches/{inherited['batch_id']}/undo", headers=in_run(run_id)).json or {}
    undo = caller.get(joined["status_url"]).json or {}
    (page,) = (caller.get("/merge/batches", run_id=run_id, limit="1").json or {})["batches"]

    assert [(each["priority"], each["jobs"][0]["priority"]) for each in batches] == [(1, 1), (6, 6), (1, 1), (3, 3)]
    assert (undo["priority"], undo["jobs"][0]["priority"], page["priority"]) == (1, 1, 1)
    assert read_run(caller, run_id)["priority"] == 1
    assert read_run(caller, by_header["run_id"])["priority"] == 5


def test_the_undo_of_a_run_has_the_urgency_of_its_request(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("orphan"), ext("survivor")])
    run_id = create_run(caller)
    run_jobs(caller, pool, merge_in(caller, run_id, (ext("orphan"), ext("survivor"))))
    count_all(pool)
    undo = caller.post(f"/merge/runs/{run_id}/undo", headers={"Priority": "u=0"}).json or {}
    count_all(pool)
    (batch,) = (caller.get(f"/merge/runs/{undo['run_id']}/batches").json or {})["batches"]

    assert (read_run(caller, undo["run_id"])["priority"], batch["priority"]) == (0, 0)
