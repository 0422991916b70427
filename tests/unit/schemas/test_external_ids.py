"""`/users/external_ids/rename` and `/remove`: their bodies and their responses."""

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.external_ids import Rename, load_removals, load_renames

A_TO_B = {"current_external_id": "a", "new_external_id": "b"}


def test_a_rename_is_read_and_answered_as_recorded_at_the_vendor() -> None:
    request = load_renames({"external_id_renames": [{**A_TO_B, "further": 1}]})

    assert request.renames == {0: Rename(current="a", new="b")}
    assert request.answer({}) == {"rename_errors": [], "external_ids": [A_TO_B], "message": "success"}


def test_a_removal_is_read_and_answered_as_recorded_at_the_vendor() -> None:
    request = load_removals({"external_ids": ["a"]})

    assert request.external_ids == {0: "a"}
    assert request.answer({}) == {"removed_ids": ["a"], "removal_errors": [], "message": "success"}


@pytest.mark.parametrize("array", [None, {}, "a", [], [A_TO_B] * 51])
def test_renames_are_an_array_of_one_to_fifty(array: Any) -> None:
    with pytest.raises(ValidationError, match="'external_id_renames' must be an array of 1 to 50 objects"):
        load_renames({"external_id_renames": array})


@pytest.mark.parametrize("array", [None, {}, "a", [], ["a"] * 51])
def test_removals_are_an_array_of_one_to_fifty(array: Any) -> None:
    with pytest.raises(ValidationError, match="'external_ids' must be an array of 1 to 50 strings"):
        load_removals({"external_ids": array})


@pytest.mark.parametrize("load", [load_renames, load_removals])
def test_a_body_that_is_no_object_is_refused(load: Any) -> None:
    with pytest.raises(ValidationError):
        load(["a"])


def test_fifty_objects_are_accepted() -> None:
    assert len(load_renames({"external_id_renames": [A_TO_B] * 50}).renames) == 50
    assert len(load_removals({"external_ids": ["a"] * 50}).external_ids) == 50


def test_whole_numbers_are_read_as_their_digits() -> None:
    renames = load_renames({"external_id_renames": [{"current_external_id": 1, "new_external_id": 2}]}).renames

    assert renames == {0: Rename(current="1", new="2")}
    assert load_removals({"external_ids": [1]}).external_ids == {0: "1"}


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("a", "a rename must be an object with 'current_external_id' and 'new_external_id'"),
        ({"current_external_id": "a"}, "'new_external_id' is required"),
        ({**A_TO_B, "current_external_id": ""}, "'current_external_id' may not be empty"),
        ({**A_TO_B, "new_external_id": None}, "'new_external_id' may not be null"),
        ({**A_TO_B, "new_external_id": ["b"]}, "'new_external_id' must be a string"),
        ({**A_TO_B, "new_external_id": "ä" * 494}, "'new_external_id' may not be longer than 987 bytes"),
    ],
)
def test_a_refused_rename_has_its_index_and_the_others_are_loaded(fault: Any, sentence: str) -> None:
    request = load_renames({"external_id_renames": [fault, A_TO_B]})

    assert request.answer({}) == {
        "rename_errors": [[0, sentence]],
        "external_ids": [A_TO_B],
        "message": "success",
    }


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("", "external_id may not be empty"),
        (None, "external_id may not be null"),
        ({}, "external_id must be a string"),
        (True, "external_id must be a string"),
        ("ä" * 494, "external_id may not be longer than 987 bytes"),
    ],
)
def test_a_refused_removal_has_its_index_and_the_others_are_loaded(fault: Any, sentence: str) -> None:
    request = load_removals({"external_ids": ["a", fault]})

    assert request.answer({}) == {"removed_ids": ["a"], "removal_errors": [[1, sentence]], "message": "success"}


def test_objects_that_could_not_be_applied_are_listed_in_the_order_of_the_request() -> None:
    renames = load_renames({"external_id_renames": [A_TO_B, {}, {"current_external_id": "c", "new_external_id": "d"}]})

    assert renames.answer({0: "so"}) == {
        "rename_errors": [[0, "so"], [1, "'current_external_id' is required"]],
        "external_ids": [{"current_external_id": "c", "new_external_id": "d"}],
        "message": "success",
    }
    assert load_removals({"external_ids": ["a", "b"]}).answer({0: "so"}) == {
        "removed_ids": ["b"],
        "removal_errors": [[0, "so"]],
        "message": "success",
    }
