"""The rescue requeues jobs whose message or worker is gone, but no waiting or running job."""

from itertools import chain
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool
from app.db.transaction import Transaction, open_transaction
from app.ledger.dispatch import WORKER_GONE
from app.ledger.execution import begin_attempts
from tests.integration.lane.running import deliver
from tests.integration.workers.relaying import carried, let_time_pass, messages, plain_plans, relay, single_jobs, take
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded

database_url = make_database_url(scope="module")

AGES_AGO = "now() - interval '10 minutes'"


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the rescue reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def start(factory: Factory, *job_ids: UUID) -> None:
    """Begin an attempt of the jobs of one message, as a worker does."""
    task_id = factory.row(job_ids[0])["task_id"] or uuid7()
    begin_attempts(Transaction(factory.connection, factory.workspace_id), job_ids=job_ids, task_id=task_id)


def test_jobs_whose_messages_were_lost_are_published_again_once(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = single_jobs(factory, 5)

    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        redis_server.flush()
        let_time_pass(factory)
        assert [rescuer.run_once(), rescuer.run_once()] == [5, 0]
        assert publisher.run_once() == 5
        assert rescuer.run_once() == 0

    assert carried(messages(redis_server)) == [[job_id] for job_id in job_ids]
    assert {factory.row(job_id)["attempts"] for job_id in job_ids} == {0}


def test_jobs_that_were_just_published_are_not_rescued(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 5)

    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        redis_server.flush()

        assert rescuer.run_once() == 0


def test_a_backlog_of_any_age_is_not_rescued(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    # The rows are stored in another order than the messages, and PostgreSQL reads them in this order.
    for job_id in reversed(single_jobs(factory, 50)):
        factory.set_jobs([job_id], "reason = 'Moved.'")
    with plain_plans(factory), relay(pool, settings, redis_server, lane_size=1) as (publisher, rescuer):
        pool.drain()
        publisher.run_once()
        let_time_pass(factory)
        assert rescuer.run_once() == 0
        # Workers take the first messages and begin them, much later than they were published.
        for taken in carried(messages(redis_server))[:3]:
            take(redis_server, 1)
            start(factory, *taken)
            assert rescuer.run_once() == 0
        assert publisher.run_once() == 0


def test_a_job_that_was_overtaken_is_published_again(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    with relay(pool, settings, redis_server, lane_size=1) as (publisher, rescuer):
        lost = single_jobs(factory, 2)
        publisher.run_once()
        take(redis_server, 2)
        let_time_pass(factory)
        later = single_jobs(factory, 3)
        publisher.run_once()
        take(redis_server, 1)
        start(factory, later[0])

        assert rescuer.run_once() == 2
        publisher.run_once()

    assert carried(messages(redis_server)) == [[job_id] for job_id in (*later[1:], *lost)]


def test_a_job_of_another_workspace_can_overtake(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    other = Factory(factory.connection)
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        single_jobs(factory, 1)
        publisher.run_once()
        take(redis_server, 1)
        let_time_pass(factory)
        first, _ = single_jobs(other, 2)
        publisher.run_once()
        take(redis_server, 1)
        start(other, first)

        assert rescuer.run_once() == 1


def test_a_job_whose_worker_died_runs_again(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    factory.profile("a")
    factory.profile("b")
    job_id = factory.job(ext("a"), ext("b"))

    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        take(redis_server, 1)
        start(factory, job_id)
        assert rescuer.run_once() == 0
        let_time_pass(factory)
        assert rescuer.run_once() == 1
        assert factory.row(job_id)["state"] == "queued"
        publisher.run_once()
    deliver(pool, factory, messages(redis_server)[0].job_ids)

    row = factory.row(job_id)
    assert (row["outcome"], row["attempts"]) == ("merged", 2)


def test_a_job_that_a_worker_has_locked_is_not_rescued_at_any_age(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    (job_id,) = single_jobs(factory, 1, published_at="now()")
    start(factory, job_id)
    let_time_pass(factory)

    with relay(pool, settings, redis_server) as (_, rescuer):
        with open_transaction(pool, factory.workspace_id) as worker:
            worker.connection.execute("SELECT 1 FROM job WHERE id = %s FOR UPDATE", [job_id])
            assert rescuer.run_once() == 0
        assert rescuer.run_once() == 1


def test_stalled_jobs_are_rescued_without_a_broker_and_lost_jobs_once_it_is_back(
    pool: Pool, settings: Settings, own_redis: RedisServer, factory: Factory
) -> None:
    with relay(pool, settings, own_redis) as (publisher, rescuer):
        stranded, lost = single_jobs(factory, 2)
        publisher.run_once()
        start(factory, stranded)
        let_time_pass(factory)
        own_redis.stop()

        assert rescuer.run_once() == 1
        assert [factory.row(each)["published_at"] is None for each in (stranded, lost)] == [True, False]
        own_redis.start()

        assert rescuer.run_once() == 1
        assert factory.row(lost)["published_at"] is None


def test_the_rescued_jobs_of_a_lane_stay_together_and_in_order(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    lane = factory.batch([(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("a"), ext("c"))])
    apart = factory.job(ext("x"), ext("y"))

    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        take(redis_server, 2)
        start(factory, *lane, apart)
        let_time_pass(factory)
        rescuer.run_once()
        publisher.run_once()

    assert carried(messages(redis_server)) == [lane, [apart]]


def test_the_rest_of_a_lane_stays_together_after_its_first_job_is_done(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    done, second, third = factory.batch([(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("a"), ext("c"))])

    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        take(redis_server, 1)
        deliver(pool, factory, [done])
        start(factory, second, third)
        let_time_pass(factory)
        rescuer.run_once()
        publisher.run_once()

    assert carried(messages(redis_server)) == [[second, third]]


def test_a_job_that_always_stalls_ends_dead_with_its_reason(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    (job_id,) = single_jobs(factory, 1)
    states = []

    with relay(pool, settings, redis_server, max_strandings=3) as (publisher, rescuer):
        for _ in range(3):
            publisher.run_once()
            start(factory, job_id)
            let_time_pass(factory)
            rescuer.run_once()
            states.append(factory.row(job_id)["state"])
        assert (publisher.run_once(), rescuer.run_once()) == (0, 0)

    row = factory.row(job_id)
    assert states == ["queued", "queued", "dead"]
    assert (row["attempts"], row["outcome"], row["reason"]) == (3, None, WORKER_GONE)
    assert row["finished_at"] is not None


def test_the_other_jobs_of_the_lane_of_a_dead_job_are_published(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    worn, second, third = factory.batch([(ext("a"), ext("b")), (ext("b"), ext("c")), (ext("a"), ext("c"))])

    with relay(pool, settings, redis_server, max_strandings=9) as (publisher, rescuer):
        publisher.run_once()
        take(redis_server, 1)
        start(factory, worn, second, third)
        factory.set_jobs([worn], "stalled_attempts = 8")
        let_time_pass(factory)
        rescuer.run_once()
        publisher.run_once()

    assert factory.states([worn, second, third]) == ["dead", "queued", "queued"]
    assert carried(messages(redis_server)) == [[second, third]]


@pytest.mark.parametrize(
    "end",
    [
        "state = 'finished', outcome = 'same_profile', reason = 'So.', finished_at = now()",
        "state = 'dead', reason = 'It failed.', finished_at = now()",
    ],
    ids=["finished", "dead"],
)
def test_settled_jobs_are_not_rescued(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, end: str
) -> None:
    job_ids = single_jobs(factory, 2)
    factory.set_jobs(job_ids, f"{end}, published_at = {AGES_AGO}, started_at = {AGES_AGO}")

    with relay(pool, settings, redis_server) as (_, rescuer):
        assert rescuer.run_once() == 0


def test_a_job_that_waits_for_the_relay_is_not_rescued(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = single_jobs(factory, 2)
    factory.set_jobs(job_ids, f"created_at = {AGES_AGO}, due_at = {AGES_AGO}")

    with relay(pool, settings, redis_server) as (_, rescuer):
        assert rescuer.run_once() == 0


def test_every_job_is_done_although_messages_are_lost_repeatedly(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = [job_id for _ in range(4) for job_id in single_jobs(factory, 5)]
    done: set[UUID] = set()

    with relay(pool, settings, redis_server, relay_claim=6, lane_size=1) as (publisher, rescuer):
        for round_number in range(40):
            publisher.run_once()
            waiting = carried(messages(redis_server))
            if round_number % 3 == 1:
                redis_server.flush()
            elif waiting:
                take(redis_server, 1)
                deliver(pool, factory, waiting[0])
                done.update(waiting[0])
            let_time_pass(factory)
            rescuer.run_once()

    assert done == set(job_ids)
    assert set(factory.outcomes(job_ids)) == {"orphan_not_found"}
    assert not set(chain(*carried(messages(redis_server)))) - done
