"""`GET /identities` and `/survivors`: the feed of identity changes, and the current profile of an id."""

from itertools import pairwise
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.identities import feed, feed_page, number_all, survivors
from tests.support.lane_runs import ext, identified, merged, outcomes
from tests.support.profiles import the_profile, track
from tests.support.undos import merge_one, rename, undo_one

Json = dict[str, Any]

GUEST: Json = {"alias_label": "mail", "alias_name": "guest"}


def add(caller: Caller, *external_ids: str) -> list[str]:
    """Create profiles; return their braze_ids."""
    track(caller, attributes=[{"external_id": each, "colour": "red"} for each in external_ids])
    return [the_profile(caller, external_id=each)["braze_id"] for each in external_ids]


def delete(caller: Caller, *external_ids: str) -> None:
    response = caller.post("/users/delete", {"external_ids": list(external_ids)})

    assert response.status_code == 201, response.json


def survivor_of(caller: Caller, identifier: str) -> Json:
    """Return the response of the lookup of an id."""
    response = caller.get(f"/identities/{identifier}")
    found: Json = response.json

    assert response.status_code == 200, found
    return found


def ref(braze_id: str, external_id: str | None) -> Json:
    return {"braze_id": braze_id, "external_id": external_id}


def test_the_feed_has_each_kind_of_change_with_the_profiles_after_it(caller: Caller, pool: Pool) -> None:
    orphan, survivor, other = add(caller, "o", "s", "x")
    track(caller, attributes=[{"user_alias": GUEST, "colour": "red", "_update_existing_only": False}])
    (guest_job,) = identified(caller, pool, aliases_to_identify=[{"external_id": "g", "user_alias": GUEST}])
    guest = the_profile(caller, external_id="g")["braze_id"]
    job_id = merge_one(caller, pool, ext("o"), ext("s"))
    undo = undo_one(caller, pool, job_id)
    rename(caller, "s", "s2")
    caller.post("/users/external_ids/remove", {"external_ids": ["s"]})
    delete(caller, "x")
    number_all(pool, caller)

    changes = feed(caller)

    assert [each["number"] for each in changes] == [1, 2, 3, 4, 5, 6]
    assert [
        (each["kind"], each["orphan"], each["survivor"], each["former_external_id"], each["job_id"], each["undoes"])
        for each in changes
    ] == [
        ("identify", None, ref(guest, "g"), None, guest_job["job_id"], None),
        ("merge", ref(orphan, "o"), ref(survivor, "s"), None, job_id, None),
        ("undo", ref(orphan, "o"), ref(survivor, "s"), None, undo["job_id"], job_id),
        ("rename", None, ref(survivor, "s2"), "s", None, None),
        ("remove", None, ref(survivor, None), "s", None, None),
        ("delete", ref(other, None), None, None, None, None),
    ]


def test_the_feed_shows_an_external_id_that_moves_to_the_survivor_and_back(
    caller: Caller, pool: Pool, guest: Json
) -> None:
    add(caller, "o")

    undo_one(caller, pool, merge_one(caller, pool, ext("o"), {"user_alias": guest}))
    number_all(pool, caller)

    merge, undo = feed(caller)
    assert (merge["orphan"]["external_id"], merge["survivor"]["external_id"]) == ("o", "o")
    assert (undo["orphan"]["external_id"], undo["survivor"]["external_id"]) == ("o", None)


def test_the_undo_of_an_identification_has_the_former_external_id(caller: Caller, pool: Pool, guest: Json) -> None:
    (job,) = identified(caller, pool, aliases_to_identify=[{"external_id": "g", "user_alias": guest}])
    undo_one(caller, pool, job["job_id"])
    number_all(pool, caller)

    undo = feed(caller)[-1]
    assert (undo["kind"], undo["undoes"], undo["orphan"]) == ("undo", job["job_id"], None)
    assert (undo["survivor"]["external_id"], undo["former_external_id"]) == (None, "g")


def test_merges_of_one_lane_are_in_the_order_of_their_effects(caller: Caller, pool: Pool) -> None:
    names = [f"p{number}" for number in range(30)]
    add(caller, *names)
    pairs = [(ext(each), ext(following)) for each, following in pairwise(names)]

    assert set(outcomes(merged(caller, pool, *pairs))) == {"merged"}
    number_all(pool, caller)

    assert [each["orphan"]["external_id"] for each in feed(caller, limit=7)] == names[:-1]


def test_the_cursor_of_the_last_page_returns_later_changes(caller: Caller, pool: Pool) -> None:
    add(caller, "a", "b", "c")
    merge_one(caller, pool, ext("a"), ext("b"))
    number_all(pool, caller)
    page = feed_page(caller)

    assert (len(page["changes"]), page["has_more"]) == (1, False)
    assert feed_page(caller, cursor=page["next_cursor"]) == {**page, "changes": []}

    merge_one(caller, pool, ext("b"), ext("c"))
    number_all(pool, caller)
    later = feed_page(caller, cursor=page["next_cursor"])

    assert [each["number"] for each in later["changes"]] == [2]
    assert later["changes"][0]["cursor"] == later["next_cursor"]


def test_a_feed_without_changes_has_no_cursor(caller: Caller, pool: Pool) -> None:
    number_all(pool, caller)

    assert feed_page(caller) == {"changes": [], "next_cursor": None, "has_more": False}


@pytest.mark.parametrize("cursor", ["?", "AAAA", "é", "A" * 32, "", "-1"])
def test_an_invalid_cursor_is_refused(caller: Caller, cursor: str) -> None:
    for path in ("/identities", "/survivors"):
        response = caller.get(path, cursor=cursor)

        assert (response.status_code, response.json) == (
            400,
            {"message": "'cursor' must be the next_cursor of an earlier page"},
        )


def test_a_cursor_from_before_a_restore_of_an_older_backup_is_refused(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    add(caller, "a", "b", "c")
    merge_one(caller, pool, ext("a"), ext("b"))
    merge_one(caller, pool, ext("b"), ext("c"))
    number_all(pool, caller)
    first, second = feed(caller)
    # The backup had one change, and another one follows.
    scope = {"id": caller.workspace_id}
    connection.execute("DELETE FROM identity_change WHERE workspace_id = %(id)s AND number = 2", scope)
    connection.execute("UPDATE identity_feed SET last_number = 1 WHERE workspace_id = %(id)s", scope)

    response = caller.get("/identities", cursor=second["cursor"])

    assert response.status_code == 410
    assert "change 2, which this feed does not have: the database was restored" in response.json["message"]
    assert feed(caller, cursor=first["cursor"]) == []


def test_a_cursor_is_refused_if_changes_after_it_were_deleted(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    add(caller, "a", "b", "c", "d")
    for orphan, survivor in (("a", "b"), ("b", "c"), ("c", "d")):
        merge_one(caller, pool, ext(orphan), ext(survivor))
    number_all(pool, caller)
    first, second, third = feed(caller)
    scope = {"id": caller.workspace_id}
    connection.execute("DELETE FROM identity_change WHERE workspace_id = %(id)s AND number <= 2", scope)

    response = caller.get("/identities", cursor=first["cursor"])

    assert response.status_code == 410
    assert "up to number 2. They are kept for MERGELANE_IDENTITY_DAYS" in response.json["message"]
    assert feed(caller, cursor=second["cursor"]) == [third]


def test_a_deletion_erases_external_ids_of_earlier_changes_but_no_braze_ids(caller: Caller, pool: Pool) -> None:
    first, second, _, _ = add(caller, "a", "b", "c", "d")
    merge_one(caller, pool, ext("a"), ext("b"))
    merge_one(caller, pool, ext("c"), ext("d"))
    rename(caller, "b", "b2")
    number_all(pool, caller)
    delete(caller, "b2")

    # The deletion erases them immediately, before the relay numbers it.
    mine = [each for each in feed(caller) if each["number"] != 2]
    assert [(each["number"], each["kind"]) for each in mine] == [(1, "merge"), (3, "rename")]
    number_all(pool, caller)
    merge, others, renamed, deletion = feed(caller)

    assert (merge["orphan"], merge["survivor"]) == (ref(first, None), ref(second, None))
    assert (renamed["survivor"], renamed["former_external_id"]) == (ref(second, None), None)
    assert (deletion["kind"], deletion["orphan"], deletion["survivor"]) == ("delete", ref(second, None), None)
    assert (others["orphan"]["external_id"], others["survivor"]["external_id"]) == ("c", "d")


def test_changes_numbered_after_a_deletion_have_no_external_id(caller: Caller, pool: Pool) -> None:
    add(caller, "a", "b", "c")
    merge_one(caller, pool, ext("a"), ext("b"))
    merge_one(caller, pool, ext("b"), ext("c"))
    # The record of an orphan; the survivor keeps its values.
    delete(caller, "b")
    number_all(pool, caller)

    names = [
        (each["orphan"]["external_id"], each["survivor"] and each["survivor"]["external_id"]) for each in feed(caller)
    ]
    assert names == [(None, None)] * 3


def test_the_lookup_of_an_id_returns_its_current_survivor(caller: Caller, pool: Pool) -> None:
    a, b, c = add(caller, "a", "b", "c")
    merge_one(caller, pool, ext("a"), ext("b"))
    merge_one(caller, pool, ext("b"), ext("c"))
    rename(caller, "c", "c/2 é")
    now = ref(c, "c/2 é")

    assert {each: survivor_of(caller, each) for each in ("a", "b", "c", "c/2 é", a, c)} == {
        "a": {"id": "a", "id_type": "external_id", "state": "merged", "survivor": now},
        "b": {"id": "b", "id_type": "external_id", "state": "merged", "survivor": now},
        "c": {"id": "c", "id_type": "external_id", "state": "renamed", "survivor": now},
        "c/2 é": {"id": "c/2 é", "id_type": "external_id", "state": "current", "survivor": now},
        a: {"id": a, "id_type": "braze_id", "state": "merged", "survivor": now},
        c: {"id": c, "id_type": "braze_id", "state": "current", "survivor": now},
    }
    delete(caller, "c/2 é")
    number_all(pool, caller)

    for each in (a, b, c):
        assert survivor_of(caller, each) == {"id": each, "id_type": "braze_id", "state": "deleted", "survivor": None}
    assert caller.get("/identities/a").status_code == 404


@pytest.mark.parametrize("identifier", ["nobody", "%00", "x" * 988, "%ff", "0" * 24])
def test_an_id_that_no_profile_had_gets_404(caller: Caller, identifier: str) -> None:
    response = caller.get(f"/identities/{identifier}")

    assert response.status_code == 404
    assert response.json["message"].startswith("No profile of the key's workspace has or had this id")


def test_the_list_of_survivors_has_every_id_once_and_agrees_with_the_lookup(caller: Caller, pool: Pool) -> None:
    add(caller, "a", "b", "c", "d", "e", "f")
    gone, survivor = add(caller, "g", "h")
    merge_one(caller, pool, ext("a"), ext("b"))
    merge_one(caller, pool, ext("b"), ext("c"))
    undo_one(caller, pool, merge_one(caller, pool, ext("d"), ext("e")))
    rename(caller, "e", "e2")
    merge_one(caller, pool, ext("g"), ext("h"))
    delete(caller, "h")
    number_all(pool, caller)

    listed = survivors(caller, limit=2)

    assert len({(each["id_type"], each["id"]) for each in listed}) == len(listed)
    assert {each["id"] for each in listed if each["id_type"] == "external_id"} == {*"abcdef", "e2"}
    assert {each["id"] for each in listed if each["state"] == "deleted"} == {gone, survivor}
    known = [{name: each[name] for name in ("id", "id_type", "state", "survivor")} for each in listed]
    assert known == [survivor_of(caller, each["id"]) for each in listed]
    profiles = {each["id"]: each["braze_id"] for each in listed}
    parents = {each["id"]: profiles.get(each["merged_into"]) for each in listed if each["merged_into"]}
    assert parents == {each: profiles[into] for own, into in (("a", "b"), ("b", "c")) for each in (own, profiles[own])}


def test_a_stranger_cannot_read_the_feed(caller: Caller, make_caller: Any, pool: Pool) -> None:
    braze_id, _ = add(caller, "a", "b")
    merge_one(caller, pool, ext("a"), ext("b"))
    number_all(pool, caller)
    cursor = feed_page(caller)["next_cursor"]
    stranger = make_caller()

    assert feed(stranger) == survivors(stranger) == []
    assert stranger.get(f"/identities/{braze_id}").status_code == 404
    assert stranger.get("/identities", cursor=cursor).status_code == 410


def test_the_feed_needs_its_permission(make_caller: Any) -> None:
    reader, other = make_caller(permissions=("identities.read",)), make_caller(permissions=("audit.read",))

    for path in ("/identities", "/survivors"):
        assert reader.get(path).status_code == 200
        assert other.get(path).status_code == 403
    assert other.get("/identities/a").status_code == 403
