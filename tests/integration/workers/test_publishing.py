"""Waiting lanes are published whole, in order, and once."""

import threading
from itertools import chain
from uuid import UUID

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.errors import BrokerUnavailable
from app.ledger.dispatch import claim_lanes, workspaces_with_pending_lanes
from tests.integration.workers.relaying import messages, relay, single_jobs
from tests.support.factories import Factory, by_email, ext
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded
from workers.messages import LANE_TASK
from workers.relay import flow_control

database_url = make_database_url(scope="module")


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the relay reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def waiting(factory: Factory, job_ids: list[UUID]) -> list[UUID]:
    """Return the jobs that are not published."""
    return [job_id for job_id in job_ids if factory.row(job_id)["published_at"] is None]


def test_without_waiting_jobs_nothing_is_published(pool: Pool, settings: Settings, redis_server: RedisServer) -> None:
    with relay(pool, settings, redis_server) as (publisher, _):
        assert publisher.run_once() == 0

    assert messages(redis_server) == []


def test_a_message_contains_only_a_workspace_and_job_ids(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_id = factory.job(by_email("ann@x.org", "identified"), ext("secret-name"))

    with relay(pool, settings, redis_server) as (publisher, _):
        assert publisher.run_once() == 1

    (message,) = messages(redis_server)
    assert (message.task, message.arguments) == (LANE_TASK, [factory.workspace_id, [str(job_id)]])
    assert not any(word in str(message.raw) for word in ("ann@x.org", "secret-name"))


def test_a_job_has_the_task_id_of_its_message(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = single_jobs(factory, 3)

    with relay(pool, settings, redis_server) as (publisher, _):
        publisher.run_once()

    published = {message.job_ids[0]: message.task_id for message in messages(redis_server)}
    assert published == {job_id: factory.row(job_id)["task_id"] for job_id in job_ids}
    assert waiting(factory, job_ids) == []
    assert factory.states(job_ids) == ["queued"] * 3


def test_published_jobs_are_not_published_again(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 5)

    with relay(pool, settings, redis_server) as (publisher, _):
        assert [publisher.run_once() for _ in range(3)] == [5, 0, 0]

    assert len(messages(redis_server)) == 5


def test_jobs_that_share_an_identifier_share_a_message_in_their_order(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    updates = [(ext("a"), ext("b")), (ext("x"), ext("y")), (ext("c"), ext("b")), (ext("c"), ext("d"))]
    a, x, c, d = factory.batch(updates)

    with relay(pool, settings, redis_server, lane_size=1) as (publisher, _):
        publisher.run_once()

    assert [message.job_ids for message in messages(redis_server)] == [[a, c, d], [x]]


def test_the_oldest_jobs_are_published_first(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    job_ids = [job_id for _ in range(4) for job_id in single_jobs(factory, 3)]

    with relay(pool, settings, redis_server, relay_claim=5) as (publisher, _):
        while publisher.run_once():
            pass

    assert [message.job_ids for message in messages(redis_server)] == [[job_id] for job_id in job_ids]


@pytest.fixture
def large_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow many jobs in the broker although no worker takes any."""
    monkeypatch.setattr(flow_control, "MIN_JOBS", 1_000)


def test_a_backlog_is_packed_unless_the_setting_disables_it(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, large_bound: None
) -> None:
    first, second = single_jobs(factory, 256), single_jobs(factory, 256)

    with relay(pool, settings, redis_server, relay_claim=256) as (publisher, _):
        publisher.run_once()
    packed = messages(redis_server)
    redis_server.flush()
    with relay(pool, settings, redis_server, relay_claim=256, lane_size=1) as (publisher, _):
        publisher.run_once()

    assert {len(message.job_ids) for message in packed} == {4}
    assert list(chain(*(message.job_ids for message in packed))) == first
    assert [message.job_ids for message in messages(redis_server)] == [[job_id] for job_id in second]


def test_a_job_is_not_published_before_it_is_due(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    later, now = single_jobs(factory, 2)
    factory.set_jobs([later], "due_at = now() + interval '1 hour'")

    with relay(pool, settings, redis_server) as (publisher, _):
        assert publisher.run_once() == 1
        factory.set_jobs([later], "due_at = now() - interval '1 second'")
        assert publisher.run_once() == 1

    assert [message.job_ids for message in messages(redis_server)] == [[now], [later]]


@pytest.mark.parametrize("state", ["running", "finished", "dead"])
def test_only_a_queued_job_is_published(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, state: str
) -> None:
    ends = {
        "running": "state = 'running'",
        "finished": "state = 'finished', outcome = 'same_profile', reason = 'So.', finished_at = now()",
        "dead": "state = 'dead', reason = 'It failed.', finished_at = now()",
    }
    head, mate = factory.batch([(ext("a"), ext("b")), (ext("a"), ext("c"))])
    factory.set_jobs([head], ends[state])

    with relay(pool, settings, redis_server) as (publisher, _):
        publisher.run_once()

    assert head not in chain(*(message.job_ids for message in messages(redis_server)))
    assert waiting(factory, [mate]) == [mate]


def test_two_relays_never_publish_the_same_lane(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory, large_bound: None
) -> None:
    pairs = [(ext(f"o{number}"), ext(f"s{number // 3}")) for number in range(150)]
    job_ids = [job_id for place in range(0, 150, 30) for job_id in factory.batch(pairs[place : place + 30])]
    start = threading.Barrier(3, timeout=30)

    def publish() -> None:
        with relay(pool, settings, redis_server, relay_claim=7) as (publisher, _):
            start.wait()
            while any_lane_waits(pool):
                publisher.run_once()

    threads = [threading.Thread(target=publish) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    published = [message.job_ids for message in messages(redis_server)]
    assert sorted(chain(*published)) == sorted(job_ids)
    assert {tuple(lane) for lane in published} == {tuple(job_ids[place : place + 3]) for place in range(0, 150, 3)}


def any_lane_waits(pool: Pool) -> bool:
    """Return whether a lane waits to be published."""
    with lend_connection(pool) as connection:
        return bool(workspaces_with_pending_lanes(connection))


def test_a_lane_that_another_relay_has_locked_is_skipped(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    held, free = single_jobs(factory, 2)

    def hold(tx: Transaction) -> int:
        lanes = claim_lanes(tx, limit=1).lanes
        assert lanes == [(held,)]
        with relay(pool, settings, redis_server) as (publisher, _):
            return publisher.run_once()

    assert run_in_transaction(pool, factory.workspace_id, hold) == 1
    assert [message.job_ids for message in messages(redis_server)] == [[free]]


def test_jobs_wait_while_the_broker_is_unavailable(
    pool: Pool, settings: Settings, own_redis: RedisServer, factory: Factory
) -> None:
    job_ids = single_jobs(factory, 5)

    with relay(pool, settings, own_redis) as (publisher, _):
        own_redis.stop()
        for _ in range(2):
            with pytest.raises(BrokerUnavailable):
                publisher.run_once()
        assert waiting(factory, job_ids) == job_ids
        assert {factory.row(job_id)["task_id"] for job_id in job_ids} == {None}
        own_redis.start()
        assert publisher.run_once() == 5

    assert len(messages(own_redis)) == 5


def test_jobs_wait_while_the_broker_restarts(
    pool: Pool, settings: Settings, own_redis: RedisServer, factory: Factory
) -> None:
    with relay(pool, settings, own_redis) as (publisher, _):
        single_jobs(factory, 1)
        publisher.run_once()
        own_redis.restart()
        job_ids = single_jobs(factory, 3)

        try:
            assert publisher.run_once() in {0, 3}
        except BrokerUnavailable:
            assert publisher.run_once() == 3

    assert sorted(chain(*(message.job_ids for message in messages(own_redis)))) == sorted(job_ids)
