"""Lanes: updates of one request that have an identifier in common are done in the order in which they were listed."""

from collections.abc import Hashable, Iterable, Sequence


def lane_heads(updates: Sequence[Iterable[Hashable]]) -> list[int]:
    """Return, for each update, the index of the first update of its lane; an update stands for the keys it holds.

    Two updates share a lane when they share a key, or when a chain of such updates leads from one to the other.
    """
    parents = list(range(len(updates)))
    first_with: dict[Hashable, int] = {}
    for index, keys in enumerate(updates):
        for key in keys:
            _join(parents, index, first_with.setdefault(key, index))
    return [_head(parents, index) for index in range(len(updates))]


def _head(parents: list[int], index: int) -> int:
    """Return the head of the lane of *index*, and shorten the way to it for the next who asks."""
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _join(parents: list[int], one: int, other: int) -> None:
    """Make one lane of the lanes of *one* and *other*; its head is the earlier of their heads."""
    heads = _head(parents, one), _head(parents, other)
    parents[max(heads)] = min(heads)
