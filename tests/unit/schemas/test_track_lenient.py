"""An invalid standard attribute of `/users/track` is left out with a warning; the object is kept and counted."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas.attributes import Attributes
from schemas.track import load_track

NOON = "2026-05-01T12:00:00Z"
CODES = "'country' must be a code of ISO 3166-1 or the English name of a country, so it was stored as null."
GENDERS = "'gender' must be one of M, F, O, N and P, so it was left out."
DAYS = "'dob' must be a day in the form YYYY-MM-DD, so it was left out."
ZONES = "'time_zone' must be a name of the IANA time zone database or of Rails, so it was left out."
LANGUAGE = "'language' must be a language code of ISO 639-1, such as en, so it was left out."


def load(**given: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the standard attributes of an object that also has a name and a custom attribute, and its warnings."""
    loaded = load_track({"attributes": [{"external_id": "e", "plan": "gold", "last_name": "Lovelace", **given}]})
    answer = loaded.answer()

    assert loaded.errors == []
    assert answer["attributes_processed"] == 1
    assert all((each["input_array"], each["index"]) == ("attributes", 0) for each in answer.get("warnings", []))
    (entry,) = loaded.entries
    assert isinstance(entry, Attributes)
    assert entry.custom.values == {"plan": "gold"}
    standard = dict(entry.standard)
    assert standard.pop("last_name") == "Lovelace"
    return standard, [each["type"] for each in answer.get("warnings", [])]


@pytest.mark.parametrize(
    ("name", "sent", "warning"),
    [
        *(("gender", sent, GENDERS) for sent in ("male", "Female", "X", "", "MF")),
        ("gender", 1, "'gender' must be a string, so it was left out."),
        *(("dob", sent, DAYS) for sent in ("01/02/1990", "21.12.1980", "", "1990-02-30", 1980)),
        *(("time_zone", sent, ZONES) for sent in ("UTC+2", "Mars/Olympus", "", "Eastern Time")),
        ("time_zone", 2, "'time_zone' must be a string, so it was left out."),
        ("home_city", 5, "'home_city' must be a string, so it was left out."),
        ("home_city", "x" * 256, "'home_city' may not be longer than 255 characters, so it was left out."),
        ("first_name", 7, "'first_name' must be a string, so it was left out."),
        ("first_name", True, "'first_name' must be a string, so it was left out."),
        ("country", 7, "'country' must be a string, so it was left out."),
        *(("language", sent, LANGUAGE) for sent in ("xx-klingon", "klingon", "English", "xx", "", "e", "en-")),
        ("language", 1, "'language' must be a string, so it was left out."),
        ("facebook", "x", "'facebook' must be an object, so it was left out."),
        ("twitter", {"x": "y" * 103_000}, "'twitter' may not take more than 102,400 bytes, so it was left out."),
        (
            "current_location",
            {"longitude": 181, "latitude": 0},
            "'current_location.longitude' must be a number from -180 to 180, so 'current_location' was left out.",
        ),
        (
            "current_location",
            {"longitude": 0, "latitude": "north"},
            "'current_location.latitude' must be a number from -90 to 90, so 'current_location' was left out.",
        ),
        (
            "current_location",
            {"longitude": 1},
            "'current_location.latitude' is required, so 'current_location' was left out.",
        ),
        (
            "date_of_first_session",
            "soon",
            "'date_of_first_session' must be a moment in ISO 8601 form, so it was left out.",
        ),
        (
            "date_of_last_session",
            "1899-12-31",
            "'date_of_last_session' must lie between the years 1900 and 3000, so it was left out.",
        ),
        ("test_user", 1, "'test_user' must be true or false, so it was left out."),
        ("devices", {}, "'devices' must be an array, so it was left out."),
        ("devices", [{"device_id": "d"}] * 101, "'devices' may not have more than 100 elements, so it was left out."),
        ("push_tokens", "t", "'push_tokens' must be an array, so it was left out."),
    ],
)
def test_an_invalid_attribute_is_left_out_with_a_warning(name: str, sent: Any, warning: str) -> None:
    assert load(**{name: sent}) == ({}, [warning])


@pytest.mark.parametrize("sent", ["Atlantis", "", "XX", "Korea", "Kosovo"])
def test_an_unknown_country_is_stored_as_null_with_a_warning(sent: str) -> None:
    assert load(country=sent) == ({"country": None}, [CODES])


@pytest.mark.parametrize(
    ("name", "sent", "read"),
    [
        ("gender", " f ", "F"),
        ("dob", " 1980-12-21 ", date(1980, 12, 21)),
        ("country", "Germany", "DE"),
        ("country", "usa", "US"),
        ("time_zone", "Eastern Time (US & Canada)", "America/New_York"),
        ("time_zone", "Berlin", "Europe/Berlin"),
        ("time_zone", "europe/berlin", "Europe/Berlin"),
        ("time_zone", " Europe/Berlin ", "Europe/Berlin"),
        ("time_zone", "EST5EDT", "EST5EDT"),
        ("language", "EN", "en"),
        ("language", "en-US", "en"),
        ("language", "zh_Hant_TW", "zh"),
        ("language", "gsw", "gsw"),
        ("date_of_last_session", "Thu 05 14 09:30:00.Z 2026", datetime(2026, 5, 14, 9, 30, tzinfo=UTC)),
    ],
)
def test_another_spelling_of_a_valid_value_is_converted_without_a_warning(name: str, sent: Any, read: Any) -> None:
    assert load(**{name: sent}) == ({name: read}, [])


def test_of_devices_and_push_tokens_only_the_invalid_entries_are_left_out() -> None:
    standard, warnings = load(
        devices=["d", {"device_id": "good"}, {"model": "no id"}],
        push_tokens=[{"app_id": "a"}, {"app_id": "a", "token": "t"}],
    )

    assert standard == {"devices": [{"device_id": "good"}], "push_tokens": [{"app_id": "a", "token": "t"}]}
    assert warnings == [
        "'push_tokens.0.token' is required, so 'push_tokens.0' was left out.",
        "'devices.0' must be an object, so it was left out.",
        "'devices.2.device_id' is required, so 'devices.2' was left out.",
    ]


def test_each_invalid_attribute_has_a_warning_of_its_own_and_the_names_are_trimmed() -> None:
    assert load(**{" gender ": "male", "dob": "soon", "country": "Atlantis"}) == (
        {"country": None},
        [GENDERS, DAYS, CODES],
    )


def test_an_object_whose_attributes_are_all_invalid_is_kept() -> None:
    answer = load_track({"attributes": [{"external_id": "e", "gender": "male"}]}).answer()

    assert answer == {
        "message": "success",
        "attributes_processed": 1,
        "warnings": [{"type": GENDERS, "input_array": "attributes", "index": 0}],
    }


def test_a_warning_does_not_hide_that_the_object_is_refused() -> None:
    loaded = load_track({"attributes": [{"external_id": "e", "gender": "male", "email_subscribe": "no"}]})

    assert [each["type"] for each in loaded.errors] == [
        "'email_subscribe' must be one of opted_in, subscribed and unsubscribed"
    ]
    assert loaded.warnings == []


@pytest.mark.parametrize(
    ("sent", "read"),
    [(12345, "12345"), (0, "0"), (-7, "-7"), (2**63, "9223372036854775808"), ("012", "012")],
)
def test_a_whole_number_as_the_name_of_an_event_or_a_product_is_its_digits(sent: Any, read: str) -> None:
    identified = {"external_id": "e", "time": NOON}
    loaded = load_track(
        {
            "events": [{**identified, "name": sent}],
            "purchases": [{**identified, "product_id": sent, "currency": "USD", "price": 1}],
        }
    )

    assert [getattr(entry, "name", None) or getattr(entry, "product_id", None) for entry in loaded.entries] == [
        read
    ] * 2


@pytest.mark.parametrize("sent", [True, 1.5, 12345.0, 1e30, [1], {"id": 1}])
def test_no_other_value_is_the_name_of_a_product(sent: Any) -> None:
    purchase = {"external_id": "e", "time": NOON, "product_id": sent, "currency": "USD", "price": 1}
    loaded = load_track({"purchases": [purchase]})

    assert [each["type"] for each in loaded.errors] == [
        "'product_id' must be a string, or a whole number of at most 64 bits"
    ]


@pytest.mark.parametrize("array", ["attributes", "events", "purchases", "sessions", "engagements"])
@pytest.mark.parametrize(("sent", "creates"), [("false", True), ("False", True), (" FALSE ", True), ("true", False)])
def test_update_existing_only_may_be_text_in_every_array(array: str, sent: str, creates: bool) -> None:
    members = {
        "attributes": {},
        "events": {"name": "login", "time": NOON},
        "purchases": {"product_id": "hat", "currency": "USD", "price": 1, "time": NOON},
        "sessions": {"app_id": "web", "started_at": NOON},
        "engagements": {"kind": "campaign", "id": "c", "event": "opened", "time": NOON},
    }[array]
    target = {"user_alias": {"alias_label": "shop", "alias_name": "7"}}
    loaded = load_track({array: [{**target, **members, "_update_existing_only": sent}]})

    assert [entry.may_create for entry in loaded.entries] == [creates]


@pytest.mark.parametrize("sent", ["yes", "0", 0, ""])
def test_another_text_is_no_instruction(sent: Any) -> None:
    loaded = load_track({"attributes": [{"external_id": "e", "_update_existing_only": sent}]})

    assert [each["type"] for each in loaded.errors] == ["'_update_existing_only' must be true or false"]
