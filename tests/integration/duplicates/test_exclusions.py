"""A run and its preview do not merge excluded pairs, also after merges, and in groups of any size."""

from typing import Any

import pytest

from app.config import Settings
from app.db.connections import Pool
from app.duplicates import advance, preview, scan
from app.duplicates.preview import count_duplicates, preview_steps
from app.merging.profile import Profile
from schemas.keeping import KeepRule, Left
from tests.support.duplicates import a_group, begin, exclude, merges, pairs, run_of, take_steps
from tests.support.factories import Factory
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")


@pytest.fixture(params=[(20_000, 1_000), (2, 2), (3, 1)], ids=str)
def steps_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Steps of several sizes, so that a group is read whole or in parts."""
    entries, members = request.param
    plain = scan.Scan

    def small(**given: Any) -> scan.Scan:
        return plain(**given, entries=entries, members=members)

    monkeypatch.setattr(advance, "Scan", small)
    monkeypatch.setattr(preview, "Scan", small)
    return entries, members


def left_of(pool: Pool, factory: Factory) -> list[str]:
    """Return the braze_ids that the preview leaves out as excluded."""
    steps = preview_steps(pool, Settings(), workspace_id=factory.workspace_id, rule=KeepRule())
    plans = [plan for step in steps for plan in step.plans]
    return [each.braze_id for plan in plans for each, reason in plan.left if reason is Left.EXCLUDED]


def assert_same(pool: Pool, factory: Factory, merged: list[tuple[str, str]], left: list[Profile]) -> None:
    """Assert that the preview and a run merge *merged* and leave out *left*."""
    counts, _ = count_duplicates(pool, Settings(), workspace_id=factory.workspace_id, rule=KeepRule())
    assert sorted(left_of(pool, factory)) == sorted(each.braze_id for each in left)
    run_id = begin(pool, factory)
    take_steps(pool, factory)
    run = run_of(pool, factory, run_id)

    assert sorted(pairs(factory)) == sorted(merged)
    assert counts.left == run.counts.left == ({"excluded": len(left)} if left else {})
    assert counts.to_merge == run.counts.to_merge == len(merged)


def test_the_other_profiles_of_a_group_are_merged(steps_of: tuple[int, int], pool: Pool, factory: Factory) -> None:
    c, b, a = a_group(factory, "ada@x.org", 1, 2, 3)
    exclude(pool, factory, (a, b))

    assert_same(pool, factory, merges([c], a), left=[b])


def test_the_preferred_one_of_two_excluded_orphans_is_merged(
    steps_of: tuple[int, int], pool: Pool, factory: Factory
) -> None:
    d, c, b, a = a_group(factory, "ada@x.org", 1, 2, 3, 4)
    exclude(pool, factory, (c, b), (d, c))

    # Without c, no exclusion applies to d.
    assert_same(pool, factory, merges([b, d], a), left=[c])


def test_an_exclusion_with_a_protected_profile_blocks_no_other_merge(
    steps_of: tuple[int, int], pool: Pool, factory: Factory
) -> None:
    (c,) = a_group(factory, "ada@x.org", 1)
    (b,) = a_group(factory, "ada@x.org", 2, control_group=True)
    (a,) = a_group(factory, "ada@x.org", 3)
    exclude(pool, factory, (c, b))
    begin(pool, factory)
    take_steps(pool, factory)

    assert pairs(factory) == merges([c], a)


def test_an_excluded_pair_alone_is_not_merged(steps_of: tuple[int, int], pool: Pool, factory: Factory) -> None:
    b, a = a_group(factory, "ada@x.org", 1, 2)
    other, elsewhere = a_group(factory, "bob@x.org", 1, 2)
    exclude(pool, factory, (a, b), (a, elsewhere))

    assert_same(pool, factory, merges([other], elsewhere), left=[b])


def test_an_exclusion_follows_its_profiles_through_merges(
    steps_of: tuple[int, int], pool: Pool, factory: Factory
) -> None:
    c, a = a_group(factory, "ada@x.org", 1, 2)
    (b,) = a_group(factory, "b@x.org", 1)
    exclude(pool, factory, (a, b))
    factory.rows("INSERT INTO origin (workspace_id, origin_id, profile_id) VALUES (%s, %s, %s) RETURNING 1", b.id, c.id)
    factory.rows("DELETE FROM profile WHERE workspace_id = %s AND id = %s RETURNING 1", b.id)

    assert_same(pool, factory, [], left=[c])
