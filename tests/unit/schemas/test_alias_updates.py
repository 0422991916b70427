"""`/users/alias/update`: its body and its response."""

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.aliases import AliasUpdate, load_alias_updates
from schemas.identifiers import UserAlias

A_TO_B = {"alias_label": "shop", "old_alias_name": "a", "new_alias_name": "b"}


def test_a_renaming_is_read() -> None:
    request = load_alias_updates({"alias_updates": [{**A_TO_B, "further": 1}], "api_key": "old clients send theirs"})

    assert request.updates == [AliasUpdate(old=UserAlias(label="shop", name="a"), new_name="b")]
    assert request.updates[0].new == UserAlias(label="shop", name="b")
    assert request.answer() == {"aliases_processed": 1, "message": "success"}


@pytest.mark.parametrize("body", [None, [], {}, {"alias_updates": None}, {"alias_updates": A_TO_B}])
def test_a_body_without_an_array_is_refused(body: Any) -> None:
    with pytest.raises(ValidationError, match="'alias_updates' must be an array of objects"):
        load_alias_updates(body)


def test_at_most_fifty_renamings_are_accepted() -> None:
    assert len(load_alias_updates({"alias_updates": [A_TO_B] * 50}).updates) == 50
    with pytest.raises(ValidationError, match="The max number of external_ids and aliases per request was exceeded"):
        load_alias_updates({"alias_updates": [A_TO_B] * 51})


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("a", "'alias_updates' must be an array of objects"),
        ({"alias_label": "shop", "old_alias_name": "a"}, "'new_alias_name' is required"),
        ({**A_TO_B, "alias_label": ""}, "'alias_label' may not be empty"),
        ({**A_TO_B, "old_alias_name": 7}, "'old_alias_name' must be a string"),
        ({**A_TO_B, "new_alias_name": None}, "'new_alias_name' may not be null"),
        ({**A_TO_B, "new_alias_name": "é" * 119}, "'new_alias_name' may not be longer than 236 bytes"),
    ],
)
def test_a_refused_object_is_listed_and_the_others_are_loaded(fault: Any, sentence: str) -> None:
    request = load_alias_updates({"alias_updates": [A_TO_B, fault]})

    error = {"type": sentence, "input_array": "alias_updates", "index": 1}
    assert request.answer() == {"aliases_processed": 1, "message": "success", "errors": [error]}


def test_if_all_objects_are_refused_the_first_fault_is_the_message() -> None:
    request = load_alias_updates({"alias_updates": [{}, "a"]})

    assert request.answer()["message"] == "'alias_label' is required"
    assert len(request.errors) == 2
