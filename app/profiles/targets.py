"""Which profile each object of `/users/track` means, and which have to be made. Nothing is locked here."""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, assert_never

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.profile import EmailAddress, PhoneNumber
from schemas.identifiers import BrazeId, Email, ExternalId, Identifier, Phone, Target, UserAlias, sharing_key, to_e164

QUERIES = load_queries("app.profiles", "targets.sql")


@dataclass(frozen=True, slots=True)
class Found:
    """A profile that exists."""

    id: int
    identified: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewProfile:
    """A profile to be made, and what it answers to from the start; each is itself and equals no other."""

    external_id: str | None = None
    user_alias: UserAlias | None = None
    email: EmailAddress | None = None
    phone: PhoneNumber | None = None

    @property
    def identified(self) -> bool:
        """Whether it will have an external_id."""
        return self.external_id is not None


Seat = Found | NewProfile


class Aimed(Protocol):
    """An object that means a profile."""

    @property
    def target(self) -> Target:
        """Whom it means."""

    @property
    def may_create(self) -> bool:
        """Whether the profile is made when there is none."""


AnyAimed = TypeVar("AnyAimed", bound=Aimed)


def key_of(target: Target) -> tuple[str, ...]:
    """Return what two targets have in common when they mean the same."""
    return ("braze_id", target.value) if isinstance(target, BrazeId) else sharing_key(target)


def find(tx: Transaction, *, targets: Iterable[Target]) -> dict[Hashable, Found]:
    """Return, by key, what each of *targets* means that means a profile at this moment."""
    asked: dict[str, set[tuple[str, ...]]] = {}
    for kind, *values in map(key_of, targets):
        asked.setdefault(kind, set()).add(tuple(values))
    found: dict[Hashable, Found] = {}
    for kind, keys in asked.items():
        query, columns, parameters = _query(kind, sorted(keys))
        for row in tx.execute(QUERIES[query], {**parameters}):
            found[kind, *(row[column] for column in columns)] = Found(row["id"], row["identified"])
    return found


def claim_addresses(tx: Transaction, *, targets: Collection[Email | Phone]) -> None:
    """Wait until no other request is making a profile for one of the addresses *targets*, and keep others waiting."""
    addresses = [":".join(key_of(target)) for target in targets]
    tx.execute(QUERIES["claim_addresses"], {"addresses": addresses})


@dataclass(frozen=True)
class Seating(Generic[AnyAimed]):
    """Who means which profile: entries in their order, without those that mean none."""

    seated: list[tuple[AnyAimed, Seat]] = field(default_factory=list)

    @property
    def new(self) -> list[NewProfile]:
        """The profiles to be made, each once."""
        return list(dict.fromkeys(seat for _, seat in self.seated if isinstance(seat, NewProfile)))


def seat(entries: Sequence[AnyAimed], found: Mapping[Hashable, Found]) -> Seating[AnyAimed]:
    """Return which profile each of *entries* means, given what was *found*, as if they came one after another.

    An entry sees the profiles that the entries before it make, and the addresses that they give to profiles: among
    several profiles with an address the vendor takes one with an external_id first, then the most recently updated.
    """
    seats: dict[Hashable, Seat] = dict(found)
    seating = Seating[AnyAimed]()
    for entry in entries:
        key = key_of(entry.target)
        taken = seats.get(key)
        if taken is None:
            if isinstance(entry.target, BrazeId) or not entry.may_create:
                continue
            taken = seats[key] = _make(entry.target)
        seating.seated.append((entry, taken))
        for address in _addresses_given(entry):
            rival = seats.get(address)
            if rival is None or taken.identified or not rival.identified:
                seats[address] = taken
    return seating


def _make(target: Identifier) -> NewProfile:
    """Return the profile to be made for *target*."""
    match target:
        case ExternalId(value):
            return NewProfile(external_id=value)
        case UserAlias():
            return NewProfile(user_alias=target)
        case Email(value):
            return NewProfile(email=EmailAddress(address=value, key=target.key))
        case Phone(value):
            return NewProfile(phone=PhoneNumber(number=value, e164=to_e164(value)))
        case _ as never:
            assert_never(never)


def _addresses_given(entry: Aimed) -> list[tuple[str, ...]]:
    """Return the keys of the addresses that *entry* gives to its profile."""
    standard: Mapping[str, Any] = getattr(entry, "standard", {})
    email, phone = standard.get("email"), standard.get("phone")
    given: list[Email | Phone] = [*([Email(email)] if email else []), *([Phone(phone)] if phone else [])]
    return [sharing_key(address) for address in given]


def _query(kind: str, keys: Sequence[tuple[str, ...]]) -> tuple[str, tuple[str, ...], dict[str, list[str]]]:
    """Return the query for targets of *kind*, the columns of its keys, and its parameters."""
    values = [key[-1] for key in keys]
    match kind:
        case "external_id":
            return "find_external_ids", ("external_id",), {"external_ids": values}
        case "braze_id":
            return "find_braze_ids", ("braze_id",), {"braze_ids": values}
        case "user_alias":
            return "find_aliases", ("label", "name"), {"labels": [label for label, _ in keys], "names": values}
        case "email":
            return "find_emails", ("key",), {"keys": values}
        case _:
            return "find_phones", ("key",), {"keys": values}
