from datetime import UTC, date, datetime
from typing import Any

import pytest

from schemas.attributes import Attributes
from schemas.operations import MergeObject
from schemas.track import load_track


def load(given: dict[str, Any]) -> Attributes | str:
    """Return the one loaded attributes object, or its error."""
    loaded = load_track({"attributes": [{"external_id": "e", **given}]})
    if loaded.errors:
        fault: str = loaded.errors[0]["type"]
        return fault
    (entry,) = loaded.entries
    assert isinstance(entry, Attributes)
    return entry


def standard(**given: Any) -> dict[str, Any]:
    """Return the standard attributes loaded from *given*, which must be valid."""
    entry = load(given)

    assert isinstance(entry, Attributes), entry
    return dict(entry.standard)


def custom(**given: Any) -> dict[str, Any]:
    """Return the custom attributes loaded from *given*, which must be valid."""
    entry = load(given)

    assert isinstance(entry, Attributes), entry
    assert entry.standard == {}
    assert (entry.custom.operations, entry.custom.fault) == ({}, None)
    return dict(entry.custom.values)


@pytest.mark.parametrize(
    ("name", "sent", "read"),
    [
        ("first_name", "Zoë", "Zoë"),
        ("last_name", "", ""),
        ("gender", "F", "F"),
        ("gender", "p", "P"),
        ("dob", "1980-12-21", date(1980, 12, 21)),
        ("country", "us", "US"),
        ("language", "en", "en"),
        ("time_zone", "America/New_York", "America/New_York"),
        ("facebook", {"id": "1", "likes": []}, {"id": "1", "likes": []}),
        ("current_location", {"longitude": -180, "latitude": 90.0}, {"longitude": -180, "latitude": 90.0}),
        ("email", " A@B.co \n", "A@B.co"),
        ("phone", "0123", "0123"),
        ("email_subscribe", "opted_in", "opted_in"),
        ("email_open_tracking_disabled", False, False),
        ("marked_email_as_spam_at", "2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("devices", [{"device_id": "d", "os": None, "more": 1}], [{"device_id": "d", "os": None}]),
        ("push_tokens", [{"app_id": "a", "token": "t"}], [{"app_id": "a", "token": "t"}]),
        ("test_user", True, True),
        ("test_user", " TRUE ", True),
        ("email_open_tracking_disabled", "true", True),
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
        ({"email_subscribe": "maybe"}, "'email_subscribe' must be one of opted_in, subscribed and unsubscribed"),
        ({"email": ""}, "The value provided for the 'email' field is not a valid email."),
        ({"email": f"{'x' * 320}@b.cd"}, "'email' may not be longer than 320 characters"),
        ({"email_encrypted": True, "email": " "}, "The value provided for the 'email' field is not a valid email."),
        (
            {"subscription_groups": [{"subscription_group_id": "g", "subscription_state": "x"}]},
            "'subscription_groups.0.subscription_state' must be one of subscribed and unsubscribed",
        ),
        ({"push_subscribe": "no"}, "'push_subscribe' must be one of opted_in, subscribed and unsubscribed"),
        ({"email_open_tracking_disabled": 1}, "'email_open_tracking_disabled' must be true or false"),
        ({"email_click_tracking_disabled": "yes"}, "'email_click_tracking_disabled' must be true or false"),
        ({"marked_email_as_spam_at": "soon"}, "'marked_email_as_spam_at' must be a moment in ISO 8601 form"),
        ({"email_encrypted": 1}, "'email_encrypted' must be true or false"),
        ({"control_group": 1}, "'control_group' must be true or false"),
        ({"subscription_groups": "g"}, "'subscription_groups' must be an array"),
        ({"subscription_groups": ["g"]}, "'subscription_groups.0' must be an object"),
        ({"marked_for_deletion_at": "soon"}, "'marked_for_deletion_at' must be a moment in ISO 8601 form"),
    ],
)
def test_an_invalid_consent_address_or_guard_refuses_the_object(given: dict[str, Any], fault: str) -> None:
    assert load(given) == fault


def test_an_encrypted_address_needs_no_valid_form() -> None:
    for encrypted in (True, "true"):
        assert standard(email="c2VjcmV0", email_encrypted=encrypted) == {"email": "c2VjcmV0", "email_encrypted": True}


@pytest.mark.parametrize("array", ["attributes", "events", "purchases", "sessions"])
@pytest.mark.parametrize("who", [{}, {"external_id": "ann"}])
@pytest.mark.parametrize("address", ["<a@x.org>", "mailto:a@x.org", "a@x.org;", "a\u200b@x.org", "a@i❤.ws", "a@-x.org"])
def test_an_invalid_address_refuses_the_object(array: str, who: dict[str, str], address: str) -> None:
    (error,) = load_track({array: [{**who, "email": address}]}).errors

    assert error["type"] == "The value provided for the 'email' field is not a valid email."


@pytest.mark.parametrize("array", ["attributes", "events"])
def test_a_phone_without_e164_form_refuses_the_object_that_it_names(array: str) -> None:
    (error,) = load_track({array: [{"phone": "07912 345678", "name": "n", "time": "2026-05-01"}]}).errors

    assert error["type"] == (
        "The value provided for the 'phone' field has no country code, as +1 or +49, so it identifies no profile."
    )


@pytest.mark.parametrize("number", ["07912 345678", "+1 650 253 0000 ext. 1", "call me", " 0123\t", ""])
def test_beside_another_identifier_a_phone_is_stored_as_sent(number: str) -> None:
    assert standard(phone=number) == {"phone": number}


@pytest.mark.parametrize("who", [{}, {"external_id": "ann"}, {"email": "a@x.org"}])
@pytest.mark.parametrize("number", ["4.47912E+11", "4,47912E+11", "4.47912e11"])
def test_a_phone_that_a_spreadsheet_made_a_number_refuses_the_object(who: dict[str, str], number: str) -> None:
    (error,) = load_track({"attributes": [{**who, "phone": number}]}).errors

    assert error["type"] == (
        "'phone' was turned into a power of ten by a spreadsheet, which loses digits; format the column as text and"
        " export it again"
    )


def test_an_address_by_which_the_profile_is_looked_up_is_no_attribute() -> None:
    loaded = load_track(
        {"attributes": [{"email": "a@b.cd", "phone": "1"}, {"phone": "+14155550123", "first_name": "A"}]}
    )

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
    assert (entry.custom.values, entry.standard) == ({"plan": "gold"}, {"first_name": "A"})


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"plan": "x" * 256}, "The custom attribute 'plan' may not be longer than 255 characters."),
        ({"plan": ["x" * 256]}, "The elements of the custom attribute 'plan' may not be longer than 255 characters."),
        ({"": 1}, "The name of a custom attribute must have 1 to 255 characters."),
        ({"x" * 256: 1}, "The name of a custom attribute must have 1 to 255 characters."),
        ({"plan": {"inc": "1"}}, "The custom attribute 'plan' can only be incremented by an integer of 64 bits."),
        ({"_merge_objects": "yes"}, "'_merge_objects' must be true or false"),
    ],
)
def test_a_custom_attribute_beyond_a_limit_is_named(given: dict[str, Any], fault: str) -> None:
    assert load(given) == fault


@pytest.mark.parametrize("merge", [True, "true", "True", "TRUE "])
def test_merge_objects_may_be_true_or_text(merge: Any) -> None:
    entry = load({"_merge_objects": merge, "plan": {"a": 1}})

    assert isinstance(entry, Attributes)
    assert entry.custom.operations == {"plan": MergeObject(value={"a": 1})}


@pytest.mark.parametrize("merge", [False, "false", None])
def test_instructions_are_no_custom_attributes(merge: Any) -> None:
    assert custom(_merge_objects=merge, push_token_import=True, plan={"a": 1}) == {"plan": {"a": 1}}
