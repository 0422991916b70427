"""`warnings` of `/users/track`: objects without a profile, and misspelt names of arrays."""

from typing import Any

import pytest

from schemas.track import ARRAYS, NOTHING_VALID, load_track

NOON = "2026-05-01T12:00:00Z"
ALIAS = {"user_alias": {"alias_label": "shop", "alias_name": "7"}}
EVENT = {**ALIAS, "name": "login", "time": NOON}
PURCHASE = {**ALIAS, "product_id": "hat", "currency": "USD", "price": 1, "time": NOON}
NO_ALIAS = (
    "No profile has this alias, so the object had no effect. To create the profile, send '_update_existing_only' as"
    " false."
)
ONLY_EXISTING = "No profile has this identifier, and '_update_existing_only' is true, so the object had no effect."


def test_an_object_without_a_profile_is_a_warning_and_does_not_count() -> None:
    loaded = load_track({"events": [EVENT, EVENT], "purchases": [PURCHASE]})
    loaded.skip(1)
    loaded.skip(2)

    assert loaded.answer() == {
        "message": "success",
        "events_processed": 1,
        "purchases_processed": 0,
        "warnings": [
            {"type": NO_ALIAS, "input_array": "events", "index": 1},
            {"type": NO_ALIAS, "input_array": "purchases", "index": 0},
        ],
    }


def test_a_request_whose_objects_all_lack_a_profile_is_still_a_success() -> None:
    loaded = load_track({"events": [EVENT]})
    loaded.skip(0)

    assert loaded.accepted == {"events": 0}
    assert loaded.answer()["message"] == "success"


def test_beside_a_refused_object_one_without_a_profile_keeps_the_count_of_its_array() -> None:
    loaded = load_track({"events": [{}, EVENT]})
    loaded.skip(0)
    answer = loaded.answer()

    assert (answer["message"], answer["events_processed"]) == ("success", 0)
    assert [each["index"] for each in answer["errors"]] == [0]
    assert [each["index"] for each in answer["warnings"]] == [1]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (ALIAS, NO_ALIAS),
        ({"braze_id": "0" * 24}, "No profile has this braze_id, so the object had no effect."),
        ({"external_id": "e", "_update_existing_only": True}, ONLY_EXISTING),
        ({"email": "a@b.cd", "_update_existing_only": True}, ONLY_EXISTING),
        ({"phone": "+15551234567", "_update_existing_only": True}, ONLY_EXISTING),
        ({"device_id": "d", "_update_existing_only": True}, ONLY_EXISTING),
    ],
)
def test_the_warning_says_why_there_is_no_profile(target: dict[str, Any], sentence: str) -> None:
    loaded = load_track({"attributes": [target]})
    loaded.skip(0)

    assert [each["type"] for each in loaded.answer()["warnings"]] == [sentence]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_misspelt_array_beside_a_valid_one_is_a_warning_that_names_the_right_key(name: str) -> None:
    for misspelt in (name.removesuffix("s"), name.upper(), name.removesuffix("s").title(), f" {name} "):
        answer = load_track({"attributes": [{"external_id": "e"}], misspelt: [PURCHASE]}).answer()
        (warning,) = answer["warnings"]

        assert answer["attributes_processed"] == 1
        assert warning == {
            "type": f"'{misspelt}' is not an array of this endpoint and was ignored; use '{name}'.",
            "input_array": misspelt,
        }


def test_a_misspelt_array_alone_has_nothing_valid_and_is_a_warning() -> None:
    answer = load_track({"purchase": [PURCHASE]}).answer()

    assert answer["message"] == NOTHING_VALID
    assert "use 'purchases'" in answer["warnings"][0]["type"]


@pytest.mark.parametrize("further", [{"api_key": "x"}, {"partner": "y"}, {"event": None}, {"s": 1}, {"": 1}])
def test_other_keys_and_empty_ones_are_no_warning(further: dict[str, Any]) -> None:
    answer = load_track({"attributes": [{"external_id": "e"}], **further}).answer()

    assert answer == {"message": "success", "attributes_processed": 1}


def test_warnings_of_arrays_come_after_those_of_objects() -> None:
    loaded = load_track({"event": [EVENT], "engagements": [], "purchases": [PURCHASE]})
    loaded.skip(0)

    assert [each["input_array"] for each in loaded.answer()["warnings"]] == ["purchases", "event"]
