"""Consent in an undo: what later merges gave the survivor too, and the opt-outs that the orphan gets. Pure."""

from collections.abc import Sequence

from app.merging.consent import PairReach, shared_kinds
from app.merging.consent_states import GroupKinds, is_opt_out, read_states, with_states
from app.merging.profile import Profile


def reapply_consent(left: Profile, *, now: Profile, orphans: Sequence[Profile], groups: GroupKinds) -> Profile:
    """Return *left*, which an undo left of the survivor *now*, with the states that the *orphans* of later merges give.

    A later merge whose orphan had the same state, or an older one, changed nothing. Without this, its opt-out would be
    lost with that of the undone merge. States that the undo did not remove stay.
    """
    after, before = read_states(now), read_states(left)
    removed = [slot for slot in {**after, **before} if after.get(slot) != before.get(slot)]
    for orphan in orphans if removed else ():
        reach = PairReach.between(survivor=left, orphan=orphan, groups=groups).again
        ours, theirs = read_states(left), read_states(orphan)
        left = with_states(
            left, {slot: reach.of(slot).combine(slot.field, ours.get(slot), theirs.get(slot)) for slot in removed}
        )
    return left


def take_opt_outs(orphan: Profile, *, survivor: Profile, merged: Profile, groups: GroupKinds) -> Profile:
    """Return *orphan* with the opt-outs that the survivor got since the merge for an address that both have.

    *merged* is the survivor after the merge, *survivor* as it is now. The address refused while both were one profile.
    """
    now, then, theirs = read_states(survivor), read_states(merged), read_states(orphan)
    shared = shared_kinds(survivor, orphan)
    taken = {
        slot: state
        for slot, state in now.items()
        if is_opt_out(slot.field, state) and state != then.get(slot)
        if not is_opt_out(slot.field, theirs.get(slot)) and shared & groups.kinds_of(slot)
    }
    return with_states(orphan, taken)
