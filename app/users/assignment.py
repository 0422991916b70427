"""Assign the entries of a request to existing profiles, or to new ones to create. Pure."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, assert_never

from app.merging.profile import EmailAddress, PhoneNumber
from app.profiles.creation import NewProfile
from app.profiles.targets import ExistingProfile, target_key
from schemas.identifiers import (
    BrazeId,
    DeviceId,
    Email,
    ExternalId,
    Identifier,
    Phone,
    Target,
    UserAlias,
    sharing_key,
    to_e164,
)

AssignedProfile = ExistingProfile | NewProfile


class Targeted(Protocol):
    """An entry that names a profile."""

    @property
    def target(self) -> Target:
        """The identifier of the profile."""

    @property
    def may_create(self) -> bool:
        """Whether the profile is created when there is none."""


AnyTargeted = TypeVar("AnyTargeted", bound=Targeted)


@dataclass(frozen=True)
class Assignment(Generic[AnyTargeted]):
    """Entries with their profiles, in the order of the request."""

    pairs: list[tuple[AnyTargeted, AssignedProfile]] = field(default_factory=list)
    #: Entries that have no profile and may not create one.
    without_profile: list[AnyTargeted] = field(default_factory=list)

    @property
    def new(self) -> list[NewProfile]:
        """The profiles to create, each once."""
        return list(dict.fromkeys(profile for _, profile in self.pairs if isinstance(profile, NewProfile)))


def assign_entries(
    entries: Sequence[AnyTargeted], found: Mapping[Hashable, ExistingProfile]
) -> Assignment[AnyTargeted]:
    """Assign *entries* as if they were sent one by one; *found* holds the existing profiles by target_key.

    An entry sees the profiles that earlier entries create, and the addresses and devices that they add: among several
    profiles with an address the vendor takes one with an external_id first, then the most recently updated. A device
    names unidentified profiles only.
    """
    profiles: dict[Hashable, AssignedProfile] = dict(found)
    assignment = Assignment[AnyTargeted]()
    for entry in entries:
        key = target_key(entry.target)
        profile = profiles.get(key)
        if profile is None:
            if isinstance(entry.target, BrazeId) or not entry.may_create:
                assignment.without_profile.append(entry)
                continue
            profile = profiles[key] = _new_profile(entry.target)
        assignment.pairs.append((entry, profile))
        for address in _addresses_set_by(entry):
            present = profiles.get(address)
            if present is None or profile.identified or not present.identified:
                profiles[address] = profile
        if not profile.identified:
            profiles |= {target_key(DeviceId(device_id)): profile for device_id in getattr(entry, "devices", ())}
    return assignment


def _new_profile(target: Identifier | DeviceId) -> NewProfile:
    match target:
        case ExternalId(value):
            return NewProfile(external_id=value)
        case UserAlias():
            return NewProfile(user_alias=target)
        case Email(value):
            return NewProfile(email=EmailAddress(address=value, key=target.key))
        case Phone(value):
            return NewProfile(phone=PhoneNumber(number=value, e164=to_e164(value)))
        case DeviceId():
            # Without an identifier: applying the entry adds the device.
            return NewProfile()
        case _ as never:
            assert_never(never)


def _addresses_set_by(entry: Targeted) -> list[tuple[str, ...]]:
    """Return the keys of the addresses that *entry* sets on its profile."""
    standard: Mapping[str, Any] = getattr(entry, "standard", {})
    email, phone = standard.get("email"), standard.get("phone")
    addresses: list[Email | Phone] = [*([Email(email)] if email else []), *([Phone(phone)] if phone else [])]
    return [sharing_key(address) for address in addresses]
