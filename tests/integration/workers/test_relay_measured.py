"""The metrics of the relay, and the request ids in its messages."""

import pytest

from app.config import Settings
from app.db.connections import Connection, Pool
from app.metrics import relay as metrics
from tests.integration.workers.relaying import let_time_pass, messages, relay, single_jobs
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


def counts() -> tuple[float, ...]:
    """Return the numbers of published jobs, published messages and rescued lost jobs."""
    return metrics.PUBLISHED_JOBS.value(), metrics.PUBLISHED_LANES.value(), metrics.RESCUED.value("lost")


def test_published_and_rescued_jobs_are_counted(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    single_jobs(factory, 5)
    before = counts()
    with relay(pool, settings, redis_server) as (publisher, rescuer):
        publisher.run_once()
        redis_server.flush()
        let_time_pass(factory)
        rescuer.run_once()

    assert tuple(after - earlier for after, earlier in zip(counts(), before, strict=True)) == (5, 5, 5)


def test_the_messages_in_the_broker_and_their_bound_are_measured(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    with relay(pool, settings, redis_server) as (publisher, _):
        for _ in range(2):
            single_jobs(factory, 3)
            publisher.run_once()

    assert metrics.BROKER_MESSAGES.value() == 3
    assert metrics.BROKER_GOAL.value() >= 3


def test_a_message_names_each_request_that_its_jobs_come_from_once(
    pool: Pool, settings: Settings, redis_server: RedisServer, factory: Factory
) -> None:
    for request in ("first", "second", None):
        (job_id, *_) = single_jobs(factory, 40)
        batch_id = factory.row(job_id)["batch_id"]
        factory.connection.execute("UPDATE batch SET request_id = %s WHERE id = %s", [request, batch_id])
    with relay(pool, settings, redis_server, lane_size=200, broker_bound=1) as (publisher, _):
        publisher.run_once()
    (message,) = messages(redis_server)

    assert len(message.job_ids) == 120
    assert message.raw["headers"]["request_ids"] == ["first", "second"]
