"""Packs independent lanes into messages."""

from collections.abc import Collection, Iterator, Sequence
from math import ceil, inf
from typing import TypeVar

Item = TypeVar("Item")

#: The target number of messages of one round: with fewer jobs than this, each lane is a message of its own.
MESSAGES_A_ROUND = 64


def would_pack(lanes: Sequence[Sequence[Item]], *, lane_size: int, room: float = inf) -> bool:
    """Return whether pack_lanes would put several *lanes* into one message, with *room* for a number of messages."""
    return _size(lanes, lane_size, room) > 1


def pack_lanes(
    lanes: Sequence[Sequence[Item]],
    *,
    lane_size: int,
    room: float = inf,
    apart: Collection[Item] = (),
) -> list[tuple[Item, ...]]:
    """Pack *lanes* in order into messages of up to *lane_size* jobs, if possible into at most *room* messages.

    Without a backlog each lane is a message, so that Flower lists every update as a task. With a backlog the Celery
    message would be the largest cost of a merge, so messages grow with the number of jobs. A lane is never split, even
    when it is longer than *lane_size*: its jobs share an identifier and must run in order. A lane with a job of *apart*
    gets a message of its own.
    """
    return list(_packed(lanes, _size(lanes, lane_size, room), apart))


def _size(lanes: Sequence[Sequence[Item]], lane_size: int, room: float) -> int:
    jobs = sum(map(len, lanes))
    return max(1, min(lane_size, max(jobs // MESSAGES_A_ROUND, ceil(jobs / room))))


def _packed(lanes: Sequence[Sequence[Item]], size: int, apart: Collection[Item]) -> Iterator[tuple[Item, ...]]:
    """Yield messages of at most *size* jobs, or of one longer lane."""
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
