"""The broker has a bounded number of messages, and every workspace gets a share."""

from collections import Counter

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool
from tests.integration.workers.relaying import messages, relay, single_jobs, take
from tests.support.factories import Factory
from tests.support.postgres import make_database_url
from tests.support.redis import RedisServer
from tests.support.unguarded import unguarded

database_url = make_database_url(scope="module")


@pytest.fixture(autouse=True)
def nothing_left_of_other_tests(connection: Connection) -> None:
    """Empty the database, because the relay reads all workspaces."""
    with unguarded(connection):
        connection.execute("TRUNCATE workspace CASCADE")


def test_the_broker_holds_a_bounded_number_of_messages(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 100)

    with relay(pool, settings, redis_server, broker_bound=30, lane_size=1) as (publisher, _):
        assert [publisher.run_once() for _ in range(3)] == [30, 0, 0]
        take(redis_server, 8)
        assert [publisher.run_once() for _ in range(2)] == [8, 0]

    assert len(messages(redis_server)) == 30


def test_a_workspace_with_a_backlog_does_not_delay_other_workspaces(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 200)
    small = Factory(factory.connection)
    single_jobs(small, 3)

    with relay(pool, settings, redis_server, relay_claim=20, lane_size=1) as (publisher, _):
        publisher.run_once()

    assert Counter(message.arguments[0] for message in messages(redis_server)) == {
        factory.workspace_id: 10,
        small.workspace_id: 3,
    }


def test_a_new_workspace_waits_only_for_the_part_of_a_backlog_in_the_broker(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 800)
    small = Factory(factory.connection)

    with relay(pool, settings, redis_server, relay_claim=100) as (publisher, _):
        before = sum(publisher.run_once() for _ in range(5))
        job_ids = single_jobs(small, 10)
        redis_server.flush()
        publisher.run_once()

    assert before == 100
    published = [job_id for message in messages(redis_server) for job_id in message.job_ids]
    assert set(job_ids) <= set(published)
    assert len(published) <= 2 * len(job_ids) + 100


def test_every_workspace_gets_a_share_of_a_small_broker_bound(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    everyone = [factory, *(Factory(factory.connection) for _ in range(4))]
    for each in everyone:
        single_jobs(each, 50)
    published: Counter[int] = Counter()

    with relay(pool, settings, redis_server, broker_bound=2, lane_size=1) as (publisher, _):
        for _ in range(20):
            publisher.run_once()
            published += Counter(message.arguments[0] for message in messages(redis_server))
            take(redis_server, 2)

    assert published.keys() == {each.workspace_id for each in everyone}
    assert max(published.values()) <= 3 * min(published.values())


def test_a_workspace_whose_jobs_are_not_due_gets_no_share(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    factory.set_jobs(single_jobs(factory, 1), "due_at = now() + interval '1 hour'")
    other = Factory(factory.connection)
    single_jobs(other, 2)

    with relay(pool, settings, redis_server, broker_bound=1) as (publisher, _):
        publisher.run_once()

    assert [message.arguments[0] for message in messages(redis_server)] == [other.workspace_id]
