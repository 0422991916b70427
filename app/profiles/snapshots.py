"""Snapshots: profiles as the audit stores them, a row as JSON without absent values."""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.merging.consent_states import GroupKinds
from app.merging.profile import Profile
from app.profiles.store import profile_from_row, profile_to_row
from schemas.identifiers import email_key, to_e164

#: Column → the value that a snapshot leaves out. Most profiles lack most fields, and snapshots are most of what a merge
#: writes.
ABSENT: Mapping[str, Any] = {
    field.name: field.default_factory() if callable(field.default_factory) else field.default
    for field in dataclasses.fields(Profile)
    if field.name not in {"workspace_id", "id", "braze_id", "created_at", "updated_at", "random_bucket"}
} | {"email_key": None, "email_encrypted": False, "phone_e164": None}
#: Entries of a mapping above which a snapshot may leave some out.
MOST_ENTRIES = 100
#: The mappings that are merged key by key; a snapshot may leave entries of these out.
KEYED = tuple(
    column for column, value in ABSENT.items() if value == {} and column not in {"user_aliases", "subscription_groups"}
)
#: Columns of dates; columns of timestamps end in `_at`.
DATES = ("dob", "absorbed_on")
#: Members of a survivor's snapshot that are no columns: the subscription groups of both profiles that settings declared
#: when they were merged. They are in the snapshot, since they say which groups a person was in, and are erased with it.
EMAIL_GROUPS, SMS_GROUPS = "declared_email_groups", "declared_sms_groups"


def profile_to_snapshot(profile: Profile, *, beside: Profile | None = None) -> dict[str, Any]:
    """Return *profile* as a row whose values can become JSON, without absent values.

    Of a mapping with more than MOST_ENTRIES entries keep only the keys that *beside*, the other profile of the merge,
    has too. The merge does not change the others, and copying them would cost a survivor of thousands of orphans a full
    copy per merge. Aliases are kept whole, since a change lists all of them, and subscription groups, since a merge can
    remove the survivor's.
    """
    # Absent values are false, so most columns need no comparison.
    snapshot = {
        column: value
        for column, value in profile_to_row(profile).items()
        if value or (value is not None and value != ABSENT.get(column))
    }
    if beside is not None:
        large = [column for column in KEYED if len(snapshot.get(column, ())) > MOST_ENTRIES]
        snapshot |= {column: _shared(snapshot[column], getattr(beside, column)) for column in large}
    return snapshot


def profile_from_snapshot(snapshot: Mapping[str, Any]) -> Profile:
    """Return the profile of *snapshot*, read from JSON; the inverse of profile_to_snapshot.

    Computes the keys of its addresses: an earlier version may have compared them otherwise.
    """
    row = {**ABSENT, **{column: _value(column, value) for column, value in snapshot.items()}}
    email, phone = row["email"], row["phone"]
    keys = {"email_key": email and email_key(email), "phone_e164": phone and to_e164(phone)}
    return profile_from_row({**row, **keys})


def recorded_profile(snapshot: Mapping[str, Any]) -> Profile:
    """Return the profile of *snapshot* with the keys by which the merge compared its addresses."""
    return profile_from_row({**ABSENT, **{column: _value(column, value) for column, value in snapshot.items()}})


def groups_to_snapshot(groups: GroupKinds) -> dict[str, Any]:
    """Return the members of a snapshot that hold *groups*; the inverse of groups_from_snapshot."""
    members = {EMAIL_GROUPS: groups.email_groups, SMS_GROUPS: groups.sms_groups}
    return {name: sorted(each) for name, each in members.items() if each}


def groups_from_snapshot(snapshot: Mapping[str, Any]) -> GroupKinds:
    """Return the groups that settings declared when the merge of the survivor in *snapshot* was made."""
    return GroupKinds(
        email_groups=frozenset(snapshot.get(EMAIL_GROUPS, ())), sms_groups=frozenset(snapshot.get(SMS_GROUPS, ()))
    )


def _shared(entries: Mapping[str, Any], others: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the entries under keys that *others* has too."""
    return {key: entries[key] for key in others or () if key in entries}


def _value(column: str, value: Any) -> Any:
    """Return *value* as rows hold it: JSON writes times as text."""
    if not isinstance(value, str):
        return value
    if column in DATES:
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if column.endswith("_at") else value
