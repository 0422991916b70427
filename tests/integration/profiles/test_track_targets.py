import re
import time
from collections.abc import Callable

import pytest

from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.profiles import NOON, Json, export, merge, the_profile, track

ALIAS: Json = {"user_alias": {"alias_label": "shop", "alias_name": "7"}}
ALICE = {"email": "alice@x.org"}


def by_alias(caller: Caller) -> list[Json]:
    return export(caller, user_aliases=[ALIAS["user_alias"]])


def first_names(users: list[Json]) -> dict[str | None, str | None]:
    """Return the first names by external_id."""
    return {user.get("external_id"): user.get("first_name") for user in users}


def test_a_new_profile_has_a_braze_id_and_a_random_bucket(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": str(number)} for number in range(1, 21)])
    users = export(caller, external_ids=[str(number) for number in range(1, 21)])
    braze_ids = {user["braze_id"] for user in users}

    assert len(braze_ids) == 20
    assert all(re.fullmatch("[0-9a-f]{24}", braze_id) for braze_id in braze_ids)
    assert all(abs(int(braze_id[:8], 16) - time.time()) < 60 for braze_id in braze_ids)
    assert all(0 <= user["random_bucket"] <= 9999 for user in users)
    assert len({user["random_bucket"] for user in users}) > 10


def test_a_whole_number_is_an_external_id(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": 12345, "first_name": "Ada"}])

    assert the_profile(caller, "12345")["first_name"] == "Ada"


def test_update_existing_only_creates_no_profile(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    only = {"external_id": "me", "_update_existing_only": True}
    answer = track(caller, attributes=[{**only, "first_name": "A"}], events=[{**only, "name": "login", "time": NOON}])

    assert (answer["attributes_processed"], answer["events_processed"]) == (0, 0)
    assert [(each["input_array"], each["index"]) for each in answer["warnings"]] == [("attributes", 0), ("events", 0)]
    assert set(counted().values()) == {0}


def test_update_existing_only_updates_what_exists(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    track(caller, attributes=[{"external_id": "me", "_update_existing_only": True, "first_name": "A"}])

    assert the_profile(caller)["first_name"] == "A"


def test_an_alias_creates_a_profile_only_with_update_existing_only_false(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    track(caller, attributes=[ALIAS], events=[{**ALIAS, "name": "login", "time": NOON}])
    before = counted()
    track(caller, attributes=[{**ALIAS, "_update_existing_only": False, "first_name": "A"}])
    track(caller, events=[{**ALIAS, "name": "login", "time": NOON}])
    (user,) = by_alias(caller)

    assert set(before.values()) == {0}
    assert user["first_name"] == "A"
    assert user["user_aliases"] == [{"alias_label": "shop", "alias_name": "7"}]
    assert user["custom_events"][0]["count"] == 1
    assert "external_id" not in user


def test_one_request_can_create_a_profile_by_alias_with_its_purchase(caller: Caller) -> None:
    bought = {**ALIAS, "product_id": "hat", "currency": "USD", "price": 5, "time": NOON}
    track(caller, attributes=[{**ALIAS, "_update_existing_only": False, **ALICE}], purchases=[bought])
    (user,) = by_alias(caller)

    assert (user["email"], user["total_revenue"]) == ("alice@x.org", 5.0)


def test_a_purchase_alone_can_create_a_profile_by_alias(caller: Caller) -> None:
    bought = {**ALIAS, "_update_existing_only": False, "product_id": "hat", "currency": "USD", "price": 5, "time": NOON}
    first = track(caller, purchases=[bought])
    second = track(caller, purchases=[bought])
    (user,) = by_alias(caller)

    assert first == second == {"message": "success", "purchases_processed": 1}
    assert (user["total_revenue"], user["user_aliases"]) == (10.0, [ALIAS["user_alias"]])
    assert "external_id" not in user


@pytest.mark.parametrize(
    ("array", "given"),
    [
        ("events", {"name": "login", "time": NOON}),
        ("purchases", {"product_id": "hat", "currency": "USD", "price": 5, "time": NOON}),
        ("sessions", {"app_id": "web", "started_at": NOON}),
        ("engagements", {"kind": "campaign", "id": "c", "event": "opened", "time": NOON}),
    ],
)
def test_history_by_an_unknown_alias_is_a_warning_unless_it_creates_the_profile(
    caller: Caller, counted: Callable[[], dict[str, int]], array: str, given: Json
) -> None:
    lost = caller.post("/users/track", {array: [{**ALIAS, **given}]})
    before = counted()
    kept = track(caller, **{array: [{**ALIAS, **given}, {**ALIAS, **given, "_update_existing_only": False}]})
    rows = counted()
    (warning,) = lost.json["warnings"]

    assert (lost.status_code, lost.json["message"], lost.json[f"{array}_processed"]) == (201, "success", 0)
    assert (warning["input_array"], warning["index"]) == (array, 0)
    assert "send '_update_existing_only' as false" in warning["type"]
    assert set(before.values()) == {0}
    assert kept[f"{array}_processed"] == 1
    assert [each["index"] for each in kept["warnings"]] == [0]
    assert (rows["profile"], rows[array.removesuffix("s").replace("event", "custom_event")]) == (1, 1)


def test_an_event_by_an_alias_that_a_merge_dropped_is_a_warning(caller: Caller, pool: Pool) -> None:
    for name in ("orphan", "survivor"):
        alias = {"external_id": name, "alias_label": "shop", "alias_name": name}
        track(caller, attributes=[{"external_id": name}])
        assert caller.post("/users/alias/new", {"user_aliases": [alias]}).status_code == 201
    merge(caller, pool, orphan="orphan", survivor="survivor")
    dropped, kept = ({"user_alias": {"alias_label": "shop", "alias_name": name}} for name in ("orphan", "survivor"))
    answer = track(caller, events=[{**each, "name": "login", "time": NOON} for each in (dropped, kept)])

    survivor = the_profile(caller, "survivor")
    sentence = (
        f"The profile with this alias was merged away and is now part of profile {survivor['braze_id']}, which does not"
        " have the alias, so the object had no effect. Send the braze_id of that profile instead."
    )
    assert answer["events_processed"] == 1
    assert answer["warnings"] == [{"type": sentence, "input_array": "events", "index": 0}]
    assert survivor["custom_events"][0]["count"] == 1


def test_a_misspelt_array_with_a_valid_one_is_a_warning(caller: Caller) -> None:
    bought = {"external_id": "me", "product_id": "hat", "currency": "USD", "price": 5, "time": NOON}
    answer = track(caller, attributes=[{"external_id": "me"}], purchase=[bought])

    assert answer["attributes_processed"] == 1
    assert answer["warnings"] == [
        {
            "type": "'purchase' is not an array of this endpoint and was ignored; use 'purchases'.",
            "input_array": "purchase",
        }
    ]


def test_a_braze_id_finds_a_profile_and_never_creates_one(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    track(caller, attributes=[{"external_id": "me"}])
    braze_id = the_profile(caller)["braze_id"]
    track(caller, attributes=[{"braze_id": braze_id.upper(), "first_name": "A"}, {"braze_id": "0" * 24}])

    assert the_profile(caller)["first_name"] == "A"
    assert counted()["profile"] == 1


@pytest.mark.parametrize(
    ("kind", "first", "again"),
    [("email", "New@x.org", " nEW@x.org "), ("phone", "+1 555 123 4567", "+15551234567")],
)
def test_an_unknown_address_creates_a_profile_without_alias(caller: Caller, kind: str, first: str, again: str) -> None:
    track(caller, attributes=[{kind: first, "first_name": "A"}])
    track(caller, attributes=[{kind: again, "last_name": "B"}])
    (user,) = export(caller, **{"email_address" if kind == "email" else kind: again})

    assert (user[kind], user["first_name"], user["last_name"]) == (first, "A", "B")
    assert user["user_aliases"] == []
    assert "external_id" not in user


def test_an_address_selects_the_newest_profile_with_an_external_id(caller: Caller) -> None:
    for name in ("old", "new"):
        track(caller, attributes=[{"external_id": name, **ALICE}])
    track(caller, attributes=[{**ALIAS, "_update_existing_only": False, **ALICE}])
    track(caller, attributes=[{**ALICE, "first_name": "chosen"}])

    assert first_names(export(caller, email_address="alice@x.org")) == {"old": None, "new": "chosen", None: None}


def test_an_address_selects_the_newest_profile_if_none_has_an_external_id(caller: Caller) -> None:
    names = ("1", "2", "1")
    for name in names:
        alias = {"alias_label": "shop", "alias_name": name}
        track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, **ALICE}])
    track(caller, attributes=[{**ALICE, "first_name": "chosen"}])
    users = export(caller, user_aliases=[{"alias_label": "shop", "alias_name": name} for name in ("1", "2")])

    assert [user.get("first_name") for user in users] == ["chosen", None]


def test_an_address_is_looked_up_before_a_phone(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "a", **ALICE}, {"external_id": "b", "phone": "+15551234567"}])
    track(caller, attributes=[{**ALICE, "phone": "+15551234567", "first_name": "chosen"}])
    users = export(caller, external_ids=["a", "b"])

    assert first_names(users) == {"a": "chosen", "b": None}
    assert [user["phone"] for user in users] == ["+15551234567"] * 2


def test_with_a_primary_identifier_addresses_are_attributes(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "a", **ALICE}])
    track(caller, attributes=[{"external_id": "b", **ALICE, "first_name": "B"}])

    assert first_names(export(caller, email_address="alice@x.org")) == {"a": None, "b": "B"}


def test_an_object_sees_the_addresses_of_earlier_objects(caller: Caller, counted: Callable[[], dict[str, int]]) -> None:
    track(caller, attributes=[{"external_id": "a", **ALICE}], events=[{**ALICE, "name": "login", "time": NOON}])

    assert the_profile(caller, "a")["custom_events"][0]["count"] == 1
    assert counted()["profile"] == 1


def test_workspaces_do_not_see_each_other(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    stranger = make_caller()
    track(caller, attributes=[{"external_id": "me", **ALICE, "first_name": "A"}])
    track(stranger, attributes=[{"external_id": "me", "first_name": "B"}, {**ALICE, "first_name": "C"}])
    theirs = the_profile(stranger)
    track(stranger, attributes=[{"braze_id": the_profile(caller)["braze_id"], "first_name": "D"}])

    assert the_profile(caller)["first_name"] == "A"
    assert theirs["first_name"] == "B"
    assert first_names(export(stranger, email_address="alice@x.org")) == {None: "C"}


def test_a_merged_away_external_id_creates_a_new_profile_and_ends_its_redirect(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, attributes=[{"external_id": "orphan", "first_name": "O"}, {"external_id": "survivor"}])
    merge(caller, pool, orphan="orphan", survivor="survivor")
    gone = export(caller, external_ids=["orphan"])
    track(caller, attributes=[{"external_id": "orphan", "last_name": "fresh"}])
    fresh = the_profile(caller, "orphan")
    redirects = connection.execute("SELECT external_id FROM redirect").fetchall()

    assert gone == []
    assert (fresh.get("first_name"), fresh["last_name"]) == (None, "fresh")
    assert the_profile(caller, "survivor")["first_name"] == "O"
    assert redirects == [{"external_id": None}]


def test_an_address_as_an_identifier_keeps_the_stored_spelling(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": "me", "email": "Alice@X.org", "phone": "+1 415 555 0100"}])
    track(caller, attributes=[{"email": "alice@x.org", "first_name": "A"}])
    track(caller, attributes=[{"phone": "+14155550100", "last_name": "B"}])
    profile = the_profile(caller)

    assert (profile["email"], profile["phone"]) == ("Alice@X.org", "+1 415 555 0100")
    assert (profile["first_name"], profile["last_name"]) == ("A", "B")


def test_the_last_of_several_profiles_created_by_one_call_is_the_newest(caller: Caller) -> None:
    names = [f"n{number}" for number in range(12)]
    aliases = [{"alias_label": "shop", "alias_name": name} for name in names]
    track(caller, attributes=[{"user_alias": alias, "_update_existing_only": False, **ALICE} for alias in aliases])
    track(caller, attributes=[{**ALICE, "first_name": "A"}])
    named = [user.get("first_name") for user in export(caller, user_aliases=aliases)]

    assert named == [None] * 11 + ["A"]
