"""Every outcome of a merge on a real database: the recorded outcome and profiles, and no other change."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.db.connections import Pool
from app.merging.profile import Profile
from tests.integration.lane.running import merge_all, merge_one, outcomes_of
from tests.support.factories import LONG_AGO, Factory, Wire, alias, by_email, by_phone, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

Case = tuple[Wire, Wire]


def counted(factory: Factory) -> dict[str, Any]:
    """Return all rows that a merge could change, except the jobs."""
    tables = ("profile", "user_alias", "origin", "redirect", "merge_record")
    return {
        table: factory.rows(f"SELECT {table}::text AS row FROM {table} WHERE workspace_id = %s ORDER BY 1")
        for table in tables
    }


def refused(factory: Factory) -> Case:
    factory.profile("null")
    return ext("null"), ext("nobody")


def orphan_ambiguous(factory: Factory) -> Case:
    for _ in range(2):
        factory.profile(email="two@x.org")
    return by_email("two@x.org", "unidentified", "most_recently_updated"), ext("nobody")


def survivor_ambiguous(factory: Factory) -> Case:
    for _ in range(3):
        factory.profile(phone="+14155550123")
    return ext("nobody"), by_phone("+14155550123", "unidentified")


def orphan_not_found(factory: Factory) -> Case:
    factory.profile("known")
    return alias("mail", "nobody"), ext("known")


def survivor_not_found(factory: Factory) -> Case:
    factory.profile("known", email="known@x.org")
    return ext("known"), by_email("known@x.org", "unidentified")


def same_profile(factory: Factory) -> Case:
    factory.profile("known", email="known@x.org", control_group=True)
    return by_email("known@x.org", "most_recently_updated"), ext("known")


def protected(factory: Factory) -> Case:
    factory.profile("one", marked_for_deletion_at=LONG_AGO, phone="0123")
    factory.profile("two", phone="0123")
    return ext("one"), ext("two")


def invalid_phones(factory: Factory) -> Case:
    factory.profile("one", phone="0123")
    factory.profile("two", phone="0124", **full())
    return ext("one"), ext("two")


def survivor_limit(factory: Factory) -> Case:
    factory.profile("one", phone="0123")
    factory.profile("two", **full())
    return ext("one"), ext("two")


def full() -> dict[str, Any]:
    return {"absorbed_on": datetime.now(UTC).date(), "absorbed_count": 10_000}


@pytest.mark.parametrize(
    ("prepare", "outcome", "found"),
    [
        (refused, "refused_identifier", "o-"),
        (orphan_ambiguous, "orphan_ambiguous", "--"),
        (survivor_ambiguous, "survivor_ambiguous", "--"),
        (orphan_not_found, "orphan_not_found", "-s"),
        (survivor_not_found, "survivor_not_found", "o-"),
        (same_profile, "same_profile", "os"),
        (protected, "protected", "os"),
        (invalid_phones, "invalid_phones", "os"),
        (survivor_limit, "survivor_limit", "os"),
    ],
)
def test_a_job_that_merges_nothing_has_its_outcome_and_changes_nothing(
    pool: Pool, factory: Factory, prepare: Callable[[Factory], Case], outcome: str, found: str
) -> None:
    orphan, survivor = prepare(factory)
    before = counted(factory)

    row = merge_one(pool, factory, orphan, survivor)

    assert (row["state"], row["outcome"], row["attempts"]) == ("finished", outcome, 1)
    assert row["reason"].endswith(".")
    assert [row["orphan_id"] is not None, row["survivor_id"] is not None] == [side != "-" for side in found]
    assert row["started_at"] <= row["finished_at"]
    assert counted(factory) == before


def test_a_merge_is_recorded_with_both_former_profiles(pool: Pool, factory: Factory) -> None:
    ann, bea = factory.profile("ann"), factory.profile("bea")

    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    assert (row["state"], row["outcome"]) == ("finished", "merged")
    assert named(row, "orphan") == who(ann)
    assert named(row, "survivor") == who(bea)
    assert row["reason"] == f"Profile {ann.braze_id} was merged into profile {bea.braze_id} and retired."


def test_the_reason_of_a_merged_away_orphan_names_its_survivor(pool: Pool, factory: Factory) -> None:
    ann, bea, cid = (factory.profile(name) for name in ("ann", "bea", "cid"))

    rows = merge_all(pool, factory, (ext("ann"), ext("bea")), (ext("ann"), ext("cid")))

    assert outcomes_of(rows) == ["merged", "already_merged"]
    assert (named(rows[1], "orphan"), named(rows[1], "survivor")) == (who(ann), who(cid))
    assert bea.braze_id in rows[1]["reason"]
    assert factory.load(cid) == cid


def test_the_reason_of_a_merged_away_orphan_names_its_present_survivor(pool: Pool, factory: Factory) -> None:
    for name in ("ann", "bea"):
        factory.profile(name)
    cid = factory.profile("cid")
    merge_one(pool, factory, ext("ann"), ext("bea"))
    merge_one(pool, factory, ext("bea"), ext("cid"))

    row = merge_one(pool, factory, ext("ann"), ext("bea"))

    assert (row["outcome"], row["survivor_id"]) == ("already_merged", cid.id)
    assert cid.braze_id in row["reason"]


def test_the_reason_says_whether_the_prioritization_or_the_identifier_matched_no_profile(
    pool: Pool, factory: Factory
) -> None:
    factory.profile("known", email="known@x.org")

    rows = merge_all(
        pool,
        factory,
        (by_email("known@x.org", "unidentified"), ext("known")),
        (by_email("nobody@x.org", "unidentified"), ext("known")),
    )

    assert outcomes_of(rows) == ["orphan_not_found"] * 2
    assert rows[0]["reason"].startswith("Profiles match identifier_to_merge, but the prioritization [unidentified]")
    assert rows[1]["reason"] == "No profile has the email address in identifier_to_merge."


def test_the_limit_of_a_survivor_counts_the_merges_of_the_day(pool: Pool, factory: Factory) -> None:
    factory.profile("hub")
    for number in range(4):
        factory.profile(f"spoke-{number}")

    rows = merge_all(pool, factory, *((ext(f"spoke-{n}"), ext("hub")) for n in range(4)), survivor_limit=3)

    assert outcomes_of(rows) == ["merged"] * 3 + ["survivor_limit"]


def test_yesterdays_merges_do_not_count(pool: Pool, factory: Factory) -> None:
    factory.profile("hub", absorbed_on=LONG_AGO.date(), absorbed_count=10_000)
    factory.profile("spoke")

    assert merge_one(pool, factory, ext("spoke"), ext("hub"))["outcome"] == "merged"


def test_identify_gives_a_profile_its_external_id_or_merges_it(pool: Pool, factory: Factory) -> None:
    guest = factory.profile(user_aliases={"mail": "guest"})
    other = factory.profile(email="other@x.org", first_name="Other")
    ann = factory.profile("ann")

    rows = merge_all(
        pool,
        factory,
        (alias("mail", "guest"), ext("new")),
        (by_email("other@x.org", "unidentified"), ext("ann")),
        (alias("mail", "guest"), ext("third")),
        kind="identify",
    )

    assert outcomes_of(rows) == ["identified", "merged", "orphan_identified"]
    assert (factory.load(guest) or ann).external_id == "new"
    assert factory.load(other) is None
    assert (factory.load(ann) or guest).first_name == "Other"


def test_identify_does_not_merge_profiles_with_the_same_alias_label(pool: Pool, factory: Factory) -> None:
    factory.profile(user_aliases={"mail": "guest"})
    factory.profile("ann", user_aliases={"mail": "ann"})
    before = counted(factory)

    (row,) = merge_all(pool, factory, (alias("mail", "guest"), ext("ann")), kind="identify")

    assert row["outcome"] == "alias_conflict"
    assert counted(factory) == before


def named(row: dict[str, Any], role: str) -> tuple[Any, ...]:
    """Return the ids of the profile that the row of a job names in *role*."""
    return row[f"{role}_id"], row[f"{role}_braze_id"], row[f"{role}_external_id"]


def who(profile: Profile) -> tuple[Any, ...]:
    """Return the ids by which the row of a job names *profile*."""
    return profile.id, profile.braze_id, profile.external_id
