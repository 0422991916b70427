"""Consent belongs to the address: an import ends no opt-out, and its opt-outs apply to all profiles of the address."""

from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.imports import import_lines, import_one
from tests.support.profiles import the_profile, track

Json = dict[str, Any]

OPTED_IN_AT = "2026-08-01T00:00:00.000Z"
OPT_IN: Json = {"email_subscribe": "opted_in", "email_opted_in_at": OPTED_IN_AT}


def unsubscribe(caller: Caller, name: str) -> None:
    """Give the profile *name* the address and an opt-out."""
    track(caller, attributes=[{"external_id": name, "email": "me@x.org", "email_subscribe": "unsubscribed"}])


@pytest.mark.parametrize("on_conflict", ["skip", "fill", "replace"])
def test_a_new_profile_gets_the_opt_out_of_its_address(caller: Caller, pool: Pool, on_conflict: str) -> None:
    unsubscribe(caller, "other")

    outcome = import_one(pool, caller, on_conflict, external_id="me", email="ME@x.org", **OPT_IN)

    assert outcome.result == "created"
    assert the_profile(caller)["email_subscribe"] == "unsubscribed"
    assert the_profile(caller, "other")["email_subscribe"] == "unsubscribed"


def test_the_opt_out_of_a_new_profile_applies_to_all_profiles_with_its_address(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "other", "email": "me@x.org", "email_subscribe": "opted_in"}])

    import_one(pool, caller, external_id="me", email="me@x.org", email_subscribe="unsubscribed")

    other = the_profile(caller, "other")
    entries = (caller.get("/audit", action="consent").json or {})["entries"]
    assert other["email_subscribe"] == "unsubscribed"
    assert [entry["profile"]["braze_id"] for entry in entries] == [other["braze_id"]]


def test_filling_ends_no_opt_out(caller: Caller, pool: Pool) -> None:
    unsubscribe(caller, "me")

    import_one(pool, caller, "fill", external_id="me", first_name="Ann", email="me@x.org", **OPT_IN)

    assert the_profile(caller)["email_subscribe"] == "unsubscribed"


def test_filling_an_address_takes_its_opt_out(caller: Caller, pool: Pool) -> None:
    unsubscribe(caller, "other")
    track(caller, attributes=[{"external_id": "me", "first_name": "Ann"}])

    outcome = import_one(pool, caller, "fill", external_id="me", email="me@x.org", **OPT_IN)

    assert outcome.result == "filled"
    assert the_profile(caller)["email_subscribe"] == "unsubscribed"


def test_replacing_sets_the_state_for_all_with_the_address(caller: Caller, pool: Pool) -> None:
    unsubscribe(caller, "me")
    unsubscribe(caller, "other")

    import_one(pool, caller, "replace", external_id="me", **OPT_IN)

    assert the_profile(caller)["email_subscribe"] == "opted_in"
    assert the_profile(caller)["email_opted_in_at"] == OPTED_IN_AT
    assert the_profile(caller, "other")["email_subscribe"] == "opted_in"


def test_the_state_that_exports_write_for_none_replaces_no_opt_out(caller: Caller, pool: Pool) -> None:
    unsubscribe(caller, "me")

    import_one(pool, caller, "replace", external_id="me", first_name="Ann", email_subscribe="subscribed")

    assert the_profile(caller)["email_subscribe"] == "unsubscribed"


def test_profiles_of_one_call_keep_the_states_of_their_source(caller: Caller, pool: Pool) -> None:
    group = {"subscription_group_id": "g", "subscription_state": "unsubscribed"}

    import_lines(
        pool,
        caller,
        [
            {"external_id": "a", "email": "me@x.org", "subscription_groups": [group]},
            {"external_id": "b", "email": "me@x.org", **OPT_IN},
        ],
    )

    assert the_profile(caller, "a")["subscription_groups"] == [group]
    assert "subscription_groups" not in the_profile(caller, "b")
    assert the_profile(caller, "b")["email_subscribe"] == "opted_in"
