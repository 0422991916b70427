from decimal import Decimal
from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.history import Purchase
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.track import TOO_MANY, load_track

NOON = "2026-05-01T12:00:00Z"
REQUIRED = "'external_id', 'braze_id', 'user_alias', 'email' or 'phone' is required"
NOT_AN_EMAIL = "The value provided for the 'email' field is not a valid email."
ALIAS = {"alias_label": "shop", "alias_name": "7"}
EVENT = {"external_id": "e", "name": "login", "time": NOON}
PURCHASE = {"external_id": "e", "product_id": "hat", "currency": "USD", "price": 1, "time": NOON}
SESSION = {"external_id": "e", "app_id": "web", "started_at": NOON}
ENGAGEMENT = {"external_id": "e", "kind": "campaign", "id": "c", "event": "opened", "time": NOON}


def the_entry(array: str, given: dict[str, Any]) -> Any:
    """Return the one entry of *given*, which must be valid."""
    loaded = load_track({array: [given]})

    assert loaded.errors == []
    (entry,) = loaded.entries
    return entry


def the_fault(array: str, given: Any) -> str:
    """Return the error for *given*, which must be refused."""
    loaded = load_track({array: [given]})

    assert loaded.entries == []
    (error,) = loaded.errors
    assert (error["input_array"], error["index"]) == (array, 0)
    fault: str = error["type"]
    return fault


def test_an_array_may_have_up_to_75_objects() -> None:
    assert load_track({"events": [EVENT] * 75, "purchases": [PURCHASE] * 75}).errors == []

    with pytest.raises(ValidationError, match=TOO_MANY):
        load_track({"events": [EVENT] * 76})


@pytest.mark.parametrize("array", ["attributes", "events", "purchases", "sessions", "engagements"])
def test_an_array_must_be_an_array(array: str) -> None:
    with pytest.raises(ValidationError, match=f"'{array}' must be an array of objects"):
        load_track({array: {"external_id": "e"}})


@pytest.mark.parametrize("body", [[], "text", None, 7])
def test_the_body_must_be_an_object(body: Any) -> None:
    with pytest.raises(ValidationError, match="must be a JSON object"):
        load_track(body)


@pytest.mark.parametrize("given", [None, 7, "text", []])
def test_an_element_must_be_an_object(given: Any) -> None:
    assert the_fault("events", given) == "'events' must be an array of objects"


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"external_id": "e"}, ExternalId("e")),
        ({"external_id": 12345}, ExternalId("12345")),
        ({"external_id": "e", "email": "a@b.cd", "phone": "1"}, ExternalId("e")),
        ({"external_id": "e", "user_alias": None}, ExternalId("e")),
        ({"user_alias": ALIAS}, UserAlias(label="shop", name="7")),
        (ALIAS, UserAlias(label="shop", name="7")),
        ({**ALIAS, "external_id": "e"}, ExternalId("e")),
        ({"braze_id": "ABCDEF0123456789abcdef01"}, BrazeId("abcdef0123456789abcdef01")),
        ({"email": "a@b.cd", "phone": "+15551234567"}, Email("a@b.cd")),
        ({"phone": "+15551234567"}, Phone("+15551234567")),
        ({"external_id": None, "phone": "+15551234567"}, Phone("+15551234567")),
    ],
)
def test_an_object_uses_its_primary_identifier_else_its_email_else_its_phone(given: Any, target: Any) -> None:
    assert the_entry("attributes", given).target == target


@pytest.mark.parametrize("given", [{}, {"first_name": "A"}, {"external_id": None}, {"phone": " "}, {"email": None}])
def test_an_object_must_have_an_identifier(given: Any) -> None:
    assert the_fault("attributes", given) == REQUIRED


@pytest.mark.parametrize(
    "given",
    [
        {"external_id": "e", "user_alias": ALIAS},
        {"external_id": "e", "braze_id": "a" * 24},
        {"user_alias": ALIAS, "braze_id": "a" * 24},
    ],
)
def test_two_primary_identifiers_are_refused(given: Any) -> None:
    fault = "Only one of 'external_id', 'user_alias' and 'braze_id' may be provided."

    assert the_fault("attributes", given) == fault
    assert the_fault("events", {**EVENT, "external_id": None, **given}) == fault


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"external_id": ""}, "'external_id' may not be empty"),
        ({"external_id": 1.5}, "'external_id' must be a string"),
        ({"external_id": True}, "'external_id' must be a string"),
        ({"external_id": ["e"]}, "'external_id' must be a string"),
        ({"external_id": "x" * 988}, "'external_id' may not be longer than 987 characters"),
        ({"external_id": "é" * 500}, "'external_id' may not be longer than 987 bytes"),
        ({"user_alias": "x"}, "'user_alias' must be an object"),
        ({"user_alias": {}}, "'user_alias.alias_name' is required"),
        ({"user_alias": {**ALIAS, "alias_label": ""}}, "'user_alias.alias_label' may not be empty"),
        (
            {"user_alias": {**ALIAS, "alias_name": "é" * 119}},
            "'user_alias.alias_name' may not be longer than 236 bytes",
        ),
        ({"braze_id": "xyz"}, "'braze_id' must be 24 hexadecimal digits"),
        ({"email": "nobody"}, NOT_AN_EMAIL),
        ({"email": 7}, NOT_AN_EMAIL),
        ({"phone": 7}, "'phone' must be a string"),
        ({"external_id": "e", "_update_existing_only": "yes"}, "'_update_existing_only' must be true or false"),
    ],
)
def test_a_malformed_identifier_is_refused(given: Any, fault: str) -> None:
    assert the_fault("attributes", given) == fault


@pytest.mark.parametrize(
    ("given", "creates"),
    [
        ({"external_id": "e"}, True),
        ({"external_id": "e", "_update_existing_only": True}, False),
        ({"user_alias": ALIAS}, False),
        ({"user_alias": ALIAS, "_update_existing_only": True}, False),
        ({"user_alias": ALIAS, "_update_existing_only": False}, True),
        ({"braze_id": "a" * 24, "_update_existing_only": False}, False),
        ({"email": "a@b.cd"}, True),
        ({"email": "a@b.cd", "_update_existing_only": True}, False),
        ({"phone": "+15551234567"}, True),
    ],
)
def test_attributes_create_by_the_vendors_defaults(given: Any, creates: bool) -> None:
    assert the_entry("attributes", given).may_create is creates


@pytest.mark.parametrize(
    ("only", "creates"),
    [({}, False), ({"_update_existing_only": True}, False), ({"_update_existing_only": False}, True)],
)
def test_history_by_alias_creates_only_when_the_object_says_so(only: dict[str, bool], creates: bool) -> None:
    by_alias = {"external_id": None, "user_alias": ALIAS, **only}

    assert the_entry("events", {**EVENT, **by_alias}).may_create is creates
    assert the_entry("purchases", {**PURCHASE, **by_alias}).may_create is creates
    assert the_entry("sessions", {**SESSION, **by_alias}).may_create is creates
    assert the_entry("engagements", {**ENGAGEMENT, **by_alias}).may_create is creates
    assert the_entry("events", EVENT).may_create is True


def test_history_is_applied_after_attributes_and_in_the_vendors_order() -> None:
    body = {
        "engagements": [ENGAGEMENT],
        "sessions": [SESSION],
        "purchases": [PURCHASE],
        "events": [EVENT],
        "attributes": [{"external_id": "e"}],
    }
    kinds = [type(entry).__name__ for entry in load_track(body).entries]

    assert kinds == ["Attributes", "Event", "Purchase", "Session", "Engagement"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00+00:00"),
        ("2026-05-01T12:00:00.123456+02:00", "2026-05-01T10:00:00.123000+00:00"),
        ("2026-05-01T12:00:00:123+0200", "2026-05-01T10:00:00.123000+00:00"),
        ("2026-05-01 12:00:00 UTC", "2026-05-01T12:00:00+00:00"),
        ("2026-05-01 12:00:00 +0100", "2026-05-01T11:00:00+00:00"),
        ("2026-05-01T12:00:00", "2026-05-01T12:00:00+00:00"),
        ("2026-05-01", "2026-05-01T00:00:00+00:00"),
        ("05/01/2026", "2026-05-01T00:00:00+00:00"),
        ("Fri 05 01 12:00:00.Z 2026", "2026-05-01T12:00:00+00:00"),
        ("Fri 05 01 12:00:00.123Z 2026", "2026-05-01T12:00:00.123000+00:00"),
        ("Fri 05 01 12:00:00.+02:00 2026", "2026-05-01T10:00:00+00:00"),
        ("Fri 05 01 12:00:00.-0530 2026", "2026-05-01T17:30:00+00:00"),
        ("Fri 05 01 12:00:00.UTC 2026", "2026-05-01T12:00:00+00:00"),
        ("Fri 05 01 12:00:00 2026", "2026-05-01T12:00:00+00:00"),
        ("Fri May 01 12:00:00 UTC 2026", "2026-05-01T12:00:00+00:00"),
        ("Fri May 01 12:00:00 GMT+02:00 2026", "2026-05-01T10:00:00+00:00"),
        ("Fri May 01 12:00:00 +0000 2026", "2026-05-01T12:00:00+00:00"),
        ("Fri May  1 12:00:00 2026", "2026-05-01T12:00:00+00:00"),
    ],
)
def test_a_moment_is_read_in_every_form_of_the_vendors_documents(text: str, moment: str) -> None:
    assert the_entry("events", {**EVENT, "time": text}).time.isoformat() == moment


@pytest.mark.parametrize(
    "moment",
    [
        *["", "soon", "2026-13-01", "31/01/2026", 1746100000, None, "0001-01-01T00:00:00+23:59"],
        "Thu 05 01 12:00:00.Z 2026",  # a Friday
        "Fri 13 01 12:00:00.Z 2026",
        "Fri 05 01 24:61:00.Z 2026",
        "Fri Mai 01 12:00:00 UTC 2026",
        "Fri May 01 12:00:00 PST 2026",
    ],
)
def test_an_invalid_moment_is_refused(moment: Any) -> None:
    fault = "'time' may not be null" if moment is None else "'time' must be a moment in ISO 8601 form"

    assert the_fault("events", {**EVENT, "time": moment}) == fault


@pytest.mark.parametrize("moment", ["1899-12-31", "3001-01-01T00:00:00Z"])
def test_a_moment_far_off_is_refused(moment: str) -> None:
    assert the_fault("events", {**EVENT, "time": moment}) == "'time' must lie between the years 1900 and 3000"


@pytest.mark.parametrize(
    ("array", "sound", "name", "fault"),
    [
        ("events", EVENT, "name", "'name' is required"),
        ("events", EVENT, "time", "'time' is required"),
        ("purchases", PURCHASE, "product_id", "'product_id' is required"),
        ("purchases", PURCHASE, "currency", "'currency' is required"),
        ("purchases", PURCHASE, "price", "'price' is required"),
        ("purchases", PURCHASE, "time", "'time' is required"),
        ("sessions", SESSION, "app_id", "'app_id' is required"),
        ("sessions", SESSION, "started_at", "'started_at' is required"),
        ("engagements", ENGAGEMENT, "kind", "'kind' is required"),
        ("engagements", ENGAGEMENT, "id", "'id' is required"),
        ("engagements", ENGAGEMENT, "event", "'event' is required"),
        ("engagements", ENGAGEMENT, "external_id", REQUIRED),
    ],
)
def test_a_missing_member_is_named(array: str, sound: dict[str, Any], name: str, fault: str) -> None:
    given = {key: value for key, value in sound.items() if key != name}

    assert the_fault(array, given) == fault


@pytest.mark.parametrize(
    ("array", "sound", "wrong", "fault"),
    [
        ("events", EVENT, {"name": ""}, "'name' may not be empty"),
        ("events", EVENT, {"name": "x" * 256}, "'name' may not be longer than 255 characters"),
        ("events", EVENT, {"name": 7.5}, "'name' must be a string, or a whole number of at most 64 bits"),
        ("events", EVENT, {"properties": []}, "'properties' must be an object"),
        ("events", EVENT, {"properties": {"time": 1}}, "Invalid 'properties' field"),
        ("events", EVENT, {"properties": {"$x": 1}}, "Invalid 'properties' field"),
        ("events", EVENT, {"properties": {"": 1}}, "Invalid 'properties' field"),
        ("events", EVENT, {"properties": {"x" * 256: 1}}, "Invalid 'properties' field"),
        ("events", EVENT, {"properties": {"x": "y" * 102_400}}, "Invalid 'properties' field"),
        ("events", EVENT, {"properties": {str(n): n for n in range(257)}}, "Invalid 'properties' field"),
        ("purchases", PURCHASE, {"properties": {"price": 1}}, "Invalid 'properties' field"),
        ("purchases", PURCHASE, {"properties": {"x": "y" * 51_200}}, "Invalid 'properties' field"),
        (
            "purchases",
            PURCHASE,
            {"currency": "dollars"},
            "'currency' must be a currency code of three letters (ISO 4217)",
        ),
        ("purchases", PURCHASE, {"price": "9.99"}, "'price' must be a number from -1,000,000,000 to 1,000,000,000"),
        ("purchases", PURCHASE, {"price": True}, "'price' must be a number from -1,000,000,000 to 1,000,000,000"),
        ("purchases", PURCHASE, {"price": 1e300}, "'price' must be a number from -1,000,000,000 to 1,000,000,000"),
        ("purchases", PURCHASE, {"quantity": 0}, "'quantity' is not valid"),
        ("purchases", PURCHASE, {"quantity": 101}, "'quantity' is not valid"),
        ("purchases", PURCHASE, {"quantity": 1.5}, "'quantity' is not valid"),
        ("purchases", PURCHASE, {"quantity": None}, "'quantity' is not valid"),
        ("sessions", SESSION, {"ended_at": "2026-05-01T11:59:59Z"}, "'ended_at' may not lie before 'started_at'."),
        ("sessions", SESSION, {"device": {"model": "x"}}, "'device.device_id' is required"),
        ("engagements", ENGAGEMENT, {"kind": "letter"}, "'kind' must be one of campaign and canvas"),
        ("engagements", ENGAGEMENT, {"event": "Opened!"}, "'event' must be a word such as received, opened or clicked"),
        ("engagements", ENGAGEMENT, {"in_control": 1}, "'in_control' must be true or false"),
    ],
)
def test_a_fault_is_named(array: str, sound: dict[str, Any], wrong: dict[str, Any], fault: str) -> None:
    assert the_fault(array, {**sound, **wrong}) == fault


@pytest.mark.parametrize(
    ("price", "cents"), [(1, 100), (0.1, 10), (19.99, 1999), (1.005, 101), (-1.005, -101), (0.004, 0), (1e9, 10**11)]
)
def test_a_price_is_exact_and_revenue_is_whole_cents(price: float, cents: int) -> None:
    purchase = the_entry("purchases", {**PURCHASE, "price": price, "currency": "eur"})

    assert isinstance(purchase, Purchase)
    assert (purchase.price, purchase.revenue_cents, purchase.quantity) == (Decimal(str(price)), cents, 1)
