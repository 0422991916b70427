"""Faults of delivery: messages that come twice, late, out of order, or never."""

from contextlib import suppress
from random import Random
from threading import Event
from typing import cast

import psycopg
import redis
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.queries import load_queries
from chaos.house import WORKSPACE, House
from workers.broker import Broker, BrokerUnavailable
from workers.celery import QUEUE, make_celery

QUERIES = load_queries("chaos", "deliveries.sql")

#: Moves the messages that wait into another order, in one step, so that none gets lost on the way.
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


def repeat(house: House, rng: Random, _: Event) -> None:
    """Deliver messages that wait in Redis, or are being worked on, once more."""
    with suppress(redis.RedisError), house.redis_client() as client:
        waiting = cast("list[str]", client.lrange(QUEUE, 0, 50))
        for message in rng.sample(waiting, min(len(waiting), 10)):
            client.lpush(QUEUE, message)
    republish(house, rng, _, running=True)


def republish(house: House, rng: Random, _: Event, *, running: bool = False) -> None:
    """Deliver jobs once more, late and out of order, in messages that never were: finished, waiting, running ones."""
    with suppress(psycopg.OperationalError), house.connect() as connection:
        rows = connection.execute(QUERIES["some_jobs"], {"workspace": WORKSPACE, "running": running}).fetchall()
        rng.shuffle(rows)
        parts = [rows[start : start + 4] for start in range(0, len(rows), 4)]
        tasks = {uuid7(): [row["id"] for row in part] for part in parts}
        celery = make_celery(Settings(broker_url=house.broker_url))
        with suppress(BrokerUnavailable), Broker(celery) as broker:
            for row in rows[:1]:
                broker.publish(workspace_id=row["workspace_id"], tasks=tasks)


def shuffle(house: House, rng: Random, _: Event) -> None:
    """Bring the messages that wait in Redis into another order."""
    with suppress(redis.RedisError), house.redis_client() as client:
        client.eval(SHUFFLE, 1, QUEUE, rng.randrange(2**31))


def drop(house: House, rng: Random, _: Event) -> None:
    """Lose messages: some that wait, and the note of some that are being worked on."""
    with suppress(redis.RedisError), house.redis_client() as client:
        client.rpop(QUEUE, rng.randint(1, 10))
        client.delete("unacked", "unacked_index")
