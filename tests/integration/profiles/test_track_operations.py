"""Operations on custom attributes through the web application, by examples like those in the vendor's documents."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, Json, the_profile, track

database_url = make_database_url(scope="module")

ME = {"external_id": "me"}
SONG = {"song": "Solea", "artist": "Miles Davis", "analytics": {"count": 1000, "top_10": True}}
GUS, LEO = {"id": 1, "type": "dog", "name": "Gus"}, {"id": 2, "type": "cat", "name": "Leo"}


def attributed(caller: Caller, *objects: Json) -> Json:
    """Return the custom attributes after *objects*, which must all take effect."""
    answer = track(caller, attributes=[{**ME, **each} for each in objects])

    assert answer == {"message": "success", "attributes_processed": len(objects)}
    custom: Json = the_profile(caller).get("custom_attributes", {})
    return custom


def warned(caller: Caller, **attributes: Any) -> tuple[Json, str]:
    """Return the custom attributes after an accepted object, and the warning about a part of it."""
    answer = track(caller, attributes=[{**ME, **attributes}])
    (warning,) = answer.pop("warnings")

    assert answer == {"message": "success", "attributes_processed": 1}
    assert (warning["input_array"], warning["index"]) == ("attributes", 0)
    return the_profile(caller).get("custom_attributes", {}), warning["type"]


def test_a_number_is_incremented_across_calls_and_within_one(caller: Caller) -> None:
    assert attributed(caller, {"visits": {"inc": 5}}) == {"visits": 5}
    assert attributed(caller, {"visits": {"inc": -2}}, {"visits": {"inc": 10}}) == {"visits": 13}


def test_concurrent_increments_are_all_counted(caller: Caller) -> None:
    def visit() -> None:
        for _ in range(10):
            track(caller, attributes=[{**ME, "visits": {"inc": 1}}] * 3)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert the_profile(caller)["custom_attributes"] == {"visits": 120}


def test_text_is_not_incremented_and_the_rest_of_the_object_takes_effect(caller: Caller) -> None:
    attributed(caller, {"plan": "gold"})
    custom, warning = warned(caller, plan={"inc": 1}, tier=2)

    assert custom == {"plan": "gold", "tier": 2}
    assert warning == "The custom attribute 'plan' is not a number, and was not incremented."


@pytest.mark.parametrize(("start", "by"), [(2**63 - 1, 1), (-(2**63), -1)])
def test_a_number_stays_within_64_bits(caller: Caller, start: int, by: int) -> None:
    attributed(caller, {"visits": start})
    custom, warning = warned(caller, visits={"inc": by})

    assert custom == {"visits": start}
    assert "would have left the range of 64 bits" in warning


def test_an_array_is_a_set_that_keeps_the_newest_last(caller: Caller) -> None:
    assert attributed(caller, {"food": ["hotdog", "hotdog", "hotdog", "pizza"]}) == {"food": ["hotdog", "pizza"]}
    assert attributed(caller, {"food": {"add": ["fries", "hotdog"]}}) == {"food": ["pizza", "fries", "hotdog"]}
    assert attributed(caller, {"food": {"add": ["rice"], "remove": ["pizza"]}}) == {"food": ["fries", "hotdog", "rice"]}
    assert attributed(caller, {"food": {"remove": ["fries", "hotdog", "rice"]}}) == {"food": []}
    assert attributed(caller, {"food": None}) == {}


def test_an_array_over_its_cap_drops_the_oldest(caller: Caller) -> None:
    assert attributed(caller, {"seen": list(range(502))}) == {"seen": list(range(2, 502))}
    assert attributed(caller, {"seen": {"add": [7, 502]}})["seen"][0] == 3
    assert the_profile(caller)["custom_attributes"]["seen"][-2:] == [7, 502]


def test_the_cap_is_a_setting(configured_caller: Callable[..., Caller]) -> None:
    caller = configured_caller(array_cap=2)

    assert attributed(caller, {"seen": ["a", "b", "c"]}, {"seen": {"add": ["d"]}}) == {"seen": ["c", "d"]}


def test_an_object_is_replaced_or_merged(caller: Caller) -> None:
    attributed(caller, {"most_played": SONG})
    merged = attributed(
        caller, {"_merge_objects": True, "most_played": {"year": 1960, "analytics": {"count": 1001}, "artist": None}}
    )
    replaced = attributed(caller, {"most_played": {"year": 1960}})

    assert merged == {"most_played": {"song": "Solea", "year": 1960, "analytics": {"count": 1001, "top_10": True}}}
    assert replaced == {"most_played": {"year": 1960}}


def test_objects_of_an_array_are_added_updated_and_removed(caller: Caller) -> None:
    def of(key: str, value: Any, **new: Any) -> Json:
        return {"$identifier_key": key, "$identifier_value": value, **({"$new_object": new} if new else {})}

    attributed(caller, {"pets": [GUS]})

    assert attributed(caller, {"pets": {"$add": [LEO]}}) == {"pets": [GUS, LEO]}
    assert attributed(caller, {"_merge_objects": True, "pets": {"$update": [of("id", 2, name="Leonie")]}}) == {
        "pets": [GUS, {**LEO, "name": "Leonie"}]
    }
    assert attributed(caller, {"pets": {"$update": [of("id", 2, id=3)]}}) == {"pets": [GUS, {"id": 3}]}
    assert attributed(caller, {"pets": {"$remove": [of("type", "dog"), of("id", 9)]}}) == {"pets": [{"id": 3}]}


def test_times_in_nested_values_are_exported_in_one_form(caller: Caller) -> None:
    dates = {"birthday": {"$time": "1980-01-01"}, "wedding": {"$time": "2020-05-28T19:20:30+02:00"}}

    assert attributed(caller, {"dates": dates, "visits": [{"at": {"$time": "05/28/2020"}}]}) == {
        "dates": {"birthday": "1980-01-01T00:00:00.000Z", "wedding": "2020-05-28T17:20:30.000Z"},
        "visits": [{"at": "2020-05-28T00:00:00.000Z"}],
    }


def test_text_that_looks_like_a_date_stays_as_it_was_sent(caller: Caller) -> None:
    dates = {"since": "2020-05-28", "until": "05/28/2021", "far": "9999-01-01", "seen": ["2020-05-28T19:20:30+02:00"]}

    assert attributed(caller, dates) == dates


def test_a_nested_year_out_of_range_is_not_stored(caller: Caller) -> None:
    assert attributed(caller, {"dates": {"end": {"$time": "3001-01-01"}, "n": 1}}) == {"dates": {"n": 1}}


@pytest.mark.parametrize(
    "nested", [{"at": {"$time": "soon"}}, {"at": {"$time": None}}, {"a.b": 1}, {"$gt": 1}, {"$add": [1]}, [{"": 1}]]
)
def test_an_invalid_nested_attribute_drops_all_nested_ones_with_a_warning(caller: Caller, nested: Any) -> None:
    attributed(caller, {"pet": GUS, "plan": "iron"})
    answer = track(
        caller,
        attributes=[{**ME, "pet": LEO, "plan": "gold"}, {**ME, "bad": nested, "visits": {"inc": 1}}],
        events=[{**ME, "name": "login", "time": NOON}],
    )

    assert the_profile(caller)["custom_attributes"] == {"pet": GUS, "plan": "gold", "visits": 1}
    assert (answer["attributes_processed"], answer["events_processed"]) == (2, 1)
    assert "errors" not in answer
    assert [warning["index"] for warning in answer["warnings"]] == [0, 1]


def test_an_object_that_would_exceed_100_kb_is_not_changed(caller: Caller) -> None:
    large = {str(number): "x" * 250 for number in range(390)}
    attributed(caller, {"large": large})
    custom, warning = warned(caller, _merge_objects=True, large={f"more-{number}": "x" * 250 for number in range(20)})

    assert custom == {"large": large}
    assert warning == "The custom attribute 'large' would have taken more than 102,400 bytes, and was left alone."


def test_null_deletes_an_attribute_of_any_kind(caller: Caller) -> None:
    attributed(caller, {"a": 1, "b": [1], "c": {"d": 1}, "e": "kept"})

    assert attributed(caller, {"a": None, "b": None, "c": None}) == {"e": "kept"}


def test_names_are_trimmed_and_case_sensitive(caller: Caller) -> None:
    assert attributed(caller, {" Plan ": 1, "plan": 2}) == {"Plan": 1, "plan": 2}
