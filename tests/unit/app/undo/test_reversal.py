"""The undo of a merge: the survivor afterwards, for any two profiles and any later writes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as with_settings

from app.merging.merge import merge_profiles
from app.merging.profile import Profile
from app.merging.rules import MERGE_RULES, Rule
from app.undo.reversal import RecordedMerge, exclude_undone, history_queries, reverse_merge
from app.undo.rules import UNDO_RULES
from tests.support.factories import a_profile
from tests.support.generated import AT, profiles

thoroughly = with_settings(max_examples=30, deadline=None)

FIRST, SECOND, THIRD = (f"2026-01-0{day}T00:00:00.000Z" for day in (1, 2, 3))


def absorption(survivor: Profile, orphan: Profile) -> RecordedMerge:
    """Return the merge of *orphan* into *survivor*."""
    return RecordedMerge(survivor=survivor, orphan=orphan, at=AT)


def merged(of: RecordedMerge) -> Profile:
    """Return the survivor after the merge."""
    return merge_profiles(survivor=of.survivor, orphan=of.orphan, at=of.at)


def known(profile: Profile) -> Profile:
    """Return *profile* without its count of merges: an undo cannot restore the count of an earlier day."""
    return replace(profile, absorbed_on=None, absorbed_count=0)


def login(count: int, first: str, last: str) -> dict[str, Any]:
    """Return a summary of one event."""
    return {"login": {"count": count, "first": first, "last": last}}


def test_every_merge_rule_has_an_undo_rule() -> None:
    def names(rule: Rule) -> set[str]:
        return {rule.name}.union(*map(names, rule.entries.values()))

    assert set().union(*map(names, MERGE_RULES.values())) == UNDO_RULES.keys()


@given(profiles(1), profiles(2))
@thoroughly
def test_an_undo_without_later_writes_restores_the_survivor(survivor: Profile, orphan: Profile) -> None:
    of = absorption(survivor, orphan)

    left = reverse_merge(merged(of), of, look_up=lambda _: None)

    assert known(left) == known(survivor)


@given(profiles(1), profiles(2), profiles(3))
@thoroughly
def test_two_merges_are_undone_in_reverse_order(survivor: Profile, one: Profile, two: Profile) -> None:
    first = absorption(survivor, one)
    second = absorption(merged(first), two)

    left = reverse_merge(reverse_merge(merged(second), second, look_up=lambda _: None), first, look_up=lambda _: None)

    assert known(left) == known(survivor)


@given(profiles(1), profiles(2), profiles(3))
@thoroughly
def test_sums_are_restored_if_the_first_merge_is_undone_first(survivor: Profile, one: Profile, two: Profile) -> None:
    first = absorption(survivor, one)
    second = absorption(merged(first), two)

    beneath = reverse_merge(merged(second), first, look_up=lambda _: None)
    left = reverse_merge(beneath, exclude_undone(second, [first]), look_up=lambda _: None)

    for field in ("session_count", "purchase_count", "revenue_cents"):
        assert getattr(left, field) == getattr(survivor, field)


def test_a_value_that_was_written_since_stays() -> None:
    of = absorption(a_profile(), a_profile(first_name="Ann", custom_attributes={"plan": "pro", "seats": 3}))
    now = replace(merged(of), first_name="Anna", custom_attributes={"plan": "free", "seats": 3})

    left = reverse_merge(now, of, look_up=lambda _: None)

    assert (left.first_name, left.custom_attributes) == ("Anna", {"plan": "free"})


def test_a_first_time_from_the_orphan_is_looked_up_in_the_history() -> None:
    of = absorption(a_profile(custom_events=login(1, SECOND, SECOND)), a_profile(custom_events=login(2, FIRST, SECOND)))
    now = replace(merged(of), custom_events=login(4, FIRST, THIRD))

    (question,) = history_queries(now, of)
    left = reverse_merge(now, of, look_up=lambda _: None)

    assert (question.path, question.theirs, question.ours) == (("custom_events", "login", "first"), FIRST, SECOND)
    assert left.custom_events == login(2, SECOND, THIRD)


def test_a_time_from_the_history_is_used() -> None:
    of = absorption(a_profile(), a_profile(custom_events=login(2, FIRST, THIRD)))
    now = replace(merged(of), custom_events=login(3, FIRST, THIRD))

    left = reverse_merge(now, of, look_up=lambda _: SECOND)

    assert left.custom_events == login(1, SECOND, SECOND)


@pytest.mark.parametrize("happened", [True, None])
def test_a_mark_that_both_may_have_set_is_looked_up_in_the_history(happened: bool | None) -> None:
    engaged = {"c": {"last_received": FIRST, "engaged": {"opened": True}}}
    of = absorption(
        a_profile(campaigns_received={"c": {"last_received": SECOND}}), a_profile(campaigns_received=engaged)
    )

    left = reverse_merge(merged(of), of, look_up=lambda _: happened)

    assert left.campaigns_received["c"].get("engaged", {}) == ({"opened": True} if happened else {})


def test_a_time_of_an_untrusted_snapshot_is_looked_up_in_the_history() -> None:
    """The time may belong to an erased person."""
    of = absorption(a_profile(custom_events=login(2, FIRST, THIRD)), a_profile(custom_events=login(1, SECOND, SECOND)))
    doubtful = exclude_undone(of, [], trusted=False)
    now = replace(merged(of), custom_events=login(2, SECOND, THIRD))

    left = reverse_merge(now, doubtful, look_up=lambda _: THIRD)

    assert left.custom_events == login(1, THIRD, THIRD)


def test_the_update_time_is_restored_if_no_later_write_happened() -> None:
    of = absorption(a_profile(), a_profile())
    written = replace(merged(of), updated_at=AT + timedelta(hours=1))

    times = [reverse_merge(now, of, look_up=lambda _: None).updated_at for now in (merged(of), written)]

    assert times == [of.survivor.updated_at, written.updated_at]


def test_an_undo_reduces_the_survivors_count_on_the_day_of_the_merge() -> None:
    of = absorption(a_profile(absorbed_on=AT.date(), absorbed_count=4), a_profile())
    later = replace(merged(of), absorbed_on=AT.date() + timedelta(days=1), absorbed_count=2)

    counts = [reverse_merge(now, of, look_up=lambda _: None).absorbed_count for now in (merged(of), later)]

    assert counts == [4, 2]


def test_a_snapshot_is_not_trusted_if_an_undone_merge_hides_a_later_time() -> None:
    first = absorption(a_profile(), a_profile(custom_events=login(1, FIRST, FIRST)))
    # This snapshot does not contain the first login of the survivor: the first orphan had an earlier one.
    hidden = replace(merged(first), custom_events=login(2, FIRST, SECOND))
    hiding = absorption(hidden, a_profile(custom_events=login(1, THIRD, THIRD)))
    plain = absorption(merged(first), a_profile(custom_events=login(1, THIRD, THIRD)))

    assert not exclude_undone(hiding, [first]).trusted
    assert exclude_undone(plain, [first]).trusted
