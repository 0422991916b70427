"""Hostile objects in valid JSON: wrong types, too many, too long, too deep. Each is refused and changes nothing."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.pairs import Json
from tests.support.system import System
from tests.support.workspaces import holdings

TIME = "2026-05-01T08:00:00Z"
WHO = {"external_id": "held"}
EVENT = {**WHO, "name": "login", "time": TIME}
PURCHASE = {**WHO, "product_id": "hat", "currency": "USD", "price": 1, "time": TIME}
SESSION = {**WHO, "app_id": "web", "started_at": TIME}
ENGAGEMENT = {**WHO, "kind": "campaign", "id": "c", "event": "opened", "time": TIME}
#: Wrong for any field that is a text, a number, a time or a list of objects.
WRONG: list[Any] = [True, ["x"], {"x": 1}, [[]], {"inc": 1}]
NO_TEXT: list[Any] = [*WRONG, 7, 1.5]

#: An array of `/users/track`, a valid object of it, and wrong values for its fields.
FIELDS: list[tuple[str, Json, dict[str, list[Any]]]] = [
    (
        "attributes",
        WHO,
        {
            "external_id": [*WRONG, 1.5, "", "x" * 988, "é" * 494],
            "email": [*NO_TEXT, "", "ada", "ada@", "@example.com", "a b@example.com", "x" * 320 + "@example.com"],
            "phone": [*NO_TEXT, "1" * 256],
            "email_subscribe": [*NO_TEXT, "", "maybe"],
            "push_subscribe": [*NO_TEXT, "", "maybe"],
            "control_group": ["yes", 1, 0, [], {}],
            "email_encrypted": ["yes", 1, [], {}],
            "marked_for_deletion_at": [*NO_TEXT, "soon"],
            "plan": ["x" * 256],
            "x" * 256: ["a name too long"],
            " ": ["a name of spaces"],
            "user_alias": [{"alias_name": "n", "alias_label": "l"}],
        },
    ),
    (
        "events",
        EVENT,
        {
            "external_id": [None, *WRONG, ""],
            "name": [None, *WRONG, 1.5, "", "x" * 256],
            "time": [None, *NO_TEXT, "", "now", "2026-13-01T00:00:00Z", "1899-12-31T23:59:59Z", "3001-01-01T00:00:00Z"],
            "app_id": NO_TEXT,
            "properties": [7, "x", [], {"$x": 1}, {"time": 1}, {"k" * 256: 1}, {"x": "y" * 99_999, "z": "y" * 9_999}],
            "braze_id": ["5fbd5f1ea3a5b9c2d4e6f708"],
        },
    ),
    (
        "purchases",
        PURCHASE,
        {
            "product_id": [None, *WRONG, 1.5, "", "x" * 256],
            "currency": [None, *NO_TEXT, "", "US", "USDD", "US1", "€€€"],
            "price": [None, *WRONG, "1", "free", 1e300, -1e300, 10**18],
            "quantity": [None, *WRONG, "1", 0, -1, 101, 1.5],
            "time": [None, 7, "now"],
            "properties": [7, {"price": 1}, {"x": "y" * 60_000}],
        },
    ),
    (
        "sessions",
        SESSION,
        {
            "app_id": [None, *NO_TEXT, "", "x" * 256],
            "started_at": [None, *NO_TEXT, "now"],
            "ended_at": [*NO_TEXT, "later", "2026-05-01T07:59:59Z"],
            "device": [7, "phone", [], {"model": "x"}, {"device_id": ""}],
        },
    ),
    (
        "engagements",
        ENGAGEMENT,
        {
            "kind": [None, *NO_TEXT, "", "email"],
            "id": [None, *NO_TEXT, "", "x" * 256],
            "event": [None, *NO_TEXT, "", "Opened it!", "x" * 65, "a-b", "_x"],
            "time": [None, *NO_TEXT, "now"],
            "in_control": ["yes", 1],
            "properties": [7, [], {"$x": 1}],
        },
    ),
]

#: Wrong values of standard attributes that are left out with a warning.
LENIENT: dict[str, list[Any]] = {
    "first_name": [*NO_TEXT, "x" * 256],
    "last_name": NO_TEXT,
    "gender": [*NO_TEXT, "", "X", "female"],
    "dob": [*NO_TEXT, "", "1815-13-10", "10.12.1815", "1815-12-10T00:00:00Z", "0000-00-00"],
    "country": [*NO_TEXT, "", "Atlantis"],
    "language": [*NO_TEXT, "", "xx-klingon"],
    "home_city": NO_TEXT,
    "time_zone": [*NO_TEXT, "", "Mars/Olympus", "../../etc/passwd"],
    "current_location": [7, "here", [1, 2], {"longitude": 1}, {"longitude": 181, "latitude": 0}],
    "date_of_first_session": [*NO_TEXT, "", "yesterday", "99999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"],
    "test_user": ["yes", 1, 0, [], {}],
    "devices": [7, "phone", {"device_id": "d"}, ["phone"], [{}], [{"device_id": 7}], [{"device_id": ""}]],
    "push_tokens": [7, "token", [{"app_id": "ios"}], [{"token": "t"}], [{"app_id": 1, "token": "t"}]],
    "facebook": [7, "ada", [1]],
}


@pytest.fixture
def held(system: System, client: Client) -> Iterator[Client]:
    """A client whose workspace has a profile, and must be unchanged after the test."""
    client.track(attributes=[{"external_id": "held", "first_name": "Ada"}])
    before = holdings(system, client.workspace)
    yield client

    assert holdings(system, client.workspace) == before


@pytest.mark.parametrize(("array", "valid", "wrong"), FIELDS, ids=[array for array, _, _ in FIELDS])
def test_a_field_of_the_wrong_type_is_refused_with_its_array_and_index(
    held: Client, array: str, valid: Json, wrong: dict[str, list[Any]]
) -> None:
    unexpected = []
    for field, values in wrong.items():
        for value in values:
            response = held.post("/users/track", {array: [{**valid, field: value}]})
            body = response.json()
            if response.status_code != 400 or [(each["input_array"], each["index"]) for each in body["errors"]] != [
                (array, 0)
            ]:
                unexpected.append((field, str(value)[:60], response.status_code, response.text))

    assert unexpected == []


def test_a_standard_attribute_of_the_wrong_type_is_left_out_with_a_warning(client: Client) -> None:
    client.track(attributes=[{**WHO, "first_name": "Ada"}])
    unexpected = []
    for field, values in LENIENT.items():
        for value in values:
            response = client.post("/users/track", {"attributes": [{**WHO, field: value}]})
            body = response.json()
            if response.status_code != 201 or body["attributes_processed"] != 1 or len(body["warnings"]) != 1:
                unexpected.append((field, str(value)[:60], response.status_code, response.text))

    assert unexpected == []
    assert client.profile("held")["first_name"] == "Ada"


@pytest.mark.parametrize(("array", "valid", "wrong"), FIELDS, ids=[array for array, _, _ in FIELDS])
def test_items_that_are_not_objects_are_refused_and_valid_ones_are_accepted(
    client: Client, array: str, valid: Json, wrong: dict[str, list[Any]]
) -> None:
    objects = [None, 7, "x", [], [valid], {}, valid, {"name": "nobody"}]
    response = client.post("/users/track", {array: objects})
    body = response.json()

    assert response.status_code == 201
    assert body[f"{array}_processed"] == 1
    assert [each["index"] for each in body["errors"]] == [0, 1, 2, 3, 4, 5, 7]
    assert {each["input_array"] for each in body["errors"]} == {array}
    assert all(each["type"] for each in body["errors"])


@pytest.mark.parametrize("array", ["attributes", "events", "purchases", "sessions", "engagements"])
def test_a_request_with_an_invalid_or_too_long_array_is_refused(held: Client, array: str) -> None:
    too_long = held.post("/users/track", {"attributes": [WHO], array: [{**EVENT, **PURCHASE}] * 76})
    no_array = held.post("/users/track", {"attributes": [WHO], array: {"0": WHO}})

    assert (too_long.status_code, too_long.json()) == (400, {"message": "Max Input Length Exceeded"})
    assert no_array.status_code == 400
    assert array in no_array.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_aliases": None},
        {"user_aliases": {}},
        {"user_aliases": [None]},
        {"user_aliases": ["v-1"]},
        {"user_aliases": [{}]},
        {"user_aliases": [{"alias_name": "n"}]},
        {"user_aliases": [{"alias_label": "l"}]},
        {"user_aliases": [{"alias_name": "", "alias_label": "l"}]},
        {"user_aliases": [{"alias_name": "n", "alias_label": ""}]},
        {"user_aliases": [{"alias_name": 7, "alias_label": "l"}]},
        {"user_aliases": [{"alias_name": "n", "alias_label": ["l"]}]},
        {"user_aliases": [{"alias_name": "n" * 237, "alias_label": "l"}]},
        {"user_aliases": [{"alias_name": "n", "alias_label": "é" * 119}]},
        {"user_aliases": [{"external_id": ["held"], "alias_name": "n", "alias_label": "l"}]},
        {"user_aliases": [{"external_id": "x" * 988, "alias_name": "n", "alias_label": "l"}]},
        {"user_aliases": [{"alias_name": "n", "alias_label": "l"}] * 51},
        {"user_aliases": [{"user_alias": {"alias_name": 1, "alias_label": "l"}}]},
    ],
)
def test_invalid_aliases_are_refused(held: Client, body: Json) -> None:
    response = held.post("/users/alias/new", body)

    assert response.status_code == 400, response.text
    assert response.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"external_ids": []},
        {"external_ids": "held"},
        {"external_ids": [["held"]]},
        {"external_ids": [None]},
        {"external_ids": ["x"] * 51},
        {"external_ids": [""]},
        {"user_aliases": [{"alias_name": "n"}]},
        {"user_aliases": ["n"]},
        {"user_aliases": [{"alias_name": "n", "alias_label": "l"}] * 51},
        {"email_address": 7},
        {"email_address": ["ada@example.com"]},
        {"phone": 442079460958},
        {"braze_id": 7},
        {"device_id": {}},
        {"external_ids": ["held"], "fields_to_export": "email"},
        {"external_ids": ["held"], "fields_to_export": [7]},
        {"external_ids": ["held"], "fields_to_export": ["password"]},
    ],
)
def test_invalid_exports_are_refused(held: Client, body: Json) -> None:
    response = held.post("/users/export/ids", body)

    assert response.status_code == 400, response.text
    assert response.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/profiles/%00",
        "/profiles/5fbd5f1ea3a5b9c2d4e6f70%00",
        "/profiles/%ED%A0%80",
        "/profiles/..%2f..%2fetc%2fpasswd",
        "/profiles/'%20OR%20true--",
        "/profiles/" + "f" * 3000,
        "/merge/batches/%00",
        "/merge/jobs/00000000-0000-0000-0000-000000000000",
    ],
)
def test_an_invalid_id_is_not_found(held: Client, path: str) -> None:
    response = held.get(path)

    assert response.status_code in {400, 404}, response.text
    assert response.json()["message"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "days=7",
        "event=a",
        "event=a&days=0",
        "event=a&days=31",
        "event=a&days=-1",
        "event=a&days=1e1",
        "event=a&days=%D9%A3",
        "event=a&days=" + "9" * 400,
        "event=a&product_id=b&days=7",
        "event=a&days=7&property=colour",
        "event=%00&days=7",
        "event=a&days=7&property=%00&value=x",
    ],
)
def test_an_invalid_query_of_activity_is_refused(held: Client, query: str) -> None:
    response = held.get(f"/profiles/{held.profile('held')['braze_id']}/activity?{query}")

    assert response.status_code == 400, response.text
    assert response.json()["message"]


@pytest.mark.parametrize("identifier", ["%ED%A0%80", "%00", "x" * 1001, "%FF%FE"])
def test_a_search_for_an_impossible_identifier_finds_nothing_or_is_refused(held: Client, identifier: str) -> None:
    response = held.get(f"/merge/jobs?identifier={identifier}")

    assert response.status_code in {200, 400}, response.text
    assert response.json().get("message") or response.json()["jobs"] == []


@pytest.mark.parametrize(
    "value", [{"a.b": 1}, {"$gt": 1}, {"": 1}, {"k" * 256: 1}, ["x" * 1000] * 110, {"x": "y" * 110_000}]
)
def test_a_nested_attribute_that_cannot_be_stored_is_reported_and_not_stored(client: Client, value: Any) -> None:
    client.track(attributes=[WHO])
    response = client.post("/users/track", {"attributes": [{**WHO, "plan": value}]})
    problems = response.json().get("errors") or response.json().get("warnings") or response.json()["message"]

    assert response.status_code in {201, 400}
    assert problems != "success"
    assert "custom_attributes" not in client.profile("held")


@pytest.mark.parametrize(
    "nested",
    [
        {"a.b": 1},
        {"$gt": 1},
        {"": 1},
        {"k" * 256: 1},
        {"a": ["x" * 256]},
        {"at": {"$time": {}}},
        {"$add": "x"},
        {"$update": [{"$identifier_key": {}, "$identifier_value": [], "$new_object": 7}]},
        {"$remove": [{}] * 501},
        [["x" * 250] * 500],
    ],
)
def test_nested_attributes_that_cannot_be_stored_are_reported_and_change_nothing(client: Client, nested: Any) -> None:
    client.track(attributes=[{**WHO, "plan": {"a": 1}}])
    response = client.post("/users/track", {"attributes": [{**WHO, "plan": nested}]})

    assert response.status_code == 201, response.text
    assert len(response.json()["warnings"]) == 1
    assert client.profile("held")["custom_attributes"] == {"plan": {"a": 1}}


def test_unusual_custom_attributes_are_stored_unchanged(client: Client) -> None:
    kept: Json = {
        "quote": "'; DROP TABLE profile; --",
        "emoji": "👩🏽‍💻 ﷽ \u202e",
        "__proto__": {"x": 1},
        "number": 12345678901234567,
        "fraction": 0.1,
        "nested": {"a": [{"b": [{"c": [1, None, False, ""]}]}]},
        "%s %(x)s {x}": "%s",
    }
    client.track(attributes=[{**WHO, **copy.deepcopy(kept)}])

    assert client.profile("held")["custom_attributes"] == kept
