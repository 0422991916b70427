"""Packing: how many independent lanes the relay puts into one message."""

from collections.abc import Collection, Iterator, Sequence
from math import ceil, inf
from typing import TypeVar

Item = TypeVar("Item")

#: Messages that one round of the relay aims at: with no more jobs than this, each lane is a message of its own.
MESSAGES_A_ROUND = 64


def would_pack(lanes: Sequence[Sequence[Item]], *, lane_size: int, room: float = inf) -> bool:
    """Return whether there are so many *lanes* that some would share a message, with *room* for so many messages."""
    return _size(lanes, lane_size, room) > 1


def pack_lanes(
    lanes: Sequence[Sequence[Item]],
    *,
    lane_size: int,
    room: float = inf,
    apart: Collection[Item] = (),
) -> list[tuple[Item, ...]]:
    """Return *lanes* packed into messages of up to *lane_size* jobs, order kept; into *room* messages if that will do.

    At ordinary load nothing is packed: every update is its own task in Flower. Under backlog the cost of a Celery
    message would be the largest cost of a merge, so messages grow with the jobs at hand. A lane is never split, even
    when it alone is longer than *lane_size*: its jobs share an identifier and must run in order. A lane with a job that
    is to be kept *apart* has a message of its own.
    """
    return list(_packed(lanes, _size(lanes, lane_size, room), apart))


def _size(lanes: Sequence[Sequence[Item]], lane_size: int, room: float) -> int:
    """Return how many jobs a message may carry."""
    jobs = sum(map(len, lanes))
    return max(1, min(lane_size, max(jobs // MESSAGES_A_ROUND, ceil(jobs / room))))


def _packed(lanes: Sequence[Sequence[Item]], size: int, apart: Collection[Item]) -> Iterator[tuple[Item, ...]]:
    """Yield messages of at most *size* jobs, or of one lane."""
    message: list[Item] = []
    for lane in lanes:
        alone = any(job in apart for job in lane)
        if message and (alone or len(message) + len(lane) > size):
            yield tuple(message)
            message = []
        if alone:
            yield tuple(lane)
        else:
            message.extend(lane)
    if message:
        yield tuple(message)
