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
    #: The orphan has no address: its opt-out is one of the person.
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

    email: Reach
    phone: Reach
    #: Of groups that are not declared.
    either: Reach
    groups: GroupKinds = UNDECLARED

    @classmethod
    def between(cls, *, survivor: Profile, orphan: Profile, groups: GroupKinds = UNDECLARED) -> "PairReach":
        """Return the reach in a merge of *orphan* into *survivor*."""
        email, phone = _email_reach(survivor, orphan), _phone_reach(survivor, orphan)
        return cls(
            email=email, phone=phone, either=_either_reach(survivor, orphan, email=email, phone=phone), groups=groups
        )

    @property
    def again(self) -> "PairReach":
        """The reach in an undo of an earlier merge into the survivor, which takes no address."""
        return PairReach(email=self.email.again, phone=self.phone.again, either=self.either.again, groups=self.groups)

    def of(self, slot: Slot) -> Reach:
        """Return the reach of the states in *slot*."""
        kinds = self.groups.kinds_of(slot)
        if len(kinds) > 1:
            return self.either
        return self.email if EMAIL in kinds else self.phone

    def rules(self) -> Mapping[str, Rule]:
        """Return the rules of the fields of consent."""
        return {**EMAIL_RULES[self.email], GROUPS: Rule(name=FOLLOW_ADDRESS, combine=self._combine_groups)}

    def _combine_groups(self, ours: Map | None, theirs: Map | None) -> Map:
        if not ours and not theirs:
            return {} if ours is None else ours
        return combine_groups(
            lambda group, *states: self.of(Slot(GROUPS, group)).combine(GROUPS, *states), ours, theirs
        )


def pair_rules(*, survivor: Profile, orphan: Profile, groups: GroupKinds = UNDECLARED) -> Mapping[str, Rule]:
    """Return MERGE_RULES for these two profiles, in the same order: rules of consent depend on their addresses."""
    return {**MERGE_RULES, **PairReach.between(survivor=survivor, orphan=orphan, groups=groups).rules()}


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


def _email_reach(survivor: Profile, orphan: Profile) -> Reach:
    ours, theirs = survivor.email, orphan.email
    if theirs is None:
        return Reach.SAME if ours is None else Reach.OPT_OUTS
    if ours is None:
        return Reach.NOT_TAKEN if theirs.encrypted else Reach.TAKEN
    return Reach.SAME if EMAIL in shared_kinds(survivor, orphan) else Reach.NOT_TAKEN


def _phone_reach(survivor: Profile, orphan: Profile) -> Reach:
    if orphan.phone is None:
        return Reach.SAME if survivor.phone is None else Reach.OPT_OUTS
    if survivor.phone is None:
        return Reach.TAKEN
    return Reach.SAME if PHONE in shared_kinds(survivor, orphan) else Reach.NOT_TAKEN


def _either_reach(survivor: Profile, orphan: Profile, *, email: Reach, phone: Reach) -> Reach:
    """Return the reach of a group that may belong to the email address or to the phone number."""
    reaches = [reach for reach, address in ((email, orphan.email), (phone, orphan.phone)) if address is not None]
    unaddressed = survivor.email is None and survivor.phone is None
    if not reaches:
        return Reach.SAME if unaddressed else Reach.OPT_OUTS
    following = [reach for reach in reaches if reach in {Reach.SAME, Reach.TAKEN}]
    if not following:
        return Reach.NOT_TAKEN
    if len(following) < len(reaches):
        return Reach.OPT_OUTS_OF_BOTH if unaddressed else Reach.OPT_OUTS
    return Reach.TAKEN if unaddressed else Reach.SAME


def _counted(field: str, value: Any, counts: Counts) -> Any:
    """Return *value* if it counts, else None."""
    if counts is Counts.ALL or (counts is Counts.OPT_OUTS and is_opt_out(field, value)):
        return value
    return None
