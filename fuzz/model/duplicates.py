"""The pairs that a run over duplicates merges."""

from collections.abc import Callable, Collection, Iterable

from fuzz.model.people import Person

Pair = tuple[Person, Person]


def pairs_of_duplicates(
    people: Iterable[Person],
    kind: str,
    *,
    excluded: Collection[frozenset[Person]],
    may_merge: Callable[[Person, Person], bool],
) -> list[Pair]:
    """Return orphan and survivor of each merge of profiles that share an address of *kind*, in order.

    *excluded* are pairs that are not a match; *may_merge* says whether no guard refuses orphan and survivor.
    """
    groups: dict[str, list[Person]] = {}
    for each in people:
        if kind in each.addresses:
            groups.setdefault(each.addresses[kind], []).append(each)
    return [pair for _, group in sorted(groups.items()) for pair in _without(_pairs_of(group), excluded, may_merge)]


def _pairs_of(group: list[Person]) -> list[Pair]:
    """Return the pairs of one group: all into the most recently updated identified profile, or none if two tie."""
    ordered = sorted(group, key=lambda each: (each.identified, each.touched, -each.serial), reverse=True)
    ranks = [(each.identified, each.touched) for each in ordered[:2]]
    if len(set(ranks)) < len(ordered[:2]) or ordered[0].protected:
        return []
    return [(orphan, ordered[0]) for orphan in ordered[1:]]


def _without(
    pairs: list[Pair], excluded: Collection[frozenset[Person]], may_merge: Callable[[Person, Person], bool]
) -> list[Pair]:
    """Leave out each orphan that is excluded with the survivor, or with an orphan that was merged before it."""
    left: list[Pair] = []
    merged = [survivor for _, survivor in pairs[:1]]
    for orphan, survivor in pairs:
        if any(frozenset((orphan, each)) in excluded for each in merged):
            continue
        left.append((orphan, survivor))
        if may_merge(orphan, survivor):
            merged.append(orphan)
    return left
