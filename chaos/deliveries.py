"""Faults of delivery: messages that arrive twice, late, out of order, or never."""

from contextlib import suppress
from functools import partial
from random import Random
from threading import Event
from typing import cast

import psycopg
import redis
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.installation import read_name
from app.db.queries import load_queries
from app.errors import BrokerUnavailable
from chaos.installation import WORKSPACE, Installation
from chaos.queues import delivered, queues
from workers.broker import Broker
from workers.celery import make_celery

QUERIES = load_queries("chaos", "deliveries.sql")

#: Shuffles the waiting messages in one atomic step, so that none is lost.
SHUFFLE = """
math.randomseed(tonumber(ARGV[1]))
local waiting = redis.call('LRANGE', KEYS[1], 0, -1)
for place = #waiting, 2, -1 do
    local other = math.random(place)
    waiting[place], waiting[other] = waiting[other], waiting[place]
end
redis.call('DEL', KEYS[1])
for _, message in ipairs(waiting) do redis.call('RPUSH', KEYS[1], message) end
return #waiting
"""


def repeat(installation: Installation, rng: Random, _: Event) -> None:
    """Deliver waiting messages and running jobs once more."""
    with suppress(redis.RedisError), installation.redis_client() as client:
        for queue in queues(client):
            waiting = cast("list[str]", client.lrange(queue, 0, 50))
            for message in rng.sample(waiting, min(len(waiting), 10)):
                client.lpush(queue, message)
    republish(installation, rng, _, running=True)


def republish(installation: Installation, rng: Random, _: Event, *, running: bool = False) -> None:
    """Deliver finished, waiting and running jobs once more, late and out of order, in new messages."""
    with suppress(psycopg.OperationalError), installation.connect() as connection:
        rows = connection.execute(QUERIES["some_jobs"], {"workspace": WORKSPACE, "running": running}).fetchall()
        rng.shuffle(rows)
        parts = [rows[start : start + 4] for start in range(0, len(rows), 4)]
        tasks = {uuid7(): [row["id"] for row in part] for part in parts}
        celery = make_celery(Settings(broker_url=installation.broker_url))
        with suppress(BrokerUnavailable), Broker(celery, partial(read_name, connection)) as broker:
            for row in rows[:1]:
                broker.publish(workspace_id=row["workspace_id"], tasks=tasks)


def shuffle(installation: Installation, rng: Random, _: Event) -> None:
    """Shuffle the waiting messages in Redis."""
    with suppress(redis.RedisError), installation.redis_client() as client:
        for queue in queues(client):
            client.eval(SHUFFLE, 1, queue, rng.randrange(2**31))


def drop(installation: Installation, rng: Random, _: Event) -> None:
    """Delete some waiting messages, and the record of unacknowledged ones."""
    with suppress(redis.RedisError), installation.redis_client() as client:
        for queue in queues(client):
            client.rpop(queue, rng.randint(1, 10))
        client.delete("", *delivered(client))
