from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.profiles.creation import NewProfile
from app.profiles.targets import ExistingProfile, target_key
from app.users.assignment import AssignedProfile, assign_entries
from schemas.identifiers import BrazeId, DeviceId, Email, ExternalId, Phone, Target, UserAlias

if TYPE_CHECKING:
    from collections.abc import Hashable

ALIAS = UserAlias(label="shop", name="7")


@dataclass(frozen=True)
class Entry:
    """An entry that names a profile."""

    target: Target
    may_create: bool = True
    standard: dict[str, Any] = field(default_factory=dict, compare=False)
    devices: tuple[str, ...] = ()


def assigned(*entries: Entry, **found: ExistingProfile) -> list[AssignedProfile]:
    """Return the profile of each entry; *found* are the existing profiles by external_id."""
    return [
        each for _, each in assign_entries(entries, {("external_id", name): at for name, at in found.items()}).pairs
    ]


def test_an_existing_profile_is_found() -> None:
    assert assigned(Entry(ExternalId("a")), a=ExistingProfile(1, identified=True)) == [
        ExistingProfile(1, identified=True)
    ]


def test_a_profile_is_created_once_however_often_it_is_named() -> None:
    assignment = assign_entries([Entry(ExternalId("a")), Entry(ExternalId("a")), Entry(ExternalId("b"))], {})

    assert [new.external_id for new in assignment.new] == ["a", "b"]
    assert assignment.pairs[0][1] is assignment.pairs[1][1]


def test_an_entry_that_may_not_create_gets_no_profile() -> None:
    assert assigned(Entry(ALIAS, may_create=False), Entry(BrazeId("a" * 24), may_create=False)) == []


def test_an_entry_that_may_not_create_sees_only_profiles_created_before_it() -> None:
    early, maker, late = Entry(ALIAS, may_create=False), Entry(ALIAS), Entry(ALIAS, may_create=False)
    assignment = assign_entries([early, maker, late], {})

    assert [entry for entry, _ in assignment.pairs] == [maker, late]
    assert assignment.without_profile == [early]
    assert [new.user_alias for new in assignment.new] == [ALIAS]


def test_a_profile_created_for_an_address_has_it() -> None:
    by_email, by_phone = assigned(Entry(Email(" A@B.cd")), Entry(Phone("+1 555 123 4567")))

    assert isinstance(by_email, NewProfile)
    assert by_email.email is not None
    assert (by_email.email.address, by_email.email.key) == (" A@B.cd", "a@b.cd")
    assert isinstance(by_phone, NewProfile)
    assert by_phone.phone is not None
    assert (by_phone.phone.number, by_phone.phone.e164) == ("+1 555 123 4567", "+15551234567")


def test_equal_addresses_name_one_profile() -> None:
    first, second = assigned(Entry(Email("a@b.cd")), Entry(Email("A@B.CD ")))

    assert first is second


def test_an_address_set_earlier_in_the_request_is_found() -> None:
    given = Entry(ExternalId("a"), standard={"email": "A@b.cd", "phone": "+1 555 123 4567"})

    assert (
        assigned(given, Entry(Email("a@B.cd")), Entry(Phone("+15551234567")), a=ExistingProfile(1, identified=True))
        == [ExistingProfile(1, identified=True)] * 3
    )


def test_of_profiles_with_one_address_the_one_with_an_external_id_wins() -> None:
    email = Email("a@b.cd")
    identified, unidentified = ExistingProfile(1, identified=True), ExistingProfile(2, identified=False)
    given = {"email": "a@b.cd"}
    found: dict[Hashable, ExistingProfile] = {target_key(ALIAS): unidentified, target_key(ExternalId("a")): identified}
    to_alias, to_external_id = Entry(ALIAS, standard=given), Entry(ExternalId("a"), standard=given)

    assert assign_entries([to_alias, Entry(email)], {**found, target_key(email): identified}).pairs[1][1] == identified
    assert (
        assign_entries([to_external_id, Entry(email)], {**found, target_key(email): unidentified}).pairs[1][1]
        == identified
    )
    assert assign_entries([to_external_id, to_alias, Entry(email)], found).pairs[2][1] == identified
    assert assign_entries([to_alias, to_external_id, Entry(email)], found).pairs[2][1] == identified


def test_a_device_creates_one_profile_without_an_identifier() -> None:
    assignment = assign_entries([Entry(DeviceId("d")), Entry(DeviceId("d")), Entry(DeviceId("e"))], {})
    first, second, third = (profile for _, profile in assignment.pairs)

    assert first is second
    assert first is not third
    assert [new.identified for new in assignment.new] == [False, False]


def test_a_device_that_an_unidentified_profile_got_earlier_in_the_request_names_it() -> None:
    guest = Entry(ALIAS, devices=("d",))
    found, by_device = assigned(guest, Entry(DeviceId("d")))

    assert by_device is found


def test_a_device_of_an_identified_profile_does_not_name_it() -> None:
    customer = Entry(ExternalId("a"), devices=("d",))
    found, by_device = assigned(customer, Entry(DeviceId("d")))

    assert by_device is not found
    assert not by_device.identified
