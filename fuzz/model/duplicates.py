"""The pairs that a run over duplicates merges."""

from collections.abc import Iterable

from fuzz.model.people import Person

Pair = tuple[Person, Person]


def pairs_of_duplicates(people: Iterable[Person], kind: str) -> list[Pair]:
    """Return orphan and survivor of each merge of those that share an address of *kind*, in order."""
    groups: dict[str, list[Person]] = {}
    for each in people:
        if kind in each.addresses:
            groups.setdefault(each.addresses[kind], []).append(each)
    return [pair for _, group in sorted(groups.items()) for pair in _pairs_of(group)]


def _pairs_of(group: list[Person]) -> list[Pair]:
    """Return the pairs of one group: all into the identified one that was updated last, none if two tie."""
    ordered = sorted(group, key=lambda each: (each.identified, each.touched, -each.serial), reverse=True)
    ranks = [(each.identified, each.touched) for each in ordered[:2]]
    if len(set(ranks)) < len(ordered[:2]) or ordered[0].protected:
        return []
    return [(orphan, ordered[0]) for orphan in ordered[1:]]
