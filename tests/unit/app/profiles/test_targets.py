from dataclasses import dataclass, field
from typing import Any

from app.profiles.targets import Found, NewProfile, Seat, key_of, seat
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, Target, UserAlias

ALIAS = UserAlias(label="shop", name="7")


@dataclass(frozen=True)
class Entry:
    """An object that means a profile."""

    target: Target
    may_create: bool = True
    standard: dict[str, Any] = field(default_factory=dict, compare=False)


def seats(*entries: Entry, **found: Found) -> list[Seat]:
    """Return which profile each entry means; *found* are profiles by external_id."""
    return [each for _, each in seat(entries, {("external_id", name): at for name, at in found.items()}).seated]


def test_a_profile_that_exists_is_meant() -> None:
    assert seats(Entry(ExternalId("a")), a=Found(1, identified=True)) == [Found(1, identified=True)]


def test_a_profile_is_made_once_however_often_it_is_meant() -> None:
    seating = seat([Entry(ExternalId("a")), Entry(ExternalId("a")), Entry(ExternalId("b"))], {})

    assert [new.external_id for new in seating.new] == ["a", "b"]
    assert seating.seated[0][1] is seating.seated[1][1]


def test_what_may_not_create_means_nobody() -> None:
    assert seats(Entry(ALIAS, may_create=False), Entry(BrazeId("a" * 24), may_create=False)) == []


def test_what_may_not_create_finds_what_was_made_before_it_and_not_after() -> None:
    early, maker, late = Entry(ALIAS, may_create=False), Entry(ALIAS), Entry(ALIAS, may_create=False)
    seating = seat([early, maker, late], {})

    assert [entry for entry, _ in seating.seated] == [maker, late]
    assert [new.user_alias for new in seating.new] == [ALIAS]


def test_a_profile_made_for_an_address_has_it_from_the_start() -> None:
    by_email, by_phone = seats(Entry(Email(" A@B.cd")), Entry(Phone("+1 555 123 4567")))

    assert isinstance(by_email, NewProfile)
    assert by_email.email is not None
    assert (by_email.email.address, by_email.email.key) == (" A@B.cd", "a@b.cd")
    assert isinstance(by_phone, NewProfile)
    assert by_phone.phone is not None
    assert (by_phone.phone.number, by_phone.phone.e164) == ("+1 555 123 4567", "+15551234567")


def test_addresses_that_compare_equal_mean_one_profile() -> None:
    first, second = seats(Entry(Email("a@b.cd")), Entry(Email("A@B.CD ")))

    assert first is second


def test_an_address_given_earlier_in_the_request_is_found() -> None:
    given = Entry(ExternalId("a"), standard={"email": "A@b.cd", "phone": "+1 555 123 4567"})

    assert (
        seats(given, Entry(Email("a@B.cd")), Entry(Phone("+15551234567")), a=Found(1, identified=True))
        == [Found(1, identified=True)] * 3
    )


def test_among_those_with_an_address_one_with_an_external_id_is_meant_first() -> None:
    email = Email("a@b.cd")
    identified, unidentified = Found(1, identified=True), Found(2, identified=False)
    given = {"email": "a@b.cd"}
    found = {key_of(ALIAS): unidentified, key_of(ExternalId("a")): identified}
    to_alias, to_external_id = Entry(ALIAS, standard=given), Entry(ExternalId("a"), standard=given)

    assert seat([to_alias, Entry(email)], {**found, key_of(email): identified}).seated[1][1] == identified
    assert seat([to_external_id, Entry(email)], {**found, key_of(email): unidentified}).seated[1][1] == identified
    assert seat([to_external_id, to_alias, Entry(email)], found).seated[2][1] == identified
    assert seat([to_alias, to_external_id, Entry(email)], found).seated[2][1] == identified
