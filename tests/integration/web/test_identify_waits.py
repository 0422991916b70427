"""The response of `/users/identify` waits until its jobs have finished, for a bounded time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic
from typing import Any

import psycopg
import pytest
from uuid_utils import uuid7

from app import keys
from app.config import Settings
from app.web import create_app, prefer_wait
from app.web.resources import resources_of
from tests.support.flask_caller import Caller
from tests.support.worker import Worker

ALIAS = {"alias_label": "cart", "alias_name": "guest"}
BODY = {"aliases_to_identify": [{"external_id": "joe", "user_alias": ALIAS}]}


@pytest.fixture
def make_waiting_caller(database_url: str) -> Iterator[Callable[[float], Caller]]:
    """A function that creates a caller of an application that waits at most a number of seconds."""
    with ExitStack() as stack:

        def make(seconds: float) -> Caller:
            workspace = f"waiting-{uuid7()}"
            flask = create_app(Settings(database_url=database_url, pool_timeout_s=30, identify_wait_s=seconds))
            stack.callback(resources_of(flask).close)
            with psycopg.connect(database_url) as connection:
                key_id, secret = keys.create_key(connection, workspace=workspace, label="test", permissions=("*",))
                row = connection.execute("SELECT workspace_id FROM api_key WHERE id = %s", [key_id]).fetchone()
            assert row is not None
            return Caller(flask, secret=secret, key_id=key_id, workspace_id=row[0], workspace=workspace)

        yield make


def write_guest(caller: Caller) -> None:
    body = {"attributes": [{"user_alias": ALIAS, "_update_existing_only": False, "first_name": "Joe"}]}
    assert caller.post("/users/track", body).status_code == 201


def identify(caller: Caller, **headers: str) -> Any:
    response = caller.post("/users/identify", BODY, headers=headers)
    assert response.status_code == 201
    assert response.json is not None
    assert (response.json["message"], response.json["aliases_processed"]) == ("success", 1)
    return response


def test_the_response_is_sent_when_the_jobs_have_finished(
    make_waiting_caller: Callable[[float], Caller], worker: Worker
) -> None:
    caller = make_waiting_caller(30)
    write_guest(caller)
    with ThreadPoolExecutor(1) as thread:
        began = monotonic()
        answer = thread.submit(identify, caller)
        while not answer.done():
            worker.work()
        response = answer.result()

    assert monotonic() - began < 15
    assert (response.json["batch"]["state"], response.json["batch"]["counts"]) == ("finished", {"identified": 1})
    assert "Preference-Applied" not in response.headers


def test_the_response_has_the_state_queued_if_the_time_expires(
    make_waiting_caller: Callable[[float], Caller],
) -> None:
    began = monotonic()
    response = identify(make_waiting_caller(0.5))

    assert 0.5 <= monotonic() - began < 15
    assert response.json["batch"]["state"] == "queued"
    assert response.json["status_url"] == response.headers["Location"]


def test_a_request_may_prefer_an_immediate_response(make_waiting_caller: Callable[[float], Caller]) -> None:
    began = monotonic()
    response = identify(make_waiting_caller(30), Prefer="respond-async")

    assert monotonic() - began < 15
    assert response.headers["Preference-Applied"] == "respond-async"
    assert "batch" not in response.json


def test_a_request_may_prefer_another_waiting_time(make_waiting_caller: Callable[[float], Caller]) -> None:
    response = identify(make_waiting_caller(30), Prefer="respond-async, wait=0")

    assert response.headers["Preference-Applied"] == "wait=0"
    assert response.json["batch"]["state"] == "queued"


def test_a_response_without_a_free_waiting_slot_is_sent_at_once(make_waiting_caller: Callable[[float], Caller]) -> None:
    caller = make_waiting_caller(30)
    slots = Settings().web_threads - prefer_wait.SPARE_THREADS
    with ExitStack() as others:
        for _ in range(slots):
            assert others.enter_context(prefer_wait.WAITING_SLOTS.take(slots))
        began = monotonic()
        response = identify(caller)

    assert monotonic() - began < 15
    assert response.json["batch"]["state"] == "queued"


def test_a_repeated_request_returns_the_finished_batch(
    make_waiting_caller: Callable[[float], Caller], worker: Worker
) -> None:
    caller = make_waiting_caller(0.1)
    write_guest(caller)
    identify(caller, **{"Idempotency-Key": "once"})
    worker.work()
    response = identify(caller, **{"Idempotency-Key": "once"})

    assert response.headers["Idempotent-Replayed"] == "true"
    assert response.json["batch"]["counts"] == {"identified": 1}


def test_a_request_without_jobs_does_not_wait(make_waiting_caller: Callable[[float], Caller]) -> None:
    began = monotonic()
    response = make_waiting_caller(30).post("/users/identify", {"aliases_to_identify": [{}]})

    assert monotonic() - began < 15
    assert (response.json or {})["batch"]["state"] == "finished"
