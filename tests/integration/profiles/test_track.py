import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, NOON_TEXT, export, the_profile, track

database_url = make_database_url(scope="module")

ME = {"external_id": "me"}
ALIAS = {"user_alias": {"alias_label": "shop", "alias_name": "7"}}


def test_one_request_may_contain_every_array(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    answer = track(
        caller,
        attributes=[{**ME, "first_name": "Ada", "email": "Ada@x.org", "plan": "gold"}],
        events=[{**ME, "name": "login", "time": NOON, "properties": {"from": "app"}}],
        purchases=[{**ME, "product_id": "hat", "currency": "USD", "price": 9.99, "quantity": 3, "time": NOON}],
        sessions=[{**ME, "app_id": "web", "started_at": NOON, "ended_at": "2026-05-01T13:00:00Z"}],
        engagements=[{**ME, "kind": "canvas", "id": "v", "event": "received", "time": NOON, "step_id": "s"}],
    )
    user = the_profile(caller)

    assert answer == {
        "message": "success",
        "attributes_processed": 1,
        "events_processed": 1,
        "purchases_processed": 1,
        "sessions_processed": 1,
        "engagements_processed": 1,
    }
    assert (user["first_name"], user["email"], user["custom_attributes"]) == ("Ada", "Ada@x.org", {"plan": "gold"})
    assert user["custom_events"] == [{"name": "login", "count": 1, "first": NOON_TEXT, "last": NOON_TEXT}]
    assert user["purchases"] == [{"name": "hat", "count": 3, "first": NOON_TEXT, "last": NOON_TEXT}]
    assert (user["total_revenue"], user["purchase_count"], user["session_count"]) == (29.97, 3, 1)
    assert counted() == {
        "profile": 1,
        "user_alias": 0,
        "custom_event": 1,
        "purchase": 3,
        "session": 1,
        "engagement": 1,
    }


def test_every_standard_attribute_is_exported(caller: Caller) -> None:
    same: dict[str, Any] = {
        "first_name": "Ada",
        "last_name": "Byron",
        "gender": "F",
        "dob": "1815-12-10",
        "home_city": "London",
        "country": "GB",
        "language": "en",
        "time_zone": "Europe/London",
        "email": "Ada@x.org",
        "phone": "+44 20 7946 0958",
        "facebook": {"id": "1", "likes": ["tea"], "num_friends": 3},
        "twitter": {"id": 2, "screen_name": "ada"},
        "email_subscribe": "opted_in",
        "push_subscribe": "unsubscribed",
        "email_open_tracking_disabled": True,
        "email_click_tracking_disabled": False,
        "marked_email_as_spam_at": NOON_TEXT,
        "marked_for_deletion_at": NOON_TEXT,
        "devices": [{"device_id": "d", "model": "15", "os": "iOS", "carrier": "EE", "ad_tracking_enabled": True}],
        "subscription_groups": [{"subscription_group_id": "g", "subscription_state": "subscribed"}],
        "test_user": True,
        "control_group": True,
    }
    renamed = {
        "current_location": {"longitude": -0.1, "latitude": 51.5},
        "date_of_first_session": "2026-01-01",
        "date_of_last_session": NOON,
        "push_tokens": [{"app_id": "a", "token": "t", "device_id": "d"}],
        "email_encrypted": False,
    }
    track(caller, attributes=[{**ME, **same, **renamed}])
    user = the_profile(caller)

    assert {name: user[name] for name in same} == same
    assert user["last_coordinates"] == [-0.1, 51.5]
    assert (user["first_session"], user["last_session"]) == ("2026-01-01T00:00:00.000Z", NOON_TEXT)
    assert user["push_tokens"] == [{"app": "a", "token": "t", "device_id": "d"}]
    assert "custom_attributes" not in user


def test_the_response_lists_invalid_objects_and_the_others_take_effect(caller: Caller) -> None:
    answer = track(
        caller,
        attributes=[{**ME, "email": "nobody"}, {**ME, "first_name": "Ada"}],
        purchases=[{**ME, "product_id": "hat", "currency": "USD", "price": 1, "quantity": -1, "time": NOON}],
    )

    assert answer == {
        "message": "success",
        "attributes_processed": 1,
        "errors": [
            {
                "type": "The value provided for the 'email' field is not a valid email.",
                "input_array": "attributes",
                "index": 0,
            },
            {"type": "'quantity' is not valid", "input_array": "purchases", "index": 0},
        ],
    }
    assert the_profile(caller)["first_name"] == "Ada"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        7,
        {"attributes": {}},
        {"attributes": "text"},
        {"attributes": [{}]},
        {"attributes": [None]},
        {"attributes": [{"external_id": "x" * 1000}]},
        {"attributes": [{"external_id": {"a": 1}}]},
        {"attributes": [{**ME, "email_subscribe": ["opted_in"]}]},
        {"attributes": [{**ME, "first_name": "A\x00"}]},
        {"attributes": [{**ME, "\x00": 1}]},
        {"attributes": [{**ME, "marked_email_as_spam_at": "0000-00-00"}]},
        {"attributes": [{**ME, "plan": {"inc": "1"}}]},
        {"attributes": [{**ME, "plan": {"add": "gold"}}]},
        {"attributes": [{**ME, "_merge_objects": 1}]},
        {"attributes": [{"external_id": "null"}]},
        {"attributes": [{"email": "a" * 400 + "@b.cd"}]},
        {"attributes": [ME] * 76},
        {"events": [{**ME, "name": "login", "time": "9999-12-31T23:59:59-23:59"}]},
        {"events": [{**ME, "name": "login", "time": NOON, "properties": [1]}]},
        {"purchases": [{**ME, "product_id": "hat", "currency": "USD", "price": 1e308, "time": NOON}]},
        {"purchases": [{**ME, "product_id": "hat", "currency": "USD", "price": 1, "quantity": 10**18, "time": NOON}]},
        {"sessions": [{**ME, "app_id": "web", "started_at": NOON, "ended_at": "2020-01-01"}]},
        {"engagements": [{**ME, "kind": "x", "id": "c", "event": "opened", "time": NOON}]},
    ],
)
def test_bad_input_is_refused_with_a_sentence_and_changes_nothing(
    caller: Caller, counted: Callable[[], dict[str, int]], body: Any
) -> None:
    response = caller.post("/users/track", body)

    assert response.status_code == 400
    assert response.json["message"]
    assert set(counted().values()) == {0}


def test_strings_at_their_limits_are_stored(caller: Caller) -> None:
    widest = "\U0001f600" * 255
    longest = {"external_id": "é" * 493}
    local = "\u0390" * 300
    track(
        caller,
        attributes=[{**longest, "first_name": widest, widest: widest, "email": f"{local}@b.cd", "phone": widest}],
        events=[{**longest, "name": widest, "time": NOON, "app_id": widest}],
        purchases=[{**longest, "product_id": widest, "currency": "USD", "price": 1e9, "time": "1900-01-01"}],
        sessions=[{**longest, "app_id": widest, "started_at": "1900-01-01"}],
        engagements=[{**longest, "kind": "campaign", "id": widest, "event": "a" * 64, "time": NOON}],
    )
    user = the_profile(caller, longest["external_id"])

    assert user["custom_attributes"] == {widest: widest}
    assert export(caller, email_address=f"{local}@b.cd") == [user]


def test_profiles_written_by_one_call_share_its_time(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "a"}])
    track(caller, attributes=[{"external_id": "b"}, {"external_id": "a"}])
    times = {each["updated_at"] for each in export(caller, external_ids=["a", "b"])}

    assert len(times) == 1


def test_an_event_in_the_future_gets_the_current_time(caller: Caller) -> None:
    track(caller, events=[{**ME, "name": "login", "time": "2999-01-01T00:00:00Z"}])
    user = the_profile(caller)

    assert user["custom_events"][0]["last"] == user["updated_at"]


def test_summaries_count_the_events_of_all_calls(caller: Caller) -> None:
    for _ in range(3):
        track(caller, events=[{**ME, "name": "login", "time": NOON}] * 2)

    assert the_profile(caller)["custom_events"][0]["count"] == 6


def test_concurrent_writes_lose_nothing_and_create_no_profile_twice(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    arrays = {
        "attributes": [{**ALIAS, "_update_existing_only": False}, {"email": "a@x.org", "plan": 1}],
        "events": [{"external_id": name, "name": "login", "time": NOON} for name in ("a", "b", "c")],
        "purchases": [
            {"email": "a@x.org", "product_id": "hat", "currency": "USD", "price": 0.01, "time": NOON},
            {**ALIAS, "product_id": "hat", "currency": "USD", "price": 0.01, "time": NOON},
        ],
    }
    backwards = {name: objects[::-1] for name, objects in arrays.items()}
    answers: list[Any] = []

    def write(number: int) -> None:
        body = {**(backwards if number % 2 else arrays), "attributes": arrays["attributes"]}
        answers.extend(caller.post("/users/track", body).status_code for _ in range(5))

    threads = [threading.Thread(target=write, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    by_id = export(caller, external_ids=["a", "b", "c"])
    (by_email,) = export(caller, email_address="a@x.org")
    (by_alias,) = export(caller, user_aliases=[ALIAS["user_alias"]])

    assert answers == [201] * 30
    assert [each["custom_events"][0]["count"] for each in by_id] == [30] * 3
    assert [each["total_revenue"] for each in (by_email, by_alias)] == [0.3, 0.3]
    assert counted()["profile"] == 5
