"""The bullets of the vendor's two lists of merged fields about the person, tested through HTTP."""

# The lists are in the English pages on /users/merge (M) and /users/identify (I). Each test checks one bullet. The other
# bullets are in test_every_rule_activity.py and test_every_rule_messaging.py.
#
#   M, I  First name                                          test_first_name
#   M, I  Last name                                           test_last_name
#   M, I  Email (M: unless it is encrypted)                   test_email_unless_it_is_encrypted
#   M, I  Gender                                              test_gender
#   M, I  Date of birth                                       test_date_of_birth
#   M, I  Phone number                                        test_phone_number
#   M, I  Time zone                                           test_time_zone
#   M, I  Home city                                           test_home_city
#   M, I  Country                                             test_country
#   M, I  Language                                            test_language
#   M     Device information                                  test_device_information
#   M, I  Custom attributes (the target keeps its own, and    test_custom_attributes
#         gets the attributes that it lacks)

import pytest

from tests.support.client import Client
from tests.support.pairs import Json, merge_pair


def fills_and_keeps(client: Client, field: str, *, orphans: object, survivors: object) -> None:
    """Assert that a survivor without *field* gets the orphan's value, and that a survivor with it keeps its own."""
    without = merge_pair(client, orphan={"attributes": {field: orphans}}, survivor={}, name="-1")
    having = merge_pair(
        client, orphan={"attributes": {field: orphans}}, survivor={"attributes": {field: survivors}}, name="-2"
    )

    assert field not in without.before
    assert without.survivor[field] == orphans
    assert without.changes == [{"field": field, "before": None, "after": orphans, "rule": "fill"}]
    assert having.survivor[field] == survivors
    assert having.changes == []


def test_first_name(client: Client) -> None:
    fills_and_keeps(client, "first_name", orphans="Ada", survivors="Augusta")


def test_last_name(client: Client) -> None:
    fills_and_keeps(client, "last_name", orphans="Byron", survivors="Lovelace")


def test_email_unless_it_is_encrypted(client: Client) -> None:
    plain = {"attributes": {"email": "Ada@Example.com"}}
    hidden = {"attributes": {"email": "c2VjcmV0", "email_encrypted": True}}
    filled = merge_pair(client, orphan=plain, survivor={}, name="-1")
    kept = merge_pair(client, orphan=plain, survivor={"attributes": {"email": "own@example.com"}}, name="-2")
    encrypted = merge_pair(client, orphan=hidden, survivor={}, name="-3")
    encrypted_kept = merge_pair(client, orphan=plain, survivor=hidden, name="-4")

    assert filled.survivor["email"] == "Ada@Example.com"
    assert filled.change("email") == (None, "Ada@Example.com", "fill_unless_encrypted")
    assert kept.survivor["email"] == "own@example.com"
    assert kept.changes == []
    assert "email" not in encrypted.survivor
    assert encrypted.changes == []
    assert encrypted_kept.survivor["email"] == "c2VjcmV0"


def test_gender(client: Client) -> None:
    fills_and_keeps(client, "gender", orphans="F", survivors="N")


def test_date_of_birth(client: Client) -> None:
    fills_and_keeps(client, "dob", orphans="1815-12-10", survivors="1815-12-11")


def test_phone_number(client: Client) -> None:
    fills_and_keeps(client, "phone", orphans="+44 20 7946 0958", survivors="+442079460959")


def test_time_zone(client: Client) -> None:
    fills_and_keeps(client, "time_zone", orphans="Europe/London", survivors="Asia/Tokyo")


def test_home_city(client: Client) -> None:
    fills_and_keeps(client, "home_city", orphans="London", survivors="Tōkyō")


def test_country(client: Client) -> None:
    fills_and_keeps(client, "country", orphans="GB", survivors="JP")


def test_language(client: Client) -> None:
    fills_and_keeps(client, "language", orphans="en", survivors="ja")


def test_device_information(client: Client) -> None:
    phone = {"device_id": "phone-1", "model": "Pixel 9", "os": "Android 15", "carrier": "EE"}
    tablet = {"device_id": "tablet-1", "model": "iPad", "os": "iPadOS 19", "ad_tracking_enabled": False}
    renamed = {"device_id": "tablet-1", "model": "iPad Pro", "idfv": "not-taken-over"}
    merged = merge_pair(
        client,
        orphan={"attributes": {"devices": [phone, renamed]}},
        survivor={"attributes": {"devices": [tablet]}},
    )

    assert merged.before["devices"] == [tablet]
    assert merged.survivor["devices"] == [phone, tablet]
    assert merged.changes == [{"field": "devices.phone-1", "before": None, "after": phone, "rule": "unite"}]


def test_custom_attributes(client: Client) -> None:
    ours: Json = {"plan": "free", "visits": 0, "note": "", "vip": False, "tags": [], "address": {"city": "Leeds"}}
    theirs: Json = {
        "plan": "pro",
        "visits": 7,
        "note": "hello",
        "vip": True,
        "tags": ["a"],
        "address": {"city": "York", "zip": "YO1"},
        "score": 1.5,
        "pets": [{"name": "Puff"}],
        "wishes": {"colour": {"first": "red"}},
    }
    merged = merge_pair(client, orphan={"attributes": theirs}, survivor={"attributes": ours})
    new = {name: theirs[name] for name in ("score", "pets", "wishes")}

    assert merged.survivor["custom_attributes"] == {**ours, **new}
    assert {each["field"] for each in merged.changes} == {f"custom_attributes.{name}" for name in new}
    assert merged.change("custom_attributes.pets") == (None, [{"name": "Puff"}], "fill_keys")


@pytest.mark.parametrize("field", ["custom_attributes", "devices"])
def test_a_survivor_without_data_gets_everything(client: Client, field: str) -> None:
    written: Json = {"plan": "pro", "devices": [{"device_id": "phone-1", "model": "Pixel 9"}]}
    merged = merge_pair(client, orphan={"attributes": written}, survivor={})

    assert field not in merged.before
    assert merged.survivor["custom_attributes"] == {"plan": "pro"}
    assert merged.survivor["devices"] == written["devices"]
