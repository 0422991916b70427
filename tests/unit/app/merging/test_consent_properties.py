"""Consent in any merges and undos: no opt-out becomes an opt-in, no opt-in is invented, and an undo restores.

`MERGELANE_TEST_EXAMPLES=1000` in the environment tries a thousand examples of each property instead of a hundred.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from app.merging.consent_states import GROUPS, GroupKinds, Slot, is_opt_out, read_states
from app.merging.merge import merge_profiles
from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.undo.consent import take_opt_outs
from app.undo.reversal import RecordedMerge, exclude_undone, reverse_merge
from tests.support.factories import a_phone, a_profile, an_email
from tests.support.generated import AT, MOMENTS, TIMES, maybe

thoroughly = with_settings(max_examples=int(os.environ.get("MERGELANE_TEST_EXAMPLES", "100")), deadline=None)

DECLARED = GroupKinds(email_groups=frozenset({"mail"}), sms_groups=frozenset({"sms"}))
EMAIL_SLOTS = [
    Slot("email_subscription"),
    Slot("email_open_tracking_disabled"),
    Slot("email_click_tracking_disabled"),
    Slot("marked_email_as_spam_at"),
    Slot(GROUPS, "mail"),
]
PHONE_SLOTS = [Slot(GROUPS, "sms")]
EMAILS = st.sampled_from(
    [an_email("a@x.org"), an_email("A@x.org"), an_email("b@x.org"), an_email("0x8f", encrypted=True)]
)
PHONES = st.sampled_from([a_phone("+14155550123"), a_phone("+1 415 555 0123"), a_phone("+14155550124")])
SUBSCRIPTIONS = st.one_of(
    st.just({"state": "subscribed"}),
    TIMES.map(lambda moment: {"state": "opted_in", "opted_in_at": moment}),
    TIMES.map(lambda moment: {"state": "unsubscribed", "unsubscribed_at": moment}),
)
STATES = st.sampled_from(["subscribed", "unsubscribed"])


@st.composite
def people(draw: st.DrawFn) -> Profile:
    """Return profiles with any addresses and any consent, and no other values."""
    return a_profile(
        email=draw(maybe(EMAILS)),
        phone=draw(maybe(PHONES)),
        email_subscription=draw(maybe(SUBSCRIPTIONS)),
        email_open_tracking_disabled=draw(maybe(st.booleans())),
        email_click_tracking_disabled=draw(maybe(st.booleans())),
        marked_email_as_spam_at=draw(maybe(MOMENTS)),
        push_subscription=draw(maybe(SUBSCRIPTIONS)),
        subscription_groups=draw(st.dictionaries(st.sampled_from(["mail", "sms", "either"]), STATES)),
    )


def merge(survivor: Profile, *orphans: Profile) -> Profile:
    """Return *survivor* after it absorbed *orphans* one after another."""
    return reduce(
        lambda merged, orphan: merge_profiles(survivor=merged, orphan=orphan, at=AT, groups=DECLARED), orphans, survivor
    )


def record(survivor: Profile, orphans: Sequence[Profile]) -> tuple[Profile, list[RecordedMerge]]:
    """Return *survivor* after it absorbed *orphans*, and the records of the merges."""
    merges = []
    for hours, orphan in enumerate(orphans):
        merges.append(RecordedMerge(survivor=survivor, orphan=orphan, at=AT + timedelta(hours=hours), groups=DECLARED))
        survivor = merges[-1].merged
    return survivor, merges


def undo(survivor: Profile, merges: Sequence[RecordedMerge], undone: Sequence[RecordedMerge]) -> Profile:
    """Return *survivor*, which made *merges*, after the undo of *undone* in this order."""
    gone: list[RecordedMerge] = []
    for merge_ in undone:
        others = [each for each in merges if each not in (*gone, merge_)]
        before = [each for each in sorted(gone, key=lambda each: each.at) if each.at < merge_.at]
        excluded = exclude_undone(merge_, before, others=others)
        survivor = reverse_merge(survivor, excluded, look_up=lambda _: None)
        gone.append(merge_)
    return survivor


def key_of(slot: Slot, profile: Profile) -> str | None:
    """Return the comparison key of the address to which *slot* belongs."""
    address: EmailAddress | PhoneNumber | None = profile.phone if slot in PHONE_SLOTS else profile.email
    return address.e164 if isinstance(address, PhoneNumber) else address and address.key


def consent(profile: Profile) -> dict[Slot, Any]:
    """Return the consent of *profile*, and its push subscription."""
    return {**read_states(profile), Slot("push_subscription"): profile.push_subscription}


def is_opt_in(slot: Slot, value: Any) -> bool:
    """Return whether *value* allows more than a profile without any state."""
    if slot.field == "email_subscription":
        return value is not None and value["state"] == "opted_in"
    return bool(value == "subscribed")


@given(people(), st.lists(people(), min_size=1, max_size=3))
@thoroughly
def test_an_address_that_opted_out_on_any_side_is_never_opted_in_afterwards(
    survivor: Profile, orphans: list[Profile]
) -> None:
    merged = merge(survivor, *orphans)

    for slot in EMAIL_SLOTS + PHONE_SLOTS:
        key = key_of(slot, merged)
        sides = [
            read_states(each).get(slot)
            for each in (survivor, *orphans)
            if key is not None and key_of(slot, each) == key
        ]
        if any(is_opt_out(slot.field, state) for state in sides):
            assert is_opt_out(slot.field, read_states(merged).get(slot))


@given(people(), st.lists(people(), min_size=1, max_size=3))
@thoroughly
def test_there_is_no_opt_in_that_the_same_address_did_not_give(survivor: Profile, orphans: list[Profile]) -> None:
    merged = merge(survivor, *orphans)

    for slot in EMAIL_SLOTS + PHONE_SLOTS:
        state, key = read_states(merged).get(slot), key_of(slot, merged)
        if is_opt_in(slot, state):
            assert any(
                read_states(each).get(slot) == state and key_of(slot, each) == key for each in (survivor, *orphans)
            )


@given(people(), people())
@thoroughly
def test_an_undeclared_opt_in_needs_an_opt_in_and_no_opt_out_that_reaches_the_survivor(
    survivor: Profile, orphan: Profile
) -> None:
    slot = Slot(GROUPS, "either")
    ours, theirs, merged = (read_states(each).get(slot) for each in (survivor, orphan, merge(survivor, orphan)))

    if merged == "subscribed":
        assert "subscribed" in (ours, theirs)
        assert ours != "unsubscribed"
    if ours == "unsubscribed":
        assert merged == "unsubscribed"


@given(people(), people(), people())
@thoroughly
def test_the_order_of_two_merges_does_not_matter_for_an_opt_out(survivor: Profile, one: Profile, two: Profile) -> None:
    results = [merge(survivor, *orphans) for orphans in permutations((one, two))]

    for slot in EMAIL_SLOTS + PHONE_SLOTS:
        if len({key_of(slot, result) for result in results}) == 1:
            outs = {is_opt_out(slot.field, read_states(result).get(slot)) for result in results}
            assert len(outs) == 1


@given(people(), st.lists(people(), min_size=1, max_size=3), st.data())
@thoroughly
def test_undos_in_any_order_restore_the_consent_of_the_survivor(
    survivor: Profile, orphans: list[Profile], data: st.DataObject
) -> None:
    merged, merges = record(survivor, orphans)
    order = data.draw(st.permutations(merges))

    left = undo(merged, merges, order)

    assert consent(left) == consent(survivor)
    assert (left.email, left.phone) == (survivor.email, survivor.phone)


def test_an_undo_takes_back_an_opt_out_that_came_after_the_address_was_undone() -> None:
    """The opt-out of the second orphan does not reach a survivor that has the first one's address, until its undo."""
    outs = [{"state": "unsubscribed", "unsubscribed_at": f"2026-01-01T0{hour}:00:00.000Z"} for hour in (1, 0)]
    with_address = a_profile(email=an_email("a@x.org"), email_subscription={"state": "subscribed"})
    other_address = a_profile(email=an_email("b@x.org"), email_subscription=outs[0])
    survivor, without_address = a_profile(), a_profile(email_subscription=outs[1])
    merged, (first, second, third) = record(survivor, [with_address, other_address, without_address])

    left = undo(merged, [first, second, third], [first, third, second])

    assert left.email_subscription is None


@given(people(), st.lists(people(), min_size=2, max_size=3), st.data())
@thoroughly
def test_an_undo_leaves_the_opt_outs_of_the_orphans_that_stay(
    survivor: Profile, orphans: list[Profile], data: st.DataObject
) -> None:
    merged, merges = record(survivor, orphans)
    undone = data.draw(st.permutations(merges))[:-1]
    stays = [each.orphan for each in merges if each not in undone]

    left = undo(merged, merges, undone)

    for slot in EMAIL_SLOTS + PHONE_SLOTS:
        key = key_of(slot, left)
        sides = [read_states(each).get(slot) for each in stays if key is not None and key_of(slot, each) == key]
        if any(is_opt_out(slot.field, state) for state in sides):
            assert is_opt_out(slot.field, read_states(left).get(slot))


@given(people(), people(), people())
@thoroughly
def test_what_the_client_changed_since_stays_and_an_opt_out_reaches_both_profiles_with_the_address(
    survivor: Profile, orphan: Profile, written: Profile
) -> None:
    merged, (merge_,) = record(survivor, [orphan])
    now = replace(
        merged, email_subscription=written.email_subscription, subscription_groups=written.subscription_groups
    )

    left = reverse_merge(now, merge_, look_up=lambda _: None)
    restored = take_opt_outs(orphan, survivor=now, merged=merged, groups=DECLARED)

    for slot in (Slot("email_subscription"), Slot(GROUPS, "mail"), Slot(GROUPS, "sms")):
        state = read_states(now).get(slot)
        if state == read_states(merged).get(slot):
            continue
        assert read_states(left).get(slot) == state
        key = key_of(slot, now)
        if is_opt_out(slot.field, state) and key is not None and key_of(slot, orphan) == key:
            assert is_opt_out(slot.field, read_states(restored).get(slot))


@given(people(), people())
@thoroughly
def test_an_orphan_is_as_before_when_nothing_was_written_since(survivor: Profile, orphan: Profile) -> None:
    merged = merge(survivor, orphan)

    assert take_opt_outs(orphan, survivor=merged, merged=merged, groups=DECLARED) == orphan
