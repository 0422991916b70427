"""The messages in Redis: queues of installations, and delivered messages without an acknowledgement."""

from collections.abc import Collection
from typing import Any

import redis
from kombu.transport.redis import Channel

from workers.celery import QUEUE
from workers.messages import REDIS_PRIORITIES, Urgency


def queues(client: redis.Redis) -> list[str]:
    """Return the queues that have messages."""
    return _keys(client, f"{QUEUE}*", "list")


def ordinary_list(queue: str) -> str:
    """Return the key of the Redis list with the messages of *queue* of ordinary priority."""
    return f"{queue}{Channel.sep}{REDIS_PRIORITIES[Urgency.ORDINARY]}"


def delivered(client: redis.Redis) -> list[str]:
    """Return the keys of delivered messages without an acknowledgement, and of their index by time."""
    return [*_keys(client, "*unacked", "hash"), *_keys(client, "*unacked_index", "zset")]


def messages(client: redis.Redis, *, except_in: Collection[str] = ()) -> int:
    """Return the number of messages in the broker, including delivered ones that are not acknowledged.

    Messages that wait in the queues *except_in* do not count.
    """
    waiting: list[Any] = [client.llen(queue) for queue in queues(client) if queue not in except_in]
    unacknowledged: list[Any] = [client.hlen(key) for key in _keys(client, "*unacked", "hash")]
    indexed: list[Any] = [client.zcard(key) for key in _keys(client, "*unacked_index", "zset")]
    return sum(map(int, (*waiting, *unacknowledged, *indexed)))


def _keys(client: redis.Redis, pattern: str, kind: str) -> list[str]:
    found: Any = client.scan_iter(match=pattern, count=1_000, _type=kind)
    return [key.decode() if isinstance(key, bytes) else str(key) for key in found]
