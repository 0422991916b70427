"""Merges of duplicates at their execution: only profiles that are still duplicates are merged."""

from collections.abc import Callable

import pytest

from app.config import Settings
from app.db.connections import Pool
from fuzz.lanes import Worker
from tests.support.duplicates import a_group, begin, exclude, take_steps
from tests.support.factories import Factory, alias, ext
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

ENDS = """
    SELECT outcome, reason, orphan_braze_id, survivor_braze_id FROM job
    WHERE workspace_id = %s ORDER BY batch_id, index
"""


@pytest.fixture
def work(pool: Pool) -> Callable[[], None]:
    """A function that runs all waiting jobs."""
    return Worker(pool, Settings()).work


def ends(factory: Factory) -> list[str]:
    """Return the outcomes of all jobs."""
    return [row["outcome"] for row in factory.rows(ENDS)]


def test_duplicates_with_any_identifiers_are_merged(pool: Pool, factory: Factory, work: Callable[[], None]) -> None:
    orphans = [*a_group(factory, "a@x.org", 1, 2), *a_group(factory, "A@x.org", 3, user_aliases={"shop": "7"})]
    (keeper,) = a_group(factory, "a@X.org", 0, external_id="ada")
    begin(pool, factory)
    take_steps(pool, factory)
    work()

    rows = factory.rows(ENDS)
    assert [(row["outcome"], row["orphan_braze_id"]) for row in rows] == [
        ("merged", orphan.braze_id) for orphan in reversed(orphans)
    ]
    assert {row["survivor_braze_id"] for row in rows} == {keeper.braze_id}
    assert [factory.load(orphan) for orphan in orphans] == [None] * 3
    assert (factory.load(keeper) or keeper).user_aliases == {"shop": "7"}


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("email = 'other@x.org', email_key = 'other@x.org'", "not_found"),
        ("email = NULL, email_key = NULL", "not_found"),
        ("external_id = 'new'", "not_found"),
        ("control_group = true", "protected"),
        ("first_name = 'Ada', updated_at = now()", "merged"),
    ],
)
@pytest.mark.parametrize("role", ["orphan", "survivor"])
def test_a_changed_profile_is_merged_only_if_it_is_still_a_duplicate(
    pool: Pool, factory: Factory, work: Callable[[], None], change: str, outcome: str, role: str
) -> None:
    orphan, survivor = a_group(factory, "a@x.org", 1, 2)
    begin(pool, factory)
    take_steps(pool, factory)
    changed = orphan if role == "orphan" else survivor
    factory.rows(f"UPDATE profile SET {change} WHERE workspace_id = %s AND id = %s RETURNING 1", changed.id)
    work()

    (row,) = factory.rows(ENDS)
    assert row["outcome"] == (f"{role}_not_found" if outcome == "not_found" else outcome)
    assert (outcome != "not_found") or "changed since" in row["reason"]
    assert (factory.load(orphan) is None) == (outcome == "merged")


def test_an_identified_profile_is_never_merged_into_one_that_lost_its_external_id(
    pool: Pool, factory: Factory, work: Callable[[], None]
) -> None:
    orphan, survivor = a_group(factory, "a@x.org", 1)[0], a_group(factory, "a@x.org", 0, external_id="ada")[0]
    begin(pool, factory)
    take_steps(pool, factory)
    factory.rows("UPDATE profile SET external_id = NULL WHERE workspace_id = %s AND id = %s RETURNING 1", survivor.id)
    work()

    assert ends(factory) == ["survivor_not_found"]
    assert factory.load(orphan) == orphan


def test_a_run_repeated_before_its_merges_are_done_merges_nothing_twice(
    pool: Pool, factory: Factory, work: Callable[[], None]
) -> None:
    group = a_group(factory, "a@x.org", 1, 2, 3, session_count=1)
    for _ in range(2):
        begin(pool, factory)
        take_steps(pool, factory)
    work()

    assert ends(factory) == ["merged", "merged", "already_merged", "already_merged"]
    assert (factory.load(group[-1]) or group[-1]).session_count == 3


def test_a_keeper_that_was_merged_away_meanwhile_is_not_followed(
    pool: Pool, factory: Factory, work: Callable[[], None]
) -> None:
    (orphan,) = a_group(factory, "a@x.org", 1)
    a_group(factory, "a@x.org", 2, user_aliases={"shop": "7"})
    stranger = factory.profile("stranger", email="s@x.org")
    factory.job(alias("shop", "7"), ext("stranger"))
    begin(pool, factory)
    take_steps(pool, factory)
    work()

    rows = factory.rows(ENDS)
    assert [row["outcome"] for row in rows] == ["merged", "survivor_not_found"]
    assert factory.load(orphan) == orphan
    assert factory.load(stranger) is not None


def test_other_jobs_of_the_lane_do_not_follow_a_keeper_that_was_merged_away(
    pool: Pool, factory: Factory, work: Callable[[], None]
) -> None:
    first, second, keeper = a_group(factory, "a@x.org", 1, 2, 3)
    begin(pool, factory)
    take_steps(pool, factory)
    swap = "orphan_identifier = survivor_identifier, survivor_identifier = orphan_identifier"
    factory.rows(f"UPDATE job SET {swap} WHERE workspace_id = %s AND index = 0 RETURNING 1")
    work()

    assert ends(factory) == ["merged", "survivor_not_found"]
    assert factory.load(keeper) is None
    assert factory.load(first) == first
    assert factory.load(second) is not None


def test_a_deleted_profile_is_not_found(pool: Pool, factory: Factory, work: Callable[[], None]) -> None:
    orphan, _ = a_group(factory, "a@x.org", 1, 2)
    begin(pool, factory)
    take_steps(pool, factory)
    factory.rows("DELETE FROM profile WHERE workspace_id = %s AND id = %s RETURNING 1", orphan.id)
    work()

    (row,) = factory.rows(ENDS)
    assert row["outcome"] == "orphan_not_found"
    assert "braze_id" in row["reason"]


def test_an_address_that_is_refused_meanwhile_merges_nothing(pool: Pool, factory: Factory) -> None:
    a_group(factory, "team@x.org", 1, 2)
    begin(pool, factory)
    take_steps(pool, factory)
    Worker(pool, Settings(refused_identifiers=frozenset({"team@x.org"}))).work()

    assert ends(factory) == ["refused_identifier"]


def test_a_pair_that_was_excluded_after_the_scan_is_not_merged(
    pool: Pool, factory: Factory, work: Callable[[], None]
) -> None:
    c, b, a = a_group(factory, "a@x.org", 1, 2, 3)
    begin(pool, factory)
    take_steps(pool, factory)
    # The first job merges b into a, so the exclusion of b and c holds for a and c in the second.
    exclude(pool, factory, (b, c))
    work()

    rows = factory.rows(ENDS)
    assert [(row["outcome"], row["orphan_braze_id"]) for row in rows] == [
        ("merged", b.braze_id),
        ("protected", c.braze_id),
    ]
    assert "recorded as not a match after the run over duplicates saw them" in rows[1]["reason"]
    assert factory.load(c) is not None
    assert factory.load(a) is not None
