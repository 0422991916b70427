import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.users.custom_attributes import (
    OperationIgnored,
    apply_custom_attributes,
    apply_operation,
    json_key,
    merge_objects,
    unique_elements,
)
from app.users.draft import Draft
from schemas.custom import load_custom_attributes
from schemas.operations import ChangeArray, ChangeObjects, Increment, Match
from tests.support.factories import a_profile

CAP = 4
GUS = {"id": 1, "type": "dog", "name": "Gus"}
LEO = {"id": 2, "type": "cat", "name": "Leo"}
REX = {"id": 3, "type": "dog", "name": "Rex"}

PLAIN = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 1.5, "", "a", "b", "1"])
ARRAYS = st.lists(PLAIN, max_size=8)
OBJECTS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(st.sampled_from("abc"), PLAIN | ARRAYS, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | PLAIN, max_size=3),
    max_leaves=6,
)


def after(
    present: dict[str, Any], *, merge: bool = False, cap: int = CAP, **sent: Any
) -> tuple[dict[str, Any], list[str]]:
    """Return the custom attributes *present* after *sent*, and the reasons of ignored ones."""
    draft = Draft(a_profile(custom_attributes=present))
    custom = load_custom_attributes(sent, merge=merge)

    assert custom.fault is None
    ignored = apply_custom_attributes(draft, custom, array_cap=cap)
    return draft["custom_attributes"], ignored


def changed(present: Any, sent: Any, *, merge: bool = False) -> Any:
    """Return the attribute *present* after *sent*, or None if it is absent; fail if *sent* is ignored."""
    attributes, ignored = after({} if present is None else {"x": present}, merge=merge, x=sent)

    assert ignored == []
    return attributes.get("x")


def ignored(present: Any, sent: Any) -> str:
    """Return the reason why *sent* is ignored; fail if it changes the attribute."""
    attributes, reasons = after({"x": present}, x=sent)

    assert attributes == {"x": present}
    (sentence,) = reasons
    return sentence


@pytest.mark.parametrize(
    ("present", "by", "number"), [(None, 5, 5), (None, -5, -5), (1, 2, 3), (1, -2, -1), (2.5, 1, 3.5), (0, 0, 0)]
)
def test_a_number_is_incremented_and_an_absent_one_starts_at_0(present: Any, by: int, number: float) -> None:
    assert changed(present, {"inc": by}) == number


@pytest.mark.parametrize("present", ["5", True, [1], {"a": 1}])
def test_a_value_that_is_no_number_is_not_incremented(present: Any) -> None:
    assert ignored(present, {"inc": 1}) == "The custom attribute 'x' is not a number, and was not incremented."


@pytest.mark.parametrize(("present", "by"), [(2**63 - 1, 1), (-(2**63), -1), (2**64 - 1, 0)])
def test_a_number_does_not_leave_64_bits(present: int, by: int) -> None:
    assert "would have left the range of 64 bits" in ignored(present, {"inc": by})


@pytest.mark.parametrize(
    ("present", "sent", "array"),
    [
        (None, ["hotdog", "hotdog", "hotdog", "pizza"], ["hotdog", "pizza"]),
        (["a", "b"], ["c"], ["c"]),
        (["a", "b"], {"add": ["c"]}, ["a", "b", "c"]),
        (["a", "b", "c"], {"add": ["a"]}, ["b", "c", "a"]),
        (["a", "b", "c", "d"], {"add": ["e"]}, ["b", "c", "d", "e"]),
        (["a", "b", "c", "d"], {"add": ["a"]}, ["b", "c", "d", "a"]),
        (None, ["a", "b", "c", "d", "e", "f"], ["c", "d", "e", "f"]),
        (None, {"add": ["a"]}, ["a"]),
        (None, {"remove": ["a"]}, None),
        (["a", "b"], {"remove": ["a", "z"]}, ["b"]),
        (["a"], {"remove": ["a"]}, []),
        (["a", "b"], {"add": ["c", "d"], "remove": ["a", "d"]}, ["b", "c"]),
        ([1, True, "1"], {"remove": [1.0]}, [True, "1"]),
        ([0, False], {"add": [False]}, [0, False]),
    ],
)
def test_elements_of_arrays_are_replaced_added_and_removed(present: Any, sent: Any, array: Any) -> None:
    result = changed(present, sent)

    assert result == array
    assert result is None or list(map(type, result)) == list(map(type, array))


@pytest.mark.parametrize("present", ["a", 1, {"a": 1}])
@pytest.mark.parametrize("sent", [{"add": ["a"]}, {"remove": ["a"]}, {"$add": [{}]}, {"$remove": []}])
def test_a_value_that_is_no_array_is_not_changed(present: Any, sent: Any) -> None:
    assert ignored(present, sent) == "The custom attribute 'x' is not an array, and was left alone."


def test_null_deletes() -> None:
    assert after({"x": 1, "y": [2]}, x=None, z=None) == ({"y": [2]}, [])


@pytest.mark.parametrize(
    ("present", "sent", "pets"),
    [
        (None, {"$add": [GUS]}, [GUS]),
        (None, {"$remove": [{"$identifier_key": "id", "$identifier_value": 1}]}, None),
        ([GUS], {"$add": [LEO, GUS]}, [GUS, LEO, GUS]),
        ([GUS, LEO, REX], {"$remove": [{"$identifier_key": "type", "$identifier_value": "dog"}]}, [LEO]),
        ([GUS, "stray"], {"$remove": [{"$identifier_key": "id", "$identifier_value": 1}]}, ["stray"]),
        ([GUS], {"$remove": [{"$identifier_key": "id", "$identifier_value": True}]}, [GUS]),
        (
            [GUS, LEO],
            {"$update": [{"$identifier_key": "id", "$identifier_value": 2, "$new_object": {"id": 4}}]},
            [GUS, {"id": 4}],
        ),
        (
            [GUS],
            {"$update": [{"$identifier_key": "id", "$identifier_value": 9, "$new_object": {"id": 4}}]},
            [GUS],
        ),
        (
            [GUS],
            {
                "$update": [
                    {"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"id": 2}},
                    {"$identifier_key": "id", "$identifier_value": 2, "$new_object": {"id": 3}},
                    {"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"id": 4}},
                ]
            },
            [{"id": 3}],
        ),
        (
            [GUS],
            {
                "$add": [LEO, REX],
                "$remove": [{"$identifier_key": "type", "$identifier_value": "dog"}],
                "$update": [{"$identifier_key": "id", "$identifier_value": 2, "$new_object": GUS}],
            },
            [GUS],
        ),
    ],
)
def test_operations_on_arrays_of_objects_run_in_the_order_add_remove_update(present: Any, sent: Any, pets: Any) -> None:
    assert changed(present, sent) == pets


def test_an_update_is_merged_if_the_request_says_merge() -> None:
    update = [
        {"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"toys": {"ball": 1}}},
        {"$identifier_key": "type", "$identifier_value": "dog", "$new_object": {"toys": {"bone": 2}, "name": None}},
    ]

    assert changed([GUS, LEO, REX], {"$update": update}, merge=True) == [
        {"id": 1, "type": "dog", "toys": {"ball": 1, "bone": 2}},
        LEO,
        {"id": 3, "type": "dog", "toys": {"bone": 2}},
    ]


def test_an_array_of_objects_has_no_cap_and_may_repeat_itself() -> None:
    assert changed(None, [GUS] * 6) == [GUS] * 6
    assert changed([GUS] * 3, {"$add": [GUS] * 3}) == [GUS] * 6


def test_too_many_updates_of_single_objects_are_ignored() -> None:
    update = {"$identifier_key": "id", "$identifier_value": 1, "$new_object": {"id": 1}}

    assert "send fewer updates at once" in ignored([{"id": 1}] * 101, {"$update": [update] * 100})


def test_an_object_is_replaced_unless_the_request_says_merge() -> None:
    song = {"title": "Solea", "plays": {"count": 1000, "top": True}}

    assert changed(song, {"year": 1960}) == {"year": 1960}
    assert changed(song, {"year": 1960, "plays": {"count": 1001}}, merge=True) == {
        "title": "Solea",
        "year": 1960,
        "plays": {"count": 1001, "top": True},
    }


@pytest.mark.parametrize("present", [None, 1, "text", [1]])
def test_merging_an_object_replaces_a_value_that_is_no_object(present: Any) -> None:
    assert changed(present, {"a": {"b": 1, "c": None}}, merge=True) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("present", "sent", "merge"),
    [
        ({str(number): "x" * 255 for number in range(390)}, {"more": {str(n): "x" * 255 for n in range(20)}}, True),
        ([{"a": "x" * 255}] * 380, {"$add": [{"a": "x" * 255}] * 10}, False),
        ({"a": 1}, {str(number): "x" * 255 for number in range(400)}, False),
        (["b"], ["\U0001f600" * 250 + str(number) for number in range(104)], False),
    ],
)
def test_a_value_that_would_exceed_100_kb_is_not_changed(present: Any, sent: Any, merge: bool) -> None:
    attributes, reasons = after({"x": present}, merge=merge, cap=500, x=sent, y=1)

    assert attributes == {"x": present, "y": 1}
    assert reasons == ["The custom attribute 'x' would have taken more than 102,400 bytes, and was left alone."]


@given(ARRAYS)
def test_setting_an_array_equals_adding_its_elements_one_by_one(elements: list[Any]) -> None:
    array: list[Any] = []
    for element in elements:
        array = apply_operation("x", array, ChangeArray(add=[element]))

    assert json_key(array) == json_key(unique_elements(elements))


@given(ARRAYS, ARRAYS, ARRAYS)
def test_adding_and_removing_keep_an_array_a_set_with_the_newest_last(
    present: list[Any], add: list[Any], remove: list[Any]
) -> None:
    array = apply_operation("x", unique_elements(present), ChangeArray(add=add, remove=remove))
    keys, gone = list(map(json_key, array)), set(map(json_key, remove))
    newest = [key for key in map(json_key, unique_elements(add)) if key not in gone]

    assert len(set(keys)) == len(keys)
    assert not gone & set(keys)
    assert keys[len(keys) - len(newest) :] == newest
    assert set(keys) == (set(map(json_key, present)) | set(newest)) - gone


@given(ARRAYS, st.integers(1, 5))
def test_the_cap_keeps_the_newest(elements: list[Any], cap: int) -> None:
    draft = Draft(a_profile())
    apply_custom_attributes(draft, load_custom_attributes({"x": elements}, merge=False), array_cap=cap)

    assert json_key(draft["custom_attributes"]["x"]) == json_key(unique_elements(elements)[-cap:])


@given(OBJECTS, OBJECTS)
def test_merging_twice_is_merging_once_and_changes_neither_side(
    present: dict[str, Any], update: dict[str, Any]
) -> None:
    before = copy.deepcopy((present, update))
    once = merge_objects(present, update)

    assert merge_objects(once, update) == once
    assert (present, update) == before
    assert merge_objects(present, {}) == present


@given(OBJECTS, OBJECTS)
def test_a_merge_takes_all_values_of_the_update_and_keeps_other_members(
    present: dict[str, Any], update: dict[str, Any]
) -> None:
    result = merge_objects(present, update)

    assert {key: result[key] for key in present.keys() - update.keys()} == {
        key: present[key] for key in present.keys() - update.keys()
    }
    assert {key for key, value in update.items() if value is None}.isdisjoint(result)
    assert all(result[key] == value for key, value in update.items() if not isinstance(value, dict | None))


@given(st.lists(OBJECTS, max_size=5), st.lists(st.tuples(st.sampled_from("abc"), PLAIN), max_size=3))
def test_removed_objects_are_gone_and_the_others_stay_in_order(
    objects: list[Any], removed: list[tuple[str, Any]]
) -> None:
    remove = [Match(key=key, value=value) for key, value in removed]
    left = apply_operation("x", objects, ChangeObjects(remove=remove, merge=False))
    matched = [
        any(key in each and json_key(each[key]) == json_key(value) for key, value in removed) for each in objects
    ]

    assert left == [each for each, gone in zip(objects, matched, strict=True) if not gone]


def test_an_ignored_operation_has_a_reason() -> None:
    with pytest.raises(OperationIgnored, match="is not a number"):
        apply_operation("x", "text", Increment(by=1))
