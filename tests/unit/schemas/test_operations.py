from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.nesting import NestedFault
from schemas.operations import ChangeArray, ChangeObjects, Increment, Match, Operation, operation_of

GUS = {"id": 1, "name": "Gus"}
ONE = {"$identifier_key": "id", "$identifier_value": 1}
ALONE = "Each object in an '$update' of the custom attribute 'pets' must have $identifier_key and $identifier_value and"


def read(value: dict[str, Any], *, merge: bool = False) -> Operation | None:
    return operation_of("pets", value, merge=merge)


@pytest.mark.parametrize("by", [1, -1, 0, 2**63 - 1, -(2**63)])
def test_an_increment_is_an_integer_of_64_bits(by: int) -> None:
    assert read({"inc": by}) == Increment(by=by)


@pytest.mark.parametrize("by", ["1", 1.0, True, None, [1], {}, 2**63])
def test_an_increment_by_anything_else_is_refused(by: Any) -> None:
    with pytest.raises(ValidationError, match="can only be incremented by an integer of 64 bits"):
        read({"inc": by})


def test_an_array_is_changed_by_plain_elements() -> None:
    assert read({"add": ["a", 1, None]}) == ChangeArray(add=["a", 1, None])
    assert read({"remove": []}) == ChangeArray(remove=[])
    assert read({"add": ["a"], "remove": ["b"]}) == ChangeArray(add=["a"], remove=["b"])


@pytest.mark.parametrize("elements", ["a", None, 1, {"a": 1}, [{"a": 1}], [["a"]]])
def test_an_array_is_changed_by_nothing_else(elements: Any) -> None:
    with pytest.raises(ValidationError, match=r"must be an array of plain values; use '\$add' for objects"):
        read({"add": elements})


def test_an_element_has_255_characters() -> None:
    assert read({"remove": ["x" * 255]}) == ChangeArray(remove=["x" * 255])

    with pytest.raises(ValidationError, match="may not be longer than 255 characters"):
        read({"remove": ["x" * 256]})


def test_a_number_is_no_array() -> None:
    with pytest.raises(ValidationError, match="can not be incremented and changed as an array at once"):
        read({"inc": 1, "add": ["a"]})


@pytest.mark.parametrize("value", [{}, {"inc": 1, "by": 2}, {"add": ["a"], "note": "b"}, {"name": "Gus"}])
def test_any_other_object_is_a_value(value: dict[str, Any]) -> None:
    assert read(value) is None


def test_objects_are_added_removed_and_updated() -> None:
    value = {"$add": [GUS], "$remove": [ONE], "$update": [{**ONE, "$new_object": {"at": {"$time": "2026-01-01"}}}]}
    match = Match(key="id", value=1)

    assert read(value, merge=True) == ChangeObjects(
        add=(GUS,), remove=(match,), update=((match, {"at": "2026-01-01T00:00:00.000Z"}),), merge=True
    )


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"$add": GUS}, "The operation '$add' on the custom attribute 'pets' must be an array of objects."),
        ({"$add": ["Gus"]}, "The operation '$add' on the custom attribute 'pets' must be an array of objects."),
        ({"$add": None}, "The operation '$add' on the custom attribute 'pets' must be an array of objects."),
        ({"$add": [{"$time": "2026-01-01"}]}, "What '$add' brings to the custom attribute 'pets' must be objects."),
        ({"$add": [{"a b": 1}]}, "The keys within the custom attribute 'pets' must have 1 to 255 characters"),
        ({"$update": [ONE]}, ALONE),
        ({"$update": [{**ONE, "$new_object": {}, "more": 1}]}, ALONE),
        ({"$update": [{**ONE, "$new_object": 1}]}, "What '$update' brings to the custom attribute 'pets' must be"),
        ({"$remove": [GUS]}, "Each object in an '$remove' of the custom attribute 'pets' must have $identifier_key"),
        ({"$remove": [{**ONE, "$identifier_key": 1}]}, "'$identifier_key' of the custom attribute 'pets' must be a"),
        ({"$remove": [{**ONE, "$identifier_value": {}}]}, "'$identifier_key' of the custom attribute 'pets' must be a"),
        (
            {"$remove": [ONE] * 501},
            "The operation '$remove' on the custom attribute 'pets' may not have more than 500 objects.",
        ),
    ],
)
def test_the_fault_of_an_operation_on_objects_is_named(value: dict[str, Any], fault: str) -> None:
    with pytest.raises(NestedFault) as caught:
        read(value)

    assert str(caught.value).startswith(fault)
