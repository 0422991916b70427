"""Consent in merges, identifications and undos over HTTP: exports, changes and previews."""

from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, identified, job, merged
from tests.support.postgres import make_database_url
from tests.support.profiles import the_profile, track
from tests.support.undos import undo_one

database_url = make_database_url(scope="module")

Json = dict[str, Any]

OUT = {"email": "out@example.com", "email_subscribe": "unsubscribed"}
GUEST = {"user_alias": {"alias_label": "mail", "alias_name": "guest"}}


@pytest.fixture
def pair(caller: Caller) -> tuple[Json, Json]:
    """A guest with an unsubscribed address, and a customer who opted in without an address."""
    track(caller, attributes=[{**GUEST, "_update_existing_only": False, **OUT}])
    track(caller, attributes=[{"external_id": "s7", "email_subscribe": "opted_in"}])
    return GUEST, ext("s7")


@pytest.mark.parametrize("by_identify", [False, True])
def test_a_merge_does_not_opt_in_an_unsubscribed_address(
    caller: Caller, pool: Pool, pair: tuple[Json, Json], *, by_identify: bool
) -> None:
    before = the_profile(caller, "s7")
    orphan = {"external_id": "s7", **GUEST}
    (done,) = identified(caller, pool, aliases_to_identify=[orphan]) if by_identify else merged(caller, pool, pair)
    after = the_profile(caller, "s7")
    changes = job(caller, done["job_id"], include="changes")["changes"]
    undone = undo_one(caller, pool, done["job_id"])

    assert (done["outcome"], undone["outcome"]) == ("merged", "undone")
    assert (after["email"], after["email_subscribe"]) == (OUT["email"], "unsubscribed")
    assert "email_opted_in_at" not in after
    assert [(each["after"], each["rule"]) for each in changes if each["field"] == "email_subscribe"] == [
        ("unsubscribed", "follow_email")
    ]
    assert the_profile(caller, "s7") == before


def test_a_preview_has_the_change_of_consent(caller: Caller, pair: tuple[Json, Json]) -> None:
    update = {"identifier_to_merge": pair[0], "identifier_to_keep": pair[1]}
    response = caller.post("/users/merge/preview", {"merge_updates": [update]})
    (previewed,) = response.json["updates"]

    states = {each["field"]: (each["before"], each["after"]) for each in previewed["changes"]}
    assert states["email_subscribe"] == ("opted_in", "unsubscribed")


def test_an_opt_out_after_the_merge_applies_to_both_profiles_after_the_undo(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": each, "email": "both@example.com"} for each in ("u1", "u2")])
    track(caller, attributes=[{"external_id": "u1", "email_subscribe": "opted_in"}])
    (done,) = merged(caller, pool, (ext("u1"), ext("u2")))
    track(caller, attributes=[{"external_id": "u2", "email_subscribe": "unsubscribed"}])
    undone = undo_one(caller, pool, done["job_id"])

    assert undone["outcome"] == "undone"
    assert [the_profile(caller, each)["email_subscribe"] for each in ("u1", "u2")] == ["unsubscribed"] * 2
