"""The API while PostgreSQL stops and starts: accepted batches stay accepted, other requests get 503 and Retry-After."""

from concurrent.futures import ThreadPoolExecutor

import psycopg

from app.web.prefer_wait import WAITING_SLOTS
from tests.support.flask_caller import Caller
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

BODY = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}


def jobs(postgres: PostgresServer) -> int:
    """Return the number of jobs."""
    with psycopg.connect(postgres.url()) as conn:
        (count,) = conn.execute("SELECT count(*) FROM job").fetchone() or (0,)
    return int(count)


def test_an_accepted_batch_gets_202_even_if_the_database_stops_during_the_wait(
    own_postgres: PostgresServer, lone_caller: Caller
) -> None:
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(lone_caller.post, "/users/merge", BODY, headers={"Prefer": "wait=30"})
        # Before this point, the server may have committed without a confirmation to the client, which requires a 503.
        wait_until(lambda: WAITING_SLOTS.taken == 1, what="the request to wait for its batch")
        own_postgres.stop()
        response = answer.result()

    assert response.status_code == 202
    assert response.json is not None
    assert response.json["message"] == "success"
    assert "batch" not in response.json
    assert "Preference-Applied" not in response.headers


def test_no_merge_is_accepted_without_a_database_and_merges_resume_afterwards(
    own_postgres: PostgresServer, lone_caller: Caller
) -> None:
    before = lone_caller.post("/users/merge", BODY)
    own_postgres.stop()
    away = lone_caller.post("/users/merge", BODY)
    own_postgres.start()
    after = wait_until(
        lambda: (response := lone_caller.post("/users/merge", BODY)).status_code == 202 and response, what="a 202"
    )

    assert before.status_code == 202
    assert away.status_code == 503
    assert int(away.headers["Retry-After"]) > 0
    assert after.status_code == 202
    assert jobs(own_postgres) == 2
