"""Merge two profiles, and check the guards that can refuse a merge."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol

from app.merging.changes import Change
from app.merging.consent_states import UNDECLARED, GroupKinds
from app.merging.profile import PhoneNumber, Profile
from app.merging.rules import MERGE_RULES, Rule
from app.merging.versions import current_rules, rules_of
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


def merge_profiles(*, survivor: Profile, orphan: Profile, at: datetime, groups: GroupKinds = UNDECLARED) -> Profile:
    """Return *survivor* merged with *orphan* at the time *at*; neither argument changes.

    *groups* are the subscription groups that settings declare.
    """
    rules = current_rules().pair_rules(survivor=survivor, orphan=orphan, groups=groups)
    return merge_by_rules(rules, survivor=survivor, orphan=orphan, at=at)


def changes_of_merge(
    version: int, *, survivor: Profile, orphan: Profile, at: datetime, groups: GroupKinds = UNDECLARED
) -> list[Change]:
    """Return the changes of the merge of these two profiles by the rules of *version*.

    *groups* are the subscription groups that settings declared then. Raises UnknownRulesError when this code does not
    have the version.
    """
    made_by = rules_of(version)
    rules = made_by.pair_rules(survivor=survivor, orphan=orphan, groups=groups)
    merged = merge_by_rules(rules, survivor=survivor, orphan=orphan, at=at)
    return made_by.list_changes(before=survivor, after=merged, orphan=orphan)


def merge_by_rules(rules: Mapping[str, Rule], *, survivor: Profile, orphan: Profile, at: datetime) -> Profile:
    """Return *survivor* merged with *orphan* by *rules*, which have the fields of MERGE_RULES in its order."""
    values = attrgetter(*MERGE_RULES)
    sides = zip(rules.items(), values(survivor), values(orphan), strict=True)
    merged = {field: rule.combine(ours, theirs) for (field, rule), ours, theirs in sides}
    merged |= _merge_origins(survivor=survivor, orphan=orphan, merged=merged)
    today = at.date()
    absorbed = survivor.absorbed_count if survivor.absorbed_on == today else 0
    return dataclasses.replace(survivor, **merged, updated_at=at, absorbed_on=today, absorbed_count=absorbed + 1)


def _merge_origins(*, survivor: Profile, orphan: Profile, merged: Mapping[str, Any]) -> dict[str, Any]:
    """Return the origins of the aliases and addresses in *merged*: those from *orphan* keep the first profile."""
    taken = merged["user_aliases"].keys() - survivor.user_aliases.keys()
    origins: dict[str, Any] = {}
    if taken:
        from_orphan = {label: orphan.alias_origins.get(label, orphan.id) for label in taken}
        origins["alias_origins"] = {**survivor.alias_origins, **from_orphan}
    if survivor.email is None and merged["email"] is not None:
        origins["email_origin_id"] = orphan.email_origin_id or orphan.id
    if survivor.phone is None and merged["phone"] is not None:
        origins["phone_origin_id"] = orphan.phone_origin_id or orphan.id
    return origins


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
