"""Identifiers: how their values compare, and how they are written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import (
    BrazeId,
    Email,
    ExternalId,
    Identifier,
    Phone,
    UserAlias,
    fold_email,
    from_wire,
    phone_key,
    plain_value,
    search_keys,
    sharing_key,
    to_e164,
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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ann@x.org", " Ann@X.ORG\t", True),
        ("STRASSE@x.org", "straße@x.org", True),
        ("ann@x.org", "ann@x.com", False),
        ("a nn@x.org", "ann@x.org", False),
        ("ann+news@x.org", "ann@x.org", False),
    ],
)
def test_emails_compare_trimmed_and_case_folded(one: str, other: str, same: bool) -> None:
    assert (Email(one).key == Email(other).key) is same


@given(st.text())
def test_folding_an_email_twice_is_folding_it_once(address: str) -> None:
    assert fold_email(fold_email(address)) == fold_email(address)


@pytest.mark.parametrize(
    ("number", "e164"),
    [
        ("+14155550123", "+14155550123"),
        ("+1 (415) 555-0123", "+14155550123"),
        (" +49 30 901820 ", "+4930901820"),
        ("tel:+1-415-555-0123", "+14155550123"),
        ("4155550123", None),
        ("004930901820", None),
        ("+1", None),
        ("+1415555012345678901", None),
        ("+999 123456", None),
        ("nonsense", None),
        ("", None),
        ("+" * 300, None),
    ],
)
def test_a_number_has_an_e164_form_when_it_names_its_country(number: str, e164: str | None) -> None:
    assert to_e164(number) == e164


def test_phones_compare_as_e164_or_else_as_they_were_sent() -> None:
    assert Phone("+1 415 555-0123").key == Phone("+14155550123").key
    assert Phone(" 0123 ").key == Phone("0123").key
    assert Phone("0123").key != Phone("0124").key


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


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ann", ("ann",)),
        ("Ann@x.org", ("Ann@x.org", "ann@x.org")),
        ("+1 415 555 0123", ("+1 415 555 0123", "+14155550123")),
        (" 0123", (" 0123", "0123")),
    ],
)
def test_a_plain_value_is_looked_for_in_every_form_it_may_have(text: str, keys: tuple[str, ...]) -> None:
    assert search_keys(text) == keys


@given(st.text())
def test_whatever_is_searched_for_is_found_as_it_was_sent(text: str) -> None:
    assert text in search_keys(text)
    assert {fold_email(text), phone_key(text)} <= set(search_keys(text))


def test_a_braze_id_is_no_identifier_of_a_merge() -> None:
    assert BrazeId("f" * 24).value == "f" * 24
    with pytest.raises(KeyError):
        from_wire({"braze_id": "f" * 24})
