"""A line whose profile exists is skipped, fills empty fields, or replaces fields."""

from typing import Any

import pytest

from app.db.connections import Pool
from app.db.transaction import Transaction, run_in_transaction
from app.imports.importing import import_profiles
from schemas.profile_imports import OnConflict, parse_profile
from tests.support.flask_caller import Caller
from tests.support.imports import all_profiles, import_lines, import_one
from tests.support.lane_runs import merged
from tests.support.profiles import NOON, NOON_TEXT, export, the_profile, track

Json = dict[str, Any]

EARLIER, LATER = "2025-01-01T00:00:00.000Z", "2026-07-01T00:00:00.000Z"
BRAZE_ID = "a" * 24


def login(count: int, first: str, last: str, name: str = "login") -> Json:
    """Return the summary of an event."""
    return {"name": name, "count": count, "first": first, "last": last}


def hat(count: int, first: str, last: str, name: str = "hat") -> Json:
    """Return the summary of a product."""
    return login(count, first, last, name)


def test_a_skipped_line_does_not_change_its_profile(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "me", "first_name": "Ann"}])
    before = the_profile(caller)

    outcome = import_one(pool, caller, external_id="me", first_name="Bea", last_name="Oak")

    assert (outcome.result, outcome.braze_id, outcome.reasons) == ("skipped", before["braze_id"], ())
    assert the_profile(caller) == before


def test_a_line_fills_empty_members_and_missing_keys_only(caller: Caller, pool: Pool) -> None:
    track(
        caller,
        attributes=[{"external_id": "me", "first_name": "Ann", "plan": "pro", "devices": [{"device_id": "d1"}]}],
        events=[{"external_id": "me", "name": "login", "time": NOON}],
        purchases=[
            {"external_id": "me", "product_id": "hat", "currency": "USD", "price": 5, "quantity": 2, "time": NOON}
        ],
    )

    outcome = import_one(
        pool,
        caller,
        "fill",
        external_id="me",
        first_name="Bea",
        last_name="Oak",
        email="me@x.org",
        custom_attributes={"plan": "free", "seats": 3},
        custom_events=[login(9, EARLIER, LATER), login(4, EARLIER, LATER, name="logout")],
        purchases=[hat(9, EARLIER, LATER), hat(3, EARLIER, LATER, name="mug")],
        devices=[{"device_id": "d1", "model": "A1"}, {"device_id": "d2"}],
        user_aliases=[{"alias_label": "crm", "alias_name": "7"}],
        total_revenue=99,
    )

    user = the_profile(caller)
    assert outcome.result == "filled"
    assert (user["first_name"], user["last_name"], user["email"]) == ("Ann", "Oak", "me@x.org")
    assert user["custom_attributes"] == {"plan": "pro", "seats": 3}
    assert user["custom_events"] == [login(1, NOON_TEXT, NOON_TEXT), login(4, EARLIER, LATER, name="logout")]
    assert user["purchases"] == [hat(2, NOON_TEXT, NOON_TEXT), hat(3, EARLIER, LATER, name="mug")]
    assert user["devices"] == [{"device_id": "d1"}, {"device_id": "d2"}]
    assert user["user_aliases"] == [{"alias_label": "crm", "alias_name": "7"}]
    assert (user["purchase_count"], user["first_purchase"], user["last_purchase"]) == (5, EARLIER, LATER)
    assert user["total_revenue"] == 10


def test_a_line_that_fills_nothing_is_skipped_with_the_reason(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "me", "first_name": "Ann"}])
    before = the_profile(caller)

    outcome = import_one(pool, caller, "fill", external_id="me", first_name="Bea")

    assert outcome.result == "skipped"
    assert outcome.reasons == ("The profile has a value for every member of the line.",)
    assert the_profile(caller) == before


def test_a_line_replaces_its_members_and_no_others(caller: Caller, pool: Pool) -> None:
    track(
        caller,
        attributes=[
            {"external_id": "me", "first_name": "Ann", "last_name": "Ash", "plan": "pro", "email": "old@x.org"}
        ],
        events=[{"external_id": "me", "name": "login", "time": NOON}],
    )
    before = the_profile(caller)

    outcome = import_one(
        pool,
        caller,
        "replace",
        external_id="me",
        first_name="Bea",
        email="new@x.org",
        random_bucket=1,
        created_at=EARLIER,
        custom_attributes={"seats": 3},
        custom_events=[login(9, EARLIER, LATER)],
    )

    user = the_profile(caller)
    assert outcome.result == "replaced"
    assert (user["first_name"], user["last_name"], user["email"]) == ("Bea", "Ash", "new@x.org")
    assert user["custom_attributes"] == {"seats": 3}
    assert user["custom_events"] == [login(9, EARLIER, LATER)]
    assert [user[name] for name in ("braze_id", "random_bucket", "created_at")] == [
        before[name] for name in ("braze_id", "random_bucket", "created_at")
    ]
    assert user["updated_at"] > before["updated_at"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("braze_id", None),
        ("user_aliases", [{"alias_label": "crm", "alias_name": "7"}]),
    ],
)
def test_a_braze_id_or_an_alias_finds_the_profile(caller: Caller, pool: Pool, name: str, value: Any) -> None:
    track(
        caller, attributes=[{"user_alias": {"alias_label": "crm", "alias_name": "7"}, "_update_existing_only": False}]
    )
    (before,) = all_profiles(caller)

    outcome = import_one(
        pool, caller, "fill", **{name: value or before["braze_id"]}, external_id="me", first_name="Ann"
    )

    (user,) = all_profiles(caller)
    assert outcome.result == "filled"
    assert (user["braze_id"], user["external_id"], user["first_name"]) == (before["braze_id"], "me", "Ann")


def test_identifiers_of_two_profiles_are_refused(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "a"}, {"external_id": "b"}])
    (other,) = export(caller, external_ids=["b"])
    before = all_profiles(caller)

    for on_conflict in ("skip", "fill", "replace"):
        outcome = import_one(pool, caller, on_conflict, external_id="a", braze_id=other["braze_id"], first_name="Ann")

        assert (outcome.result, outcome.braze_id) == ("refused", None)
        assert outcome.reasons == (
            "'external_id' and 'braze_id' name two profiles, so the line was refused; merge them first.",
        )
    assert all_profiles(caller) == before


def test_another_external_id_than_that_of_the_profile_is_refused(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "a"}])
    before = all_profiles(caller)

    for on_conflict in ("skip", "fill", "replace"):
        outcome = import_one(pool, caller, on_conflict, external_id="z", braze_id=before[0]["braze_id"])

        assert outcome.result == "refused"
        assert "another external_id" in outcome.reasons[0]
    assert all_profiles(caller) == before


def test_a_former_external_id_finds_the_profile_and_does_not_rename_it(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": "old"}])
    caller.post(
        "/users/external_ids/rename",
        {"external_id_renames": [{"current_external_id": "old", "new_external_id": "new"}]},
    )

    outcome = import_one(pool, caller, "fill", external_id="old", first_name="Ann")

    (user,) = all_profiles(caller)
    assert outcome.result == "filled"
    assert (user["external_id"], user["first_name"]) == ("new", "Ann")


def test_the_braze_id_of_a_merged_or_deleted_profile_is_not_reused(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"external_id": name} for name in ("orphan", "survivor", "gone")])
    lost = {user["external_id"]: user["braze_id"] for user in all_profiles(caller)}
    merged(caller, pool, ({"external_id": "orphan"}, {"external_id": "survivor"}))
    caller.post("/users/delete", {"external_ids": ["gone"]})

    for name in ("orphan", "gone"):
        outcome = import_one(pool, caller, external_id=f"new-{name}", braze_id=lost[name])

        assert outcome.result == "created"
        assert outcome.braze_id not in {None, *lost.values()}
        assert outcome.reasons[0].startswith("The 'braze_id' belonged to a profile that was merged away or deleted")


def test_lines_of_one_call_act_in_order(caller: Caller, pool: Pool) -> None:
    alias = {"alias_label": "crm", "alias_name": "7"}
    lines = [
        {"external_id": "me", "first_name": "Ann"},
        {"external_id": "me", "braze_id": BRAZE_ID, "first_name": "Bea", "user_aliases": [alias]},
        {"user_aliases": [alias], "last_name": "Oak"},
    ]

    filled = import_lines(pool, caller, lines, on_conflict="fill")

    (user,) = all_profiles(caller)
    assert [outcome.result for outcome in filled] == ["created", "filled", "filled"]
    assert {outcome.braze_id for outcome in filled} == {user["braze_id"]}
    assert (user["first_name"], user["last_name"], user["user_aliases"]) == ("Ann", "Oak", [alias])


def test_later_lines_of_one_call_replace_or_are_skipped(caller: Caller, empty: Caller, pool: Pool) -> None:
    lines = [{"external_id": "me", "first_name": name} for name in ("Ann", "Bea")]

    replaced = import_lines(pool, caller, lines, on_conflict="replace")
    skipped = import_lines(pool, empty, lines, on_conflict="skip")

    assert [outcome.result for outcome in replaced] == ["created", "replaced"]
    assert [outcome.result for outcome in skipped] == ["created", "skipped"]
    assert the_profile(caller)["first_name"] == "Bea"
    assert the_profile(empty)["first_name"] == "Ann"


def test_a_line_that_names_two_earlier_lines_is_refused(caller: Caller, pool: Pool) -> None:
    outcomes = import_lines(
        pool,
        caller,
        [
            {"external_id": "a"},
            {"user_aliases": [{"alias_label": "crm", "alias_name": "7"}]},
            {"external_id": "a", "user_aliases": [{"alias_label": "crm", "alias_name": "7"}]},
        ],
    )

    assert [outcome.result for outcome in outcomes] == ["created", "created", "refused"]


@pytest.mark.parametrize(
    ("line", "member"),
    [
        ({"external_id": "null"}, "'external_id'"),
        ({"external_id": "me", "email": "null@null.com"}, "'email'"),
        (
            {"external_id": "me", "user_aliases": [{"alias_label": "crm", "alias_name": "undefined"}]},
            "'user_aliases.0'",
        ),
        ({"first_name": "Ann"}, "'external_id'"),
        ({"external_id": "me", "email": "nothing"}, "'email'"),
    ],
)
def test_placeholders_and_bad_identifiers_are_refused(caller: Caller, pool: Pool, line: Json, member: str) -> None:
    good = {"external_id": "other"}

    refused, created = import_lines(pool, caller, [line, good])

    assert (refused.result, created.result) == ("refused", "created")
    assert member in refused.reasons[0]
    assert [user["external_id"] for user in all_profiles(caller)] == ["other"]


def test_a_time_in_the_future_is_taken_as_now(caller: Caller, pool: Pool) -> None:
    far = "2999-01-01T00:00:00.000Z"

    import_one(
        pool, caller, external_id="me", first_session=EARLIER, last_session=far, custom_events=[login(2, EARLIER, far)]
    )

    user = the_profile(caller)
    assert user["first_session"] == EARLIER
    assert user["last_session"] == user["created_at"] == user["custom_events"][0]["last"]


def test_a_rollback_of_the_caller_undoes_the_import(caller: Caller, pool: Pool) -> None:
    results = []

    def trial(tx: Transaction) -> None:
        lines = [parse_profile(b'{"external_id": "me", "email": "me@x.org"}')]
        results.extend(import_profiles(tx, lines, on_conflict=OnConflict.SKIP, now=tx.now()))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_in_transaction(pool, caller.workspace_id, trial)

    assert [outcome.result for outcome in results] == ["created"]
    assert all_profiles(caller) == []
