"""The relay on a real Redis: messages are published in order and counted, and a missing Redis raises its error."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.config import Settings
from app.errors import BrokerUnavailable
from tests.integration.workers.relaying import messages
from tests.support.redis import RedisServer
from workers import celery
from workers.broker import Broker
from workers.celery import make_celery


def tasks(count: int) -> dict[UUID, tuple[UUID, ...]]:
    """Return *count* tasks of one job each."""
    return {uuid7(): (uuid7(),) for _ in range(count)}


def broker_on(server: RedisServer) -> Broker:
    """Return a broker on *server*."""
    return Broker(make_celery(Settings(broker_url=server.url)))


@pytest.fixture
def broker(redis_server: RedisServer) -> Iterator[Broker]:
    """A broker on the emptied Redis of the session."""
    with broker_on(redis_server) as broker:
        yield broker


def test_an_unused_queue_is_empty(broker: Broker) -> None:
    assert [broker.count_messages(), broker.count_messages()] == [0, 0]


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_messages_are_taken_in_the_order_of_their_publication(
    broker: Broker, redis_server: RedisServer, count: int
) -> None:
    published = tasks(count)

    broker.publish(workspace_id=7, tasks=published)

    found = messages(redis_server)
    assert [(message.task_id, tuple(message.job_ids)) for message in found] == list(published.items())
    assert {message.arguments[0] for message in found} <= {7}
    assert broker.count_messages() == count


def test_many_messages_are_sent_in_few_round_trips(broker: Broker, redis_server: RedisServer) -> None:
    broker.publish(workspace_id=7, tasks=tasks(1))
    before = reads(redis_server)

    broker.publish(workspace_id=7, tasks=tasks(200))

    assert reads(redis_server) - before < 60


def reads(server: RedisServer) -> int:
    """Return the number of reads by Redis from all connections."""
    with server.client() as client:
        count: int = client.info("stats")["total_reads_processed"]
    return count


def test_a_missing_broker_is_unavailable(own_redis: RedisServer) -> None:
    with broker_on(own_redis) as broker:
        own_redis.stop()

        with pytest.raises(BrokerUnavailable, match="is it running at BROKER_URL"):
            broker.publish(workspace_id=7, tasks=tasks(1))
        with pytest.raises(BrokerUnavailable, match="does not count its messages"):
            broker.count_messages()


def test_a_restarted_broker_is_used_again(own_redis: RedisServer) -> None:
    with broker_on(own_redis) as broker:
        broker.publish(workspace_id=7, tasks=tasks(1))
        own_redis.kill()
        with pytest.raises(BrokerUnavailable):
            broker.publish(workspace_id=7, tasks=tasks(1))
        own_redis.start()

        broker.publish(workspace_id=7, tasks=tasks(2))

        assert broker.count_messages() == 2


def test_a_broker_that_does_not_answer_is_unavailable_after_the_timeout(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery, "BROKER_TIMEOUT_S", 0.5)
    with broker_on(own_redis) as broker:
        broker.publish(workspace_id=7, tasks=tasks(1))
        own_redis.freeze()
        with pytest.raises(BrokerUnavailable):
            broker.publish(workspace_id=7, tasks=tasks(1))
        with pytest.raises(BrokerUnavailable):
            broker.count_messages()
        own_redis.thaw()

        broker.publish(workspace_id=7, tasks=tasks(1))

        assert broker.count_messages() >= 2


def test_closing_twice_does_nothing(broker: Broker) -> None:
    broker.count_messages()

    broker.close()
    broker.close()

    assert broker.count_messages() == 0
