"""The `/duplicates/exclusions` endpoints, and exclusions that undos create."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext
from tests.support.profiles import the_profile, track
from tests.support.undos import merge_one, undo_one

Json = dict[str, Any]

PATH = "/duplicates/exclusions"
ELSEWHERE = "01a202b7-0c65-769b-9741-1871039b8b20"
UNKNOWN = "0" * 24


@pytest.fixture
def twins(caller: Caller) -> tuple[str, str]:
    """The braze_ids of two profiles with one email address."""
    for each in ("ada", "eve"):
        track(caller, attributes=[{"external_id": each, "email": "ada@x.org"}])
    one, other = (the_profile(caller, each)["braze_id"] for each in ("ada", "eve"))
    return one, other


def exclusion(*profiles: Json, **more: Any) -> Json:
    return {"exclusions": [{"profiles": list(profiles), **more}]}


ADA, EVE = {"external_id": "ada"}, {"external_id": "eve"}


def listed(caller: Caller) -> list[Json]:
    response = caller.get(PATH)
    assert response.status_code == 200, response.text
    exclusions: list[Json] = (response.json or {})["exclusions"]
    return exclusions


def to_merge(caller: Caller) -> int:
    counts: Json = (caller.get("/duplicates/preview", resolve_ties_by="created").json or {})["counts"]
    return int(counts["to_merge"])


def sides(each: Json) -> set[str]:
    return {profile["braze_id"] for profile in each["profiles"]}


def test_an_excluded_pair_is_stored_once_in_any_order_and_can_be_allowed_again(
    caller: Caller, twins: tuple[str, str]
) -> None:
    first = caller.post(PATH, exclusion(ADA, {"braze_id": twins[1].upper()}, reason="mother and daughter"))
    again = caller.post(PATH, exclusion(EVE, ADA))

    assert first.status_code == again.status_code == 201, first.text
    (stored,) = (first.json or {})["exclusions"]
    assert (again.json or {})["exclusions"] == [stored] == listed(caller)
    assert sides(stored) == set(twins)
    assert [each["merged_into"] for each in stored["profiles"]] == [None, None]
    assert stored["reason"] == "mother and daughter"
    assert stored["key"] == {"id": str(caller.key_id), "label": "test"}
    assert stored["undo_job_id"] is None
    assert to_merge(caller) == 0

    deleted = caller.delete(f"{PATH}/{stored['exclusion_id']}")
    assert (deleted.status_code, deleted.json) == (200, {"message": "success"})
    assert listed(caller) == []
    assert to_merge(caller) == 1
    assert caller.delete(f"{PATH}/{stored['exclusion_id']}").status_code == 404


def test_the_audit_has_the_reason_and_the_key_under_each_profile_until_one_is_deleted(
    caller: Caller, twins: tuple[str, str]
) -> None:
    stored = (caller.post(PATH, exclusion(ADA, EVE, reason="twins")).json or {})["exclusions"][0]
    caller.post(PATH, exclusion(ADA, EVE, reason="again"))
    caller.delete(f"{PATH}/{stored['exclusion_id']}")

    for own, other in (twins, twins[::-1]):
        entries = (caller.get("/audit", identifier=own, include="images").json or {})["entries"]
        assert [entry["action"] for entry in entries] == ["allow", "exclude"]
        assert {entry["key"]["id"] for entry in entries} == {str(caller.key_id)}
        assert {entry["profile"]["braze_id"] for entry in entries} == {own}
        assert {entry["source"]["braze_id"] for entry in entries} == {other}
        assert [entry["changes"][0]["after"] for entry in entries] == [None, {"reason": "twins"}]
    caller.post("/users/delete", {"external_ids": ["eve"]})

    for action in ("exclude", "allow"):
        entries = (caller.get("/audit", action=action, include="images").json or {})["entries"]
        assert [(entry["erased"], entry["changes"]) for entry in entries] == [(True, [])] * 2


def test_exclusions_are_listed_newest_first_page_by_page(caller: Caller) -> None:
    track(caller, attributes=[{"external_id": each} for each in "abcd"])
    for other in "bcd":
        assert caller.post(PATH, exclusion({"external_id": "a"}, {"external_id": other})).status_code == 201
    everything = listed(caller)
    first = caller.get(PATH, limit=2).json or {}
    second = caller.get(PATH, limit=2, cursor=first["next_cursor"]).json or {}

    assert len(everything) == 3
    assert first["exclusions"] + second["exclusions"] == everything
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ([], 400, "The request body must be a JSON object."),
        ({}, 400, "'exclusions' must be an array of 1 to 50 objects"),
        ({"exclusions": []}, 400, "'exclusions' must be an array of 1 to 50 objects"),
        ({"exclusions": [exclusion(ADA, EVE)["exclusions"][0]] * 51}, 400, "an array of 1 to 50 objects"),
        ({"exclusions": [7]}, 400, "'exclusions.0' must be an object"),
        (exclusion(ADA), 400, "'exclusions.0.profiles' must be an array of two objects"),
        (exclusion(ADA, EVE, ADA), 400, "'exclusions.0.profiles' must be an array of two objects"),
        (exclusion(ADA, {}), 400, "must have exactly one of 'external_id', 'user_alias' and 'braze_id'"),
        (exclusion(ADA, {**EVE, "braze_id": UNKNOWN}), 400, "must have exactly one of"),
        (exclusion(ADA, EVE, reason="x" * 501), 400, "'exclusions.0.reason' may not be longer than 500 characters"),
        (exclusion(ADA, EVE, why="x"), 400, "'exclusions.0.why' is no key of this object"),
        (exclusion(ADA, ADA), 400, "'exclusions.0.profiles' name one profile twice"),
        (exclusion(ADA, {"braze_id": UNKNOWN}), 404, "'exclusions.0.profiles.1' names no profile"),
        (
            exclusion({"user_alias": {"alias_label": "shop", "alias_name": "7"}}, ADA),
            404,
            "'exclusions.0.profiles.0' names no profile: no live profile has this alias.",
        ),
    ],
)
def test_a_request_that_does_not_name_two_profiles_is_refused(
    caller: Caller, twins: tuple[str, str], body: Any, status: int, sentence: str
) -> None:
    response = caller.post(PATH, body)

    assert response.status_code == status, response.text
    assert sentence in (response.json or {})["message"]
    assert listed(caller) == []


def test_changing_exclusions_needs_the_permission_duplicates_exclude(make_caller: Callable[..., Caller]) -> None:
    reader = make_caller(permissions=("duplicates.run",))
    writer = make_caller(permissions=("duplicates.exclude",))

    assert reader.get(PATH).status_code == writer.get(PATH).status_code == 200
    assert reader.post(PATH, exclusion(ADA, EVE)).status_code == 403
    assert reader.delete(f"{PATH}/{ELSEWHERE}").status_code == 403
    assert writer.post(PATH, exclusion(ADA, EVE)).status_code == 404
    assert writer.delete(f"{PATH}/{ELSEWHERE}").status_code == 404


def test_concurrent_requests_store_a_pair_once(caller: Caller, twins: tuple[str, str]) -> None:
    with ThreadPoolExecutor(8) as threads:
        bodies = [exclusion(ADA, EVE), exclusion(EVE, ADA)] * 4
        answers = list(threads.map(lambda body: caller.post(PATH, body), bodies))

    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json for answer in answers] == [{"exclusions": listed(caller)}] * 8
    assert len(listed(caller)) == 1


def test_an_undo_excludes_its_pair(caller: Caller, pool: Pool, twins: tuple[str, str]) -> None:
    undone = undo_one(caller, pool, merge_one(caller, pool, ext("ada"), ext("eve")))
    (stored,) = listed(caller)

    assert sides(stored) == set(twins)
    assert stored["undo_job_id"] == undone["job_id"]
    assert (stored["key"], stored["reason"]) == (None, None)
    assert to_merge(caller) == 0
    # An explicit merge ignores the exclusion. Its undo does not exclude the pair again.
    undo_one(caller, pool, merge_one(caller, pool, ext("eve"), ext("ada")))
    assert listed(caller) == [stored]


def test_an_explicit_merge_of_an_excluded_pair_succeeds_with_a_warning(
    caller: Caller, pool: Pool, twins: tuple[str, str]
) -> None:
    track(caller, attributes=[{"external_id": "kim"}])
    caller.post(PATH, exclusion(ADA, EVE))
    updates = [{"identifier_to_merge": {"external_id": each}, "identifier_to_keep": ADA} for each in ("kim", "eve")]
    previewed = caller.post("/users/merge/preview", {"merge_updates": updates}).json or {}
    merge_id = merge_one(caller, pool, ext("eve"), ext("ada"))
    job = caller.get(f"/merge/jobs/{merge_id}").json or {}

    assert ["warnings" in each for each in previewed["updates"]] == [False, True]
    assert [each["outcome"] for each in previewed["updates"]] == ["merged", "merged"]
    assert job["outcome"] == "merged"
    assert job["warnings"] == previewed["updates"][1]["warnings"]
    (warning,) = job["warnings"]
    assert "recorded as not a match" in warning
    assert (caller.get("/merge/jobs").json or {})["jobs"][0]["warnings"] == job["warnings"]
    assert (caller.get("/merge/jobs", identifier="eve").json or {})["jobs"][0]["warnings"] == job["warnings"]
    batch = caller.get(f"/merge/batches/{job['batch_id']}").json or {}
    assert batch["jobs"][0]["warnings"] == job["warnings"]


def test_a_merge_before_its_undo_has_no_warning(caller: Caller, pool: Pool, twins: tuple[str, str]) -> None:
    merge_id = merge_one(caller, pool, ext("ada"), ext("eve"))
    undo_one(caller, pool, merge_id)

    assert "warnings" not in (caller.get(f"/merge/jobs/{merge_id}").json or {})


def test_an_exclusion_shows_the_profile_that_a_side_was_merged_into(
    caller: Caller, pool: Pool, twins: tuple[str, str]
) -> None:
    track(caller, attributes=[{"external_id": "kim", "email": "ada@x.org"}])
    kim = the_profile(caller, "kim")["braze_id"]
    caller.post(PATH, exclusion(ADA, EVE))
    merge_id = merge_one(caller, pool, ext("eve"), ext("kim"))
    (stored,) = listed(caller)

    assert {each["braze_id"]: each["merged_into"] for each in stored["profiles"]} == {twins[0]: None, twins[1]: kim}
    assert to_merge(caller) == 0
    undo_one(caller, pool, merge_id)
    assert to_merge(caller) == 1


def test_a_deletion_erases_the_exclusions_of_a_profile(caller: Caller, pool: Pool, twins: tuple[str, str]) -> None:
    track(caller, attributes=[{"external_id": "kim"}])
    caller.post(PATH, exclusion(ADA, EVE))
    merge_one(caller, pool, ext("eve"), ext("kim"))
    caller.post("/users/delete", {"external_ids": ["kim"]})

    assert listed(caller) == []
