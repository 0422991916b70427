"""Properties of merges of any two or three profiles."""

import copy
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import settings as with_settings

from app.merging.consent_states import EMAIL_FIELDS
from app.merging.merge import merge_profiles
from app.merging.profile import Profile
from app.merging.rules import MERGE_RULES
from tests.support.factories import a_profile
from tests.support.generated import AT, profiles

thoroughly = with_settings(max_examples=30, deadline=None)

ORDERLESS = {
    "test_user": None,
    "session_count": None,
    "first_session_at": None,
    "last_session_at": None,
    "apps": {"sessions", "first_used", "last_used"},
    "custom_events": {"count", "first", "last"},
    "purchases": {"count", "first", "last"},
    "purchase_count": None,
    "revenue_cents": None,
    "first_purchase_at": None,
    "last_purchase_at": None,
    "campaigns_received": {"last_received", "engaged"},
    "canvases_received": {"last_received_message", "last_entered", "last_exited", "engaged"},
    "last_interactions": None,
}
"""Fields whose rule is add, earliest, latest or either, and the parts of summaries with these rules."""


def orderless(profile: Profile) -> dict[str, Any]:
    """Return the values of *profile* that do not depend on the order of its merges."""
    return {
        field: value
        if parts is None
        else {key: {part: entry.get(part) for part in parts} for key, entry in value.items()}
        for field, parts in ORDERLESS.items()
        for value in [getattr(profile, field)]
    }


def absorb(survivor: Profile, orphans: Iterable[Profile]) -> Profile:
    """Return *survivor* after absorbing *orphans* one after another."""
    return reduce(lambda merged, orphan: merge_profiles(survivor=merged, orphan=orphan, at=AT), orphans, survivor)


@given(profiles(1), profiles(2))
@thoroughly
def test_neither_profile_is_changed_in_place(survivor: Profile, orphan: Profile) -> None:
    before = copy.deepcopy((survivor, orphan))

    merge_profiles(survivor=survivor, orphan=orphan, at=AT)

    assert (survivor, orphan) == before


@given(profiles(1))
@thoroughly
def test_an_empty_orphan_changes_only_the_time_and_the_count(survivor: Profile) -> None:
    merged = merge_profiles(survivor=survivor, orphan=a_profile(), at=AT)

    absorbed = survivor.absorbed_count + 1 if survivor.absorbed_on == AT.date() else 1
    assert merged == replace(survivor, updated_at=AT, absorbed_on=AT.date(), absorbed_count=absorbed)


@given(profiles(2))
@thoroughly
def test_an_empty_survivor_takes_everything_except_an_encrypted_address(orphan: Profile) -> None:
    merged = merge_profiles(survivor=a_profile(), orphan=orphan, at=AT)

    expected = {field: getattr(orphan, field) for field in MERGE_RULES}
    if orphan.email and orphan.email.encrypted:
        # It does not take values that belong to such an address, or may belong to it.
        outs = {group: state for group, state in orphan.subscription_groups.items() if state == "unsubscribed"}
        expected |= {"email": None, **dict.fromkeys(EMAIL_FIELDS)}
        expected["subscription_groups"] = outs if orphan.phone else {}
    assert {field: getattr(merged, field) for field in MERGE_RULES} == expected


@given(profiles(1), profiles(2), profiles(3))
@thoroughly
def test_sums_firsts_and_lasts_agree_in_any_order(one: Profile, two: Profile, three: Profile) -> None:
    everyone = (one, two, three)
    results = [orderless(absorb(first, others)) for first, *others in permutations(everyone)]
    results.append(orderless(absorb(one, [absorb(two, [three])])))

    assert all(result == results[0] for result in results)


@given(profiles(1), profiles(2))
@thoroughly
def test_a_merge_keeps_all_values_of_the_survivor(survivor: Profile, orphan: Profile) -> None:
    merged = merge_profiles(survivor=survivor, orphan=orphan, at=AT)

    known = [field for field, rule in MERGE_RULES.items() if rule.name.startswith("fill") or rule.name == "unite"]
    for field in known:
        ours, after = getattr(survivor, field), getattr(merged, field)
        assert ours is None or after == ours or ours.items() <= after.items()


@given(profiles(1), profiles(2))
@thoroughly
def test_a_merge_is_deterministic(survivor: Profile, orphan: Profile) -> None:
    assert absorb(survivor, [orphan]) == absorb(survivor, [orphan])
