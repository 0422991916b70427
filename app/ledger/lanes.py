"""Lanes: updates of one request that share an identifier run in the order of the request.

A file of its own, because merges and undos are both divided into lanes, without the database.
"""

from collections.abc import Hashable, Iterable, Sequence


def lane_heads(updates: Sequence[Iterable[Hashable]]) -> list[int]:
    """Return the index of the first update of its lane for each update, which is given as its keys.

    Two updates share a lane when they share a key, directly or through a chain of other updates.
    """
    parents = list(range(len(updates)))
    first_with: dict[Hashable, int] = {}
    for index, keys in enumerate(updates):
        for key in keys:
            _join(parents, index, first_with.setdefault(key, index))
    return [_head(parents, index) for index in range(len(updates))]


def _head(parents: list[int], index: int) -> int:
    """Return the head of the lane of *index*, and compress the path to it (union-find)."""
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], one: int, other: int) -> None:
    """Unite the lanes of *one* and *other*; the head is the earlier of their heads."""
    heads = _head(parents, one), _head(parents, other)
    parents[max(heads)] = min(heads)
