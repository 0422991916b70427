"""The shape of an export as the vendor documents it. It contains everything that a client can write."""

from typing import Any

from schemas.profile import EXPORTABLE, VALUELESS
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, NOON_TEXT, Json, export, the_profile, track

database_url = make_database_url(scope="module")

ME = {"external_id": "me"}
MESSAGE = {"variation_name": "A", "variation_api_id": "a1", "in_control": False}
#: One object of each array, with every part that an export contains.
WRITTEN: dict[str, list[Json]] = {
    "attributes": [
        {
            "first_name": "Ada",
            "last_name": "Byron",
            "email": "ada@x.org",
            "phone": "+442079460958",
            "dob": "1980-12-21",
            "gender": "F",
            "home_city": "London",
            "country": "GB",
            "language": "en",
            "time_zone": "Europe/London",
            "current_location": {"longitude": -73.99, "latitude": 40.73},
            "email_subscribe": "opted_in",
            "push_subscribe": "opted_in",
            "plan": "gold",
            "devices": [
                {
                    "device_id": "d",
                    "model": "15",
                    "os": "iOS",
                    "carrier": "EE",
                    "idfv": "v",
                    "idfa": "a",
                    "ad_tracking_enabled": True,
                }
            ],
            "push_tokens": [
                {
                    "app_id": "app",
                    "token": "t",
                    "platform": "iOS",
                    "device_id": "d",
                    "notifications_enabled": True,
                    "provisionally_opted_in": False,
                }
            ],
        },
        {"email_subscribe": "unsubscribed"},
    ],
    "events": [{"name": "login", "time": NOON}] * 2,
    "purchases": [{"product_id": "hat", "currency": "USD", "price": 65, "time": NOON}],
    "sessions": [{"app_id": "app", "app_name": "Shop", "platform": "iOS", "app_version": "2", "started_at": NOON}],
    "engagements": [
        {"kind": "campaign", "id": "c", "name": "Sale", "event": "received", "time": NOON, **MESSAGE},
        {"kind": "campaign", "id": "c", "event": "opened_email", "time": NOON},
        {"kind": "campaign", "id": "c", "event": "converted", "time": NOON},
        {"kind": "canvas", "id": "v", "name": "Welcome", "event": "entered", "time": NOON, **MESSAGE},
        {"kind": "canvas", "id": "v", "event": "received", "time": NOON, "step_id": "s", "step_name": "Hello"},
        {"kind": "canvas", "id": "v", "event": "exited", "time": NOON},
    ],
}
SEEN = {"first": NOON_TEXT, "last": NOON_TEXT}


def written(caller: Caller) -> Json:
    """Return the export of a profile with every attribute."""
    track(caller, **{array: [{**ME, **each} for each in objects] for array, objects in WRITTEN.items()})
    alias = {"external_id": "me", "alias_label": "shop", "alias_name": "7"}
    assert caller.post("/users/alias/new", {"user_aliases": [alias]}).status_code == 201
    return the_profile(caller)


def test_an_export_contains_everything_that_the_vendor_documents(caller: Caller) -> None:
    user = written(caller)
    told = user["updated_at"]
    same = (
        "first_name",
        "last_name",
        "email",
        "phone",
        "dob",
        "gender",
        "home_city",
        "country",
        "language",
        "time_zone",
    )

    assert {name: user[name] for name in same} == {name: WRITTEN["attributes"][0][name] for name in same}
    assert user["external_id"] == "me"
    assert user["user_aliases"] == [{"alias_name": "7", "alias_label": "shop"}]
    assert user["appboy_id"] == user["braze_id"]
    assert 0 <= user["random_bucket"] <= 9999
    assert user["last_coordinates"] == [-73.99, 40.73]
    assert user["custom_attributes"] == {"plan": "gold"}
    assert user["custom_events"] == [{"name": "login", "count": 2, **SEEN}]
    assert user["purchases"] == [{"name": "hat", "count": 1, **SEEN}]
    assert user["total_revenue"] == 65
    assert user["devices"] == WRITTEN["attributes"][0]["devices"]
    assert (user["push_subscribe"], user["email_subscribe"]) == ("opted_in", "unsubscribed")
    assert user["created_at"] <= user["push_opted_in_at"] == user["email_unsubscribed_at"] <= told
    assert user["email_opted_in_at"] == user["push_opted_in_at"]


def test_push_tokens_and_apps_have_the_vendors_keys(caller: Caller) -> None:
    user = written(caller)
    sent: dict[str, Any] = dict(WRITTEN["attributes"][0]["push_tokens"][0])

    assert user["push_tokens"] == [{"app": sent.pop("app_id"), **sent}]
    assert user["apps"] == [
        {
            "name": "Shop",
            "app_id": "app",
            "platform": "iOS",
            "version": "2",
            "sessions": 1,
            "first_used": NOON_TEXT,
            "last_used": NOON_TEXT,
        }
    ]


def test_campaigns_and_canvases_have_the_vendors_keys(caller: Caller) -> None:
    user = written(caller)

    assert user["campaigns_received"] == [
        {
            "name": "Sale",
            "api_campaign_id": "c",
            "last_received": NOON_TEXT,
            "engaged": {"opened_email": True},
            "converted": True,
            **MESSAGE,
        }
    ]
    assert user["canvases_received"] == [
        {
            "name": "Welcome",
            "api_canvas_id": "v",
            "last_received_message": NOON_TEXT,
            "last_entered": NOON_TEXT,
            "last_exited": NOON_TEXT,
            "steps_received": [{"name": "Hello", "api_canvas_step_id": "s", "last_received": NOON_TEXT}],
            **MESSAGE,
        }
    ]


def test_every_field_can_be_exported_alone(caller: Caller) -> None:
    user = written(caller)

    for name in sorted(EXPORTABLE):
        expected = {name: user[name]} if name in user else {}
        assert export(caller, external_ids=["me"], fields_to_export=[name]) == [expected], name


def test_fields_that_no_client_can_write_are_not_exported(caller: Caller) -> None:
    assert VALUELESS.isdisjoint(written(caller))


def test_all_kinds_of_identifiers_in_one_request_export_a_profile_once(caller: Caller) -> None:
    written(caller)
    response = caller.post(
        "/users/export/ids",
        {
            "external_ids": ["me", "stranger"],
            "user_aliases": [{"alias_label": "shop", "alias_name": "7"}, {"alias_label": "shop", "alias_name": "8"}],
            "email_address": "ADA@x.org",
            "phone": "+44 20 7946 0958",
            "device_id": "d",
            "fields_to_export": ["external_id"],
        },
    )

    assert response.status_code == 201
    assert response.json == {"users": [{"external_id": "me"}], "message": "success", "invalid_user_ids": ["stranger"]}
