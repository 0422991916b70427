"""Addresses from before the current rules: exports and deletions find them, writes do not use them."""

import pytest

from app.db.connections import Connection
from schemas.identifiers import email_key
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.profiles import Json, export, the_profile, track

database_url = make_database_url(scope="module")

STORED = ["<ann@x.org>", "mailto:ann@x.org", "ann@x.org;", "an\u200bn@x.org", ".ann@x.org", "ann@i❤.ws", "no address"]
STEPS = ["identified", "most_recently_updated"]


def store(connection: Connection, caller: Caller, address: str) -> None:
    """Store an *address* of the profile `me` that requests may not send."""
    track(caller, attributes=[{"external_id": "me", "first_name": "Ann"}])
    connection.execute(
        "UPDATE profile SET email = %s, email_key = %s WHERE workspace_id = %s",
        [address, email_key(address), caller.workspace_id],
    )


def preview(caller: Caller, orphan: Json) -> str:
    update = {"identifier_to_merge": orphan, "identifier_to_keep": {"external_id": "other"}}
    (seen,) = caller.post("/users/merge/preview", {"merge_updates": [update]}).json["updates"]
    outcome: str = seen["outcome"]
    return outcome


@pytest.mark.parametrize("address", STORED)
def test_an_export_and_a_deletion_find_an_address_that_no_request_may_send(
    connection: Connection, caller: Caller, address: str
) -> None:
    store(connection, caller, address)
    leaf = {"attribute": {"name": "email", "comparison": "equals", "value": address}}
    segment = caller.post("/segments/query", {"filter": leaf}).json
    exported = export(caller, email_address=f" {address.upper()} ")
    deletion = {"email_addresses": [{"email": address, "prioritization": STEPS}]}
    deleted = caller.post("/users/delete", deletion)

    assert segment["count"] == 1
    assert [user["email"] for user in exported] == [address]
    assert deleted.status_code == 201
    assert export(caller, external_ids=["me"]) == []


@pytest.mark.parametrize("address", STORED)
def test_a_merge_by_an_address_that_no_request_may_send_is_refused(
    connection: Connection, caller: Caller, address: str
) -> None:
    store(connection, caller, address)
    track(caller, attributes=[{"external_id": "other"}])

    assert preview(caller, {"email": address, "prioritization": STEPS}) == "refused_identifier"
    assert preview(caller, {"external_id": "me"}) == "merged"


def test_a_write_of_other_fields_does_not_change_a_stored_address(connection: Connection, caller: Caller) -> None:
    store(connection, caller, "<ann@x.org>")
    track(caller, attributes=[{"external_id": "me", "first_name": "Ada"}])

    assert (the_profile(caller)["first_name"], the_profile(caller)["email"]) == ("Ada", "<ann@x.org>")


@pytest.mark.parametrize("sent", [" Ann@x.org", "Ann@x.org\n", "\ufeffAnn@x.org\u200b", "Ann@x.org\r\n\x07"])
@pytest.mark.parametrize("who", [{}, {"external_id": "me"}])
def test_an_address_is_stored_and_exported_without_blanks_at_its_ends(caller: Caller, sent: str, who: Json) -> None:
    track(caller, attributes=[{**who, "email": sent, "first_name": "Ann"}])

    assert [user["email"] for user in export(caller, email_address="ann@x.org")] == ["Ann@x.org"]


@pytest.mark.parametrize("number", ["+1 650 253 0000 ext. 1", "07912 345678", "+15551234"])
def test_a_phone_without_e164_form_is_stored_as_sent_and_found_by_another_identifier(
    caller: Caller, number: str
) -> None:
    track(caller, attributes=[{"external_id": "me", "phone": number}])
    caller.post("/users/delete", {"phone_numbers": [{"phone": number, "prioritization": STEPS}]})

    assert the_profile(caller)["phone"] == number
    assert export(caller, phone=number) == []
    caller.post("/users/delete", {"external_ids": ["me"]})
    assert export(caller, external_ids=["me"]) == []
