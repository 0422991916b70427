"""`device_id` in the objects of `/users/track`: an identifier only if there is no other."""

from typing import Any

import pytest

from schemas.identifiers import BrazeId, DeviceId, Email, ExternalId, Phone, UserAlias
from schemas.track import load_track

NOON = "2026-05-01T12:00:00Z"
ALIAS = {"alias_label": "shop", "alias_name": "7"}
OBJECTS: dict[str, dict[str, Any]] = {
    "attributes": {"first_name": "A"},
    "events": {"name": "login", "time": NOON},
    "purchases": {"product_id": "hat", "currency": "USD", "price": 1, "time": NOON},
    "sessions": {"app_id": "web", "started_at": NOON},
    "engagements": {"kind": "campaign", "id": "c", "event": "opened", "time": NOON},
}


def the_entry(given: dict[str, Any], array: str = "attributes") -> Any:
    """Return the one entry of *given*, which must be valid."""
    loaded = load_track({array: [given]})

    assert loaded.errors == []
    (entry,) = loaded.entries
    return entry


@pytest.mark.parametrize(("array", "given"), OBJECTS.items())
def test_a_device_alone_names_a_profile_and_creates_it(array: str, given: dict[str, Any]) -> None:
    entry = the_entry({**given, "device_id": "d"}, array)
    existing = the_entry({**given, "device_id": "d", "_update_existing_only": True}, array)

    assert (entry.target, entry.may_create) == (DeviceId("d"), True)
    assert existing.may_create is False


@pytest.mark.parametrize(
    ("other", "target"),
    [
        ({"external_id": "e"}, ExternalId("e")),
        ({"user_alias": ALIAS}, UserAlias(label="shop", name="7")),
        (ALIAS, UserAlias(label="shop", name="7")),
        ({"braze_id": "0" * 24}, BrazeId("0" * 24)),
        ({"email": "a@b.cd"}, Email("a@b.cd")),
        ({"phone": "+15551234567"}, Phone("+15551234567")),
    ],
)
def test_beside_another_identifier_a_device_id_is_a_custom_attribute(other: dict[str, Any], target: Any) -> None:
    text, number = the_entry({**other, "device_id": "d"}), the_entry({**other, "device_id": 7})
    deleted = the_entry({**other, "device_id": None})

    assert {text.target, number.target, deleted.target} == {target}
    assert (text.custom.values, number.custom.values) == ({"device_id": "d"}, {"device_id": 7})
    assert deleted.custom.values == {"device_id": None}


def test_a_device_that_names_a_profile_is_no_custom_attribute() -> None:
    entry = the_entry({"device_id": "d", "plan": "gold"})

    assert (entry.custom.values, entry.standard) == ({"plan": "gold"}, {})


def test_beside_another_identifier_a_device_id_of_history_is_ignored() -> None:
    assert the_entry({**OBJECTS["events"], "external_id": "e", "device_id": 7}, "events").target == ExternalId("e")


def test_a_blank_phone_is_no_other_identifier() -> None:
    assert the_entry({"phone": " ", "device_id": "d"}).target == DeviceId("d")


@pytest.mark.parametrize(
    ("device_id", "sentence"),
    [
        ("", "'device_id' may not be empty"),
        (7, "'device_id' must be a string"),
        (["d"], "'device_id' must be a string"),
        ("d" * 256, "'device_id' may not be longer than 255 characters"),
    ],
)
def test_a_malformed_device_id_is_refused(device_id: Any, sentence: str) -> None:
    loaded = load_track({"events": [{**OBJECTS["events"], "device_id": device_id}]})

    assert [error["type"] for error in loaded.errors] == [sentence]
