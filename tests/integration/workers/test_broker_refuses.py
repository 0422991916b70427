"""A real Redis that refuses: the relay's sentence names the cause, and `mergelane doctor` reports it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from uuid_utils.compat import uuid7

from app.config import Settings
from app.errors import BrokerUnavailable
from cli.doctor.broker import check_broker
from tests.support.redis import RedisServer
from workers.broker import Broker
from workers.celery import make_celery

Setting = Callable[[redis.Redis], object]


def out_of_memory(client: redis.Redis) -> object:
    return client.config_set("maxmemory", "1")


def without_replicas(client: redis.Redis) -> object:
    return client.config_set("min-replicas-to-write", "1")


def replica(client: redis.Redis) -> object:
    return client.replicaof("127.0.0.1", "1")


def without_permission(client: redis.Redis) -> object:
    return client.acl_setuser("default", enabled=True, categories=["-@write"])


CASES: list[tuple[Setting, Setting, str]] = [
    (out_of_memory, lambda client: client.config_set("maxmemory", "0"), "OOM, its memory is full"),
    (without_replicas, lambda client: client.config_set("min-replicas-to-write", "0"), "NOREPLICAS"),
    (replica, lambda client: client.replicaof("NO", "ONE"), "READONLY, it is a read-only replica"),
    (
        without_permission,
        lambda client: client.acl_setuser("default", enabled=True, categories=["+@all"]),
        "NOPERM, the user lacks a permission",
    ),
]


@contextmanager
def refusing(server: RedisServer, begin: Setting, end: Setting) -> Iterator[None]:
    """Let *server* refuse until the block ends."""
    with server.client() as client:
        begin(client)
        try:
            yield
        finally:
            end(client)


@pytest.mark.parametrize(("begin", "end", "cause"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_the_error_names_the_cause_and_not_the_address(
    own_redis: RedisServer, begin: Setting, end: Setting, cause: str
) -> None:
    with Broker(make_celery(Settings(broker_url=own_redis.url))) as broker:
        broker.publish(workspace_id=7, tasks={uuid7(): [uuid7()]})
        with refusing(own_redis, begin, end):
            with pytest.raises(BrokerUnavailable) as caught:
                broker.publish(workspace_id=7, tasks={uuid7(): [uuid7()]})
            findings, _ = check_broker(Settings(broker_url=own_redis.url))
        broker.publish(workspace_id=7, tasks={uuid7(): [uuid7()]})

    assert cause in str(caught.value)
    assert "BROKER_URL" not in str(caught.value)
    assert [each.level for each in findings] == ["wrong"]
    # Before version 7, Redis says ERR when a script lacks a permission.
    assert cause in findings[0].sentence or (
        begin is without_permission and "refuses commands (ERR)" in findings[0].sentence
    )
