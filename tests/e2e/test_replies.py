"""Replies of workers to a killed client expire in Redis."""

import sys
from collections.abc import Callable, Iterator

import pytest

from app.config import Settings
from tests.support.redis import RedisServer
from tests.support.system import System
from tests.support.waiting import wait_until
from workers.broker import REPLIES_LAST_S, Broker
from workers.celery import make_celery

PING = (sys.executable, "-m", "celery", "-A", "workers", "inspect", "ping", "--timeout", "60")


@pytest.fixture
def broker(broker_url: str) -> Iterator[Broker]:
    """The relay's connection to the broker."""
    with Broker(make_celery(Settings(broker_url=broker_url))) as broker:
        yield broker


def test_replies_to_a_killed_client_expire(
    start_system: Callable[..., System], redis_server: RedisServer, broker: Broker
) -> None:
    system = start_system(workers=1, relay=False)
    (worker,) = system.workers
    worker.freeze()
    with redis_server.client() as client:
        client.config_resetstat()
        ping = system.process("ping", PING).start()

        wait_until(lambda: "cmdstat_publish" in client.info("commandstats"), what="the client to send its request")
        ping.kill()
        worker.thaw()
        (left,) = wait_until(lambda: list(client.scan_iter(_type="list")), what="the worker to reply")
        assert client.ttl(left) == -1

        assert [broker.expire_replies(), broker.expire_replies()] == [1, 0]
        assert 0 < client.ttl(left) <= REPLIES_LAST_S


def test_the_relay_lets_replies_expire(start_system: Callable[..., System], redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.lpush("0000.reply.celery.pidbox", "reply")
        client.lpush("mergelane.reply", "no reply of a worker")

        start_system(workers=0)

        wait_until(lambda: client.ttl("0000.reply.celery.pidbox") > 0, what="the relay to find the reply")
        assert client.ttl("mergelane.reply") == -1
