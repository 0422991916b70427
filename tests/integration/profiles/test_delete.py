"""`POST /users/delete`: which profiles it deletes, what it counts, and which data stays."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged, outcomes
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, export, merge, the_profile, track

database_url = make_database_url(scope="module")

ALIAS = {"alias_label": "shop", "alias_name": "7"}
EMAIL, PHONE = "a@x.org", "+14155550123"
NEWEST = ["unidentified", "most_recently_updated"]


def delete(caller: Caller, **identifiers: Any) -> int:
    """Return the number of deletions of `/users/delete`, which must accept the request without a warning."""
    body = delete_with_warnings(caller, **identifiers)

    assert body == {"deleted": body["deleted"], "message": "success"}
    return int(body["deleted"])


def delete_with_warnings(caller: Caller, **identifiers: Any) -> Json:
    """Return the response of `/users/delete`, which must accept the request."""
    response = caller.post("/users/delete", identifiers)
    body: Json = response.json

    assert response.status_code == 201, body
    return body


def warning(array: str, index: int, sentence: str) -> Json:
    return {"type": sentence, "input_array": array, "index": index}


def left(caller: Caller, *external_ids: str) -> list[str]:
    """Return the *external_ids* that still have a profile."""
    return [user["external_id"] for user in export(caller, external_ids=list(external_ids))]


@pytest.fixture
def me(caller: Caller) -> Json:
    """A profile with every kind of identifier."""
    track(caller, attributes=[{"external_id": "me", "email": EMAIL, "phone": PHONE}, {"external_id": "other"}])
    caller.post("/users/alias/new", {"user_aliases": [{"external_id": "me", **ALIAS}]})
    return the_profile(caller)


@pytest.mark.parametrize(
    "identifiers",
    [
        {"external_ids": ["me"]},
        {"user_aliases": [ALIAS]},
        {"braze_ids": ["the braze_id"]},
        {"email_addresses": [{"email": " A@X.org", "prioritization": ["identified"]}]},
        {"phone_numbers": [{"phone": "+1 415 555 0123", "prioritization": ["identified"]}]},
    ],
)
def test_each_kind_of_identifier_deletes_the_profile(caller: Caller, me: Json, identifiers: Json) -> None:
    if "braze_ids" in identifiers:
        identifiers = {"braze_ids": [me["braze_id"].upper()]}
    deleted = delete(caller, **identifiers)

    assert deleted == 1
    assert left(caller, "me", "other") == ["other"]
    assert export(caller, user_aliases=[ALIAS]) == []
    assert export(caller, email_address=EMAIL) == []


def test_the_braze_id_is_unknown_after_the_deletion(caller: Caller, me: Json) -> None:
    delete(caller, external_ids=["me"])

    assert caller.get(f"/profiles/{me['braze_id']}").status_code == 404


def test_unknown_identifiers_are_counted_as_at_the_vendor_and_have_a_warning(caller: Caller, me: Json) -> None:
    first = delete_with_warnings(caller, external_ids=["nobody", "me", "me"], braze_ids=["no such thing"])
    second = delete_with_warnings(
        caller,
        external_ids=["nobody"],
        user_aliases=[ALIAS],
        email_addresses=[{"email": EMAIL, "prioritization": ["identified"]}],
        phone_numbers=[{"phone": PHONE, "prioritization": ["identified"]}],
    )

    # Only the server creates braze_ids, so one without a profile does not count.
    assert first["deleted"] == 3
    assert first["warnings"] == [
        warning("external_ids", 0, "No profile has this external_id, so nothing was deleted."),
        warning("braze_ids", 0, "No profile has this braze_id, so nothing was deleted."),
    ]
    assert second["deleted"] == 4
    assert second["warnings"] == [
        warning("external_ids", 0, "No profile has this external_id, so nothing was deleted."),
        warning("user_aliases", 0, "No profile has this alias, so nothing was deleted."),
        warning("email_addresses", 0, "No profile has this email address, so nothing was deleted."),
        warning("phone_numbers", 0, "No profile has this phone number, so nothing was deleted."),
    ]
    assert left(caller, "other") == ["other"]


def test_one_request_may_contain_several_kinds_of_identifiers(caller: Caller, me: Json) -> None:
    deleted = delete(caller, user_aliases=[ALIAS], external_ids=["other"])

    assert deleted == 2
    assert left(caller, "me", "other") == []


@pytest.mark.parametrize(
    ("prioritization", "stays"),
    [
        (["identified"], ["two", "three"]),
        (["unidentified"], ["one", "two", "three"]),
        (["unidentified", "most_recently_updated"], ["one", "two"]),
        (["unidentified", "least_recently_updated"], ["one", "three"]),
        (["most_recently_updated"], ["one", "two"]),
        (["most_recently_updated", "identified"], ["one", "two", "three"]),
    ],
)
@pytest.mark.parametrize(("kind", "field"), [("email_addresses", "email"), ("phone_numbers", "phone")])
def test_the_profile_that_the_prioritization_selects_is_deleted(
    caller: Caller, kind: str, field: str, prioritization: list[str], stays: list[str]
) -> None:
    address = {"email": EMAIL, "phone": PHONE}[field]
    track(caller, attributes=[{"external_id": "one", field: address, "first_name": "one"}])
    for name in ("two", "three"):
        alias = {"alias_label": "shop", "alias_name": name}
        body = {"user_alias": alias, "_update_existing_only": False, field: address, "first_name": name}
        track(caller, attributes=[body])
    answer = delete_with_warnings(caller, **{kind: [{field: address, "prioritization": prioritization}]})
    argument = {"email": "email_address", "phone": "phone"}[field]

    assert answer["deleted"] == 1
    assert ("warnings" in answer) == (len(stays) == 3)
    assert sorted(user["first_name"] for user in export(caller, **{argument: address})) == sorted(stays)


def test_a_deleted_external_id_creates_a_new_profile(caller: Caller, me: Json) -> None:
    track(caller, events=[{"external_id": "me", "name": "login", "time": "2020-01-01T00:00:00Z"}])
    delete(caller, external_ids=["me"])
    track(caller, attributes=[{"external_id": "me", "first_name": "B"}])
    after = the_profile(caller)

    assert after["braze_id"] != me["braze_id"]
    assert "email" not in after
    assert "custom_events" not in after
    assert after["user_aliases"] == []


def test_the_redirects_to_a_deleted_profile_are_deleted(caller: Caller, pool: Pool, me: Json) -> None:
    track(caller, attributes=[{"external_id": name} for name in ("a", "b", "third")])
    gone = [the_profile(caller, name)["braze_id"] for name in ("a", "b")]
    merge(caller, pool, orphan="a", survivor="b")
    merge(caller, pool, orphan="b", survivor="me")
    before = [caller.get(f"/profiles/{braze_id}").status_code for braze_id in gone]
    delete(caller, external_ids=["me"])

    assert before == [410, 410]
    assert [caller.get(f"/profiles/{braze_id}").status_code for braze_id in gone] == [404, 404]
    assert outcomes(merged(caller, pool, (ext("third"), ext("a")), (ext("b"), ext("third")))) == [
        "survivor_not_found",
        "orphan_not_found",
    ]


def test_an_id_that_was_merged_away_deletes_no_profile(caller: Caller, pool: Pool, me: Json) -> None:
    track(caller, attributes=[{"external_id": "a"}])
    gone = the_profile(caller, "a")["braze_id"]
    merge(caller, pool, orphan="a", survivor="me")
    answer = delete_with_warnings(caller, external_ids=["a"], braze_ids=[gone])

    sentence = (
        f"The profile with this {{}} was merged away and is now part of profile {me['braze_id']}, so no profile was"
        " deleted. Send the braze_id of that profile instead."
    )
    assert answer["deleted"] == 1
    assert answer["warnings"] == [
        warning("external_ids", 0, sentence.format("external_id")),
        warning("braze_ids", 0, sentence.format("braze_id")),
    ]
    assert left(caller, "me") == ["me"]
    assert caller.get(f"/profiles/{gone}").status_code == 410


def test_no_profile_of_another_workspace_is_deleted(
    caller: Caller, make_caller: Callable[..., Caller], me: Json
) -> None:
    other = make_caller()
    delete_with_warnings(
        other,
        external_ids=["me"],
        user_aliases=[ALIAS],
        braze_ids=[me["braze_id"]],
        email_addresses=[{"email": EMAIL, "prioritization": ["identified"]}],
    )

    assert the_profile(caller) == me


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "At least one of"),
        ([], "must be a JSON object"),
        ({"external_ids": ["me", None]}, "'external_ids.1' may not be null"),
        ({"external_ids": ["me"], "user_aliases": [{}]}, "is required"),
        ({"external_ids": ["me"], "email_addresses": [EMAIL]}, "'email_addresses.0' must be an object"),
        ({"external_ids": ["me"], "email_addresses": [{"email": EMAIL}]}, "'prioritization' is required"),
        ({"external_ids": ["me"] * 51}, "The max number of ids per request was exceeded"),
        ({"external_ids": ["me"] * 26, "braze_ids": ["a"] * 25}, "The max number of ids per request was exceeded"),
        ({"external_ids": ["me", "\x00"]}, "NUL"),
    ],
)
def test_a_request_with_bad_input_is_refused_and_deletes_no_profile(
    caller: Caller, me: Json, body: Any, message: str
) -> None:
    response = caller.post("/users/delete", body)

    assert response.status_code == 400
    assert message in response.json["message"]
    assert the_profile(caller) == me


def test_a_key_without_the_permission_is_refused(make_caller: Callable[..., Caller]) -> None:
    caller = make_caller(permissions=("users.track", "users.merge"))

    assert caller.post("/users/delete", {"external_ids": ["me"]}).status_code == 403
