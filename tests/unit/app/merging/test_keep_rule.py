"""The keep rule: it selects the profile to keep of a group of duplicates, and plans the merges of the others."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.merging.keep_rule import Duplicate, choose_keeper, plan_group, preferred
from schemas.keeping import KeepRule, Prefer, TiesBy, Undecided
from schemas.outcomes import Outcome
from tests.support.factories import LONG_AGO, a_phone

REFUSED = frozenset({"null", "undefined"})
RULES = [KeepRule(resolve_ties_by=by, prefer=prefer) for by in TiesBy for prefer in Prefer]


def a_duplicate(number: int, *, day: int = 0, session: int | None = None, **fields: Any) -> Duplicate:
    """Return a duplicate that was created and updated on *day*, with its last session on the day *session*."""
    at = LONG_AGO + timedelta(days=day)
    whole: dict[str, Any] = {
        "id": number,
        "braze_id": f"{number:024x}",
        "external_id": None,
        "created_at": at,
        "updated_at": at,
        "last_session_at": None if session is None else LONG_AGO + timedelta(days=session),
        **fields,
    }
    return Duplicate(**whole)


def kept(duplicates: Sequence[Duplicate], rule: KeepRule) -> int | Undecided:
    """Return the id of the profile to keep, or the reason why there is none."""
    chosen = choose_keeper(preferred(duplicates, rule), refused=False)
    return chosen if isinstance(chosen, Undecided) else chosen.id


some = st.lists(
    st.builds(
        a_duplicate,
        st.integers(1, 12),
        day=st.integers(0, 3),
        session=st.none() | st.integers(0, 2),
        external_id=st.none() | st.just("x"),
        control_group=st.booleans(),
    ),
    min_size=1,
    unique_by=lambda duplicate: duplicate.id,
)


@pytest.mark.parametrize("rule", RULES)
def test_an_identified_profile_is_kept_before_any_other(rule: KeepRule) -> None:
    others = [a_duplicate(1, day=0, session=0), a_duplicate(2, day=9, session=9)]

    assert kept([*others, a_duplicate(3, day=5, external_id="x")], rule) == 3


@pytest.mark.parametrize(
    ("by", "newest", "oldest"), [(TiesBy.CREATED, 1, 2), (TiesBy.UPDATED, 2, 3), (TiesBy.LAST_SESSION, 3, 1)]
)
@pytest.mark.parametrize("external_id", ["x", None])
def test_the_rule_selects_the_time_that_resolves_ties(
    by: TiesBy, newest: int, oldest: int, external_id: str | None
) -> None:
    days = {1: (9, 5, 1), 2: (1, 9, 5), 3: (5, 1, 9)}
    group = [
        a_duplicate(
            number,
            session=seen,
            external_id=external_id,
            created_at=LONG_AGO + timedelta(days=made),
            updated_at=LONG_AGO + timedelta(days=updated),
        )
        for number, (made, updated, seen) in days.items()
    ]

    assert kept(group, KeepRule(resolve_ties_by=by, prefer=Prefer.NEWEST)) == newest
    assert kept(group, KeepRule(resolve_ties_by=by, prefer=Prefer.OLDEST)) == oldest


@pytest.mark.parametrize("rule", RULES)
def test_identical_times_are_a_tie_without_a_keeper(rule: KeepRule) -> None:
    twins = [a_duplicate(1, day=3, session=3), a_duplicate(2, day=3, session=3)]

    assert kept(twins, rule) == Undecided.TIE


@pytest.mark.parametrize("prefer", Prefer)
def test_profiles_with_a_session_are_preferred_to_profiles_without_one(prefer: Prefer) -> None:
    rule = KeepRule(resolve_ties_by=TiesBy.LAST_SESSION, prefer=prefer)

    assert kept([a_duplicate(1), a_duplicate(2, session=4)], rule) == 2
    assert kept([a_duplicate(1), a_duplicate(2, day=7)], rule) == Undecided.TIE


def test_profiles_that_share_a_placeholder_are_no_duplicates() -> None:
    assert choose_keeper((a_duplicate(1),), refused=True) == Undecided.REFUSED


@pytest.mark.parametrize("protection", [{"control_group": True}, {"marked_for_deletion_at": LONG_AGO}])
def test_a_protected_profile_is_neither_kept_nor_merged(protection: dict[str, Any]) -> None:
    protected, other = a_duplicate(1, day=9, **protection), a_duplicate(2)

    assert kept([protected, other], KeepRule()) == Undecided.PROTECTED

    found = plan_group([protected, other], keeper=other, address="a@x.org", rule=KeepRule())

    assert (found.orphans, found.left) == ((), ((protected, Outcome.PROTECTED),))


def test_two_invalid_phone_numbers_are_not_merged() -> None:
    keeper, orphan = a_duplicate(1, phone=a_phone("123")), a_duplicate(2, phone=a_phone("456"))
    found = plan_group([keeper, orphan], keeper=keeper, address="a@x.org", rule=KeepRule())

    assert found.left == ((orphan, Outcome.INVALID_PHONES),)


def test_orphans_are_in_the_order_of_the_rules_preference() -> None:
    keeper = a_duplicate(1, day=5, external_id="x")
    group = [
        a_duplicate(2, day=1),
        a_duplicate(3, day=9),
        keeper,
        a_duplicate(4, day=1),
        a_duplicate(5, external_id="y"),
    ]
    found = plan_group(group, keeper=keeper, address="a@x.org", rule=KeepRule())

    assert [orphan.id for orphan in found.orphans] == [5, 3, 2, 4]


def test_an_undecided_group_lists_all_profiles_and_merges_none() -> None:
    group = [a_duplicate(1), a_duplicate(2)]
    found = plan_group(group, keeper=Undecided.TIE, address="a@x.org", rule=KeepRule())

    assert [each.id for each in found.unmerged] == [1, 2]
    assert (found.orphans, found.left) == ((), ())


@given(some, st.sampled_from(RULES))
def test_each_profile_of_a_group_is_in_exactly_one_part_of_the_plan(group: list[Duplicate], rule: KeepRule) -> None:
    keeper = choose_keeper(preferred(group, rule), refused=False)
    found = plan_group(group, keeper=keeper, address="a@x.org", rule=rule)
    others = [*found.orphans, *(duplicate for duplicate, _ in found.left), *found.unmerged]
    everyone = others if isinstance(keeper, Undecided) else [*others, keeper]

    assert sorted(each.id for each in everyone) == sorted(each.id for each in group)


@given(some, st.sampled_from(RULES), st.integers(1, 5))
def test_a_group_read_in_chunks_has_the_same_keeper(group: list[Duplicate], rule: KeepRule, size: int) -> None:
    leaders: tuple[Duplicate, ...] = ()
    for start in range(0, len(group), size):
        leaders = preferred([*leaders, *group[start : start + size]], rule)
    whole = preferred(group, rule)

    assert len(leaders) == len(whole)
    assert choose_keeper(leaders, refused=False) == choose_keeper(whole, refused=False)


def test_a_profile_that_occurs_twice_does_not_tie_with_itself() -> None:
    before, after = a_duplicate(1, day=1), a_duplicate(1, day=2)

    assert preferred([before, after], KeepRule()) == (after,)
    assert plan_group([before, after], keeper=after, address="a", rule=KeepRule()).orphans == ()
