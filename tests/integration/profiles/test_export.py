from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, export, merge, the_profile, track

database_url = make_database_url(scope="module")

ALIAS: Json = {"alias_label": "shop", "alias_name": "7"}


@pytest.fixture
def people(caller: Caller) -> Caller:
    """A caller whose workspace has three profiles with the same email address."""
    track(
        caller,
        attributes=[
            {"external_id": "a", "email": "Ann@x.org", "phone": "+1 555 123 4567", "devices": [{"device_id": "d1"}]},
            {"external_id": "b", "email": "ann@x.org", "devices": [{"device_id": "d1"}, {"device_id": "d2"}]},
            {"user_alias": ALIAS, "_update_existing_only": False, "email": "ANN@X.org"},
        ],
    )
    return caller


def who(users: list[Json]) -> list[str | None]:
    """Return the external_ids of *users*."""
    return [user.get("external_id") for user in users]


def test_an_export_keeps_the_order_of_the_request_and_lists_unknown_external_ids(people: Caller) -> None:
    response = people.post("/users/export/ids", {"external_ids": ["b", "x", "a", "x", "b"]})

    assert response.status_code == 201
    assert response.json["message"] == "success"
    assert who(response.json["users"]) == ["b", "a"]
    assert response.json["invalid_user_ids"] == ["x"]


def test_an_export_has_invalid_user_ids_only_if_there_are_any(people: Caller) -> None:
    assert people.post("/users/export/ids", {"external_ids": ["a"]}).json.keys() == {"users", "message"}


def test_each_identifier_finds_its_profiles(people: Caller) -> None:
    braze_id = the_profile(people, "b")["braze_id"]

    assert who(export(people, user_aliases=[ALIAS, {**ALIAS, "alias_name": "8"}])) == [None]
    assert who(export(people, braze_id=braze_id)) == ["b"]
    assert who(export(people, braze_id="nonsense")) == []
    assert who(export(people, phone="+15551234567")) == ["a"]
    assert who(export(people, device_id="d2")) == ["b"]
    assert sorted(map(str, who(export(people, device_id="d1")))) == ["a", "b"]


def test_an_email_address_finds_all_its_profiles(people: Caller) -> None:
    assert sorted(map(str, who(export(people, email_address=" aNN@x.org")))) == ["None", "a", "b"]


def test_a_profile_found_twice_is_exported_once(people: Caller) -> None:
    assert who(export(people, external_ids=["a"], phone="+15551234567", device_id="d1")) == ["a", "b"]


def test_an_export_returns_a_thousand_profiles_of_an_address_and_says_that_there_are_more(
    people: Caller, connection: Connection
) -> None:
    connection.execute(
        """
        INSERT INTO profile (workspace_id, braze_id, created_at, updated_at, random_bucket, email, email_key)
        SELECT %s, lpad(to_hex(number), 24, '0'), now(), now(), 0, 'all@x.org', 'all@x.org'
        FROM generate_series(1, 1000) AS number
        """,
        [people.workspace_id],
    )
    whole = people.post("/users/export/ids", {"email_address": "all@x.org"}).json
    track(people, attributes=[{"external_id": "c", "email": "all@x.org"}])
    cut = people.post("/users/export/ids", {"email_address": "all@x.org", "phone": "+15551234567"}).json

    assert (len(whole["users"]), whole.keys()) == (1000, {"users", "message"})
    assert (len(cut["users"]), cut["truncated"]) == (1001, ["email_address"])
    assert who(cut["users"])[0] == "c"


def test_an_export_contains_the_fields_to_export(people: Caller) -> None:
    fields = ["external_id", "email", "first_name", "uninstalled_at", "user_aliases"]

    assert export(people, external_ids=["a"], fields_to_export=fields) == [
        {"external_id": "a", "user_aliases": [], "email": "Ann@x.org"}
    ]
    assert export(people, external_ids=["a"], fields_to_export=[]) == [{}]


def test_a_merged_away_profile_is_not_exported(people: Caller, pool: Pool) -> None:
    braze_id = the_profile(people, "a")["braze_id"]
    merge(people, pool, orphan="a", survivor="b")
    response = people.post("/users/export/ids", {"external_ids": ["a"], "braze_id": braze_id})

    assert (response.json["users"], response.json["invalid_user_ids"]) == ([], ["a"])


NOBODY = (
    "At least one of 'external_ids', 'user_aliases', 'device_id', 'braze_id', 'email_address' and 'phone' is required."
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "The request body must be a JSON object."),
        ({}, NOBODY),
        ({"external_ids": []}, NOBODY),
        ({"external_ids": "a"}, "'external_ids' must be an array"),
        ({"external_ids": [None]}, "'external_ids.0' may not be null"),
        ({"external_ids": ["a"] * 51}, "The max number of external_ids and aliases per request was exceeded"),
        ({"user_aliases": [ALIAS] * 51}, "The max number of external_ids and aliases per request was exceeded"),
        ({"user_aliases": [{"alias_name": "7"}]}, "'user_aliases.0.alias_label' is required"),
        ({"email_address": 7}, "'email_address' must be a string"),
        ({"external_ids": ["a"], "fields_to_export": "email"}, "'fields_to_export' must be an array"),
        (
            {"external_ids": ["a"], "fields_to_export": ["shoe_size"]},
            "'fields_to_export' names 'shoe_size', which is no field of an export.",
        ),
    ],
)
def test_bad_input_is_refused_with_a_sentence(caller: Caller, body: Any, message: str) -> None:
    response = caller.post("/users/export/ids", body)

    assert response.status_code == 400
    assert response.json == {"message": message}


def test_one_profile_is_read_by_its_braze_id(people: Caller) -> None:
    user = the_profile(people, "a")
    response = people.get(f"/profiles/{user['braze_id']}")

    assert response.status_code == 200
    assert response.json == user


@pytest.mark.parametrize("braze_id", ["0" * 24, "nonsense", "0" * 23 + "%00", "é", "A" * 300])
def test_an_unknown_braze_id_is_not_found(caller: Caller, braze_id: str) -> None:
    shown = caller.get(f"/profiles/{braze_id}")
    counted = caller.get(f"/profiles/{braze_id}/activity", event="login", days=1)

    for response in (shown, counted):
        assert response.status_code == 404
        assert response.json == {"message": "There is no profile with this braze_id in the key's workspace."}


def test_a_merged_away_profile_is_gone_with_a_link_to_its_survivor(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": name} for name in "abc"])
    first, second, third = (the_profile(caller, name)["braze_id"] for name in "abc")
    merge(caller, pool, orphan="a", survivor="b")
    merge(caller, pool, orphan="b", survivor="c")
    shown = [caller.get(f"/profiles/{braze_id}") for braze_id in (first, second)]
    counted = caller.get(f"/profiles/{first}/activity", event="login", days=1)

    for response in (*shown, counted):
        assert response.status_code == 410
        assert response.json["message"].endswith(f"it is now part of profile {third}.")
        assert f"</profiles/{third}>" in response.headers["Link"]


def test_a_strangers_profile_is_not_found(people: Caller, make_caller: Callable[..., Caller]) -> None:
    stranger = make_caller()
    braze_id = the_profile(people, "a")["braze_id"]

    assert stranger.get(f"/profiles/{braze_id}").status_code == 404
    assert stranger.get(f"/profiles/{braze_id}/activity", event="login", days=1).status_code == 404
    assert export(stranger, braze_id=braze_id, external_ids=["a"], email_address="ann@x.org", device_id="d1") == []
