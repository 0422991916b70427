"""Requests to undo: accepted requests, their responses, and refused requests."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from tests.support.at_once import at_once
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ask_to_merge, ext, identified, job, jobs_of, merged, run_jobs
from tests.support.profiles import the_profile, track
from tests.support.undos import ask_to_undo, merge_one, undo_one

Json = dict[str, Any]

UNKNOWN_ID = "01a202b7-0c65-769b-9741-1871039b8b20"


@pytest.fixture
def merge_id(caller: Caller, pool: Pool) -> str:
    """A job that merged ada-1 into ada."""
    track(caller, attributes=[{"external_id": "ada-1", "first_name": "Ada"}, {"external_id": "ada"}])
    return merge_one(caller, pool, ext("ada-1"), ext("ada"))


def refused(caller: Caller, url: str) -> tuple[int, str]:
    """Request an undo and return the status and the message of the error."""
    answer = caller.post(f"{url}/undo")
    return answer.status_code, (answer.json or {})["message"]


def of_job(caller: Caller, merge_id: str) -> list[str]:
    """Return the URLs of a job and of its batch."""
    return [f"/merge/jobs/{merge_id}", f"/merge/batches/{job(caller, merge_id)['batch_id']}"]


def test_the_response_is_like_that_of_a_merge_and_has_the_id_of_the_job(caller: Caller, merge_id: str) -> None:
    answer = caller.post(f"/merge/jobs/{merge_id}/undo")

    body = answer.json or {}
    (undo,) = jobs_of(caller, body)
    assert (answer.status_code, body["message"]) == (202, "success")
    assert answer.headers["Location"] == body["status_url"] == f"/merge/batches/{body['batch_id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert (undo["job_id"], undo["kind"], undo["state"]) == (body["job_id"], "undo", "queued")
    assert (undo["undoes"], undo["orphan"]) == (merge_id, None)
    assert "not_restored" not in undo
    assert job(caller, merge_id)["undone_at"] is None


def test_a_repeated_request_gets_the_first_response(caller: Caller, merge_id: str) -> None:
    answers = [caller.post(f"/merge/jobs/{merge_id}/undo", headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json == answers[1].json
    assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_a_request_that_waits_gets_the_batch(caller: Caller, merge_id: str) -> None:
    answer = caller.post(f"/merge/jobs/{merge_id}/undo", headers={"Prefer": "wait=0"})

    assert answer.headers["Preference-Applied"] == "wait=0"
    assert (answer.json or {})["batch"]["jobs"][0]["undoes"] == merge_id


def test_a_second_undo_is_refused_while_the_first_is_unfinished(caller: Caller, merge_id: str) -> None:
    undo_id = ask_to_undo(caller, merge_id)["job_id"]

    errors = [refused(caller, url) for url in of_job(caller, merge_id)]

    sentence = f"An undo of job {merge_id} has not finished yet: the job {undo_id}, which is queued."
    assert errors == [(409, sentence)] * 2


def test_one_of_ten_concurrent_requests_is_accepted(caller: Caller, merge_id: str, connection: Connection) -> None:
    answers = at_once([lambda: caller.post(f"/merge/jobs/{merge_id}/undo").status_code] * 10)

    assert sorted(answers) == [202, *[409] * 9]
    assert connection.execute("SELECT 1 FROM job WHERE undoes = %s", [merge_id]).rowcount == 1


def test_a_dead_undo_is_retried_and_a_new_request_is_refused(
    caller: Caller, pool: Pool, merge_id: str, connection: Connection
) -> None:
    accepted = ask_to_undo(caller, merge_id)
    connection.execute(
        "UPDATE job SET state = 'dead', finished_at = now(), reason = 'x' WHERE id = %s", [accepted["job_id"]]
    )

    status, sentence = refused(caller, f"/merge/jobs/{merge_id}")

    retried = caller.post(f"/merge/jobs/{accepted['job_id']}/retry")
    (done,) = run_jobs(caller, pool, accepted)
    assert (status, sentence.endswith("which is dead.")) == (409, True)
    assert (retried.status_code, done["outcome"]) == (202, "undone")


def test_an_undone_merge_cannot_be_undone_again(caller: Caller, pool: Pool, merge_id: str) -> None:
    undone = undo_one(caller, pool, merge_id)

    errors = [refused(caller, url) for url in of_job(caller, merge_id)]

    assert errors == [
        (409, f"This was undone already, by the job {undone['job_id']}."),
        (409, "Everything that this batch merged was undone already."),
    ]


def test_an_undo_cannot_be_undone(caller: Caller, pool: Pool, merge_id: str) -> None:
    undone = undo_one(caller, pool, merge_id)

    errors = [refused(caller, url) for url in of_job(caller, undone["job_id"])]

    assert errors == [(409, "An undo cannot be undone; merge the two profiles again.")] * 2


def test_a_job_that_merged_nothing_cannot_be_undone(caller: Caller, pool: Pool, merge_id: str) -> None:
    (nothing,) = merged(caller, pool, (ext("nobody"), ext("ada")))
    empty = ask_to_merge(caller)

    errors = [refused(caller, url) for url in (*of_job(caller, nothing["job_id"]), empty["status_url"])]

    assert errors == [(409, "Nothing was merged here, so there is nothing to undo.")] * 3


def test_an_unfinished_job_cannot_be_undone(caller: Caller, merge_id: str) -> None:
    (waiting,) = jobs_of(caller, ask_to_merge(caller, (ext("ada"), ext("x"))))

    errors = [refused(caller, url) for url in of_job(caller, waiting["job_id"])]

    sentence = "There is nothing to undo yet: not all jobs have finished. Try again when they have."
    assert errors == [(409, sentence)] * 2


def test_a_dead_job_cannot_be_undone(caller: Caller, merge_id: str, connection: Connection) -> None:
    (dead,) = jobs_of(caller, ask_to_merge(caller, (ext("ada"), ext("x"))))
    connection.execute(
        "UPDATE job SET state = 'dead', finished_at = now(), reason = 'x' WHERE id = %s", [dead["job_id"]]
    )

    errors = refused(caller, f"/merge/jobs/{dead['job_id']}")

    assert errors == (409, "This job is dead, so it merged nothing; there is nothing to undo.")


def test_an_unknown_job_or_a_job_of_another_workspace_gets_404(
    caller: Caller, make_caller: Callable[..., Caller], merge_id: str
) -> None:
    stranger = make_caller()

    errors = [
        refused(client, url)
        for client, urls in ((stranger, of_job(caller, merge_id)), (caller, of_unknown()))
        for url in urls
    ]

    sentences = [(404, "There is no job with this id."), (404, "There is no batch with this id.")]
    assert errors == sentences * 2


def of_unknown() -> list[str]:
    """Return the URLs of an unknown job and an unknown batch."""
    return [f"/merge/jobs/{UNKNOWN_ID}", f"/merge/batches/{UNKNOWN_ID}"]


def test_an_undo_needs_the_permission_of_the_job_that_it_undoes(
    caller: Caller, make_caller: Callable[..., Caller], pool: Pool, merge_id: str, guest: Json
) -> None:
    (given,) = identified(caller, pool, aliases_to_identify=[{"external_id": "gus", "user_alias": guest}])
    may = {
        name: make_caller(workspace=caller.workspace, permissions=(name,))
        for name in ("users.merge", "users.identify", "users.track")
    }

    statuses = {
        (name, kind): [client.post(f"{url}/undo").status_code for url in of_job(caller, job_id)]
        for name, client in may.items()
        for kind, job_id in (("merge", merge_id), ("identify", given["job_id"]))
        if name != f"users.{kind}"
    }

    assert set(map(tuple, statuses.values())) == {(403, 403)}
    assert len(statuses) == 4
    assert may["users.identify"].post(f"/merge/jobs/{given['job_id']}/undo").status_code == 202
    assert may["users.merge"].post(f"/merge/jobs/{merge_id}/undo").status_code == 202


def test_the_undo_of_a_partly_undone_batch_undoes_the_remaining_merges(caller: Caller, pool: Pool) -> None:
    names = ("a", "b", "x", "y")
    track(caller, attributes=[{"external_id": name} for name in names])
    before = [the_profile(caller, name) for name in names]
    first, second = merged(caller, pool, (ext("a"), ext("b")), (ext("x"), ext("y")))
    undo_one(caller, pool, first["job_id"])

    (undo,) = run_jobs(caller, pool, caller.post(f"/merge/batches/{first['batch_id']}/undo").json)  # type: ignore[arg-type]

    assert (undo["undoes"], undo["outcome"]) == (second["job_id"], "undone")
    assert [the_profile(caller, name) for name in names] == before
