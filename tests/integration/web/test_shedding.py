"""Load shedding: while too many jobs of a workspace wait, requests that would create more get 429."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.config import Settings
from app.db.connections import Connection, Pool
from app.ledger.backlog import RETRY_AFTER_S
from app.metrics.http import SHED_REQUESTS
from app.web import create_app
from app.web.resources import resources_of
from app.web.shedding import NAME
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.profiles import track
from tests.support.undos import merge_one
from tests.support.waiting import wait_until

BOUND = 3


@pytest.fixture
def flask_app(database_url: str) -> Iterator[Flask]:
    """The application with a low bound of waiting jobs."""
    flask = create_app(Settings(database_url=database_url, waiting_bound=BOUND, identify_wait_s=0))
    try:
        yield flask
    finally:
        resources_of(flask).close()


def merges(*names: str) -> dict[str, Any]:
    """Return the body of a request with a merge for each of *names*."""
    return {
        "merge_updates": [
            {"identifier_to_merge": {"external_id": name}, "identifier_to_keep": {"external_id": f"{name}-kept"}}
            for name in names
        ]
    }


IDENTIFY = {"aliases_to_identify": [{"external_id": "i", "user_alias": {"alias_label": "l", "alias_name": "n"}}]}


@pytest.fixture
def full(caller: Caller) -> Caller:
    """A caller whose workspace has the maximum number of waiting jobs, in a batch with the Idempotency-Key `k`."""
    response = caller.post("/users/merge", merges(*map(str, range(BOUND))), headers={"Idempotency-Key": "k"})

    assert response.status_code == 202
    return caller


def assert_refused(response: TestResponse) -> None:
    """Assert that the request was refused for the backlog. After a slow count Retry-After is longer."""
    retry_after = response.headers["Retry-After"]
    assert response.status_code == 429
    assert response.json == {
        "message": f"Too many jobs of this workspace wait: 3 or more. Try again in {retry_after} seconds."
    }
    assert int(retry_after) >= RETRY_AFTER_S


@pytest.mark.parametrize(("path", "body"), [("/users/merge", merges("x")), ("/users/identify", IDENTIFY)])
def test_a_request_that_would_create_jobs_is_refused_and_writes_nothing(
    full: Caller, count: Callable[[], dict[str, int]], path: str, body: Any
) -> None:
    before, shed = count(), SHED_REQUESTS.value()

    assert_refused(full.post(path, body))
    assert_refused(full.post(path, body, headers={"Idempotency-Key": "other"}))

    assert count() == before
    assert SHED_REQUESTS.value() == shed + 2


def test_an_undo_is_refused_above_the_bound(caller: Caller, pool: Pool, count: Callable[[], dict[str, int]]) -> None:
    track(caller, attributes=[{"external_id": "a"}, {"external_id": "b"}])
    merge_id = merge_one(caller, pool, ext("a"), ext("b"))
    assert caller.post("/users/merge", merges(*map(str, range(BOUND)))).status_code == 202
    before = count()

    refused = caller.post(f"/merge/jobs/{merge_id}/undo", headers={"Idempotency-Key": "u"})

    assert refused.status_code == 429
    assert count() == before


def test_a_repeated_accepted_request_gets_the_first_response(full: Caller) -> None:
    first = full.post("/users/merge", merges(*map(str, range(BOUND))), headers={"Idempotency-Key": "k"})

    assert first.status_code == 202
    assert first.headers["Idempotent-Replayed"] == "true"


def test_other_workspaces_and_other_requests_are_not_refused(full: Caller, make_caller: Callable[..., Caller]) -> None:
    assert_refused(full.post("/users/merge", merges("x")))

    assert make_caller().post("/users/merge", merges("x")).status_code == 202
    assert full.post("/users/track", {"attributes": [{"external_id": "x"}]}).status_code == 201
    assert full.get("/merge/jobs", state="queued").status_code == 200
    assert full.post("/users/merge/preview", merges("x")).status_code == 200


def test_a_refused_request_does_not_use_its_key_and_succeeds_later(full: Caller, connection: Connection) -> None:
    assert_refused(full.post("/users/merge", merges("x"), headers={"Idempotency-Key": "later"}))
    connection.execute(
        """
        UPDATE job SET state = 'finished', outcome = 'orphan_not_found', reason = 'Done.', finished_at = now()
        WHERE workspace_id = %s
        """,
        [full.workspace_id],
    )

    accepted = wait_until(
        lambda: (
            (response := full.post("/users/merge", merges("x"), headers={"Idempotency-Key": "later"})).status_code
            == 202
            and response
        ),
        every=0.1,
        what="a 202",
    )

    assert "Idempotent-Replayed" not in accepted.headers


def test_a_new_process_counts_the_waiting_jobs_after_its_first_request(
    full: Caller, flask_app: Flask, database_url: str
) -> None:
    other = create_app(Settings(database_url=database_url, waiting_bound=BOUND, identify_wait_s=0))
    caller = Caller(
        other, secret=full.secret, key_id=full.key_id, workspace_id=full.workspace_id, workspace=full.workspace
    )
    try:
        assert caller.post("/users/merge", merges("first")).status_code == 202
        wait_until(lambda: other.extensions[NAME]._estimates.peek(full.workspace_id), what="the count of waiting jobs")

        assert_refused(caller.post("/users/merge", merges("second")))
    finally:
        resources_of(other).close()
