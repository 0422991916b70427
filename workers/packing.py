"""Packing: how many independent lanes the relay puts into one message."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

#: Messages that one round of the relay aims at: with no more jobs than this, each lane is a message of its own.
MESSAGES_A_ROUND = 64


def pack(lanes: Sequence[Sequence[Item]], *, lane_size: int) -> list[tuple[Item, ...]]:
    """Return *lanes* packed into messages of up to *lane_size* jobs, order kept.

    At ordinary load nothing is packed: every update is its own task in Flower. Under backlog the cost of a Celery
    message would be the largest cost of a merge, so messages grow with the jobs at hand. A lane is never split, even
    when it alone is longer than *lane_size*: its jobs share an identifier and must run in order.
    """
    jobs = sum(map(len, lanes))
    size = max(1, min(lane_size, jobs // MESSAGES_A_ROUND))
    return list(_packed(lanes, size))


def _packed(lanes: Sequence[Sequence[Item]], size: int) -> Iterator[tuple[Item, ...]]:
    """Yield messages of at most *size* jobs, or of one lane."""
    message: list[Item] = []
    for lane in lanes:
        if message and len(message) + len(lane) > size:
            yield tuple(message)
            message = []
        message.extend(lane)
    if message:
        yield tuple(message)
