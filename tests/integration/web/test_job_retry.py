"""`POST /merge/jobs/{job_id}/retry` queues a dead job again."""

from collections.abc import Callable
from typing import Any

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool
from app.lane.run import Lane, execute_lane
from tests.support.flask_caller import Caller
from tests.support.profiles import the_profile, track

UPDATE = {"identifier_to_merge": {"external_id": "ada-1"}, "identifier_to_keep": {"external_id": "ada"}}
UNKNOWN_ID = "01a202b7-0c65-769b-9741-1871039b8b20"
REASON = "Attempt 5 failed with OutOfMemory; the worker's log has the details."


@pytest.fixture
def job_id(caller: Caller) -> str:
    """A waiting merge of two existing profiles."""
    track(caller, attributes=[{"external_id": "ada-1", "first_name": "Ada"}, {"external_id": "ada"}])
    update = {"identifier_to_merge": {"external_id": "ada-1"}, "identifier_to_keep": {"external_id": "ada"}}
    body = caller.post("/users/merge", {"merge_updates": [update]}, headers={"Prefer": "wait=0"}).json
    assert body is not None
    found: str = body["batch"]["jobs"][0]["job_id"]
    return found


@pytest.fixture
def die(connection: Connection) -> Callable[[str], None]:
    """A function that sets the state of a job to dead, like a worker after the last attempt."""

    def end(job_id: str) -> None:
        connection.execute(
            """
            UPDATE job SET state = 'dead', attempts = 7, stalled_attempts = 2, reason = %s, started_at = now(),
                finished_at = now(), published_at = now()
            WHERE id = %s
            """,
            [REASON, job_id],
        )

    return end


def row_of(connection: Connection, job_id: str) -> dict[str, Any]:
    """Return a job's row."""
    row = connection.execute("SELECT * FROM job WHERE id = %s", [job_id]).fetchone()
    assert row is not None
    return row


def test_a_dead_job_is_queued_again_with_all_its_attempts(
    caller: Caller, job_id: str, die: Callable[[str], None], connection: Connection
) -> None:
    die(job_id)

    answer = caller.post(f"/merge/jobs/{job_id}/retry")

    body = answer.json or {}
    row = row_of(connection, job_id)
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/merge/jobs/{job_id}")
    assert int(answer.headers["Retry-After"]) > 0
    assert body == caller.get(f"/merge/jobs/{job_id}").json
    assert (body["state"], body["attempts"], body["finished_at"]) == ("queued", 0, None)
    assert body["reason"] == REASON
    assert (row["stalled_attempts"], row["published_at"], row["lane"]) == (0, None, row["index"])


def test_a_retry_makes_the_batch_unfinished(caller: Caller, job_id: str, die: Callable[[str], None]) -> None:
    die(job_id)
    batch = f"/merge/batches/{(caller.get(f'/merge/jobs/{job_id}').json or {})['batch_id']}"
    before = caller.get(batch).json or {}

    caller.post(f"/merge/jobs/{job_id}/retry")

    after = caller.get(batch).json or {}
    assert (before["state"], after["state"]) == ("finished", "queued")


def test_a_retried_job_merges_and_loses_its_last_error(
    caller: Caller, job_id: str, die: Callable[[str], None], pool: Pool
) -> None:
    die(job_id)
    caller.post(f"/merge/jobs/{job_id}/retry")

    execute_lane(pool, Settings(), Lane(workspace_id=caller.workspace_id, job_ids=[job_id], task_id=UNKNOWN_ID))  # type: ignore[arg-type, list-item]

    job = caller.get(f"/merge/jobs/{job_id}").json or {}
    assert (job["outcome"], job["attempts"]) == ("merged", 1)
    assert REASON not in job["reason"]
    assert the_profile(caller, "ada")["first_name"] == "Ada"


@pytest.mark.parametrize("state", ["queued", "running", "finished"])
def test_a_job_that_is_not_dead_is_not_retried(
    caller: Caller, job_id: str, state: str, connection: Connection, finish: Callable[..., None]
) -> None:
    if state == "finished":
        finish(job_id)
    connection.execute("UPDATE job SET state = %s WHERE id = %s", [state, job_id])
    before = row_of(connection, job_id)

    answer = caller.post(f"/merge/jobs/{job_id}/retry")

    assert answer.status_code == 409
    assert answer.json == {"message": f"This job is {state}; only a dead job can be retried."}
    assert row_of(connection, job_id) == before


def test_a_job_of_a_deleted_profile_cannot_be_retried(
    caller: Caller, job_id: str, die: Callable[[str], None], connection: Connection
) -> None:
    die(job_id)
    connection.execute("UPDATE job SET orphan_identifier = '{}', survivor_identifier = '{}' WHERE id = %s", [job_id])

    answer = caller.post(f"/merge/jobs/{job_id}/retry")

    assert answer.status_code == 409
    assert "erased" in (answer.json or {})["message"]


def test_an_unknown_job_or_a_job_of_another_workspace_gets_404(
    caller: Caller, make_caller: Callable[..., Caller], job_id: str, die: Callable[[str], None], connection: Connection
) -> None:
    die(job_id)
    before = row_of(connection, job_id)

    answers = [make_caller().post(f"/merge/jobs/{job_id}/retry"), caller.post(f"/merge/jobs/{UNKNOWN_ID}/retry")]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert [answer.json for answer in answers] == [{"message": "There is no job with this id."}] * 2
    assert row_of(connection, job_id) == before


#: The kind of a dead job, the kind of the job that it undoes, and the permission that its retry needs.
NEEDED: list[tuple[str, str | None, str]] = [("merge", None, "users.merge"), ("identify", None, "users.identify")]
NEEDED += [("undo", "merge", "users.merge"), ("undo", "identify", "users.identify"), ("undo", "pruned", "users.merge")]


@pytest.mark.parametrize(("kind", "undone", "permission"), NEEDED)
@pytest.mark.parametrize("given", ["users.merge", "users.identify", "users.track"])
def test_a_retry_needs_the_permission_of_the_jobs_kind(  # noqa: PLR0913, PLR0917  a table of cases
    make_caller: Callable[..., Caller],
    die: Callable[[str], None],
    connection: Connection,
    kind: str,
    undone: str | None,
    permission: str,
    given: str,
) -> None:
    caller = make_caller(permissions=("users.merge", "users.identify", "users.track"))
    job_id, former = (
        caller.post("/users/merge", {"merge_updates": [UPDATE]}, headers={"Prefer": "wait=0"}).json["batch"]["jobs"][0][
            "job_id"
        ]
        for _ in range(2)
    )
    die(job_id)
    undoes = {"merge": former, "identify": former, "pruned": UNKNOWN_ID}.get(undone or "")
    connection.execute("UPDATE job SET kind = %s, undoes = %s WHERE id = %s", [kind, undoes, job_id])
    if undone == "identify":
        connection.execute("UPDATE job SET kind = 'identify' WHERE id = %s", [former])
    limited = make_caller(permissions=(given,), workspace=caller.workspace)

    answer = limited.post(f"/merge/jobs/{job_id}/retry")

    assert answer.status_code == (202 if given == permission else 403)
    assert row_of(connection, job_id)["state"] == ("queued" if given == permission else "dead")
