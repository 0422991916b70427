from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.nesting import (
    INVALID_PROPERTIES,
    LEFT_OUT,
    NestedFault,
    check_properties,
    is_nested,
    nested_value,
    size,
)

KEYS = (
    "The keys within the custom attribute 'plan' must have 1 to 255 characters, none of them a space, a period or a"
    " dollar sign."
)
TIME = "A '$time' within the custom attribute 'plan' must be a moment in ISO 8601 form."


@pytest.mark.parametrize("value", [{}, {"a": 1}, [{}], [1, [2]], {"inc": 1}])
def test_objects_and_arrays_that_hold_more_than_plain_values_are_nested(value: Any) -> None:
    assert is_nested(value)


@pytest.mark.parametrize("value", [[], [1, "a", None], "text", 1, True, None])
def test_plain_values_and_arrays_of_them_are_not_nested(value: Any) -> None:
    assert not is_nested(value)


@pytest.mark.parametrize("value", [{}, {"a": {"b": [None, 1, "x" * 255]}}, [{"a": ""}], {"k" * 255: True}])
def test_a_nested_value_is_stored_as_it_was_sent(value: Any) -> None:
    assert nested_value("plan", value) == value


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("1980-01-01", "1980-01-01T00:00:00.000Z"),
        ("2020-05-28T19:20:30+02:00", "2020-05-28T17:20:30.000Z"),
        ("05/28/2020", "2020-05-28T00:00:00.000Z"),
        ("0476-09-04", "0476-09-04T00:00:00.000Z"),
        ("3000-12-31", "3000-12-31T00:00:00.000Z"),
    ],
)
def test_a_time_is_stored_as_text_in_one_form(sent: str, stored: str) -> None:
    value = {"at": {"$time": sent}, "all": [{"$time": sent}]}

    assert nested_value("plan", value) == {"at": stored, "all": [stored]}
    assert nested_value("plan", {"$time": sent}) == stored


@pytest.mark.parametrize("year", ["-0044-03-15", "3001-01-01", "9999-01-01", "12026-01-01", "+12026-01-01"])
def test_a_year_before_0_or_after_3000_is_not_stored(year: str) -> None:
    assert nested_value("plan", {"at": {"$time": year}, "all": [{"$time": year}, 1]}) == {"all": [1]}
    assert nested_value("plan", {"$time": year}) is LEFT_OUT


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"at": {"$time": None}}, TIME),
        ({"at": {"$time": "soon"}}, TIME),
        ({"at": {"$time": 1746100000}}, TIME),
        ({"at": {"$time": "2026-13-01"}}, TIME),
        ([{"$time": ""}], TIME),
        ({"at": {"$time": "2026-01-01", "zone": "UTC"}}, KEYS),
        ({"a b": 1}, KEYS),
        ({"a": [{"b.c": 1}]}, KEYS),
        ({"$gt": 1}, KEYS),
        ({"": 1}, KEYS),
        ({"k" * 256: 1}, KEYS),
        ({"a": ["x" * 256]}, "The strings within the custom attribute 'plan' may not be longer than 255 characters."),
    ],
)
def test_the_fault_of_a_nested_value_is_named(value: Any, fault: str) -> None:
    with pytest.raises(NestedFault) as caught:
        nested_value("plan", value)

    assert str(caught.value) == fault


@pytest.mark.parametrize(("value", "bytes_"), [("é", 4), ({"a": 1}, 8), ([1, True], 9), (None, 4), (1.5, 3)])
def test_sizes_are_about_those_of_json(value: Any, bytes_: int) -> None:
    assert size(value) == bytes_


def test_properties_may_be_256() -> None:
    check_properties({str(number): number for number in range(256)}, reserved=frozenset(), most_bytes=10_000)

    with pytest.raises(ValidationError, match=INVALID_PROPERTIES):
        check_properties({str(number): number for number in range(257)}, reserved=frozenset(), most_bytes=10_000)
