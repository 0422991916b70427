"""The parts of the relay on a real PostgreSQL and a real Redis, and the messages in Redis."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.config import Settings
from app.db.connections import Pool
from chaos.queues import queues
from tests.support.factories import Factory, ext
from tests.support.redis import RedisServer
from workers.broker import Broker
from workers.celery import make_celery
from workers.relay.publishing import Publisher
from workers.relay.rescue import Rescuer


@dataclass(frozen=True)
class Message:
    """A message in Redis."""

    task_id: UUID
    task: str
    arguments: list[Any]
    raw: dict[str, Any]

    @property
    def job_ids(self) -> list[UUID]:
        """The ids of its jobs."""
        return [UUID(job_id) for job_id in self.arguments[1]]


def messages(server: RedisServer) -> list[Message]:
    """Return the messages of the queue in the order in which workers take them."""
    with server.client() as client:
        found: list[Any] = [message for queue in queues(client) for message in client.lrange(queue, 0, -1)]
    return [_message(json.loads(text)) for text in reversed(found)]


def _message(raw: dict[str, Any]) -> Message:
    """Parse a raw message."""
    arguments, _, _ = json.loads(base64.b64decode(raw["body"]))
    return Message(UUID(raw["headers"]["id"]), raw["headers"]["task"], arguments, raw)


def take(server: RedisServer, count: int) -> None:
    """Take messages off the queue, as workers do."""
    with server.client() as client:
        for _ in range(count):
            for queue in queues(client):
                client.rpop(queue)


@contextmanager
def relay(pool: Pool, settings: Settings, server: RedisServer, **changed: Any) -> Iterator[tuple[Publisher, Rescuer]]:
    """Create a publisher and a rescuer on *server*, with some settings *changed*."""
    settings = replace(settings, broker_url=server.url, **changed)
    with Broker(make_celery(settings)) as broker:
        yield Publisher(pool, settings, broker), Rescuer(pool, settings, broker)


def single_jobs(factory: Factory, count: int, **columns: Any) -> list[UUID]:
    """Write a batch of *count* independent jobs, and return their ids."""
    return factory.batch([(ext(f"o{number}"), ext(f"s{number}")) for number in range(count)], **columns)


def let_time_pass(factory: Factory) -> None:
    """Move the times of all jobs ten minutes into the past."""
    earlier = ", ".join(f"{column} = {column} - interval '10 minutes'" for column in ("published_at", "started_at"))
    factory.rows(f"UPDATE job SET {earlier} WHERE workspace_id = %s RETURNING 1")


def carried(found: list[Message]) -> list[list[UUID]]:
    """Return the job ids of each message."""
    return [message.job_ids for message in found]


@contextmanager
def plain_plans(factory: Factory) -> Iterator[None]:
    """Let new connections of the test's database read whole tables, as they do with small ones."""
    alter = f"ALTER DATABASE {factory.connection.info.dbname}"
    clever = [f"enable_{way}" for way in ("mergejoin", "hashjoin", "indexscan", "bitmapscan")]
    for name in clever:
        factory.connection.execute(f"{alter} SET {name} = off".encode())
    try:
        yield
    finally:
        for name in clever:
            factory.connection.execute(f"{alter} RESET {name}".encode())
