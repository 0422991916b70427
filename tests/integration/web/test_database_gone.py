"""The front door while PostgreSQL comes and goes: what was accepted stays accepted, the rest is asked to come again."""

from concurrent.futures import ThreadPoolExecutor

import psycopg

from app.web.prefer_wait import WAITING_SLOTS
from tests.support.front_door import Caller
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

BODY = {"merge_updates": [{"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}]}


def jobs(postgres: PostgresServer) -> int:
    """Return how many jobs there are."""
    with psycopg.connect(postgres.url()) as conn:
        (count,) = conn.execute("SELECT count(*) FROM job").fetchone() or (0,)
    return int(count)


def test_a_batch_that_was_accepted_is_answered_so_even_when_the_database_goes_away_meanwhile(
    own_postgres: PostgresServer, lone_caller: Caller
) -> None:
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(lone_caller.post, "/users/merge", BODY, headers={"Prefer": "wait=30"})
        # Until then the commit may be done and its answer still under way, which is answered 503 as it must be.
        wait_until(lambda: WAITING_SLOTS.taken == 1, what="the request to wait for its batch")
        own_postgres.stop()
        response = answer.result()

    assert response.status_code == 202
    assert response.json is not None
    assert response.json["message"] == "success"
    assert "batch" not in response.json
    assert "Preference-Applied" not in response.headers


def test_while_the_database_is_away_nothing_is_accepted_and_then_all_goes_on(
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
