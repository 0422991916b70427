"""Identifiers of profiles in requests, and how their values compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Re-exported: the comparison of identifiers is complete here.
from schemas.addresses import email_key as email_key  # noqa: PLC0414
from schemas.addresses import phone_key as phone_key  # noqa: PLC0414
from schemas.addresses import to_e164 as to_e164  # noqa: PLC0414
from schemas.priorities import Priority

#: Maximum bytes of an external_id, as at the vendor.
MAX_EXTERNAL_ID_BYTES = 987
#: Maximum bytes of an alias name or label, as at the vendor.
MAX_ALIAS_BYTES = 236


@dataclass(frozen=True, slots=True)
class ExternalId:
    """The external_id of a profile, compared exactly."""

    value: str


@dataclass(frozen=True, slots=True)
class UserAlias:
    """The alias of a profile; label and name compare exactly."""

    label: str
    name: str


@dataclass(frozen=True, slots=True)
class Email:
    """An email address, which profiles may share; the prioritization selects one. Compared by email_key."""

    value: str
    prioritization: tuple[Priority, ...] = ()

    @property
    def key(self) -> str:
        """The address as it is compared."""
        return email_key(self.value)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone number, which profiles may share; the prioritization selects one. Compared as E.164."""

    value: str
    prioritization: tuple[Priority, ...] = ()

    @property
    def key(self) -> str | None:
        """The number in E.164 form; None if it has none, and identifies no profile."""
        return phone_key(self.value)


@dataclass(frozen=True, slots=True)
class BrazeId:
    """A braze_id, 24 hexadecimal digits. `/users/track` and exports accept it; merges do not."""

    value: str


@dataclass(frozen=True, slots=True)
class DeviceId:
    """The id of a device. `/users/track` and `/users/alias/new` accept it for an unidentified profile with the device.

    Merges do not accept it: profiles may share a device.
    """

    value: str


@dataclass(frozen=True, slots=True)
class Member:
    """A profile among profiles that share an address, valid while it has the address and *identified* is unchanged.

    Only jobs of duplicate runs have it; no request can.
    """

    braze_id: str
    #: Without a prioritization.
    address: Email | Phone
    identified: bool


Identifier = ExternalId | UserAlias | Email | Phone
Target = Identifier | BrazeId | DeviceId
#: The identifiers of jobs in the ledger.
Recorded = Identifier | Member


def has_key(identifier: Target) -> bool:
    """Return whether a profile can have *identifier*: a phone number without E.164 form identifies none."""
    return not isinstance(identifier, Phone) or identifier.key is not None


def plain_value(identifier: Recorded) -> str:
    """Return the plain value of *identifier* as it was sent; `GET /merge/jobs?identifier=` compares with it."""
    match identifier:
        case UserAlias(_, name):
            return name
        case Member(braze_id):
            return braze_id
        case _:
            return identifier.value


def sharing_key(identifier: Recorded) -> tuple[str, ...]:
    """Return the kind and the comparable value of *identifier*; jobs that share them run in one lane."""
    match identifier:
        case ExternalId(value):
            return ("external_id", value)
        case UserAlias(label, name):
            return ("user_alias", label, name)
        case Email():
            return ("email", identifier.key)
        case Phone():
            # A number without E.164 form names no profile, but the ledger has jobs that name it.
            return ("phone", identifier.key or identifier.value.strip())
        case Member(braze_id):
            return ("braze_id", braze_id)


def to_wire(identifier: Identifier) -> dict[str, Any]:
    """Return *identifier* as a JSON object of a request."""
    match identifier:
        case ExternalId(value):
            return {"external_id": value}
        case UserAlias(label, name):
            return {"user_alias": {"alias_name": name, "alias_label": label}}
        case Email(value, prioritization):
            return {"email": value, "prioritization": list(prioritization)}
        case Phone(value, prioritization):
            return {"phone": value, "prioritization": list(prioritization)}


def from_wire(wire: Mapping[str, Any]) -> Identifier:
    """Return the identifier of the checked JSON object *wire*; the inverse of to_wire."""
    if "external_id" in wire:
        return ExternalId(wire["external_id"])
    if "user_alias" in wire:
        return UserAlias(label=wire["user_alias"]["alias_label"], name=wire["user_alias"]["alias_name"])
    steps: Sequence[str] = wire.get("prioritization") or ()
    prioritization = tuple(map(Priority, steps))
    if "email" in wire:
        return Email(wire["email"], prioritization)
    return Phone(wire["phone"], prioritization)


def to_record(identifier: Recorded) -> dict[str, Any]:
    """Return *identifier* as the ledger stores it: as in requests, except for members of duplicate groups."""
    if not isinstance(identifier, Member):
        return to_wire(identifier)
    kind = "email" if isinstance(identifier.address, Email) else "phone"
    return {"braze_id": identifier.braze_id, kind: identifier.address.value, "identified": identifier.identified}


def from_record(record: Mapping[str, Any]) -> Recorded:
    """Return the identifier of a JSON object of the ledger; the inverse of to_record."""
    if "braze_id" not in record:
        return from_wire(record)
    address = Email(record["email"]) if "email" in record else Phone(record["phone"])
    return Member(braze_id=record["braze_id"], address=address, identified=record["identified"])
