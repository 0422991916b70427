"""Merge two profiles, and check the guards that can refuse a merge."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Protocol

from app.merging.profile import PhoneNumber, Profile
from app.merging.rules import MERGE_RULES, Rule
from schemas.outcomes import Outcome


class Guarded(Protocol):
    """The fields of a profile that check_pair and check_protection read."""

    @property
    def control_group(self) -> bool:
        """Whether the profile is in the control group."""

    @property
    def marked_for_deletion_at(self) -> datetime | None:
        """The time when the profile was marked for deletion, or None."""

    @property
    def phone(self) -> PhoneNumber | None:
        """The phone number, or None."""


def merge_profiles(
    *, survivor: Profile, orphan: Profile, at: datetime, rules: Mapping[str, Rule] = MERGE_RULES
) -> Profile:
    """Return *survivor* merged with *orphan* at the time *at*; neither argument changes."""
    values = attrgetter(*rules)
    sides = zip(rules.items(), values(survivor), values(orphan), strict=True)
    merged = {field: rule.combine(ours, theirs) for (field, rule), ours, theirs in sides}
    today = at.date()
    absorbed = survivor.absorbed_count if survivor.absorbed_on == today else 0
    return dataclasses.replace(survivor, **merged, updated_at=at, absorbed_on=today, absorbed_count=absorbed + 1)


def identify_profile(profile: Profile, *, external_id: str, at: datetime) -> Profile:
    """Return *profile* with *external_id*, updated at the time *at*."""
    return dataclasses.replace(profile, external_id=external_id, updated_at=at)


def check_merge(*, survivor: Profile, orphan: Profile, at: datetime, survivor_limit: int) -> tuple[Outcome, str] | None:
    """Return the outcome and the reason that refuse the merge, or None if it is allowed.

    *survivor_limit* is the number of orphans that one survivor may absorb in a UTC day.
    """
    refusal = check_pair(survivor=survivor, orphan=orphan)
    if refusal is not None:
        return refusal
    if survivor.absorbed_on == at.date() and survivor.absorbed_count >= survivor_limit:
        return (
            Outcome.SURVIVOR_LIMIT,
            (
                f"The survivor has absorbed {survivor.absorbed_count:,} orphans today, which is the limit;"
                " check that its identifier is not a placeholder."
            ),
        )
    return None


def check_pair(*, survivor: Guarded, orphan: Guarded) -> tuple[Outcome, str] | None:
    """Return the outcome and the reason that refuse the merge on any day, or None; ignores the survivor limit."""
    protected = check_protection(orphan, role="orphan") or check_protection(survivor, role="survivor")
    if protected is not None:
        return protected
    if _has_invalid_phone(survivor) and _has_invalid_phone(orphan):
        return (
            Outcome.INVALID_PHONES,
            "Neither profile's phone number has an E.164 form; correct one of them and merge again.",
        )
    return None


def check_protection(profile: Guarded, *, role: str = "profile") -> tuple[Outcome, str] | None:
    """Return the outcome and the reason that protect *profile* from merge and identify, or None."""
    if profile.control_group:
        return Outcome.PROTECTED, f"The {role} is in the control group, whose members are left as they are."
    if profile.marked_for_deletion_at is not None:
        return Outcome.PROTECTED, f"The {role} is marked for deletion, and such profiles are left as they are."
    return None


def _has_invalid_phone(profile: Guarded) -> bool:
    return profile.phone is not None and profile.phone.e164 is None
