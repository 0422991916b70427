"""Undos that are partial or impossible: identifiers of other profiles, later merges, deletions, and the time limit."""

import re
from typing import Any
from uuid import UUID

import pytest

from app.db.connections import Connection, Pool
from tests.support.at_once import at_once
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, identified, job, run_jobs
from tests.support.profiles import export, the_profile, track
from tests.support.undos import ask_to_undo, merge_one, rename, undo_one
from tests.support.unguarded import unguarded

Json = dict[str, Any]


@pytest.fixture
def merge_id(caller: Caller, pool: Pool) -> str:
    """A job that merged ada-1 into ada, with an alias."""
    track(caller, attributes=[{"external_id": "ada-1", "first_name": "Ada"}, {"external_id": "ada"}])
    alias = {"external_id": "ada-1", "alias_label": "mail", "alias_name": "ada"}
    caller.post("/users/alias/new", {"user_aliases": [alias]})
    return merge_one(caller, pool, ext("ada-1"), ext("ada"))


def taken(braze_id: str) -> str:
    """Return the `why` of an identifier that the profile *braze_id* has now."""
    return f"Profile {braze_id} has it now."


def test_an_external_id_that_another_profile_has_now_is_not_restored(caller: Caller, pool: Pool, merge_id: str) -> None:
    track(caller, attributes=[{"external_id": "ada-1", "first_name": "Adam"}])
    other = the_profile(caller, "ada-1")

    undone = undo_one(caller, pool, merge_id)

    (orphan,) = export(caller, user_aliases=[{"alias_label": "mail", "alias_name": "ada"}])
    assert undone["outcome"] == "undone_in_part"
    assert undone["not_restored"] == [{"identifier": ext("ada-1"), "why": taken(other["braze_id"])}]
    assert "1 of its identifiers" in undone["reason"]
    assert the_profile(caller, "ada-1") == other
    assert orphan["first_name"] == "Ada"
    assert "external_id" not in orphan
    assert job(caller, merge_id)["undone_by"] == undone["job_id"]


def test_an_alias_that_another_profile_has_now_is_not_restored(caller: Caller, pool: Pool, merge_id: str) -> None:
    alias = {"alias_label": "mail", "alias_name": "ada"}
    update = {"alias_label": "mail", "old_alias_name": "ada", "new_alias_name": "ada-2"}
    caller.post("/users/alias/update", {"alias_updates": [update]})
    track(caller, attributes=[{"external_id": "eve"}])
    caller.post("/users/alias/new", {"user_aliases": [{"external_id": "eve", **alias}]})

    undone = undo_one(caller, pool, merge_id)

    eve, ada = the_profile(caller, "eve"), the_profile(caller, "ada")
    assert undone["not_restored"] == [{"identifier": {"user_alias": alias}, "why": taken(eve["braze_id"])}]
    assert eve["user_aliases"] == [alias]
    assert ada["user_aliases"] == [{**alias, "alias_name": "ada-2"}]
    assert the_profile(caller, "ada-1")["user_aliases"] == []


def test_a_deprecated_external_id_of_the_survivor_is_not_restored(caller: Caller, pool: Pool, guest: Json) -> None:
    track(caller, attributes=[{"external_id": "ann"}])
    merge_id = merge_one(caller, pool, ext("ann"), {"user_alias": guest})
    rename(caller, "ann", "anna")

    undone = undo_one(caller, pool, merge_id)

    survivor = the_profile(caller, "anna")
    assert undone["not_restored"] == [{"identifier": ext("ann"), "why": taken(survivor["braze_id"])}]
    assert survivor["user_aliases"] == [guest]
    assert the_profile(caller, "ann") == survivor


def test_an_undo_lists_deprecated_external_ids_that_it_did_not_restore(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, attributes=[{"external_id": name} for name in ("one", "ann")])
    for current, new in (("one", "two"), ("two", "three")):
        rename(caller, current, new)
    merge_id = merge_one(caller, pool, ext("three"), ext("ann"))
    caller.post("/users/external_ids/remove", {"external_ids": ["one"]})
    track(caller, attributes=[{"external_id": "two"}])

    undone = undo_one(caller, pool, merge_id)

    assert undone["outcome"] == "undone_in_part"
    assert undone["not_restored"] == [
        {"identifier": ext("one"), "why": "It was removed since the merge."},
        {"identifier": ext("two"), "why": taken(the_profile(caller, "two")["braze_id"])},
    ]
    assert the_profile(caller, "three")["external_id"] == "three"


def test_the_undo_of_an_earlier_merge_of_a_chain_names_the_job_to_undo_first(
    caller: Caller, pool: Pool, merge_id: str
) -> None:
    track(caller, attributes=[{"external_id": "ida"}, {"external_id": "eva"}])
    merge_one(caller, pool, ext("ada"), ext("ida"))
    last = merge_one(caller, pool, ext("ida"), ext("eva"))
    survivors = job(caller, merge_id)["survivor"]["braze_id"]

    refused = undo_one(caller, pool, merge_id)

    assert refused["outcome"] == "not_undoable"
    assert refused["reason"] == f"Profile {survivors} was itself merged away since; undo job {last} first."
    assert job(caller, merge_id)["undone_at"] is None
    assert refused["changes"] == []
    assert export(caller, external_ids=["ada-1"]) == []


def test_a_merge_can_be_undone_after_the_later_merges_of_its_chain(caller: Caller, pool: Pool, merge_id: str) -> None:
    track(caller, attributes=[{"external_id": "ida", "first_name": "Ida"}])
    last = merge_one(caller, pool, ext("ada"), ext("ida"))
    undo_one(caller, pool, merge_id)

    outcomes = [undo_one(caller, pool, each)["outcome"] for each in (last, merge_id)]

    assert outcomes == ["undone", "undone"]
    assert [the_profile(caller, name).get("first_name") for name in ("ada-1", "ada", "ida")] == ["Ada", None, "Ida"]


def test_the_deletion_of_a_survivor_prevents_the_undo(
    caller: Caller, pool: Pool, merge_id: str, connection: Connection
) -> None:
    waiting = ask_to_undo(caller, merge_id)
    caller.post("/users/delete", {"external_ids": ["ada"]})

    (refused,) = run_jobs(caller, pool, waiting)

    row = connection.execute("SELECT * FROM job WHERE id = %s", [refused["job_id"]]).fetchone() or {}
    assert refused["outcome"] == "not_undoable"
    assert "was deleted since" in refused["reason"]
    assert (refused["identifier_to_merge"], refused["identifier_to_keep"]) == ({}, {})
    # UUIDs are skipped, because their hex digits may contain "ada".
    assert "ada" not in str([value for value in row.values() if not isinstance(value, UUID)])
    assert export(caller, external_ids=["ada", "ada-1"]) == []


def test_a_merge_whose_audit_was_erased_is_not_undone(
    caller: Caller, pool: Pool, merge_id: str, connection: Connection
) -> None:
    """The deletion of another profile may have erased the record. Such a merge must never restore a profile."""
    query = "UPDATE merge_record SET orphan_before = '{}', survivor_before = '{}', changes = '[]' WHERE job_id = %s"
    with unguarded(connection):
        connection.execute(query, [merge_id])

    refused = undo_one(caller, pool, merge_id)

    assert refused["outcome"] == "not_undoable"
    assert refused["reason"] == "What the profiles were before the merge was erased when a person was deleted."
    assert (refused["identifier_to_merge"], refused["orphan"]["external_id"]) == ({}, None)


@pytest.mark.parametrize("by", ["external_id", "braze_id"])
def test_an_orphan_named_in_a_deletion_is_not_restored(caller: Caller, pool: Pool, merge_id: str, by: str) -> None:
    """An orphan has no live profile, so the request deletes no profile, but it erases the values of the orphan."""
    orphans = (job(caller, merge_id)["orphan"] or {})["braze_id"]
    caller.post("/users/delete", {"external_ids": ["ada-1"]} if by == "external_id" else {"braze_ids": [orphans]})

    refused = undo_one(caller, pool, merge_id)

    assert refused["outcome"] == "not_undoable"
    assert export(caller, external_ids=["ada-1"]) == []
    assert the_profile(caller, "ada")["first_name"] == "Ada"


def test_a_concurrent_undo_does_not_restore_a_deleted_orphan(caller: Caller, pool: Pool) -> None:
    for number in range(5):
        names = [f"orphan-{number}", f"survivor-{number}"]
        track(caller, attributes=[{"external_id": name} for name in names])
        waiting = ask_to_undo(caller, merge_one(caller, pool, *map(ext, names)))

        at_once(
            [
                lambda waiting=waiting: run_jobs(caller, pool, waiting),  # type: ignore[misc]
                lambda names=names: caller.post("/users/delete", {"external_ids": names[:1]}),  # type: ignore[misc]
            ]
        )

        assert export(caller, external_ids=names[:1]) == []
        assert len(export(caller, external_ids=names)) == 1


def test_the_deletion_of_a_restored_orphan_erases_its_values_from_both_jobs(
    caller: Caller, pool: Pool, merge_id: str, connection: Connection
) -> None:
    track(caller, attributes=[{"external_id": "ada-1", "first_name": "Adam"}])
    undone = undo_one(caller, pool, merge_id)
    caller.post("/users/delete", {"user_aliases": [{"alias_label": "mail", "alias_name": "ada"}]})

    shown = [job(caller, each, include="changes") for each in (merge_id, undone["job_id"])]

    (record,) = connection.execute("SELECT undo_record::text FROM undo_record WHERE job_id = %s", [undone["job_id"]])
    assert "Ada" not in str(record)
    # The pattern matches whole words, because an id may contain these letters.
    assert not re.search(r"\bada(m|-1)?\b", str(shown).lower())
    assert (shown[1]["outcome"], shown[1]["not_restored"], shown[1]["changes"]) == ("undone_in_part", [], [])


X_TIME = "2026-01-01T00:00:00.000Z"


def stored_text(connection: Connection, caller: Caller) -> str:
    """Return the rows of profiles, merges and undos of the caller's workspace as text."""
    tables = ("profile", "merge_record", "undo_record")
    queries = [f"SELECT each::text FROM {table} AS each WHERE workspace_id = %s" for table in tables]
    return str([connection.execute(query, [caller.workspace_id]).fetchall() for query in queries])  # type: ignore[arg-type]


@pytest.fixture
def two_merges(caller: Caller, pool: Pool) -> tuple[str, str]:
    """The merges of x and then of o into s. The first is undone, so that s has its own values and those of o."""
    times = {"x": X_TIME, "o": "2026-03-01T00:00:00.000Z", "s": "2026-05-01T00:00:00.000Z"}
    for name, time in times.items():
        track(
            caller,
            attributes=[{"external_id": name, **({} if name == "s" else {"first_name": name})}],
            events=[{"external_id": name, "name": "login", "time": time}],
            purchases=[{"external_id": name, "product_id": "hat", "time": time, "price": 1, "currency": "USD"}],
            engagements=[{"external_id": name, "kind": "campaign", "id": "c", "event": "received", "time": time}],
        )
    first, second = (merge_one(caller, pool, ext(name), ext("s")) for name in ("x", "o"))
    undo_one(caller, pool, first)
    return first, second


def test_an_undo_does_not_restore_values_of_an_earlier_pruned_merge(
    caller: Caller, pool: Pool, two_merges: tuple[str, str], connection: Connection
) -> None:
    """The survivor's snapshot before the second merge contains values of the first merge."""
    with unguarded(connection):
        connection.execute("DELETE FROM batch WHERE id = %s", [job(caller, two_merges[0])["batch_id"]])

    undone = undo_one(caller, pool, two_merges[1])

    left = the_profile(caller, "s")
    assert undone["outcome"] == "undone"
    assert X_TIME not in str((undone, left))
    assert "first_name" not in left
    assert [left[summary][0]["count"] for summary in ("custom_events", "purchases")] == [1, 1]


def test_a_deletion_erases_values_of_the_profile_from_records_of_other_merges(
    caller: Caller, pool: Pool, two_merges: tuple[str, str], connection: Connection
) -> None:
    caller.post("/users/delete", {"external_ids": ["x"]})

    refused = undo_one(caller, pool, two_merges[1])

    assert refused["outcome"] == "not_undoable"
    assert "erased when a person was deleted" in refused["reason"]
    assert X_TIME not in stored_text(connection, caller)
    assert job(caller, two_merges[1])["identifier_to_merge"] == ext("o")


def test_a_deletion_erases_values_of_the_profile_from_records_of_chains(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    marks = ("x", "s", "t", "o")
    track(caller, attributes=[{"external_id": name, f"of_{name}": f"Q7{name}"} for name in marks])
    pairs = (("x", "s"), ("s", "t"), ("o", "t"))
    merges = [merge_one(caller, pool, ext(orphan), ext(survivor)) for orphan, survivor in pairs]
    for place in (1, 0):
        undo_one(caller, pool, merges[place])

    caller.post("/users/delete", {"external_ids": ["x"]})

    assert "Q7x" not in stored_text(connection, caller)
    assert "Q7s" in stored_text(connection, caller)


def test_a_merge_older_than_the_limit_is_not_undone(
    caller: Caller, pool: Pool, merge_id: str, connection: Connection
) -> None:
    with unguarded(connection):
        connection.execute(
            "UPDATE merge_record SET merged_at = now() - interval '8 days' WHERE job_id = %s", [merge_id]
        )
    waiting = ask_to_undo(caller, merge_id)

    (refused,) = run_jobs(caller, pool, waiting, undo_days=7.0)

    assert refused["outcome"] == "not_undoable"
    assert refused["reason"] == "The merge is older than 7 days, for which merges can be undone here."


def test_a_merge_that_was_pruned_before_the_undo_ran_is_not_undone(
    caller: Caller, pool: Pool, merge_id: str, connection: Connection
) -> None:
    batch_id = job(caller, merge_id)["batch_id"]
    waiting = ask_to_undo(caller, merge_id)
    with unguarded(connection):
        connection.execute("DELETE FROM batch WHERE id = %s", [batch_id])

    (refused,) = run_jobs(caller, pool, waiting)

    assert (refused["outcome"], refused["undoes"]) == ("not_undoable", merge_id)
    assert refused["reason"] == "The merge is no longer on record: it was pruned after its time."


def test_a_merge_by_other_rules_is_not_undone(
    caller: Caller, pool: Pool, merge_id: str, connection: Connection
) -> None:
    with unguarded(connection):
        connection.execute("UPDATE merge_record SET changes = '[]' WHERE job_id = %s", [merge_id])

    refused = undo_one(caller, pool, merge_id)

    assert refused["outcome"] == "not_undoable"
    assert "other rules" in refused["reason"]


def test_the_identification_of_a_renamed_profile_is_not_undone(caller: Caller, pool: Pool, guest: Json) -> None:
    (given,) = identified(caller, pool, aliases_to_identify=[{"external_id": "ann", "user_alias": guest}])
    rename(caller, "ann", "anna")

    refused = undo_one(caller, pool, given["job_id"])

    assert refused["outcome"] == "not_undoable"
    assert refused["reason"].endswith("no longer has the external_id that it got.")
    assert the_profile(caller, "anna")["user_aliases"] == [guest]


def test_the_identification_of_a_profile_that_was_merged_is_not_undone(caller: Caller, pool: Pool, guest: Json) -> None:
    (given,) = identified(caller, pool, aliases_to_identify=[{"external_id": "ann", "user_alias": guest}])
    track(caller, attributes=[{"external_id": "eva"}])
    last = merge_one(caller, pool, ext("ann"), ext("eva"))

    refused = undo_one(caller, pool, given["job_id"])

    assert refused["outcome"] == "not_undoable"
    assert last in refused["reason"]
