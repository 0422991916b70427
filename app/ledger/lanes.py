"""Lanes: updates of one request that share an identifier run in the order of the request.

A file of its own, because merges and undos are both divided into lanes, without the database.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def lane_heads(updates: Sequence[Iterable[Hashable]]) -> list[int]:
    """Return the index of the first update of its lane for each update, which is given as its keys.

    Two updates share a lane when they share a key, directly or through a chain of other updates.
    """
    distinct = [frozenset(keys) for keys in updates]
    if len(frozenset().union(*distinct)) == sum(map(len, distinct)):
        # The usual case: no two updates share a key.
        return list(range(len(distinct)))
    lanes = GrowingLanes()
    for keys in distinct:
        lanes.add(keys)
    return lanes.heads()


def take_lanes(
    items: Iterable[Item], keys_of: Callable[[Item], Iterable[Hashable]], *, most_in_lane: int
) -> list[list[Item]]:
    """Return the lanes of as many of *items*, in order, as fit into lanes of *most_in_lane*.

    The first item that does not fit is the end: nothing may overtake it that shares a key with it.
    """
    growing = GrowingLanes()
    taken = []
    for item in items:
        keys = list(keys_of(item))
        if growing.size_with(keys) > most_in_lane:
            break
        growing.add(keys)
        taken.append(item)
    by_head: dict[int, list[Item]] = {}
    for head, item in zip(growing.heads(), taken, strict=True):
        by_head.setdefault(head, []).append(item)
    return list(by_head.values())


def batches_of_lanes(lanes: Iterable[Sequence[Item]], *, most: int) -> Iterator[list[Sequence[Item]]]:
    """Yield the lanes of each batch of up to *most* items; a lane is never divided."""
    batch: list[Sequence[Item]] = []
    size = 0
    for lane in lanes:
        if batch and size + len(lane) > most:
            yield batch
            batch, size = [], 0
        batch.append(lane)
        size += len(lane)
    if batch:
        yield batch


class GrowingLanes:
    """Lanes of updates that are added one by one (union-find)."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._sizes: list[int] = []
        self._first_with: dict[Hashable, int] = {}

    def add(self, keys: Iterable[Hashable]) -> None:
        """Add an update, which unites the lanes of its keys."""
        index = len(self._parents)
        self._parents.append(index)
        self._sizes.append(1)
        for key in keys:
            self._join(index, self._first_with.setdefault(key, index))

    def size_with(self, keys: Iterable[Hashable]) -> int:
        """Return the size of the lane that an update with *keys* would be in."""
        heads = {self._head(self._first_with[key]) for key in keys if key in self._first_with}
        return 1 + sum(self._sizes[head] for head in heads)

    def heads(self) -> list[int]:
        """Return the index of the first update of its lane for each update."""
        return [self._head(index) for index in range(len(self._parents))]

    def _head(self, index: int) -> int:
        """Return the head of the lane of *index*, and compress the path to it."""
        parents = self._parents
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    def _join(self, one: int, other: int) -> None:
        """Unite the lanes of *one* and *other*; the head is the earlier of their heads."""
        heads = self._head(one), self._head(other)
        if heads[0] != heads[1]:
            self._parents[max(heads)] = min(heads)
            self._sizes[min(heads)] += self._sizes[max(heads)]
