"""Families: profiles with known sums, and merges with the same result in any order. They depend only on a seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Any

Json = dict[str, Any]

MAY = "2026-05-01T08:00:00Z"
LABEL = "guest"
#: Every PLANTED_EVERY-th family has a job that always raises.
PLANTED_EVERY = 97


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals of a profile: log-ins, purchases, sessions, and the money spent in cents."""

    logins: int
    purchases: int
    sessions: int
    cents: int

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.logins + other.logins,
            self.purchases + other.purchases,
            self.sessions + other.sessions,
            self.cents + other.cents,
        )


NOTHING = Sums(0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A profile to write. *name* is its external_id, or the name of its alias when it is a *guest*."""

    name: str
    sums: Sums
    guest: bool = False
    email: str | None = None

    @property
    def identifier(self) -> Json:
        """The identifier in requests."""
        if self.guest:
            return {"user_alias": {"alias_label": LABEL, "alias_name": self.name}}
        return {"external_id": self.name}

    def tracked(self) -> dict[str, list[Json]]:
        """Return the arrays of `/users/track` that write it; its events have its name as a property."""
        who = self.identifier
        attributes = {**who, **({"email": self.email} if self.email else {})}
        if self.guest:
            attributes["_update_existing_only"] = False
        cents = [self.sums.cents // self.sums.purchases] * self.sums.purchases if self.sums.purchases else []
        return {
            "attributes": [attributes],
            "events": [{**who, "name": "login", "time": MAY, "properties": {"member": self.name}}] * self.sums.logins,
            "purchases": [
                {**who, "product_id": "hat", "currency": "USD", "price": each / 100, "time": MAY} for each in cents
            ],
            "sessions": [{**who, "app_id": "shop", "started_at": MAY}] * self.sums.sessions,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One request: its path, its body and its number of jobs."""

    path: str
    body: Json
    jobs: int
    #: Index of a job that always raises. Such a batch cannot be posted; it is written directly into the ledger.
    raises_at: int | None = None
    #: Whether the batch before it must have ended; *path* may contain its id as {before}.
    waits: bool = False
    #: The outcome of each of its jobs, if only one is correct.
    outcome: str | None = None
    #: Whether the response to an identify does not wait for its jobs.
    responds_async: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Profiles, requests about them, and groups of members. Each group must end as one live profile."""

    name: str
    shape: str
    members: Sequence[Member]
    batches: Sequence[Batch]
    #: Members by the name of their group.
    groups: Mapping[str, Sequence[Member]]

    def tracked(self) -> Json:
        """Return the body of the one `/users/track` request that writes all its members."""
        body: Json = {}
        for member in self.members:
            for array, objects in member.tracked().items():
                body.setdefault(array, []).extend(objects)
        return {array: objects for array, objects in body.items() if objects}


#: Creates a random family with a name.
Shape = Callable[[Random, str], Family]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A family that can be created again under other names, when it is unknown whether the first was written."""

    seed: str
    number: int
    #: The possible shapes, which the target accepts.
    shapes: Sequence[Shape]

    def make(self, attempt: int = 0) -> Family:
        """Return the family, always the same for the same seed, number and attempt."""
        rng = Random(f"{self.seed} {self.number} {attempt}")
        shape = rng.choice(self.shapes) if self.number % PLANTED_EVERY else planted
        return shape(rng, f"{self.seed}-{shape.__name__}-{self.number}{'r' * attempt}")


def hub_of(seed: str) -> str:
    """Return the name of the survivor of all families of the shape `hub`."""
    return f"{seed}-hub"


def _member(rng: Random, name: str, **more: Any) -> Member:
    """Return a member with a few events of each kind."""
    purchases = rng.randint(0, 2)
    sums = Sums(rng.randint(1, 3), purchases, rng.randint(0, 2), purchases * rng.randint(1, 9_999))
    return Member(name=name, sums=sums, **more)


def _merges(updates: Sequence[tuple[Json, Json]]) -> Batch:
    """Return the request that merges each orphan into its survivor."""
    body = {"merge_updates": [{"identifier_to_merge": one, "identifier_to_keep": other} for one, other in updates]}
    return Batch(path="/users/merge", body=body, jobs=len(updates))


def _in_batches(rng: Random, updates: Sequence[tuple[Json, Json]], most: int) -> list[Batch]:
    """Return *updates* in batches of up to *most*."""
    batches, rest = [], list(updates)
    while rest:
        size = rng.randint(1, most)
        batches.append(_merges(rest[:size]))
        rest = rest[size:]
    return batches


def _one_group(name: str, shape: str, members: Sequence[Member], batches: Sequence[Batch]) -> Family:
    """Return a family whose members all merge into one profile."""
    return Family(name=name, shape=shape, members=members, batches=batches, groups={name: members})


def fan_in(rng: Random, name: str) -> Family:
    """Many orphans into one survivor, in one batch, which is one long lane, or in several."""
    members = [_member(rng, f"{name}-{each}") for each in range(rng.randint(4, 20))]
    hub = members[0].identifier
    updates = [(member.identifier, hub) for member in members[1:]]
    batches = [_merges(updates)] if rng.choice((True, False)) else _in_batches(rng, updates, 5)
    return _one_group(name, "fan_in", members, batches)


def hub(rng: Random, name: str) -> Family:
    """A few orphans into the survivor that all families of this shape and seed share."""
    shared = hub_of(name.rsplit("-", 2)[0])
    members = [_member(rng, f"{name}-{each}") for each in range(rng.randint(1, 4))]
    updates = [(member.identifier, {"external_id": shared}) for member in members]
    batches = _in_batches(rng, updates, 2)
    return Family(name=name, shape="hub", members=members, batches=batches, groups={shared: members})


def chain(rng: Random, name: str) -> Family:
    """A chain of merges, each into the next profile, shuffled over several batches."""
    members = [_member(rng, f"{name}-{each}") for each in range(rng.randint(3, 9))]
    links = [(one.identifier, other.identifier) for one, other in pairwise(members)]
    rng.shuffle(links)
    return _one_group(name, "chain", members, _in_batches(rng, links, 3))


def ring(rng: Random, name: str) -> Family:
    """A cycle of merges, each in its own batch."""
    members = [_member(rng, f"{name}-{each}") for each in range(rng.randint(3, 5))]
    links = pairwise([*members, members[0]])
    return _one_group(name, "ring", members, [_merges([(one.identifier, other.identifier)]) for one, other in links])


def both_ways(rng: Random, name: str) -> Family:
    """Two concurrent merges of one pair in both directions."""
    one, other = members = [_member(rng, f"{name}-{each}") for each in range(2)]
    there, back = (one.identifier, other.identifier), (other.identifier, one.identifier)
    return _one_group(name, "both_ways", members, [_merges([there]), _merges([back])])


def duplicates(rng: Random, name: str) -> Family:
    """The same pair several times."""
    members = [_member(rng, f"{name}-{each}") for each in range(2)]
    update = (members[0].identifier, members[1].identifier)
    batches = [_merges([update] * rng.randint(1, 3)) for _ in range(rng.randint(1, 3))]
    return _one_group(name, "duplicates", members, batches)


def pairs(rng: Random, name: str) -> Family:
    """A batch of independent pairs."""
    couples = make_couples(rng, name, rng.randint(5, 12))
    return _of_groups(name, "pairs", couples, batches=[_merge_of(couples)])


def taken_back(rng: Random, name: str) -> Family:
    """A batch of pairs that is undone after its end, and sometimes merged again."""
    couples = make_couples(rng, name, rng.randint(1, 6))
    undo = Batch(path="/merge/batches/{before}/undo", body={}, jobs=len(couples), waits=True)
    merge = _merge_of(couples)
    if rng.choice((True, False)):
        return _of_groups(name, "taken_back", couples, batches=[merge, undo, replace(merge, waits=True)])
    apart = [[member] for couple in couples for member in couple]
    return _of_groups(name, "taken_back", apart, batches=[merge, undo])


def make_couples(rng: Random, name: str, count: int) -> list[list[Member]]:
    """Return *count* pairs of members."""
    return [[_member(rng, f"{name}-{each}-{side}") for side in ("orphan", "survivor")] for each in range(count)]


def _merge_of(couples: Sequence[Sequence[Member]]) -> Batch:
    """Return the request that merges the first of each couple into the second."""
    return _merges([(one.identifier, other.identifier) for one, other in couples])


def _of_groups(name: str, shape: str, groups: Sequence[Sequence[Member]], batches: Sequence[Batch]) -> Family:
    """Return a family with several groups."""
    members = [member for group in groups for member in group]
    named = {f"{name}-{place}": group for place, group in enumerate(groups)}
    return Family(name=name, shape=shape, members=members, batches=batches, groups=named)


def by_email(rng: Random, name: str) -> Family:
    """A guest who checked out with the address of an account, merged by that address."""
    address = f"{name}@example.com"
    account = _member(rng, f"{name}-account", email=address)
    guest = _member(rng, f"{name}-guest", guest=True, email=address.upper())
    update = (
        {"email": address, "prioritization": ["unidentified", "most_recently_updated"]},
        {"email": address, "prioritization": ["identified"]},
    )
    return _one_group(name, "by_email", [account, guest], [_merges([update])])


def identify(rng: Random, name: str) -> Family:
    """Guests who log in: one to an existing account, one to a new account."""
    account = _member(rng, f"{name}-account")
    guests = [_member(rng, f"{name}-guest{each}", guest=True) for each in range(2)]
    known = {**guests[0].identifier, "external_id": account.name}
    fresh = {**guests[1].identifier, "external_id": f"{name}-fresh"}
    batch = Batch(path="/users/identify", body={"aliases_to_identify": [known, fresh]}, jobs=2)
    groups = {f"{name}-known": [account, guests[0]], f"{name}-fresh": [guests[1]]}
    return Family(name=name, shape="identify", members=[account, *guests], batches=[batch], groups=groups)


def logged_in(rng: Random, name: str) -> Family:
    """A guest who gets a new external_id that is tracked at once, if the response waits, and merged into an account."""
    members = [_member(rng, f"{name}-account"), _member(rng, f"{name}-guest", guest=True)]
    fresh, is_async = {"external_id": f"{name}-fresh"}, rng.choice((True, False))
    body = {"aliases_to_identify": [{**members[1].identifier, **fresh}]}
    first = Batch(path="/users/identify", body=body, jobs=1, outcome="identified", responds_async=is_async)
    # Attributes only: a repeated request has no second effect.
    track = Batch(path="/users/track", body={"attributes": [{**fresh, "logged_in": True}]}, jobs=0, waits=True)
    merge = replace(_merges([(fresh, members[0].identifier)]), outcome="merged")
    return _one_group(name, "logged_in", members, [first, merge] if is_async else [first, track, merge])


def planted(rng: Random, name: str) -> Family:
    """Two merges with a job between them, in the same lane, that always raises."""
    members = [_member(rng, f"{name}-{each}") for each in range(3)]
    first, survivor, last = (member.identifier for member in members)
    batch = Batch(
        path="/users/merge",
        body=_merges([(first, survivor), (RAISES, survivor), (last, survivor)]).body,
        jobs=3,
        raises_at=1,
    )
    return _one_group(name, "planted", members, [batch])


#: An invalid identifier: a worker that reads it raises.
RAISES: Json = {"planted": "raises"}
#: Shapes that any queue accepts.
SHAPES: Sequence[Shape] = (fan_in, fan_in, hub, hub, chain, ring, both_ways, duplicates, pairs, by_email, identify)
#: Shapes that only Mergelane accepts.
WITH_UNDO: Sequence[Shape] = (*SHAPES, taken_back, logged_in)
