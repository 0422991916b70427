"""The relay as a process: it publishes new jobs, waits for missing servers, and ends on a signal."""

import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from cli.up import commands
from tests.integration.workers.relaying import messages, single_jobs, take
from tests.support.factories import Factory
from tests.support.processes import Process
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


@pytest.fixture
def process(database_url: str, own_redis: RedisServer, tmp_path: Path) -> Iterator[Process]:
    """A relay that is not started. It rescues lost jobs after a second."""
    environ = {
        "DATABASE_URL": database_url,
        "BROKER_URL": own_redis.url,
        "MERGELANE_RESCUE_AFTER_S": "1",
        "MERGELANE_RESCUE_EVERY_S": "0.2",
        "MERGELANE_LOG_FORMAT": "text",
    }
    process = Process.of("relay", commands.relay(), folder=tmp_path, environ=environ)
    yield process
    process.stop(seconds=15)


def until_published(server: RedisServer, count: int) -> None:
    """Wait until the broker has *count* messages."""
    wait_until(lambda: len(messages(server)) == count, what=f"{count} messages in the broker")


def consume(server: RedisServer, consumed: set[UUID]) -> set[UUID]:
    """Take all messages off the queue, as workers do. Add their jobs to *consumed*, and return it."""
    found = messages(server)
    take(server, len(found))
    consumed.update(job_id for message in found for job_id in message.job_ids)
    return consumed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_publishes_new_jobs_and_ends_on_a_signal(
    process: Process, own_redis: RedisServer, factory: Factory, number: signal.Signals
) -> None:
    single_jobs(factory, 3)
    process.start()
    until_published(own_redis, 3)
    single_jobs(factory, 2)
    until_published(own_redis, 5)

    process.send(number)

    assert process.ended() == 0
    assert "relay_stopped" in process.log


def test_it_survives_a_restart_of_the_broker_and_loses_no_job(
    process: Process, own_redis: RedisServer, factory: Factory
) -> None:
    process.start()
    first = single_jobs(factory, 3)
    until_published(own_redis, 3)

    own_redis.kill()
    second = single_jobs(factory, 4)
    process.says("service_waiting")
    own_redis.start()

    consumed: set[UUID] = set()
    wait_until(lambda: consume(own_redis, consumed) >= {*first, *second}, what="every job, the first ones again")
    assert process.running


def test_it_publishes_lost_messages_again(process: Process, own_redis: RedisServer, factory: Factory) -> None:
    process.start()
    single_jobs(factory, 3)
    until_published(own_redis, 3)

    take(own_redis, 3)

    until_published(own_redis, 3)
