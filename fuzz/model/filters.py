"""The steps of a prioritization: each keeps some of the profiles that share an address."""

from collections.abc import Callable, Iterable

from fuzz.model.people import Person


def _most_recent(people: Iterable[Person]) -> list[Person]:
    """Return the most recently updated people; several when they tie."""
    everyone = list(people)
    return [each for each in everyone if each.touched == max(one.touched for one in everyone)]


def _least_recent(people: Iterable[Person]) -> list[Person]:
    """Return the least recently updated people; several when they tie."""
    everyone = list(people)
    return [each for each in everyone if each.touched == min(one.touched for one in everyone)]


FILTERS: dict[str, Callable[[Iterable[Person]], list[Person]]] = {
    "identified": lambda people: [each for each in people if each.identified],
    "unidentified": lambda people: [each for each in people if not each.identified],
    "most_recently_updated": _most_recent,
    "least_recently_updated": _least_recent,
}
