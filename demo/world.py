"""Random test data from one seed: accounts, their duplicates, and the pairs to merge."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random

from demo.duplicates import MATCHED_BY, Duplicate, Kind, Pair, make_duplicate
from demo.people import Person, Profile, make_account, make_person

SEED = 20_260
PEOPLE = 1_200
#: Maximum number of updates in one merge request.
BATCH_SIZE = 50

#: Relative frequency of each kind.
WEIGHTS = {
    Kind.GUEST_CHECKOUT: 20,
    Kind.SECOND_DEVICE: 20,
    Kind.TYPING_ERROR: 15,
    Kind.EMAIL_CASE: 12,
    Kind.REINSTALL: 12,
    Kind.NEWSLETTER: 10,
    Kind.PHONE_ORDER: 8,
    Kind.LISTED_TWICE: 1,
    Kind.SHARED_INBOX: 1,
    Kind.CONTROL_GROUP: 1,
}
#: Kinds of a person's second duplicate.
SECOND_KINDS = (Kind.SECOND_DEVICE, Kind.REINSTALL)
#: Probability that a person has a duplicate, and that a person with one has a second.
DUPLICATED, DUPLICATED_AGAIN = 0.8, 0.1


@dataclass(frozen=True, kw_only=True)
class World:
    """Profiles to load and pairs to merge. A family is the pairs of one person, in order."""

    accounts: tuple[Profile, ...]
    duplicates: tuple[Profile, ...]
    families: tuple[tuple[Pair, ...], ...]

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """All profiles, in the order of loading."""
        return self.accounts + self.duplicates

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, family by family."""
        return tuple(pair for family in self.families for pair in family)


def make_world(*, now: datetime, seed: int = SEED, people: int = PEOPLE) -> World:
    """Return the world of *seed*, always the same for the same *now*, which is in UTC."""
    rng = Random(seed)
    families = [_make_family(make_person(serial, rng), now, rng) for serial in range(people)]
    duplicates = [duplicate for _, found in families for duplicate in found]
    return World(
        accounts=tuple(account for account, _ in families),
        duplicates=tuple(profile for duplicate in duplicates for profile in duplicate.profiles),
        families=tuple(
            tuple(pair for duplicate in found for pair in duplicate.pairs) for _, found in families if found
        ),
    )


def _make_family(person: Person, now: datetime, rng: Random) -> tuple[Profile, list[Duplicate]]:
    """Return the account of *person* and its duplicates."""
    kinds = _draw_kinds(rng)
    known = {name for kind in kinds for name in MATCHED_BY.get(kind, ())}
    account = make_account(person, known=known, now=now, rng=rng)
    return account, [make_duplicate(kind, person, account, now, rng) for kind in kinds]


def _draw_kinds(rng: Random) -> list[Kind]:
    """Return the kinds of one person's duplicates: mostly one, sometimes none, sometimes two."""
    if rng.random() >= DUPLICATED:
        return []
    first = rng.choices(tuple(WEIGHTS), weights=tuple(WEIGHTS.values()))[0]
    if first in SECOND_KINDS or rng.random() >= DUPLICATED_AGAIN:
        return [first]
    return [first, rng.choice(SECOND_KINDS)]


def make_batches(families: Iterable[tuple[Pair, ...]], size: int = BATCH_SIZE) -> Iterator[tuple[Pair, ...]]:
    """Yield batches of at most *size* pairs. A family stays in one batch, because order holds only within a batch."""
    batch: tuple[Pair, ...] = ()
    for family in families:
        if len(batch) + len(family) > size:
            yield batch
            batch = ()
        batch += family
    if batch:
        yield batch
