"""Corner cases of `/users/track` from the vendor's documents, tested through the web application."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, NOON_TEXT, Json, export, the_profile, track

database_url = make_database_url(scope="module")

ME = {"external_id": "me"}
LOGIN = {**ME, "name": "login", "time": NOON}
HAT = {**ME, "product_id": "hat", "currency": "USD", "price": 1, "time": NOON}


@pytest.mark.parametrize("array", ["attributes", "events", "purchases", "sessions", "engagements"])
def test_a_placeholder_as_external_id_is_refused_in_every_array(caller: Caller, array: str) -> None:
    sound = {
        "attributes": {},
        "events": LOGIN,
        "purchases": HAT,
        "sessions": {"app_id": "web", "started_at": NOON},
        "engagements": {"kind": "campaign", "id": "c", "event": "opened", "time": NOON},
    }[array]
    response = caller.post("/users/track", {array: [{**sound, "external_id": " Undefined "}]})

    assert response.status_code == 400
    assert response.json["errors"] == [
        {"type": "provided external_id is blacklisted and disallowed", "input_array": array, "index": 0}
    ]
    assert export(caller, external_ids=[" Undefined ", "Undefined"]) == []


def test_the_placeholders_are_a_setting(configured_caller: Callable[..., Caller]) -> None:
    caller = configured_caller(refused_identifiers=frozenset({"house"}))
    answer = track(caller, attributes=[{"external_id": "House"}, {"external_id": "null"}])

    assert (answer["attributes_processed"], [each["index"] for each in answer["errors"]]) == (1, [0])


def test_equal_objects_are_all_counted(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    for _ in range(2):
        track(caller, events=[LOGIN] * 2, purchases=[HAT] * 2)

    assert the_profile(caller)["custom_events"][0]["count"] == 4
    assert (counted()["custom_event"], counted()["purchase"]) == (4, 4)


def test_keys_of_partners_and_obsolete_keys_are_ignored(caller: Caller) -> None:
    extra = {"api_key": "old", "app_group_id": "older", "partner": "rudder", "company_secret": "oldest"}

    assert track(caller, attributes=[ME], **extra) == {"message": "success", "attributes_processed": 1}


def test_a_flat_alias_is_an_alias(caller: Caller) -> None:
    flat = {"alias_label": "shop", "alias_name": "7"}
    track(caller, attributes=[{**flat, "_update_existing_only": False, "first_name": "Ada"}])
    (user,) = export(caller, user_aliases=[flat])

    assert user["first_name"] == "Ada"
    assert "custom_attributes" not in user


def test_the_order_within_a_call_is_attributes_events_purchases(caller: Caller) -> None:
    answer = track(
        caller,
        purchases=[{"email": "a@x.org", **HAT, "external_id": None}],
        attributes=[{**ME, "email": "a@x.org"}],
    )
    user = the_profile(caller)

    assert answer == {"message": "success", "attributes_processed": 1, "purchases_processed": 1}
    assert user["purchase_count"] == 1
    assert export(caller, email_address="a@x.org") == [user]


@pytest.mark.parametrize("array", ["events", "purchases"])
@pytest.mark.parametrize("reserved", ["time", "event_name"])
def test_reserved_names_of_properties_are_refused(caller: Caller, array: str, reserved: str) -> None:
    sound = LOGIN if array == "events" else HAT
    response = caller.post("/users/track", {array: [{**sound, "properties": {reserved: 1}}]})

    assert response.status_code == 400
    assert [each["type"] for each in response.json["errors"]] == ["Invalid 'properties' field"]


@pytest.mark.parametrize("reserved", ["product_id", "quantity", "price", "currency"])
def test_an_event_may_have_properties_that_only_purchases_reserve(caller: Caller, reserved: str) -> None:
    track(caller, events=[{**LOGIN, "properties": {reserved: 1}}])
    response = caller.post("/users/track", {"purchases": [{**HAT, "properties": {reserved: 1}}]})

    assert response.status_code == 400
    assert the_profile(caller)["custom_events"][0]["count"] == 1


def test_properties_of_an_event_may_be_large_and_are_found_again(caller: Caller) -> None:
    track(
        caller,
        events=[{**LOGIN, "time": "2999-01-01", "properties": {"text": "x" * 90_000, "from": {"a": [1]}, "n": 5}}],
    )
    braze_id = the_profile(caller)["braze_id"]
    found = caller.get(f"/profiles/{braze_id}/activity", event="login", days=1, property="n", value="5").json

    assert found["count"] == 1


def test_events_with_recommended_names_are_not_validated_by_a_schema(caller: Caller) -> None:
    order = {**ME, "name": "ecommerce.order_placed", "time": NOON, "properties": {"sku_abcd": 1}}

    assert track(caller, events=[order]) == {"message": "success", "events_processed": 1}


def test_push_tokens_are_imported_only_with_an_identifier(caller: Caller) -> None:
    tokens = [{"app_id": "app", "token": "t"}]
    answer = track(
        caller,
        attributes=[
            {"push_token_import": True, "push_tokens": tokens},
            {**ME, "push_token_import": False, "push_tokens": tokens},
        ],
    )

    assert (answer["attributes_processed"], answer["errors"][0]["index"]) == (1, 0)
    assert the_profile(caller)["push_tokens"] == [{"app": "app", "token": "t"}]


def test_the_key_for_double_opt_in_is_not_stored(caller: Caller) -> None:
    group = {"subscription_group_id": "g", "subscription_state": "subscribed"}
    track(caller, attributes=[{**ME, "subscription_groups": [{**group, "use_double_opt_in_logic": True}]}])

    assert the_profile(caller)["subscription_groups"] == [group]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("de", "DE"), (" us ", "US"), ("Germany", "DE"), ("USA", "US"), ("", None), ("XX", None), (None, None)],
)
def test_a_country_is_stored_as_its_code_and_an_unknown_one_as_null(caller: Caller, sent: Any, shown: Any) -> None:
    track(caller, attributes=[{**ME, "country": "GB"}, {**ME, "country": sent}])

    assert the_profile(caller).get("country") == shown


def test_a_standard_attribute_accepts_every_form_of_a_date(caller: Caller) -> None:
    for text in ("2026-05-01T12:00:00:000Z", "2026-05-01T12:00:00", "2026-05-01 12:00:00", NOON_TEXT):
        track(caller, attributes=[{**ME, "marked_email_as_spam_at": text}])
        assert the_profile(caller)["marked_email_as_spam_at"] == NOON_TEXT
    track(caller, attributes=[{**ME, "marked_email_as_spam_at": "05/01/2026"}])

    assert the_profile(caller)["marked_email_as_spam_at"] == "2026-05-01T00:00:00.000Z"


def test_null_deletes_a_standard_attribute_but_no_identifier(caller: Caller) -> None:
    track(caller, attributes=[{**ME, "first_name": "Ada", "email": "a@x.org", "phone": "1", "dob": "1980-12-21"}])
    track(
        caller, attributes=[{**ME, "user_alias": None, "first_name": None, "email": None, "phone": None, "dob": None}]
    )
    user = the_profile(caller)

    assert user["external_id"] == "me"
    assert user.keys().isdisjoint({"first_name", "email", "phone", "dob"})


def test_a_request_with_too_many_objects_is_refused(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    arrays: dict[str, list[Json]] = {"attributes": [{**ME, "first_name": "Ada"}], "events": [LOGIN] * 76}
    response = caller.post("/users/track", arrays)

    assert (response.status_code, response.json["message"]) == (400, "Max Input Length Exceeded")
    assert set(counted().values()) == {0}
