"""Runs: requests join a run, the relay counts its jobs, and the run ends."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from psycopg import errors as postgres
from werkzeug.test import TestResponse

from app.db.connections import Connection, Pool
from app.db.transaction import open_transaction
from schemas.failure_limits import WRONG
from schemas.runs import LIMITED
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, job, run_jobs
from tests.support.profiles import track
from tests.support.runs import close, count_all, count_once, counted, create_run, in_run, merge_in, read_run
from tests.support.waiting import wait_until

Json = dict[str, Any]
PAIR = (ext("orphan"), ext("survivor"))
BODY = {"merge_updates": [{"identifier_to_merge": PAIR[0], "identifier_to_keep": PAIR[1]}]}


def die(connection: Connection, job_id: str) -> None:
    """Set the state of a job to dead."""
    query = "UPDATE job SET state = 'dead', outcome = NULL, reason = 'It failed.', finished_at = now() WHERE id = %s"
    connection.execute(query, [job_id])


def test_a_new_run_is_open_and_empty(caller: Caller) -> None:
    run_id = create_run(caller, label="March")
    run = read_run(caller, run_id)

    assert run == {
        "run_id": run_id,
        "kind": "client",
        "label": "March",
        "state": "open",
        "created_at": run["created_at"],
        "created_by": {"id": str(caller.key_id), "label": "test"},
        "closed_at": None,
        "finished_at": None,
        "cancelled_at": None,
        "counts": {},
        "jobs": 0,
        "batches": 0,
        "merges_per_minute": 0.0,
        "estimated_finish_at": None,
        "undoable_until": None,
        "priority": 3,
        "max_failures": None,
        "paused_at": None,
        "paused_reason": None,
        "undoes_run": None,
        "undone_by_run": None,
        "batches_url": f"/merge/runs/{run_id}/batches",
    }


def test_requests_join_a_run_which_finishes_after_it_is_closed(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("orphan"), ext("survivor")])
    run_id = create_run(caller)
    first = merge_in(caller, run_id, PAIR, (ext("nobody"), ext("survivor")))
    second = merge_in(caller, run_id, (ext("x"), ext("y")))
    other = caller.post("/users/merge", BODY).json or {}
    identify = {"aliases_to_identify": [{"external_id": "z", "user_alias": {"alias_label": "a", "alias_name": "b"}}]}
    identified = caller.post("/users/identify", identify, headers=in_run(run_id)).json or {}
    queued = counted(caller, pool, run_id)

    assert (queued["state"], queued["jobs"], queued["batches"], queued["counts"]) == ("open", 4, 3, {"queued": 4})
    run_jobs(caller, pool, first)
    run_jobs(caller, pool, identified)
    assert counted(caller, pool, run_id)["counts"] == {"merged": 1, "orphan_not_found": 2, "queued": 1}
    closed = close(caller, run_id)
    assert closed["state"] == "running"
    assert counted(caller, pool, run_id)["state"] == "running"
    run_jobs(caller, pool, second)
    run_jobs(caller, pool, other)
    done = counted(caller, pool, run_id)
    assert (done["state"], done["counts"]) == ("finished", {"merged": 1, "orphan_not_found": 3})
    assert done["finished_at"] >= done["closed_at"]
    assert done["estimated_finish_at"] is None


def test_an_undo_joins_a_run(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[ext("orphan"), ext("survivor")])
    accepted = caller.post("/users/merge", BODY).json or {}
    (done,) = run_jobs(caller, pool, accepted)
    run_id = create_run(caller)
    for path in (f"/merge/jobs/{done['job_id']}/undo", f"/merge/batches/{done['batch_id']}/undo"):
        assert caller.post(path, headers=in_run(str(uuid4()))).status_code == 404
    undone = caller.post(f"/merge/jobs/{done['job_id']}/undo", headers=in_run(run_id))
    run_jobs(caller, pool, undone.json or {})

    assert counted(caller, pool, run_id)["counts"] == {"undone": 1}
    close(caller, run_id)
    for path in (f"/merge/jobs/{done['job_id']}/undo", f"/merge/batches/{done['batch_id']}/undo"):
        assert "run" in (caller.post(path, headers=in_run(run_id)).json or {})["message"]


@pytest.mark.parametrize("body", [BODY, {}], ids=["valid", "invalid"])
def test_the_run_is_checked_before_the_body(caller: Caller, count: Callable[[], dict[str, int]], body: Json) -> None:
    closed = create_run(caller)
    close(caller, closed)
    unknown = caller.post("/users/merge", body, headers=in_run(str(uuid4())))
    late = caller.post("/users/merge", body, headers=in_run(closed))
    malformed = caller.post("/users/identify", body, headers=in_run("march"))

    assert (unknown.status_code, unknown.json) == (404, {"message": "There is no run with this id."})
    assert late.status_code == 409
    assert (late.json or {})["message"].startswith("This run is running; requests can join an open run only.")
    assert malformed.status_code == 400
    assert count() == dict.fromkeys(count(), 0)


def test_a_repeated_request_gets_its_response_after_the_run_was_closed(caller: Caller) -> None:
    run_id = create_run(caller)
    first = merge_in(caller, run_id, PAIR, **{"Idempotency-Key": "k"})
    close(caller, run_id)

    assert merge_in(caller, run_id, PAIR, **{"Idempotency-Key": "k"})["batch_id"] == first["batch_id"]


def test_a_refused_request_does_not_use_its_idempotency_key(
    caller: Caller, count: Callable[[], dict[str, int]]
) -> None:
    closed = create_run(caller)
    close(caller, closed)
    late = caller.post("/users/merge", BODY, headers={**in_run(closed), "Idempotency-Key": "k"})

    assert late.status_code == 409
    assert count()["idempotency"] == 0


def test_only_an_open_run_can_be_closed(caller: Caller, pool: Pool) -> None:
    run_id = create_run(caller)
    close(caller, run_id)
    assert caller.post(f"/merge/runs/{run_id}/close").status_code == 409
    assert counted(caller, pool, run_id)["state"] == "finished"
    again = caller.post(f"/merge/runs/{run_id}/close")

    assert again.json == {"message": "This run is finished; only an open one can be closed."}
    assert caller.post(f"/merge/runs/{uuid4()}/close").status_code == 404


def test_a_finished_run_counts_its_dead_job_and_runs_again_after_a_retry(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    run_id = create_run(caller)
    accepted = merge_in(caller, run_id, PAIR, (ext("x"), ext("y")))
    first, second = (each["job_id"] for each in (caller.get(accepted["status_url"]).json or {})["jobs"])
    run_jobs(caller, pool, accepted)
    die(connection, first)
    close(caller, run_id)
    finished = counted(caller, pool, run_id)
    assert (finished["state"], finished["counts"]) == ("finished", {"dead": 1, "orphan_not_found": 1})
    assert caller.post(f"/merge/jobs/{first}/retry").status_code == 202
    retried = counted(caller, pool, run_id)
    assert (retried["state"], retried["counts"]) == ("running", {"orphan_not_found": 1, "queued": 1})
    run_jobs(caller, pool, accepted)
    done = counted(caller, pool, run_id)

    assert job(caller, second)["outcome"] == "orphan_not_found"
    assert (done["state"], done["counts"], done["batches"]) == ("finished", {"orphan_not_found": 2}, 1)


def test_jobs_and_batches_are_filtered_by_run(caller: Caller, pool: Pool) -> None:
    run_id, other = create_run(caller), create_run(caller, kind="file")
    batches = [merge_in(caller, run_id, PAIR, (ext("x"), ext(str(number))))["batch_id"] for number in range(3)]
    merge_in(caller, other, PAIR)
    caller.post("/users/merge", BODY)

    for path in ("/merge/batches", f"/merge/runs/{run_id}/batches"):
        query = {"run_id": run_id} if path == "/merge/batches" else {}
        first = caller.get(path, limit=2, **query).json or {}
        rest = caller.get(path, cursor=first["next_cursor"], **query).json or {}
        assert [each["batch_id"] for each in first["batches"] + rest["batches"]] == batches[::-1]
        assert rest["next_cursor"] is None
        assert {each["run_id"] for each in first["batches"]} == {run_id}
    jobs: list[Json] = []
    cursor = {}
    while cursor is not None:
        page = caller.get("/merge/jobs", run_id=run_id, limit=1, **cursor).json or {}
        jobs += page["jobs"]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert [(each["batch_id"], each["index"]) for each in jobs] == [
        (batch_id, index) for batch_id in batches[::-1] for index in (1, 0)
    ]
    named = caller.get("/merge/jobs", run_id=run_id, identifier="2", state="queued").json or {}
    assert [each["batch_id"] for each in named["jobs"]] == [batches[2]]
    assert (caller.get("/merge/jobs", run_id=run_id, state="dead").json or {})["jobs"] == []
    assert caller.get("/merge/batches", run_id="march").status_code == 400
    assert caller.get(f"/merge/runs/{uuid4()}/batches").status_code == 404
    counted(caller, pool, run_id)


def test_runs_are_filtered_by_kind_and_state(caller: Caller, pool: Pool) -> None:
    first, second, third = create_run(caller), create_run(caller, kind="file"), create_run(caller, kind="import")
    close(caller, second)
    counted(caller, pool, second)

    def listed(**query: Any) -> list[str]:
        page = caller.get("/merge/runs", **query).json or {}
        return [each["run_id"] for each in page["runs"]]

    assert listed() == [third, second, first]
    assert listed(kind="file") == [second]
    assert listed(state="open") == [third, first]
    assert listed(state="finished", kind="client") == []
    page = caller.get("/merge/runs", limit=2).json or {}
    assert listed(cursor=page["next_cursor"]) == [first]
    assert caller.get("/merge/runs", kind="x").status_code == 400


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The request body must be a JSON object."),
        ({"name": "x"}, "'name' is no key of this request; its keys are label, kind, priority, max_failures."),
        ({"label": ""}, "'label' may not be empty"),
        ({"label": "x" * 201}, "'label' may not be longer than 200 characters"),
        ({"kind": "undo"}, "'kind' must be one of client, file and import"),
        ({"kind": 7}, "'kind' must be a string"),
        ({"priority": 8}, "'priority' must be an integer from 0 to 7"),
        ({"priority": "3"}, "'priority' must be an integer from 0 to 7"),
        ({"max_failures": "101%"}, f"'max_failures' {WRONG}"),
        ({"max_failures": "2"}, f"'max_failures' {WRONG}"),
        ({"max_failures": -1}, f"'max_failures' {WRONG}"),
        ({"max_failures": True}, f"'max_failures' {WRONG}"),
        ({"max_failures": 1.5}, f"'max_failures' {WRONG}"),
        ({"max_failures": 1, "kind": "import"}, LIMITED),
    ],
)
def test_an_invalid_run_is_refused_with_a_message(caller: Caller, body: Any, sentence: str) -> None:
    response = caller.post("/merge/runs", body)

    assert (response.status_code, response.json) == (400, {"message": sentence})


def test_the_audit_has_the_key_that_created_and_closed_a_run(caller: Caller) -> None:
    run_id = create_run(caller)
    close(caller, run_id)
    page = caller.get("/audit", action="run", include="images").json or {}

    assert [(each["path"], each["changes"][0]["after"]) for each in page["entries"]] == [
        (f"/merge/runs/{run_id}/close", "running"),
        (f"/merge/runs/{run_id}", "open"),
    ]
    assert {each["key"]["id"] for each in page["entries"]} == {str(caller.key_id)}


def test_reading_and_changing_runs_need_different_permissions(
    caller: Caller, make_caller: Callable[..., Caller]
) -> None:
    run_id = create_run(caller)
    reader = make_caller(workspace=caller.workspace, permissions=("runs.read",))

    assert read_run(reader, run_id)["state"] == "open"
    assert reader.post("/merge/runs", {}).status_code == 403
    assert reader.post(f"/merge/runs/{run_id}/close").status_code == 403
    assert make_caller(permissions=("users.merge",)).get("/merge/runs").status_code == 403


def test_a_webhook_is_notified_of_a_finished_run(caller: Caller, pool: Pool, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO webhook (workspace_id, id, url, types, description, enabled, salt, pepper)"
        " VALUES (%s, %s, 'https://x', '{merge.run.finished}', '', true, '', '')",
        [caller.workspace_id, uuid4()],
    )
    run_id = create_run(caller, label="March")
    accepted = merge_in(caller, run_id, PAIR)
    close(caller, run_id)
    run_jobs(caller, pool, accepted)
    counted(caller, pool, run_id)
    counted(caller, pool, run_id)
    rows = connection.execute(
        "SELECT body::jsonb AS body FROM webhook_delivery WHERE workspace_id = %s", [caller.workspace_id]
    ).fetchall()

    (body,) = (row["body"] for row in rows)
    assert (body["type"], body["data"]["run_id"], body["data"]["label"]) == ("merge.run.finished", run_id, "March")
    assert body["data"]["counts"] == {"orphan_not_found": 1}


def test_a_duplicate_run_is_a_run_with_the_same_id(caller: Caller, pool: Pool) -> None:
    started = caller.post("/duplicates/runs").json or {}
    run = counted(caller, pool, started["run_id"])

    assert (run["kind"], run["state"], run["finished_at"]) == ("duplicates", "running", None)
    late = caller.post("/users/merge", BODY, headers=in_run(started["run_id"]))
    assert late.status_code == 409
    assert caller.post(f"/duplicates/runs/{started['run_id']}/cancel").status_code == 200
    count_all(pool)
    cancelled = read_run(caller, started["run_id"])
    assert (cancelled["state"], cancelled["finished_at"] is None) == ("cancelled", False)


def test_a_run_is_not_closed_while_a_request_joins_it(caller: Caller, pool: Pool, connection: Connection) -> None:
    run_id = create_run(caller)
    closing = "SELECT 1 FROM run WHERE id = %s FOR NO KEY UPDATE NOWAIT"
    with open_transaction(pool, caller.workspace_id) as tx:
        tx.connection.execute("SELECT lock_open_run(%s::integer, %s)", [caller.workspace_id, run_id])
        with pytest.raises(postgres.LockNotAvailable):
            connection.execute(closing, [run_id])

    assert connection.execute(closing, [run_id]).fetchone() is not None


def test_an_import_counts_its_lines_by_result_and_has_no_jobs(caller: Caller, pool: Pool) -> None:
    run_id, other = create_run(caller, kind="import", label="people.jsonl"), create_run(caller)
    lines = [b'{"external_id": "ada"}', b'{"external_id": "ada"}', b"", b"{"]

    def send(headers: dict[str, str], body: bytes = b"\n".join(lines), query: str = "") -> TestResponse:
        content_type = "application/x-ndjson"
        response = caller.post(f"/profiles/import{query}", data=body, content_type=content_type, headers=headers)
        # Reading the data ends a streamed response.
        assert response.data
        return response

    joined = in_run(run_id)
    first = send({**joined, "Idempotency-Key": "k"})
    repeated = send({**joined, "Idempotency-Key": "k"})
    streamed = send(joined)
    dry = send(joined, query="?dry_run=true")
    refusals = [
        send(in_run(str(uuid4()))).status_code,
        send(in_run(str(uuid4())), b"").status_code,
        send({**in_run(other), "Idempotency-Key": "l"}).status_code,
        send(in_run("march")).status_code,
    ]
    merge = caller.post("/users/merge", BODY, headers=joined)
    steering = [caller.post(f"/merge/runs/{run_id}/{step}") for step in ("cancel", "undo")]
    close(caller, run_id)
    late = send({**joined, "Idempotency-Key": "m"})
    replayed = send({**joined, "Idempotency-Key": "k"})
    done = counted(caller, pool, run_id)

    assert [each.status_code for each in (first, repeated, streamed, dry, replayed)] == [200] * 5
    assert refusals == [404, 404, 409, 400]
    assert (merge.status_code, late.status_code) == (409, 409)
    assert [(each.status_code, each.json["message"][:22]) for each in steering] == [(409, "This run is an import:")] * 2
    assert (done["state"], done["kind"], done["jobs"]) == ("finished", "import", 0)
    assert done["counts"] == {"created": 1, "refused": 2, "skipped": 5}


def test_the_etag_of_a_run_does_not_depend_on_its_rate_and_estimated_end(caller: Caller, pool: Pool) -> None:
    run_id = create_run(caller)
    done = merge_in(caller, run_id, (ext("x"), ext("y")))
    merge_in(caller, run_id, (ext("x"), ext("y")))
    waiting = counted(caller, pool, run_id)
    run_jobs(caller, pool, done)
    count_once(pool, caller)
    path = f"/merge/runs/{run_id}"
    first = caller.get(path)
    wait_until(
        lambda: caller.get(path).json["estimated_finish_at"] != first.json["estimated_finish_at"],
        what="another estimate",
    )
    second = caller.get(path)
    close(caller, run_id)

    assert waiting["estimated_finish_at"] is None
    assert second.headers["ETag"] == first.headers["ETag"]
    assert caller.get(path).headers["ETag"] != first.headers["ETag"]
    assert caller.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
