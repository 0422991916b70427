from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas.attributes import Attributes
from schemas.countries import COUNTRIES
from schemas.track import load_track

UNFIT_KEY = (
    "The keys within the custom attribute 'plan' must have 1 to 255 characters, none of them a space, a period or a"
    " dollar sign."
)


def load(given: dict[str, Any]) -> Attributes | str:
    """Return the one attributes object that *given* is, or what is said of it."""
    loaded = load_track({"attributes": [{"external_id": "e", **given}]})
    if loaded.errors:
        fault: str = loaded.errors[0]["type"]
        return fault
    (entry,) = loaded.entries
    assert isinstance(entry, Attributes)
    return entry


def standard(**given: Any) -> dict[str, Any]:
    """Return the standard attributes read from *given*, which must be sound."""
    entry = load(given)

    assert isinstance(entry, Attributes), entry
    return dict(entry.standard)


def custom(**given: Any) -> dict[str, Any]:
    """Return the custom attributes read from *given*, which must be sound."""
    entry = load(given)

    assert isinstance(entry, Attributes), entry
    assert entry.standard == {}
    return dict(entry.custom)


@pytest.mark.parametrize(
    ("name", "sent", "read"),
    [
        ("first_name", "Zoë", "Zoë"),
        ("last_name", "", ""),
        ("gender", "F", "F"),
        ("gender", "p", "P"),
        ("dob", "1980-12-21", date(1980, 12, 21)),
        ("country", "us", "US"),
        ("country", "Atlantis", None),
        ("language", "en", "en"),
        ("time_zone", "America/New_York", "America/New_York"),
        ("facebook", {"id": "1", "likes": []}, {"id": "1", "likes": []}),
        ("current_location", {"longitude": -180, "latitude": 90.0}, {"longitude": -180, "latitude": 90.0}),
        ("email", " A@B.co ", " A@B.co "),
        ("phone", "0123", "0123"),
        ("email_subscribe", "opted_in", "opted_in"),
        ("email_open_tracking_disabled", False, False),
        ("marked_email_as_spam_at", "2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("devices", [{"device_id": "d", "os": None, "more": 1}], [{"device_id": "d", "os": None}]),
        ("push_tokens", [{"app_id": "a", "token": "t"}], [{"app_id": "a", "token": "t"}]),
        ("test_user", True, True),
        ("control_group", True, True),
        ("first_name", None, None),
        ("dob", None, None),
        ("devices", None, None),
    ],
)
def test_a_standard_attribute_is_read(name: str, sent: Any, read: Any) -> None:
    assert standard(**{name: sent}) == {name: read}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"first_name": 7}, "'first_name' must be a string"),
        ({"first_name": "x" * 256}, "'first_name' may not be longer than 255 characters"),
        ({"gender": "X"}, "'gender' must be one of M, F, O, N and P"),
        ({"dob": "21.12.1980"}, "'dob' must be a day in the form YYYY-MM-DD"),
        ({"dob": 1980}, "'dob' must be a day in the form YYYY-MM-DD"),
        ({"country": 7}, "'country' must be a string"),
        ({"time_zone": "Mars/Olympus"}, "'time_zone' must be a name of the IANA time zone database"),
        ({"facebook": "x"}, "'facebook' must be an object"),
        ({"twitter": {"x": "y" * 103_000}}, "'twitter' may not take more than 102,400 bytes"),
        (
            {"current_location": {"longitude": 181, "latitude": 0}},
            "'current_location.longitude' must be a number from -180 to 180",
        ),
        (
            {"current_location": {"longitude": 0, "latitude": "north"}},
            "'current_location.latitude' must be a number from -90 to 90",
        ),
        ({"current_location": {"longitude": 1}}, "'current_location.latitude' is required"),
        ({"email_subscribe": "maybe"}, "'email_subscribe' must be one of opted_in, subscribed and unsubscribed"),
        ({"email": ""}, "The value provided for the 'email' field is not a valid email."),
        ({"email": f"{'x' * 320}@b.cd"}, "'email' may not be longer than 320 characters"),
        ({"email_encrypted": True, "email": " "}, "The value provided for the 'email' field is not a valid email."),
        ({"devices": {}}, "'devices' must be an array"),
        ({"devices": [{"device_id": "d"}] * 101}, "'devices' may not have more than 100 elements"),
        ({"devices": ["d"]}, "'devices.0' must be an object"),
        ({"push_tokens": [{"app_id": "a"}]}, "'push_tokens.0.token' is required"),
        (
            {"subscription_groups": [{"subscription_group_id": "g", "subscription_state": "x"}]},
            "'subscription_groups.0.subscription_state' must be one of subscribed and unsubscribed",
        ),
        ({"test_user": 1}, "'test_user' must be true or false"),
        ({"marked_for_deletion_at": "soon"}, "'marked_for_deletion_at' must be a moment in ISO 8601 form"),
    ],
)
def test_a_wrong_standard_attribute_is_named(given: dict[str, Any], fault: str) -> None:
    assert load(given) == fault


def test_an_encrypted_address_need_not_look_like_one() -> None:
    assert standard(email="c2VjcmV0", email_encrypted=True) == {"email": "c2VjcmV0", "email_encrypted": True}


def test_an_address_by_which_the_profile_is_looked_up_is_no_attribute() -> None:
    loaded = load_track({"attributes": [{"email": "a@b.cd", "phone": "1"}, {"phone": "1", "first_name": "A"}]})

    assert [entry.standard for entry in loaded.entries if isinstance(entry, Attributes)] == [
        {"phone": "1"},
        {"first_name": "A"},
    ]


@pytest.mark.parametrize(
    "value", ["", "text", 0, -1, 2.5, True, False, [], ["a", 1], {}, {"a": {"b": [None]}}, [{"a": 1}], None]
)
def test_a_custom_attribute_is_kept_as_it_was_sent(value: Any) -> None:
    assert custom(plan=value) == {"plan": value}


def test_names_are_trimmed() -> None:
    entry = load({" plan ": "gold", "first_name ": "A"})

    assert isinstance(entry, Attributes)
    assert (entry.custom, entry.standard) == ({"plan": "gold"}, {"first_name": "A"})


def test_of_an_array_the_oldest_elements_beyond_the_limit_are_dropped() -> None:
    assert custom(seen=list(range(502))) == {"seen": list(range(2, 502))}


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"plan": "x" * 256}, "The custom attribute 'plan' may not be longer than 255 characters."),
        ({"": 1}, "The name of a custom attribute must have 1 to 255 characters."),
        ({"x" * 256: 1}, "The name of a custom attribute must have 1 to 255 characters."),
        ({"plan": ["x" * 103_000]}, "The custom attribute 'plan' may not take more than 102,400 bytes."),
        (
            {"plan": {"a b": 1}},
            UNFIT_KEY,
        ),
    ],
)
def test_a_custom_attribute_beyond_a_limit_is_named(given: dict[str, Any], fault: str) -> None:
    assert load(given) == fault


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"inc": 1}, "is the operation 'inc'"),
        ({"add": ["x"]}, "is the operation 'add'"),
        ({"remove": ["x"]}, "is the operation 'remove'"),
        ({"$add": [{}]}, "holds the operation '$add'"),
        ({"$update": []}, "holds the operation '$update'"),
        ({"at": {"$time": "2026-05-01"}}, "holds the operation '$time'"),
        ([{"$time": "2026-05-01"}], "holds the operation '$time'"),
    ],
)
def test_an_operation_is_refused_rather_than_stored_as_a_value(value: Any, word: str) -> None:
    fault = load({"plan": value})

    assert fault == f"The custom attribute 'plan' {word}, which is not supported; send the resulting value."


def test_merging_objects_is_refused_and_not_merging_them_is_not() -> None:
    assert load({"_merge_objects": True}) == "'_merge_objects' is not supported; send the resulting object."
    assert custom(_merge_objects=False, push_token_import=True) == {}


def test_there_are_249_countries() -> None:
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isalpha() and code.isupper() for code in COUNTRIES)
