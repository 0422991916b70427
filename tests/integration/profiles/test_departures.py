"""Writes by identifiers whose profile was merged away or deleted have no effect, and the warning names the survivor."""

from typing import Any

import pytest

from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, merged, outcomes, run_jobs
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, Json, export, merge, the_profile, track

database_url = make_database_url(scope="module")

NEVER = "0" * 24
#: One object for each array of `/users/track`, without an identifier.
OBJECTS: dict[str, Json] = {
    "attributes": {"first_name": "Eve"},
    "events": {"name": "login", "time": NOON},
    "purchases": {"product_id": "hat", "currency": "USD", "price": 5, "time": NOON},
    "sessions": {"app_id": "ios", "started_at": NOON},
    "engagements": {"kind": "canvas", "id": "v", "event": "received", "time": NOON},
}
SHOP_O = {"alias_label": "shop", "alias_name": "o"}


def merged_into(survivor: str, effect: str = "the object had no effect", kind: str = "braze_id") -> str:
    return (
        f"The profile with this {kind} was merged away and is now part of profile {survivor}, so {effect}. Send the"
        " braze_id of that profile instead."
    )


def ids(caller: Caller, *names: str) -> list[str]:
    """Return the braze_ids of new profiles with the external_ids *names*."""
    track(caller, attributes=[{"external_id": name} for name in names])
    return [the_profile(caller, name)["braze_id"] for name in names]


def every_array(braze_id: str) -> Json:
    return {array: [{"braze_id": braze_id, **each}] for array, each in OBJECTS.items()}


def sentences(answer: Json) -> list[str]:
    return [each["type"] for each in answer["warnings"]]


def test_writes_by_a_merged_away_braze_id_name_the_survivor_and_are_not_counted(caller: Caller, pool: Pool) -> None:
    orphan, survivor = ids(caller, "o18", "s18")
    merge(caller, pool, orphan="o18", survivor="s18")
    before = the_profile(caller, "s18")
    answer = track(caller, **every_array(orphan))

    assert {name: answer[f"{name}_processed"] for name in OBJECTS} == dict.fromkeys(OBJECTS, 0)
    assert answer["warnings"] == [{"type": merged_into(survivor), "input_array": name, "index": 0} for name in OBJECTS]
    assert "errors" not in answer
    assert the_profile(caller, "s18") == before


def test_objects_of_existing_profiles_in_the_same_request_are_counted(caller: Caller, pool: Pool) -> None:
    orphan, survivor = ids(caller, "o", "s")
    merge(caller, pool, orphan="o", survivor="s")
    objects = [{"braze_id": each, **OBJECTS["events"]} for each in (orphan, survivor, NEVER, survivor.upper())]
    answer = track(caller, events=objects)

    assert answer["events_processed"] == 2
    assert [(each["index"], each["type"]) for each in answer["warnings"]] == [
        (0, merged_into(survivor)),
        (2, "No profile has this braze_id, so the object had no effect."),
    ]
    assert the_profile(caller, "s")["custom_events"][0]["count"] == 2


def test_a_chain_of_merges_leads_to_the_last_survivor(caller: Caller, pool: Pool) -> None:
    first, second, _, last = ids(caller, "a", "b", "c", "d")
    jobs = merged(caller, pool, (ext("a"), ext("b")), (ext("b"), ext("c")), (ext("c"), ext("d")))
    answer = track(caller, attributes=[{"braze_id": each, "first_name": "Eve"} for each in (first, second)])

    assert outcomes(jobs) == ["merged"] * 3
    assert sentences(answer) == [merged_into(last)] * 2


def test_a_survivor_that_was_deleted_later_is_reported(caller: Caller, pool: Pool) -> None:
    first, second, last = ids(caller, "a", "b", "c")
    merge(caller, pool, orphan="a", survivor="b")
    merge(caller, pool, orphan="b", survivor="c")
    caller.post("/users/delete", {"external_ids": ["c"]})
    answer = track(caller, attributes=[{"braze_id": each, "first_name": "Eve"} for each in (first, second, last)])
    gone = (
        "The profile with this braze_id was merged away, and its survivor was deleted later, so the object had no"
        " effect."
    )

    assert answer["attributes_processed"] == 0
    assert sentences(answer) == [gone, gone, "The profile with this braze_id was deleted, so the object had no effect."]


def test_a_restored_orphan_accepts_writes_again(caller: Caller, pool: Pool) -> None:
    orphan, _ = ids(caller, "a", "b")
    (job,) = merged(caller, pool, (ext("a"), ext("b")))
    undo = caller.post(f"/merge/jobs/{job['job_id']}/undo").json
    run_jobs(caller, pool, undo)
    answer = track(caller, attributes=[{"braze_id": orphan, "first_name": "Eve"}])

    assert answer == {"message": "success", "attributes_processed": 1}


def test_the_warning_names_no_profile_of_another_workspace(caller: Caller, make_caller: Any, pool: Pool) -> None:
    orphan, _ = ids(caller, "a", "b")
    merge(caller, pool, orphan="a", survivor="b")
    answer = track(make_caller(), attributes=[{"braze_id": orphan, "first_name": "Eve"}])

    assert sentences(answer) == ["No profile has this braze_id, so the object had no effect."]


def test_an_external_id_that_may_create_no_profile_names_the_survivor(caller: Caller, pool: Pool) -> None:
    _, survivor = ids(caller, "a", "b")
    caller.post(
        "/users/external_ids/rename", {"external_id_renames": [{"current_external_id": "a", "new_external_id": "a2"}]}
    )
    merge(caller, pool, orphan="a2", survivor="b")
    objects = [{"external_id": each, "_update_existing_only": True, "first_name": "Eve"} for each in ("a", "a2")]
    answer = track(caller, attributes=objects)

    assert answer["attributes_processed"] == 0
    assert sentences(answer) == [merged_into(survivor, kind="external_id")] * 2


def test_a_new_alias_is_added_to_the_profile_with_a_braze_id(caller: Caller) -> None:
    (braze_id,) = ids(caller, "me")
    answer = caller.post("/users/alias/new", {"user_aliases": [{"braze_id": braze_id.upper(), **SHOP_O}]}).json

    assert answer == {"aliases_processed": 1, "message": "success"}
    assert the_profile(caller)["user_aliases"] == [SHOP_O]


def test_a_new_alias_for_a_merged_away_braze_id_is_not_added(caller: Caller, pool: Pool) -> None:
    orphan, survivor = ids(caller, "a", "b")
    merge(caller, pool, orphan="a", survivor="b")
    owners: list[Json] = [{"braze_id": orphan}, {"braze_id": NEVER}, {"external_id": "a"}, {"external_id": "b"}]
    objects = [{**owner, "alias_label": "shop", "alias_name": f"n{place}"} for place, owner in enumerate(owners)]
    answer = caller.post("/users/alias/new", {"user_aliases": objects}).json

    # An unknown external_id counts, as at the vendor.
    assert answer["aliases_processed"] == 2
    assert sentences(answer) == [
        merged_into(survivor, "the alias was not added"),
        "No profile has this braze_id, so the alias was not added.",
        merged_into(survivor, "the alias was not added", kind="external_id"),
    ]
    assert [each["user_aliases"] for each in export(caller, external_ids=["b"])] == [
        [{"alias_label": "shop", "alias_name": "n3"}]
    ]
    assert export(caller, user_aliases=[{"alias_label": "shop", "alias_name": f"n{place}"} for place in range(3)]) == []


def test_aliases_for_unknown_braze_ids_alone_are_a_success_without_effect(
    caller: Caller, connection: Connection
) -> None:
    response = caller.post("/users/alias/new", {"user_aliases": [{"braze_id": NEVER, **SHOP_O}]})
    found = connection.execute("SELECT count(*) AS n FROM profile WHERE workspace_id = %s", [caller.workspace_id])

    assert (response.status_code, response.json["aliases_processed"]) == (201, 0)
    assert response.json["message"] == "success"
    assert found.fetchone() == {"n": 0}


@pytest.mark.parametrize("braze_id", ["x", 7, "0" * 23])
def test_an_ill_formed_braze_id_of_a_new_alias_is_refused(caller: Caller, braze_id: object) -> None:
    response = caller.post("/users/alias/new", {"user_aliases": [{"braze_id": braze_id, **SHOP_O}]})

    assert response.status_code == 400
    assert response.json["errors"][0]["type"].startswith("'braze_id' must be")


def test_a_deletion_by_a_merged_away_braze_id_does_not_count(caller: Caller, pool: Pool) -> None:
    orphan, survivor = ids(caller, "a", "b")
    merge(caller, pool, orphan="a", survivor="b")
    answer = caller.post("/users/delete", {"braze_ids": [NEVER, orphan]}).json
    both = caller.post("/users/delete", {"braze_ids": [orphan, survivor]}).json
    again = caller.post("/users/delete", {"braze_ids": [orphan, survivor]}).json

    assert answer["deleted"] == 0
    assert [(each["index"], each["type"]) for each in answer["warnings"]] == [
        (0, "No profile has this braze_id, so nothing was deleted."),
        (1, merged_into(survivor, "no profile was deleted")),
    ]
    assert (both["deleted"], sentences(both)) == (1, [merged_into(survivor, "no profile was deleted")])
    assert again["deleted"] == 0
    assert sentences(again) == ["The profile with this braze_id was deleted, so no profile was deleted."] * 2
    assert export(caller, external_ids=["b"]) == []


@pytest.mark.parametrize("named", [{"external_id": "a"}, {"user_alias": SHOP_O}])
def test_an_alias_that_a_merge_dropped_names_the_survivor(caller: Caller, pool: Pool, named: Json) -> None:
    _, survivor = ids(caller, "a", "b")
    other = {**SHOP_O, "alias_label": "other"}
    owned = [{"external_id": "a", **SHOP_O}, {"external_id": "b", **SHOP_O, "alias_name": "own"}]
    caller.post("/users/alias/new", {"user_aliases": owned})
    merged(caller, pool, (named, ext("b")))
    rename = {"alias_label": "shop", "old_alias_name": "o", "new_alias_name": "p"}
    aliases = [SHOP_O, other, {**SHOP_O, "alias_name": "O"}]
    tracked = track(caller, attributes=[{"user_alias": each, "first_name": "Eve"} for each in aliases])
    deleted = caller.post("/users/delete", {"user_aliases": [SHOP_O]}).json
    renamed = caller.post("/users/alias/update", {"alias_updates": [rename]}).json

    def sentence(effect: str) -> str:
        clause = f"The profile with this alias was merged away and is now part of profile {survivor}"
        return f"{clause}, which does not have the alias, so {effect}. Send the braze_id of that profile instead."

    assert tracked["attributes_processed"] == 0
    assert sentences(tracked)[0] == sentence("the object had no effect")
    assert [each.startswith("No profile has this alias,") for each in sentences(tracked)] == [False, True, True]
    assert (deleted["deleted"], sentences(deleted)) == (1, [sentence("no profile was deleted")])
    assert (renamed["aliases_processed"], sentences(renamed)) == (1, [sentence("it was not renamed")])
