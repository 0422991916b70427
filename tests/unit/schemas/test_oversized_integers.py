"""Integers beyond 64 bits in objects of `/users/track`: left out of stored values, refused elsewhere."""

from collections.abc import Mapping
from typing import Any

import pytest

from schemas.attributes import Attributes
from schemas.history import Engagement, Event, Purchase
from schemas.json_values import OversizedInteger
from schemas.operations import ChangeArray, ChangeObjects, Match, MergeObject
from schemas.track import TrackRequest, load_track

BIG, OTHER = OversizedInteger("109876543210987654321"), OversizedInteger("-9223372036854775809")
ME = {"external_id": "me"}
NOON = "2026-05-01T12:00:00Z"
EVENT = {**ME, "name": "login", "time": NOON}
PURCHASE = {**ME, "product_id": "hat", "currency": "USD", "price": 1, "time": NOON}
ENGAGEMENT = {**ME, "kind": "campaign", "id": "c", "event": "opened", "time": NOON}


def loaded(array: str, given: Any) -> TrackRequest:
    return load_track({array: [given]})


def stored(**attributes: Any) -> tuple[Mapping[str, Any], list[str]]:
    """Return the custom attributes and operations of an attributes object, and its warnings."""
    request = loaded("attributes", {**ME, **attributes})
    (entry,) = request.entries
    assert isinstance(entry, Attributes)
    assert entry.custom.fault is None
    return {**entry.custom.values, **entry.custom.operations}, [each["type"] for each in request.warnings]


def left_out(place: str) -> list[str]:
    return [f"'{place}' is an integer beyond 64 bits and was left out; send ids as strings."]


@pytest.mark.parametrize(
    ("value", "kept", "place"),
    [
        ([BIG, 5, OTHER], [5], "x.0' and 'x.2"),
        ([BIG], [], "x.0"),
        ({"a": BIG, "b": 1}, {"b": 1}, "x.a"),
        ({"a": {"b": [{"c": BIG, "d": "e"}]}}, {"a": {"b": [{"d": "e"}]}}, "x.a.b.0.c"),
        ([{"id": BIG, "n": 1}, 2], [{"n": 1}, 2], "x.0.id"),
        ({"add": [BIG, "a"]}, ChangeArray(add=["a"]), "x.add.0"),
        ({"add": ["a"], "remove": [BIG]}, ChangeArray(add=["a"], remove=[]), "x.remove.0"),
        ({"$add": [{"id": BIG, "n": 1}]}, ChangeObjects(add=({"n": 1},), merge=False), "x.$add.0.id"),
        (
            {"$remove": [{"$identifier_key": "id", "$identifier_value": each} for each in (BIG, 7)]},
            ChangeObjects(remove=(Match(key="id", value=7),), merge=False),
            "x.$remove.0",
        ),
        (
            {"$update": [{"$identifier_key": "id", "$identifier_value": BIG, "$new_object": {"n": 1}}]},
            ChangeObjects(merge=False),
            "x.$update.0",
        ),
        (
            {"$update": [{"$identifier_key": "id", "$identifier_value": 7, "$new_object": {"n": 1, "m": BIG}}]},
            ChangeObjects(update=((Match(key="id", value=7), {"n": 1}),), merge=False),
            "x.$update.0.$new_object.m",
        ),
        ({"add": BIG, "colour": "red"}, {"colour": "red"}, "x.add"),
    ],
)
def test_only_the_oversized_integer_of_a_custom_attribute_is_left_out(value: Any, kept: Any, place: str) -> None:
    values, warnings = stored(x=value, plan="gold")

    assert values == {"x": kept, "plan": "gold"}
    if "' and '" in place:
        assert warnings == [f"'{place}' are integers beyond 64 bits and were left out; send ids as strings."]
    else:
        assert warnings == left_out(place)


def test_an_oversized_integer_as_an_attribute_neither_sets_nor_deletes_it() -> None:
    assert stored(google_id=BIG, plan="gold") == ({"plan": "gold"}, left_out("google_id"))
    assert stored(**{" google_id ": BIG}) == ({}, left_out("google_id"))
    assert stored(device_id=BIG) == ({}, left_out("device_id"))


def test_a_merged_object_without_the_oversized_integer_is_stored() -> None:
    values, warnings = stored(x={"a": BIG, "b": 1}, _merge_objects=True)

    assert (values, warnings) == ({"x": MergeObject(value={"b": 1})}, left_out("x.a"))


def test_integers_of_64_bits_and_floats_are_stored() -> None:
    values = {"least": -(2**63), "most": 2**64 - 1, "float": 1.8446744073709552e19, "list": [2**53, 2**53 + 1]}

    assert stored(**values) == (values, [])


def test_a_warning_names_three_places() -> None:
    _, warnings = stored(**{f"id{number}": BIG for number in range(5)})

    assert warnings == [
        "'id0', 'id1', 'id2' and 2 more are integers beyond 64 bits and were left out; send ids as strings."
    ]


@pytest.mark.parametrize(("array", "sound"), [("events", EVENT), ("purchases", PURCHASE), ("engagements", ENGAGEMENT)])
def test_only_the_oversized_integer_of_properties_is_left_out(array: str, sound: dict[str, Any]) -> None:
    request = loaded(array, {**sound, "properties": {"order": BIG, "n": 1, "in": {"id": [OTHER]}}, "ignored": BIG})
    (entry,) = request.entries

    assert isinstance(entry, Event | Purchase | Engagement)
    assert entry.properties == {"n": 1, "in": {"id": []}}
    assert request.warnings == [
        {
            "type": "'properties.order' and 'properties.in.id.0' are integers beyond 64 bits and were left out;"
            " send ids as strings.",
            "input_array": array,
            "index": 0,
        }
    ]


def test_only_the_oversized_integer_of_network_objects_is_left_out() -> None:
    request = loaded("attributes", {**ME, "facebook": {"id": BIG, "likes": ["a"]}, "twitter": BIG})
    (entry,) = request.entries

    assert isinstance(entry, Attributes)
    assert entry.standard == {"facebook": {"likes": ["a"]}}
    assert [each["type"] for each in request.warnings] == [
        *left_out("facebook.id"),
        "'twitter' must be an object, so it was left out.",
    ]


@pytest.mark.parametrize(
    ("array", "given", "fault"),
    [
        ("attributes", {"external_id": BIG}, "'external_id' must be a string"),
        (
            "attributes",
            {"alias_name": BIG, "alias_label": "l", "email": "a@x.org"},
            "'user_alias.alias_name' must",
        ),
        ("attributes", {**ME, "email_subscribe": BIG}, "'email_subscribe' must be a string"),
        ("attributes", {**ME, "visits": {"inc": BIG}}, "The custom attribute 'visits' can only be incremented by"),
        ("attributes", {**ME, "tags": {"add": BIG}}, "The operation 'add' on the custom attribute 'tags' must be"),
        ("events", {**EVENT, "name": BIG}, "'name' must be a string, or a whole number of at most 64 bits"),
        ("events", {**EVENT, "properties": BIG}, "'properties' must be an object"),
        ("purchases", {**PURCHASE, "product_id": BIG}, "'product_id' must be a string, or a whole number of at most"),
        ("purchases", {**PURCHASE, "price": BIG}, "'price' must be a number from"),
        ("purchases", {**PURCHASE, "quantity": BIG}, "'quantity' is not valid"),
    ],
)
def test_other_fields_refuse_an_oversized_integer(array: str, given: dict[str, Any], fault: str) -> None:
    request = loaded(array, given)

    assert request.entries == request.warnings == []
    assert request.errors[0]["type"].startswith(fault)


def test_an_oversized_integer_as_a_time_is_a_fault_of_the_nested_attribute() -> None:
    request = loaded("attributes", {**ME, "x": {"at": {"$time": BIG}}})

    assert "must be a moment" in request.warnings[0]["type"]
