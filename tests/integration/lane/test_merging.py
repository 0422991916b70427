"""The rows that a merge writes (survivor, aliases, origins, redirect, audit) and the rows that it never changes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.config import Settings
from app.db.connections import Pool, open_pool
from app.merging.profile import Profile
from app.profiles.snapshots import profile_from_snapshot
from tests.integration.lane.running import deliver, merge_all, merge_one, outcomes_of
from tests.support.factories import LONG_AGO, Factory, alias, an_email, by_email, ext
from tests.support.postgres import make_database_url
from tests.support.recorded import recorded_changes

database_url = make_database_url(scope="module")

MON, TUE = "2026-02-02T09:00:00.000Z", "2026-02-03T09:00:00.000Z"


def aliases_of(factory: Factory, profile: Profile) -> dict[str, str]:
    """Return the names of the aliases of *profile* by label."""
    query = "SELECT label, name FROM user_alias WHERE workspace_id = %s AND profile_id = %s"
    return {row["label"]: row["name"] for row in factory.rows(query, profile.id)}


def origins(factory: Factory) -> dict[int, int]:
    """Return the profile that has the history of each origin."""
    rows = factory.rows("SELECT origin_id, profile_id FROM origin WHERE workspace_id = %s")
    return {row["origin_id"]: row["profile_id"] for row in rows}


def only(factory: Factory, table: str) -> dict[str, Any]:
    """Return the only row of *table*."""
    (row,) = factory.rows(f"SELECT * FROM {table} WHERE workspace_id = %s")
    return row


def test_the_survivor_gets_the_fields_that_it_lacks_and_the_orphan_is_deleted(pool: Pool, factory: Factory) -> None:
    ann = factory.profile(
        "ann",
        first_name="Ann",
        email="ann@x.org",
        session_count=3,
        custom_attributes={"plan": "gold", "car": {"doors": 3}},
        custom_events={"login": {"count": 2, "first": MON, "last": MON}},
    )
    bea = factory.profile(
        "bea",
        first_name="Bea",
        session_count=4,
        custom_attributes={"plan": ""},
        custom_events={"login": {"count": 5, "first": TUE, "last": TUE}},
    )
    asked = datetime.now(UTC)

    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    merged = factory.load(bea)
    assert factory.load(ann) is None
    assert merged is not None
    assert asked - timedelta(seconds=5) < merged.updated_at <= row["finished_at"]
    assert merged == replace(
        bea,
        email=an_email("ann@x.org"),
        email_origin_id=ann.id,
        session_count=7,
        custom_attributes={"plan": "", "car": {"doors": 3}},
        custom_events={"login": {"count": 7, "first": MON, "last": TUE}},
        updated_at=merged.updated_at,
        absorbed_on=merged.updated_at.date(),
        absorbed_count=1,
    )


def test_the_orphans_external_id_redirects_if_the_survivor_has_its_own(pool: Pool, factory: Factory) -> None:
    ann, bea = factory.profile("ann"), factory.profile("bea")

    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    redirect = only(factory, "redirect")
    assert (redirect["orphan_id"], redirect["survivor_id"]) == (ann.id, bea.id)
    assert (redirect["braze_id"], redirect["external_id"]) == (ann.braze_id, "ann")
    assert redirect["job_id"] == row["id"]


def test_a_survivor_without_an_external_id_takes_the_orphans(pool: Pool, factory: Factory) -> None:
    ann, guest = factory.profile("ann"), factory.profile(user_aliases={"guest": "g"})

    rows = merge_all(pool, factory, (ext("ann"), alias("guest", "g")), (ext("ann"), alias("guest", "g")))

    assert outcomes_of(rows) == ["merged", "same_profile"]
    assert (factory.load(guest) or ann).external_id == "ann"
    assert only(factory, "redirect")["external_id"] is None


def test_an_external_id_that_was_taken_over_moves_with_its_new_owner(pool: Pool, factory: Factory) -> None:
    factory.profile("ann")
    factory.profile(user_aliases={"guest": "g"})
    bea = factory.profile("bea")
    merge_one(pool, factory, ext("ann"), alias("guest", "g"))

    merge_one(pool, factory, ext("ann"), ext("bea"))
    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    assert (row["outcome"], row["survivor_id"]) == ("already_merged", bea.id)


def test_a_new_profile_with_the_orphans_external_id_is_a_separate_profile(pool: Pool, factory: Factory) -> None:
    for name in ("ann", "bea"):
        factory.profile(name)
    merge_one(pool, factory, ext("ann"), ext("bea"))
    factory.rows("UPDATE redirect SET external_id = NULL WHERE workspace_id = %s RETURNING 1")
    fresh = factory.profile("ann")

    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    assert (row["outcome"], row["orphan_id"]) == ("merged", fresh.id)


def test_aliases_move_and_the_survivor_keeps_its_own_for_a_shared_label(pool: Pool, factory: Factory) -> None:
    factory.profile("ann", user_aliases={"mail": "ann", "guest": "a1", "app": "a2"})
    bea = factory.profile("bea", user_aliases={"mail": "bea", "shop": "b1"})

    merge_one(pool, factory, ext("ann"), ext("bea"))

    expected = {"mail": "bea", "guest": "a1", "app": "a2", "shop": "b1"}
    assert aliases_of(factory, bea) == expected
    assert (factory.load(bea) or bea).user_aliases == expected
    (left,) = factory.rows("SELECT count(*) AS count FROM user_alias WHERE workspace_id = %s")
    assert left["count"] == 4


def test_the_history_belongs_to_the_survivor_and_its_rows_are_not_changed(pool: Pool, factory: Factory) -> None:
    ann, bea, cid = (factory.profile(name) for name in ("ann", "bea", "cid"))
    for profile in (ann, bea, cid):
        factory.event(profile, "login", LONG_AGO)
    query = "SELECT ctid::text, xmin::text, * FROM custom_event WHERE workspace_id = %s ORDER BY id"
    before = factory.rows(query)

    merge_one(pool, factory, ext("ann"), ext("bea"))
    assert origins(factory) == {ann.id: bea.id}
    merge_one(pool, factory, ext("bea"), ext("cid"))

    assert origins(factory) == {ann.id: cid.id, bea.id: cid.id}
    assert factory.rows(query) == before


def test_the_audit_contains_both_former_profiles_and_the_changes(pool: Pool, factory: Factory) -> None:
    ann = factory.profile(
        "ann", first_name="Ann", email=" Ann@x.org", dob=date(1980, 12, 21), user_aliases={"mail": "ann"}
    )
    bea = factory.profile("bea", purchase_count=2, phone="+1 415 5550123")

    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    record = only(factory, "merge_record")
    assert (record["job_id"], record["orphan_id"], record["survivor_id"]) == (row["id"], ann.id, bea.id)
    assert profile_from_snapshot(record["orphan_before"]) == ann
    assert profile_from_snapshot(record["survivor_before"]) == bea
    assert record["origins"] == [ann.id]
    assert {change["field"]: change["after"] for change in recorded_changes(factory, row["id"])} == {
        "first_name": "Ann",
        "email": " Ann@x.org",
        "dob": "1980-12-21",
        "user_aliases": [{"alias_name": "ann", "alias_label": "mail"}],
    }
    assert record["merged_at"] == (factory.load(bea) or bea).updated_at


def test_the_audit_names_every_origin_that_the_orphan_brought(pool: Pool, factory: Factory) -> None:
    a, b, _ = (factory.profile(name) for name in "abc")

    rows = merge_all(pool, factory, (ext("a"), ext("b")), (ext("b"), ext("c")))

    query = "SELECT origins FROM merge_record WHERE workspace_id = %s AND job_id = %s"
    brought = [factory.rows(query, row["id"])[0]["origins"] for row in rows]
    assert [set(each) for each in brought] == [{a.id}, {a.id, b.id}]


def test_the_audit_of_a_chain_shows_each_step(pool: Pool, factory: Factory) -> None:
    for name, count in (("a", 1), ("b", 10), ("c", 100)):
        factory.profile(name, session_count=count)

    rows = merge_all(pool, factory, (ext("a"), ext("b")), (ext("b"), ext("c")))

    changes = [each for row in rows for each in recorded_changes(factory, row["id"])]
    assert [(each["before"], each["after"]) for each in changes] == [
        (10, 11),
        (100, 111),
    ]


def test_a_job_is_found_by_the_ids_of_the_profiles_that_it_merged(pool: Pool, factory: Factory) -> None:
    ann = factory.profile("ann", email="ann@x.org")
    bea = factory.profile("bea")
    job_id = factory.job(by_email("ann@x.org", "identified"), ext("bea"), search_keys=["ann@x.org", "bea"])

    deliver(pool, factory, [job_id])

    assert set(factory.row(job_id)["search_keys"]) == {"ann@x.org", "ann", "bea", ann.braze_id, bea.braze_id}


def test_an_encrypted_address_is_not_passed_to_the_survivor(pool: Pool, factory: Factory) -> None:
    factory.profile("ann", email=an_email("0x8f3a", encrypted=True))
    bea = factory.profile("bea")

    merge_one(pool, factory, ext("ann"), ext("bea"))

    assert (factory.load(bea) or bea).email is None


def test_no_profile_of_another_workspace_is_merged(pool: Pool, factory: Factory) -> None:
    elsewhere = Factory(factory.connection)
    strangers = [elsewhere.profile(name) for name in ("ann", "bea")]
    factory.profile("bea")

    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    assert row["outcome"] == "orphan_not_found"
    assert [elsewhere.load(each) for each in strangers] == strangers


def test_a_job_of_another_workspace_is_not_run(pool: Pool, factory: Factory) -> None:
    elsewhere = Factory(factory.connection)
    job_id = elsewhere.job(ext("ann"), ext("bea"))

    deliver(pool, factory, [job_id])

    assert elsewhere.row(job_id)["state"] == "queued"


def test_days_and_times_are_utc_in_any_time_zone_of_the_server(
    database_url: str, settings: Settings, factory: Factory
) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        # Thirteen or fourteen hours ahead of UTC: its date differs for more than half of the day.
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET timezone = 'Pacific/Auckland'")
    factory.profile("ann", first_session_at=datetime(2026, 2, 2, 20, tzinfo=UTC))
    bea = factory.profile("bea")

    with open_pool(settings, name="test") as pool:
        row = merge_one(pool, factory, ext("ann"), ext("bea"))

    merged = factory.load(bea) or bea
    assert merged.absorbed_on == merged.updated_at.astimezone(UTC).date()
    (change,) = recorded_changes(factory, row["id"])
    assert (change["field"], change["after"]) == ("first_session", "2026-02-02T20:00:00.000Z")


@pytest.mark.parametrize("count", [1, 50])
def test_a_lane_of_independent_pairs_merges_them_all(pool: Pool, factory: Factory, count: int) -> None:
    for number in range(count):
        factory.profile(f"o{number}", session_count=1)
        factory.profile(f"s{number}", session_count=number)

    rows = merge_all(pool, factory, *((ext(f"o{number}"), ext(f"s{number}")) for number in range(count)))

    assert outcomes_of(rows) == ["merged"] * count
    kept = factory.rows("SELECT external_id, session_count FROM profile WHERE workspace_id = %s ORDER BY id")
    assert [(row["external_id"], row["session_count"]) for row in kept] == [(f"s{n}", n + 1) for n in range(count)]
