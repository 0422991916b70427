from typing import Any

import pytest

from schemas.attributes import Attributes
from schemas.operations import Increment
from schemas.track import NOTHING_VALID, load_track

NOON = "2026-05-01T12:00:00Z"
REQUIRED = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
EVENT = {"external_id": "e", "name": "login", "time": NOON}
PURCHASE = {"external_id": "e", "product_id": "hat", "currency": "USD", "price": 1, "time": NOON}
SESSION = {"external_id": "e", "app_id": "web", "started_at": NOON}
ENGAGEMENT = {"external_id": "e", "kind": "campaign", "id": "c", "event": "opened", "time": NOON}


def test_the_answer_counts_the_arrays_that_were_sent() -> None:
    answer = load_track({"attributes": [{"external_id": "e"}], "events": [EVENT, EVENT]}).answer()

    assert answer == {"message": "success", "attributes_processed": 1, "events_processed": 2}


def test_sessions_and_engagements_are_counted_too() -> None:
    answer = load_track({"sessions": [SESSION], "engagements": [ENGAGEMENT]}).answer()

    assert answer == {"message": "success", "sessions_processed": 1, "engagements_processed": 1}


def test_a_refused_object_has_its_array_and_index() -> None:
    answer = load_track({"attributes": [{"external_id": "e"}, {"first_name": "A"}]}).answer()

    assert answer == {
        "message": "success",
        "attributes_processed": 1,
        "errors": [{"type": REQUIRED, "input_array": "attributes", "index": 1}],
    }


def test_an_array_whose_objects_were_all_refused_has_no_count() -> None:
    answer = load_track({"events": [EVENT, {}], "purchases": [{}]}).answer()

    assert answer["events_processed"] == 1
    assert "purchases_processed" not in answer
    assert len(answer["errors"]) == 2


def test_when_nothing_is_valid_the_vendors_sentence_is_the_message() -> None:
    answer = load_track({"attributes": [{}]}).answer()

    assert answer == {
        "message": NOTHING_VALID,
        "errors": [{"type": REQUIRED, "input_array": "attributes", "index": 0}],
    }


@pytest.mark.parametrize("body", [{}, {"attributes": []}, {"attributes": None}, {"purchasing": [PURCHASE]}])
def test_a_body_without_objects_has_nothing_valid(body: dict[str, Any]) -> None:
    assert load_track(body).answer() == {"message": NOTHING_VALID}


def test_further_keys_of_the_body_are_tolerated() -> None:
    loaded = load_track({"api_key": "x", "partner": "rudder", "events": [EVENT]})

    assert loaded.answer() == {"message": "success", "events_processed": 1}


@pytest.mark.parametrize("external_id", ["null", " NULL ", "Undefined", 0])
def test_a_placeholder_as_external_id_is_refused_with_the_vendors_text(external_id: Any) -> None:
    loaded = load_track(
        {"events": [{**EVENT, "external_id": external_id}, EVENT]}, refused=frozenset({"null", "undefined", "0"})
    )

    assert loaded.answer() == {
        "message": "success",
        "events_processed": 1,
        "errors": [{"type": "provided external_id is blacklisted and disallowed", "input_array": "events", "index": 0}],
    }


def test_a_placeholder_as_alias_name_is_refused() -> None:
    event = {"user_alias": {"alias_label": "shop", "alias_name": "null"}, "name": "login", "time": NOON}

    (error,) = load_track({"events": [event]}, refused=frozenset({"null"})).errors
    assert error["type"] == "'alias_name' is a placeholder that unrelated people share; send a real value"


def test_a_later_refusal_is_counted_and_listed_like_an_early_one() -> None:
    loaded = load_track({"events": [{**EVENT, "name": ""}, EVENT, EVENT], "purchases": [PURCHASE]})
    loaded.refuse(2, "too much")
    loaded.refuse(0, "too early")

    assert loaded.answer() == {
        "message": "success",
        "events_processed": 1,
        "errors": [
            {"type": "'name' may not be empty", "input_array": "events", "index": 0},
            {"type": "too early", "input_array": "events", "index": 1},
            {"type": "too much", "input_array": "purchases", "index": 0},
        ],
    }


def test_when_everything_is_refused_later_nothing_was_valid() -> None:
    loaded = load_track({"events": [EVENT]})
    loaded.refuse(0, "too much")

    assert loaded.accepted == {}
    assert loaded.answer()["message"] == NOTHING_VALID


def test_one_invalid_nested_attribute_drops_all_nested_ones_of_the_request() -> None:
    loaded = load_track(
        {
            "attributes": [
                {"external_id": "a", "plan": "gold", "pet": {"name": "Gus"}, "visits": {"inc": 1}},
                {"external_id": "b", "first_name": "B", "born": {"at": {"$time": "soon"}}, "pet": {"name": "Leo"}},
                {"external_id": "c", "plan": "iron"},
            ],
            "events": [EVENT],
        }
    )
    a, b, c = (entry for entry in loaded.entries if isinstance(entry, Attributes))
    answer = loaded.answer()

    assert (a.custom.values, a.custom.operations) == ({"plan": "gold"}, {"visits": Increment(by=1)})
    assert (b.custom.values, b.standard) == ({}, {"first_name": "B"})
    assert c.custom.values == {"plan": "iron"}
    assert (answer["attributes_processed"], answer["events_processed"]) == (3, 1)
    assert "errors" not in answer
    assert [(warning["input_array"], warning["index"]) for warning in answer["warnings"]] == [
        ("attributes", 0),
        ("attributes", 1),
    ]
    assert "the attributes object with the index 1 is not valid" in answer["warnings"][0]["type"]
    assert "A '$time' within the custom attribute 'born'" in answer["warnings"][1]["type"]
