"""`/users/delete`: its body."""

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.deletion import load_deletion
from schemas.identifiers import BrazeId, Email, ExternalId, Phone, UserAlias
from schemas.priorities import Priority

ALIAS = {"alias_label": "shop", "alias_name": "7"}
EMAIL = {"email": "a@x.org", "prioritization": ["unidentified", "most_recently_updated"]}
PHONE = {"phone": "+14155550123", "prioritization": ["identified"]}
TOO_MANY = "The max number of ids per request was exceeded"


def test_every_kind_of_identifier_is_read_and_counted() -> None:
    deletion = load_deletion(
        {
            "external_ids": ["me", 12345],
            "user_aliases": [ALIAS],
            "braze_ids": ["A" * 24],
            "email_addresses": [EMAIL],
            "phone_numbers": [PHONE],
            "api_key": "old clients send theirs",
        }
    )

    steps = (Priority.UNIDENTIFIED, Priority.MOST_RECENTLY_UPDATED)
    assert list(deletion.named) == [
        ExternalId("me"),
        ExternalId("12345"),
        UserAlias(label="shop", name="7"),
        BrazeId("a" * 24),
    ]
    assert list(deletion.shared) == [Email("a@x.org", steps), Phone("+14155550123", (Priority.IDENTIFIED,))]
    assert deletion.answer() == {"deleted": 6, "message": "success"}


@pytest.mark.parametrize(
    "body",
    [
        {"external_ids": [f"e{number}" for number in range(50)]},
        {"external_ids": ["a"] * 25, "user_aliases": [ALIAS] * 25, "braze_ids": None},
    ],
)
def test_fifty_identifiers_are_accepted(body: Any) -> None:
    assert load_deletion(body).answer()["deleted"] == 50


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ([], "The request body must be a JSON object."),
        ({}, "At least one of 'external_ids', 'user_aliases', 'braze_ids', 'email_addresses' and 'phone_numbers' is"),
        ({"external_ids": []}, "At least one of"),
        ({"external_ids": None}, "At least one of"),
        ({"external_ids": "me"}, "'external_ids' must be an array"),
        ({"external_ids": ["me", ["x"]]}, r"'external_ids\.1' must be a string"),
        ({"external_ids": [""]}, r"'external_ids\.0' may not be empty"),
        ({"external_ids": ["a"] * 51}, TOO_MANY),
        ({"external_ids": ["a"] * 26, "user_aliases": [ALIAS] * 25}, TOO_MANY),
        ({"user_aliases": ["7"]}, r"'user_aliases\.0' must be an object"),
        ({"user_aliases": [{"alias_label": "shop"}]}, r"'user_aliases\.0\.alias_name' is required"),
        ({"braze_ids": [7]}, r"'braze_ids\.0' must be a string"),
        ({"email_addresses": ["a@x.org"]}, r"'email_addresses\.0' must be an object"),
        ({"email_addresses": [{"email": "a@x.org"}]}, "'prioritization' is required beside 'email' or 'phone'"),
        ({"email_addresses": [{**EMAIL, "email": ""}]}, r"'email_addresses\.0\.email' may not be empty"),
        ({"email_addresses": [{**EMAIL, "prioritization": []}]}, "'prioritization' must have at least one value"),
        ({"email_addresses": [{**EMAIL, "prioritization": ["any"]}]}, "'prioritization' may only contain"),
        ({"phone_numbers": [{**PHONE, "prioritization": "identified"}]}, "'prioritization' must be an array"),
        ({"phone_numbers": [{"prioritization": ["identified"]}]}, r"'phone_numbers\.0\.phone' is required"),
    ],
)
def test_a_fault_anywhere_refuses_the_whole_request(body: Any, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        load_deletion(body)
