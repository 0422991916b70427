"""`Prefer: wait=N`: the response is delayed until the batch has finished."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic
from typing import Any

import pytest
from flask import Flask

from app.db.connections import Connection
from app.web import prefer_wait
from app.web.resources import resources_of
from tests.support.flask_caller import Caller
from tests.support.waiting import wait_until

BODY = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}


def merge(caller: Caller, prefer: str) -> Any:
    """Request a merge with the header `Prefer`."""
    return caller.post("/users/merge", BODY, headers={"Prefer": prefer})


def only_job(connection: Connection, caller: Caller) -> str:
    """Wait for the caller's only job and return its id."""
    query, mine = "SELECT id FROM job WHERE workspace_id = %s", [caller.workspace_id]
    row = wait_until(lambda: connection.execute(query, mine).fetchone(), what="the job")
    return str(row["id"])


def test_the_response_is_sent_when_the_batch_has_finished(
    caller: Caller, connection: Connection, finish: Callable[..., None]
) -> None:
    with ThreadPoolExecutor(1) as thread:
        began = monotonic()
        answer = thread.submit(merge, caller, "wait=30")
        finish(only_job(connection, caller), "orphan_not_found")
        response = answer.result()

    assert monotonic() - began < 15
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=30"
    assert response.json["message"] == "success"
    assert response.json["batch"]["state"] == "finished"
    assert response.json["batch"]["counts"] == {"orphan_not_found": 1}
    assert response.json["batch"] == caller.get(response.json["status_url"]).json


def test_the_response_is_sent_when_the_time_expires(caller: Caller) -> None:
    began = monotonic()
    response = merge(caller, "wait=1")

    assert monotonic() - began >= 1
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=1"
    assert response.json["batch"]["state"] == "queued"


def test_a_wait_of_zero_seconds_returns_the_current_batch(caller: Caller) -> None:
    response = merge(caller, "wait=0")

    assert response.headers["Preference-Applied"] == "wait=0"
    assert response.json["batch"]["counts"] == {"queued": 1}


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=31", "wait=30"),
        ("wait=999999999", "wait=30"),
        ('respond-async, wait="10"', "wait=10"),
        ("WAIT = 10 ; foo=bar, wait=20", "wait=10"),
    ],
)
def test_a_preference_is_parsed_like_in_the_standard(flask_app: Flask, prefer: str, applied: str) -> None:
    with flask_app.test_request_context(headers={"Prefer": prefer}):
        assert f"wait={prefer_wait.preferred_wait()}" == applied


@pytest.mark.parametrize(
    "prefer", ["", "wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "await=5", "respond-async"]
)
def test_an_invalid_preference_is_ignored(caller: Caller, prefer: str) -> None:
    response = merge(caller, prefer)

    assert response.status_code == 202
    assert "Preference-Applied" not in response.headers
    assert "batch" not in response.json


def test_a_request_with_an_empty_batch_does_not_wait(caller: Caller) -> None:
    began = monotonic()
    response = caller.post("/users/merge", {"merge_updates": []}, headers={"Prefer": "wait=30"})

    assert monotonic() - began < 15
    assert (response.json or {})["batch"]["state"] == "finished"


def test_requests_do_not_wait_while_all_waiting_slots_are_taken(caller: Caller, flask_app: Flask) -> None:
    slots = resources_of(flask_app).settings.web_threads - prefer_wait.SPARE_THREADS
    with ExitStack() as others, ThreadPoolExecutor(1) as thread:
        for _ in range(slots - 1):
            assert others.enter_context(prefer_wait.WAITING_SLOTS.take(slots))
        answer = thread.submit(merge, caller, "wait=2")
        wait_until(lambda: prefer_wait.WAITING_SLOTS.taken == slots, what="the last slot to be taken")
        refused = merge(caller, "wait=2")
        granted = answer.result()

    assert "Preference-Applied" not in refused.headers
    assert "batch" not in refused.json
    assert granted.headers["Preference-Applied"] == "wait=2"
    assert prefer_wait.WAITING_SLOTS.taken == 0


def test_a_closing_process_responds_to_waiting_requests(
    caller: Caller, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = prefer_wait.Event()
    monkeypatch.setattr(prefer_wait, "CLOSING", closing)
    with ThreadPoolExecutor(1) as thread:
        began = monotonic()
        answer = thread.submit(merge, caller, "wait=30")
        only_job(connection, caller)
        closing.set()
        response = answer.result()

    assert monotonic() - began < 15
    assert response.status_code == 202
    assert response.json["batch"]["state"] == "queued"
