from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.custom import CustomAttributes, load_custom_attributes
from schemas.operations import ChangeArray, ChangeObjects, Increment, MergeObject

ADD = {"$add": [{"id": 1}]}


def read(*, merge: bool = False, **given: Any) -> CustomAttributes:
    return load_custom_attributes(given, merge=merge)


def test_values_are_kept_as_they_were_sent() -> None:
    given = {"plan": "gold", "since": "2026-01-01", "old": None, "pet": {"name": "Gus"}, "seen": ["a", "a"], "n": 1.5}

    assert read(**given) == CustomAttributes(values=given)


def test_operations_are_separate_from_values() -> None:
    custom = read(visits={"inc": 1}, seen={"add": ["a"]}, pets=ADD, plan="gold")

    assert custom.values == {"plan": "gold"}
    assert custom.operations == {
        "visits": Increment(by=1),
        "seen": ChangeArray(add=["a"]),
        "pets": ChangeObjects(add=({"id": 1},), merge=False),
    }


def test_objects_are_merged_only_on_request() -> None:
    assert read(pet={"name": "Gus"}).values == {"pet": {"name": "Gus"}}
    assert read(pet={"name": "Gus"}, merge=True).operations == {"pet": MergeObject(value={"name": "Gus"})}


def test_arrays_are_never_merged() -> None:
    assert read(pets=[{"id": 1}], seen=["a"], merge=True).values == {"pets": [{"id": 1}], "seen": ["a"]}


def test_a_time_that_is_not_stored_does_not_change_the_attribute() -> None:
    assert read(at={"$time": "5000-01-01"}, plan="gold") == CustomAttributes(values={"plan": "gold"})


@pytest.mark.parametrize(
    "given", [{"pet": {"a": 1}}, {"pets": [{}]}, {"pets": ADD}, {"merge": True, "pet": {}}, {"pet": {"$time": None}}]
)
def test_nested_attributes_are_detected(given: dict[str, Any]) -> None:
    custom = read(**given)

    assert custom.nested or custom.fault


@pytest.mark.parametrize("given", [{"n": 1}, {"n": {"inc": 1}}, {"seen": ["a"]}, {"seen": {"add": []}}, {"old": None}])
def test_attributes_without_nesting_are_detected(given: dict[str, Any]) -> None:
    assert not read(**given).nested


def test_one_invalid_nested_attribute_drops_the_others() -> None:
    custom = read(plan="gold", visits={"inc": 1}, pet={"name": "Gus"}, pets=ADD, bad={"$gt": 1}, worse=[{"$time": 1}])

    assert (custom.values, custom.operations) == ({"plan": "gold"}, {"visits": Increment(by=1)})
    assert custom.fault is not None
    assert "custom attribute 'bad'" in custom.fault


def test_an_invalid_plain_attribute_is_refused() -> None:
    with pytest.raises(ValidationError, match="may not be longer than 255 characters"):
        read(plan="x" * 256, pet={"$gt": 1})
