"""An invalid standard attribute is left out with a warning, through the web application."""

from typing import Any

from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, Json, export, the_profile, track

database_url = make_database_url(scope="module")

ME = {"external_id": "me"}


def types(answer: Json, key: str = "warnings") -> list[tuple[int, str]]:
    return [(each["index"], each["type"]) for each in answer[key]]


def test_two_people_with_wrong_time_zones_keep_all_their_other_values(caller: Caller) -> None:
    answer = track(
        caller,
        attributes=[
            {"external_id": "tz1", "time_zone": "Eastern Time (US & Canada)", "first_name": "Ada", "plan": "gold"},
            {"external_id": "tz2", "time_zone": "UTC+2", "first_name": "Bob", "plan": "free"},
        ],
    )
    (ada,) = export(caller, external_ids=["tz1"])
    (bob,) = export(caller, external_ids=["tz2"])

    assert answer["attributes_processed"] == 2
    assert "errors" not in answer
    assert types(answer) == [
        (1, "'time_zone' must be a name of the IANA time zone database or of Rails, so it was left out.")
    ]
    assert (ada["first_name"], ada["custom_attributes"], ada["time_zone"]) == (
        "Ada",
        {"plan": "gold"},
        "America/New_York",
    )
    assert (bob["first_name"], bob["custom_attributes"]) == ("Bob", {"plan": "free"})
    assert "time_zone" not in bob


def test_an_invalid_value_leaves_the_stored_one_and_an_unknown_country_removes_it(caller: Caller) -> None:
    stored: dict[str, Any] = {"gender": "F", "dob": "1980-12-21", "language": "en", "home_city": "Ulm", "country": "DE"}
    track(caller, attributes=[{**ME, **stored}])
    wrong = {"gender": "female", "dob": "21.12.1980", "language": "klingon", "home_city": 5, "country": "Atlantis"}
    answer = track(caller, attributes=[{**ME, **wrong}])
    user = the_profile(caller)

    assert (answer["attributes_processed"], len(answer["warnings"])) == (1, 5)
    assert {name: user.get(name) for name in stored} == {**stored, "country": None}


def test_an_invalid_subscription_state_still_refuses_its_object(caller: Caller) -> None:
    answer = track(
        caller,
        attributes=[
            {**ME, "first_name": "Ada", "email_subscribe": "no"},
            {**ME, "last_name": "Lovelace", "gender": "female"},
        ],
    )
    user = the_profile(caller)

    assert types(answer, "errors") == [(0, "'email_subscribe' must be one of opted_in, subscribed and unsubscribed")]
    assert types(answer) == [(1, "'gender' must be one of M, F, O, N and P, so it was left out.")]
    assert (user.get("first_name"), user["last_name"]) == (None, "Lovelace")


def test_a_number_is_the_name_of_a_product_and_of_an_event(caller: Caller) -> None:
    purchase = {**ME, "currency": "USD", "price": 1, "time": NOON}
    answer = track(
        caller,
        events=[{**ME, "name": 404, "time": NOON}],
        purchases=[{**purchase, "product_id": 12345}, {**purchase, "product_id": "12345"}],
    )
    user = the_profile(caller)

    assert (answer["events_processed"], answer["purchases_processed"]) == (1, 2)
    assert [(each["name"], each["count"]) for each in user["purchases"]] == [("12345", 2)]
    assert [each["name"] for each in user["custom_events"]] == ["404"]


def test_update_existing_only_as_text_creates_the_profile_of_an_alias(caller: Caller) -> None:
    alias = {"alias_label": "shop", "alias_name": "7"}
    for only, created in (("true", 0), ("false", 1)):
        track(caller, attributes=[{"user_alias": alias, "_update_existing_only": only, "first_name": "Ada"}])

        assert len(export(caller, user_aliases=[alias])) == created
