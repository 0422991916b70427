"""`POST /merge/jobs/{job_id}/undo` restores the orphan and removes its values from the survivor."""

from typing import Any

import pytest

from app.db.connections import Connection, Pool
from tests.support.flask_caller import Caller
from tests.support.lane_runs import ext, identified, job, merged, outcomes, run_jobs
from tests.support.pairs import ago, purchase
from tests.support.profiles import export, the_profile, track
from tests.support.undos import merge_one, rename, undo_one

Json = dict[str, Any]

MARCH = "2026-03-01T08:00:00.000Z"
APRIL = "2026-04-01T08:00:00.000Z"
MAY = "2026-05-01T08:00:00.000Z"
JUNE = "2026-06-01T08:00:00.000Z"

ORPHAN: Json = {
    "attributes": [
        {"external_id": "ann-1", "first_name": "Ann", "email": "ann@x.org", "plan": "pro", "test_user": True},
    ],
    "events": [{"external_id": "ann-1", "name": "login", "time": each} for each in (MARCH, JUNE)],
    "purchases": [
        {"external_id": "ann-1", "product_id": "hat", "time": MARCH, "price": 9.99, "currency": "USD", "quantity": 3}
    ],
    "sessions": [{"external_id": "ann-1", "app_id": "shop", "app_name": "Shop", "started_at": MARCH}],
    "engagements": [
        {"external_id": "ann-1", "kind": "campaign", "id": "c1", "name": "One", "event": what, "time": JUNE}
        for what in ("received", "opened", "converted")
    ],
}
SURVIVOR: Json = {
    "attributes": [{"external_id": "ann", "last_name": "Ash", "city": "Ulm", "home_city": "Ulm"}],
    "events": [{"external_id": "ann", "name": "login", "time": each} for each in (APRIL, MAY)],
    "purchases": [
        {"external_id": "ann", "product_id": "hat", "time": APRIL, "price": 5, "currency": "USD"},
        {"external_id": "ann", "product_id": "mug", "time": MAY, "price": 7, "currency": "USD"},
    ],
    "sessions": [{"external_id": "ann", "app_id": "shop", "started_at": APRIL}],
    "engagements": [
        {"external_id": "ann", "kind": "campaign", "id": "c1", "name": "One", "event": "received", "time": APRIL}
    ],
}


@pytest.fixture
def before(caller: Caller) -> tuple[Json, Json]:
    """The exports of two profiles with data of all kinds: the orphan ann-1 and the survivor ann."""
    track(caller, **ORPHAN)
    track(caller, **SURVIVOR)
    return the_profile(caller, "ann-1"), the_profile(caller, "ann")


def test_both_profiles_are_exported_as_before(caller: Caller, pool: Pool, before: tuple[Json, Json]) -> None:
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))

    undone = undo_one(caller, pool, merge_id)

    assert (undone["outcome"], undone["not_restored"]) == ("undone", [])
    assert (the_profile(caller, "ann-1"), the_profile(caller, "ann")) == before


def test_both_jobs_refer_to_each_other(caller: Caller, pool: Pool, before: tuple[Json, Json]) -> None:
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    merge_before = job(caller, merge_id)

    undone = undo_one(caller, pool, merge_id)

    merge = job(caller, merge_id)
    assert (merge_before["undone_at"], merge_before["undone_by"]) == (None, None)
    assert (merge["outcome"], merge["undone_by"]) == ("merged", undone["job_id"])
    assert merge["undone_at"] >= merge["finished_at"]
    assert (undone["kind"], undone["undoes"], undone["state"]) == ("undo", merge_id, "finished")
    assert undone["orphan"] == {"braze_id": before[0]["braze_id"], "external_id": "ann-1"}
    assert undone["survivor"] == {"braze_id": before[1]["braze_id"], "external_id": "ann"}
    assert undone["identifier_to_merge"] == ext("ann-1")
    assert before[0]["braze_id"] in undone["reason"]
    assert "undoes" not in merge
    listed = caller.get("/merge/jobs", identifier="ann-1").json["jobs"]  # type: ignore[index]
    assert [each["job_id"] for each in listed] == [undone["job_id"], merge_id]


def test_the_changes_of_an_undo_reverse_the_changes_of_the_merge(
    caller: Caller, pool: Pool, before: tuple[Json, Json]
) -> None:
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))

    undone = undo_one(caller, pool, merge_id)

    done = {
        each["field"]: (each["before"], each["after"]) for each in job(caller, merge_id, include="changes")["changes"]
    }
    assert {each["field"]: (each["after"], each["before"]) for each in undone["changes"]} == done
    assert {"first_name", "custom_events.login.count", "purchases.hat.first", "apps.shop.name"} <= done.keys()


def test_the_orphan_can_be_read_by_its_braze_id_again(caller: Caller, pool: Pool, before: tuple[Json, Json]) -> None:
    url = f"/profiles/{before[0]['braze_id']}"
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    gone = caller.get(url).status_code

    undo_one(caller, pool, merge_id)

    assert (gone, caller.get(url).status_code) == (410, 200)


def test_each_profile_has_its_own_history_after_the_undo(caller: Caller, pool: Pool, before: tuple[Json, Json]) -> None:
    track(caller, purchases=[{"external_id": "ann-1", **purchase("hat", ago(days=3), 9.99, quantity=3)}])
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    track(caller, purchases=[{"external_id": "ann", **purchase("hat", ago(days=2), 6)}])
    braze_ids = [profile["braze_id"] for profile in before]
    merged = history_of(caller, braze_ids[1])

    undo_one(caller, pool, merge_id)

    spent = [
        (caller.get(f"/profiles/{each}/activity", product_id="hat", days=5).json or {})["money_spent"]
        for each in braze_ids
    ]
    assert spent == [29.97, 6.0]
    for braze_id in braze_ids:
        assert history_of(caller, braze_id) == [item for item in merged if item["origin"] == braze_id]


def history_of(caller: Caller, braze_id: str) -> list[Json]:
    """Return the history of the profile with *braze_id*."""
    page: Json = caller.get(f"/profiles/{braze_id}/history", limit=100).json
    items: list[Json] = page["history"]
    return items


def test_an_undo_keeps_values_written_after_the_merge(caller: Caller, pool: Pool, before: tuple[Json, Json]) -> None:
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    late = [{"external_id": "ann", "name": "login", "time": each} for each in (APRIL, "2026-05-09T08:00:00.000Z")]
    track(
        caller,
        attributes=[{"external_id": "ann", "first_name": "Anna", "plan": "free", "colour": "red"}],
        events=late,
        sessions=[{"external_id": "ann", "app_id": "shop", "started_at": MAY}],
        purchases=[{"external_id": "ann", "product_id": "hat", "time": MAY, "price": 1, "currency": "USD"}],
        engagements=[{"external_id": "ann", "kind": "campaign", "id": "c1", "event": "opened", "time": MAY}],
    )
    written = the_profile(caller, "ann")

    undo_one(caller, pool, merge_id)

    orphan, survivor = the_profile(caller, "ann-1"), the_profile(caller, "ann")
    assert orphan == before[0]
    assert survivor["updated_at"] == written["updated_at"]
    assert survivor["first_name"] == "Anna"
    assert "email" not in survivor
    assert survivor["custom_attributes"] == {"city": "Ulm", "plan": "free", "colour": "red"}
    assert survivor["custom_events"] == [
        {"name": "login", "count": 4, "first": APRIL, "last": "2026-05-09T08:00:00.000Z"}
    ]
    (hat, _) = survivor["purchases"]
    assert hat == {"name": "hat", "count": 2, "first": APRIL, "last": MAY}
    assert (survivor["total_revenue"], survivor["purchase_count"]) == (13.0, 3)
    assert (survivor["first_purchase"], survivor["first_session"]) == (APRIL, APRIL)
    assert survivor["apps"][0]["sessions"] == 2
    assert survivor["apps"][0]["first_used"] == APRIL
    (campaign,) = survivor["campaigns_received"]
    assert campaign["last_received"] == APRIL
    assert campaign["engaged"] == {"opened": True}
    assert survivor["last_interactions"] == {"last_received_at": APRIL, "last_opened_at": MAY}


def test_later_events_of_the_survivor_with_names_of_the_orphan_stay(
    caller: Caller, pool: Pool, before: tuple[Json, Json]
) -> None:
    track(caller, events=[{"external_id": "ann-1", "name": "only", "time": each} for each in (MARCH, JUNE)])
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))
    track(caller, events=[{"external_id": "ann", "name": "only", "time": MAY}])

    undo_one(caller, pool, merge_id)

    (_, only) = the_profile(caller, "ann")["custom_events"]
    assert only == {"name": "only", "count": 1, "first": MAY, "last": MAY}


def test_an_undone_merge_does_not_count_for_the_daily_limit_of_the_survivor(
    caller: Caller, pool: Pool, before: tuple[Json, Json]
) -> None:
    merge_id = merge_one(caller, pool, ext("ann-1"), ext("ann"))

    undo_one(caller, pool, merge_id)

    track(caller, attributes=[{"external_id": "other"}])
    updates = [{"identifier_to_merge": ext("other"), "identifier_to_keep": ext("ann")}]
    accepted = caller.post("/users/merge", {"merge_updates": updates}).json
    assert outcomes(run_jobs(caller, pool, accepted, survivor_limit=1)) == ["merged"]  # type: ignore[arg-type]


def test_two_profiles_can_be_merged_and_undone_repeatedly(
    caller: Caller, pool: Pool, before: tuple[Json, Json]
) -> None:
    for _ in range(2):
        undo_one(caller, pool, merge_one(caller, pool, ext("ann-1"), ext("ann")))
    undo_one(caller, pool, merge_one(caller, pool, ext("ann"), ext("ann-1")))

    assert (the_profile(caller, "ann-1"), the_profile(caller, "ann")) == before


def test_an_external_id_that_the_survivor_got_returns_to_the_orphan(caller: Caller, pool: Pool, guest: Json) -> None:
    track(caller, attributes=[{"external_id": "ann", "plan": "pro"}])
    before = the_profile(caller, "ann"), export(caller, user_aliases=[guest])
    merge_id = merge_one(caller, pool, ext("ann"), {"user_alias": guest})
    meanwhile = the_profile(caller, "ann")

    undone = undo_one(caller, pool, merge_id)

    assert (undone["outcome"], meanwhile["braze_id"]) == ("undone", before[1][0]["braze_id"])
    assert (the_profile(caller, "ann"), export(caller, user_aliases=[guest])) == before


def test_deprecated_external_ids_return_to_the_orphan(caller: Caller, pool: Pool, guest: Json) -> None:
    track(caller, attributes=[{"external_id": "old", "plan": "pro"}])
    rename(caller, "old", "new")
    before = export(caller, external_ids=["old"])
    merge_id = merge_one(caller, pool, ext("new"), {"user_alias": guest})
    meanwhile = export(caller, external_ids=["old"])

    undone = undo_one(caller, pool, merge_id)

    assert undone["outcome"] == "undone"
    assert meanwhile[0]["braze_id"] != before[0]["braze_id"]
    assert export(caller, external_ids=["old"]) == before == export(caller, external_ids=["new"])


def test_an_alias_that_the_merge_dropped_is_restored(caller: Caller, pool: Pool, guest: Json) -> None:
    track(caller, attributes=[{"external_id": "ann"}])
    new = {"external_id": "ann", "alias_label": guest["alias_label"], "alias_name": "anns"}
    caller.post("/users/alias/new", {"user_aliases": [new]})
    before = the_profile(caller, "ann"), export(caller, user_aliases=[guest])
    merge_id = merge_one(caller, pool, {"user_alias": guest}, ext("ann"))
    meanwhile = export(caller, user_aliases=[guest])

    undone = undo_one(caller, pool, merge_id)

    assert (undone["outcome"], meanwhile) == ("undone", [])
    assert (the_profile(caller, "ann"), export(caller, user_aliases=[guest])) == before


def test_the_undo_of_an_identification_removes_the_external_id(caller: Caller, pool: Pool, guest: Json) -> None:
    before = export(caller, user_aliases=[guest])
    (given,) = identified(caller, pool, aliases_to_identify=[{"external_id": "ann", "user_alias": guest}])

    undone = undo_one(caller, pool, given["job_id"])

    assert (given["outcome"], undone["outcome"]) == ("identified", "undone")
    assert export(caller, user_aliases=[guest]) == before
    assert export(caller, external_ids=["ann"]) == []
    assert undone["changes"] == [{"field": "external_id", "before": "ann", "after": None, "rule": "fill"}]


def test_a_merge_by_identify_can_be_undone(caller: Caller, pool: Pool, guest: Json) -> None:
    track(caller, attributes=[{"external_id": "ann"}])
    before = export(caller, user_aliases=[guest]), the_profile(caller, "ann")
    (done,) = identified(caller, pool, aliases_to_identify=[{"external_id": "ann", "user_alias": guest}])

    undone = undo_one(caller, pool, done["job_id"])

    assert (done["outcome"], undone["outcome"]) == ("merged", "undone")
    assert (export(caller, user_aliases=[guest]), the_profile(caller, "ann")) == before


def test_merges_into_one_survivor_are_undone_in_any_order(caller: Caller, pool: Pool) -> None:
    for number, time in enumerate((APRIL, MARCH, MAY, JUNE)):
        attributes: Json = {
            "external_id": f"p{number}",
            f"a{number}": number,
            "shared": number,
            "first_name": f"N{number}",
        }
        if number == 0:
            del attributes["first_name"]
        track(
            caller,
            attributes=[attributes],
            events=[{"external_id": f"p{number}", "name": "login", "time": time}],
            engagements=[{"external_id": f"p{number}", "kind": "canvas", "id": "v", "event": "entered", "time": time}],
        )
    before = [the_profile(caller, f"p{number}") for number in range(4)]
    jobs = merged(caller, pool, *((ext(f"p{number}"), ext("p0")) for number in (1, 2, 3)))

    for place in (0, 2, 1):
        assert undo_one(caller, pool, jobs[place]["job_id"])["outcome"] == "undone"

    after = [the_profile(caller, f"p{number}") for number in range(4)]
    times = [profile.pop("updated_at") for profile in (before[0], after[0])]
    assert times[0] <= times[1]
    assert after == before


def test_a_batch_is_undone_from_its_latest_merge_to_the_earliest(
    caller: Caller, pool: Pool, connection: Connection
) -> None:
    track(caller, attributes=[{"external_id": name, f"from_{name}": True} for name in "abcxyz"])
    before = [the_profile(caller, name) for name in "abcxyz"]
    pairs = [("a", "b"), ("x", "y"), ("b", "c"), ("nobody", "z")]
    jobs = merged(caller, pool, *((ext(orphan), ext(survivor)) for orphan, survivor in pairs))

    answer = caller.post(f"/merge/batches/{jobs[0]['batch_id']}/undo")

    undos = run_jobs(caller, pool, answer.json)  # type: ignore[arg-type]
    assert answer.status_code == 202
    assert [undo["undoes"] for undo in undos] == [jobs[place]["job_id"] for place in (2, 1, 0)]
    rows = connection.execute("SELECT lane FROM job WHERE batch_id = %s ORDER BY index", [undos[0]["batch_id"]])
    assert [row["lane"] for row in rows] == [0, 1, 0]
    assert outcomes(undos) == ["undone"] * 3
    assert [the_profile(caller, name) for name in "abcxyz"] == before
