"""Consent follows the address: which states of two profiles count in their merge. Pure.

The email subscription, spam mark and tracking flags belong to the email address. A subscription group belongs to the
email address or to the phone number if a setting declares it; otherwise it may belong to either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any

from app.merging.consent_states import (
    EMAIL,
    EMAIL_FIELDS,
    GROUPS,
    PHONE,
    UNDECLARED,
    GroupKinds,
    Slot,
    combine_groups,
    combine_states,
    is_opt_out,
)
from app.merging.profile import Map, Profile
from app.merging.rules import FOLLOW_ADDRESS, FOLLOW_EMAIL, MERGE_RULES, Rule

OF_EMAIL, OF_PHONE = frozenset({EMAIL}), frozenset({PHONE})
#: The kinds of address that a state can belong to: both, if its group is not declared.
KINDS = (OF_EMAIL, OF_PHONE, frozenset({EMAIL, PHONE}))


class Counts(Enum):
    """The states of one profile that count."""

    ALL = "all"
    OPT_OUTS = "opt_outs"
    NONE = "none"


class Reach(Enum):
    """The states of survivor and orphan that count in a merge, in this order."""

    #: Both have the address, or neither has one.
    SAME = (Counts.ALL, Counts.ALL)
    #: The survivor takes the orphan's address. An opt-in that it gave without an address is not one of this address.
    TAKEN = (Counts.OPT_OUTS, Counts.ALL)
    #: The orphan has no address, and its opt-out is one of the person; or one of its two addresses is the survivor's.
    OPT_OUTS = (Counts.ALL, Counts.OPT_OUTS)
    #: The survivor, without an address, takes one of two: an opt-in may be one of the other address.
    OPT_OUTS_OF_BOTH = (Counts.OPT_OUTS, Counts.OPT_OUTS)
    #: The survivor has another address, or the orphan's is encrypted.
    NOT_TAKEN = (Counts.ALL, Counts.NONE)

    @property
    def again(self) -> "Reach":
        """The reach of a later orphan's states in the undo of an earlier merge, by which no address is taken."""
        return self if self in {Reach.SAME, Reach.NOT_TAKEN} else Reach.OPT_OUTS

    def combine(self, field: str, ours: Any, theirs: Any) -> Any:
        """Return the survivor's state of *field*, or of one group in it."""
        our_counts, their_counts = self.value
        return combine_states(field, (_counted(field, ours, our_counts), _counted(field, theirs, their_counts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairReach:
    """The reach of each state of a survivor and an orphan."""

    #: Kinds of address → reach of the states that belong to an address of one of them.
    by_kinds: Mapping[frozenset[str], Reach]
    groups: GroupKinds

    @classmethod
    def between(cls, *, survivor: Profile, orphan: Profile, groups: GroupKinds = UNDECLARED) -> "PairReach":
        """Return the reach in a merge of *orphan* into *survivor*."""
        followed = _followed_kinds(survivor=survivor, orphan=orphan)
        ours, theirs = address_kinds(survivor), address_kinds(orphan)
        by_kinds = {kinds: _reach(kinds, ours=ours, theirs=theirs, followed=followed) for kinds in KINDS}
        return cls(by_kinds=by_kinds, groups=groups)

    @property
    def again(self) -> "PairReach":
        """The reach in an undo of an earlier merge into the survivor, which takes no address."""
        by_kinds = {kinds: reach.again for kinds, reach in self.by_kinds.items()}
        return PairReach(by_kinds=by_kinds, groups=self.groups)

    def of(self, slot: Slot) -> Reach:
        """Return the reach of the states in *slot*."""
        return self.by_kinds[self.groups.kinds_of(slot)]

    def rules(self) -> Mapping[str, Rule]:
        """Return the rules of the fields of consent."""
        return {
            **EMAIL_RULES[self.by_kinds[OF_EMAIL]],
            GROUPS: Rule(name=FOLLOW_ADDRESS, combine=self._combine_groups),
        }

    def _combine_groups(self, ours: Map | None, theirs: Map | None) -> Map:
        return combine_groups(
            lambda group, *states: self.of(Slot(GROUPS, group)).combine(GROUPS, *states), ours, theirs
        )


def pair_rules(*, survivor: Profile, orphan: Profile, groups: GroupKinds = UNDECLARED) -> Mapping[str, Rule]:
    """Return MERGE_RULES for these two profiles, in the same order: rules of consent depend on their addresses."""
    return {**MERGE_RULES, **PairReach.between(survivor=survivor, orphan=orphan, groups=groups).rules()}


def address_kinds(profile: Profile) -> frozenset[str]:
    """Return the kinds of address that *profile* has."""
    present = {EMAIL: profile.email, PHONE: profile.phone}
    return frozenset(kind for kind, address in present.items() if address is not None)


def shared_kinds(one: Profile, other: Profile) -> frozenset[str]:
    """Return the kinds of address that compare equal in both profiles."""
    same = {
        EMAIL: one.email is not None and other.email is not None and one.email.key == other.email.key,
        # A number without an E.164 form is not known to be the same.
        PHONE: one.phone is not None
        and other.phone is not None
        and one.phone.e164 is not None
        and one.phone.e164 == other.phone.e164,
    }
    return frozenset(kind for kind, equal in same.items() if equal)


EMAIL_RULES: Mapping[Reach, Mapping[str, Rule]] = MappingProxyType(
    {
        reach: {field: Rule(name=FOLLOW_EMAIL, combine=partial(reach.combine, field)) for field in EMAIL_FIELDS}
        for reach in Reach
    }
)


def _followed_kinds(*, survivor: Profile, orphan: Profile) -> frozenset[str]:
    """Return the kinds of address that the survivor takes from *orphan*, or that compare equal in both."""
    missing = address_kinds(orphan) - address_kinds(survivor)
    hidden = {EMAIL} if orphan.email is not None and orphan.email.encrypted else set()
    return (missing - hidden) | shared_kinds(survivor, orphan)


def _reach(kinds: frozenset[str], *, ours: frozenset[str], theirs: frozenset[str], followed: frozenset[str]) -> Reach:
    """Return the reach of states that belong to an address of one of *kinds*.

    *ours* and *theirs* are the kinds of address that survivor and orphan have, *followed* as in _followed_kinds.
    """
    of_orphan, without_own = kinds & theirs, not kinds & ours
    if not of_orphan:
        return Reach.SAME if without_own else Reach.OPT_OUTS
    if not of_orphan & followed:
        return Reach.NOT_TAKEN
    if of_orphan <= followed:
        return Reach.TAKEN if without_own else Reach.SAME
    return Reach.OPT_OUTS_OF_BOTH if without_own else Reach.OPT_OUTS


def _counted(field: str, value: Any, counts: Counts) -> Any:
    """Return *value* if it counts, else None."""
    if counts is Counts.ALL or (counts is Counts.OPT_OUTS and is_opt_out(field, value)):
        return value
    return None
