"""The relay delays the waiting jobs of a paused run. They are due again after the run was resumed."""

from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger.dispatch import hasten_delayed_jobs, seconds_until_due_lane, workspaces_to_rescue
from tests.integration.workers.failing_runs import pause_run, resume_run, run_of
from tests.integration.workers.relaying import carried, messages, relay, take
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded
from workers.relay.runs import RunCounter

database_url = make_database_url(scope="module")


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the relay reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def test_waiting_jobs_of_a_paused_run_are_delayed_and_others_are_published(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    held = factory.batch([(ext("a"), ext("c")), (ext("b"), ext("c")), (ext("x"), ext("y"))])
    free = factory.batch([(ext("o"), ext("s"))])
    run_id = run_of(pool, factory, held)
    pause_run(pool, factory, run_id)
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        first = publisher.run_once()
        published = carried(messages(redis_server))
        take(redis_server, 1)
        second = publisher.run_once()
        execute_lane(pool, Settings(), Lane(workspace_id=factory.workspace_id, job_ids=free, task_id=uuid7()))
        with lend_connection(pool) as connection:
            due_s = seconds_until_due_lane(connection)
            swept = workspaces_to_rescue(connection)
        run_in_transaction(pool, factory.workspace_id, hasten_delayed_jobs)
        rescuer.run_once()
        idle = publisher.run_once()
        resume_run(pool, factory, run_id)
        counter = RunCounter(pool)
        counter.run_once()
        resumed = publisher.run_once()

    assert published == [free]
    assert (first, second, idle) == (1 + len(held), 0, 0)
    assert (due_s, swept) == (None, [])
    assert resumed == 3
    assert sorted(map(len, carried(messages(redis_server)))) == [1, 2]
    assert factory.rows("SELECT run_id FROM run_pause WHERE workspace_id = %s") == []


def test_published_jobs_of_a_paused_run_return_to_the_relay_without_an_attempt(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    held = factory.batch([(ext("a"), ext("c")), (ext("b"), ext("c")), (ext("x"), ext("y"))])
    free = factory.batch([(ext("o"), ext("s"))])
    run_id = run_of(pool, factory, held)
    with relay(pool, settings, redis_server) as (publisher, _):
        publisher.run_once()
        pause_run(pool, factory, run_id)
        lane = Lane(workspace_id=factory.workspace_id, job_ids=[*held, *free], task_id=uuid7())
        execute_lane(pool, Settings(), lane)
        rows = [factory.row(each) for each in held]
        delayed = publisher.run_once()
        # A late delivery does not begin them either.
        execute_lane(pool, Settings(), Lane(workspace_id=factory.workspace_id, job_ids=held, task_id=uuid7()))
        late = [factory.row(each) for each in held]

    assert [(row["state"], row["attempts"], row["published_at"]) for row in rows] == [("queued", 0, None)] * 3
    assert factory.row(free[0])["state"] == "finished"
    assert delayed == 3
    assert [(row["state"], row["attempts"]) for row in late] == [("queued", 0)] * 3


def test_the_delayed_jobs_of_many_batches_are_due_again_step_by_step(
    pool: Pool, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ledger.run_pause.BATCHES", 2)
    job_ids = [factory.batch([(ext(f"a{number}"), ext(f"b{number}"))])[0] for number in range(5)]
    run_id = run_of(pool, factory, job_ids)
    factory.connection.execute(
        "UPDATE job SET due_at = '9000-01-01 00:00+00', priority = 4 WHERE id = ANY(%s)", [job_ids]
    )
    pause_run(pool, factory, run_id)
    resume_run(pool, factory, run_id)
    counter, left = RunCounter(pool), []
    for _ in range(4):
        counter.run_once()
        left.append(count_delayed(factory))

    assert left == [3, 1, 0, 0]
    (due,) = factory.rows("SELECT max(due_at) - now() AS due FROM job WHERE workspace_id = %s")
    assert due["due"] < -timedelta(days=365 * 90)


def count_delayed(factory: Factory) -> int:
    """Return the number of delayed jobs."""
    query = "SELECT count(*) AS delayed FROM job WHERE workspace_id = %s AND due_at = '9000-01-01 00:00+00'"
    (row,) = factory.rows(query)
    delayed: int = row["delayed"]
    return delayed
