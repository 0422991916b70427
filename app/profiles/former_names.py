"""The names that profiles had before: an erasure finds the jobs by them that found no profile.

Recorded are addresses and aliases that a request replaced, and removed external_ids. What a merge takes from an orphan
is in the record of the merge.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.profile import Profile
from schemas.identifiers import Email, ExternalId, Identifier, Phone, UserAlias, sharing_key

QUERIES = load_queries("app.profiles", "former_names.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerName:
    """A name that a profile had until *ended_at*; addresses are in their comparable form."""

    #: The profile under which it was recorded.
    origin_id: int
    name: Identifier
    ended_at: datetime


def names_of(profile: Profile) -> set[Identifier]:
    """Return all identifiers that *profile* has."""
    names: set[Identifier] = {UserAlias(label=label, name=name) for label, name in profile.user_aliases.items()}
    if profile.external_id is not None:
        names.add(ExternalId(profile.external_id))
    return names | _addresses(profile)


def lost_addresses(before: Profile, after: Profile) -> set[tuple[int, Identifier]]:
    """Return the addresses of *before* that *after*, the same profile, has no more, with the id of the profile."""
    if before.email == after.email and before.phone == after.phone:
        return set()
    kept = {sharing_key(address) for address in _addresses(after)}
    return {(before.id, address) for address in _addresses(before) if sharing_key(address) not in kept}


def record_former_names(tx: Transaction, *, names: Iterable[tuple[int, Identifier]]) -> None:
    """Record *names*, each with the id of the profile that lost it."""
    for profile_id, name in names:
        tx.execute(QUERIES["record_former_name"], _row(profile_id, name))


def load_former_names(tx: Transaction, *, origin_ids: Collection[int]) -> list[FormerName]:
    """Return the former names of *origin_ids*, their deprecated external_ids among them."""
    rows = tx.execute(QUERIES["names_of_origins"], {"origin_ids": list(origin_ids)})
    return [
        FormerName(
            origin_id=row["origin_id"],
            name=_identifier(row["kind"], row["label"], row["value"]),
            ended_at=row["ended_at"],
        )
        for row in rows
    ]


def _addresses(profile: Profile) -> set[Identifier]:
    addresses: set[Identifier] = set()
    if profile.email is not None:
        addresses.add(Email(profile.email.address))
    if profile.phone is not None:
        addresses.add(Phone(profile.phone.number))
    return addresses


def _row(profile_id: int, name: Identifier) -> dict[str, object]:
    kind, *label, value = sharing_key(name)
    return {"origin_id": profile_id, "kind": kind, "label": "".join(label), "value": value}


def _identifier(kind: str, label: str, value: str) -> Identifier:
    match kind:
        case "external_id":
            return ExternalId(value)
        case "user_alias":
            return UserAlias(label=label, name=value)
        case "email":
            return Email(value)
        case _:
            return Phone(value)
