"""`POST /users/external_ids/rename` and `/remove`: all requests resolve an old id until it is removed."""

from collections.abc import Callable
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from schemas.external_ids import DEPRECATED, IN_USE, NOT_DEPRECATED, PRIMARY, SAME, UNKNOWN
from schemas.placeholders import PLACEHOLDER
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, identified, merged, outcomes
from tests.support.postgres import make_database_url
from tests.support.profiles import NOON, Json, export, merge, the_profile, track

database_url = make_database_url(scope="module")


def pair(current: str, new: str) -> Json:
    return {"current_external_id": current, "new_external_id": new}


def post(caller: Caller, path: str, **body: Any) -> Json:
    """Return the response of an endpoint, which must accept the request."""
    response = caller.post(path, body)
    answer: Json = response.json

    assert response.status_code == 201, answer
    return answer


def rename(caller: Caller, *pairs: tuple[str, str]) -> Json:
    return post(caller, "/users/external_ids/rename", external_id_renames=[pair(*each) for each in pairs])


def remove(caller: Caller, *external_ids: str) -> Json:
    return post(caller, "/users/external_ids/remove", external_ids=list(external_ids))


def people(caller: Caller, *external_ids: str) -> None:
    """Make a profile for each of *external_ids*, with the id as its first name."""
    track(caller, attributes=[{"external_id": each, "first_name": each} for each in external_ids])


def braze_id(caller: Caller, external_id: str) -> str:
    return str(the_profile(caller, external_id)["braze_id"])


@pytest.fixture
def renamed(caller: Caller) -> str:
    """The braze_id of a profile that was renamed from `old` to `new`."""
    people(caller, "old")
    rename(caller, ("old", "new"))
    return braze_id(caller, "new")


def test_the_response_to_a_rename_matches_the_recorded_one_of_the_vendor(caller: Caller) -> None:
    people(caller, "abc")
    before = the_profile(caller, "abc")
    answer = rename(caller, ("abc", "foo"))
    after = the_profile(caller, "foo")

    assert answer == {"rename_errors": [], "external_ids": [pair("abc", "foo")], "message": "success"}
    assert after["updated_at"] > before["updated_at"]
    assert {**after, "external_id": "abc", "updated_at": before["updated_at"]} == before


def test_the_response_to_a_removal_matches_the_recorded_one_of_the_vendor(caller: Caller, renamed: str) -> None:
    answer = remove(caller, "old")

    assert answer == {"removed_ids": ["old"], "removal_errors": [], "message": "success"}
    assert export(caller, external_ids=["old"]) == []
    assert braze_id(caller, "new") == renamed


def test_an_export_by_the_old_id_contains_the_primary_one(caller: Caller, renamed: str) -> None:
    answer = post(caller, "/users/export/ids", external_ids=["old", "new", "nobody"])

    assert [(user["external_id"], user["braze_id"]) for user in answer["users"]] == [("new", renamed)]
    assert answer["invalid_user_ids"] == ["nobody"]


def test_objects_with_the_old_id_change_the_same_profile(caller: Caller, renamed: str) -> None:
    event = {"external_id": "old", "name": "login", "time": NOON}
    track(
        caller,
        attributes=[{"external_id": "old", "first_name": "Jane"}, {"external_id": "new", "last_name": "Doe"}],
        events=[event, {**event, "external_id": "new"}],
    )
    user = the_profile(caller, "new")

    assert (user["braze_id"], user["first_name"], user["last_name"]) == (renamed, "Jane", "Doe")
    assert user["custom_events"][0]["count"] == 2


def test_an_alias_for_the_old_id_belongs_to_the_same_profile(caller: Caller, renamed: str) -> None:
    alias = {"alias_label": "shop", "alias_name": "7"}
    post(caller, "/users/alias/new", user_aliases=[{"external_id": "old", **alias}])

    assert the_profile(caller, "new")["user_aliases"] == [alias]


def test_a_profile_is_found_by_each_of_its_earlier_ids(caller: Caller) -> None:
    people(caller, "a")
    rename(caller, ("a", "b"))
    rename(caller, ("b", "c"))

    assert {braze_id(caller, each) for each in "abc"} == {braze_id(caller, "c")}


def test_renames_of_one_request_see_earlier_renames(caller: Caller) -> None:
    people(caller, "a")
    answer = rename(caller, ("a", "b"), ("b", "c"))

    assert answer["external_ids"] == [pair("a", "b"), pair("b", "c")]
    assert the_profile(caller, "a")["external_id"] == "c"
    assert the_profile(caller, "b")["external_id"] == "c"


def test_the_response_gives_the_index_of_a_refused_rename_which_changes_nothing(caller: Caller, renamed: str) -> None:
    people(caller, "other")
    refused = [("old", "x"), ("nobody", "x"), ("new", "new"), ("new", "other"), ("other", "old")]
    answer = rename(caller, *refused, ("new", "newest"))

    assert answer == {
        "rename_errors": [[0, DEPRECATED], [1, UNKNOWN], [2, SAME], [3, IN_USE], [4, IN_USE]],
        "external_ids": [pair("new", "newest")],
        "message": "success",
    }
    assert braze_id(caller, "newest") == renamed
    assert the_profile(caller, "other")["first_name"] == "other"
    assert export(caller, external_ids=["x"]) == []


def test_a_profile_can_be_renamed_from_a_placeholder_but_not_to_one(
    caller: Caller, renamed: str, connection: Connection
) -> None:
    connection.execute("UPDATE profile SET external_id = 'null' WHERE braze_id = %s", [renamed])
    people(caller, "a")
    answer = rename(caller, ("a", " Undefined "), ("null", "b"))

    assert answer["rename_errors"] == [[0, f"'new_external_id' {PLACEHOLDER}"]]
    assert answer["external_ids"] == [pair("null", "b")]


def test_the_response_gives_the_index_of_an_invalid_rename(caller: Caller) -> None:
    people(caller, "a")
    answer = post(caller, "/users/external_ids/rename", external_id_renames=[{}, pair("a", "b")])

    assert answer["rename_errors"] == [[0, "'current_external_id' is required"]]
    assert answer["external_ids"] == [pair("a", "b")]


def test_a_request_whose_renames_are_all_refused_is_a_success_as_at_the_vendor(caller: Caller) -> None:
    answer = rename(caller, ("nobody", "x"))

    assert answer == {"rename_errors": [[0, UNKNOWN]], "external_ids": [], "message": "success"}


def test_only_deprecated_ids_are_removed(caller: Caller, renamed: str) -> None:
    answer = remove(caller, "new", "nobody", "old")

    assert answer == {
        "removed_ids": ["old"],
        "removal_errors": [[0, PRIMARY], [1, NOT_DEPRECATED]],
        "message": "success",
    }
    assert braze_id(caller, "new") == renamed


def test_a_removed_id_may_be_used_again(caller: Caller, renamed: str) -> None:
    remove(caller, "old")
    answer = rename(caller, ("new", "old"))
    people(caller, "fresh")

    assert answer["rename_errors"] == []
    assert {braze_id(caller, "old"), braze_id(caller, "new")} == {renamed}


def test_a_removed_id_creates_a_new_profile(caller: Caller, renamed: str) -> None:
    remove(caller, "old")
    people(caller, "old")

    assert braze_id(caller, "old") != renamed


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("rename", {}),
        ("rename", {"external_id_renames": []}),
        ("rename", {"external_id_renames": [pair("old", f"{number}") for number in range(51)]}),
        ("remove", {}),
        ("remove", {"external_ids": []}),
        ("remove", {"external_ids": ["old"] * 51}),
    ],
)
def test_a_body_without_one_to_fifty_is_refused(caller: Caller, renamed: str, path: str, body: Json) -> None:
    response = caller.post(f"/users/external_ids/{path}", body)

    assert response.status_code == 400
    assert "must be an array of 1 to 50" in response.json["message"]
    assert braze_id(caller, "old") == renamed


@pytest.mark.parametrize("path", ["rename", "remove"])
def test_a_key_without_the_permission_is_refused(make_caller: Callable[..., Caller], path: str) -> None:
    caller = make_caller(permissions=("users.track", "users.delete", "users.alias.update"))

    assert caller.post(f"/users/external_ids/{path}", {}).status_code == 403


def test_ids_of_another_workspace_are_not_changed(
    caller: Caller, make_caller: Callable[..., Caller], renamed: str
) -> None:
    other = make_caller()
    people(other, "new")

    assert rename(other, ("new", "old"))["rename_errors"] == []
    assert remove(other, "new")["removed_ids"] == ["new"]
    assert braze_id(caller, "old") == renamed


def test_a_merge_by_old_ids_merges_their_profiles(caller: Caller, pool: Pool, renamed: str) -> None:
    people(caller, "was")
    rename(caller, ("was", "is"))
    (job,) = merged(caller, pool, (ext("was"), ext("old")))

    assert job["outcome"] == "merged"
    assert job["survivor"] == {"braze_id": renamed, "external_id": "new"}
    assert job["orphan"]["external_id"] == "is"


def test_the_old_and_the_new_id_find_the_same_profile(caller: Caller, pool: Pool, renamed: str) -> None:
    assert outcomes(merged(caller, pool, (ext("old"), ext("new")))) == ["same_profile"]


def test_identify_with_an_old_id_merges_into_its_profile(caller: Caller, pool: Pool, renamed: str) -> None:
    alias = {"alias_label": "shop", "alias_name": "7"}
    post(caller, "/users/alias/new", user_aliases=[alias])
    (job,) = identified(caller, pool, aliases_to_identify=[{"external_id": "old", "user_alias": alias}])

    assert job["outcome"] == "merged"
    assert the_profile(caller, "new")["user_aliases"] == [alias]


def test_merges_by_an_orphans_old_id_find_its_survivor(caller: Caller, pool: Pool, renamed: str) -> None:
    people(caller, "keep", "third")
    merge(caller, pool, orphan="new", survivor="keep")
    jobs = merged(caller, pool, (ext("third"), ext("old")), (ext("old"), ext("keep")))

    assert outcomes(jobs) == ["merged", "already_merged"]
    assert jobs[0]["survivor"]["external_id"] == "keep"
    assert jobs[1]["orphan"]["braze_id"] == renamed
    assert export(caller, external_ids=["old"]) == []


def test_an_orphans_old_id_creates_a_new_profile(caller: Caller, pool: Pool, renamed: str) -> None:
    people(caller, "keep", "third")
    merge(caller, pool, orphan="new", survivor="keep")
    people(caller, "old")
    (job,) = merged(caller, pool, (ext("third"), ext("old")))

    assert the_profile(caller, "old")["first_name"] == "old"
    assert job["survivor"]["braze_id"] == braze_id(caller, "old")


@pytest.mark.parametrize("led_away", ["new", "old"])
def test_a_rename_to_an_id_of_an_orphan_ends_its_redirect(
    caller: Caller, pool: Pool, renamed: str, led_away: str
) -> None:
    people(caller, "keep", "third")
    merge(caller, pool, orphan="new", survivor="keep")
    answer = rename(caller, ("third", led_away))
    people(caller, "fourth")
    (job,) = merged(caller, pool, (ext("fourth"), ext(led_away)))

    assert answer["rename_errors"] == []
    assert job["survivor"]["braze_id"] == braze_id(caller, "third")


def test_an_orphans_old_id_can_be_removed(caller: Caller, pool: Pool, renamed: str) -> None:
    people(caller, "keep", "third")
    merge(caller, pool, orphan="new", survivor="keep")

    assert remove(caller, "old")["removed_ids"] == ["old"]
    assert outcomes(merged(caller, pool, (ext("third"), ext("old")))) == ["survivor_not_found"]


def guest(caller: Caller, name: str) -> Json:
    """Make a profile with only an alias, and return this identifier."""
    alias = {"alias_label": "guest", "alias_name": name}
    post(caller, "/users/alias/new", user_aliases=[alias])
    return {"user_alias": alias}


def test_old_ids_move_with_the_primary_one_to_the_survivor(caller: Caller, pool: Pool, renamed: str) -> None:
    (job,) = merged(caller, pool, (ext("old"), guest(caller, "g")))
    user = the_profile(caller, "old")

    assert job["outcome"] == "merged"
    assert user["external_id"] == "new"
    assert user["braze_id"] != renamed
    assert user["first_name"] == "old"


def test_old_ids_move_along_a_chain_of_one_lane_as_far_as_the_primary_one(
    caller: Caller, pool: Pool, renamed: str
) -> None:
    people(caller, "keep", "third")
    first, second = guest(caller, "g"), guest(caller, "h")
    chain = [(ext("old"), first), (ext("old"), second), (ext("new"), ext("keep")), (ext("third"), ext("old"))]
    jobs = merged(caller, pool, *chain)

    assert outcomes(jobs) == ["merged"] * 4
    assert jobs[3]["survivor"]["external_id"] == "keep"
    assert export(caller, external_ids=["old", "new"]) == []
    assert outcomes(merged(caller, pool, (ext("old"), ext("keep")))) == ["already_merged"]


def test_one_lane_has_the_same_effect_on_old_ids_as_single_lanes(
    caller: Caller, make_caller: Callable[..., Caller], pool: Pool, connection: Connection
) -> None:
    found = []
    for each, singly in ((caller, False), (make_caller(), True)):
        people(each, "a", "keep")
        rename(each, ("a", "b"))
        rename(each, ("b", "c"))
        chain = [
            (ext("a"), guest(each, "g")),
            (ext("b"), guest(each, "h")),
            (ext("a"), ext("keep")),
            (ext("b"), ext("keep")),
        ]
        batches = [[update] for update in chain] if singly else [chain]
        jobs = [job for batch in batches for job in merged(each, pool, *batch)]
        rows = connection.execute(
            """
            SELECT old.external_id, redirect.external_id AS of_orphan
            FROM deprecated_external_id AS old JOIN redirect ON redirect.orphan_id = old.profile_id
            WHERE old.workspace_id = %s ORDER BY 1
            """,
            [each.workspace_id],
        ).fetchall()
        found.append(([(job["outcome"], job["orphan"]["external_id"]) for job in jobs], rows))

    assert found[0] == found[1]
    assert found[0][1] == [{"external_id": "a", "of_orphan": "c"}, {"external_id": "b", "of_orphan": "c"}]


def test_an_old_id_deletes_its_profile(caller: Caller, renamed: str) -> None:
    answer = post(caller, "/users/delete", external_ids=["old"])

    assert answer == {"deleted": 1, "message": "success"}
    assert caller.get(f"/profiles/{renamed}").status_code == 404
    assert remove(caller, "old")["removed_ids"] == []
