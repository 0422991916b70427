"""`Prefer: wait=N` with `If-None-Match`: the response is sent when the resource changes, or 304 after the wait."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic

import pytest
from werkzeug.test import TestResponse

from app.db.connections import Connection
from app.web import prefer_wait
from app.web.resources import resources_of
from tests.support.flask_caller import Caller
from tests.support.waiting import wait_until

BODY = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}


@pytest.fixture(params=["batch", "job", "run", "duplicate run"])
def path(request: pytest.FixtureRequest, caller: Caller) -> str:
    """The path of a batch, a job, a run or a duplicate run that has not finished."""
    if request.param == "run":
        return str((caller.post("/merge/runs", {}).json or {})["status_url"])
    if request.param == "duplicate run":
        return str((caller.post("/duplicates/runs").json or {})["status_url"])
    accepted = caller.post("/users/merge", BODY).json or {}
    job = (caller.get(accepted["status_url"]).json or {})["jobs"][0]
    return str(accepted["status_url"] if request.param == "batch" else f"/merge/jobs/{job['job_id']}")


@pytest.fixture
def change(caller: Caller, connection: Connection, finish: Callable[..., None]) -> Callable[[], None]:
    """A function that changes all jobs and runs of the caller."""

    def end() -> None:
        for row in connection.execute("SELECT id FROM job WHERE workspace_id = %s", [caller.workspace_id]):
            finish(str(row["id"]))
        for row in connection.execute("SELECT id FROM duplicate_run WHERE workspace_id = %s", [caller.workspace_id]):
            caller.post(f"/duplicates/runs/{row['id']}/cancel")
        for row in connection.execute("SELECT id FROM run WHERE workspace_id = %s", [caller.workspace_id]):
            caller.post(f"/merge/runs/{row['id']}/close")

    return end


def poll(caller: Caller, path: str, known: TestResponse, wait: str = "wait=30") -> TestResponse:
    return caller.get(path, headers={"If-None-Match": known.headers["ETag"], "Prefer": wait})


def test_a_change_ends_the_wait(caller: Caller, path: str, change: Callable[[], None]) -> None:
    known = caller.get(path)
    with ThreadPoolExecutor(1) as thread:
        began = monotonic()
        waiting = thread.submit(poll, caller, path, known)
        wait_until(lambda: prefer_wait.WAITING_SLOTS.taken == 1, what="the request that waits")
        change()
        response = waiting.result()

    assert monotonic() - began < 15
    assert response.status_code == 200
    assert response.headers["Preference-Applied"] == "wait=30"
    assert response.headers["ETag"] != known.headers["ETag"]
    assert response.json == caller.get(path).json != known.json
    assert prefer_wait.WAITING_SLOTS.taken == 0


def test_a_wait_without_a_change_ends_with_304(caller: Caller, path: str) -> None:
    known = caller.get(path)
    began = monotonic()
    response = poll(caller, path, known, "wait=1")

    assert monotonic() - began >= 1
    assert response.status_code == 304
    assert response.data == b""
    assert response.headers["Preference-Applied"] == "wait=1"
    assert response.headers["ETag"] == known.headers["ETag"]


def test_a_change_before_the_request_is_returned_at_once(caller: Caller, path: str, change: Callable[[], None]) -> None:
    known = caller.get(path)
    change()
    response = poll(caller, path, known)

    assert response.status_code == 200
    assert "Preference-Applied" not in response.headers


@pytest.mark.parametrize(
    "headers", [{"Prefer": "wait=30"}, {"Prefer": "wait=30", "If-None-Match": "*"}, {"Prefer": "wait=0"}]
)
def test_a_request_without_a_known_etag_does_not_wait(caller: Caller, path: str, headers: dict[str, str]) -> None:
    began = monotonic()
    response = caller.get(path, headers=headers)

    assert monotonic() - began < 15
    assert response.status_code == (304 if "If-None-Match" in headers else 200)
    assert "Preference-Applied" not in response.headers
    assert "Prefer" in response.headers["Vary"]


def test_the_etag_is_strong_and_constant_while_nothing_changes(caller: Caller, path: str) -> None:
    tags = {caller.get(path).headers["ETag"] for _ in range(2)}

    assert len(tags) == 1
    assert not tags.pop().startswith("W/")


def test_a_workspace_without_a_free_waiting_slot_gets_a_response_at_once(caller: Caller) -> None:
    path = str((caller.post("/users/merge", BODY).json or {})["status_url"])
    known = caller.get(path)
    slots = resources_of(caller.flask).settings.web_threads - prefer_wait.SPARE_THREADS
    with ExitStack() as others:
        for _ in range(slots):
            assert others.enter_context(prefer_wait.WAITING_SLOTS.take(slots, workspace_id=caller.workspace_id))
        response = poll(caller, path, known)

    assert response.status_code == 304
    assert "Preference-Applied" not in response.headers


def test_a_closing_process_responds_at_once(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str((caller.post("/users/merge", BODY).json or {})["status_url"])
    closing = prefer_wait.Event()
    monkeypatch.setattr(prefer_wait, "CLOSING", closing)
    closing.set()
    began = monotonic()

    assert poll(caller, path, caller.get(path)).status_code == 304
    assert monotonic() - began < 15
