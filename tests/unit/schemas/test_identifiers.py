"""Identifiers: the comparison of their values, and their format in requests."""

from typing import Any

import pytest

from schemas.identifiers import (
    BrazeId,
    Email,
    ExternalId,
    Identifier,
    Phone,
    UserAlias,
    from_wire,
    plain_value,
    sharing_key,
    to_wire,
)
from schemas.priorities import Priority

STEPS = (Priority.UNIDENTIFIED, Priority.MOST_RECENTLY_UPDATED)
WRITTEN: list[tuple[Identifier, dict[str, Any]]] = [
    (ExternalId("old-user1"), {"external_id": "old-user1"}),
    (ExternalId(""), {"external_id": ""}),
    (UserAlias(label="l", name="n"), {"user_alias": {"alias_name": "n", "alias_label": "l"}}),
    (
        Email(" A@x.org", STEPS),
        {"email": " A@x.org", "prioritization": ["unidentified", "most_recently_updated"]},
    ),
    (Phone("+1 415", STEPS), {"phone": "+1 415", "prioritization": ["unidentified", "most_recently_updated"]}),
]


@pytest.mark.parametrize(("identifier", "wire"), WRITTEN)
def test_an_identifier_is_written_as_the_vendor_writes_it_and_read_back(
    identifier: Identifier, wire: dict[str, Any]
) -> None:
    assert to_wire(identifier) == wire
    assert from_wire(wire) == identifier


def test_an_address_may_come_without_a_prioritization() -> None:
    assert from_wire({"email": "a@x.org"}) == Email("a@x.org")
    assert from_wire({"phone": "0123", "prioritization": None}) == Phone("0123")


@pytest.mark.parametrize("wire", [{"email": "a@x.org", "prioritization": ["newest"]}, {}, {"fax": "1"}])
def test_an_invalid_identifier_cannot_be_read(wire: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        from_wire(wire)


def test_external_ids_and_aliases_compare_to_the_letter() -> None:
    keys = [
        sharing_key(each)
        for each in (
            ExternalId("ann"),
            ExternalId("Ann"),
            ExternalId("ann "),
            UserAlias("l", "ann"),
            UserAlias("L", "ann"),
            UserAlias("l", "Ann"),
        )
    ]

    assert len(set(keys)) == len(keys)


def test_two_ways_to_write_an_address_share_a_lane_and_two_kinds_do_not() -> None:
    assert sharing_key(Email("A@x.org", STEPS)) == sharing_key(Email("a@x.org"))
    assert sharing_key(Phone("+1 415 555 0123")) == sharing_key(Phone("+14155550123"))
    assert sharing_key(ExternalId("a@x.org")) != sharing_key(Email("a@x.org"))
    assert sharing_key(Phone("0123")) != sharing_key(ExternalId("0123"))


def test_the_plain_value_is_the_sent_one() -> None:
    identifiers: list[Identifier] = [ExternalId("x"), UserAlias("l", "x"), Email(" X "), Phone(" +1 ")]

    assert [plain_value(each) for each in identifiers] == ["x", "x", " X ", " +1 "]


def test_a_braze_id_is_no_identifier_of_a_merge() -> None:
    assert BrazeId("f" * 24).value == "f" * 24
    with pytest.raises(KeyError):
        from_wire({"braze_id": "f" * 24})
