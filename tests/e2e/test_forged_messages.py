"""Forged messages in a worker's queue: the worker continues, and every job has the same outcome as without them."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import psutil
import pytest
import redis

from app.broker_url import parse_broker_url
from app.db.installation import connect_and_read_name
from chaos.forged_messages import (
    FORGED_LINE,
    GARBAGE,
    Raw,
    body_of,
    bomb,
    forged,
    with_body,
    with_headers,
    without_first_job,
)
from chaos.queues import delivered, messages, ordinary_list
from tests.support.client import Client
from tests.support.pairs import Json
from tests.support.postgres import Databases
from tests.support.processes import Process
from tests.support.system import System, system_apart
from tests.support.waiting import wait_until
from workers.celery import queue_name

SEED = 17
FORGED = 300
FAR = "2999-01-01T00:00:00+00:00"
#: A lane of three jobs, whose outcomes depend on their order.
UPDATES = (("a", "b"), ("a", "c"), ("b", "c"))
OUTCOMES = ["merged", "already_merged", "merged"]


@pytest.fixture(scope="module")
def running(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with its own database and Redis."""
    with system_apart(databases, tmp_path_factory.mktemp("forged"), workers=0) as system:
        yield system


@pytest.fixture
def stopped(running: System) -> Iterator[System]:
    """The system without a worker, and with a client of a new workspace."""
    running.client = running.new_client()
    yield running
    for worker in running.workers:
        worker.stop()


def posted(client: Client, updates: tuple[tuple[str, str], ...] = UPDATES) -> Json:
    """Write three profiles, and return the response to a request that merges them."""
    client.track(attributes=[{"external_id": name} for name in "abc"])
    pairs = [
        {"identifier_to_merge": {"external_id": orphan}, "identifier_to_keep": {"external_id": survivor}}
        for orphan, survivor in updates
    ]
    answer: Json = client.post("/users/merge", {"merge_updates": pairs}).json()
    return answer


def finished(client: Client, batch: Json) -> list[str]:
    """Wait until all jobs of a batch have an outcome, and return the outcomes."""

    def outcomes() -> list[Any]:
        jobs = client.get(batch["status_url"]).json()["jobs"]
        return [job["outcome"] for job in jobs] if all(job["outcome"] for job in jobs) else []

    return wait_until(outcomes, seconds=60, what="the jobs to finish")


@pytest.fixture
def queue(stopped: System) -> Iterator["Queue"]:
    """The queue of the system."""
    url = parse_broker_url(stopped.environ["BROKER_URL"]).for_redis_client()
    name = queue_name(connect_and_read_name(stopped.settings))
    with redis.Redis.from_url(url.replace("redis+unix", "unix")) as client:
        yield Queue(client, name)


def is_unharmed(worker: Process) -> bool:
    """Return whether *worker* runs, its watchdog did not restart it, and it logged no error."""
    return worker.running and not any(word in worker.log for word in ("worker_restarted", "CRITICAL", " ERROR "))


class Queue:
    """The list of messages in Redis."""

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name
        self.key = ordinary_list(name)

    def lane(self) -> Raw:
        """Wait for the relay's message, and return it."""
        wait_until(lambda: self.client.llen(self.key), what="the relay to publish")
        (text,) = self.client.lrange(self.key, 0, -1)
        raw: Raw = json.loads(text)
        return raw

    def put_first(self, *items: Raw | bytes) -> None:
        """Put *items* before all other messages, in this order."""
        for item in reversed(items):
            self.client.rpush(self.key, item if isinstance(item, bytes) else json.dumps(item))


def test_a_message_with_the_second_job_of_a_lane_does_not_change_the_outcomes(stopped: System, queue: Queue) -> None:
    batch = posted(stopped.client)
    queue.put_first(without_first_job(queue.lane()))
    stopped.add_worker()

    assert finished(stopped.client, batch) == OUTCOMES


def test_a_lane_runs_in_order_when_parts_of_its_message_replace_it(stopped: System, queue: Queue) -> None:
    batch = posted(stopped.client)
    lane = queue.lane()
    part = without_first_job(lane)
    queue.put_first(part, without_first_job(part))
    queue.client.lpop(queue.key)
    stopped.add_worker()

    assert finished(stopped.client, batch) == OUTCOMES


def test_a_start_time_in_the_far_future_delays_no_job_and_no_message(stopped: System, queue: Queue) -> None:
    batch = posted(stopped.client)
    lane = queue.lane()
    queue.put_first(*(with_headers(lane, eta=FAR) for _ in range(20)))
    queue.client.lpop(queue.key)
    stopped.add_worker()

    assert finished(stopped.client, batch) == OUTCOMES
    wait_until(lambda: messages(queue.client) == 0, what="every message to be acknowledged")


def test_garbage_ends_no_worker_and_leaves_no_message(stopped: System, queue: Queue) -> None:
    batch = posted(stopped.client)
    lane = queue.lane()
    made = [*GARBAGE, *forged(lane, Random(SEED), FORGED)]
    queue.put_first(*made)
    worker = stopped.add_worker()

    assert finished(stopped.client, batch) == OUTCOMES
    wait_until(lambda: messages(queue.client) == 0, seconds=60, what="every message to be acknowledged")
    assert is_unharmed(worker)
    assert not [line for line in worker.log.splitlines() if line.startswith(FORGED_LINE.partition("\n")[2])]
    assert "message_refused" in worker.log


def test_a_message_that_would_fill_the_memory_is_dropped(stopped: System, queue: Queue) -> None:
    batch = posted(stopped.client)
    lane = queue.lane()
    arguments, keywords, callbacks = body_of(lane)
    long = with_body(lane, [[arguments[0], arguments[1] * 100_000], keywords, callbacks])
    worker = stopped.add_worker()
    assert finished(stopped.client, batch) == OUTCOMES
    memory = psutil.Process(worker.pid).memory_info().rss
    queue.put_first(bomb(lane), long)
    wait_until(
        lambda: worker.log.count("message_refused") >= 1 and messages(queue.client) == 0,
        what="the worker to drop the messages",
    )

    assert is_unharmed(worker)
    assert psutil.Process(worker.pid).memory_info().rss - memory < 100 * 2**20


def test_garbage_among_delivered_messages_and_commands_ends_no_worker(stopped: System, queue: Queue) -> None:
    first = posted(stopped.client)
    worker = stopped.add_worker()
    assert finished(stopped.client, first) == OUTCOMES
    for tag, text in enumerate(GARBAGE[1:6]):
        queue.client.hset(f"{queue.name}.unacked", str(tag), text)
        queue.client.zadd(f"{queue.name}.unacked_index", {str(tag): 1})
    for text in GARBAGE[:10]:
        queue.client.publish("/0.celery.pidbox", text)
    wait_until(lambda: not delivered(queue.client), what="the garbage to be removed")
    second = posted(stopped.client, (("x", "y"),))

    assert finished(stopped.client, second) == ["orphan_not_found"]
    assert is_unharmed(worker)
