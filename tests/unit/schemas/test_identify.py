"""The body of `/users/identify`, object by object."""

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.identifiers import Email, ExternalId, Phone, UserAlias
from schemas.identify import NOTHING_SENT, TOO_MANY, load_identify
from schemas.priorities import Priority

ALIAS = {"external_id": "ada", "user_alias": {"alias_name": "guest-1", "alias_label": "cart"}}
EMAIL = {"external_id": "ada", "email": "ada@example.org", "prioritization": ["unidentified"]}
PHONE = {"external_id": "ada", "phone": "+14155550100", "prioritization": ["most_recently_updated"]}


def test_the_three_arrays_are_taken_in_the_order_aliases_emails_phones() -> None:
    loaded = load_identify(
        {"phone_numbers_to_identify": [PHONE], "emails_to_identify": [EMAIL], "aliases_to_identify": [ALIAS]}
    )

    assert [update.orphan for update in loaded.updates] == [
        UserAlias("cart", "guest-1"),
        Email("ada@example.org", (Priority.UNIDENTIFIED,)),
        Phone("+14155550100", (Priority.MOST_RECENTLY_UPDATED,)),
    ]
    assert {update.survivor for update in loaded.updates} == {ExternalId("ada")}
    assert [update.index for update in loaded.updates] == [0, 1, 2]


def test_counts_are_given_for_the_arrays_that_were_sent_and_for_no_others() -> None:
    answer = load_identify({"aliases_to_identify": [ALIAS, ALIAS]}).answer()

    assert answer == {"aliases_processed": 2, "message": "success"}


def test_an_empty_array_counts_as_sent() -> None:
    assert load_identify({"emails_to_identify": []}).answer() == {"emails_processed": 0, "message": "success"}


def test_a_whole_number_is_taken_as_an_external_id_as_the_vendor_does() -> None:
    (update,) = load_identify({"aliases_to_identify": [{**ALIAS, "external_id": 12345}]}).updates

    assert update.survivor == ExternalId("12345")


@pytest.mark.parametrize("behaviour", ["none", "merge", "anything", 7, None])
def test_merge_behavior_is_accepted_and_ignored(behaviour: Any) -> None:
    loaded = load_identify({"aliases_to_identify": [ALIAS], "merge_behavior": behaviour})

    assert len(loaded.updates) == 1


def test_a_refused_object_has_the_vendors_array_name_and_its_index_and_the_others_are_loaded() -> None:
    body = {"aliases_to_identify": [{"user_alias": ALIAS["user_alias"]}, ALIAS], "emails_to_identify": [EMAIL]}

    loaded = load_identify(body)

    assert [update.index for update in loaded.updates] == [1, 2]
    assert loaded.answer() == {
        "aliases_processed": 1,
        "emails_processed": 1,
        "message": "success",
        "errors": [{"type": "'external_id' is required", "input_array": "user_identifiers", "index": 0}],
    }


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("aliases_to_identify", {**ALIAS, "external_id": ""}, "'external_id' may not be empty"),
        ("aliases_to_identify", {**ALIAS, "external_id": ["ada"]}, "'external_id' must be a string"),
        ("aliases_to_identify", {"external_id": "ada"}, "'user_alias' is required"),
        (
            "aliases_to_identify",
            {"external_id": "ada", "user_alias": {"alias_name": "guest-1"}},
            "'user_alias.alias_label' is required",
        ),
        (
            "aliases_to_identify",
            "ada",
            "An object of 'aliases_to_identify' must be an object with an 'external_id'",
        ),
        (
            "emails_to_identify",
            {**EMAIL, "email": "nobody"},
            "The value provided for the 'email' field is not a valid email.",
        ),
        (
            "emails_to_identify",
            {"external_id": "ada", "email": "ada@example.org"},
            "'prioritization' is required beside 'email' or 'phone'",
        ),
        (
            "emails_to_identify",
            {**EMAIL, "prioritization": ["most_recently_updated", "least_recently_updated"]},
            (
                "Request can not contain both of 'most_recently_updated' and 'least_recently_updated' values in the"
                " 'prioritization' array"
            ),
        ),
        ("phone_numbers_to_identify", {**PHONE, "phone": ""}, "'phone' may not be empty"),
        (
            "phone_numbers_to_identify",
            {**PHONE, "phone": "+1 415 555 0100 ext. 5"},
            "The value provided for the 'phone' field has letters or an extension, so it identifies no profile.",
        ),
        (
            "emails_to_identify",
            {**EMAIL, "email": "ada@x.org;"},
            "The value provided for the 'email' field is not a valid email.",
        ),
        ("phone_numbers_to_identify", {**PHONE, "prioritization": "x"}, "'prioritization' must be an array of strings"),
    ],
)
def test_an_object_at_fault_is_refused_with_a_sentence(name: str, given: Any, sentence: str) -> None:
    loaded = load_identify({name: [given]})

    assert loaded.updates == ()
    assert [error["type"] for error in loaded.errors] == [sentence]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"aliases_to_identify": None}, {"emails_to_identify": {}}])
def test_a_request_without_any_array_is_refused_whole(body: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        load_identify(body)

    assert refused.value.messages == [NOTHING_SENT]


def test_each_array_may_have_fifty_objects() -> None:
    loaded = load_identify(
        {
            "aliases_to_identify": [ALIAS] * 50,
            "emails_to_identify": [EMAIL] * 50,
            "phone_numbers_to_identify": [PHONE] * 50,
        }
    )

    assert [update.index for update in loaded.updates] == list(range(150))
    assert set(loaded.processed.values()) == {50}


@pytest.mark.parametrize(
    ("name", "given"),
    [("aliases_to_identify", ALIAS), ("emails_to_identify", EMAIL), ("phone_numbers_to_identify", PHONE)],
)
def test_more_than_fifty_objects_of_one_array_are_refused_whole(name: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        load_identify({"aliases_to_identify": [ALIAS], name: [given] * 51})

    assert refused.value.messages == [TOO_MANY]
