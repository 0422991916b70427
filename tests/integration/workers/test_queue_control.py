"""A paused queue publishes and runs nothing, and limits hold for any number of relays and workers."""

from time import monotonic
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.audit.log import Actor
from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.db.transaction import run_in_transaction
from app.lane.run import Lane, execute_lane
from app.ledger.dispatch import seconds_until_due_lane
from app.queue.control import change_queue
from schemas.queue import QueueChange, QueueState
from tests.integration.workers.failing_runs import pause_run, resume_run, run_of
from tests.integration.workers.relaying import carried, let_time_pass, messages, relay, single_jobs, take
from tests.support.factories import Factory, ext
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded
from workers.relay.publishing import Publisher

database_url = make_database_url(scope="module")

PAUSE, RESUME = QueueChange(state=QueueState.PAUSED), QueueChange(state=QueueState.RUNNING)


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the relay reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def control(pool: Pool, factory: Factory, change: QueueChange) -> None:
    actor = Actor(api_key_id=None, request_id=None, path="/merge/queue")
    run_in_transaction(pool, factory.workspace_id, change_queue, change, actor=actor)


def limit(merges_per_minute: int | None) -> QueueChange:
    return QueueChange(changes_limit=True, limit=merges_per_minute)


def deliver(pool: Pool, factory: Factory, job_ids: list[UUID]) -> None:
    lane = Lane(workspace_id=factory.workspace_id, job_ids=job_ids, task_id=uuid7())
    execute_lane(pool, Settings(), lane)


def let_seconds_pass(factory: Factory, seconds: float) -> None:
    """Move the last use of the limit *seconds* into the past."""
    factory.rows(
        f"UPDATE queue_control SET paced_at = paced_at - interval '{seconds} s' WHERE workspace_id = %s RETURNING 1"
    )


def begin_all(factory: Factory) -> None:
    """Begin all published jobs, as workers do."""
    factory.rows(
        "UPDATE job SET state = 'running', attempts = 1, started_at = now()"
        " WHERE workspace_id = %s AND published_at IS NOT NULL RETURNING 1"
    )


def test_the_jobs_of_a_paused_queue_are_not_published_and_the_relay_sleeps(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = single_jobs(factory, 2)
    control(pool, factory, PAUSE)
    with relay(pool, settings, redis_server) as (publisher, _):
        paused = publisher.run_once()
        idle = not publisher.has_due_lanes
        with lend_connection(pool) as connection:
            due_s = seconds_until_due_lane(connection)
        control(pool, factory, RESUME)
        resumed = publisher.run_once()

    assert (paused, resumed) == (0, 2)
    assert idle
    assert due_s is None
    assert carried(messages(redis_server)) == [[each] for each in job_ids]


def test_another_workspace_is_published_while_one_is_paused(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, connection: Connection
) -> None:
    other = Factory(connection)
    single_jobs(factory, 2)
    job_ids = single_jobs(other, 2)
    control(pool, factory, PAUSE)
    with relay(pool, settings, redis_server) as (publisher, _):
        publisher.run_once()

    assert carried(messages(redis_server)) == [[each] for each in job_ids]


def test_a_published_job_of_a_paused_queue_returns_to_the_relay_without_an_attempt(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    pairs = [(ext("a"), ext("c")), (ext("b"), ext("c")), (ext("x"), ext("y"))]
    job_ids = factory.batch(pairs)
    with relay(pool, settings, redis_server) as (publisher, _):
        publisher.run_once()
        control(pool, factory, PAUSE)
        for message in messages(redis_server):
            deliver(pool, factory, message.job_ids)
        rows = [factory.row(each) for each in job_ids]
        control(pool, factory, RESUME)
        take(redis_server, 2)
        again = publisher.run_once()

    assert [(row["state"], row["attempts"], row["published_at"]) for row in rows] == [("queued", 0, None)] * 3
    assert again == 3
    assert sorted(map(len, carried(messages(redis_server)))) == [1, 2]


def test_a_job_that_returns_without_the_head_of_its_lane_is_rescued(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    head, rest = factory.batch([(ext("a"), ext("c")), (ext("b"), ext("c"))])
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        take(redis_server, 1)
        deliver(pool, factory, [head])
        control(pool, factory, PAUSE)
        deliver(pool, factory, [head, rest])
        let_time_pass(factory)
        rescuer.run_once()
        control(pool, factory, RESUME)
        publisher.run_once()

    assert carried(messages(redis_server)) == [[rest]]


def test_a_begun_job_keeps_its_state_and_is_not_begun_again_while_the_queue_is_paused(
    pool: Pool, factory: Factory
) -> None:
    job_id = factory.job(ext("a"), ext("b"))
    factory.set_jobs([job_id], "state = 'running', attempts = 1, published_at = now(), started_at = now()")
    control(pool, factory, PAUSE)
    deliver(pool, factory, [job_id])
    row = factory.row(job_id)

    assert (row["state"], row["attempts"]) == ("running", 1)
    assert row["published_at"] is not None


@pytest.mark.parametrize("relays", [1, 3])
def test_a_limit_bounds_what_any_number_of_relays_publish(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, relays: int
) -> None:
    single_jobs(factory, 5)
    control(pool, factory, limit(1))
    published: list[int] = []
    with relay(pool, settings, redis_server) as (one, _), relay(pool, settings, redis_server) as (other, _):
        for seconds in (30, 15, 20, 0, 600, 0):
            let_seconds_pass(factory, seconds)
            published.append(sum(publisher.run_once() for publisher in [one, other, one][:relays]))
            begin_all(factory)

    assert published == [0, 0, 1, 0, 1, 0]


def test_a_limit_of_many_jobs_is_used_and_not_exceeded(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 200)
    control(pool, factory, limit(600))
    began, published, passed = monotonic(), 0, 0.0
    with relay(pool, settings, redis_server) as (publisher, _):
        for _ in range(20):
            let_seconds_pass(factory, 0.4)
            passed += 0.4
            published += publisher.run_once()
            begin_all(factory)
            take(redis_server, 50)

    assert 0.8 * 10 * passed <= published <= 10 * (passed + monotonic() - began)


def test_jobs_that_no_worker_begins_delay_the_next_ones(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 40)
    control(pool, factory, limit(600))
    with relay(pool, settings, redis_server) as (publisher, _):
        for _ in range(5):
            let_seconds_pass(factory, 10)
            publisher.run_once()

    assert len(messages(redis_server)) == 10


def test_the_relay_sleeps_until_the_limit_allows_the_next_job(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 2)
    control(pool, factory, limit(6))
    let_seconds_pass(factory, 60)
    with relay(pool, settings, redis_server) as (publisher, _), lend_connection(pool) as connection:
        first = publisher.run_once()
        publisher.run_once()
        due_s = seconds_until_due_lane(connection) or 0.0

    assert first == 1
    assert not publisher.has_due_lanes
    assert 8 < due_s <= 10


def lane_of(factory: Factory, jobs: int) -> list[UUID]:
    return factory.batch([(ext(f"o{number}"), ext("s")) for number in range(jobs)])


def let_rests_be_due(factory: Factory) -> None:
    factory.rows(
        "UPDATE job SET due_at = now() - interval '1 s' WHERE workspace_id = %s AND due_at > now() - interval '1 year'"
        " RETURNING 1"
    )


def publish_and_take(publisher: Publisher, server: RedisServer, factory: Factory) -> list[UUID]:
    """Let the limit allow jobs, and return the jobs that *publisher* publishes."""
    let_seconds_pass(factory, 60)
    let_rests_be_due(factory)
    publisher.run_once()
    published = [job_id for message in messages(server) for job_id in message.job_ids]
    take(server, 10)
    return published


def test_a_lane_longer_than_the_limit_is_cut_and_its_parts_run_in_order(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = lane_of(factory, 5)
    control(pool, factory, limit(240))
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        first = publish_and_take(publisher, redis_server, factory)
        while_it_waits = publish_and_take(publisher, redis_server, factory)
        let_time_pass(factory)
        rescuer.run_once()
        again = publish_and_take(publisher, redis_server, factory)
        begin_all(factory)
        while_it_runs = publish_and_take(publisher, redis_server, factory)
        deliver(pool, factory, again)
        control(pool, factory, limit(None))
        without_a_limit = publish_and_take(publisher, redis_server, factory)

    assert first == again == job_ids[:2]
    assert while_it_waits == while_it_runs == []
    assert without_a_limit == job_ids[2:]


def test_the_parts_of_a_cut_lane_keep_their_order_when_their_run_was_paused(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = lane_of(factory, 5)
    run_id = run_of(pool, factory, job_ids)
    control(pool, factory, limit(240))
    with relay(pool, settings, redis_server) as (publisher, _):
        first = publish_and_take(publisher, redis_server, factory)
        control(pool, factory, limit(None))
        pause_run(pool, factory, run_id)
        while_paused = publish_and_take(publisher, redis_server, factory)
        resume_run(pool, factory, run_id)
        begin_all(factory)
        while_it_runs = publish_and_take(publisher, redis_server, factory)
        deliver(pool, factory, first)
        afterwards = publish_and_take(publisher, redis_server, factory)

    assert first == job_ids[:2]
    assert while_paused == while_it_runs == []
    assert afterwards == job_ids[2:]


def test_a_forged_message_does_not_begin_the_rest_of_a_cut_lane(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = lane_of(factory, 5)
    control(pool, factory, limit(240))
    with relay(pool, settings, redis_server) as (publisher, _):
        publish_and_take(publisher, redis_server, factory)
    let_rests_be_due(factory)

    deliver(pool, factory, job_ids[2:])

    assert factory.states(job_ids[2:]) == ["queued"] * 3


def test_a_cut_lane_continues_while_one_of_its_jobs_waits_for_another_attempt(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = lane_of(factory, 3)
    control(pool, factory, limit(60))
    with relay(pool, settings, redis_server) as (publisher, _):
        publish_and_take(publisher, redis_server, factory)
        delayed = "attempts = 1, published_at = NULL, due_at = now() + interval '1 hour'"
        factory.set_jobs(job_ids[:1], delayed)
        let_seconds_pass(factory, 60)
        factory.set_jobs(job_ids[1:], "due_at = now() - interval '1 s'")
        publisher.run_once()

    assert carried(messages(redis_server)) == [job_ids[1:2]]


def test_long_lanes_use_a_limit_and_do_not_exceed_it(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    lane_of(factory, 50)
    control(pool, factory, limit(120))
    began, published = monotonic(), 0
    with relay(pool, settings, redis_server) as (publisher, _):
        for _ in range(14):
            let_seconds_pass(factory, 0.5)
            let_rests_be_due(factory)
            published += publisher.run_once()
            for message in messages(redis_server):
                deliver(pool, factory, message.job_ids)
            take(redis_server, 10)

    assert 0.8 * 2 * 7 <= published <= 1.2 * 2 * (7 + monotonic() - began)
