"""Integers are stored, exported and compared exactly; one beyond 64 bits is left out with a warning, never rounded."""

from typing import Any

import pytest

from app.db.connections import Pool
from schemas.json_values import OversizedInteger, dump_json
from tests.support.filters import ago, leaf
from tests.support.flask_caller import Caller
from tests.support.pairs import SPRING
from tests.support.profiles import Json, export, the_profile
from tests.support.undos import merge_one, undo_one

ME, OTHER = {"external_id": "me"}, {"external_id": "other"}
ODD = 2**53 + 1
EXACT = {
    "odd": ODD,
    "most": 2**63 - 1,
    "least": -(2**63),
    "unsigned": 2**64 - 1,
    "many": [ODD, ODD - 1, 2**63 - 1, 2**63 - 2],
    "nested": {"ids": [{"id": 2**63 - 1}]},
}
WAS_LEFT_OUT = "is an integer beyond 64 bits and was left out; send ids as strings."
WERE_LEFT_OUT = "are integers beyond 64 bits and were left out; send ids as strings."


def post(caller: Caller, path: str, body: Any, **headers: str) -> Any:
    """Return the response to *body*, which may have integers beyond 64 bits."""
    return caller.post(path, data=dump_json(body), content_type="application/json", headers=headers)


def tracked(caller: Caller, body: Json) -> Json:
    response = post(caller, "/users/track", body)
    body: Json = response.json

    assert response.status_code == 201, body
    return body


def members(caller: Caller, name: str, comparison: str, value: Any) -> list[str]:
    body: Json = caller.post("/segments/query", {"filter": attribute(name, comparison, value)}).json
    return [profile["external_id"] for profile in body["profiles"]]


def attribute(name: str, comparison: str, *value: Any) -> Json:
    return leaf("custom_attribute", comparison, *value, custom_attribute_name=name)


def test_integers_of_64_bits_are_exact_in_exports_segments_merges_and_undos(caller: Caller, pool: Pool) -> None:
    answer = caller.post("/users/track", {"attributes": [{**ME, **EXACT}, OTHER]}).json
    assert "warnings" not in answer
    assert the_profile(caller)["custom_attributes"] == EXACT
    # In the text too: JSON parsers may read a large integer as a float.
    assert str(2**64 - 1).encode() in caller.post("/users/export/ids", {"external_ids": ["me"]}).data

    for name, value in EXACT.items():
        if isinstance(value, int):
            assert members(caller, name, "equals", value) == ["me"]
            assert members(caller, name, "equals", value + (1 if value < 0 else -1)) == []
            assert members(caller, name, "greater_than_or_equal_to", value) == ["me"]
            assert members(caller, name, "greater_than", value) == []
    assert members(caller, "most", "less_than", 2**63) == ["me", "other"]
    assert members(caller, "many", "includes_value", ODD) == ["me"]
    assert members(caller, "many", "includes_value", ODD + 1) == []

    job_id = merge_one(caller, pool, ME, OTHER)
    assert the_profile(caller, "other")["custom_attributes"] == EXACT
    undo_one(caller, pool, job_id)
    assert the_profile(caller)["custom_attributes"] == EXACT
    assert "custom_attributes" not in the_profile(caller, "other")


def test_an_increment_is_exact_up_to_64_bits(caller: Caller) -> None:
    caller.post("/users/track", {"attributes": [{**ME, "odd": ODD, "most": 2**63 - 2}]})
    body = {"attributes": [{**ME, "odd": {"inc": 2}, "most": {"inc": 1}}, {**ME, "most": {"inc": 1}}]}
    answer = caller.post("/users/track", body).json

    assert the_profile(caller)["custom_attributes"] == {"odd": ODD + 2, "most": 2**63 - 1}
    assert [each["index"] for each in answer["warnings"]] == [1]


def test_an_integer_beyond_64_bits_is_left_out_with_a_warning(caller: Caller, pool: Pool) -> None:
    caller.post("/users/track", {"attributes": [{**ME, "kept": 1, "h": ["old"], "o": {"a": 1}}, OTHER]})
    big, near = OversizedInteger("109876543210987654321"), OversizedInteger("109876543210987654320")
    bought = {**ME, "product_id": "hat", "currency": "USD", "price": 1, "time": SPRING}
    body = {
        "attributes": [
            {**ME, "google_id": big, "a": OversizedInteger("18446744073709551616"), "plan": "gold"},
            {**ME, "kept": OversizedInteger("-9223372036854775809")},
            {**ME, "h": [big, near, "new"]},
            {**ME, "h": {"add": [big], "remove": [near]}},
            {**ME, "o": {"a": big, "b": 2}, "_merge_objects": True},
        ],
        "events": [{**ME, "name": "login", "time": SPRING, "properties": {"order": big}}],
        "purchases": [{**bought, "properties": {"order": big, "size": 7}}],
    }
    answer = tracked(caller, body)
    user = the_profile(caller)

    assert [(each["input_array"], each["index"], each["type"]) for each in answer["warnings"]] == [
        ("attributes", 0, f"'google_id' and 'a' {WERE_LEFT_OUT}"),
        ("attributes", 1, f"'kept' {WAS_LEFT_OUT}"),
        ("attributes", 2, f"'h.0' and 'h.1' {WERE_LEFT_OUT}"),
        ("attributes", 3, f"'h.add.0' and 'h.remove.0' {WERE_LEFT_OUT}"),
        ("attributes", 4, f"'o.a' {WAS_LEFT_OUT}"),
        ("events", 0, f"'properties.order' {WAS_LEFT_OUT}"),
        ("purchases", 0, f"'properties.order' {WAS_LEFT_OUT}"),
    ]
    assert (answer["attributes_processed"], answer["events_processed"], answer["purchases_processed"]) == (5, 1, 1)
    stored = {"kept": 1, "plan": "gold", "h": ["new"], "o": {"a": 1, "b": 2}}
    assert user["custom_attributes"] == stored
    items = caller.get(f"/profiles/{user['braze_id']}/history").json["history"]
    assert [item["properties"] for item in items] == [{}, {"size": 7}]

    job_id = merge_one(caller, pool, ME, OTHER)
    assert the_profile(caller, "other")["custom_attributes"] == stored
    undo_one(caller, pool, job_id)
    assert the_profile(caller)["custom_attributes"] == stored


@pytest.mark.parametrize("digits", ["109876543210987654321", "18446744073709551616", "-9223372036854775809", "9" * 400])
@pytest.mark.parametrize(
    ("comparison", "sentence"),
    [
        ("equals", "is an integer beyond 64 bits"),
        ("not_equal", "is an integer beyond 64 bits"),
        ("includes_value", "is an integer beyond 64 bits"),
        ("greater_than", "must be a number from -9,223,372,036,854,775,808 to 18,446,744,073,709,551,615"),
    ],
)
def test_a_segment_with_such_an_integer_is_refused(caller: Caller, digits: str, comparison: str, sentence: str) -> None:
    leaves = [
        attribute("google_id", comparison, OversizedInteger(digits)),
        leaf("custom_event_property", comparison, OversizedInteger(digits), name="e", property="p", days=1),
        leaf("purchase_property", comparison, OversizedInteger(digits), product_id="hat", property="p", days=1),
    ]
    for each in leaves:
        response = post(caller, "/segments/query", {"filter": each})

        assert response.status_code == 400
        assert response.json["message"].startswith(f"'filter.{next(iter(each))}.value' {sentence}")


def test_a_float_beyond_64_bits_is_a_float(caller: Caller) -> None:
    answer = tracked(caller, {"attributes": [{**ME, "size": 1.8446744073709552e19, "b": [1e300]}]})

    assert "warnings" not in answer
    assert the_profile(caller)["custom_attributes"] == {"size": 1.8446744073709552e19, "b": [1e300]}
    assert members(caller, "size", "equals", 1.8446744073709552e19) == ["me"]
    assert members(caller, "size", "equals", 1.844674407370955e19) == []


def test_two_bodies_with_different_integers_are_different_under_one_idempotency_key(caller: Caller) -> None:
    update = {"identifier_to_merge": {"external_id": "a"}, "identifier_to_keep": {"external_id": "b"}}
    statuses = [
        post(
            caller,
            "/users/merge",
            {"merge_updates": [update], "note": OversizedInteger(digits)},
            **{"Idempotency-Key": "k"},
        ).status_code
        for digits in ("109876543210987654321", "109876543210987654321", "109876543210987654322")
    ]

    assert statuses == [202, 202, 422]


def test_the_property_of_recent_events_is_compared_exactly(caller: Caller) -> None:
    for number in (ODD, ODD + 1):
        seen = {"external_id": f"e{number}", "name": "buy", "time": ago(hours=1), "properties": {"order": number}}
        caller.post("/users/track", {"events": [seen]})
    leaf_ = leaf("custom_event_property", "equals", ODD, name="buy", property="order", days=1)
    found = caller.post("/segments/query", {"filter": leaf_}).json["profiles"]
    (user,) = export(caller, external_ids=[f"e{ODD}"])
    path = f"/profiles/{user['braze_id']}/activity"
    counts = [
        caller.get(path, event="buy", days=1, property="order", value=str(each)).json["count"]
        for each in (ODD, ODD + 1)
    ]

    assert [each["external_id"] for each in found] == [f"e{ODD}"]
    assert counts == [1, 0]
