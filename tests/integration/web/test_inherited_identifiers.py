"""An alias or address that a profile got by a merge resolves to that profile, but never makes it the orphan."""

from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ask_to_merge, ext, identified, merged, outcomes, run_jobs
from tests.support.profiles import export, the_profile, track
from tests.support.undos import merge_one, undo_one

Json = dict[str, Any]

ALIAS = {"alias_label": "checkout", "alias_name": "guest-7"}
GUEST = {"user_alias": ALIAS}
EMAIL = {"email": "guest@example.com", "prioritization": ["most_recently_updated"]}
PHONE = {"phone": "+442079460958", "prioritization": ["most_recently_updated"]}
IDENTIFIERS = pytest.mark.parametrize("identifier", [GUEST, EMAIL, PHONE], ids=["alias", "email", "phone"])


@pytest.fixture(autouse=True)
def people(caller: Caller) -> None:
    """Three customers, and a guest with an alias, an email address and a phone number."""
    track(caller, attributes=[{"external_id": name} for name in ("customer", "other", "third")])
    track(
        caller,
        attributes=[
            {
                **GUEST,
                "email": EMAIL["email"],
                "phone": PHONE["phone"],
                "colour": "red",
                "_update_existing_only": False,
            }
        ],
    )


def braze_id(caller: Caller, external_id: str) -> str:
    """Return the braze_id of the profile with *external_id*."""
    return str(the_profile(caller, external_id)["braze_id"])


@IDENTIFIERS
@pytest.mark.parametrize("requests", ["one request", "two requests"])
def test_a_second_merge_of_a_guest_does_not_merge_its_survivor(
    caller: Caller, pool: Pool, identifier: Json, requests: str
) -> None:
    (guest,) = export(caller, user_aliases=[ALIAS])
    pairs = [(GUEST, ext("customer")), (identifier, ext("other"))]
    batches = [pairs] if requests == "one request" else [[pair] for pair in pairs]
    jobs = [job for batch in batches for job in merged(caller, pool, *batch)]

    assert outcomes(jobs) == ["merged", "already_merged"]
    assert braze_id(caller, "customer") in jobs[1]["reason"]
    assert jobs[1]["orphan"] == {"braze_id": guest["braze_id"], "external_id": None}
    assert jobs[1]["survivor"]["external_id"] == "other"
    assert the_profile(caller, "customer")["custom_attributes"] == {"colour": "red"}


@IDENTIFIERS
def test_a_preview_of_a_second_merge_returns_already_merged(caller: Caller, identifier: Json) -> None:
    pairs = [(GUEST, ext("customer")), (identifier, ext("other"))]
    updates = [{"identifier_to_merge": orphan, "identifier_to_keep": survivor} for orphan, survivor in pairs]
    previewed: Json = caller.post("/users/merge/preview", {"merge_updates": updates}).json or {}

    assert outcomes(previewed["updates"]) == ["merged", "already_merged"]


@IDENTIFIERS
def test_a_repeated_merge_is_already_merged(caller: Caller, pool: Pool, identifier: Json) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))

    assert outcomes(merged(caller, pool, (identifier, ext("customer")))) == ["already_merged"]


@IDENTIFIERS
@pytest.mark.parametrize("requests", ["one request", "a request each"])
def test_an_inherited_identifier_names_the_guest_after_a_chain_of_merges(
    caller: Caller, pool: Pool, identifier: Json, requests: str
) -> None:
    (guest,) = export(caller, user_aliases=[ALIAS])
    pairs = [(GUEST, ext("customer")), (ext("customer"), ext("other")), (identifier, ext("third"))]
    batches = [pairs] if requests == "one request" else [[pair] for pair in pairs]
    jobs = [job for batch in batches for job in merged(caller, pool, *batch)]

    assert outcomes(jobs) == ["merged", "merged", "already_merged"]
    assert jobs[2]["orphan"]["braze_id"] == guest["braze_id"]
    assert braze_id(caller, "other") in jobs[2]["reason"]


@IDENTIFIERS
def test_an_inherited_identifier_can_name_the_survivor(caller: Caller, pool: Pool, identifier: Json) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    (job,) = merged(caller, pool, (ext("other"), identifier))

    assert (job["outcome"], job["survivor"]["external_id"]) == ("merged", "customer")


def test_track_and_export_by_the_alias_reach_the_profile(caller: Caller, pool: Pool) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    track(caller, attributes=[{**GUEST, "size": "L"}])

    assert the_profile(caller, "customer")["custom_attributes"] == {"colour": "red", "size": "L"}
    assert export(caller, user_aliases=[ALIAS]) == [the_profile(caller, "customer")]


def test_identify_by_the_alias_reaches_the_profile(caller: Caller, pool: Pool) -> None:
    unidentified = {"alias_label": "app", "alias_name": "app-1"}
    track(caller, attributes=[{"user_alias": unidentified, "_update_existing_only": False}])
    merge_one(caller, pool, GUEST, {"user_alias": unidentified})
    (job,) = identified(caller, pool, aliases_to_identify=[{"external_id": "new", **GUEST}])
    (again,) = identified(caller, pool, aliases_to_identify=[{"external_id": "customer", **GUEST}])

    assert (job["outcome"], again["outcome"]) == ("identified", "orphan_identified")
    assert the_profile(caller, "new")["user_aliases"] == [unidentified, ALIAS]


@IDENTIFIERS
@pytest.mark.parametrize("way", ["merge", "identify"])
def test_an_inherited_identifier_names_its_own_profile_after_an_undo(
    caller: Caller, pool: Pool, identifier: Json, way: str
) -> None:
    if way == "merge":
        job_id = merge_one(caller, pool, GUEST, ext("customer"))
    else:
        (job,) = identified(caller, pool, aliases_to_identify=[{"external_id": "customer", **GUEST}])
        job_id = job["job_id"]
    undone = undo_one(caller, pool, job_id)
    (job,) = merged(caller, pool, (identifier, ext("other")))

    assert (undone["outcome"], job["outcome"]) == ("undone", "merged")
    assert the_profile(caller, "other")["custom_attributes"] == {"colour": "red"}
    assert "custom_attributes" not in the_profile(caller, "customer")


@IDENTIFIERS
@pytest.mark.parametrize("clash", [False, True], ids=["moved on", "dropped in a clash of labels"])
def test_the_undo_of_a_second_merge_returns_the_identifier_to_the_first_survivor(
    caller: Caller, pool: Pool, identifier: Json, clash: bool
) -> None:
    if clash:
        mine = {"external_id": "other", "alias_label": ALIAS["alias_label"], "alias_name": "mine"}
        caller.post("/users/alias/new", {"user_aliases": [mine]})
    merge_one(caller, pool, GUEST, ext("customer"))
    job_id = merge_one(caller, pool, ext("customer"), ext("other"))
    undone = undo_one(caller, pool, job_id)
    (job,) = merged(caller, pool, (identifier, ext("third")))

    assert (undone["outcome"], job["outcome"]) == ("undone", "already_merged")
    assert braze_id(caller, "customer") in job["reason"]


def test_an_address_that_the_survivor_already_had_is_not_inherited(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "customer", "email": EMAIL["email"]}])
    merge_one(caller, pool, GUEST, ext("customer"))
    (job,) = merged(caller, pool, (EMAIL, ext("other")))

    assert (job["outcome"], job["orphan"]["external_id"]) == ("merged", "customer")


def test_an_inherited_address_can_select_another_profile_with_the_address(caller: Caller, pool: Pool) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    track(caller, attributes=[{"external_id": "third", "email": EMAIL["email"]}])
    (job,) = merged(caller, pool, (EMAIL, ext("other")))

    assert (job["outcome"], job["orphan"]["external_id"]) == ("merged", "third")


@pytest.mark.parametrize(("name", "identifier"), [("email", EMAIL), ("phone", PHONE)])
def test_an_address_that_is_set_again_is_not_inherited(caller: Caller, pool: Pool, name: str, identifier: Json) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    track(caller, attributes=[{"external_id": "customer", name: identifier[name]}])
    (job,) = merged(caller, pool, (identifier, ext("other")))

    assert (job["outcome"], job["orphan"]["external_id"]) == ("merged", "customer")


def test_an_address_that_only_identifies_a_profile_stays_inherited(caller: Caller, pool: Pool) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    track(caller, attributes=[{"email": EMAIL["email"], "size": "L"}])

    assert outcomes(merged(caller, pool, (EMAIL, ext("other")))) == ["already_merged"]


def test_an_alias_that_is_created_again_is_not_inherited(caller: Caller, pool: Pool) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    before = the_profile(caller, "customer")["updated_at"]
    for name in ("other", "customer"):
        caller.post("/users/alias/new", {"user_aliases": [{"external_id": name, **ALIAS}]})
        given = the_profile(caller, "customer")["updated_at"] > before
        assert given == (name == "customer")

    (job,) = merged(caller, pool, (GUEST, ext("other")))

    assert (job["outcome"], job["orphan"]["external_id"]) == ("merged", "customer")


def test_a_renamed_alias_is_not_inherited(caller: Caller, pool: Pool) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    for old, new in (("guest-7", "guest-8"), ("guest-8", "guest-7")):
        update = {"alias_label": "checkout", "old_alias_name": old, "new_alias_name": new}
        response = caller.post("/users/alias/update", {"alias_updates": [update]})
        assert response.status_code == 201, response.json
    (job,) = merged(caller, pool, (GUEST, ext("other")))

    assert (job["outcome"], job["orphan"]["external_id"]) == ("merged", "customer")


def test_an_alias_that_is_created_while_its_merge_waits_is_not_inherited(caller: Caller, pool: Pool) -> None:
    merge_one(caller, pool, GUEST, ext("customer"))
    accepted = ask_to_merge(caller, (GUEST, ext("other")))
    caller.post("/users/alias/new", {"user_aliases": [{"external_id": "customer", **ALIAS}]})

    assert outcomes(run_jobs(caller, pool, accepted)) == ["merged"]
