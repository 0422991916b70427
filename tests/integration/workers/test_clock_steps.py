"""PostgreSQL's clock is set back: no job waits until the clock has caught up with the times in its row.

A test cannot set the clock of the server, so it moves all times of the rows into the future, which is the same.
"""

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.ledger.gauges import count_jobs_by_workspace
from cli.doctor import jobs
from tests.integration.workers.relaying import messages, relay, single_jobs
from tests.support.factories import Factory, by_email
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded

database_url = make_database_url(scope="module")

STEPS = ["10 minutes", "400 days"]


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the relay reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def set_clock_back(factory: Factory, step: str) -> None:
    """Make the times of all jobs look as they do after the clock was set back by *step*."""
    columns = ("created_at", "due_at", "published_at", "started_at", "finished_at")
    moved = ", ".join(f"{column} = {column} + interval '{step}'" for column in columns)
    factory.connection.execute(f"UPDATE job SET {moved}")


@pytest.mark.parametrize("step", STEPS)
def test_waiting_jobs_are_published_at_once_and_in_their_order(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, step: str
) -> None:
    earlier = single_jobs(factory, 3)
    identification = factory.job(by_email("a@x.org", "identified"), by_email("b@x.org"), kind="identify")
    set_clock_back(factory, step)

    with relay(pool, settings, redis_server, lane_size=1) as (publisher, _):
        assert publisher.run_once() == 4

    assert [message.job_ids for message in messages(redis_server)] == [[each] for each in [identification, *earlier]]


@pytest.mark.parametrize("step", STEPS)
def test_a_job_between_two_attempts_waits_for_the_next_rescue_at_most(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, step: str
) -> None:
    delayed, waiting = single_jobs(factory, 2)
    columns = "attempts = 1, started_at = now() - interval '1 second'"
    factory.set_jobs([delayed, waiting], f"{columns}, due_at = now() + interval '2 seconds'")
    set_clock_back(factory, step)
    factory.set_jobs([waiting], f"{columns}, due_at = now() + interval '10 minutes'")

    with relay(pool, settings, redis_server) as (publisher, rescuer):
        assert publisher.run_once() == 0
        assert rescuer.run_once() == 0
        assert publisher.run_once() == 1

    assert [message.job_ids for message in messages(redis_server)] == [[delayed]]


@pytest.mark.parametrize("step", STEPS)
def test_a_running_job_whose_worker_died_is_rescued(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, step: str
) -> None:
    (job_id,) = single_jobs(factory, 1)
    factory.set_jobs([job_id], "state = 'running', attempts = 1, published_at = now(), started_at = now()")
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        assert rescuer.run_once() == 0
        set_clock_back(factory, step)
        assert rescuer.run_once() == 1
        assert publisher.run_once() == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_published_job_whose_message_is_gone_is_rescued(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, step: str
) -> None:
    single_jobs(factory, 1)
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        redis_server.flush()
        assert rescuer.run_once() == 0
        set_clock_back(factory, step)
        assert rescuer.run_once() == 1
        assert publisher.run_once() == 1


def test_metrics_and_doctor_count_the_waiting_jobs_and_report_no_negative_age(
    pool: Pool, settings: Settings, factory: Factory, connection: Connection
) -> None:
    single_jobs(factory, 3)
    set_clock_back(factory, "10 minutes")

    with lend_connection(pool) as lent:
        (row,) = count_jobs_by_workspace(lent, bound=10)
    _, _, waiting, _ = jobs.check_jobs(connection, settings)

    assert (row["queued"], row["oldest_s"]) == (3, 0.0)
    assert waiting.sentence.endswith("has waited for 0:00:00.")


def test_jobs_that_wait_for_their_next_attempt_are_not_behind_all_new_ones(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    retried, *_ = single_jobs(factory, 20)
    factory.set_jobs([retried], "attempts = 1, due_at = now() - interval '1 second'")

    with relay(pool, settings, redis_server, lane_size=1, relay_claim=5) as (publisher, _):
        publisher.run_once()

    assert [retried] in [message.job_ids for message in messages(redis_server)]
