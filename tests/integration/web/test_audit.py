"""The audit: every merge, identification, undo, deletion and change of an external_id, once, with all that is known."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from app.audit.snapshots import exported_fields
from app.db.connections import Pool
from app.db.transaction import Transaction
from app.ledger import identifier_lists
from app.merging.profile import Profile
from app.profiles.store import load_profiles
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, identified, merged
from tests.support.profiles import the_profile, track
from tests.support.undos import merge_one, rename, undo_one

Json = dict[str, Any]

ALIAS = {"alias_label": "mail", "alias_name": "guest"}


def audit(caller: Caller, **query: Any) -> list[Json]:
    """Return a page of the audit."""
    response = caller.get("/audit", **query)
    assert response.status_code == 200, response.json
    entries: list[Json] = response.json["entries"]
    return entries


def whole(caller: Caller, **query: Any) -> list[Json]:
    """Return a page of the audit with images."""
    return audit(caller, include="images", **query)


def people(caller: Caller, *external_ids: str) -> None:
    """Make people, each with a first name of their own and an email."""
    track(
        caller,
        attributes=[
            {"external_id": each, "first_name": each.title(), "email": f"{each}@x.org", "plan": "gold"}
            for each in external_ids
        ],
    )


def profile(pool: Pool, caller: Caller, external_id: str) -> Profile:
    """Return the current profile with *external_id*."""
    with pool.connection() as connection, connection.transaction():
        connection.execute(f"SET LOCAL mergelane.workspace_id = {caller.workspace_id}")  # type: ignore[arg-type]
        query = "SELECT id FROM profile WHERE workspace_id = %s AND external_id = %s"
        (row,) = connection.execute(query, [caller.workspace_id, external_id]).fetchall()
        return load_profiles(Transaction(connection, caller.workspace_id), ids=[row["id"]])[row["id"]]


def delete(caller: Caller, **identifiers: Any) -> None:
    """Delete people."""
    assert caller.post("/users/delete", identifiers, headers={"X-Request-Id": "the-deletion"}).status_code == 201


def test_the_entry_of_a_merge_has_the_key_the_time_and_both_profiles_before_and_after(
    caller: Caller, pool: Pool
) -> None:
    people(caller, "a", "b")
    track(caller, attributes=[{"external_id": "a", "last_name": "Orphan", "size": 7}])
    track(caller, events=[{"external_id": each, "name": "login", "time": "2026-03-01T08:00:00Z"} for each in "ab"])
    orphan, survivor = profile(pool, caller, "a"), profile(pool, caller, "b")
    began = datetime.now(UTC) - timedelta(milliseconds=1)
    job_id = merge_one(caller, pool, ext("a"), ext("b"))

    (entry,) = whole(caller)

    assert entry["action"] == "merge"
    assert entry["id"] == entry["job_id"] == job_id
    assert entry["key"] == {"id": str(caller.key_id), "label": "test"}
    assert entry["path"] == "/users/merge"
    assert entry["outcome"] == "merged"
    assert entry["orphan"] == {"braze_id": orphan.braze_id, "external_id": "a"}
    assert entry["survivor"] == {"braze_id": survivor.braze_id, "external_id": "b"}
    assert began <= datetime.fromisoformat(entry["requested_at"]) <= datetime.now(UTC)
    assert began <= datetime.fromisoformat(entry["at"]) <= datetime.now(UTC)
    assert entry["before"] == {"orphan": exported_fields(orphan), "survivor": exported_fields(survivor)}
    assert entry["after"] == {"survivor": exported_fields(profile(pool, caller, "b"))}
    assert entry["after"]["survivor"]["custom_events.login.count"] == 2
    assert {change["field"]: change["rule"] for change in entry["changes"]}["last_name"] == "fill"
    assert entry["erased"] is False


def test_the_entry_of_an_undo_follows_that_of_its_merge(
    caller: Caller, make_caller: Callable[..., Caller], pool: Pool
) -> None:
    people(caller, "a", "b")
    track(caller, attributes=[{"external_id": "a", "last_name": "Orphan"}])
    merge_id = merge_one(caller, pool, ext("a"), ext("b"))
    other = make_caller(workspace=caller.workspace)
    undo = undo_one(other, pool, merge_id)

    told, merge = whole(caller)

    assert (told["action"], told["outcome"], told["undoes"]) == ("undo", "undone", merge_id)
    assert (merge["action"], merge["undone_by"]) == ("merge", undo["job_id"])
    assert told["key"]["id"] == str(other.key_id)
    assert told["before"] == {"survivor": {"last_name": "Orphan"}}
    assert told["after"] == {"survivor": {"last_name": None}}
    assert told["changes"] == undo["changes"]
    assert [each["id"] for each in audit(caller, job_id=merge_id)] == [told["id"], merge_id]
    assert [each["id"] for each in audit(caller, job_id=told["id"])] == [told["id"]]


def test_an_identification_has_an_entry(caller: Caller, pool: Pool) -> None:
    track(caller, attributes=[{"user_alias": ALIAS, "first_name": "Guest", "_update_existing_only": False}])
    (done,) = identified(caller, pool, aliases_to_identify=[{"external_id": "ada", "user_alias": ALIAS}])

    (entry,) = whole(caller)

    assert done["outcome"] == "identified"
    assert (entry["action"], entry["path"]) == ("identify", "/users/identify")
    assert entry["profile"]["braze_id"] == the_profile(caller, "ada")["braze_id"]
    assert entry["before"] == {"profile": {"external_id": None}}
    assert entry["after"] == {"profile": {"external_id": "ada"}}


def test_a_merge_requested_through_identify_has_the_action_merge(caller: Caller, pool: Pool) -> None:
    people(caller, "ada")
    track(caller, attributes=[{"user_alias": ALIAS, "last_name": "Guest", "_update_existing_only": False}])
    identified(caller, pool, aliases_to_identify=[{"external_id": "ada", "user_alias": ALIAS}])

    (entry,) = whole(caller)

    assert (entry["action"], entry["path"]) == ("merge", "/users/identify")
    assert entry["after"]["survivor"]["last_name"] == "Guest"


def test_renames_and_removals_have_entries(caller: Caller) -> None:
    people(caller, "a")
    braze_id = the_profile(caller, "a")["braze_id"]
    rename(caller, "a", "b")
    caller.post("/users/external_ids/remove", {"external_ids": ["a"]}, headers={"X-Request-Id": "mine"})

    removal, renamed = whole(caller)

    assert (renamed["action"], renamed["path"]) == ("rename", "/users/external_ids/rename")
    assert (removal["action"], removal["path"]) == ("remove", "/users/external_ids/remove")
    assert renamed["profile"] == removal["profile"] == {"braze_id": braze_id, "external_id": "a"}
    assert (renamed["before"], renamed["after"]) == (
        {"profile": {"external_id": "a"}},
        {"profile": {"external_id": "b"}},
    )
    assert removal["before"] == {"profile": {"deprecated_external_id": "a"}}
    assert removal["after"] == {"profile": {"deprecated_external_id": None}}
    assert removal["key"] == {"id": str(caller.key_id), "label": "test"}
    assert removal["request_id"] == "mine"
    assert removal["job_id"] is None


def test_a_deletion_keeps_the_fact_and_erases_what_was_known(caller: Caller, pool: Pool) -> None:
    people(caller, "a", "b")
    rename(caller, "b", "c")
    merge_one(caller, pool, ext("a"), ext("c"))
    braze_id = the_profile(caller, "c")["braze_id"]
    delete(caller, external_ids=["c"])

    deletion, merge, renamed = whole(caller)

    assert (deletion["action"], deletion["path"]) == ("delete", "/users/delete")
    assert deletion["request_id"] == "the-deletion"
    assert deletion["profile"] == {"braze_id": braze_id, "external_id": None}
    assert merge["survivor"]["braze_id"] == braze_id
    assert renamed["profile"]["braze_id"] == braze_id
    for entry in (deletion, merge, renamed):
        assert entry["erased"] is True
        assert entry["key"]["id"] == str(caller.key_id)
        assert (entry["changes"], entry["before"], entry["after"]) == ([], {}, {})
    text = caller.get("/audit", include="images").text
    assert [word for word in ("@x.org", "Gold", "gold", '"A"', '"a"', '"b"', '"c"') if word in text] == []


def test_the_deletion_of_an_orphan_has_one_entry(caller: Caller, pool: Pool) -> None:
    people(caller, "a", "b")
    braze_id = the_profile(caller, "a")["braze_id"]
    merge_one(caller, pool, ext("a"), ext("b"))
    delete(caller, braze_ids=[braze_id])
    delete(caller, braze_ids=[braze_id])

    assert [entry["profile"]["braze_id"] for entry in audit(caller, action="delete")] == [braze_id]


def test_a_job_without_an_effect_has_no_entry(caller: Caller, pool: Pool) -> None:
    people(caller, "a", "b")
    weak = {"external_id_renames": [{"current_external_id": "a", "new_external_id": "b"}]}
    (job,) = merged(caller, pool, (ext("nobody"), ext("a")))
    caller.post("/users/merge", {"merge_updates": [{}]})
    caller.post("/users/external_ids/rename", weak)
    caller.post("/users/external_ids/remove", {"external_ids": ["a", "nobody"]})
    delete(caller, external_ids=["nobody"])
    caller.post("/users/delete", {"external_ids": ["a"]}, headers={"Authorization": "Bearer unknown"})

    assert job["outcome"] == "orphan_not_found"
    assert audit(caller) == []


@pytest.fixture
def eventful(caller: Caller, make_caller: Callable[..., Caller], pool: Pool) -> tuple[Caller, Caller]:
    """Two keys of one workspace that did something in turns."""
    other = make_caller(workspace=caller.workspace)
    people(caller, *"abcdefgh")
    merge_one(caller, pool, ext("a"), ext("b"))
    undone = merge_one(other, pool, ext("c"), ext("d"))
    rename(caller, "b", "bb")
    undo_one(caller, pool, undone)
    rename(other, "e", "ee")
    merged(other, pool, (ext("f"), ext("g")), (ext("g"), ext("h")))
    delete(caller, external_ids=["d"])
    return caller, other


def all_pages(caller: Caller, **query: Any) -> list[Json]:
    """Return the audit, read in pages of two."""
    entries, cursor = [], None
    while True:
        page = caller.get("/audit", limit=2, **query, **({"cursor": cursor} if cursor else {})).json
        assert page is not None
        entries += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            return entries


def test_pages_hold_every_entry_once_newest_first(eventful: tuple[Caller, Caller]) -> None:
    caller, _ = eventful
    entries = all_pages(caller)

    assert [each["action"] for each in entries] == [
        *("delete", "merge", "merge", "rename", "undo", "rename", "merge", "merge"),
    ]
    assert entries == audit(caller)
    assert [each["id"] for each in entries] == sorted((each["id"] for each in entries), reverse=True)


def test_filters_go_together(eventful: tuple[Caller, Caller]) -> None:
    caller, other = eventful
    everything = audit(caller)
    by_key = {each: str(each.key_id) for each in (caller, other)}

    for each, key in by_key.items():
        mine = [entry for entry in everything if entry["key"]["id"] == key]
        assert all_pages(each, key=key) == mine
        assert all_pages(each, key=key, action="merge") == [entry for entry in mine if entry["action"] == "merge"]
    for action in ("merge", "undo", "rename", "delete"):
        assert all_pages(caller, action=action) == [entry for entry in everything if entry["action"] == action]
    assert all_pages(caller, identifier="b") == [everything[5], everything[7]]
    assert all_pages(caller, identifier="b", action="rename") == [everything[5]]
    assert all_pages(caller, identifier="bb", key=by_key[caller]) == [everything[5]]
    assert all_pages(caller, identifier="bb", key=by_key[other]) == []
    assert all_pages(caller, identifier="f@x.org") == [everything[2]]
    assert all_pages(caller, identifier=everything[0]["profile"]["braze_id"]) == [
        entry for entry in everything if everything[0]["profile"]["braze_id"] in str(entry)
    ]
    assert all_pages(caller, job_id=everything[3]["id"]) == []


@pytest.mark.parametrize("recent", [10_000, 3, 1])
@pytest.mark.parametrize("few", [2, 1, 0])
def test_an_identifier_with_many_jobs_has_the_same_entries_as_one_with_few(
    eventful: tuple[Caller, Caller], few: int, recent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller, other = eventful
    rename(other, "h", "g")
    everything = audit(caller)
    second_merge, first_merge, rename_of_b = everything[2], everything[3], everything[6]
    monkeypatch.setattr(identifier_lists, "FEW", few)
    monkeypatch.setattr(identifier_lists, "RECENT_JOBS", recent)

    assert all_pages(caller, identifier="g") == [everything[0], second_merge, first_merge]
    assert all_pages(caller, identifier="g", action="merge", key=str(other.key_id)) == [second_merge, first_merge]
    assert all_pages(caller, identifier="g", key=str(caller.key_id)) == []
    assert all_pages(caller, identifier="g", action="undo") == []
    assert all_pages(caller, identifier="b") == [rename_of_b, everything[8]]
    assert all_pages(caller, identifier="b", action="rename") == [rename_of_b]
    assert all_pages(caller, identifier="h") == [everything[0], second_merge]
    assert all_pages(caller, identifier="g", to=everything[0]["requested_at"]) == [second_merge, first_merge]


def test_a_range_of_time_takes_its_beginning_and_leaves_its_end(eventful: tuple[Caller, Caller]) -> None:
    caller, _ = eventful
    everything = audit(caller)
    since, until = everything[5]["requested_at"], everything[2]["requested_at"]
    within = [entry for entry in everything if since <= entry["requested_at"] < until]

    assert 1 < len(within) < len(everything)
    assert all_pages(caller, **{"from": since, "to": until}) == within
    mine = [entry for entry in within if entry["key"]["id"] == str(caller.key_id)]
    assert all_pages(caller, key=str(caller.key_id), **{"from": since, "to": until}) == mine
    assert all_pages(caller, **{"from": "1969-12-31T23:00:00+01:00"}) == everything
    assert all_pages(caller, to="9999-12-31T23:59:59Z") == everything


@pytest.mark.parametrize("by_key", [False, True])
def test_a_cursor_stays_where_it_is_while_more_happens(eventful: tuple[Caller, Caller], by_key: bool) -> None:
    caller, _ = eventful
    query = {"key": str(caller.key_id)} if by_key else {}
    before = audit(caller, **query)
    page = caller.get("/audit", limit=2, **query).json or {}
    rename(caller, "bb", "bbb")
    rest = audit(caller, cursor=page["next_cursor"], **query)

    assert [*page["entries"], *rest] == before
    assert len(audit(caller, **query)) == len(before) + 1


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"action": "track"}, "'action' must be one of merge, identify, undo, delete, rename, remove"),
        ({"from": "yesterday"}, "'from' must be a time in ISO 8601 with its offset, such as 2026-01-31T09:30:00Z"),
        ({"to": "2026-01-31"}, "'to' must be a time in ISO 8601 with its offset, such as 2026-01-31T09:30:00Z"),
        ({"from": "2026-01-31T00:00:00"}, "'from' must be a time in ISO 8601 with its offset"),
        ({"key": "mine"}, "'key' must be the id of a key"),
        ({"job_id": "1"}, "'job_id' must be the id of a job"),
        ({"cursor": "AAAA"}, "'cursor' must be the next_cursor of an earlier page"),
        ({"include": "changes"}, "'include' must be 'images'"),
        ({"limit": "0"}, "'limit' must be a whole number from 1 to 100"),
        ({"since": "1"}, "There is an unknown query parameter; this URL takes: action, cursor, from"),
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(caller: Caller, query: Json, sentence: str) -> None:
    response = caller.get("/audit", **query)

    assert response.status_code == 400
    assert (response.json or {})["message"].startswith(sentence)


def test_it_takes_a_key_with_its_permission(make_caller: Callable[..., Caller]) -> None:
    workspace = f"workspace-{uuid7()}"
    reader = make_caller(workspace=workspace, permissions=("audit.read",))
    merger = make_caller(workspace=workspace, permissions=("users.merge", "users.export.ids"))

    assert [reader.get(path).status_code for path in ("/audit", "/audit/export")] == [200, 200]
    assert [merger.get(path).status_code for path in ("/audit", "/audit/export")] == [403, 403]


def test_another_workspace_sees_none_of_it(eventful: tuple[Caller, Caller], make_caller: Callable[..., Caller]) -> None:
    caller, _ = eventful
    stranger = make_caller()
    merge = audit(caller, action="merge")[0]

    assert audit(stranger) == []
    assert audit(stranger, key=str(caller.key_id)) == []
    assert audit(stranger, job_id=merge["job_id"]) == []
    assert audit(stranger, identifier="b") == []
    assert stranger.get("/audit/export").data == b""
